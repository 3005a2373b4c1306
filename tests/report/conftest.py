"""Stores that no test changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.report.ablations import make_chance_store, make_store, summary


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The store of eight questions and its gold table."""
    return make_store(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def small(tiny: tuple[Path, Path]) -> dict[str, Any]:
    """What the JSON file of `tiny` holds."""
    return summary(*tiny, price=3.6)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The store of 120 rows by chance and its gold table."""
    return make_chance_store(tmp_path_factory.mktemp("many"))
