"""`confidence`: the option of the surest arm.

Where every arm that was asked has a confidence, the highest wins, ties by the order of the arms. Where one has none the
others cannot be compared with it, and the order of the arms decides: name the best arm first. With gold rows each arm
gets a calibration of its own: what it said, its score or log-probability, and how that was found in the OCR lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from entx.core.metric import Outcome
from entx.ensemble.ballot import Ballot
from entx.ensemble.confidences import stated_confidence
from entx.ensemble.features import answer_features
from entx.ensemble.logistic import Logistic, fit_logistic
from entx.ensemble.strategies.weighted import outcome_of
from entx.ensemble.strategy import Example, LooksAtAll, State


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
