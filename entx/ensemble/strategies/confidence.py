"""`confidence`: the option of the surest arm.

Where every arm that was asked has a confidence, the highest wins, ties by the order of the arms. Where one has none the
others cannot be compared with it, and the order of the arms decides: name the best arm first.
"""

from __future__ import annotations

from collections.abc import Sequence

from entx.ensemble.ballot import Ballot
from entx.ensemble.confidences import stated_confidence
from entx.ensemble.strategy import Example, State


class Confidence:
    """The surest arm."""

    learns = False
    needs = False

    def __init__(self, state: State | None = None) -> None:
        pass

    @staticmethod
    def fit(_: Sequence[Example]) -> State:
        """Nothing is learned."""
        return {}

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`."""
        return [self._rank(ballot) for ballot in ballots]

    def _rank(self, ballot: Ballot) -> list[int]:
        sure = [None if answer is None else stated_confidence(answer) for answer in ballot.answers]
        comparable = all(sure[arm] is not None for arm in ballot.asked)

        def key(option: int) -> tuple[float, int]:
            arms = ballot.options[option].arms
            return -max(sure[arm] or 0.0 for arm in arms) if comparable else 0.0, arms[0]

        return sorted(range(len(ballot.options)), key=key)
