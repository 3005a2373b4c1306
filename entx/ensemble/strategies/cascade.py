"""`cascade`: the first arm is cheap; the others are asked only where that is expected to gain more than it costs.

From the first arm's answer alone a judge tells p and q, and so how far the expected score stands below a perfect
answer's: the most that asking could gain. How much of that the other arms win back is learned for each entity (a vision
model helps with weights and hardly with heights). What was not asked is not looked at: neither by the choice nor by the
decision, though the answer may stand in the store.

Gains are in units of the challenge's F1 around its optimum F: a right answer counts 2 - 2F, a wrong one and a missed
one -F (see `decision`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from entx.core.types import NO_EVIDENCE
from entx.ensemble.ballot import Ballot, Option
from entx.ensemble.decision import CHALLENGE_F1, Objective
from entx.ensemble.judge import Judge, Verdict, fit_judge
from entx.ensemble.strategy import Example, State

PRIOR_ROWS = 20.0
"""Rows of an average entity that are added to each entity's own before its share of the gain is taken."""

_OBJECTIVE = Objective(CHALLENGE_F1)


class Cascade:
    """The cheap arm first.

    Args:
        state: the two judges, F, what each entity wins back, and the least expected gain to ask for.
    """

    needs = True
    params: Mapping[str, float] = {"ask": 0.4, "cost": 0.0}
    """ask: at most this share of the rows; cost: of asking once, in F1 units of one row."""

    def __init__(self, state: State | None) -> None:
        self._state = state or {}
        if state is not None:
            self._cheap, self._full = Judge.of(state["cheap"]), Judge.of(state["full"])

    @classmethod
    def fit(cls, examples: Sequence[Example], params: Mapping[str, float]) -> State:
        """The judges from all rows; gains from rows that neither judge had seen."""
        cheap_rows = [replace(example, ballot=first_arm_only(example.ballot)) for example in examples]
        cheap, full = fit_judge(cheap_rows), fit_judge(examples)
        held_out: list[tuple[Example, Verdict, Verdict]] = []
        for fold in sorted({example.ballot.fold for example in examples}):
            own = [place for place, example in enumerate(examples) if example.ballot.fold == fold]
            rest = [place for place, example in enumerate(examples) if example.ballot.fold != fold]
            without = [fit_judge([rows[place] for place in rest]) for rows in (cheap_rows, examples)]
            of_cheap = without[0].verdicts([cheap_rows[place].ballot for place in own])
            of_full = without[1].verdicts([examples[place].ballot for place in own])
            held_out += list(zip([examples[place] for place in own], of_cheap, of_full, strict=True))
        best = [_best(verdict, first_arm_only(example.ballot)) for example, verdict, _ in held_out]
        reached = _OBJECTIVE.threshold([p for p, _ in best], [verdict.present for _, verdict, _ in held_out])
        rates = _rates(held_out, reached)
        losses = [
            _loss(p, verdict.present, reached) * rates.get(example.ballot.entity.name, rates[""])
            for (p, _), (example, verdict, _) in zip(best, held_out, strict=True)
            if _asks_others(example.ballot)
        ]
        least = float(np.quantile(losses, 1.0 - params["ask"])) if losses and params["ask"] < 1.0 else 0.0
        return {
            "cheap": cheap.as_dict(), "full": full.as_dict(), "f": reached, "rates": rates,
            "least": max(least, params["cost"]),
        }  # fmt: skip

    def view(self, ballots: Sequence[Ballot]) -> list[Ballot]:
        """Without the answers that are not asked for."""
        cheap = [first_arm_only(ballot) for ballot in ballots]
        seen = []
        for ballot, alone, verdict in zip(ballots, cheap, self._cheap.verdicts(cheap), strict=True):
            rates = self._state["rates"]
            gain = _loss(_best(verdict, alone)[0], verdict.present, self._state["f"])
            gain *= rates.get(ballot.entity.name, rates[""])
            # an arm that has nothing to say to this question leaves it to the others
            seen.append(ballot if gain > self._state["least"] or not alone.asked else alone)
        return seen

    def rank(self, ballots: Sequence[Ballot]) -> list[list[int]]:
        """See `Strategy.rank`; of ballots as `view` gives them."""
        orders = []
        for ballot, cheap, full in zip(
            ballots, self._cheap.verdicts(ballots), self._full.verdicts(ballots), strict=True
        ):
            right = (cheap if ballot.asked == (0,) else full).right
            orders.append(sorted(range(len(right)), key=lambda option: -right[option]))
        return orders


def first_arm_only(ballot: Ballot) -> Ballot:
    """The ballot as it was before any other arm was asked."""
    options = [_of_first_arm(option, ballot) for option in ballot.options if 0 in option.arms]
    answers = (ballot.answers[0], *[None] * (len(ballot.answers) - 1))
    return replace(ballot, answers=answers, options=tuple(option for option in options if option is not None))


def _of_first_arm(option: Option, ballot: Ballot) -> Option | None:
    """The option in the first arm's own form; None where only another arm's form is legal."""
    if option.quantity is None:
        return Option(None, (0,))
    own = option.spoken[0]
    if own.unit not in ballot.entity.units:
        return None
    return Option(own, (0,), option.evidence if own == option.quantity else NO_EVIDENCE, (own,))


def _asks_others(ballot: Ballot) -> bool:
    return any(arm > 0 for arm in ballot.asked)


def _best(verdict: Verdict, ballot: Ballot) -> tuple[float, Option | None]:
    """The most probable answer and its p; 0 and None where none is given."""
    given = [
        (p, option) for p, option in zip(verdict.right, ballot.options, strict=True) if option.quantity is not None
    ]
    return max(given, key=lambda pair: pair[0], default=(0.0, None))


def _loss(right: float, present: float, reached: float) -> float:
    """How far the expected gain of the best decision stands below that of knowing the truth."""
    given = right * (2.0 - reached) - reached
    withheld = -reached * present
    return present * (2.0 - 2.0 * reached) - max(given, withheld)


def _rates(held_out: Sequence[tuple[Example, Verdict, Verdict]], reached: float) -> dict[str, float]:
    """For each entity the share of the loss that the other arms win back, under "" that of all rows; at least 0."""
    gains: dict[str, list[float]] = defaultdict(list)
    losses: dict[str, list[float]] = defaultdict(list)
    for example, cheap, full in held_out:
        if not _asks_others(example.ballot):
            continue
        alone = first_arm_only(example.ballot)
        gain = _score(example, full, example.ballot, reached) - _score(example, cheap, alone, reached)
        name = example.ballot.entity.name
        gains[name].append(gain)
        losses[name].append(_loss(_best(cheap, alone)[0], cheap.present, reached))
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
    p, option = _best(verdict, ballot)
    if option is None or not _OBJECTIVE.gives(p, verdict.present, reached):
        return -reached if example.present else 0.0
    return 2.0 - 2.0 * reached if option.quantity in example.rights else -reached
