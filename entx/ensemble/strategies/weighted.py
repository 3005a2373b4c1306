"""`weighted`: like `vote`, each arm counting as much as its held-out F1 on that entity's gold rows.

An entity with few rows says little of itself: its F1 is drawn towards the arm's F1 on all rows, as if that had been
seen on `PRIOR_ROWS` further rows of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from entx.core.metric import Counts, Outcome
from entx.core.types import Answer
from entx.ensemble.ballot import Ballot
from entx.ensemble.strategies.vote import by_weight
from entx.ensemble.strategy import Example, LooksAtAll, State

PRIOR_ROWS = 20.0


class Weighted(LooksAtAll):
    """Votes by F1.

    Args:
        state: {"weights": for each arm {entity: weight, "": weight of an entity that had no rows}}.
    """

    needs = True

    def __init__(self, state: State | None) -> None:
        self._weights: list[dict[str, float]] = [] if state is None else list(state["weights"])

    @staticmethod
    def fit(examples: Sequence[Example], _: Mapping[str, float]) -> State:
        """The weights of the arms. An arm that was never asked weighs 0."""
        arms = len(examples[0].ballot.answers) if examples else 0
        return {"weights": [_weights(examples, arm) for arm in range(arms)]}

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`."""
        return [self._rank(ballot) for ballot in ballots]

    def _rank(self, ballot: Ballot) -> list[int]:
        name = ballot.entity.name
        of_arm = [weights.get(name, weights[""]) for weights in self._weights]
        return by_weight(ballot, [sum(of_arm[arm] for arm in option.arms) for option in ballot.options])


def _weights(examples: Sequence[Example], arm: int) -> dict[str, float]:
    outcomes: dict[str, list[int]] = defaultdict(list)
    for example in examples:
        answer = example.ballot.answers[arm]
        if answer is not None:
            outcomes[example.ballot.entity.name].append(outcome_of(example, answer))
    overall = _f1([outcome for own in outcomes.values() for outcome in own])
    weights = {
        name: (len(own) * _f1(own) + PRIOR_ROWS * overall) / (len(own) + PRIOR_ROWS)
        for name, own in sorted(outcomes.items())
    }
    return {**weights, "": overall}


def outcome_of(example: Example, answer: Answer) -> Outcome:
    """What an arm's answer counts as."""
    if answer.quantity is None:
        return Outcome.FN if example.present else Outcome.TN
    return Outcome.TP if answer.quantity in example.rights else Outcome.FP


def _f1(outcomes: Sequence[int]) -> float:
    return Counts.of(np.array(outcomes, dtype=np.int64)).f1
