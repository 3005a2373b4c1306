"""How sure an arm is, on the one scale that arms share: the probability that what it says is right.

Only calibrated probabilities count: `p_correct` of an answer, and `1 - p_present` of an arm that gives none. Scores and
log-probabilities do not, until a calibration has turned them into these (`strategies.confidence`).
"""

from __future__ import annotations

from entx.core.types import Answer
from entx.ensemble.ballot import Ballot, Option


def stated_confidence(answer: Answer) -> float | None:
    """What the arm itself says; None where it says nothing."""
    if answer.quantity is not None:
        return answer.p_correct
    return None if answer.p_present is None else 1.0 - answer.p_present


def confidence_of(ballot: Ballot, option: Option) -> float | None:
    """The highest confidence among the option's arms; None where none of them states one."""
    stated = [stated_confidence(answer) for arm in option.arms if (answer := ballot.answers[arm]) is not None]
    return max((confidence for confidence in stated if confidence is not None), default=None)
