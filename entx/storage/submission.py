"""A run's answers as a prediction file: `index,prediction`, a row for every question of the store."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

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


def write_predictions(store: Store, run: str, out: Path) -> None:
    """Writes the file in order of index; "" where the run gave no quantity or was not asked."""
    cursor = store.connection.cursor()
    cursor.execute(
        "select q.idx, value, unit from questions q left join answers a on a.run = ? and a.idx = q.idx order by q.idx",
        [run],
    )
    with atomic_text(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["index", "prediction"])
        while rows := cursor.fetchmany(_FETCH_ROWS):
            writer.writerows(
                (index, Quantity(Decimal(value), unit).text if value else "") for index, value, unit in rows
            )


def coverage(store: Store, run: str) -> Coverage:
    """Counts of a run over all questions of the store."""
    rows = store.connection.execute(
        """select count(*), count(a.idx), count(a.unit)
           from questions q left join answers a on a.run = ? and a.idx = q.idx""",
        [run],
    ).fetchall()
    return Coverage(*map(int, rows[0]))
