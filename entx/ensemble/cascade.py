"""`cascade`: the first arms are cheap; the others are asked only where that is expected to gain more than it costs.

From the cheap arms' answers alone a judge tells p and q, and so how far the expected score stands below a perfect
answer's: the most that asking could gain. How much of that the other arms win back is learned for each entity (a vision
model helps with weights and hardly with heights). What was not asked is not looked at: neither by the choice nor by the
decision, though the answer may stand in the store. Questions that were asked further are judged by what `stack` would
learn, the others by what it would learn of the cheap arms alone.

Gains are in units of the challenge's F1 around its optimum F: a right answer counts 2 - 2F, a wrong one and a missed
one -F (see `decision`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from entx.core.types import Evidence, Quantity
from entx.ensemble.ballot import Ballot, Option, make_ballot
from entx.ensemble.decision import CHALLENGE_F1, Objective
from entx.ensemble.judge import Judge, Verdict, fit_judge
from entx.ensemble.strategy import Example, State

PRIOR_ROWS = 20.0
"""Rows of an average entity that are added to each entity's own before its share of the gain is taken."""

_OBJECTIVE = Objective(CHALLENGE_F1)


class Cascade:
    """The cheap arms first.

    Args:
        state: number of cheap arms, the two judges, F, what each entity wins back, and the least gain to ask for.
    """

    needs = True
    judges = True
    params: Mapping[str, float] = {"ask": 0.4, "cost": 0.0, "first": 1.0}
    """ask: at most this share of the rows; cost: of asking once, in F1 units of one row; first: how many arms of the
    front are cheap and always asked."""

    def __init__(self, state: State | None) -> None:
        self._state = state or {}
        if state is not None:
            self._cheap, self._full = Judge.of(state["cheap"]), Judge.of(state["full"])

    @classmethod
    def fit(cls, examples: Sequence[Example], params: Mapping[str, float]) -> State:
        """The judges from all rows; gains from rows that neither judge had seen."""
        learned = learn(examples, int(params["first"]))
        return {
            "first": learned.first, "cheap": learned.cheap.as_dict(), "full": learned.full.as_dict(),
            "f": learned.reached, "rates": learned.rates, "least": max(learned.least(params["ask"]), params["cost"]),
        }  # fmt: skip

    def view(self, ballots: Sequence[Ballot]) -> list[Ballot]:
        """Without the answers that are not asked for."""
        first, reached, rates = int(self._state["first"]), self._state["f"], self._state["rates"]
        cheap = [first_arms_only(ballot, first) for ballot in ballots]
        seen = []
        for ballot, alone, verdict in zip(ballots, cheap, self._cheap.verdicts(cheap), strict=True):
            gain = expected_gain(alone, verdict, reached, rates)
            # arms that have nothing to say to this question leave it to the others
            seen.append(ballot if gain > self._state["least"] or not alone.asked else alone)
        return seen

    def verdicts(self, ballots: Sequence[Ballot]) -> list[Verdict]:
        """Of ballots as `view` gives them: by the judge that knows such ballots."""
        first = int(self._state["first"])
        cheap = iter(self._cheap.verdicts([ballot for ballot in ballots if not asks_others(ballot, first)]))
        full = iter(self._full.verdicts([ballot for ballot in ballots if asks_others(ballot, first)]))
        return [next(full if asks_others(ballot, first) else cheap) for ballot in ballots]

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`; of ballots as `view` gives them."""
        return [
            sorted(range(len(verdict.right)), key=lambda option: -verdict.right[option])
            for verdict in self.verdicts(ballots)
        ]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A labelled row as the judges of the other folds see it, before and after the other arms are asked."""

    example: Example
    alone: Ballot
    cheap: Verdict
    full: Verdict


@dataclass(frozen=True)
class Learned:
    """What the rows teach, whatever share is to be asked.

    Args:
        first: number of cheap arms.
        cheap, full: judges of the cheap arms' ballots and of whole ones.
        reached: the F that the cheap arms reach.
        rates: for each entity the share of the loss that the other arms win back, under "" that of all rows.
        held_out: the rows.
        gains: what asking is expected to gain on each of these on which there is anybody to ask.
    """

    first: int
    cheap: Judge
    full: Judge
    reached: float
    rates: Mapping[str, float]
    held_out: tuple[HeldOut, ...]
    gains: tuple[float, ...]

    def least(self, ask: float) -> float:
        """The gain that this share of the rows exceeds; 0 where fewer gain anything."""
        return float(np.quantile(self.gains, 1.0 - ask)) if self.gains and ask < 1.0 else 0.0


def learn(examples: Sequence[Example], first: int) -> Learned:
    """Fits the judges, and on each fold the judges of the other folds to see what asking brings."""
    cheap_rows = [replace(example, ballot=first_arms_only(example.ballot, first)) for example in examples]
    held_out: list[HeldOut] = []
    for fold in sorted({example.ballot.fold for example in examples}):
        own = [place for place, example in enumerate(examples) if example.ballot.fold == fold]
        rest = [place for place, example in enumerate(examples) if example.ballot.fold != fold]
        of_cheap, of_full = (
            fit_judge([rows[place] for place in rest]).verdicts([rows[place].ballot for place in own])
            for rows in (cheap_rows, examples)
        )
        held_out += [
            HeldOut(examples[place], cheap_rows[place].ballot, before, after)
            for place, before, after in zip(own, of_cheap, of_full, strict=True)
        ]
    reached = _OBJECTIVE.threshold(
        [best(row.cheap, row.alone)[0] for row in held_out], [row.cheap.present for row in held_out]
    )
    rates = _rates(held_out, first, reached)
    gains = tuple(
        expected_gain(row.alone, row.cheap, reached, rates)
        for row in held_out
        if asks_others(row.example.ballot, first)
    )
    return Learned(first, fit_judge(cheap_rows), fit_judge(examples), reached, rates, tuple(held_out), gains)


def first_arms_only(ballot: Ballot, first: int) -> Ballot:
    """The ballot as it was before any arm behind the first ones was asked."""
    found = {
        (arm, quantity): evidence
        for option in ballot.options
        for arm, quantity, evidence in zip(option.arms, option.spoken, option.found, strict=False)  # none of nothing
    }
    answers = [answer if arm < first else None for arm, answer in enumerate(ballot.answers)]

    def find(arm: int, quantity: Quantity) -> Evidence:
        return found[arm, quantity]

    return make_ballot(
        ballot.index, ballot.entity, answers, fold=ballot.fold, find=find, candidates=ballot.candidates
    )  # fmt: skip


def asks_others(ballot: Ballot, first: int) -> bool:
    """Whether any arm behind the first ones was asked."""
    return any(arm >= first for arm in ballot.asked)


def best(verdict: Verdict, ballot: Ballot) -> tuple[float, Option | None]:
    """The most probable answer and its p; 0 and None where none is given."""
    given = [
        (p, option) for p, option in zip(verdict.right, ballot.options, strict=True) if option.quantity is not None
    ]
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


def _rates(held_out: Sequence[HeldOut], first: int, reached: float) -> dict[str, float]:
    """See `Learned`; at least 0."""
    gains: dict[str, list[float]] = defaultdict(list)
    losses: dict[str, list[float]] = defaultdict(list)
    for row in held_out:
        if not asks_others(row.example.ballot, first):
            continue
        gain = _score(row.example, row.full, row.example.ballot, reached)
        gain -= _score(row.example, row.cheap, row.alone, reached)
        name = row.alone.entity.name
        gains[name].append(gain)
        losses[name].append(shortfall(best(row.cheap, row.alone)[0], row.cheap.present, reached))
    every = [gain for own in gains.values() for gain in own]
    lost = sum(loss for own in losses.values() for loss in own)
    if not every or lost <= 0.0:
        return {"": 0.0}
    overall, a_row = sum(every) / lost, lost / len(every)
    prior = PRIOR_ROWS * a_row
    rates = {
        name: max(0.0, (sum(gains[name]) + prior * overall) / (sum(losses[name]) + prior)) for name in sorted(gains)
    }
    return {**rates, "": max(0.0, overall)}


def _score(example: Example, verdict: Verdict, ballot: Ballot, reached: float) -> float:
    """What the decision on these chances really brings."""
    p, option = best(verdict, ballot)
    if option is None or not _OBJECTIVE.gives(p, verdict.present, reached):
        return -reached if example.present else 0.0
    return 2.0 - 2.0 * reached if option.quantity in example.rights else -reached
