"""Questions: adding them, finding them, and what their labels say about a product group.

Which picture file each link names stands here too, because every query of a question asks for it. Pages and answers do
not: see `pages` and `runs`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from entx.core.errors import InputError
from entx.core.types import Question
from entx.storage.store import Store, columns_of, fetch, insert, integers, next_seq, registered, stream

CURRENT_PICTURES = """
    select image_link, arg_max(picture, seq) as picture, arg_max(path, seq) as path, arg_max(bytes, seq) as bytes,
           arg_max(mtime_ns, seq) as mtime_ns, max(seq) as seq
    from pictures group by image_link
"""
"""SQL: the newest file of each link, as a sub-query."""

FOLDS = 5
FOLD_OF_LINK = f"(md5_number_lower(image_link) % {FOLDS})::int"
"""SQL: the fold of a picture. Questions are answered from the other folds' labels, never from their own picture's."""

_PRIOR_PICTURES = 4.0  # of an average group, added to each group's own: a group of four counts half
_NO_COUNTS = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """The file that a link names; path, size and time tell an unchanged one without reading it again."""

    image_link: str
    picture: str  # sha256 of its bytes
    path: str
    size: int  # in bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class FoundQuestion:
    """A question and where its picture's file lay at ingest."""

    index: int
    entity_name: str
    image_link: str
    group_id: str
    label: str | None  # the table's own; None for a table without labels
    fold: int  # of the picture's link, from 0 to FOLDS - 1
    picture: str | None  # None while no file is known
    path: str | None


@dataclass(frozen=True, slots=True)
class GroupPrior:
    """What the labels of a product group say about depth, shrunk towards the average of all groups.

    The train table's answers differ by group: where most products are round, "depth" repeats "width"; where most are
    long or flat, depth is asked alone.
    """

    depth_is_width: float  # of the pictures with both labels, the share on which they are equal, less the average
    depth_share: float  # of the rows that ask a height, width or depth, the share that asks the depth


def add_questions(store: Store, questions: Sequence[Question], source: str) -> int:
    """Adds the questions that the store lacks, returns how many; InputError for an index that another one has."""
    columns = columns_of(questions, "image_link", "group_id", "entity_name", "label", idx="index")
    columns["source"] = [source] * len(questions)
    with store.transaction() as connection, registered(connection, "questions", columns):
        return add_batch(connection, store.path)


def add_batch(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Adds what the store, of this path, lacks of the questions in the view `batch`; as `add_questions`.

    A question that comes without a label may have one in the store.
    """
    taken = connection.execute("""
        select b.idx, q.image_link, q.entity_name, q.source, b.source from batch b join questions q using (idx)
        where (b.image_link, b.group_id, b.entity_name) <> (q.image_link, q.group_id, q.entity_name)
           or b.label is not null and b.label is distinct from q.label
        order by b.idx limit 1""").fetchall()
    if taken:
        index, link, entity, origin, source = taken[0]
        raise InputError(
            f"{source}: index {index} is already in {path} as {entity} of {link} (from {origin}); "
            "use another store, or --index-from N for a table without indices"
        )
    query = "insert into questions by name from batch b where not exists (from questions q where q.idx = b.idx)"
    return len(connection.execute(f"{query} returning 1").fetchall())


def add_files(store: Store, files: Sequence[LinkedFile]) -> None:
    """Appends which files the links name now; the newest row of a link counts."""
    columns = columns_of(files, "image_link", "picture", "path", "mtime_ns", bytes="size")
    insert(store, "pictures", columns | {"seq": [next_seq(store, "pictures")] * len(files)})


def load_files(store: Store) -> dict[str, LinkedFile]:
    """The newest file of each link."""
    return {row[0]: LinkedFile(*row) for row in fetch(store, f"select * exclude (seq) from ({CURRENT_PICTURES})")}


def load_question(store: Store, index: int) -> FoundQuestion:
    """One question; an InputError that says which there are where the store has none of that index."""
    if index < 2**63 and (found := find_questions(store, [index]).get(index)):
        return found
    first, last = fetch(store, "select min(idx), max(idx) from questions")[0]
    range_ = "no questions" if first is None else f"questions {first} to {last}"
    raise InputError(f"no question {index} in {store.path}; it holds {range_}")


def load_questions(store: Store) -> Iterator[Question]:
    """All questions by index, each with its picture where the file is known; streamed."""
    query = f"""
        select idx, image_link, group_id, entity_name, c.picture, label
        from questions left join ({CURRENT_PICTURES}) c using (image_link) order by idx"""
    return (Question(*row) for row in stream(store, query))


def find_questions(store: Store, indices: Iterable[int]) -> dict[int, FoundQuestion]:
    """The questions with these indices that the store has, by index."""
    query = f"""
        select idx, entity_name, image_link, group_id, label, {FOLD_OF_LINK}, c.picture, c.path
        from questions join chosen using (idx) left join ({CURRENT_PICTURES}) c using (image_link)
        order by idx"""
    return {row[0]: FoundQuestion(*row) for row in fetch(store, query, chosen=integers(indices))}


def find_labels(store: Store, asked: Sequence[tuple[str, str]], without: Iterable[int]) -> list[tuple[str, str, str]]:
    """(image_link, entity_name, label) of labelled questions that ask one of these pairs, by index; some left out."""
    types = pa.schema([("image_link", pa.string()), ("entity_name", pa.string())])
    wanted = pa.table([[link for link, _ in asked], [name for _, name in asked]], schema=types)
    query = """
        select image_link, entity_name, label
        from questions semi join wanted using (image_link, entity_name) anti join own using (idx)
        where label is not null order by idx"""
    return fetch(store, query, wanted=wanted, own=integers(without))


def group_priors(store: Store) -> Mapping[tuple[str, int], GroupPrior]:
    """The prior of each (group_id, fold), from the labelled questions outside the fold; empty without labels."""
    query = f"""
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
        from by_picture group by all"""
    folds = {(group, fold): tuple(map(float, counts)) for group, fold, *counts in fetch(store, query)}
    groups: dict[str, tuple[float, ...]] = {}
    for (group, _), counts in folds.items():
        groups[group] = tuple(map(sum, zip(groups.get(group, _NO_COUNTS), counts, strict=True)))
    all_equal, all_pairs, all_depths, all_asked = map(sum, zip(_NO_COUNTS, *groups.values(), strict=True))
    average_equal = all_equal / all_pairs if all_pairs else 0.0
    average_depth = all_depths / all_asked if all_asked else 0.0
    priors = {}
    for group, whole in groups.items():
        for fold in range(FOLDS):
            own = folds.get((group, fold), _NO_COUNTS)
            equal, pairs, depths, asked = (a - b for a, b in zip(whole, own, strict=True))
            priors[group, fold] = GroupPrior(
                (equal + _PRIOR_PICTURES * average_equal) / (pairs + _PRIOR_PICTURES) - average_equal,
                (depths + _PRIOR_PICTURES * average_depth) / (asked + _PRIOR_PICTURES),
            )
    return priors


def priors_digest(priors: Mapping[tuple[str, int], GroupPrior]) -> str:
    """Hash of all priors, "" for none: part of a run's settings, because other labels give other answers."""
    if not priors:
        return ""
    lines = (f"{key} {prior.depth_is_width:.6f} {prior.depth_share:.6f}" for key, prior in sorted(priors.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
