"""Hybrids that are decided here, from the stored answers of the arms: every strategy of `entx.ensemble`.

What learns is cross-validated by picture (`entx.ensemble.fit`): a labelled picture never decides its own answer, so the
scores on the very rows that were learned from are out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.types import NO_EVIDENCE, Answer, PageKey
from entx.ensemble.choose import OWN, Choice, Chooser, Policy
from entx.ensemble.decision import CHALLENGE_F1
from entx.ensemble.fit import fit_ensemble
from entx.ensemble.fitted import Fitted
from entx.ensemble.gold import Truth, examples_of
from entx.ensemble.ground import ballots
from entx.ensemble.strategy import StrategyFactory, find_strategy
from entx.report.ablation.columns import ENSEMBLE_STAGE, HYBRID, Column
from entx.report.ablation.gold import Gold
from entx.storage.arms import Arm, ArmsRow
from entx.storage.connection import Store


@dataclass(frozen=True)
class Hybrids:
    """What was decided.

    Args:
        columns: the hybrids.
        always: for the name of a hybrid, the same ranking with an answer to every row that has one.
        looked: for the name of a hybrid, for each of its runs the share of the questions on which it was looked at; a
            cascade spares some.
        notes: strategies that could not be run, and why.
    """

    columns: tuple[Column, ...] = ()
    always: Mapping[str, Column] = field(default_factory=dict)
    looked: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def decide_hybrids(
    store: Store,
    strategies: Sequence[str],
    arms: Sequence[Arm],
    rows: Sequence[ArmsRow],
    gold: Gold,
    schema: Schema,
    key: PageKey | None,
) -> Hybrids:
    """Runs the strategies over the arms that are no ensembles themselves.

    Args:
        rows: the questions that some arm was asked, with the answers of `arms`.
        key: the pages to ground in; None grounds nothing.

    Raises:
        InputError: an unknown strategy.
    """
    places = [place for place, arm in enumerate(arms) if arm.stage != ENSEMBLE_STAGE]
    members = [arms[place] for place in places]
    factories = {name: find_strategy(name) for name in strategies}
    if len(members) < 2 or not factories:
        return Hybrids(notes=("no hybrids: fewer than two arms",) if factories else ())
    own = (
        ArmsRow(row.index, row.entity_name, row.picture, row.fold, tuple(row.answers[place] for place in places))
        for row in rows
        if any(row.answers[place] is not None for place in places)
    )
    cast = [ballot for batch in ballots(store, own, members, schema, key) for ballot in batch]
    truths = {row.index: Truth(row.rights, bool(row.truth)) for row in gold.rows}
    examples = examples_of(cast, truths)
    columns, always, looked, notes = [], {}, {}, []
    ways: list[tuple[str, StrategyFactory, Fitted | None, str]] = []
    runs = [arm.run for arm in members]
    for name, factory in factories.items():
        try:
            fitted = fit_ensemble(name, factory, members, schema.digest, examples)
        except InputError as error:  # too few labelled rows, or scikit-learn is not there
            notes.append(f"{name} learns nothing here: {error}")
            fitted = None
        if not factory.needs:
            ways.append((name, factory, None, OWN))
        if fitted is not None:
            ways.append((name, factory, fitted, CHALLENGE_F1))
    for name, factory, fitted, optimise in ways:
        shown = name if optimise == OWN else f"{name}+{optimise}"
        choices = Chooser(name, factory, runs, fitted, Policy(optimise)).choose(cast)
        columns.append(_column(shown, choices, gold))
        looked[shown] = _looked(choices, runs)
        every = Chooser(name, factory, runs, fitted, Policy(optimise, always=True)).choose(cast)
        always[shown] = _column(shown, every, gold)
    return Hybrids(tuple(columns), always, looked, tuple(notes))


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
