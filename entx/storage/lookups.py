"""Look-ups for a table of rows: its questions, other tables' labels of the same rows, and the totals of runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from entx.core.types import PageKey
from entx.storage.connection import Store
from entx.storage.habits import FOLD_OF_LINK
from entx.storage.questions import CURRENT_PICTURES

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
