"""The `entx ensemble` job: the arms' answers of a store become one run of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from entx.core.entities import Schema
from entx.core.types import NO_EVIDENCE, Answer, PageKey
from entx.ensemble.ballot import Ballot, tally
from entx.ensemble.choose import OWN, Choice, Chooser, Policy
from entx.ensemble.fit import fit_ensemble
from entx.ensemble.fitted import Fitted
from entx.ensemble.gold import Truth, examples_of
from entx.ensemble.ground import ballots, choose_pages
from entx.ensemble.strategy import Example, find_strategy
from entx.storage.answers import add_answers
from entx.storage.arms import Arm, find_arms, load_arms
from entx.storage.connection import Store
from entx.storage.pages import count_pages
from entx.storage.runs import begin_run, end_run

ENSEMBLE_VERSION = 2
"""Raised with every change that can change a choice: a run is continued only by the version that began it."""


@dataclass
class EnsembleReport:
    """What one call did.

    Args:
        run: name of the run.
        questions: decided by this call.
        not_asked: for each arm, how many of these it was not asked.
        looked_at: for each arm, how many of its answers the strategy asked for; a cascade spares some.
        spoiled: answers in a unit that is not legal and of no legal answer's size.
        converted: questions whose chosen answer the arms gave in different units.
        alignments: of the chosen answers, by `Alignment`; all "none" where there are no pages.
        grounded: whether the store has pages to ground in.
        seconds: wall time.
    """

    run: str
    questions: int = 0
    not_asked: dict[str, int] = field(default_factory=dict)
    looked_at: dict[str, int] = field(default_factory=dict)
    spoiled: int = 0
    converted: int = 0
    alignments: Counter[str] = field(default_factory=Counter)
    grounded: bool = False
    seconds: float = 0.0


def run_name(strategy: str, runs: Sequence[str], policy: Policy) -> str:
    """The default name of an ensemble's run: "vote(rules,qwen)", "stack+challenge-f1(rules,qwen)"."""
    how = "always" if policy.always else policy.optimise
    return f"{strategy}{'' if how == OWN else f'+{how}'}({','.join(runs)})"


def fit_on_gold(
    store: Store,
    strategy: str,
    runs: Sequence[str],
    schema: Schema,
    truths: Mapping[int, Truth],
    params: Mapping[str, float] = MappingProxyType({}),
) -> Fitted:
    """Fits the ensemble on the questions of the store that have a truth.

    Raises:
        InputError: as `run_ensemble` and `fit_ensemble`.
    """
    factory = find_strategy(strategy)
    arms = find_arms(store, runs, schema.digest)
    return fit_ensemble(strategy, factory, arms, schema.digest, gold_examples(store, arms, schema, truths), params)


def gold_examples(store: Store, arms: Sequence[Arm], schema: Schema, truths: Mapping[int, Truth]) -> list[Example]:
    """The questions of the store that have a truth and that some arm was asked, as grounded ballots."""
    batches = ballots(
        store, load_arms(store, [arm.run for arm in arms], only=truths), arms, schema, choose_pages(store, arms)
    )
    return examples_of((ballot for batch in batches for ballot in batch), truths)


def run_ensemble(
    store: Store,
    strategy: str,
    runs: Sequence[str],
    schema: Schema,
    run: str | None = None,
    *,
    fitted: Fitted | None = None,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    advance: Callable[[int], None] = lambda _: None,
) -> EnsembleReport:
    """Decides every question that some arm was asked and this run has not answered yet.

    Args:
        fitted: for this strategy and arms of these stages.
        policy: when the strategy's favourite is given.

    Raises:
        InputError: an unknown strategy; a run that is unknown, empty or of another schema; a fit that is missing or
            another's; the run's name is taken by other arms or settings, or its arms have grown since.
    """
    started = time.monotonic()
    factory = find_strategy(strategy)
    arms = find_arms(store, runs, schema.digest)
    if fitted is not None:
        fitted.check(strategy, [arm.stage for arm in arms], schema.digest)
    chooser = Chooser(strategy, factory, runs, fitted, policy)
    key = choose_pages(store, arms)
    nothing = dict.fromkeys(runs, 0)
    report = EnsembleReport(
        run or run_name(strategy, runs, policy), not_asked=dict(nothing), looked_at=nothing, grounded=key is not None
    )
    settings = _settings(store, strategy, arms, schema, key)
    settings |= {"fitted": fitted and fitted.digest, "optimise": policy.optimise, "always": policy.always}
    known = begin_run(store, report.run, "ensemble", settings)
    for batch in ballots(store, load_arms(store, runs, without=report.run if known else None), arms, schema, key):
        choices = chooser.choose(batch)
        add_answers(
            store,
            report.run,
            [(choice.ballot.index, _answer(choice, runs)) for choice in choices],
        )
        _count(report, batch, choices)
        advance(len(batch))
    report.seconds = time.monotonic() - started
    end_run(store, report.run, report.seconds, {"asked": report.questions})
    return report


def _settings(store: Store, strategy: str, arms: Sequence[Arm], schema: Schema, key: PageKey | None) -> dict[str, Any]:
    """Everything that decides the run, the pages as `predict` names them."""
    settings: dict[str, Any] = {
        "ensemble": ENSEMBLE_VERSION, "strategy": strategy, "schema": schema.digest,
        "members": [arm.as_dict() for arm in arms],
    }  # fmt: skip
    if key is not None:
        settings |= {
            "engine": key.engine, "model_hash": key.model_hash, "params_hash": key.params_hash,
            "pages": sum(count_pages(store, key).values()),
        }  # fmt: skip
    return settings


def _answer(choice: Choice, runs: Sequence[str]) -> Answer:
    """The choice as an answer; its text is the tally, its seconds those of the arms that were looked at."""
    ballot = choice.ballot
    option = None if choice.option is None else ballot.options[choice.option]
    seconds = sum(answer.seconds for answer in ballot.answers if answer is not None)
    return Answer(
        quantity=option.quantity if option else None,
        text=tally(ballot, runs),
        reason=choice.reason,
        evidence=option.evidence if option else NO_EVIDENCE,
        p_correct=choice.p_correct,
        p_present=choice.p_present,
        seconds=seconds,
    )


def _count(report: EnsembleReport, batch: Sequence[Ballot], choices: Sequence[Choice]) -> None:
    report.questions += len(batch)
    for arm, run in enumerate(report.not_asked):
        report.not_asked[run] += sum(ballot.answers[arm] is None for ballot in batch)
        report.looked_at[run] += sum(choice.ballot.answers[arm] is not None for choice in choices)
    for ballot, choice in zip(batch, choices, strict=True):
        report.spoiled += len(ballot.asked) - sum(len(option.arms) for option in ballot.options)
        if choice.option is not None:
            option = choice.ballot.options[choice.option]
            report.converted += option.converted
            report.alignments[option.evidence.alignment.value] += 1
