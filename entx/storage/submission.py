"""A run's answers as a prediction file: `index,prediction`, a row for every question."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from entx.core.files import atomic_text
from entx.core.quantity import Quantity
from entx.storage.connection import Store

_FETCH_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the store a run answered.

    Args:
        questions: in the store.
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
    cursor = store.connection.cursor()
    if indices is None:
        cursor.execute(
            "create temp table wanted as select idx, row_number() over (order by idx) as place from questions"
        )
    else:
        places = pa.table({"idx": pa.array(indices, pa.int64()), "place": pa.array(range(len(indices)), pa.int64())})
        cursor.register("places", places)
        cursor.execute("create temp table wanted as from places")
    cursor.execute(
        "select w.idx, value, unit from wanted w left join answers a on a.run = ? and a.idx = w.idx order by w.place",
        [run],
    )
    with atomic_text(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["index", "prediction"])
        while rows := cursor.fetchmany(_FETCH_ROWS):
            writer.writerows(
                (index, Quantity(Decimal(value), unit).text if value else "") for index, value, unit in rows
            )
    cursor.execute("drop table wanted")


def coverage(store: Store, run: str) -> Coverage:
    """Counts of a run over all questions of the store."""
    rows = store.connection.execute(
        """select count(*), count(a.idx), count(a.unit)
           from questions q left join answers a on a.run = ? and a.idx = q.idx""",
        [run],
    ).fetchall()
    return Coverage(*map(int, rows[0]))
