"""The scripts import each other by name, as they do when one of them is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SCRIPTS = str(Path(__file__).resolve().parents[2] / "scripts")


@pytest.fixture(autouse=True)
def scripts_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts scripts/ onto the path of this test's imports."""
    monkeypatch.syspath_prepend(SCRIPTS)
    assert SCRIPTS in sys.path
