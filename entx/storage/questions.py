"""Questions, and which picture file each link names.

What the labelled questions of a store say about a product group: is its depth its width?

The train table's answers differ by group: where most products are round, "depth" repeats "width"; where most are long
or flat, depth is asked alone. One pass over the questions, once per run.

Look-ups for a table of rows: its questions, other tables' labels of the same rows, and the totals of runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from entx.core.errors import InputError
from entx.core.types import PageKey, Question
from entx.storage.store import Store

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


FOLDS = 5
_PRIOR_ROWS = 4.0
"""How many pictures of an average group are added to each group's own."""


@dataclass(frozen=True, slots=True)
class Habit:
    """A group's habit, shrunk towards the average of all groups.

    Args:
        depth_is_width: of the pictures with both labels, the share on which they are equal, less the average of all.
        depth_share: of the rows that ask a height, width or depth, the share that asks the depth.
    """

    depth_is_width: float
    depth_share: float


FOLD_OF_LINK = f"md5_number_lower(image_link) % {FOLDS}"
"""SQL: the fold of a picture. Questions are answered from the other folds' labels, never from their own picture's."""


def dimension_habits(store: Store) -> Mapping[tuple[str, int], Habit]:
    """The habit of each (group_id, fold), from the labelled questions outside the fold; empty without labels."""
    rows = store.connection.execute(f"""
        with by_picture as (
            select group_id, {FOLD_OF_LINK} as fold,
                   any_value(label) filter (entity_name = 'width') as width,
                   any_value(label) filter (entity_name = 'depth') as depth,
                   count(*) filter (entity_name = 'depth') as depths, count(*) as asked
            from questions
            where label is not null and label <> '' and entity_name in ('height', 'width', 'depth')
            group by group_id, image_link
        )
        select group_id, fold, count(*) filter (width = depth),
               count(*) filter (width is not null and depth is not null),
               sum(depths), sum(asked)
        from by_picture group by all""").fetchall()
    totals = [sum(float(row[column]) for row in rows) for column in range(2, 6)]
    groups: dict[str, list[float]] = {}
    folds: dict[tuple[str, int], list[float]] = {}
    for group, fold, *counts in rows:
        numbers = [float(count) for count in counts]
        folds[group, int(fold)] = numbers
        groups[group] = [a + b for a, b in zip(groups.get(group, [0.0] * 4), numbers, strict=True)]
    average_equal = totals[0] / totals[1] if rows and totals[1] else 0.0
    average_depth = totals[2] / totals[3] if rows else 0.0
    habits = {}
    for group, whole in groups.items():
        for fold in range(FOLDS):
            own = folds.get((group, fold), [0.0] * 4)
            equal, pairs, depths, asked = (a - b for a, b in zip(whole, own, strict=True))
            habits[group, fold] = Habit(
                (equal + _PRIOR_ROWS * average_equal) / (pairs + _PRIOR_ROWS) - average_equal,
                (depths + _PRIOR_ROWS * average_depth) / (asked + _PRIOR_ROWS),
            )
    return habits


def habit_of(store: Store, index: int) -> Habit | None:
    """The habit for one question: that of its group outside its picture's fold; None for a group without labels."""
    rows = store.connection.execute(f"select group_id, {FOLD_OF_LINK} from questions where idx = ?", [index]).fetchall()
    return dimension_habits(store).get((rows[0][0], int(rows[0][1]))) if rows else None


def habits_digest(habits: Mapping[tuple[str, int], Habit]) -> str:
    """Hash of all habits, "" for none: part of a run's settings, because other labels give other answers."""
    if not habits:
        return ""
    lines = (f"{key} {h.depth_is_width:.6f} {h.depth_share:.6f}" for key, h in sorted(habits.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


_FOLD = FOLD_OF_LINK.replace("image_link", "q.image_link")


@dataclass(frozen=True, slots=True)
class FoundQuestion:
    """A question and where its picture's file lay at ingest.

    Args:
        fold: of the picture's link, from 0 on (`habits.FOLDS`).
        picture, path: None while no file is known.
    """

    index: int
    entity_name: str
    image_link: str
    group_id: str
    fold: int
    picture: str | None
    path: str | None


@dataclass(frozen=True, slots=True)
class RunTotals:
    """A run over all rows of the store.

    Args:
        asked, answered: number of questions.
        answer_seconds: sum of the answers' own times; 0 for a run that did not take them.
        wall_seconds: of all its calls together that had something to do.
    """

    stage: str
    settings: dict[str, Any]
    asked: int
    answered: int
    answer_seconds: float
    wall_seconds: float


def find_questions(store: Store, indices: Iterable[int]) -> dict[int, FoundQuestion]:
    """The questions with these indices that the store has, by index."""
    cursor = store.connection.cursor()
    cursor.register("chosen", pa.table({"idx": pa.array(list(indices), pa.int64())}))
    rows = cursor.execute(
        f"""select q.idx, q.entity_name, q.image_link, q.group_id, ({_FOLD})::int, c.picture, c.path
            from questions q join chosen using (idx) left join ({CURRENT_PICTURES}) c using (image_link)
            order by q.idx"""
    ).fetchall()
    return {row[0]: FoundQuestion(*row) for row in rows}


def find_labels(store: Store, asked: Sequence[tuple[str, str]], without: Iterable[int]) -> list[tuple[str, str, str]]:
    """(image_link, entity_name, label) of the labelled questions that ask this of these pictures, by index.

    Args:
        asked: (image_link, entity_name) pairs.
        without: indices of questions that do not count.
    """
    cursor = store.connection.cursor()
    cursor.register("wanted", pa.table({
        "image_link": pa.array([link for link, _ in asked], pa.string()),
        "entity_name": pa.array([name for _, name in asked], pa.string()),
    }))  # fmt: skip
    cursor.register("own", pa.table({"idx": pa.array(list(without), pa.int64())}))
    rows = cursor.execute(
        """select q.image_link, q.entity_name, q.label
           from questions q semi join wanted using (image_link, entity_name) anti join own using (idx)
           where q.label is not null order by q.idx"""
    ).fetchall()
    return [(str(link), str(name), str(label)) for link, name, label in rows]


def run_totals(store: Store, run: str) -> RunTotals:
    """The totals of one run, which must be in the store."""
    rows = store.connection.execute(
        """select any_value(stage), any_value(settings), count(a.idx), count(a.unit),
                  coalesce(sum(a.seconds::double), 0)
           from runs r left join answers a using (run) where r.run = ?""",
        [run],
    ).fetchall()
    stage, settings, asked, answered, seconds = rows[0]
    ends = store.connection.execute("select wall_seconds, counts from run_ends where run = ?", [run]).fetchall()
    wall = sum(took for took, counts in ends if any(json.loads(counts).values()))
    return RunTotals(stage, json.loads(settings), asked, answered, seconds, wall)


def page_seconds(store: Store, run: str, key: PageKey) -> float:
    """Worker seconds that the pages of this key took for the distinct pictures that the run was asked about."""
    rows = store.connection.execute(
        f"""with asked as (
                select distinct c.picture from answers a join questions q using (idx)
                join ({CURRENT_PICTURES}) c using (image_link) where a.run = $run)
            select coalesce(sum(p.seconds::double), 0) from pages p semi join asked using (picture)
            where engine = $engine and model_hash = $model_hash and params_hash = $params_hash""",
        {"run": run, "engine": key.engine, "model_hash": key.model_hash, "params_hash": key.params_hash},
    ).fetchall()
    return float(rows[0][0])
