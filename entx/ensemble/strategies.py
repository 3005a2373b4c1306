"""Strategies: how an ensemble orders the options of a ballot. Plug-ins of the entry-point group `entx.strategies`.

`vote`: the option of most arms. Ties go to the highest confidence where every tied option has one, then to the option
whose arms all named legal units, then to the first arm.

`weighted`: like `vote`, each arm counting as much as its F1 on that entity's gold rows.

`confidence`: the option of the surest arm, ties by the order of the arms. Where an arm that was asked has no confidence
the others cannot be compared with it, and the order of the arms decides: name the best arm first. With gold rows each
arm gets a calibration of its own: what it said, its score or log-probability, and how that was found in the OCR lines.

`stack`: the option that a judge, fitted on gold rows, thinks most likely to be right; to give nothing is as likely
right as there is no value.

`cascade`: the first arms are cheap; the others are asked only where that is expected to gain more than it costs. From
the cheap arms' answers a judge tells p and q, and so how far the expected score stands below a perfect answer's: the
most that asking could gain. How much of that the other arms win back is learned for each entity (a vision model helps
with weights and hardly with heights). What was not asked is not looked at, neither by the choice nor by the decision,
though the answer may stand in the store. Questions that were asked further are judged by what `stack` would learn, the
others by what it would learn of the cheap arms alone. Gains are in units of the challenge's F1 around its optimum F: a
right answer counts 2 - 2F, a wrong one and a missed one -F (see `judge`).

A strategy sees arms only by position, and never compares the raw scores of two arms: a rules reader's 0.4 and a model's
log-probability have no common scale. What it learns comes from gold rows, as plain JSON.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from entx.core.errors import InputError
from entx.core.evaluation import Counts, Outcome
from entx.core.settings import load_plugin, plugin_names
from entx.core.types import Answer
from entx.ensemble.ballot import Ballot, Example, Option, confidence_of, make_ballot, stated_confidence
from entx.ensemble.judge import (
    CHALLENGE_F1,
    Judge,
    Logistic,
    Objective,
    Verdict,
    answer_features,
    fit_judge,
    fit_logistic,
)

GROUP = "entx.strategies"

BUILT_IN = {
    name: f"entx.ensemble.strategies:{name.title()}" for name in ("vote", "confidence", "weighted", "cascade", "stack")
}
"""The same as pyproject.toml's entry points, for a source tree that is not installed."""

PRIOR_ROWS = 20.0
"""Rows of an average entity that are added to each entity's own before anything is learned of it: an entity with few
rows says little of itself."""

State = Mapping[str, Any]
"""What a strategy learned, as JSON holds it."""


class Strategy(Protocol):
    """Orders the options of ballots."""

    def view(self, ballots: Sequence[Ballot]) -> Sequence[Ballot]:
        """The ballots as far as the strategy looks at them; answers that it does not ask for are left out."""
        ...

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """For each ballot, as `view` gives it, the positions of its options; the first is the choice."""
        ...


class Judging(Strategy, Protocol):
    """A strategy that tells p and q itself."""

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """One a ballot, as `view` gives them."""
        ...


class StrategyFactory(Protocol):
    """What an entry point names: usually a class."""

    needs: bool  # whether it cannot do without gold rows
    judges: bool  # whether its strategies tell p and q themselves; else a judge is fitted on what they look at
    params: Mapping[str, float]  # (--param) with their defaults

    def __call__(self, state: State | None) -> Strategy:
        """The strategy with what it learned; None where nothing was."""
        ...

    def fit(self, examples: Sequence[Example], params: Mapping[str, float]) -> State:
        """What it learns from these rows; params has a value for each of its parameters."""
        ...


def strategy_names() -> list[str]:
    """All strategies, built in or plugged in, sorted."""
    return plugin_names(GROUP, BUILT_IN)


def find_strategy(name: str) -> StrategyFactory:
    """The strategy of that name. Raises InputError: unknown, or it cannot be imported."""
    return cast("StrategyFactory", load_plugin("strategy", name, GROUP, BUILT_IN, InputError))


class Ranked(NamedTuple):
    """A ballot as far as the strategy looks at it, its options in order, p and q (None where nothing was learned)."""

    ballot: Ballot
    order: Sequence[int]
    verdict: Verdict | None

    @property
    def favourite(self) -> int | None:
        """The first option that gives an answer."""
        return next((option for option in self.order if self.ballot.options[option].quantity is not None), None)


def rank(strategy: Strategy, judge: Judge | None, ballots: Sequence[Ballot], *, learned: bool = True) -> list[Ranked]:
    """What the strategy makes of the ballots; without a judge it tells p and q itself, if they are `learned` at all."""
    seen = strategy.view(ballots)
    verdicts: Sequence[Verdict | None] = [None] * len(seen)
    if learned:
        verdicts = (cast("Judging", strategy) if judge is None else judge).verdicts(seen)
    return [Ranked(*one) for one in zip(seen, strategy.rank(seen), verdicts, strict=True)]


class LooksAtAll:
    """Base of strategies that ask every arm, have no parameters and leave p and q to a judge."""

    judges = False
    params: Mapping[str, float] = {}

    def view(self, ballots: Sequence[Ballot]) -> Sequence[Ballot]:
        """See `Strategy.view`."""
        return ballots


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
        return [_by_weight(ballot, [float(len(option.arms)) for option in ballot.options]) for ballot in ballots]


def _by_weight(ballot: Ballot, weights: Sequence[float]) -> list[int]:
    """Positions of the options by weight, one an option; ties broken as `vote` does."""
    order: list[int] = []
    heaviest_first = sorted(range(len(weights)), key=lambda option: -weights[option])
    for _, tied in groupby(heaviest_first, key=lambda option: weights[option]):
        order += _untied(ballot, list(tied))
    return order


def _untied(ballot: Ballot, tied: list[int]) -> list[int]:
    confidences = {option: confidence_of(ballot, ballot.options[option]) for option in tied}
    comparable = None not in confidences.values()

    def key(option: int) -> tuple[float, float, int]:
        arms = ballot.options[option].arms
        illegal = sum(not ballot.legal(arm) for arm in arms) / len(arms)
        return -(confidences[option] or 0.0) if comparable else 0.0, illegal, arms[0]

    return sorted(tied, key=key) if len(tied) > 1 else tied


class Weighted(LooksAtAll):
    """Votes by F1: the state has for each arm {entity: weight, "": weight of an entity that had no rows}."""

    needs = True

    def __init__(self, state: State | None) -> None:
        self._weights: list[dict[str, float]] = [] if state is None else list(state["weights"])

    @staticmethod
    def fit(examples: Sequence[Example], _: Mapping[str, float]) -> State:
        """The weights of the arms. An arm that was never asked weighs 0."""
        return {"weights": [_weights(own) for own in _by_arm(examples)]}

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`."""
        orders = []
        for ballot in ballots:
            of_arm = [weights.get(ballot.entity.name, weights[""]) for weights in self._weights]
            orders.append(_by_weight(ballot, [sum(of_arm[arm] for arm in option.arms) for option in ballot.options]))
        return orders


def _weights(own: Sequence[tuple[Example, Outcome]]) -> dict[str, float]:
    outcomes: dict[str, list[int]] = defaultdict(list)
    for example, outcome in own:
        outcomes[example.ballot.entity.name].append(outcome)
    overall = _f1([outcome for of_entity in outcomes.values() for outcome in of_entity])
    weights = {
        name: (len(of_entity) * _f1(of_entity) + PRIOR_ROWS * overall) / (len(of_entity) + PRIOR_ROWS)
        for name, of_entity in sorted(outcomes.items())
    }
    return weights | {"": overall}


def _f1(outcomes: Sequence[int]) -> float:
    return Counts.of(np.array(outcomes, dtype=np.int64)).f1


def _by_arm(examples: Sequence[Example]) -> list[list[tuple[Example, Outcome]]]:
    """For each arm the examples that it was asked, with what its answer counts as."""
    arms = range(len(examples[0].ballot.answers)) if examples else ()
    return [
        [(one, _outcome(one, answer)) for one in examples if (answer := one.ballot.answers[arm]) is not None]
        for arm in arms
    ]


def _outcome(example: Example, answer: Answer) -> Outcome:
    if answer.quantity is None:
        return Outcome.FN if example.present else Outcome.TN
    return Outcome.TP if answer.quantity in example.rights else Outcome.FP


class Confidence(LooksAtAll):
    """The surest arm: the state has a calibration of each; without one it goes by what the arms say themselves."""

    needs = False

    def __init__(self, state: State | None = None) -> None:
        self._calibrations = None if state is None else [Logistic(**plain) for plain in state["arms"]]

    @staticmethod
    def fit(examples: Sequence[Example], _: Mapping[str, float]) -> State:
        """A calibration of each arm: the probability that what it says, nothing included, is right."""
        fitted = []
        for arm, own in enumerate(_by_arm(examples)):
            rows = [answer_features(example.ballot, arm) for example, _ in own]
            fitted.append(asdict(fit_logistic(rows, [outcome in (Outcome.TP, Outcome.TN) for _, outcome in own])))
        return {"arms": fitted}

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`."""
        return [_by_confidence(*pair) for pair in zip(ballots, self._confidences(ballots), strict=True)]

    def _confidences(self, ballots: Sequence[Ballot]) -> list[list[float | None]]:
        """For each ballot the confidence of each arm; None for an arm that was not asked or has none."""
        if self._calibrations is None:
            return [[stated_confidence(answer) if answer else None for answer in one.answers] for one in ballots]
        found: list[list[float | None]] = [[None] * len(ballot.answers) for ballot in ballots]
        for arm, calibration in enumerate(self._calibrations):
            asked = [place for place, ballot in enumerate(ballots) if ballot.answers[arm] is not None]
            chances = calibration.probabilities([answer_features(ballots[place], arm) for place in asked])
            for place, chance in zip(asked, chances, strict=True):
                found[place][arm] = float(chance)
        return found


def _by_confidence(ballot: Ballot, sure: Sequence[float | None]) -> list[int]:
    comparable = all(sure[arm] is not None for arm in ballot.asked)

    def key(option: int) -> tuple[float, int]:
        arms = ballot.options[option].arms
        return -max(sure[arm] or 0.0 for arm in arms) if comparable else 0.0, arms[0]

    return sorted(range(len(ballot.options)), key=key)


def likeliest_first(verdict: Verdict) -> list[int]:
    """Positions of the options by p; equals in their order."""
    return sorted(range(len(verdict.right)), key=lambda option: -verdict.right[option])


class Stack(LooksAtAll):
    """The most probable option."""

    needs = True
    judges = True

    def __init__(self, state: State | None) -> None:
        self._judge = None if state is None else Judge(**state)

    @staticmethod
    def fit(examples: Sequence[Example], _: Mapping[str, float]) -> State:
        """The judge's models."""
        return asdict(fit_judge(examples))

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """The judge's."""
        assert self._judge is not None
        return self._judge.verdicts(ballots)

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`; of ballots as `view` gives them."""
        return list(map(likeliest_first, self.verdicts(ballots)))


class Cascade(Stack):
    """The cheap arms first.

    The state: number of cheap arms, the two judges, F, what each entity wins back, and the least gain to ask for.
    """

    params: Mapping[str, float] = {"ask": 0.4, "cost": 0.0, "first": 1.0}
    """ask: at most this share of the rows; cost: of asking once, in F1 units of one row; first: how many arms of the
    front are cheap and always asked."""

    def __init__(self, state: State | None) -> None:
        self._state = state or {}
        if state is not None:
            self._first, self._cheap, self._full = int(state["first"]), Judge(**state["cheap"]), Judge(**state["full"])

    @staticmethod
    def fit(examples: Sequence[Example], params: Mapping[str, float]) -> State:
        """The judges from all rows; gains from rows that neither judge had seen."""
        learned = learn(examples, int(params["first"]))
        return {
            "first": learned.first, "cheap": asdict(learned.cheap), "full": asdict(learned.full),
            "f": learned.reached, "rates": learned.rates, "least": max(learned.least(params["ask"]), params["cost"]),
        }  # fmt: skip

    def view(self, ballots: Sequence[Ballot]) -> list[Ballot]:
        """Without the answers that are not asked for."""
        reached, rates, least = (self._state[name] for name in ("f", "rates", "least"))
        cheap = [first_arms_only(ballot, self._first) for ballot in ballots]
        return [
            # arms that have nothing to say to this question leave it to the others
            ballot if expected_gain(alone, verdict, reached, rates) > least or not alone.asked else alone
            for ballot, alone, verdict in zip(ballots, cheap, self._cheap.verdicts(cheap), strict=True)
        ]

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """Of ballots as `view` gives them: by the judge that knows such ballots."""
        further = [asks_others(ballot, self._first) for ballot in ballots]
        cheap, full = (
            iter(judge.verdicts([ballot for ballot, asked in zip(ballots, further, strict=True) if asked is kind]))
            for judge, kind in ((self._cheap, False), (self._full, True))
        )
        return [next(full if asked else cheap) for asked in further]


_OBJECTIVE = Objective(CHALLENGE_F1)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A labelled row as the judges of the other folds see it, before and after the other arms are asked."""

    example: Example
    alone: Ballot
    cheap: Verdict
    full: Verdict


@dataclass(frozen=True)
class Learned:
    """What the rows teach a cascade, whatever share is to be asked."""

    first: int  # number of cheap arms
    cheap: Judge  # of the cheap arms' ballots
    full: Judge  # of whole ballots
    reached: float  # the F that the cheap arms reach
    rates: Mapping[str, float]  # for each entity the share of the loss that the others win back; under "" of all rows
    held_out: tuple[HeldOut, ...]
    gains: tuple[float, ...]  # to expect of asking, for each of these rows on which there is anybody to ask

    def least(self, ask: float) -> float:
        """The gain that this share of the rows exceeds; 0 where fewer gain anything."""
        return float(np.quantile(self.gains, 1.0 - ask)) if self.gains and ask < 1.0 else 0.0


def learn(examples: Sequence[Example], first: int) -> Learned:
    """Fits the judges, and on each fold the judges of the other folds to see what asking brings."""
    alone = [replace(example, ballot=first_arms_only(example.ballot, first)) for example in examples]
    held_out: list[HeldOut] = []
    for fold in sorted({example.ballot.fold for example in examples}):
        own = [place for place, example in enumerate(examples) if example.ballot.fold == fold]
        rest = [place for place, example in enumerate(examples) if example.ballot.fold != fold]
        before, after = (
            fit_judge([rows[place] for place in rest]).verdicts([rows[place].ballot for place in own])
            for rows in (alone, examples)
        )
        held_out += [
            HeldOut(examples[place], alone[place].ballot, *pair)
            for place, *pair in zip(own, before, after, strict=True)
        ]
    reached = _OBJECTIVE.threshold(
        [best(row.cheap, row.alone)[0] for row in held_out], [row.cheap.present for row in held_out]
    )
    asked = [row for row in held_out if asks_others(row.example.ballot, first)]
    rates = _rates(asked, reached)
    gains = tuple(expected_gain(row.alone, row.cheap, reached, rates) for row in asked)
    return Learned(first, fit_judge(alone), fit_judge(examples), reached, rates, tuple(held_out), gains)


def first_arms_only(ballot: Ballot, first: int) -> Ballot:
    """The ballot as it was before any arm behind the first ones was asked."""
    found = {
        (arm, quantity): evidence
        for option in ballot.options
        for arm, quantity, evidence in zip(option.arms, option.spoken, option.found, strict=False)  # none of nothing
    }
    answers = [answer if arm < first else None for arm, answer in enumerate(ballot.answers)]
    return make_ballot(
        ballot.index, ballot.entity, answers, fold=ballot.fold, find=lambda *key: found[key],
        candidates=ballot.candidates,
    )  # fmt: skip


def asks_others(ballot: Ballot, first: int) -> bool:
    """Whether any arm behind the first ones was asked."""
    return any(arm >= first for arm in ballot.asked)


def best(verdict: Verdict, ballot: Ballot) -> tuple[float, Option | None]:
    """The most probable answer and its p; 0 and None where none is given."""
    pairs = zip(verdict.right, ballot.options, strict=True)
    given = (pair for pair in pairs if pair[1].quantity is not None)
    return max(given, key=lambda pair: pair[0], default=(0.0, None))


def expected_gain(alone: Ballot, verdict: Verdict, reached: float, rates: Mapping[str, float]) -> float:
    """What asking the others is expected to gain, from what the cheap arms said."""
    loss = shortfall(best(verdict, alone)[0], verdict.present, reached)
    return loss * rates.get(alone.entity.name, rates[""])


def shortfall(right: float, present: float, reached: float) -> float:
    """How far the expected gain of the best decision stands below that of knowing the truth."""
    given = right * (2.0 - reached) - reached
    withheld = -reached * present
    return present * (2.0 - 2.0 * reached) - max(given, withheld)


def _rates(asked: Sequence[HeldOut], reached: float) -> dict[str, float]:
    """See `Learned`; at least 0."""
    gains: dict[str, list[float]] = defaultdict(list)
    losses: dict[str, list[float]] = defaultdict(list)
    for row in asked:
        gain = _score(row.example, row.full, row.example.ballot, reached)
        gain -= _score(row.example, row.cheap, row.alone, reached)
        name = row.alone.entity.name
        gains[name].append(gain)
        losses[name].append(shortfall(best(row.cheap, row.alone)[0], row.cheap.present, reached))
    every = [gain for own in gains.values() for gain in own]
    lost = sum(loss for own in losses.values() for loss in own)
    if not every or lost <= 0.0:
        return {"": 0.0}
    overall = sum(every) / lost
    prior = PRIOR_ROWS * (lost / len(every))
    rates = {name: (sum(gains[name]) + prior * overall) / (sum(losses[name]) + prior) for name in sorted(gains)}
    return {name: max(0.0, rate) for name, rate in [*rates.items(), ("", overall)]}


def _score(example: Example, verdict: Verdict, ballot: Ballot, reached: float) -> float:
    """What the decision on these chances really brings."""
    p, option = best(verdict, ballot)
    if option is None or not _OBJECTIVE.gives(p, verdict.present, reached):
        return -reached if example.present else 0.0
    return 2.0 - 2.0 * reached if option.quantity in example.rights else -reached
