"""Hybrids that are decided here, from the stored answers of the arms: every strategy of `entx.ensemble`.

What learns is cross-validated by picture (`entx.ensemble.fit`): a labelled picture never decides its own answer, so the
scores on the very rows that were learned from are out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import Truth
from entx.core.types import NO_EVIDENCE, Answer, PageKey
from entx.ensemble.ballot import Ballot, ballots
from entx.ensemble.decision import CHALLENGE_F1
from entx.ensemble.fit import Fitted, examples_of, fit_ensemble, load_fitted
from entx.ensemble.job import OWN, Choice, Chooser, Policy
from entx.ensemble.strategies import StrategyFactory, find_strategy
from entx.report.ablation.columns import ENSEMBLE_STAGE, HYBRID, Column
from entx.report.ablation.frontier import Frontier, cheap_arms, sweep
from entx.report.ablation.gold import Gold
from entx.storage.runs import Arm, ArmsRow
from entx.storage.store import Store

CASCADE = "cascade"


@dataclass(frozen=True)
class Hybrids:
    """What was decided.

    Args:
        columns: the hybrids.
        always: for the name of a hybrid, the same ranking with an answer to every row that has one.
        looked: for the name of a hybrid, for each of its runs the share of the questions on which it was looked at; a
            cascade spares some.
        frontier: the cascade at several shares of asking; None where it is not among the strategies or learns nothing.
        notes: strategies that could not be run, and why.
    """

    columns: tuple[Column, ...] = ()
    always: Mapping[str, Column] = field(default_factory=dict)
    looked: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    frontier: Frontier | None = None
    notes: tuple[str, ...] = ()


def decide_hybrids(
    store: Store,
    strategies: Sequence[str],
    arms: Sequence[Arm],
    rows: Sequence[ArmsRow],
    gold: Gold,
    schema: Schema,
    key: PageKey | None,
    saved: Sequence[Path] = (),
) -> Hybrids:
    """Runs the strategies over the arms that are no ensembles themselves.

    Args:
        saved: files of fitted ensembles (`entx ensemble --save`), to be decided by too.
        rows: the questions that some arm was asked, with the answers of `arms`.
        key: the pages to ground in; None grounds nothing.

    Raises:
        InputError: an unknown strategy; a file that is none, or of other arms.
    """
    places = tuple(place for place, arm in enumerate(arms) if arm.stage != ENSEMBLE_STAGE)
    factories = {name: find_strategy(name) for name in strategies}
    notes: list[str] = []
    if len(places) < 2 and factories:
        factories = {}
        notes.append("no hybrids: fewer than two arms")
    truths = {row.index: Truth(row.index, row.truth, row.also) for row in gold.rows}
    members = [arms[place] for place in places]
    ways: list[_Way] = []
    swept = None
    cast = _cast(store, rows, arms, places, schema, key) if factories else []
    for name, factory in factories.items():
        params = {"first": float(cheap_arms(members))} if "first" in factory.params else {}
        try:
            fitted = fit_ensemble(name, factory, members, schema.digest, examples_of(cast, truths), params)
        except InputError as error:  # too few labelled rows, or scikit-learn is not there
            notes.append(f"{name} learns nothing here: {error}")
            fitted = None
        if not factory.needs:
            ways.append(_Way(name, name, factory, None, OWN, places))
        if fitted is not None:
            ways.append(_Way(f"{name}+{CHALLENGE_F1}", name, factory, fitted, CHALLENGE_F1, places))
            if name == CASCADE:
                swept = sweep(examples_of(cast, truths), members, gold)
    ways += [_saved(path, arms, places, schema) for path in saved]
    columns, always, looked = [], {}, {}
    for way in ways:
        seen = cast if way.places == places and cast else _cast(store, rows, arms, way.places, schema, key)
        runs = [arms[place].run for place in way.places]
        choices = way.choices(seen, runs, always=False)
        columns.append(_column(way.shown, choices, gold))
        looked[way.shown] = _looked(choices, runs)
        always[way.shown] = _column(way.shown, way.choices(seen, runs, always=True), gold)
    return Hybrids(tuple(columns), always, looked, swept, tuple(notes))


@dataclass(frozen=True)
class _Way:
    """A strategy with what it learned, when it answers, and the arms it is asked of; `shown` names it in the report."""

    shown: str
    strategy: str
    factory: StrategyFactory
    fitted: Fitted | None
    optimise: str
    places: tuple[int, ...]

    def choices(self, cast: Sequence[Ballot], runs: Sequence[str], *, always: bool) -> list[Choice]:
        """One a ballot."""
        return Chooser(self.strategy, self.factory, runs, self.fitted, Policy(self.optimise, always)).choose(cast)


def _saved(path: Path, arms: Sequence[Arm], places: tuple[int, ...], schema: Schema) -> _Way:
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
    shown = f"{fitted.strategy}+{CHALLENGE_F1} of {path.name}"
    return _Way(shown, fitted.strategy, find_strategy(fitted.strategy), fitted, CHALLENGE_F1, places)


def _cast(
    store: Store,
    rows: Sequence[ArmsRow],
    arms: Sequence[Arm],
    places: Sequence[int],
    schema: Schema,
    key: PageKey | None,
) -> list[Ballot]:
    """The ballots of the arms at these places, of the questions that some of them was asked."""
    own = (
        ArmsRow(row.index, row.entity_name, row.picture, row.fold, tuple(row.answers[place] for place in places))
        for row in rows
        if any(row.answers[place] is not None for place in places)
    )
    return [ballot for batch in ballots(store, own, [arms[p] for p in places], schema, key) for ballot in batch]


def _column(name: str, choices: Sequence[Choice], gold: Gold) -> Column:
    said = {choice.ballot.index: _answer(choice) for choice in choices}
    return Column(name, HYBRID, ENSEMBLE_STAGE, tuple(said.get(row.index) for row in gold.rows), gold)


def _looked(choices: Sequence[Choice], runs: Sequence[str]) -> dict[str, float]:
    """For each run the share of the questions on which its answer was looked at."""
    return {
        run: sum(choice.ballot.answers[arm] is not None for choice in choices) / max(len(choices), 1)
        for arm, run in enumerate(runs)
    }


def _answer(choice: Choice) -> Answer:
    option = None if choice.option is None else choice.ballot.options[choice.option]
    return Answer(
        option.quantity if option else None,
        reason=choice.reason,
        evidence=option.evidence if option else NO_EVIDENCE,
        p_correct=choice.p_correct,
        p_present=choice.p_present,
    )
