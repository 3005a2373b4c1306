"""`vote`: the option of most arms.

Ties go to the highest confidence where every tied option has one, then to the option whose arms all named legal units,
then to the first arm.

`weighted`: like `vote`, each arm counting as much as its held-out F1 on that entity's gold rows.

An entity with few rows says little of itself: its F1 is drawn towards the arm's F1 on all rows, as if that had been
seen on `PRIOR_ROWS` further rows of it.

`confidence`: the option of the surest arm.

Where every arm that was asked has a confidence, the highest wins, ties by the order of the arms. Where one has none the
others cannot be compared with it, and the order of the arms decides: name the best arm first. With gold rows each arm
gets a calibration of its own: what it said, its score or log-probability, and how that was found in the OCR lines.

`stack`: the option that a judge, fitted on gold rows, thinks most likely to be right.

The judge sees who said what and how surely, grounding, agreement and entity (`features`). To give nothing is as likely
right as there is no value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from entx.core.evaluation import Counts, Outcome
from entx.core.types import Answer
from entx.ensemble.ballot import Ballot, confidence_of, stated_confidence
from entx.ensemble.judge import Judge, Logistic, Verdict, answer_features, fit_judge, fit_logistic
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


class Confidence(LooksAtAll):
    """The surest arm.

    Args:
        state: {"arms": for each arm its calibration}; None goes by what the arms say themselves.
    """

    needs = False

    def __init__(self, state: State | None = None) -> None:
        self._calibrations = None if state is None else [Logistic.of(plain) for plain in state["arms"]]

    @staticmethod
    def fit(examples: Sequence[Example], _: Mapping[str, float]) -> State:
        """A calibration of each arm: the probability that what it says, nothing included, is right."""
        arms = len(examples[0].ballot.answers) if examples else 0
        fitted = []
        for arm in range(arms):
            rows, labels = [], []
            for example in examples:
                answer = example.ballot.answers[arm]
                if answer is not None:
                    rows.append(answer_features(example.ballot, arm))
                    labels.append(outcome_of(example, answer) in (Outcome.TP, Outcome.TN))
            fitted.append(fit_logistic(rows, labels).as_dict())
        return {"arms": fitted}

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`."""
        return [_rank(ballot, sure) for ballot, sure in zip(ballots, self._confidences(ballots), strict=True)]

    def _confidences(self, ballots: Sequence[Ballot]) -> list[list[float | None]]:
        """For each ballot the confidence of each arm; None for an arm that was not asked or has none."""
        if self._calibrations is None:
            return [
                [None if answer is None else stated_confidence(answer) for answer in ballot.answers]
                for ballot in ballots
            ]
        found: list[list[float | None]] = [[None] * len(ballot.answers) for ballot in ballots]
        for arm, calibration in enumerate(self._calibrations):
            asked = [place for place, ballot in enumerate(ballots) if ballot.answers[arm] is not None]
            chances = calibration.probabilities([answer_features(ballots[place], arm) for place in asked])
            for place, chance in zip(asked, chances, strict=True):
                found[place][arm] = float(chance)
        return found


def _rank(ballot: Ballot, sure: Sequence[float | None]) -> list[int]:
    comparable = all(sure[arm] is not None for arm in ballot.asked)

    def key(option: int) -> tuple[float, int]:
        arms = ballot.options[option].arms
        return -max(sure[arm] or 0.0 for arm in arms) if comparable else 0.0, arms[0]

    return sorted(range(len(ballot.options)), key=key)


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
