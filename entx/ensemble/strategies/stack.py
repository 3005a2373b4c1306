"""`stack`: the option that a judge, fitted on gold rows, thinks most likely to be right.

The judge sees who said what and how surely, grounding, agreement and entity (`features`). To give nothing is as likely
right as there is no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from entx.ensemble.ballot import Ballot
from entx.ensemble.judge import Judge, Verdict, fit_judge
from entx.ensemble.strategy import Example, LooksAtAll, State


class Stack(LooksAtAll):
    """The most probable option."""

    needs = True
    judges = True

    def __init__(self, state: State | None) -> None:
        self._judge = None if state is None else Judge.of(state)

    @staticmethod
    def fit(examples: Sequence[Example], _: Mapping[str, float]) -> State:
        """The judge's models."""
        return fit_judge(examples).as_dict()

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """The judge's."""
        assert self._judge is not None
        return self._judge.verdicts(ballots)

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`."""
        return [
            sorted(range(len(verdict.right)), key=lambda option: -verdict.right[option])
            for verdict in self.verdicts(ballots)
        ]
