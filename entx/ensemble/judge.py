"""The judge: two probabilities, that an option is right (p) and that the picture shows a value at all (q)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from entx.ensemble.ballot import Ballot
from entx.ensemble.features import ballot_features, option_features
from entx.ensemble.logistic import Logistic, fit_logistic
from entx.ensemble.strategy import Example, Strategy


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge thinks of a ballot.

    Args:
        right: for each option the probability that it is right; of giving nothing, that there is no value.
        present: the probability that the picture shows a value.
    """

    right: tuple[float, ...]
    present: float


@dataclass(frozen=True)
class Judge:
    """Two fitted models, over options and over questions."""

    right: Logistic
    present: Logistic

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """One a ballot. An answer can only be right where there is a value: p is at most q."""
        present = self.present.probabilities([ballot_features(ballot) for ballot in ballots])
        given = [(ballot, option) for ballot in ballots for option in ballot.options if option.quantity is not None]
        right = iter(self.right.probabilities([option_features(*pair) for pair in given]))
        found = []
        for ballot, shown in zip(ballots, map(float, present), strict=True):
            chances = tuple(
                1.0 - shown if option.quantity is None else min(float(next(right)), shown) for option in ballot.options
            )
            found.append(Verdict(chances, shown))
        return found

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"right": self.right.as_dict(), "present": self.present.as_dict()}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Judge:
        """From JSON."""
        return cls(Logistic.of(plain["right"]), Logistic.of(plain["present"]))


class Judging(Strategy, Protocol):
    """A strategy that tells p and q itself."""

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """One a ballot, as `view` gives them."""
        ...


def verdicts_of(judge: Judge | None, strategy: Strategy, seen: Sequence[Ballot]) -> list[Verdict]:
    """What the judge thinks of what the strategy looks at; None leaves it to the strategy."""
    return cast("Judging", strategy).verdicts(seen) if judge is None else judge.verdicts(seen)


def fit_judge(examples: Sequence[Example]) -> Judge:
    """Learns from labelled ballots."""
    given = [
        (example, option) for example in examples for option in example.ballot.options if option.quantity is not None
    ]
    right = fit_logistic(
        [option_features(example.ballot, option) for example, option in given],
        [example.is_right(option) for example, option in given],
    )
    present = fit_logistic(
        [ballot_features(example.ballot) for example in examples], [example.present for example in examples]
    )
    return Judge(right, present)
