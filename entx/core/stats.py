"""How sure a score is: percentile bootstrap intervals over pictures.

Rows of one picture stand or fall together (one unread label spoils them all), so whole pictures are drawn with
replacement, not rows. F1 depends on a picture only through its four counts; few different ones exist, so a resample is
one multinomial draw over them. That is the same distribution as drawing pictures one by one, at a cost that does not
grow with the rows. Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from entx.core.metric import FloatArray, IntArray, Outcome, f1_of

RESAMPLES = 2000
"""Enough that a bound moves by about 0.001 from seed to seed at 1,000 pictures."""

_CELLS = 4_000_000  # draws held in memory at once: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a confidence interval."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


def group_numbers(keys: Sequence[Hashable]) -> IntArray:
    """A number from 0 on for each distinct key, in order of appearance; shape (rows,)."""
    numbers: dict[Hashable, int] = {}
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), dtype=np.int64, count=len(keys))


def bootstrap_f1(
    outcomes: IntArray, groups: IntArray, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile interval of F1.

    Args:
        outcomes: `Outcome` of each row, shape (rows,).
        groups: number from 0 on of each row's picture, shape (rows,); gaps are fine.
        resamples: how many sets of pictures are drawn.
        level: 0.95 takes the 2.5th and the 97.5th percentile.
        seed: the same seed gives the same bounds.
    """
    if len(outcomes) == 0:
        return Interval(0.0, 0.0)
    low, high = np.quantile(_resampled_f1(outcomes, groups, resamples, seed), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


@dataclass(frozen=True, slots=True)
class Paired:
    """How two answers to the same rows compare.

    Args:
        difference: F1 of the first less F1 of the second.
        interval: 95 % interval of the difference, whole pictures drawn for both at once.
        p_value: two-sided, of no difference: twice the share of resamples on the other side of 0 (at most 1).
    """

    difference: float
    interval: Interval
    p_value: float

    @property
    def separable(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.interval.low > 0.0 or self.interval.high < 0.0


def paired_f1(
    first: IntArray, second: IntArray, groups: IntArray, *, resamples: int = RESAMPLES, seed: int = 0
) -> Paired:
    """Paired bootstrap of the difference in F1 of two arms on the same rows.

    Args:
        first, second: `Outcome` of each row, shape (rows,).
        groups, resamples, seed: as for `bootstrap_f1`.
    """
    kinds, pictures = len(Outcome), int(groups.max(initial=0)) + 1
    tables = [
        np.bincount(groups * kinds + outcomes, minlength=pictures * kinds).reshape(-1, kinds)
        for outcomes in (first, second)
    ]
    both = np.hstack(tables)
    vectors, repeats = _distinct(both[both.any(axis=1)])
    total = both.sum(axis=0)
    draw = np.random.default_rng(seed)
    parts = [np.zeros(0)]
    step = max(1, _CELLS // len(vectors))
    for start in range(0, resamples, step):
        drawn = draw.multinomial(repeats.sum(), repeats / repeats.sum(), size=min(step, resamples - start))
        parts.append(_difference(drawn @ vectors))
    differences = np.concatenate(parts)
    low, high = np.quantile(differences, [0.025, 0.975])
    other_side = min(float((differences <= 0).mean()), float((differences >= 0).mean()))
    return Paired(float(_difference(total[None])[0]), Interval(float(low), float(high)), min(1.0, 2.0 * other_side))


def _difference(totals: IntArray) -> FloatArray:
    """F1 less F1 of rows of two times four counts."""
    ours, theirs = totals[:, : len(Outcome)], totals[:, len(Outcome) :]
    return f1_of(*ours[:, :3].T) - f1_of(*theirs[:, :3].T)


def _resampled_f1(outcomes: IntArray, groups: IntArray, resamples: int, seed: int) -> FloatArray:
    kinds = len(Outcome)
    table = np.bincount(groups * kinds + outcomes, minlength=(int(groups.max()) + 1) * kinds).reshape(-1, kinds)
    pictures = table[table.any(axis=1)]
    vectors, repeats = _distinct(pictures)
    draw = np.random.default_rng(seed)
    chances = repeats / len(pictures)
    parts = []
    step = max(1, _CELLS // len(vectors))
    for start in range(0, resamples, step):
        drawn = draw.multinomial(len(pictures), chances, size=min(step, resamples - start))
        total = drawn @ vectors
        parts.append(f1_of(total[:, Outcome.TP], total[:, Outcome.FP], total[:, Outcome.FN]))
    return np.concatenate(parts)


def _distinct(pictures: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct rows and how often each stands there: sorted by columns, which is far quicker than by records."""
    ordered = pictures[np.lexsort(pictures.T)]
    starts = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)])
    return ordered[starts], np.diff(np.r_[starts, len(ordered)])
