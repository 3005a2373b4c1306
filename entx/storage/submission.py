"""A run's answers as a prediction file: `index,prediction`, a row for every question."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from entx.core.files import atomic_text
from entx.core.quantity import Quantity
from entx.storage.connection import Store

_FETCH_ROWS = 8192
_ASKED = "wanted w left join answers a on a.run = ? and a.idx = w.idx"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many questions a run answered.

    Args:
        questions: counted.
        asked: of these, questions that the run has a row for.
        answered: of these, with a quantity.
    """

    questions: int
    asked: int
    answered: int


def write_predictions(store: Store, run: str, out: Path, indices: Sequence[int] | None = None) -> None:
    """Writes the file; "" where the run gave no quantity or was not asked.

    Args:
        indices: of the rows to write, in this order; None for all questions of the store by index.
    """
    cursor = _wanted(store, indices)
    cursor.execute(f"select w.idx, value, unit from {_ASKED} order by w.place", [run])
    with atomic_text(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["index", "prediction"])
        while rows := cursor.fetchmany(_FETCH_ROWS):
            writer.writerows(
                (index, Quantity(Decimal(value), unit).text if value else "") for index, value, unit in rows
            )


def coverage(store: Store, run: str, indices: Sequence[int] | None = None) -> Coverage:
    """Counts of a run over the questions with these indices, or all questions of the store."""
    counts = f"select count(*), count(a.idx), count(a.unit) from {_ASKED}"
    rows = _wanted(store, indices).execute(counts, [run]).fetchall()
    return Coverage(*map(int, rows[0]))


def _wanted(store: Store, indices: Sequence[int] | None) -> duckdb.DuckDBPyConnection:
    """A cursor that sees the view `wanted` (idx, place)."""
    cursor = store.connection.cursor()
    if indices is None:
        cursor.execute("create temp view wanted as select idx, idx as place from questions")
    else:
        places = {"idx": pa.array(indices, pa.int64()), "place": pa.array(range(len(indices)), pa.int64())}
        cursor.register("wanted", pa.table(places))
    return cursor
