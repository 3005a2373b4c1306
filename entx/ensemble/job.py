"""The `entx ensemble` job: the arms' answers of a store become one run of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from entx.core.entities import Schema
from entx.core.types import Alignment, Answer, PageKey
from entx.ensemble.ballot import Ballot, tally
from entx.ensemble.ground import ballots, choose_pages
from entx.ensemble.strategy import Strategy, find_strategy
from entx.storage.answers import add_answers
from entx.storage.arms import Arm, find_arms, load_arms
from entx.storage.connection import Store
from entx.storage.pages import count_pages
from entx.storage.runs import begin_run, end_run

ENSEMBLE_VERSION = 1
"""Raised with every change that can change a choice: a run is continued only by the version that began it."""


@dataclass
class EnsembleReport:
    """What one call did.

    Args:
        run: name of the run.
        questions: decided by this call.
        not_asked: for each arm, how many of these it was not asked.
        spoiled: answers in a unit that is not legal and of no legal answer's size.
        converted: questions whose chosen answer the arms gave in different units.
        alignments: of the chosen answers, by `Alignment`; all "none" where there are no pages.
        grounded: whether the store has pages to ground in.
        seconds: wall time.
    """

    run: str
    questions: int = 0
    not_asked: dict[str, int] = field(default_factory=dict)
    spoiled: int = 0
    converted: int = 0
    alignments: Counter[str] = field(default_factory=Counter)
    grounded: bool = False
    seconds: float = 0.0


def run_name(strategy: str, runs: Sequence[str]) -> str:
    """The default name of an ensemble's run: "vote(rules,qwen)"."""
    return f"{strategy}({','.join(runs)})"


def run_ensemble(
    store: Store,
    strategy: str,
    runs: Sequence[str],
    schema: Schema,
    run: str | None = None,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> EnsembleReport:
    """Decides every question that some arm was asked and this run has not answered yet.

    Raises:
        InputError: an unknown strategy; a run that is unknown, empty or of another schema; the run's name is taken by
            other arms or settings, or its arms have grown since.
    """
    started = time.monotonic()
    chooser = find_strategy(strategy)(None)
    arms = find_arms(store, runs, schema.digest)
    key = choose_pages(store, arms)
    report = EnsembleReport(run or run_name(strategy, runs), not_asked=dict.fromkeys(runs, 0), grounded=key is not None)
    settings = _settings(store, strategy, arms, schema, key)
    known = begin_run(store, report.run, "ensemble", settings)
    for batch in ballots(store, load_arms(store, runs, without=report.run if known else None), arms, schema, key):
        add_answers(store, report.run, _decide(batch, chooser, runs, report))
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


def _decide(
    batch: Sequence[Ballot], strategy: Strategy, runs: Sequence[str], report: EnsembleReport
) -> list[tuple[int, Answer]]:
    answers = []
    for ballot, order in zip(batch, strategy.rank(batch), strict=True):
        answer = _answer(ballot, order, runs)
        answers.append((ballot.index, answer))
        _count(report, ballot, order, answer, runs)
    return answers


def _answer(ballot: Ballot, order: Sequence[int], runs: Sequence[str]) -> Answer:
    text = tally(ballot, runs)
    seconds = sum(answer.seconds for answer in ballot.answers if answer is not None)
    if not order:
        return Answer(None, text, "no arm's answer is in a legal unit", seconds=seconds)
    option = ballot.options[order[0]]
    if option.quantity is None:
        by = ", ".join(runs[arm] for arm in option.arms)
        return Answer(None, text, f"no answer, as {by} said", seconds=seconds)
    return Answer(option.quantity, text, "", option.evidence, seconds=seconds)


def _count(report: EnsembleReport, ballot: Ballot, order: Sequence[int], answer: Answer, runs: Sequence[str]) -> None:
    report.questions += 1
    for run, said in zip(runs, ballot.answers, strict=True):
        report.not_asked[run] += said is None
    report.spoiled += len(ballot.asked) - sum(len(option.arms) for option in ballot.options)
    if answer.quantity is not None:
        report.converted += ballot.options[order[0]].converted
        alignment = answer.evidence.alignment
        report.alignments[alignment.value if report.grounded else Alignment.NONE.value] += 1
