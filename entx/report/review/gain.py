"""What a human label is worth: how far the expected F1 rises when one question's answer is made right.

The challenge's F1 (core.metric) is N / D with N = 2 TP and D = 2 TP + FP + FN. In expectation, with p the probability
that the given answer is right and q the probability that the picture shows a value, one question adds

    an answer that is given      2p to N    1 + p to D      (right: 2 and 2; wrong: 0 and 1)
    an answer that is withheld   0          q
    the truth                    2q         2q

To first order F1 changes by (dN - F dD) / D, the derivative of a quotient. So to have the truth instead gains

    given:     [(q - p) (2 - F) + (1 - q) F] / D
    withheld:  q (2 - F) / D

in words: a wrong value made right 2 - F, a value where there is none taken back F, a missing value filled in 2 - F. Not
simply 1 - p and q: where F is high, a missing or wrong value costs more than a superfluous one. The rule of when to
give an answer (entx.ensemble.decision) compares the first two lines of the table.
"""

from __future__ import annotations

import numpy as np

from entx.core.evaluation import FloatArray

BoolArray = np.ndarray[tuple[int], np.dtype[np.bool_]]


def expected_counts(right: FloatArray, present: FloatArray, given: BoolArray) -> tuple[float, float]:
    """N and D of the decided answers.

    Args:
        right: p of each question's given answer, shape (questions,); not looked at where none is given.
        present: q, shape (questions,).
        given: whether an answer is given, shape (questions,).
    """
    top = np.where(given, 2.0 * right, 0.0)
    bottom = np.where(given, 1.0 + right, present)
    return float(top.sum()), float(bottom.sum())


def expected_f1(right: FloatArray, present: FloatArray, given: BoolArray) -> float:
    """F1 to expect of the decided answers; 0 where there is nothing to be right about."""
    top, bottom = expected_counts(right, present, given)
    return top / bottom if bottom > 0.0 else 0.0


def expected_gains(right: FloatArray, present: FloatArray, given: BoolArray) -> FloatArray:
    """How far F1 is expected to rise with each question's truth, shape (questions,); arguments as `expected_counts`."""
    top, bottom = expected_counts(right, present, given)
    if bottom <= 0.0:
        return np.zeros(len(given))
    reached = top / bottom
    filled = (2.0 - reached) * np.where(given, present - right, present)
    taken_back = np.where(given, (1.0 - present) * reached, 0.0)
    return np.asarray((filled + taken_back) / bottom, dtype=np.float64)


def f1_after(right: FloatArray, present: FloatArray, given: BoolArray, reviewed: BoolArray) -> float:
    """F1 to expect when the reviewed questions have the truth for an answer; exactly, not to first order."""
    top, bottom = expected_counts(right[~reviewed], present[~reviewed], given[~reviewed])
    shown = 2.0 * float(present[reviewed].sum())
    return (top + shown) / (bottom + shown) if bottom + shown > 0.0 else 0.0
