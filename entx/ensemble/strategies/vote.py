"""`vote`: the option of most arms.

Ties go to the highest confidence where every tied option has one, then to the option whose arms all named legal units,
then to the first arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from entx.ensemble.ballot import Ballot
from entx.ensemble.confidences import confidence_of
from entx.ensemble.strategy import Example, LooksAtAll, State


class Vote(LooksAtAll):
    """One arm, one vote."""

    needs = False

    def __init__(self, state: State | None = None) -> None:
        pass

    @staticmethod
    def fit(_: Sequence[Example], __: Mapping[str, float]) -> State:
        """Nothing is learned."""
        return {}

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`."""
        return [by_weight(ballot, [float(len(option.arms)) for option in ballot.options]) for ballot in ballots]


def by_weight(ballot: Ballot, weights: Sequence[float]) -> list[int]:
    """Positions of the options by weight, ties broken as the module says.

    Args:
        weights: one an option.
    """
    order: list[int] = []
    heaviest_first = sorted(range(len(weights)), key=lambda option: -weights[option])
    for _, tied in groupby(heaviest_first, key=lambda option: weights[option]):
        order += _untied(ballot, list(tied))
    return order


def _untied(ballot: Ballot, tied: list[int]) -> list[int]:
    if len(tied) == 1:
        return tied
    confidences = {option: confidence_of(ballot, ballot.options[option]) for option in tied}
    known = {option: confidence for option, confidence in confidences.items() if confidence is not None}

    def key(option: int) -> tuple[float, float, int]:
        arms = ballot.options[option].arms
        illegal = sum(not ballot.legal(arm) for arm in arms) / len(arms)
        return -known[option] if len(known) == len(tied) else 0.0, illegal, arms[0]

    return sorted(tied, key=key)
