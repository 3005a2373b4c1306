"""The geometry of a page as one column of the store: a struct of plain numbers, in single precision.

OCR pages: one per picture and page key, written in batches.

Picture files that a run still has to look at, with their questions, whether anything has read their text or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from entx.core.errors import InputError
from entx.core.splits import Shard
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, PageGeometry, PageKey, PageStatus, Stroke
from entx.storage.questions import CURRENT_PICTURES, FOLD_OF_LINK, load_questions
from entx.storage.store import Store

_STROKE = pa.struct([
    ("direction", pa.string()),
    ("x1", pa.float32()),
    ("y1", pa.float32()),
    ("x2", pa.float32()),
    ("y2", pa.float32()),
    ("length", pa.float32()),
    ("gap", pa.float32()),
    ("score", pa.float32()),
    ("broken", pa.bool_()),
    ("ticks", pa.int8()),
])  # fmt: skip
_LINE = pa.struct([
    ("line", pa.int32()),
    ("vertical", _STROKE),
    ("horizontal", _STROKE),
    ("oblique", _STROKE),
    ("across", pa.float32()),
    ("down", pa.float32()),
])  # fmt: skip
GEOMETRY = pa.struct([
    ("product", pa.list_(pa.float32(), 4)),
    ("white", pa.float32()),
    ("parts", pa.int32()),
    ("lines", pa.list_(_LINE)),
    ("marks", pa.list_(pa.int32())),
    ("roundness", pa.float32()),
])  # fmt: skip
"""The Arrow type of the column; the same fields as in the migration that added it."""


def to_row(geometry: PageGeometry | None) -> dict[str, Any] | None:
    """What the column holds for this geometry."""
    if geometry is None:
        return None
    return {
        "product": geometry.product,
        "white": geometry.white,
        "parts": geometry.parts,
        "lines": [
            {
                "line": line.line,
                "vertical": _stroke_row(line.vertical),
                "horizontal": _stroke_row(line.horizontal),
                "oblique": _stroke_row(line.oblique),
                "across": line.across,
                "down": line.down,
            }
            for line in geometry.lines
        ],
        "marks": geometry.marks,
        "roundness": geometry.roundness,
    }


def from_row(row: dict[str, Any] | None) -> PageGeometry | None:
    """The geometry that the column holds."""
    if row is None:
        return None
    return PageGeometry(
        product=None if row["product"] is None else tuple(row["product"]),
        white=row["white"],
        parts=row["parts"],
        lines=tuple(
            LineGeometry(
                line["line"],
                _stroke(line["vertical"]),
                _stroke(line["horizontal"]),
                _stroke(line["oblique"]),
                line["across"],
                line["down"],
            )
            for line in row["lines"]
        ),
        marks=tuple(row["marks"]),
        roundness=row["roundness"],
    )


def _stroke_row(stroke: Stroke | None) -> dict[str, Any] | None:
    if stroke is None:
        return None
    (x1, y1), (x2, y2) = stroke.start, stroke.end
    return {
        "direction": stroke.direction.value,
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "length": stroke.length,
        "gap": stroke.gap,
        "score": stroke.score,
        "broken": stroke.broken,
        "ticks": stroke.ticks,
    }


def _stroke(row: dict[str, Any] | None) -> Stroke | None:
    if row is None:
        return None
    return Stroke(
        Direction(row["direction"]),
        (row["x1"], row["y1"]),
        (row["x2"], row["y2"]),
        row["length"],
        row["gap"],
        row["score"],
        row["broken"],
        row["ticks"],
    )


_PAGES_LINE = pa.struct([
    ("text", pa.string()),
    ("score", pa.float32()),
    ("polygon", pa.list_(pa.float32(), 8)),
    ("rotation", pa.float32()),
    ("scale", pa.float32()),
])  # fmt: skip
_PAGE = pa.schema([
    ("picture", pa.string()),
    ("engine", pa.string()),
    ("model_hash", pa.string()),
    ("params_hash", pa.string()),
    ("status", pa.string()),
    ("reason", pa.string()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("seconds", pa.float32()),
    ("run", pa.string()),
    ("lines", pa.list_(_PAGES_LINE)),
    ("geometry", GEOMETRY),
])  # fmt: skip
_OF_KEY = "engine = $engine and model_hash = $model_hash and params_hash = $params_hash"
_PENDING = f"""
    with wanted as (
        select c.picture, arg_max(c.path, c.seq) as path, min(q.idx) as first
        from questions q join ({CURRENT_PICTURES}) c using (image_link)
        group by c.picture
    ), pending as (
        select * from wanted w where not exists (from pages p where p.picture = w.picture and {_OF_KEY})
    )"""
_FETCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A distinct picture of the store and where its file lay at ingest."""

    picture: str
    path: str


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """An open question of a page.

    Args:
        group_id, fold: the key of its group's habit (`dimension_habits`).
    """

    index: int
    entity_name: str
    group_id: str
    fold: int


def pending_pictures(store: Store, key: PageKey) -> Iterator[PictureFile]:
    """The distinct pictures that questions name and that have no page of this key yet, in order of their questions.

    Streamed from a snapshot: pages that are added meanwhile change nothing.
    """
    cursor = store.connection.cursor()
    cursor.execute(f"{_PENDING} select picture, path from pending order by first", _parameters(key))
    while rows := cursor.fetchmany(_FETCH_ROWS):
        yield from (PictureFile(*row) for row in rows)


def count_pending(store: Store, key: PageKey) -> int:
    """Number of `pending_pictures`."""
    return int(store.connection.execute(f"{_PENDING} select count(*) from pending", _parameters(key)).fetchall()[0][0])


def add_pages(store: Store, key: PageKey, run: str, pages: Sequence[OcrPage]) -> None:
    """Commits a batch of pages in one transaction."""
    rows = [
        {
            "picture": page.picture,
            "engine": key.engine,
            "model_hash": key.model_hash,
            "params_hash": key.params_hash,
            "status": page.status.value,
            "reason": page.reason,
            "width": page.width,
            "height": page.height,
            "seconds": page.seconds,
            "run": run,
            "lines": [
                {
                    "text": line.text,
                    "score": line.score,
                    "polygon": line.polygon,
                    "rotation": line.rotation,
                    "scale": line.scale,
                }
                for line in page.lines
            ],
            "geometry": to_row(page.geometry),
        }
        for page in pages
    ]
    batch = pa.Table.from_pylist(rows, schema=_PAGE)
    with store.transaction() as connection:
        connection.register("batch", batch)
        connection.execute("insert into pages by name select * from batch")
        connection.unregister("batch")


def forget_failed_pages(store: Store, key: PageKey) -> int:
    """Removes the pages of this key that are not OK, so that the next reading tries those pictures again."""
    with store.transaction() as connection:
        rows = connection.execute(
            f"delete from pages where status <> 'ok' and {_OF_KEY} returning 1", _parameters(key)
        ).fetchall()
    return len(rows)


def page_keys(store: Store) -> list[tuple[PageKey, int]]:
    """The keys that the store holds pages of, with their number, the most recently written first."""
    rows = store.connection.execute(
        "select engine, model_hash, params_hash, count(*) from pages group by all order by max(rowid) desc"
    ).fetchall()
    return [(PageKey(*row[:3]), int(row[3])) for row in rows]


def choose_pages(store: Store, engine: str | None) -> PageKey:
    """The key of the pages to read: the one written last, of this engine if one is named.

    Raises:
        InputError: the store has no such pages.
    """
    keys = [key for key, _ in page_keys(store) if engine in (None, key.engine)]
    if not keys:
        whose = f" of {engine}" if engine else ""
        raise InputError(f"{store.path} holds no pages{whose}; run: entx ocr-cache --store {store.path}")
    return keys[0]


def count_pages(store: Store, key: PageKey) -> dict[str, int]:
    """Number of pages of this key by status."""
    rows = store.connection.execute(
        f"select status, count(*) from pages where {_OF_KEY} group by 1", _parameters(key)
    ).fetchall()
    return {str(status): int(count) for status, count in rows}


def failed_pages(store: Store, key: PageKey, *, most: int) -> list[tuple[str, PageStatus, str]]:
    """(path, status, reason) of the first pages of this key that are not OK."""
    rows = store.connection.execute(
        f"""
        select coalesce(max(pictures.path), p.picture), p.status, p.reason
        from pages p left join pictures using (picture)
        where p.status <> 'ok' and {_OF_KEY}
        group by p.picture, p.status, p.reason, p.rowid order by p.rowid limit {most}
        """,
        _parameters(key),
    ).fetchall()
    return [(path, PageStatus(status), reason) for path, status, reason in rows]


def load_pages(store: Store, key: PageKey, pictures: Iterable[str] | None = None) -> Iterator[OcrPage]:
    """Pages of this key in the order they were written, streamed; all, or those of the given pictures."""
    cursor = store.connection.cursor()  # its own result set: the caller may query and write meanwhile
    chosen = ""
    if pictures is not None:
        cursor.register("chosen", pa.table({"picture": pa.array(list(pictures), pa.string())}))
        chosen = "and picture in (from chosen)"
    cursor.execute(
        f"select picture, status, reason, width, height, seconds, lines, geometry from pages where {_OF_KEY} {chosen}",
        _parameters(key),
    )
    while rows := cursor.fetchmany(_FETCH_ROWS):
        yield from (_page(row) for row in rows)


def unanswered_pages(store: Store, key: PageKey, run: str) -> Iterator[tuple[OcrPage, list[AskedQuestion]]]:
    """Each page of this key that a run still has to look at, with its open questions; streamed.

    From a snapshot: answers that are added meanwhile change nothing.
    """
    cursor = store.connection.cursor()
    cursor.execute(
        f"""
        with open_questions as (
            select c.picture, list((q.idx, q.entity_name, q.group_id, {FOLD_OF_LINK}) order by q.idx) as asked
            from questions q join ({CURRENT_PICTURES}) c using (image_link)
            where not exists (from answers a where a.run = $run and a.idx = q.idx)
            group by c.picture
        )
        select p.picture, status, reason, width, height, seconds, lines, geometry, asked
        from pages p join open_questions using (picture) where {_OF_KEY}
        """,
        {**_parameters(key), "run": run},
    )
    while rows := cursor.fetchmany(_FETCH_ROWS):
        yield from ((_page(row), [AskedQuestion(*asked) for asked in row[8]]) for row in rows)


def _page(row: tuple[Any, ...]) -> OcrPage:
    picture, status, reason, width, height, seconds, lines, geometry = row[:8]
    read = tuple(OcrLine(x["text"], x["score"], tuple(x["polygon"]), x["rotation"], x["scale"]) for x in lines)
    return OcrPage(picture, PageStatus(status), reason, width, height, read, seconds, from_row(geometry))


def _parameters(key: PageKey) -> dict[str, str]:
    return {"engine": key.engine, "model_hash": key.model_hash, "params_hash": key.params_hash}


_OPEN_PICTURES_FETCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A distinct picture and its open questions.

    Args:
        picture: sha256 of the file at ingest.
        path: where the file lay then.
        questions: by index.
    """

    picture: str
    path: Path
    questions: tuple[AskedQuestion, ...]


def open_pictures(store: Store, run: str, shard: Shard = Shard()) -> Iterator[OpenPicture]:  # noqa: B008 - frozen
    """The pictures of the shard with questions that the run has no answer to, in order of their questions; streamed.

    From a snapshot: answers that are added meanwhile change nothing. Questions whose link has no file are not among
    them.
    """
    cursor = store.connection.cursor()
    cursor.execute(
        f"""
        select c.picture, arg_max(c.path, c.seq),
               list((q.idx, q.entity_name, q.group_id, {FOLD_OF_LINK}) order by q.idx)
        from questions q join ({CURRENT_PICTURES}) c using (image_link)
        where not exists (from answers a where a.run = $run and a.idx = q.idx)
        group by c.picture order by min(q.idx)
        """,
        {"run": run},
    )
    while rows := cursor.fetchmany(_OPEN_PICTURES_FETCH_ROWS):
        for picture, path, asked in rows:
            if shard.holds(picture):
                yield OpenPicture(picture, Path(path), tuple(AskedQuestion(*one) for one in asked))


def indices_in_shard(store: Store, shard: Shard, indices: Sequence[int] | None = None) -> list[int]:
    """Which of these questions (None: all) the shard is to answer for, in their order.

    Those of one picture are in one shard; those without a file are dealt by their link, so that every question is in
    exactly one.
    """
    held = [
        question.index for question in load_questions(store) if shard.holds(question.picture or question.image_link)
    ]
    if indices is None:
        return held
    known = set(held)
    return [index for index in indices if index in known]
