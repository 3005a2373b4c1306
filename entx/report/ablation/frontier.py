"""The frontier of the cascade: what F1 it reaches for each share of the questions on which it asks the costly arms.

At a share of 0 it is `stack` over the cheap arms alone, at 1 `stack` over all of them. In between it asks where that is
expected to gain most, and by how much could be gained where it expects nothing: `--param ask` with no least gain. Each
question is decided by models of the other folds of pictures; shares and thresholds are those of held-out rows of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entx.core.evaluation import Counts, bootstrap_f1
from entx.core.types import NO_EVIDENCE, Answer
from entx.ensemble.ballot import Ballot, Example
from entx.ensemble.decision import CHALLENGE_F1, Objective
from entx.ensemble.judge import Verdict
from entx.ensemble.strategies import Learned, asks_others, best, expected_gain, first_arms_only, learn, shortfall
from entx.report.ablation.columns import ENSEMBLE_STAGE, HYBRID, Column
from entx.report.ablation.cost import hybrid_costs
from entx.report.ablation.gold import Gold
from entx.report.ablation.pairs import compared
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm

ASKS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Shares of the questions."""

NEAR = 0.01
"""As good as asking all: so much less in F1 at most."""

VLM_STAGE = "vlm"

_OBJECTIVE = Objective(CHALLENGE_F1)

Worth = tuple[float, float]
"""Of asking: the gain that is expected, and what could be gained at most. Compared in this order."""


@dataclass(frozen=True)
class Frontier:
    """The cascade at each share of `ASKS`.

    Args:
        runs: names of the arms.
        first: how many of them are cheap and always asked.
        columns: what it says to each row, one a share.
        asked: the share of rows on which the others were really asked, one a share.
    """

    runs: tuple[str, ...]
    first: int
    columns: tuple[Column, ...]
    asked: tuple[float, ...]


def cheap_arms(arms: Sequence[Arm]) -> int:
    """How many arms stand before the first that looks at pictures with a model; at least one, and not all."""
    before = next((place for place, arm in enumerate(arms) if arm.stage == VLM_STAGE), 1)
    return max(1, min(before, len(arms) - 1))


def sweep(examples: Sequence[Example], arms: Sequence[Arm], gold: Gold) -> Frontier:
    """Decides every row at every share; what is learned is learned once a fold.

    Raises:
        InputError: scikit-learn is not installed.
    """
    first = cheap_arms(arms)
    said: list[dict[int, Answer]] = [{} for _ in ASKS]
    asked = [0] * len(ASKS)
    for fold in range(FOLDS):
        own = [example.ballot for example in examples if example.ballot.fold == fold]
        if not own:
            continue
        learned = learn([example for example in examples if example.ballot.fold != fold], first)
        alone = [first_arms_only(ballot, first) for ballot in own]
        cheap, full = learned.cheap.verdicts(alone), learned.full.verdicts(own)
        worth = [_worth(learned, ballot, verdict) for ballot, verdict in zip(alone, cheap, strict=True)]
        for number, ask in enumerate(ASKS):
            least = _least(learned, ask)
            threshold = _threshold(learned, least)
            for place, ballot in enumerate(own):
                further = asks_others(ballot, first) and (_exceeds(worth[place], least) or not alone[place].asked)
                asked[number] += further
                seen, verdict = (ballot, full[place]) if further else (alone[place], cheap[place])
                said[number][ballot.index] = _answer(seen, verdict, threshold)
    columns = tuple(
        Column(f"ask {ask:g}", HYBRID, ENSEMBLE_STAGE, tuple(answers.get(row.index) for row in gold.rows), gold)
        for ask, answers in zip(ASKS, said, strict=True)
    )
    return Frontier(
        tuple(arm.run for arm in arms), first, columns, tuple(count / max(len(examples), 1) for count in asked)
    )


def frontier(
    found: Frontier | None, of_runs: Mapping[str, Mapping[str, Any]], price: float | None, seed: int
) -> dict[str, Any] | None:
    """The figures; None without a sweep.

    Args:
        of_runs: what `cost.costs` found.

    Returns:
        cheap, costly: names of runs; near: the least asked share whose F1 is at most `NEAR` below asking all;
        points: ask, asked, f1, low, high, difference (to asking all) with its own low and high under "against",
        seconds and cost for 1,000 rows (None where a run that is asked brought no times).
    """
    if found is None:
        return None
    cheap, costly = found.runs[: found.first], found.runs[found.first :]
    looked = {
        column.name: {**dict.fromkeys(cheap, 1.0), **dict.fromkeys(costly, share)}
        for column, share in zip(found.columns, found.asked, strict=True)
    }
    costs = hybrid_costs(looked, of_runs, price)
    points = []
    for ask, share, column in zip(ASKS, found.asked, found.columns, strict=True):
        span = bootstrap_f1(column.outcomes, column.gold.groups, seed=seed)
        points.append({
            "ask": ask, "asked": share, "f1": Counts.of(column.outcomes).f1, "low": span.low, "high": span.high,
            "against": compared(found.columns[-1], column, seed),
            "seconds": costs[column.name]["seconds"], "cost": costs[column.name]["cost"],
        })  # fmt: skip
    near = min(point["asked"] for point in points if point["f1"] >= points[-1]["f1"] - NEAR)
    return {"cheap": list(cheap), "costly": list(costly), "near": near, "points": points}


def _worth(learned: Learned, alone: Ballot, verdict: Verdict) -> Worth:
    most = shortfall(best(verdict, alone)[0], verdict.present, learned.reached)
    return expected_gain(alone, verdict, learned.reached, learned.rates), most


def _least(learned: Learned, ask: float) -> Worth | None:
    """What this share of the held-out rows exceeds; None is exceeded by all."""
    worth = sorted(
        (
            _worth(learned, row.alone, row.cheap)
            for row in learned.held_out
            if asks_others(row.example.ballot, learned.first)
        ),
        reverse=True,
    )
    number = round(ask * len(worth))
    if ask <= 0.0:
        return (float("inf"), 0.0)
    return worth[number] if number < len(worth) else None


def _exceeds(worth: Worth, least: Worth | None) -> bool:
    return least is None or worth > least


def _threshold(learned: Learned, least: Worth | None) -> float:
    """The F of the decision where so many are asked."""
    chances = []
    for row in learned.held_out:
        further = asks_others(row.example.ballot, learned.first) and (
            _exceeds(_worth(learned, row.alone, row.cheap), least) or not row.alone.asked
        )
        verdict, ballot = (row.full, row.example.ballot) if further else (row.cheap, row.alone)
        chances.append((best(verdict, ballot)[0], verdict.present))
    return _OBJECTIVE.threshold([p for p, _ in chances], [q for _, q in chances])


def _answer(ballot: Ballot, verdict: Verdict, threshold: float) -> Answer:
    p, option = best(verdict, ballot)
    given = option is not None and _OBJECTIVE.gives(p, verdict.present, threshold)
    return Answer(
        option.quantity if given and option else None,
        evidence=option.evidence if given and option else NO_EVIDENCE,
        p_correct=p if given else None,
        p_present=verdict.present,
    )
