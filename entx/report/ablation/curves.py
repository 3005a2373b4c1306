"""Reliability of probabilities, and F1 against coverage when a column's least sure answers are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from entx.core.evaluation import Counts, Outcome, f1_of
from entx.core.types import Answer
from entx.neural.reliability import reliability
from entx.report.ablation.columns import Column
from entx.report.ablation.variants import always_answering

POINTS = 200
"""At most so many points of a curve."""


def reliabilities(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Of each column with probabilities: p (this answer is right) over its answers, q (there is a value) over all rows.

    Returns:
        One object a column: name, p and q as `Reliability.as_dict`, None where it states none.
    """
    found = []
    for column in columns:
        p, q = [], []
        for place, (row, answer) in enumerate(zip(column.gold.rows, column.answers, strict=True)):
            if answer is None:
                continue
            if answer.quantity is not None and answer.p_correct is not None:
                p.append((answer.p_correct, column.outcomes[place] == Outcome.TP))
            if answer.p_present is not None:
                q.append((answer.p_present, bool(row.truth)))
        if p or q:
            found.append({"name": column.name, "p": _measured(p), "q": _measured(q)})
    return found


def coverage_curves(columns: Sequence[Column], always: Mapping[str, Column]) -> list[dict[str, Any]]:
    """F1 of each column when only its surest answers are given, from the surest to every candidate it knows.

    Surest by p_correct, else log-probability, else score, of which the column must state one for every answer. Equal
    ones are given together.

    Args:
        always: for names of hybrids, the same with an answer to every row.

    Returns:
        One object a column: name, by (what the order is), points as [coverage, f1], and at: those of what it gave.
    """
    found = []
    for told in columns:
        column = always_answering(told, always) or told
        given = [(place, answer) for place, answer in enumerate(column.answers) if answer and answer.quantity]
        for by in ("p_correct", "log_prob", "score"):
            sure = [_sureness(answer, by) for _, answer in given]
            if given and all(value is not None for value in sure):
                places = np.array([place for place, _ in given], dtype=np.int64)
                points = _curve(column, places, np.array(sure, dtype=np.float64))
                counts = Counts.of(told.outcomes)
                found.append({"name": column.name, "by": by, "points": points, "at": [counts.coverage, counts.f1]})
                break
    return found


def _sureness(answer: Answer, by: str) -> float | None:
    return {"p_correct": answer.p_correct, "log_prob": answer.log_prob, "score": answer.score}[by]


def _measured(pairs: Sequence[tuple[float, bool]]) -> dict[str, Any] | None:
    return reliability([said for said, _ in pairs], [true for _, true in pairs]).as_dict() if pairs else None


def _curve(column: Column, places: np.ndarray[Any, Any], sure: np.ndarray[Any, Any]) -> list[list[float]]:
    order = np.argsort(-sure, kind="stable")
    right = (column.outcomes[places[order]] == Outcome.TP).astype(np.int64)
    on_truth = np.array([bool(column.gold.rows[place].truth) for place in places[order]], dtype=np.int64)
    count = np.arange(1, len(order) + 1)
    tp = np.cumsum(right)
    missed = sum(bool(row.truth) for row in column.gold.rows) - np.cumsum(on_truth)
    f1 = f1_of(tp, count - tp, missed)
    last_of_its_kind = np.flatnonzero(np.r_[sure[order][1:] != sure[order][:-1], True])
    step = max(1, -(-len(last_of_its_kind) // POINTS))
    shown = last_of_its_kind[::-1][::step][::-1]  # from the end: the point of all answers is always there
    return [[float(count[at] / len(column.answers)), float(f1[at])] for at in shown]
