from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entx.storage.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Empty, open for writing."""
    with Store(path, write=True) as opened:
        yield opened
