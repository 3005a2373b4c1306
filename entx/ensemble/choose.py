"""From a ballot to a choice: the strategy's order, and whether to give its favourite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from entx.core.errors import InputError
from entx.ensemble.ballot import Ballot, Option
from entx.ensemble.decision import Objective
from entx.ensemble.fit import favourite
from entx.ensemble.fitted import Fitted
from entx.ensemble.judge import Verdict, verdicts_of
from entx.ensemble.strategy import StrategyFactory

OWN = "own"
"""As --optimise: the strategy's own choice, which may be to give no answer."""

NO_LEGAL_ANSWER = "no arm's answer is in a legal unit"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is done about a ballot.

    Args:
        ballot: as far as the strategy looked at it.
        option: position of the answer that is given; None gives none.
        reason: why none is given; "" where one is.
        p_correct: that the answer is right, None without a fit or an answer.
        p_present: that the picture shows a value, None without a fit.
    """

    ballot: Ballot
    option: int | None
    reason: str = ""
    p_correct: float | None = None
    p_present: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """When the favourite is given.

    Args:
        optimise: "own", or an objective as `Objective.parse` reads it.
        always: give every favourite, whatever its chances.

    Raises:
        InputError: an unknown objective.
    """

    optimise: str = OWN
    always: bool = False

    def __post_init__(self) -> None:
        _ = self.objective

    @property
    def objective(self) -> Objective | None:
        """None for the strategy's own choice."""
        return None if self.optimise == OWN else Objective.parse(self.optimise)


class Chooser:
    """A strategy, what it learned, and the policy.

    Raises:
        InputError: the strategy or the objective needs a fit and there is none.
    """

    def __init__(
        self, name: str, factory: StrategyFactory, runs: Sequence[str], fitted: Fitted | None, policy: Policy
    ) -> None:
        self._runs, self._policy = runs, policy
        self._objective = policy.objective
        if fitted is None and factory.needs:
            raise InputError(f"--strategy {name} learns from labelled rows; give --gold GOLD.csv, or --fitted FILE")
        if fitted is None and self._objective is not None:
            raise InputError(
                f"--optimise {policy.optimise} needs probabilities; give --gold GOLD.csv, or --fitted FILE"
            )
        self._plain = None if fitted is not None else factory(None)
        folds = () if fitted is None else fitted.folds
        self._folds = [(factory(fold.state), fold) for fold in folds]
        self._thresholds = [0.0 if self._objective is None else fold.threshold(self._objective) for fold in folds]

    def choose(self, ballots: Sequence[Ballot]) -> list[Choice]:
        """One choice a ballot, by the model of its fold."""
        if self._plain is not None:
            seen = self._plain.view(ballots)
            return [self._own(ballot, order) for ballot, order in zip(seen, self._plain.rank(seen), strict=True)]
        places: dict[int, list[int]] = defaultdict(list)
        for place, ballot in enumerate(ballots):
            places[ballot.fold].append(place)
        choices: dict[int, Choice] = {}
        for fold, own in places.items():
            strategy, model = self._folds[fold]
            seen = strategy.view([ballots[place] for place in own])
            for place, ballot, order, verdict in zip(
                own, seen, strategy.rank(seen), verdicts_of(model.judge, strategy, seen), strict=True
            ):
                choices[place] = self._judged(ballot, order, verdict, self._thresholds[fold])
        return [choices[place] for place in range(len(ballots))]

    def _own(self, ballot: Ballot, order: Sequence[int]) -> Choice:
        if not order:
            return Choice(ballot, None, NO_LEGAL_ANSWER)
        if ballot.options[order[0]].quantity is not None:
            return Choice(ballot, order[0])
        option = favourite(ballot, order) if self._policy.always else None
        if option is not None:
            return Choice(ballot, option)
        by = ", ".join(self._runs[arm] for arm in ballot.options[order[0]].arms)
        return Choice(ballot, None, f"no answer, as {by} said")

    def _judged(self, ballot: Ballot, order: Sequence[int], verdict: Verdict, threshold: float) -> Choice:
        option = favourite(ballot, order)
        if option is None or (self._objective is None and not self._policy.always):
            own = self._own(ballot, order)
            p = None if own.option is None else verdict.right[own.option]
            return Choice(ballot, own.option, own.reason, p, verdict.present)
        p, q = verdict.right[option], verdict.present
        if self._policy.always or self._objective is None or self._objective.gives(p, q, threshold):
            return Choice(ballot, option, "", p, q)
        return Choice(ballot, None, not_worth(ballot.options[option], p, q, self._policy.optimise), None, q)


def not_worth(option: Option, p: float, q: float, optimise: str) -> str:
    """Why an answer with these chances is not given."""
    return f"{option.quantity} is not worth the risk: right with {p:.2f}, a value is shown with {q:.2f} ({optimise})"
