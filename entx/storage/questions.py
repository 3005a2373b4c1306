"""Questions, and which picture file each link names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from entx.core.errors import InputError
from entx.core.types import Question
from entx.storage.connection import Store

CURRENT_PICTURES = """
    select image_link, arg_max(picture, seq) as picture, arg_max(path, seq) as path, arg_max(bytes, seq) as bytes,
           arg_max(mtime_ns, seq) as mtime_ns, max(seq) as seq
    from pictures group by image_link
"""
"""The newest file of each link, as a sub-query."""

_FETCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """The file that a link names.

    Args:
        picture: sha256 of its bytes.
        size: in bytes.
        mtime_ns: with path and size tells an unchanged file without reading it again.
    """

    image_link: str
    picture: str
    path: str
    size: int
    mtime_ns: int


def add_questions(store: Store, questions: Sequence[Question], source: str) -> int:
    """Adds the questions that the store does not have; returns how many were new.

    Raises:
        InputError: an index is taken by another question; the first such index is named.
    """
    batch = pa.table({
        "idx": pa.array([q.index for q in questions], pa.int64()),
        "image_link": pa.array([q.image_link for q in questions], pa.string()),
        "group_id": pa.array([q.group_id for q in questions], pa.string()),
        "entity_name": pa.array([q.entity_name for q in questions], pa.string()),
        "label": pa.array([q.label for q in questions], pa.string()),
        "source": pa.array([source] * len(questions), pa.string()),
    })  # fmt: skip
    with store.transaction() as connection:
        connection.register("batch", batch)
        taken = connection.execute("""
            select b.idx, q.image_link, q.entity_name, q.source from batch b join questions q using (idx)
            where (b.image_link, b.group_id, b.entity_name) <> (q.image_link, q.group_id, q.entity_name)
               or b.label is distinct from q.label
            order by b.idx limit 1""").fetchall()
        if taken:
            index, link, entity, origin = taken[0]
            raise InputError(
                f"{source}: index {index} is already in {store.path} as {entity} of {link} (from {origin}); "
                "use another store, or --index-from N for a table without indices"
            )
        added = connection.execute(
            """insert into questions select * from batch b
               where not exists (from questions q where q.idx = b.idx) returning 1"""
        ).fetchall()
        connection.unregister("batch")
    return len(added)


def add_files(store: Store, files: Sequence[LinkedFile]) -> None:
    """Appends which files the links name now; the newest row of a link counts."""
    batch = pa.table({
        "image_link": pa.array([f.image_link for f in files], pa.string()),
        "picture": pa.array([f.picture for f in files], pa.string()),
        "path": pa.array([f.path for f in files], pa.string()),
        "bytes": pa.array([f.size for f in files], pa.int64()),
        "mtime_ns": pa.array([f.mtime_ns for f in files], pa.int64()),
    })  # fmt: skip
    with store.transaction() as connection:
        connection.register("batch", batch)
        connection.execute("insert into pictures select *, (select coalesce(max(seq), 0) + 1 from pictures) from batch")
        connection.unregister("batch")


def load_files(store: Store) -> dict[str, LinkedFile]:
    """The newest file of each link."""
    rows = store.connection.execute(
        f"select image_link, picture, path, bytes, mtime_ns from ({CURRENT_PICTURES})"
    ).fetchall()
    return {row[0]: LinkedFile(*row) for row in rows}


def load_file(store: Store, image_link: str) -> LinkedFile | None:
    """The newest file of one link; None while no file is known."""
    rows = store.connection.execute(
        """select image_link, picture, path, bytes, mtime_ns from pictures where image_link = ?
           order by seq desc limit 1""",
        [image_link],
    ).fetchall()
    return LinkedFile(*rows[0]) if rows else None


def load_question(store: Store, index: int) -> Question:
    """One question.

    Raises:
        InputError: the store has no question of that index.
    """
    rows = store.connection.execute(
        "select idx, image_link, group_id, entity_name, label from questions where idx = try_cast(? as bigint)",
        [str(index)],
    ).fetchall()
    if not rows:
        first, last = store.connection.execute("select min(idx), max(idx) from questions").fetchall()[0]
        range_ = "no questions" if first is None else f"questions {first} to {last}"
        raise InputError(f"no question {index} in {store.path}; it holds {range_}")
    found, link, group_id, entity_name, label = rows[0]
    file = load_file(store, link)
    return Question(found, link, group_id, entity_name, file.picture if file else None, label)


def load_questions(store: Store) -> Iterator[Question]:
    """All questions by index, each with its picture where the file is known; streamed."""
    cursor = store.connection.cursor()
    cursor.execute(f"""
        select q.idx, q.image_link, q.group_id, q.entity_name, c.picture, q.label
        from questions q left join ({CURRENT_PICTURES}) c using (image_link) order by q.idx""")
    while rows := cursor.fetchmany(_FETCH_ROWS):
        for row in rows:
            yield Question(*row)
