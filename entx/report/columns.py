"""The labelled rows of an ablation, and its columns: what each run and hybrid says to them, and what that counts as.

A truth table is matched with the questions of a store (`read_gold`). Two columns are compared by a paired test over the
rows that both were asked; a column is compared with itself without the postprocessor, without geometry and without its
decision to abstain (`variants`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import (
    PICTURE_COLUMNS,
    Counts,
    IntArray,
    Outcome,
    Score,
    Truth,
    bootstrap_f1,
    group_numbers,
    outcomes,
    paired_f1,
    positions_of,
    read_truth,
)
from entx.core.types import Answer, Quantity, parse_written
from entx.storage.questions import FoundQuestion, find_questions
from entx.storage.runs import ArmsRow
from entx.storage.store import Store

BoolArray = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class GoldRow(FoundQuestion):
    """A question of the store with its label."""

    slice: str  # "" without such a column
    truth: str  # "" where the picture states no value
    also: tuple[str, ...]  # texts that are equally right

    @property
    def rights(self) -> frozenset[Quantity]:
        """The quantities that are right; empty where there is none, or none that can be written as one."""
        return Truth(self.index, self.truth, self.also).rights


@dataclass(frozen=True)
class Gold:
    """The rows to measure on: those of a table that the store has questions of."""

    path: Path  # of the table
    rows: tuple[GoldRow, ...]
    foreign: tuple[int, ...]  # indices of rows that the store does not have; they are left out and counted
    groups: IntArray  # number of each row's picture, shape (rows,): rows of one picture are resampled together

    @cached_property
    def stated(self) -> BoolArray:
        """Whether the row's picture states a value, shape (rows,)."""
        return np.array([bool(row.truth) for row in self.rows], dtype=np.bool_)

    @cached_property
    def parts(self) -> Mapping[str, Mapping[str, IntArray]]:
        """Positions of rows: of all, by slice and by entity, most rows first; "all" has the one key ""."""
        parts = {"all": {"": np.arange(len(self.rows), dtype=np.int64)}}
        if any(row.slice for row in self.rows):
            parts["slice"] = positions_of([row.slice for row in self.rows])
        parts["entity_name"] = positions_of([row.entity_name for row in self.rows])
        return parts

    @property
    def named_parts(self) -> Mapping[str, IntArray]:
        """Positions of all rows, under "", and of each slice; rows whose slice is empty are no part of their own."""
        slices = self.parts.get("slice", {})
        return {"": self.parts["all"][""], **{name: rows for name, rows in slices.items() if name}}

    def only(self, positions: Sequence[int]) -> Gold:
        """The rows at these positions."""
        rows = tuple(self.rows[place] for place in positions)
        return replace(self, rows=rows, groups=self.groups[list(positions)])


def read_gold(path: Path, store: Store, schema: Schema, where: Sequence[tuple[str, str]] = ()) -> Gold:
    """Reads a truth table (index, entity_value or value; perhaps also, slice, entity_name, image_link).

    Args:
        where: (column, value) pairs that a row must have; pairs of one column are alternatives.

    Raises:
        TableError: the table breaks its contract.
        InputError: no row is left, none is a question of the store, or one of them asks something else there.
    """
    truths = read_truth(path, schema, optional=["slice", *PICTURE_COLUMNS], where=where)
    found = find_questions(store, [truth.index for truth in truths.rows])
    if not found:
        raise InputError(
            f"{path}: {store.path} has a question of none of its {len(truths.rows):,} rows; ingest its table first"
        )
    blank = [""] * len(truths.rows)
    names, links, slices = truths.cells("entity_name"), truths.cells("image_link"), truths.cells("slice") or blank
    pictures = truths.cells(*PICTURE_COLUMNS)
    rows, keys = [], []
    for place, truth in enumerate(truths.rows):
        question = found.get(truth.index)
        if question is None:
            continue
        for cells, theirs in ((names, question.entity_name), (links, question.image_link)):
            if cells is not None and cells[place] != theirs:
                where_told = f"{path}: index {question.index} is {cells[place]!r}, in the store {theirs!r}"
                raise InputError(f"{where_told}; is that of another table?")
        rows.append(GoldRow(**asdict(question), slice=slices[place], truth=truth.value, also=truth.also))
        keys.append(pictures[place] if pictures else question.image_link)
    foreign = tuple(truth.index for truth in truths.rows if truth.index not in found)
    return Gold(path, tuple(rows), foreign, group_numbers(keys))


ARM, HYBRID = "arm", "hybrid"
RULES_STAGE, VLM_STAGE, ENSEMBLE_STAGE = "rules", "vlm", "ensemble"


@dataclass(frozen=True)
class Column:
    """What a run of the store, or what is decided here, says to all rows of a gold table."""

    name: str
    kind: str  # ARM: a run; HYBRID: decided here
    stage: str  # that made the run
    answers: tuple[Answer | None, ...]  # one a row; None where the run was not asked, which counts as not answered
    gold: Gold

    @property
    def single(self) -> bool:
        """Whether it is a stored run that is no ensemble."""
        return self.kind == ARM and self.stage != ENSEMBLE_STAGE

    @cached_property
    def texts(self) -> list[str]:
        """The answers as written, "" for none."""
        return [answer.quantity.text if answer and answer.quantity else "" for answer in self.answers]

    @cached_property
    def asked(self) -> BoolArray:
        """Whether the row was asked, shape (rows,)."""
        return np.array([answer is not None for answer in self.answers], dtype=np.bool_)

    @cached_property
    def outcomes(self) -> IntArray:
        """`Outcome` of each row by number and unit, shape (rows,)."""
        return outcomes_of(self.texts, self.gold)[0]

    @cached_property
    def right(self) -> BoolArray:
        """Whether the answer, or giving none, is right; shape (rows,)."""
        return np.isin(self.outcomes, (Outcome.TP, Outcome.TN))

    def scores(self, seed: int) -> dict[str, dict[str, dict[str, Any]]]:
        """The score of each part of the gold rows."""
        exact, by_text = outcomes_of(self.texts, self.gold)

        def score(rows: IntArray) -> dict[str, Any]:
            interval = bootstrap_f1(exact[rows], self.gold.groups[rows], seed=seed)
            return Score(Counts.of(exact[rows]), Counts.of(by_text[rows]), interval).as_dict()

        return {part: {key: score(rows) for key, rows in own.items()} for part, own in self.gold.parts.items()}


def outcomes_of(texts: Sequence[str], gold: Gold) -> tuple[IntArray, IntArray]:
    """What such answers count as: by number and unit, and by text."""
    return outcomes(texts, [row.truth for row in gold.rows], [row.also for row in gold.rows])


def arm_columns(runs: Sequence[tuple[str, str]], rows: Iterable[ArmsRow], gold: Gold) -> list[Column]:
    """The columns of stored runs, given as (name, stage) in the order of the answers in `rows`."""
    said = {row.index: row.answers for row in rows}
    nobody: tuple[Answer | None, ...] = (None,) * len(runs)
    return [
        Column(name, ARM, stage, tuple(said.get(row.index, nobody)[place] for row in gold.rows), gold)
        for place, (name, stage) in enumerate(runs)
    ]


def pair_tests(columns: Sequence[Column], seed: int) -> list[dict[str, Any]]:
    """Every pair on all rows and on each slice, over the rows that both were asked.

    Returns:
        One object a pair and part: first, second, part ("" for all), n, difference, low, high, p, separable.
    """
    tests = []
    for first, second in combinations(columns, 2):
        gold = first.gold
        for part, rows in gold.named_parts.items():
            both = rows[first.asked[rows] & second.asked[rows]]
            if not len(both):
                continue
            names = {"first": first.name, "second": second.name, "part": part, "n": len(both)}
            tests.append(names | _paired(first.outcomes[both], second.outcomes[both], gold.groups[both], seed))
    return tests


def paired_difference(base: Column, other: Column, seed: int) -> dict[str, Any]:
    """What `other` gains on `base` over all rows, both being the same arm in two ways."""
    changed = sum(one != two for one, two in zip(base.texts, other.texts, strict=True))
    return {**_paired(other.outcomes, base.outcomes, base.gold.groups, seed), "changed": changed}


def _paired(first: IntArray, second: IntArray, groups: IntArray, seed: int) -> dict[str, Any]:
    test = paired_f1(first, second, groups, seed=seed)
    return {
        "difference": test.difference, "low": test.interval.low, "high": test.interval.high, "p": test.p_value,
        "separable": test.separable,
    }  # fmt: skip


_BEST_TEXT = re.compile(r"(?:\(|; )best: ([^,()]+),")
_NO_RAW_ANSWER = frozenset({RULES_STAGE, ENSEMBLE_STAGE})
"""Stages whose raw text is a printed line or a tally, not an answer."""


def variants(
    columns: Sequence[Column], always: Mapping[str, Column], flat: Mapping[str, Column], schema: Schema, seed: int
) -> list[dict[str, Any]]:
    """For each column its F1 as it is, without what it shares, always answering, and with perfect abstention.

    Args:
        always: for names of hybrids, the same with an answer to every row.
        flat: for names of runs, the same without geometry.

    Returns:
        One object a column: name, f1, strict (without postprocessor), flat, always (each None or f1 with the paired
        difference to the column), and perfect, perfect_always: F1 if no answer were given wherever there is none.
    """
    found = []
    for column in columns:
        strict, giving = _strict(column, schema), always_answering(column, always)
        plain = flat.get(column.name)
        found.append({
            "name": column.name,
            "f1": Counts.of(column.outcomes).f1,
            "strict": strict and _against(column, strict, seed),
            "flat": plain and _against(column, plain, seed),
            "always": giving and _against(column, giving, seed),
            "perfect": _perfect(column),
            "perfect_always": giving and _perfect(giving),
        })  # fmt: skip
    return found


def strict_form(text: str, schema: Schema) -> Quantity | None:
    """A raw text by the official rule alone: a number and a unit of any entity, `ter` and `feet` being repaired."""
    read = parse_written(text)
    if read is None:
        return None
    spellings = (read.unit, read.unit.replace("ter", "tre"), read.unit.replace("feet", "foot"))
    unit = next((unit for unit in spellings if unit in schema.units), None)
    return None if unit is None else Quantity(read.value, unit)


def best_candidate(answer: Answer) -> Quantity | None:
    """The best candidate that an abstaining reader names in its reason; None where it names none."""
    match = _BEST_TEXT.search(answer.reason)
    return parse_written(match[1]) if match else None


def _strict(column: Column, schema: Schema) -> Column | None:
    if column.stage in _NO_RAW_ANSWER or not any(answer and answer.text for answer in column.answers):
        return None
    read = (answer and replace(answer, quantity=strict_form(answer.text, schema)) for answer in column.answers)
    return replace(column, answers=tuple(read))


def always_answering(column: Column, always: Mapping[str, Column]) -> Column | None:
    """The column with its best candidate also where it abstains (of hybrids: `always`); None where it names none."""
    if column.name in always:
        return always[column.name]
    given = tuple(
        replace(answer, quantity=best)
        if answer and not answer.quantity and (best := best_candidate(answer))
        else answer
        for answer in column.answers
    )
    return None if given == column.answers else replace(column, answers=given)


def _against(column: Column, other: Column, seed: int) -> dict[str, Any]:
    counts = Counts.of(other.outcomes)
    return {"f1": counts.f1, "coverage": counts.coverage, **paired_difference(column, other, seed)}


def _perfect(column: Column) -> float:
    return Counts.of(np.where(column.gold.stated, column.outcomes, int(Outcome.TN))).f1
