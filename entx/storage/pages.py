"""OCR pages: one per picture and page key, written in batches; and the pictures that a run still has to look at.

A column holds the geometry of a page: a struct of plain numbers in single precision, whose fields have the names of
`PageGeometry`. Reading pictures is `ocr_stage`'s work, not this module's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa

from entx.core.errors import InputError
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, PageGeometry, PageKey, PageStatus, Stroke
from entx.storage.questions import CURRENT_PICTURES, FOLD_OF_LINK
from entx.storage.store import Store, columns_of, fetch, insert, stream

OF_KEY = "engine = $engine and model_hash = $model_hash and params_hash = $params_hash"
"""SQL: the condition that a page has a key, with the names of `PageKey` as parameters."""

_PAGE = "picture, status, reason, width, height, lines, seconds, geometry"
_PENDING = f"""
    with wanted as (
        select c.picture, arg_max(c.path, c.seq) as path, min(q.idx) as first
        from questions q join ({CURRENT_PICTURES}) c using (image_link)
        group by c.picture
    ), pending as (
        select * from wanted w where not exists (from pages p where p.picture = w.picture and {OF_KEY})
    )"""
_OPEN = f"""
    select c.picture, arg_max(c.path, c.seq) as path, min(q.idx) as first,
           list((q.idx, q.entity_name, q.group_id, {FOLD_OF_LINK}) order by q.idx) as questions
    from questions q join ({CURRENT_PICTURES}) c using (image_link)
    where not exists (from answers a where a.run = $run and a.idx = q.idx)
    group by c.picture"""
_PAGES_IN_ORDER = 1 << 18
"""Pages whose questions DuckDB puts in order at once."""
_PAGES_AHEAD = 256
_STROKES = ("vertical", "horizontal", "oblique")


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that a run has not answered yet; `group_id` and `fold` are the key of its group's prior."""

    index: int
    entity_name: str
    group_id: str
    fold: int


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A distinct picture and its open questions."""

    picture: str  # sha256 of the file at ingest
    path: Path  # where the file lay then
    questions: tuple[OpenQuestion, ...]  # by index


def pending_pictures(store: Store, key: PageKey) -> Iterator[tuple[str, str]]:
    """(picture, path at ingest) of what questions name and has no page of this key yet, in order of the questions.

    Streamed from a snapshot: pages that are added meanwhile change nothing.
    """
    return stream(store, f"{_PENDING} select picture, path from pending order by first", key.as_dict())


def count_pending(store: Store, key: PageKey) -> int:
    """Number of `pending_pictures`."""
    return int(fetch(store, f"{_PENDING} select count(*) from pending", key.as_dict())[0][0])


def add_pages(store: Store, key: PageKey, run: str, pages: Sequence[OcrPage]) -> None:
    """Commits a batch of pages in one transaction."""
    columns = columns_of(pages, "picture", "status", "reason", "width", "height", "seconds")
    columns |= {name: [value] * len(pages) for name, value in {**key.as_dict(), "run": run}.items()}
    columns["lines"] = [[_fields(line) for line in page.lines] for page in pages]
    columns["geometry"] = [to_row(page.geometry) for page in pages]
    insert(store, "pages", columns)


def forget_failed_pages(store: Store, key: PageKey, *, every: bool) -> int:
    """Removes pages of this key that are not OK, so that the next reading tries those pictures again.

    Not `every`: only those that an older entx kept of a file that could not be opened or for lack of memory.
    """
    which = "true" if every else "(starts_with(reason, '/') or regexp_matches(reason, 'not enough memory|MemoryError'))"
    query = f"delete from pages where status <> 'ok' and {which} and {OF_KEY} returning 1"
    with store.transaction():
        return len(fetch(store, query, key.as_dict()))


def page_keys(store: Store) -> list[tuple[PageKey, int]]:
    """The keys that the store holds pages of, with their number, the most recently written first."""
    query = "select engine, model_hash, params_hash, count(*) from pages group by all order by max(rowid) desc"
    return [(PageKey(*key), count) for *key, count in fetch(store, query)]


def choose_pages(store: Store, engine: str | None) -> PageKey:
    """The key of the pages to read: the one written last, of this engine if one is named; InputError for none."""
    keys = [key for key, _ in page_keys(store) if engine in (None, key.engine)]
    if not keys:
        whose = f" of {engine}" if engine else ""
        raise InputError(f"{store.path} holds no pages{whose}; run: entx ocr-cache --store {store.path}")
    return keys[0]


def count_pages(store: Store, key: PageKey) -> dict[str, int]:
    """Number of pages of this key by status."""
    query = f"select status, count(*) from pages where {OF_KEY} group by 1"
    return dict(fetch(store, query, key.as_dict()))


def failed_pages(store: Store, key: PageKey, *, most: int) -> list[tuple[str, PageStatus, str]]:
    """(path, status, reason) of the first pages of this key that are not OK."""
    query = f"""
        select coalesce(max(pictures.path), p.picture), p.status, p.reason
        from pages p left join pictures using (picture)
        where p.status <> 'ok' and {OF_KEY}
        group by p.picture, p.status, p.reason, p.rowid order by p.rowid limit {most}"""
    return [(path, PageStatus(status), reason) for path, status, reason in fetch(store, query, key.as_dict())]


def load_pages(
    store: Store, key: PageKey, pictures: Iterable[str] | None = None, *, geometry: bool = True
) -> Iterator[OcrPage]:
    """Pages of this key in the order they were written, streamed; all, or those of the given pictures.

    Without their geometry, for who only wants the lines, they come four times as fast.
    """
    among = "" if pictures is None else "and picture in (from chosen)"
    chosen = {} if pictures is None else {"chosen": pa.table({"picture": pa.array(list(pictures), pa.string())})}
    query = f"select {_PAGE if geometry else _PAGE.replace('geometry', 'null')} from pages where {OF_KEY} {among}"
    return (_page(*row) for row in stream(store, query, key.as_dict(), **chosen))


def unanswered_pages(store: Store, key: PageKey, run: str) -> Iterator[tuple[OcrPage, list[OpenQuestion]]]:
    """Each page of this key that a run still has to look at, with its open questions by index; streamed.

    A stretch of pages at a time; answers that are added meanwhile to pages already seen change nothing.
    """
    end = fetch(store, "select coalesce(max(rowid) + 1, 0) from pages")[0][0]
    for first in range(0, end, _PAGES_IN_ORDER):
        query = f"""
            with near as (select rowid as page, picture from pages
                          where {OF_KEY} and rowid >= {first} and rowid < {first + _PAGES_IN_ORDER}),
                 linked as (select image_link from main.pictures semi join near using (picture)),
                 pictures as (from main.pictures semi join linked using (image_link))
            select page, idx, entity_name, group_id, {FOLD_OF_LINK}
            from questions q join ({CURRENT_PICTURES}) c using (image_link) join near using (picture)
            where not exists (from answers a where a.run = $run and a.idx = q.idx) order by page, idx"""
        loaded: dict[int, OcrPage] = {}
        for page, questions in groupby(stream(store, query, {**key.as_dict(), "run": run}), itemgetter(0)):
            if page not in loaded:
                ahead = f"{OF_KEY} and rowid between {page} and {page + _PAGES_AHEAD - 1}"
                rows = fetch(store, f"select rowid, {_PAGE} from pages where {ahead}", key.as_dict())
                loaded = {number: _page(*row) for number, *row in rows}
            yield loaded[page], [OpenQuestion(*question) for _, *question in questions]


def open_pictures(store: Store, run: str) -> Iterator[OpenPicture]:
    """The pictures with questions that the run has no answer to, in order of their questions; streamed.

    From a snapshot: answers that are added meanwhile change nothing. Questions whose link has no file are not among
    them; whether anything has read the picture's text does not matter.
    """
    query = f"select picture, path, questions from ({_OPEN}) order by first"
    for picture, path, questions in stream(store, query, {"run": run}):
        yield OpenPicture(picture, Path(path), tuple(OpenQuestion(*question) for question in questions))


def to_row(geometry: PageGeometry | None) -> dict[str, Any] | None:
    """What the column holds for this geometry."""
    if geometry is None:
        return None
    lines = [_fields(one) | {name: _stroke_row(getattr(one, name)) for name in _STROKES} for one in geometry.lines]
    return _fields(geometry) | {"lines": lines}


def from_row(row: dict[str, Any] | None) -> PageGeometry | None:
    """The geometry that the column holds."""
    if row is None:
        return None
    product = None if row["product"] is None else tuple(row["product"])
    lines = tuple(LineGeometry(**line | {name: _stroke(line[name]) for name in _STROKES}) for line in row["lines"])
    return PageGeometry(**row | {"product": product, "lines": lines, "marks": tuple(row["marks"])})


def _stroke_row(stroke: Stroke | None) -> dict[str, Any] | None:
    if stroke is None:
        return None
    row = _fields(stroke)
    (row["x1"], row["y1"]), (row["x2"], row["y2"]) = row.pop("start"), row.pop("end")
    return row | {"direction": stroke.direction.value}


def _stroke(row: dict[str, Any] | None) -> Stroke | None:
    if row is None:
        return None
    plain = {name: row[name] for name in ("length", "gap", "score", "broken", "ticks")}
    return Stroke(Direction(row["direction"]), (row["x1"], row["y1"]), (row["x2"], row["y2"]), **plain)


def _page(
    picture: str, status: str, reason: str, width: int, height: int, lines: list[dict[str, Any]], seconds: float,
    geometry: dict[str, Any] | None,
) -> OcrPage:  # fmt: skip
    read = tuple(OcrLine(x["text"], x["score"], tuple(x["polygon"]), x["rotation"], x["scale"]) for x in lines)
    return OcrPage(picture, PageStatus(status), reason, width, height, read, seconds, from_row(geometry))


def _fields(one: OcrLine | PageGeometry | LineGeometry | Stroke) -> dict[str, Any]:
    """Field by field as it is, where `asdict` would copy all that is inside."""
    return {name: getattr(one, name) for name in one.__slots__}
