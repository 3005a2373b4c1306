from __future__ import annotations

from functools import partial

import pytest

from tests.cli.runner import Entx, run_entx


@pytest.fixture
def entx(capsys: pytest.CaptureFixture[str]) -> Entx:
    return partial(run_entx, capsys)
