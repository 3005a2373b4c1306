"""The labelled rows of an ablation: a truth table matched with the questions of a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import ALSO_SEPARATOR, IntArray, group_numbers, kept_rows, truth_column
from entx.core.tables import parse_indices, read_table, require_entities
from entx.core.types import Quantity, parse_written
from entx.storage.questions import FoundQuestion, find_questions
from entx.storage.store import Store

_PICTURE_COLUMNS = ("image_link", "image")


@dataclass(frozen=True, slots=True)
class GoldRow:
    """One labelled question.

    Args:
        slice: the table's cell, "" without such a column.
        truth: "" where the picture states no value.
        also: other texts that are equally right.
        link, group_id, fold: of the question's picture (`habits.FOLD_OF_LINK`).
        picture, path: sha256 and place of its file; None while the file is missing.
    """

    index: int
    entity_name: str
    slice: str
    truth: str
    also: tuple[str, ...]
    link: str
    group_id: str
    fold: int
    picture: str | None
    path: str | None

    @property
    def rights(self) -> frozenset[Quantity]:
        """The quantities that are right; empty where there is none, or none that can be written as one."""
        if not self.truth:
            return frozenset()
        return frozenset(found for text in (self.truth, *self.also) if (found := parse_written(text)) is not None)


@dataclass(frozen=True)
class Gold:
    """The rows to measure on.

    Args:
        path: of the table.
        rows: those that the store has questions of.
        foreign: indices of rows that the store does not have; they are left out and counted.
        groups: number of each row's picture, shape (rows,); rows of one picture are resampled together.
    """

    path: Path
    rows: tuple[GoldRow, ...]
    foreign: tuple[int, ...]
    groups: IntArray

    @cached_property
    def parts(self) -> Mapping[str, Mapping[str, IntArray]]:
        """Positions of rows: of all, by slice and by entity, most rows first; "all" has the one key ""."""
        parts = {"all": {"": np.arange(len(self.rows), dtype=np.int64)}}
        if any(row.slice for row in self.rows):
            parts["slice"] = _positions([row.slice for row in self.rows])
        parts["entity_name"] = _positions([row.entity_name for row in self.rows])
        return parts

    @property
    def named_parts(self) -> Mapping[str, IntArray]:
        """Positions of all rows, under "", and of each slice; rows whose slice is empty are no part of their own."""
        slices = self.parts.get("slice", {})
        return {"": self.parts["all"][""], **{name: rows for name, rows in slices.items() if name}}

    def only(self, positions: Sequence[int]) -> Gold:
        """The rows at these positions."""
        return Gold(
            self.path, tuple(self.rows[place] for place in positions), self.foreign, self.groups[list(positions)]
        )


def read_gold(path: Path, store: Store, schema: Schema, where: Sequence[tuple[str, str]] = ()) -> Gold:
    """Reads a truth table (index, entity_value or value; perhaps also, slice, entity_name, image_link).

    Args:
        where: (column, value) pairs that a row must have; pairs of one column are alternatives.

    Raises:
        TableError: the table breaks its contract.
        InputError: no row is left, none is a question of the store, or one of them asks something else there.
    """
    asked = list(dict.fromkeys(column for column, _ in where))
    table = read_table(
        path, ["index", *asked], ["entity_value", "value", "also", "slice", "entity_name", *_PICTURE_COLUMNS]
    )
    indices = parse_indices(table)
    if "entity_name" in table:
        require_entities(table, schema)
    truths, kept = table[truth_column(table)], kept_rows(table, where)
    found = find_questions(store, [indices[place] for place in kept])
    if not found:
        raise InputError(
            f"{path}: {store.path} has a question of none of its {len(kept):,} rows; ingest its table first"
        )
    names, links = table.get("entity_name"), table.get("image_link")
    also, slices = table.get("also"), table.get("slice")
    rows, keys = [], []
    pictures = next((table[name] for name in _PICTURE_COLUMNS if name in table), None)
    for place in kept:
        question = found.get(indices[place])
        if question is None:
            continue
        _require_same(path, question, names[place] if names else None, links[place] if links else None)
        others = (text.strip() for text in (also[place] if also else "").split(ALSO_SEPARATOR))
        rows.append(
            GoldRow(
                question.index, question.entity_name, slices[place] if slices else "", truths[place].strip(),
                tuple(text for text in others if text), question.image_link, question.group_id,
                question.fold, question.picture, question.path,
            )
        )  # fmt: skip
        keys.append(pictures[place] if pictures else question.image_link)
    foreign = tuple(indices[place] for place in kept if indices[place] not in found)
    return Gold(path, tuple(rows), foreign, group_numbers(keys))


def _require_same(path: Path, question: FoundQuestion, name: str | None, link: str | None) -> None:
    for ours, theirs in ((name, question.entity_name), (link, question.image_link)):
        if ours is not None and ours != theirs:
            raise InputError(
                f"{path}: index {question.index} is {ours!r}, in the store {theirs!r}; is that of another table?"
            )


def _positions(cells: Sequence[str]) -> dict[str, IntArray]:
    numbers = group_numbers(cells)
    first = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
    return {cell: np.flatnonzero(numbers == first[cell]) for cell, _ in Counter(cells).most_common()}
