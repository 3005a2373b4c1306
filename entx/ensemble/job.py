"""From ballots to choices: `entx ensemble` for the runs of a store, and the ensemble that ships for a single picture.

A choice is a strategy's favourite or nothing, as a policy says. `run_ensemble` turns the arms' answers of a store into
one run of its own. `entx/models/default-ensemble.json` holds the ensemble of the rules and the text model that ships,
fitted by `lab/default_calibration.py` on hand-labelled rows of real pictures: names and weights of features and what
was measured, no row.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic.dataclasses import dataclass as validated

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import Truth
from entx.core.types import Answer
from entx.ensemble.ballot import Ballot, Option, ballots, pages_to_ground_in, tally
from entx.ensemble.fit import Fitted, examples_of, fit_ensemble, load_file
from entx.ensemble.judge import CHALLENGE_F1, FILE, Judge, Objective
from entx.ensemble.strategies import Ranked, find_strategy, likeliest_first, rank
from entx.storage.pages import count_pages
from entx.storage.runs import add_answers, begin_run, end_run, find_arms, load_arms
from entx.storage.store import Store

OWN = "own"
"""As --optimise: the strategy's own choice, which may be to give no answer."""

NO_LEGAL_ANSWER = "no arm's answer is in a legal unit"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is done about a ballot."""

    ballot: Ballot  # as far as the strategy looked at it
    option: int | None  # position of the answer that is given; None gives none
    reason: str = ""  # why none is given; "" where one is
    p_correct: float | None = None  # that the answer is right; None without a fit or an answer
    p_present: float | None = None  # that the picture shows a value; None without a fit

    @property
    def given(self) -> Option | None:
        """The answer that is given."""
        return None if self.option is None else self.ballot.options[self.option]

    def answer(self, text: str = "", seconds: float = 0.0) -> Answer:
        """The choice as an answer."""
        given = self.given or Option(None, ())
        chances = {"p_correct": self.p_correct, "p_present": self.p_present}
        return Answer(given.quantity, text, self.reason, given.evidence, **chances, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Policy:
    """When the favourite is given. Raises InputError: an unknown objective."""

    optimise: str = OWN  # or an objective as `Objective.parse` reads it
    always: bool = False  # give every favourite, whatever its chances

    def __post_init__(self) -> None:
        _ = self.objective

    @classmethod
    def of_options(cls, optimise: str | None, *, always: bool, learned: bool) -> Policy:
        """As asked for; without --optimise the strategy's own choice, or the challenge's F1 where it has `learned`."""
        return cls(optimise or (CHALLENGE_F1 if learned else OWN), always)

    @property
    def objective(self) -> Objective | None:
        """None for the strategy's own choice."""
        return None if self.optimise == OWN else Objective.parse(self.optimise)


class Chooser:
    """A strategy, what it learned, and the policy; an InputError where one of them needs a fit and there is none."""

    def __init__(self, name: str, runs: Sequence[str], fitted: Fitted | None, policy: Policy) -> None:
        factory = find_strategy(name)
        self._runs, self._policy, self._objective = runs, policy, policy.objective
        if fitted is None and factory.needs:
            raise InputError(f"--strategy {name} learns from labelled rows; give --gold GOLD.csv, or --fitted FILE")
        if fitted is None and self._objective is not None:
            raise InputError(
                f"--optimise {policy.optimise} needs probabilities; give --gold GOLD.csv, or --fitted FILE"
            )
        self._plain = None if fitted is not None else factory(None)
        folds = () if fitted is None else fitted.folds
        self._folds = [(factory(fold.state), fold.judge) for fold in folds]
        self._thresholds = [0.0 if self._objective is None else fold.threshold(self._objective) for fold in folds]

    def choose(self, ballots: Sequence[Ballot]) -> list[Choice]:
        """One choice a ballot, by the model of its fold."""
        if self._plain is not None:
            return [self._own(ranked) for ranked in rank(self._plain, None, ballots, learned=False)]
        places: dict[int, list[int]] = defaultdict(list)
        for place, ballot in enumerate(ballots):
            places[ballot.fold].append(place)
        choices: dict[int, Choice] = {}
        for fold, own in places.items():
            for place, ranked in zip(own, rank(*self._folds[fold], [ballots[place] for place in own]), strict=True):
                choices[place] = self._judged(ranked, self._thresholds[fold])
        return [choices[place] for place in range(len(ballots))]

    def _judged(self, ranked: Ranked, threshold: float) -> Choice:
        if ranked.favourite is None or (self._objective is None and not self._policy.always):
            return self._own(ranked)
        return _by_objective(ranked, None if self._policy.always else self._objective, threshold, self._policy.optimise)

    def _own(self, ranked: Ranked) -> Choice:
        """The strategy's first choice, which may be to give no answer."""
        ballot, order, verdict = ranked
        present = None if verdict is None else verdict.present
        if not order:
            return Choice(ballot, None, NO_LEGAL_ANSWER, None, present)
        option = ranked.favourite
        if option is None or (option != order[0] and not self._policy.always):
            by = ", ".join(self._runs[arm] for arm in ballot.options[order[0]].arms)
            return Choice(ballot, None, f"no answer, as {by} said", None, present)
        return Choice(ballot, option, "", None if verdict is None else verdict.right[option], present)


def _by_objective(ranked: Ranked, objective: Objective | None, threshold: float, optimise: str) -> Choice:
    """The favourite, of which there must be one, if the objective gives it; None gives it in any case."""
    option, verdict = ranked.favourite, ranked.verdict
    assert option is not None
    assert verdict is not None
    p, q = verdict.right[option], verdict.present
    if objective is None or objective.gives(p, q, threshold):
        return Choice(ranked.ballot, option, "", p, q)
    chances = f"right with {p:.2f}, a value is shown with {q:.2f} ({optimise})"
    reason = f"{ranked.ballot.options[option].quantity} is not worth the risk: {chances}"
    return Choice(ranked.ballot, None, reason, None, q)


DEFAULT_FORMAT = 2
"""Of the file that ships; raised when an older one can no longer be read as meant."""

_OBJECTIVE = Objective(CHALLENGE_F1)


@validated(frozen=True, config=FILE)
class DefaultEnsemble:
    """A judge of what certain readers say about a picture."""

    stages: tuple[str, ...]  # of the readers, in their order
    judge: Judge  # fitted on all labelled rows
    reached: float  # the F1 that the decision rule expects to reach, from probabilities out of fold
    reached_everything: float  # the same where everything is asked of a picture
    entities: tuple[str, ...]  # that the labelled rows ask; for any other one the probabilities are an average's
    rows: int  # that were learned from
    data: str  # hash of these rows and the readers' answers to them
    versions: Mapping[str, str] = field(default_factory=dict)  # of the readers that gave these answers, by stage
    measured: Mapping[str, Any] = field(default_factory=dict)  # each row by a judge that had not seen its picture

    def decide(self, ballot: Ballot) -> Choice:
        """The likeliest answer of readers of `stages`, if to give it raises the expected F1."""
        (verdict,) = self.judge.verdicts([ballot])
        ranked = Ranked(ballot, likeliest_first(verdict), verdict)
        if ranked.favourite is None:
            reasons = (answer.reason for _, answer in ballot.votes if answer.reason)
            return Choice(ballot, None, next(reasons, NO_LEGAL_ANSWER), None, verdict.present)
        reached = self.reached_everything if ballot.everything else self.reached
        return _by_objective(ranked, _OBJECTIVE, reached, CHALLENGE_F1)


def shipped_path() -> Path:
    """Where the file stands in this installation."""
    return Path(str(resources.files("entx"))) / "models" / "default-ensemble.json"


def load_default(path: Path | None = None) -> DefaultEnsemble:
    """The ensemble of a file; None for that which ships. Raises InputError: missing, damaged, of another format."""
    return load_file(DefaultEnsemble, path or shipped_path(), "default ensemble", DEFAULT_FORMAT)


ENSEMBLE_VERSION = 3
"""Raised with every change that can change a choice: a run is continued only by the version that began it."""


@dataclass
class EnsembleReport:
    """What one call did."""

    run: str
    not_asked: dict[str, int]  # for each arm, how many of the questions it was not asked
    looked_at: dict[str, int]  # for each arm, how many of its answers the strategy asked for; a cascade spares some
    grounded: bool  # whether the store has pages to ground in
    questions: int = 0  # decided by this call
    spoiled: int = 0  # answers in a unit that is not legal and of no legal answer's size
    converted: int = 0  # questions whose chosen answer the arms gave in different units
    alignments: Counter[str] = field(default_factory=Counter)  # of the chosen answers; all "none" without pages
    seconds: float = 0.0

    def count(self, batch: Sequence[Ballot], choices: Sequence[Choice]) -> None:
        """Adds a batch of ballots and what was chosen."""
        self.questions += len(batch)
        for arm, run in enumerate(self.not_asked):
            self.not_asked[run] += sum(ballot.answers[arm] is None for ballot in batch)
            self.looked_at[run] += sum(choice.ballot.answers[arm] is not None for choice in choices)
        for ballot, choice in zip(batch, choices, strict=True):
            self.spoiled += len(ballot.asked) - sum(len(option.arms) for option in ballot.options)
            if (given := choice.given) is not None:
                self.converted += given.converted
                self.alignments[given.evidence.alignment.value] += 1


def _run_name(strategy: str, runs: Sequence[str], policy: Policy) -> str:
    """The default name of an ensemble's run: "vote(rules,qwen)", "stack+challenge-f1(rules,qwen)"."""
    how = "always" if policy.always else policy.optimise
    return f"{strategy}{'' if how == OWN else f'+{how}'}({','.join(runs)})"


def fit_on_gold(
    store: Store, strategy: str, runs: Sequence[str], schema: Schema, truths: Mapping[int, Truth],
    params: Mapping[str, float] = MappingProxyType({}),
) -> Fitted:  # fmt: skip
    """Fits the ensemble on the store's questions with a truth; InputError as `run_ensemble` and `fit_ensemble`."""
    find_strategy(strategy)  # an unknown one is told before a row is read
    arms = find_arms(store, runs, schema.digest)
    rows = load_arms(store, runs, only=truths)
    batches = ballots(store, rows, arms, schema, pages_to_ground_in(store, arms))
    examples = examples_of((ballot for batch in batches for ballot in batch), truths)
    return fit_ensemble(strategy, arms, schema.digest, examples, params)


def run_ensemble(
    store: Store, strategy: str, runs: Sequence[str], schema: Schema, run: str | None = None, *,
    fitted: Fitted | None = None, policy: Policy = Policy(), advance: Callable[[int], None] = lambda _: None,
) -> EnsembleReport:  # fmt: skip
    """Decides every question that some arm was asked and this run has not answered yet.

    Args:
        fitted: for this strategy and arms of these stages.
        policy: when the strategy's favourite is given.

    Raises:
        InputError: an unknown strategy; a run that is unknown, empty or of another schema; a fit that is missing or
            another's; the run's name is taken by other arms or settings, or its arms have grown since.
    """
    started = time.monotonic()
    arms = find_arms(store, runs, schema.digest)
    if fitted is not None:
        fitted.check(strategy, [arm.stage for arm in arms], schema.digest)
    chooser = Chooser(strategy, runs, fitted, policy)
    key = pages_to_ground_in(store, arms)
    report = EnsembleReport(
        run or _run_name(strategy, runs, policy), dict.fromkeys(runs, 0), dict.fromkeys(runs, 0), key is not None
    )
    settings: dict[str, Any] = {  # everything that decides the run, the pages as `predict` names them
        "ensemble": ENSEMBLE_VERSION, "strategy": strategy, "schema": schema.digest,
        "members": [arm.as_dict() for arm in arms], "fitted": fitted and fitted.digest,
        "optimise": policy.optimise, "always": policy.always,
    }  # fmt: skip
    if key is not None:
        settings |= {**key.as_dict(), "pages": sum(count_pages(store, key).values())}
    known = begin_run(store, report.run, "ensemble", settings)
    rows = load_arms(store, runs, without=report.run if known else None)
    for batch in ballots(store, rows, arms, schema, key, count=fitted is not None):
        choices = chooser.choose(batch)
        add_answers(store, report.run, [(choice.ballot.index, _answer(choice, runs)) for choice in choices])
        report.count(batch, choices)
        advance(len(batch))
    report.seconds = time.monotonic() - started
    end_run(store, report.run, report.seconds, {"asked": report.questions})
    return report


def _answer(choice: Choice, runs: Sequence[str]) -> Answer:
    """Its text is the tally, its seconds those of the arms that were looked at."""
    return choice.answer(tally(choice.ballot, runs), sum(answer.seconds for _, answer in choice.ballot.votes))
