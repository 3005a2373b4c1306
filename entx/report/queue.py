"""The review queue: which questions a person should look at, the one whose label is worth most first.

What stands as the answer to a question is a stored run's (an ensemble's, or the only run there is), a fitted
strategy's, or else the vote of the arms. Its probabilities p (the given answer is right) and q (the picture shows a
value) are those that come with it. Where none come, the share of the arms stands for them, as if one further arm had
been asked that agrees with nobody: k of n arms for the answer is p = k / (n + 1), m of n arms that name some value is
q = (m + 1/2) / (n + 1). That is an estimate from votes and not calibrated; it orders questions by how much the arms
disagree, and by how few they are.

What a label is worth is how far the expected F1 rises when one question's answer is made right. The challenge's F1 is
N / D with N = 2 TP and D = 2 TP + FP + FN. In expectation one question adds

    an answer that is given      2p to N    1 + p to D      (right: 2 and 2; wrong: 0 and 1)
    an answer that is withheld   0          q
    the truth                    2q         2q

To first order F1 changes by (dN - F dD) / D, the derivative of a quotient. So to have the truth instead gains

    given:     [(q - p) (2 - F) + (1 - q) F] / D
    withheld:  q (2 - F) / D

in words: a wrong value made right 2 - F, a value where there is none taken back F, a missing value filled in 2 - F. Not
simply 1 - p and q: where F is high, a missing or wrong value costs more than a superfluous one. The rule of when to
give an answer (entx.ensemble.judge) compares the first two lines of the table.

The store is read twice: once all answers, keeping a few numbers a question, and once what a labeller is shown for the
questions that are handed out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from entx.core.entities import Entity, Schema
from entx.core.errors import InputError
from entx.core.evaluation import FloatArray
from entx.core.types import Answer, PageKey, Quantity
from entx.ensemble.ballot import Ballot, ballots, pages_to_ground_in
from entx.ensemble.fit import Fitted
from entx.ensemble.job import Chooser, Policy
from entx.ensemble.judge import CHALLENGE_F1
from entx.report.columns import ENSEMBLE_STAGE, BoolArray
from entx.storage.labels import load_reviews, settle
from entx.storage.pages import load_pages
from entx.storage.questions import find_questions
from entx.storage.runs import Arm, ArmsRow, find_arms, load_arms, run_settings
from entx.storage.store import Store

_MOST_ESTIMATED = 0.05  # share of questions beyond which an expected F1 is no figure to show


@dataclass(frozen=True)
class Panel:
    """Who answers the questions of a queue, and what decides."""

    arms: tuple[Arm, ...]
    run: Arm | None  # that decides; None leaves it to `chooser`
    chooser: Chooser | None
    name: str  # of what decides, in words


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer as it stands."""

    quantity: Quantity | None  # None where none is given
    right: float  # p, 0 where none is given
    present: float  # q, at least p
    estimated: bool  # one of them is from votes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which questions may be handed out."""

    most: int = 1000
    entities: frozenset[str] = frozenset()  # empty: of all
    disagree: bool = False  # only those where the arms do not all say the same
    labelled: Collection[int] = ()  # indices of those that have a label elsewhere
    again: bool = False  # also those that reviews have settled


@dataclass(frozen=True, slots=True)
class QueuedQuestion:
    """One question to be looked at: what the arms said, and the answer as it stands."""

    ballot: Ballot
    decided: Decided
    gain: float  # by so much the expected F1 of all decided answers rises with the question's truth
    image_link: str
    path: str | None  # of the picture; None while no file is known
    size: tuple[int, int] | None  # of the upright picture in pixels; None where it was not read

    @property
    def index(self) -> int:
        """Of the question."""
        return self.ballot.index

    @property
    def entity(self) -> Entity:
        """That is asked."""
        return self.ballot.entity


@dataclass(frozen=True)
class Queue:
    """The questions, by expected gain, ties by index."""

    questions: tuple[QueuedQuestion, ...]
    runs: tuple[str, ...]  # names of the arms as the ballots order them
    decided_by: str
    decided: int  # answers and abstentions
    estimated: int  # of these, those that have probabilities from votes
    f1: float  # to expect now
    f1_after: float  # and when the queue's questions are made right
    left_out: Mapping[str, int] = field(default_factory=dict)  # number of decided questions not in it, by reason

    @property
    def promises(self) -> tuple[float, float] | None:
        """`f1` and `f1_after`; None where estimates from votes have a part in them worth speaking of."""
        return (self.f1, self.f1_after) if self.estimated <= _MOST_ESTIMATED * self.decided else None


def make_panel(store: Store, runs: Sequence[str], schema: Schema, fitted: Fitted | None = None) -> Panel:
    """Who answers and what decides: an ensemble among the runs, the only run, `fitted`, or else a vote.

    Raises:
        InputError: as `find_arms`; two ensembles; an ensemble and a fit; a fit for other arms.
    """
    ensemble = ensemble_among(store, runs, schema)
    others = tuple(arm for arm in find_arms(store, runs, schema.digest) if arm != ensemble)
    if ensemble is not None:
        if fitted is not None:
            raise InputError(f"--fitted decides anew, and {ensemble.run} has decided; give one of them")
        if not others:
            members = [member["run"] for member in run_settings(store, ensemble.run)["members"]]
            others = tuple(find_arms(store, members, schema.digest))
        return Panel(others, ensemble, None, ensemble.run)
    if fitted is not None:
        fitted.check(fitted.strategy, [arm.stage for arm in others], schema.digest)
        chooser = Chooser(fitted.strategy, runs, fitted, Policy(CHALLENGE_F1))
        return Panel(others, None, chooser, f"{fitted.strategy} (fitted)")
    if len(others) == 1:
        return Panel(others, others[0], None, others[0].run)
    return Panel(others, None, Chooser("vote", runs, None, Policy()), "vote of the runs")


def ensemble_among(store: Store, runs: Sequence[str], schema: Schema) -> Arm | None:
    """The run that is an ensemble; None where there is none. Raises InputError: as `find_arms`; two of them."""
    found = [arm for arm in find_arms(store, runs, schema.digest) if arm.stage == ENSEMBLE_STAGE]
    if len(found) > 1:
        raise InputError(f"--runs names {len(found)} ensembles; name the one whose answers stand")
    return found[0] if found else None


def decide(panel: Panel, batch: Sequence[Ballot], stored: Mapping[int, Answer]) -> list[Decided | None]:
    """The answers as they stand, one a ballot, of the deciding run (`stored`) or by its strategy; None: not asked."""
    answers: Sequence[Answer | None]
    if panel.chooser is None:
        answers = [stored.get(ballot.index) for ballot in batch]
    else:
        answers = [choice.answer() for choice in panel.chooser.choose(batch)]
    return [
        None if one is None else _with_chances(ballot, one.quantity, one.p_correct, one.p_present)
        for ballot, one in zip(batch, answers, strict=True)
    ]


def _with_chances(ballot: Ballot, quantity: Quantity | None, right: float | None, present: float | None) -> Decided:
    voted_right, voted_present = vote_chances(ballot, quantity)
    estimated = present is None or (quantity is not None and right is None)
    q = voted_present if present is None else present
    if quantity is None:
        return Decided(None, 0.0, q, estimated)
    p = voted_right if right is None else right
    return Decided(quantity, p, max(p, q), estimated)


def vote_chances(ballot: Ballot, quantity: Quantity | None) -> tuple[float, float]:
    """p and q from the share of the arms; see the module."""
    asked = len(ballot.asked)
    supporting = next(
        (len(option.arms) for option in ballot.options if quantity in (option.quantity, *option.spoken)), 0
    )
    naming = sum(answer is not None and answer.quantity is not None for answer in ballot.answers)
    return (supporting / (asked + 1) if quantity is not None else 0.0), (naming + 0.5) / (asked + 1)


def expected_counts(right: FloatArray, present: FloatArray, given: BoolArray) -> tuple[float, float]:
    """N and D of the decided answers.

    Args:
        right: p of each question's given answer, shape (questions,); not looked at where none is given.
        present: q, shape (questions,).
        given: whether an answer is given, shape (questions,).
    """
    top = np.where(given, 2.0 * right, 0.0)
    bottom = np.where(given, 1.0 + right, present)
    return float(top.sum()), float(bottom.sum())


def expected_gains(right: FloatArray, present: FloatArray, given: BoolArray) -> FloatArray:
    """How far F1 is expected to rise with each question's truth, shape (questions,); arguments as `expected_counts`."""
    top, bottom = expected_counts(right, present, given)
    if bottom <= 0.0:
        return np.zeros(len(given))
    reached = top / bottom
    filled = (2.0 - reached) * np.where(given, present - right, present)
    taken_back = np.where(given, (1.0 - present) * reached, 0.0)
    return np.asarray((filled + taken_back) / bottom, dtype=np.float64)


def expected_f1(right: FloatArray, present: FloatArray, given: BoolArray, reviewed: BoolArray | None = None) -> float:
    """F1 to expect of the decided answers; 0 where there is nothing to be right about.

    Args:
        reviewed: questions that have the truth for an answer, shape (questions,); reckoned exactly, not to first order.
    """
    known = np.zeros(len(given), dtype=np.bool_) if reviewed is None else reviewed
    top, bottom = expected_counts(right[~known], present[~known], given[~known])
    shown = 2.0 * float(present[known].sum())
    return (top + shown) / (bottom + shown) if bottom + shown > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of each decided question."""

    index: int
    entity_name: str
    agreed: bool  # all arms that were asked said the same, in legal units
    right: float  # as of `Decided`
    present: float
    given: bool


def make_queue(
    store: Store, panel: Panel, schema: Schema, wanted: Wanted, advance: Callable[[int], None] = lambda _: None
) -> Queue:
    """Orders the questions (`advance` counts those weighed) and fetches what the first ones need.

    Raises:
        InputError: a question asks an entity that the schema does not have.
    """
    key = pages_to_ground_in(store, panel.arms)
    rows: list[_Row] = []
    estimated = undecided = 0
    for batch, decisions in _decisions(store, panel, schema, key, None):
        for ballot, one in zip(batch, decisions, strict=True):
            if one is None:
                undecided += 1
                continue
            agreed = len(ballot.options) == 1 and len(ballot.options[0].arms) == len(ballot.asked)
            given = one.quantity is not None
            rows.append(_Row(ballot.index, ballot.entity.name, agreed, one.right, one.present, given))
            estimated += one.estimated
        advance(len(batch))
    right = np.array([row.right for row in rows], dtype=np.float64)
    present = np.array([row.present for row in rows], dtype=np.float64)
    shown = np.array([row.given for row in rows], dtype=np.bool_)
    gains = expected_gains(right, present, shown)
    reasons = _reasons_against(store, wanted, rows)
    order = np.lexsort((np.array([row.index for row in rows], dtype=np.int64), -gains))
    chosen = [place for place in order.tolist() if not reasons[place]][: wanted.most]
    reviewed = np.isin(np.arange(len(rows)), chosen)
    others = {
        "worth less than those handed out": reasons.count("") - len(chosen),
        "not decided: asked of an arm since": undecided,
    }
    return Queue(
        questions=_fetch(store, panel, schema, key, {rows[place].index: float(gains[place]) for place in chosen}),
        runs=tuple(arm.run for arm in panel.arms),
        decided_by=panel.name,
        decided=len(rows),
        estimated=estimated,
        f1=expected_f1(right, present, shown),
        f1_after=expected_f1(right, present, shown, reviewed),
        left_out=Counter(filter(None, reasons)) + Counter(others),  # the sum has no reason of no question
    )


def _reasons_against(store: Store, wanted: Wanted, rows: Sequence[_Row]) -> list[str]:
    """For each question why it is not handed out; "" where it may be."""
    settled = set() if wanted.again else set(settle(load_reviews(store))[0])
    labelled = set(wanted.labelled)
    reasons = []
    for row in rows:
        if row.index in labelled:
            reasons.append("labelled in --gold")
        elif row.index in settled:
            reasons.append("reviewed already")
        elif wanted.entities and row.entity_name not in wanted.entities:
            reasons.append("of another entity")
        else:
            reasons.append("the runs agree" if wanted.disagree and row.agreed else "")
    return reasons


def _decisions(
    store: Store, panel: Panel, schema: Schema, key: PageKey | None, only: Collection[int] | None
) -> Iterator[tuple[list[Ballot], list[Decided | None]]]:
    """Batches of ballots of the arms with what is decided about them."""
    stored: dict[int, Answer] = {}
    deciding = [panel.run.run] if panel.run else []

    def rows() -> Iterator[ArmsRow]:
        """The rows of the arms; the answer of the deciding run, which stands first, is set aside."""
        for row in load_arms(store, [*deciding, *(arm.run for arm in panel.arms)], only=only):
            if deciding and row.answers[0] is not None:
                stored[row.index] = row.answers[0]
            yield replace(row, answers=row.answers[len(deciding) :])

    for batch in ballots(store, rows(), panel.arms, schema, key):
        yield batch, decide(panel, batch, stored)
        stored.clear()


def _fetch(
    store: Store, panel: Panel, schema: Schema, key: PageKey | None, gain_of: Mapping[int, float]
) -> tuple[QueuedQuestion, ...]:
    """What a labeller is shown, in the order of `gain_of`."""
    found = find_questions(store, gain_of)
    pictures = {one.picture for one in found.values() if one.picture is not None}
    pages = {page.picture: page for page in load_pages(store, key, pictures)} if key and pictures else {}
    made: dict[int, QueuedQuestion] = {}
    for batch, decisions in _decisions(store, panel, schema, key, gain_of):
        for ballot, decided in zip(batch, decisions, strict=True):
            question, gain = found[ballot.index], gain_of[ballot.index]
            page = pages.get(question.picture or "")
            size = (page.width, page.height) if page is not None and page.width and page.height else None
            assert decided is not None
            made[ballot.index] = QueuedQuestion(ballot, decided, gain, question.image_link, question.path, size)
    return tuple(made[index] for index in gain_of)


def printed_forms(ballot: Ballot) -> list[Quantity]:
    """Every legal form in which some arm gave an answer, in the order of options and arms."""
    spoken = (form for option in ballot.options for form in (option.quantity, *option.spoken) if form is not None)
    return list(dict.fromkeys(form for form in spoken if form.unit in ballot.entity.units))
