"""Answers: what a run said to each question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from entx.core.quantity import Quantity
from entx.core.types import Alignment, Answer, Evidence
from entx.storage.connection import Store

_ANSWER = pa.schema([
    ("run", pa.string()),
    ("idx", pa.int64()),
    ("value", pa.string()),
    ("unit", pa.string()),
    ("text", pa.string()),
    ("reason", pa.string()),
    ("log_prob", pa.float64()),
    ("p_correct", pa.float64()),
    ("p_present", pa.float64()),
    ("alignment", pa.string()),
    ("line_ids", pa.list_(pa.int32())),
    ("polygon", pa.list_(pa.float32(), 8)),
    ("seconds", pa.float32()),
    ("score", pa.float64()),
])  # fmt: skip
_COLUMNS = "value, unit, text, reason, log_prob, p_correct, p_present, alignment, line_ids, polygon, seconds, score"
_FETCH_ROWS = 4096


def add_answers(store: Store, run: str, answers: Sequence[tuple[int, Answer]]) -> None:
    """Commits a batch of (question index, answer) in one transaction."""
    columns = {
        "run": [run] * len(answers),
        "idx": [index for index, _ in answers],
        "value": [format(a.quantity.value, "f") if a.quantity else None for _, a in answers],
        "unit": [a.quantity.unit if a.quantity else None for _, a in answers],
        "text": [a.text for _, a in answers],
        "reason": [a.reason for _, a in answers],
        "log_prob": [a.log_prob for _, a in answers],
        "p_correct": [a.p_correct for _, a in answers],
        "p_present": [a.p_present for _, a in answers],
        "alignment": [a.evidence.alignment.value for _, a in answers],
        "line_ids": [a.evidence.line_ids for _, a in answers],
        "polygon": [a.evidence.polygon for _, a in answers],
        "seconds": [a.seconds for _, a in answers],
        "score": [a.score for _, a in answers],
    }
    batch = pa.Table.from_pydict(columns, schema=_ANSWER)
    with store.transaction() as connection:
        connection.register("batch", batch)
        connection.execute("insert into answers by name select * from batch")
        connection.unregister("batch")


def answered_indices(store: Store, run: str) -> set[int]:
    """Indices of the questions that the run has answered, so that a continued run asks only the others."""
    return {index for (index,) in store.connection.execute("select idx from answers where run = ?", [run]).fetchall()}


def forget_answers(store: Store, run: str, reason: str) -> int:
    """Removes a run's empty answers whose reason begins so, for the run to ask again; returns their number."""
    with store.transaction() as connection:
        rows = connection.execute(
            "delete from answers where run = ? and unit is null and starts_with(reason, ?) returning 1", [run, reason]
        ).fetchall()
    return len(rows)


def load_answers(store: Store, run: str, only: Iterable[int] | None = None) -> Iterator[tuple[int, Answer]]:
    """(question index, answer) of a run by index, streamed.

    Args:
        only: indices of questions; the others are left out.
    """
    cursor = store.connection.cursor()
    chosen = ""
    if only is not None:
        cursor.register("chosen", pa.table({"idx": pa.array(list(only), pa.int64())}))
        chosen = "and idx in (from chosen)"
    cursor.execute(f"select idx, {_COLUMNS} from answers where run = ? {chosen} order by idx", [run])
    while rows := cursor.fetchmany(_FETCH_ROWS):
        yield from ((index, _answer(*columns)) for index, *columns in rows)


def load_answers_to(store: Store, index: int) -> list[tuple[str, Answer]]:
    """(run, answer) of every run that was asked the question, in the order of the runs' beginning."""
    rows = store.connection.execute(
        f"select run, {_COLUMNS} from answers join runs using (run) where idx = ? order by started", [index]
    ).fetchall()
    return [(run, _answer(*columns)) for run, *columns in rows]


def _answer(
    value: str | None,
    unit: str,
    text: str,
    reason: str,
    log_prob: float | None,
    p_correct: float | None,
    p_present: float | None,
    alignment: str,
    line_ids: list[int],
    polygon: Any,
    seconds: float,
    score: float | None,
) -> Answer:
    quantity = Quantity(Decimal(value), unit) if value is not None else None
    evidence = Evidence(Alignment(alignment), tuple(line_ids), polygon and tuple(polygon))
    return Answer(quantity, text, reason, evidence, log_prob, p_correct, p_present, seconds, score)
