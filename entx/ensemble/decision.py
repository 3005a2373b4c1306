"""Whether to give an answer, for a named metric, from p (it is right) and q (there is a value).

The challenge's F1 counts a wrong answer as one false positive and no false negative. To give an answer adds 2p to the
numerator 2 TP and 1 + p - q to the denominator 2 TP + FP + FN of F1; that raises F1 exactly when

    p (2 - F) > F (1 - q)

with F the F1 reached at the optimum (a ratio's optimum is found by Dinkelbach's iteration: decide with F, reckon F
anew). In the usual micro-F1 a wrong answer costs a false negative too, and the rule is p > F / 2: Lipton, Elkan and
Naryanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure (2014). precision@X gives as many answers as
keep the expected share of right ones at X.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entx.core.errors import InputError
from entx.core.evaluation import FloatArray

CHALLENGE_F1, MICRO_F1 = "challenge-f1", "micro-f1"
_PRECISION = re.compile(r"precision@(0?\.[0-9]+|1|1\.0+)")
_MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be as high as possible.

    Args:
        name: challenge-f1, micro-f1 or precision.
        precision: to be kept, for precision only.
    """

    name: str
    precision: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Objective:
        """From "challenge-f1", "micro-f1" or "precision@0.95".

        Raises:
            InputError: anything else.
        """
        if text in (CHALLENGE_F1, MICRO_F1):
            return cls(text)
        match = _PRECISION.fullmatch(text)
        if match is None or float(match[1]) == 0.0:
            raise InputError(
                f"--optimise {text!r}: expected {CHALLENGE_F1}, {MICRO_F1} or precision@X with X over 0 and up to 1, "
                "for example precision@0.95"
            )
        return cls("precision", float(match[1]))

    def threshold(self, right: Sequence[float], present: Sequence[float]) -> float:
        """What `gives` compares with, from the p and q of held-out rows: F, or the least p to give."""
        p, q = np.asarray(right, dtype=np.float64), np.asarray(present, dtype=np.float64)
        return _least_p(p, self.precision) if self.name == "precision" else self._fixed_point(p, q)

    def gives(self, right: float, present: float, threshold: float) -> bool:
        """Whether the answer is given."""
        if self.name == CHALLENGE_F1:
            return right * (2.0 - threshold) > threshold * (1.0 - present)
        return right > threshold / 2.0 if self.name == MICRO_F1 else right >= threshold

    def expected_f1(self, right: FloatArray, present: FloatArray, given: FloatArray) -> float:
        """The F1 to expect: right, present and given (1 or 0) of each row."""
        tp = float((right * given).sum())
        if tp == 0.0:
            return 0.0
        if self.name == MICRO_F1:
            return 2.0 * tp / float(given.sum() + present.sum())
        return 2.0 * tp / float(2.0 * tp + ((1.0 - right) * given).sum() + (present * (1.0 - given)).sum())

    def _fixed_point(self, right: FloatArray, present: FloatArray) -> float:
        reached = 0.0
        for _ in range(_MOST_ROUNDS):  # rises strictly until it stands still; a handful of rounds in practice
            given = np.array([self.gives(p, q, reached) for p, q in zip(right, present, strict=True)], dtype=np.float64)
            now = self.expected_f1(right, present, given)
            if now <= reached:
                break
            reached = now
        return reached


def _least_p(right: FloatArray, precision: float) -> float:
    """The lowest p such that all rows from it up are right with this probability on average; over 1 where none are."""
    ordered = np.sort(right)[::-1]
    kept = np.cumsum(ordered) / np.arange(1, len(ordered) + 1) >= precision
    kept[:-1] &= ordered[1:] < ordered[:-1]  # equal p are given together or not at all
    return float(ordered[np.flatnonzero(kept)[-1]]) if kept.any() else 1.1
