"""Hybrids that are decided here, from the stored answers of the arms: every strategy of `entx.ensemble`.

What learns is cross-validated by picture (`entx.ensemble.fit`): a labelled picture never decides its own answer, so the
scores on the very rows that were learned from are out of fold.

The frontier of the cascade tells what F1 it reaches for each share of the questions on which it asks the costly arms.
At a share of 0 it is `stack` over the cheap arms alone, at 1 `stack` over all of them. In between it asks where that is
expected to gain most, and by how much could be gained where it expects nothing: `--param ask` with no least gain. Each
question is decided by models of the other folds of pictures; shares and thresholds are those of held-out rows of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import Counts, Truth, bootstrap_f1
from entx.core.types import Answer, PageKey
from entx.ensemble.ballot import Ballot, Example, ballots
from entx.ensemble.fit import Fitted, examples_of, fit_ensemble, load_fitted
from entx.ensemble.job import OWN, Choice, Chooser, Policy
from entx.ensemble.judge import CHALLENGE_F1, Objective, Verdict
from entx.ensemble.strategies import (
    Learned,
    asks_others,
    best,
    expected_gain,
    find_strategy,
    first_arms_only,
    learn,
    shortfall,
)
from entx.report.columns import ENSEMBLE_STAGE, HYBRID, VLM_STAGE, Column, Gold, paired_difference
from entx.report.figures import hybrid_costs
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm, ArmsRow
from entx.storage.store import Store

ASKS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Shares of the questions."""

CLOSE = 0.01
"""As good as asking all: so much less in F1 at most."""

_OBJECTIVE = Objective(CHALLENGE_F1)

Worth = tuple[float, float]
"""Of asking: the gain that is expected, and what could be gained at most. Compared in this order."""


@dataclass(frozen=True)
class Frontier:
    """The cascade at each share of `ASKS`."""

    runs: tuple[str, ...]
    first: int  # so many of them, the first, are cheap and always asked
    columns: tuple[Column, ...]  # what it says to each row
    asked: tuple[float, ...]  # the share of rows on which it really asked


class _Case(NamedTuple):
    """A question before and after the costly arms are asked, and what asking them is worth."""

    ballot: Ballot
    alone: Ballot
    cheap: Verdict
    full: Verdict
    worth: Worth

    @classmethod
    def of(cls, learned: Learned, ballot: Ballot, alone: Ballot, cheap: Verdict, full: Verdict) -> _Case:
        most = shortfall(best(cheap, alone)[0], cheap.present, learned.reached)
        return cls(ballot, alone, cheap, full, (expected_gain(alone, cheap, learned.reached, learned.rates), most))

    def seen(self, first: int, least: Worth | None) -> tuple[bool, Ballot, Verdict]:
        """Whether the costly arms are asked where that must be worth more than `least`, and what is known then."""
        further = asks_others(self.ballot, first) and (least is None or self.worth > least or not self.alone.asked)
        return (True, self.ballot, self.full) if further else (False, self.alone, self.cheap)


def cheap_arms(arms: Sequence[Arm]) -> int:
    """How many arms stand before the first that looks at pictures with a model; at least one, and not all."""
    before = next((place for place, arm in enumerate(arms) if arm.stage == VLM_STAGE), 1)
    return max(1, min(before, len(arms) - 1))


def sweep(examples: Sequence[Example], arms: Sequence[Arm], gold: Gold) -> Frontier:
    """Decides every row at every share; what is learned (by scikit-learn, else InputError) is learned once a fold."""
    first = cheap_arms(arms)
    answers: list[dict[int, Answer]] = [{} for _ in ASKS]
    asked = [0] * len(ASKS)
    for fold in range(FOLDS):
        own = [example.ballot for example in examples if example.ballot.fold == fold]
        if not own:
            continue
        learned = learn([example for example in examples if example.ballot.fold != fold], first)
        alone = [first_arms_only(ballot, first) for ballot in own]
        verdicts = learned.cheap.verdicts(alone), learned.full.verdicts(own)
        cases = [_Case.of(learned, *one) for one in zip(own, alone, *verdicts, strict=True)]
        held_out = [_Case.of(learned, one.example.ballot, one.alone, one.cheap, one.full) for one in learned.held_out]
        worth = sorted((case.worth for case in held_out if asks_others(case.ballot, first)), reverse=True)
        for number, ask in enumerate(ASKS):
            least = _least(worth, ask)
            known = [case.seen(first, least)[1:] for case in held_out]
            p = [best(verdict, ballot)[0] for ballot, verdict in known]
            threshold = _OBJECTIVE.threshold(p, [verdict.present for _, verdict in known])
            for case in cases:
                further, ballot, verdict = case.seen(first, least)
                asked[number] += further
                answers[number][ballot.index] = _answer_at(ballot, verdict, threshold)
    columns = tuple(_column(f"ask {ask:g}", own, gold) for ask, own in zip(ASKS, answers, strict=True))
    shares = tuple(count / max(len(examples), 1) for count in asked)
    return Frontier(tuple(arm.run for arm in arms), first, columns, shares)


def frontier_figures(
    found: Frontier | None, of_runs: Mapping[str, Mapping[str, Any]], price: float | None, seed: int
) -> dict[str, Any] | None:
    """The figures, with what `costs` found `of_runs`; None without a sweep.

    Returns:
        cheap, costly: names of runs; near: the least asked share whose F1 is at most `CLOSE` below asking all;
        points: ask, asked, f1, low, high, difference (to asking all) with its own low and high under "against",
        seconds and cost for 1,000 rows (None where a run that is asked brought no times).
    """
    if found is None:
        return None
    cheap, costly = list(found.runs[: found.first]), list(found.runs[found.first :])
    consulted = {
        column.name: {**dict.fromkeys(cheap, 1.0), **dict.fromkeys(costly, share)}
        for column, share in zip(found.columns, found.asked, strict=True)
    }
    costs = hybrid_costs(consulted, of_runs, price)
    points = []
    for ask, share, column in zip(ASKS, found.asked, found.columns, strict=True):
        span = bootstrap_f1(column.outcomes, column.gold.groups, seed=seed)
        points.append({
            "ask": ask, "asked": share, "f1": Counts.of(column.outcomes).f1, "low": span.low, "high": span.high,
            "against": paired_difference(found.columns[-1], column, seed),
            "seconds": costs[column.name]["seconds"], "cost": costs[column.name]["cost"],
        })  # fmt: skip
    near = min(point["asked"] for point in points if point["f1"] >= points[-1]["f1"] - CLOSE)
    return {"cheap": cheap, "costly": costly, "near": near, "points": points}


def _least(worth: Sequence[Worth], ask: float) -> Worth | None:
    """What this share of the held-out rows, the most worth first, exceeds; None is exceeded by all."""
    if ask <= 0.0:
        return (float("inf"), 0.0)
    number = round(ask * len(worth))
    return worth[number] if number < len(worth) else None


def _answer_at(ballot: Ballot, verdict: Verdict, threshold: float) -> Answer:
    p, option = best(verdict, ballot)
    if option is None or not _OBJECTIVE.gives(p, verdict.present, threshold):
        return Answer(None, p_present=verdict.present)
    return Answer(option.quantity, evidence=option.evidence, p_correct=p, p_present=verdict.present)


CASCADE = "cascade"


@dataclass(frozen=True)
class Hybrids:
    """What was decided; the mappings have the names of the hybrids."""

    columns: tuple[Column, ...] = ()
    always: Mapping[str, Column] = field(default_factory=dict)  # the same ranking, answering every row that has one
    # for each of its runs the share of the questions on which its answer was used; a cascade spares some
    consulted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    frontier: Frontier | None = None  # of the cascade; None where it is no strategy here or learns nothing
    notes: tuple[str, ...] = ()  # strategies that could not be run, and why


@dataclass(frozen=True)
class _Configuration:
    """A strategy with what it learned, when it answers, and the arms it is asked of; `shown` names it in the report."""

    shown: str
    strategy: str
    fitted: Fitted | None
    optimise: str
    places: tuple[int, ...]


def decide_hybrids(
    store: Store, strategies: Sequence[str], arms: Sequence[Arm], rows: Sequence[ArmsRow], gold: Gold, schema: Schema,
    key: PageKey | None, saved: Sequence[Path] = (),
) -> Hybrids:  # fmt: skip
    """Runs the strategies over the arms that are no ensembles themselves.

    Args:
        saved: files of fitted ensembles (`entx ensemble --save`), to be decided by too.
        rows: the questions that some arm was asked, with the answers of `arms`.
        key: the pages to ground in; None grounds nothing.

    Raises:
        InputError: an unknown strategy; a file that is none, or of other arms.
    """

    @cache
    def ballots_of(places: tuple[int, ...]) -> list[Ballot]:
        """Of the arms at these places, of the questions that some of them was asked."""
        own = (replace(row, answers=tuple(row.answers[place] for place in places)) for row in rows)
        asked = (row for row in own if any(answer is not None for answer in row.answers))
        batches = ballots(store, asked, [arms[place] for place in places], schema, key)
        return [ballot for batch in batches for ballot in batch]

    singles = tuple(place for place, arm in enumerate(arms) if arm.stage != ENSEMBLE_STAGE)
    members = [arms[place] for place in singles]
    factories = {name: find_strategy(name) for name in strategies}
    notes: list[str] = []
    if len(singles) < 2 and factories:
        factories = {}
        notes.append("no hybrids: fewer than two arms")
    truths = {row.index: Truth(row.index, row.truth, row.also) for row in gold.rows}
    examples = examples_of(ballots_of(singles), truths) if factories else []
    configurations, frontier = [], None
    for name, factory in factories.items():
        params = {"first": float(cheap_arms(members))} if "first" in factory.params else {}
        if not factory.needs:
            configurations.append(_Configuration(name, name, None, OWN, singles))
        try:
            fitted = fit_ensemble(name, members, schema.digest, examples, params)
        except InputError as error:  # too few labelled rows, or scikit-learn is not there
            notes.append(f"{name} learns nothing here: {error}")
            continue
        configurations.append(_Configuration(f"{name}+{CHALLENGE_F1}", name, fitted, CHALLENGE_F1, singles))
        if name == CASCADE:
            frontier = sweep(examples, members, gold)
    configurations += [_load_saved(path, arms, singles, schema) for path in saved]
    columns, always, consulted = [], {}, {}
    for one in configurations:
        own, runs = ballots_of(one.places), [arms[place].run for place in one.places]
        choices, every = (
            Chooser(one.strategy, runs, one.fitted, Policy(one.optimise, give)).choose(own) for give in (False, True)
        )
        columns.append(_column(one.shown, _answers(choices), gold))
        always[one.shown] = _column(one.shown, _answers(every), gold)
        consulted[one.shown] = {
            run: sum(choice.ballot.answers[arm] is not None for choice in choices) / max(len(choices), 1)
            for arm, run in enumerate(runs)
        }
    return Hybrids(tuple(columns), always, consulted, frontier, tuple(notes))


def _load_saved(path: Path, arms: Sequence[Arm], places: tuple[int, ...], schema: Schema) -> _Configuration:
    """What an earlier call learned: for its own runs where the report has them, else for all that are no ensembles.

    Raises:
        InputError: not such a file, or fitted for other arms or another schema.
    """
    fitted = load_fitted(path)
    known = {arms[place].run: place for place in places}
    if all(run in known for run in fitted.runs):
        places = tuple(known[run] for run in fitted.runs)
    try:
        fitted.check(fitted.strategy, [arms[place].stage for place in places], schema.digest)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return _Configuration(
        f"{fitted.strategy}+{CHALLENGE_F1} of {path.name}", fitted.strategy, fitted, CHALLENGE_F1, places
    )


def _column(name: str, answers: Mapping[int, Answer], gold: Gold) -> Column:
    return Column(name, HYBRID, ENSEMBLE_STAGE, tuple(answers.get(row.index) for row in gold.rows), gold)


def _answers(choices: Sequence[Choice]) -> dict[int, Answer]:
    """What was chosen, by question."""
    return {choice.ballot.index: choice.answer() for choice in choices}
