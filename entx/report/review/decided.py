"""What stands as the answer to a question before anybody reviews it, and how sure that is.

The answer is a stored run's (an ensemble's, or the only run there is), a fitted strategy's, or else the vote of the
arms. Its probabilities are those that come with it. Where none come, the share of the arms stands for them, as if one
further arm had been asked that agrees with nobody: k of n arms for the answer is p = k / (n + 1), m of n arms that name
some value is q = (m + 1/2) / (n + 1). That is an estimate from votes and not calibrated; it orders questions by how
much the arms disagree, and by how few they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from entx.core.types import Answer, Quantity
from entx.ensemble.ballot import Ballot
from entx.ensemble.job import Chooser


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer as it stands.

    Args:
        quantity: None where none is given.
        right: p, that the given answer is right; 0 where none is given.
        present: q, that the picture shows a value; at least p.
        estimated: whether p or q is an estimate from votes.
    """

    quantity: Quantity | None
    right: float
    present: float
    estimated: bool


class Decider(Protocol):
    """Where decided answers come from."""

    def decide(self, ballots: Sequence[Ballot]) -> list[Decided | None]:
        """One a ballot; None for a question that this decider has no answer row for."""
        ...


class ChosenNow:
    """Decides by a strategy, fitted or not."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser

    def decide(self, ballots: Sequence[Ballot]) -> list[Decided | None]:
        """See `Decider`."""
        decided: list[Decided | None] = []
        for ballot, choice in zip(ballots, self._chooser.choose(ballots), strict=True):
            option = None if choice.option is None else choice.ballot.options[choice.option].quantity
            decided.append(_with_chances(ballot, option, choice.p_correct, choice.p_present))
        return decided


class StoredRun:
    """Goes by the answers of a run, by question."""

    def __init__(self, answers: Mapping[int, Answer]) -> None:
        self._answers = answers

    def decide(self, ballots: Sequence[Ballot]) -> list[Decided | None]:
        """See `Decider`."""
        decided: list[Decided | None] = []
        for ballot in ballots:
            answer = self._answers.get(ballot.index)
            if answer is None:
                decided.append(None)
            else:
                decided.append(_with_chances(ballot, answer.quantity, answer.p_correct, answer.p_present))
        return decided


def _with_chances(ballot: Ballot, quantity: Quantity | None, right: float | None, present: float | None) -> Decided:
    voted_right, voted_present = vote_chances(ballot, quantity)
    estimated = present is None or (quantity is not None and right is None)
    if quantity is None:
        return Decided(None, 0.0, voted_present if present is None else present, estimated)
    p = voted_right if right is None else right
    return Decided(quantity, p, max(p, voted_present if present is None else present), estimated)


def vote_chances(ballot: Ballot, quantity: Quantity | None) -> tuple[float, float]:
    """p and q from the share of the arms; see the module."""
    asked = len(ballot.asked)
    supporting = next(
        (len(option.arms) for option in ballot.options if quantity in (option.quantity, *option.spoken)), 0
    )
    naming = sum(answer is not None and answer.quantity is not None for answer in ballot.answers)
    return (supporting / (asked + 1) if quantity is not None else 0.0), (naming + 0.5) / (asked + 1)
