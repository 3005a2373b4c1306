"""Reviews: what people said of questions, with who, when and from where; and the labels that follow from them.

Rows are only added. Of one reviewer (a source and an annotator in it) the newest verdict on a question counts. Where
several reviewers share no answer there is no label, unless one of them is marked as final.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from entx.storage.connection import Store

_REVIEW = pa.schema([
    ("idx", pa.int64()),
    ("rights", pa.list_(pa.string())),
    ("source", pa.string()),
    ("annotator", pa.string()),
    ("reviewed", pa.string()),
    ("final", pa.bool_()),
    ("lead_seconds", pa.float64()),
    ("task", pa.string()),
    ("said", pa.string()),
    ("file", pa.string()),
    ("sha256", pa.string()),
])  # fmt: skip
_COLUMNS = "idx, rights, source, annotator, reviewed, final, lead_seconds, task, said, file, sha256"


@dataclass(frozen=True, slots=True)
class Review:
    """One person's verdict on one question.

    Args:
        index: of the question.
        rights: written forms that are right, the first one being the value; () where the picture states none.
        source: name of the labelling.
        annotator: within the source.
        reviewed: when, UTC in ISO 8601 with a fixed number of digits, so that texts compare like times.
        final: marked as ground truth.
        lead_seconds: that it took; None where it is not told.
        task: the labelling tool's names of task and annotation; "" for a spreadsheet.
        said: what was decided and what each arm had answered when the question was handed out.
        file, sha256: that it was read from.
    """

    index: int
    rights: tuple[str, ...]
    source: str
    annotator: str
    reviewed: str
    final: bool = False
    lead_seconds: float | None = None
    task: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class SettledLabel:
    """What the reviewers of a question agree on.

    Args:
        rights: as in `Review`; the first form is one that all of them named.
        source: of the newest of their reviews.
        annotators: who they are, sorted.
    """

    index: int
    rights: tuple[str, ...]
    source: str
    annotators: tuple[str, ...]


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
    if not added:
        return 0
    columns = {
        "idx": [one.index for one in added],
        "rights": [list(one.rights) for one in added],
        "source": [one.source for one in added],
        "annotator": [one.annotator for one in added],
        "reviewed": [one.reviewed for one in added],
        "final": [one.final for one in added],
        "lead_seconds": [one.lead_seconds for one in added],
        "task": [one.task for one in added],
        "said": [json.dumps(one.said, ensure_ascii=False, sort_keys=True) for one in added],
        "file": [one.file for one in added],
        "sha256": [one.sha256 for one in added],
    }
    batch = pa.Table.from_pydict(columns, schema=_REVIEW)
    with store.transaction() as connection:
        connection.register("batch", batch)
        connection.execute(f"""
            insert into reviews ({_COLUMNS}, seq)
            select {_COLUMNS}, (select coalesce(max(seq), 0) from reviews) + row_number() over () from batch""")
        connection.unregister("batch")
    return len(added)


def load_reviews(store: Store) -> list[Review]:
    """The newest review of each reviewer on each question, by index, then in the order in which they were added."""
    rows = store.connection.execute(f"""
        select {_COLUMNS} from reviews
        qualify row_number() over (partition by idx, source, annotator order by reviewed desc, seq desc) = 1
        order by idx, seq""").fetchall()
    return [
        Review(index, tuple(rights), source, annotator, reviewed, final, lead, task, json.loads(said), file, sha256)
        for index, rights, source, annotator, reviewed, final, lead, task, said, file, sha256 in rows
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


def _by(review: Review) -> tuple[int, str, str]:
    return review.index, review.source, review.annotator
