"""The metric of the Amazon ML Challenge 2024, exactly as its organisers define it.

    TP  out and truth are given and equal       FP  out is given, and truth differs or is empty
    TN  out and truth are empty                 FN  out is empty, truth is given

A wrong value on a present truth costs one FP and no FN, so this is NOT the usual micro-F1: there it would cost both.
An F1 whose precision or recall is undefined is 0. `f1` compares number (exact decimal) and unit; `f1_string` compares
the written texts. Which rows to score, and how surely, is the business of `evaluation` and `stats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from entx.core.quantity import Quantity, parse_written

IntArray = np.ndarray[Any, np.dtype[np.int64]]
FloatArray = np.ndarray[Any, np.dtype[np.float64]]

ALSO_SEPARATOR = " | "
"""Between the answers of a truth table's `also` cell."""


class Outcome(IntEnum):
    """What one row counts as."""

    TP = 0
    FP = 1
    FN = 2
    TN = 3


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of each outcome."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, outcomes: IntArray) -> Counts:
        """Counts an array of `Outcome` values, shape (rows,)."""
        return cls(*(int(count) for count in np.bincount(outcomes, minlength=len(Outcome))))

    @property
    def rows(self) -> int:
        """All rows."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def precision(self) -> float | None:
        """Share of the given answers that are right; None when none was given."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN); None when no row counts as either. Wrong answers do not lower it."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    @property
    def f1(self) -> float:
        """2 P R / (P + R), 0 where that is undefined."""
        return float(f1_of(np.array([self.tp]), np.array([self.fp]), np.array([self.fn]))[0])

    @property
    def coverage(self) -> float | None:
        """Share of rows with an answer; None without rows."""
        return (self.tp + self.fp) / self.rows if self.rows else None


def f1_of(tp: IntArray, fp: IntArray, fn: IntArray) -> FloatArray:
    """F1 of many counts at once: 2 TP / (2 TP + FP + FN), which is 2 P R / (P + R), and 0 where TP is 0."""
    return np.where(tp > 0, 2.0 * tp / np.maximum(2 * tp + fp + fn, 1), 0.0)


def outcomes(
    predicted: Sequence[str], truth: Sequence[str], also: Sequence[str] | None = None
) -> tuple[IntArray, IntArray]:
    """The outcome of each row: by number and unit, and by text.

    White space around a text does not count; a text of nothing else is empty. A text that is not of the written form
    ("[220.0, 240.0] volt") equals only itself.

    Args:
        predicted: one answer a row, "" for none.
        truth: one truth a row, "" where the picture does not state it.
        also: other answers that are equally right, separated by " | "; they count only beside a truth.

    Returns:
        Two arrays of `Outcome` values, shape (rows,): for `f1` and for `f1_string`.
    """
    parsed: dict[str, Quantity | str] = {}

    def meaning(text: str) -> Quantity | str:
        if text not in parsed:
            parsed[text] = parse_written(text) or text
        return parsed[text]

    count = len(truth)
    by_quantity = np.empty(count, dtype=np.int64)
    by_text = np.empty(count, dtype=np.int64)
    for row, (out, true, others) in enumerate(zip(predicted, truth, also or [""] * count, strict=True)):
        given, stated = out.strip(), true.strip()
        if not given or not stated:
            by_quantity[row] = by_text[row] = _without_comparison(given, stated)
            continue
        rights = [stated, *(text.strip() for text in others.split(ALSO_SEPARATOR) if text.strip())]
        same_text = given in rights
        same = same_text or any(meaning(given) == meaning(right) for right in rights)
        by_quantity[row] = Outcome.TP if same else Outcome.FP
        by_text[row] = Outcome.TP if same_text else Outcome.FP
    return by_quantity, by_text


def _without_comparison(given: str, stated: str) -> Outcome:
    if given:
        return Outcome.FP
    return Outcome.FN if stated else Outcome.TN
