"""The queue: which questions a person should look at, the one that is worth most first.

Two passes over the store: one over all answers that keeps four numbers a question, and one that fetches what a labeller
is shown for the questions that are handed out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from entx.core.entities import Entity, Schema
from entx.core.types import Answer, PageKey, Quantity
from entx.ensemble.ballot import Ballot, ballots, choose_pages
from entx.report.review.decided import ChosenNow, Decided, Decider, StoredRun
from entx.report.review.gain import expected_f1, expected_gains, f1_after
from entx.report.review.panel import Panel
from entx.storage.labels import load_reviews, settle
from entx.storage.pages import load_pages
from entx.storage.questions import find_questions
from entx.storage.runs import ArmsRow, load_arms
from entx.storage.store import Store

_MOST_ESTIMATED = 0.05  # share of questions beyond which an expected F1 is no figure to tell


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which questions may be handed out.

    Args:
        most: at most so many.
        entities: only these; empty for all.
        disagree: only where the arms do not all say the same.
        labelled: indices that have a label already; left out.
        again: also those that are settled by reviews.
    """

    most: int = 1000
    entities: frozenset[str] = frozenset()
    disagree: bool = False
    labelled: Collection[int] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class QueuedQuestion:
    """One question to be looked at.

    Args:
        ballot: what the arms said.
        decided: the answer as it stands.
        gain: by how much the expected F1 of all decided answers rises with its truth.
        image_link, picture, path: of its picture; None while no file is known.
        size: width and height of the upright picture in pixels; None where it was not read.
    """

    ballot: Ballot
    decided: Decided
    gain: float
    image_link: str
    picture: str | None
    path: str | None
    size: tuple[int, int] | None

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
    """The questions, by expected gain, ties by index.

    Args:
        runs: names of the arms, as the ballots order them.
        decided_by: what the decided answers come from, in words.
        decided: number of questions with a decided answer or abstention.
        estimated: of these, questions whose probabilities are estimates from votes.
        f1, f1_after: to expect now, and when the queue's questions are made right.
        left_out: decided questions that are not in the queue, by reason.
    """

    questions: tuple[QueuedQuestion, ...]
    runs: tuple[str, ...]
    decided_by: str
    decided: int
    estimated: int
    f1: float
    f1_after: float
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def promises(self) -> tuple[float, float] | None:
        """`f1` and `f1_after`; None where estimates from votes have a part in them worth speaking of."""
        return (self.f1, self.f1_after) if self.estimated <= _MOST_ESTIMATED * self.decided else None


def make_queue(
    store: Store, panel: Panel, schema: Schema, wanted: Wanted, advance: Callable[[int], None] = lambda _: None
) -> Queue:
    """Orders the questions and fetches what the first ones need.

    Args:
        advance: told the number of questions that have been weighed.

    Raises:
        InputError: a question asks an entity that the schema does not have.
    """
    key = choose_pages(store, panel.arms)
    weighed = _Weighed()
    for batch, decided in _decisions(store, panel, schema, key, None):
        weighed.add(batch, decided)
        advance(len(batch))
    right, present, given = weighed.arrays()
    gains = expected_gains(right, present, given)
    free = _free(store, wanted, weighed)
    order = np.lexsort((np.array(weighed.index, dtype=np.int64), -gains))
    chosen = [place for place in order.tolist() if free[place]][: wanted.most]
    reviewed = np.zeros(len(gains), dtype=np.bool_)
    reviewed[chosen] = True
    left_out = Counter(weighed.reasons)
    left_out["worth less than those handed out"] = sum(free) - len(chosen)
    left_out["not decided: asked of an arm since"] = weighed.undecided
    gain_of = {weighed.index[place]: float(gains[place]) for place in chosen}
    return Queue(
        questions=_fetch(store, panel, schema, key, gain_of),
        runs=tuple(arm.run for arm in panel.arms),
        decided_by=panel.name,
        decided=len(gains),
        estimated=weighed.estimated,
        f1=expected_f1(right, present, given),
        f1_after=f1_after(right, present, given, reviewed),
        left_out={reason: count for reason, count in left_out.items() if count},
    )


class _Weighed:
    """What the first pass keeps of each question."""

    def __init__(self) -> None:
        self.index: list[int] = []
        self.entity: list[str] = []
        self.agreed: list[bool] = []
        self.estimated = 0
        self.undecided = 0
        self.reasons: Counter[str] = Counter()
        self._chances: list[tuple[float, float, bool]] = []

    def add(self, batch: Sequence[Ballot], decided: Sequence[Decided | None]) -> None:
        for ballot, one in zip(batch, decided, strict=True):
            if one is None:
                self.undecided += 1
                continue
            self.index.append(ballot.index)
            self.entity.append(ballot.entity.name)
            self.agreed.append(_agree(ballot))
            self.estimated += one.estimated
            self._chances.append((one.right, one.present, one.quantity is not None))

    def arrays(self) -> tuple[Any, Any, Any]:
        """p, q and whether an answer is given, each of shape (questions,)."""
        table = np.array(self._chances, dtype=np.float64).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2] > 0.0


def _agree(ballot: Ballot) -> bool:
    """Whether all arms that were asked said the same, in legal units."""
    return len(ballot.options) == 1 and len(ballot.options[0].arms) == len(ballot.asked)


def _free(store: Store, wanted: Wanted, weighed: _Weighed) -> list[bool]:
    """For each weighed question whether it may be handed out; counts the others by reason."""
    settled = set() if wanted.again else set(settle(load_reviews(store))[0])
    labelled = set(wanted.labelled)
    free = []
    for index, entity, agreed in zip(weighed.index, weighed.entity, weighed.agreed, strict=True):
        reason = ""
        if index in labelled:
            reason = "labelled in --gold"
        elif index in settled:
            reason = "reviewed already"
        elif wanted.entities and entity not in wanted.entities:
            reason = "of another entity"
        elif wanted.disagree and agreed:
            reason = "the runs agree"
        if reason:
            weighed.reasons[reason] += 1
        free.append(not reason)
    return free


def _decisions(
    store: Store, panel: Panel, schema: Schema, key: PageKey | None, only: Collection[int] | None
) -> Iterator[tuple[list[Ballot], list[Decided | None]]]:
    """Batches of ballots of the arms with what is decided about them."""
    names = [arm.run for arm in panel.arms]
    aside: dict[int, Answer] = {}
    decider: Decider = StoredRun(aside) if panel.chooser is None else ChosenNow(panel.chooser)
    asked = names if panel.run is None else [panel.run.run, *names]
    rows = load_arms(store, asked, only=only)
    if panel.run is not None:
        rows = _set_aside(rows, aside)
    for batch in ballots(store, rows, panel.arms, schema, key):
        yield batch, decider.decide(batch)
        aside.clear()


def _set_aside(rows: Iterator[ArmsRow], aside: dict[int, Answer]) -> Iterator[ArmsRow]:
    """The rows without their first answer, which is kept by index."""
    for row in rows:
        own, *others = row.answers
        if own is not None:
            aside[row.index] = own
        yield replace(row, answers=tuple(others))


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
            made[ballot.index] = QueuedQuestion(
                ballot, decided, gain, question.image_link, question.picture, question.path, size
            )
    return tuple(made[index] for index in gain_of)


def printed_forms(ballot: Ballot) -> list[Quantity]:
    """Every legal form in which some arm gave an answer, in the order of options and arms."""
    spoken = (form for option in ballot.options for form in (option.quantity, *option.spoken) if form is not None)
    return list(dict.fromkeys(form for form in spoken if form.unit in ballot.entity.units))
