"""Labels: what people said of questions, what follows from it, and the labelled questions that a model learns from.

Reviews are only added. Of one reviewer (a source and an annotator in it) the newest verdict on a question counts. Where
several reviewers share no answer there is no label, unless one of them is marked as final. A question that people have
reviewed has the label they agree on, whatever its table says, and the name of their labelling for a source.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from entx.core.types import OcrPage, PageKey
from entx.storage.pages import OF_KEY, load_pages
from entx.storage.questions import CURRENT_PICTURES
from entx.storage.store import Store, columns_of, fetch, insert, next_seq

_REVIEW = "idx, rights, source, annotator, reviewed, final, lead_seconds, task, said, file, sha256"
_PAGES_AT_ONCE = 512  # in memory


@dataclass(frozen=True, slots=True)
class Review:
    """One person's verdict on one question."""

    index: int  # of the question
    rights: tuple[str, ...]  # written forms that are right, the first one being the value; () for none in the picture
    source: str  # name of the labelling
    annotator: str  # within the source
    reviewed: str  # when: UTC, ISO 8601 with a fixed number of digits, so that texts compare like times
    final: bool = False  # marked as ground truth
    lead_seconds: float | None = None  # that it took; None where it is not known
    task: str = ""  # the labelling tool's names of task and annotation; "" for a spreadsheet
    said: Mapping[str, Any] = field(default_factory=dict)  # what was decided and each arm had answered at handing out
    file: str = ""  # that it was read from
    sha256: str = ""  # of this file


@dataclass(frozen=True, slots=True)
class SettledLabel:
    """What the reviewers of a question agree on."""

    index: int
    rights: tuple[str, ...]  # as in `Review`; the first form is one that all of them named
    source: str  # of the newest of their reviews
    annotators: tuple[str, ...]  # sorted


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question with its label as the table has it, and the newest file of its picture."""

    index: int
    picture: str  # "" where no file is known
    group_id: str
    entity_name: str
    label: str  # "" where the picture is said to state no value
    source: str  # name of the table or the labelling it came from
    path: str = ""  # where the file lay at ingest; "" where none is known


def add_reviews(store: Store, reviews: Sequence[Review]) -> int:
    """Adds the reviews that change what their reviewer said last, in one transaction; returns how many.

    A review that says the same as the reviewer's newest one, or is older than it, is left out: so an export that grows
    can be imported again and again.
    """
    newest = {_by(review): review for review in load_reviews(store)}
    added = []
    for review in sorted(reviews, key=lambda review: review.reviewed):
        known = newest.get(_by(review))
        same = known is not None and (known.rights, known.final) == (review.rights, review.final)
        if same or (known is not None and review.reviewed < known.reviewed):
            continue
        newest[_by(review)] = review
        added.append(review)
    if added:
        first = next_seq(store, "reviews")
        plain = ("rights", "source", "annotator", "reviewed", "final", "lead_seconds", "task", "file", "sha256")
        columns = columns_of(added, *plain, idx="index")
        columns["said"] = [json.dumps(one.said, ensure_ascii=False, sort_keys=True) for one in added]
        columns["seq"] = range(first, first + len(added))
        insert(store, "reviews", columns)
    return len(added)


def load_reviews(store: Store) -> list[Review]:
    """The newest review of each reviewer on each question, by index, then in the order in which they were added."""
    query = f"""
        select {_REVIEW} from reviews
        qualify row_number() over (partition by idx, source, annotator order by reviewed desc, seq desc) = 1
        order by idx, seq"""
    return [
        Review(index, tuple(rights), source, annotator, reviewed, final, lead, task, json.loads(said), file, sha256)
        for index, rights, source, annotator, reviewed, final, lead, task, said, file, sha256 in fetch(store, query)
    ]


def settle(reviews: Iterable[Review]) -> tuple[dict[int, SettledLabel], dict[int, tuple[Review, ...]]]:
    """What follows from the newest review of each reviewer.

    Reviewers agree where all say that there is no value, or all name one form in common; every form that one of them
    named is then right. Where some are marked as final only these count.

    Returns:
        Labels by index, and by index the reviews of the questions on which people disagree.
    """
    by_index: dict[int, list[Review]] = defaultdict(list)
    for review in reviews:
        by_index[review.index].append(review)
    labels, disputed = {}, {}
    for index, every in by_index.items():
        counting = [review for review in every if review.final] or every
        shared = [form for form in counting[0].rights if all(form in review.rights for review in counting)]
        if not shared and any(review.rights for review in counting):
            disputed[index] = tuple(counting)
            continue
        named = dict.fromkeys([*shared[:1], *(form for review in counting for form in review.rights)])
        last = max(counting, key=lambda review: review.reviewed)
        people = sorted({review.annotator for review in counting})
        labels[index] = SettledLabel(index, tuple(named), last.source, tuple(people))
    return labels, disputed


def labelled_questions(store: Store, key: PageKey | None = None) -> list[LabelledQuestion]:
    """The labelled questions by index.

    Args:
        key: of the OK page that the picture must have; None asks for no page, and not for a file either.
    """
    with_page = f"and c.picture in (select picture from pages where status = 'ok' and {OF_KEY})" if key else ""
    query = f"""
        select idx, coalesce(c.picture, ''), group_id, entity_name, coalesce(r.label, q.label),
               coalesce(r.source, q.source), coalesce(c.path, '')
        from questions q left join reviewed r using (idx) left join ({CURRENT_PICTURES}) c using (image_link)
        where coalesce(r.label, q.label) is not null {with_page} order by idx"""
    wanted = None if key is None else key.as_dict()
    return [LabelledQuestion(*row) for row in fetch(store, query, wanted, reviewed=_reviewed(store))]


def pages_with_questions(
    store: Store, key: PageKey, questions: Iterable[LabelledQuestion]
) -> Iterator[tuple[OcrPage, list[LabelledQuestion]]]:
    """Each page that the questions name, once, with its questions; in the order of the questions, a few in memory."""
    by_picture: dict[str, list[LabelledQuestion]] = {}
    for question in questions:
        by_picture.setdefault(question.picture, []).append(question)
    pictures = list(by_picture)
    for start in range(0, len(pictures), _PAGES_AT_ONCE):
        chunk = pictures[start : start + _PAGES_AT_ONCE]
        pages = {page.picture: page for page in load_pages(store, key, chunk)}
        yield from ((pages[picture], by_picture[picture]) for picture in chunk)


def _reviewed(store: Store) -> pa.Table:
    """The labels that people agree on."""
    labels = settle(load_reviews(store))[0].values()
    rows = [{"idx": one.index, "label": next(iter(one.rights), ""), "source": one.source} for one in labels]
    return pa.Table.from_pylist(rows, pa.schema({"idx": pa.int64(), "label": pa.string(), "source": pa.string()}))


def _by(review: Review) -> tuple[int, str, str]:
    return review.index, review.source, review.annotator
