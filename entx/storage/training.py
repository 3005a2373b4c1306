"""Labelled questions with the pages of their pictures: what a model learns from.

A question that people have reviewed (`reviews`) has the label they agree on, whatever its table says, and the name of
their labelling for a source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from entx.core.types import OcrPage, PageKey
from entx.storage.connection import Store
from entx.storage.pages import load_pages
from entx.storage.questions import CURRENT_PICTURES
from entx.storage.reviews import load_reviews, settle

_PAGES_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question with its label as the table has it.

    Args:
        label: "" where the picture is said to state no value.
        source: name of the table or the labelling it came from.
    """

    index: int
    picture: str
    group_id: str
    entity_name: str
    label: str
    source: str


@dataclass(frozen=True, slots=True)
class PicturedQuestion:
    """A labelled question with the file of its picture.

    Args:
        question: its picture is "" where no file is known.
        path: where the file lay at ingest; "" where none is known.
    """

    question: LabelledQuestion
    path: str


@dataclass(frozen=True, slots=True)
class SourceCount:
    """The labelled questions of a table or a labelling, and how many of them have an OK page."""

    source: str
    labelled: int
    with_page: int


def labelled_sources(store: Store, key: PageKey) -> list[SourceCount]:
    """Every table and labelling with labelled questions, by name."""
    query = f"""
        select q.source, count(*), count(p.picture)
        from labelled q left join ({CURRENT_PICTURES}) c using (image_link)
             left join ({_OK_PICTURES}) p on p.picture = c.picture
        group by 1 order by 1"""
    rows = _with_reviews(store).execute(query, _parameters(key)).fetchall()
    return [SourceCount(str(source), int(labelled), int(read)) for source, labelled, read in rows]


def labelled_questions(store: Store, key: PageKey, sources: Iterable[str] | None = None) -> list[LabelledQuestion]:
    """The labelled questions whose picture has an OK page of this key, by index.

    Args:
        sources: names of the tables and labellings that count; None for all.
    """
    wanted = None if sources is None else list(sources)
    query = f"""
        select q.idx, c.picture, q.group_id, q.entity_name, q.label, q.source
        from labelled q join ({CURRENT_PICTURES}) c using (image_link) join ({_OK_PICTURES}) p using (picture)
        where ($sources is null or list_contains($sources::varchar[], q.source))
        order by q.idx"""
    rows = _with_reviews(store).execute(query, {**_parameters(key), "sources": wanted}).fetchall()
    return [LabelledQuestion(*row) for row in rows]


def pictured_questions(store: Store) -> list[PicturedQuestion]:
    """All labelled questions by index, each with the newest file of its picture; they need no page."""
    query = f"""
        select q.idx, coalesce(c.picture, ''), q.group_id, q.entity_name, q.label, q.source, coalesce(c.path, '')
        from labelled q left join ({CURRENT_PICTURES}) c using (image_link) order by q.idx"""
    rows = _with_reviews(store).execute(query).fetchall()
    return [PicturedQuestion(LabelledQuestion(*row[:-1]), row[-1]) for row in rows]


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


_OK_PICTURES = """
    select distinct picture from pages
    where status = 'ok' and engine = $engine and model_hash = $model_hash and params_hash = $params_hash
"""


def _with_reviews(store: Store) -> duckdb.DuckDBPyConnection:
    """A cursor that sees the view `labelled`: the labelled questions, those that were reviewed with that label."""
    labels = settle(load_reviews(store))[0].values()
    reviewed = {
        "idx": pa.array([label.index for label in labels], pa.int64()),
        "label": pa.array([next(iter(label.rights), "") for label in labels], pa.string()),
        "source": pa.array([label.source for label in labels], pa.string()),
    }
    cursor = store.connection.cursor()
    cursor.register("reviewed", pa.table(reviewed))
    cursor.execute("""
        create or replace temp view labelled as
        select idx, image_link, group_id, entity_name, coalesce(r.label, q.label) as label,
               coalesce(r.source, q.source) as source
        from questions q left join reviewed r using (idx) where coalesce(r.label, q.label) is not null""")
    return cursor


def _parameters(key: PageKey) -> dict[str, str]:
    return {"engine": key.engine, "model_hash": key.model_hash, "params_hash": key.params_hash}
