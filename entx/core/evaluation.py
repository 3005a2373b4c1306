"""Scores of predictions against truths, as the organisers of the Amazon ML Challenge 2024 define them.

    TP  out and truth are given and equal       FP  out is given, and truth differs or is empty
    TN  out and truth are empty                 FN  out is empty, truth is given

A wrong value on a present truth costs one FP and no FN, so this is NOT the usual micro-F1: there it would cost both.
An F1 whose precision or recall is undefined is 0. `f1` compares number (exact decimal) and unit; `f1_string` compares
the written texts.

How sure a score is: percentile bootstrap intervals over pictures. Rows of one picture stand or fall together (one
unread label spoils them all), so whole pictures are drawn with replacement, not rows. F1 depends on a picture only
through its four counts; few different ones exist, so a resample is one multinomial draw over them: the distribution of
drawing pictures one by one, at a cost that does not grow with the rows. Efron and Tibshirani, An Introduction to the
Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.tables import Table, parse_indices, quoted, read_table, require_entities
from entx.core.types import Quantity, parse_written

IntArray = np.ndarray[Any, np.dtype[np.int64]]
FloatArray = np.ndarray[Any, np.dtype[np.float64]]

T = TypeVar("T")

ALSO_SEPARATOR = " | "
"""Between the answers of a truth table's `also` cell."""


class Outcome(IntEnum):
    """What one row counts as."""

    TP = 0
    FP = 1
    FN = 2
    TN = 3


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of each outcome."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, outcomes: IntArray) -> Counts:
        """Counts an array of `Outcome` values, shape (rows,)."""
        return cls(*(int(count) for count in np.bincount(outcomes, minlength=len(Outcome))))

    @property
    def rows(self) -> int:
        """All rows."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def precision(self) -> float | None:
        """Share of the given answers that are right; None when none was given."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN); None when no row counts as either. Wrong answers do not lower it."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    @property
    def f1(self) -> float:
        """2 P R / (P + R), 0 where that is undefined."""
        return float(f1_of(np.array([self.tp]), np.array([self.fp]), np.array([self.fn]))[0])

    @property
    def coverage(self) -> float | None:
        """Share of rows with an answer; None without rows."""
        return (self.tp + self.fp) / self.rows if self.rows else None


def f1_of(tp: IntArray, fp: IntArray, fn: IntArray) -> FloatArray:
    """F1 of many counts at once: 2 TP / (2 TP + FP + FN), which is 2 P R / (P + R), and 0 where TP is 0."""
    return np.where(tp > 0, 2.0 * tp / np.maximum(2 * tp + fp + fn, 1), 0.0)


def outcomes(
    predicted: Sequence[str], truth: Sequence[str], also: Sequence[Sequence[str]] | None = None
) -> tuple[IntArray, IntArray]:
    """The outcome of each row: by number and unit, and by text.

    White space around a text does not count; a text of nothing else is empty. A text that is not of the written form
    ("[220.0, 240.0] volt") equals only itself.

    Args:
        predicted: one answer a row, "" for none.
        truth: one truth a row, "" where the picture does not state it.
        also: for each row other answers that are equally right; they count only beside a truth.

    Returns:
        Two arrays of `Outcome` values, shape (rows,): for `f1` and for `f1_string`.
    """
    parsed: dict[str, Quantity | str] = {}

    def meaning(text: str) -> Quantity | str:
        if text not in parsed:
            parsed[text] = parse_written(text) or text
        return parsed[text]

    count = len(truth)
    by_quantity = np.empty(count, dtype=np.int64)
    by_text = np.empty(count, dtype=np.int64)
    for row, (out, true, others) in enumerate(zip(predicted, truth, also or [()] * count, strict=True)):
        given, stated = out.strip(), true.strip()
        if not given or not stated:
            by_quantity[row] = by_text[row] = Outcome.FP if given else Outcome.FN if stated else Outcome.TN
            continue
        rights = [stated, *others]
        same_text = given in rights
        same = same_text or any(meaning(given) == meaning(right) for right in rights)
        by_quantity[row] = Outcome.TP if same else Outcome.FP
        by_text[row] = Outcome.TP if same_text else Outcome.FP
    return by_quantity, by_text


def _split_also(cell: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in cell.split(ALSO_SEPARATOR) if text.strip()) if cell else ()


RESAMPLES = 2000  # enough that a bound moves by about 0.001 from seed to seed at 1,000 pictures
_CELLS = 4_000_000  # draws held in memory at once: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a confidence interval."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


def group_numbers(keys: Sequence[Hashable]) -> IntArray:
    """A number from 0 on for each distinct key, in order of appearance; shape (rows,)."""
    numbers: dict[Hashable, int] = {}
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), dtype=np.int64, count=len(keys))


def positions_of(cells: Sequence[str]) -> dict[str, IntArray]:
    """Positions of the rows with each value, the most frequent value first."""
    numbers = group_numbers(cells)
    number_of = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
    return {cell: np.flatnonzero(numbers == number_of[cell]) for cell, _ in Counter(cells).most_common()}


def bootstrap_f1(outcomes: IntArray, groups: IntArray, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """95 % percentile interval of F1.

    Args:
        outcomes: `Outcome` of each row, shape (rows,).
        groups: number from 0 on of each row's picture, shape (rows,); gaps are fine.
        resamples: how many sets of pictures are drawn.
        seed: the same seed gives the same bounds.
    """
    if len(outcomes) == 0:
        return Interval(0.0, 0.0)
    f1 = np.concatenate([f1_of(*total[:, :3].T) for total in _resamples(_counts(outcomes, groups), resamples, seed)])
    low, high = np.quantile(f1, [0.025, 0.975])
    return Interval(float(low), float(high))


@dataclass(frozen=True, slots=True)
class Paired:
    """How two answers to the same rows compare."""

    difference: float  # F1 of the first less F1 of the second
    interval: Interval  # 95 % interval of the difference, whole pictures drawn for both at once
    p_value: float  # two-sided, of no difference: twice the share of resamples on the other side of 0 (at most 1)

    @property
    def separable(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.interval.low > 0.0 or self.interval.high < 0.0


def paired_f1(first: IntArray, second: IntArray, groups: IntArray, *, seed: int = 0) -> Paired:
    """Paired bootstrap of the difference in F1 of two arms on the same rows.

    Args:
        first, second: `Outcome` of each row, shape (rows,).
        groups, seed: as for `bootstrap_f1`.
    """
    both = np.hstack([_counts(first, groups), _counts(second, groups)])

    def difference(totals: IntArray) -> FloatArray:
        ours, theirs = totals[:, : len(Outcome)], totals[:, len(Outcome) :]
        return f1_of(*ours[:, :3].T) - f1_of(*theirs[:, :3].T)

    differences = np.concatenate([np.zeros(0), *map(difference, _resamples(both, RESAMPLES, seed))])
    low, high = np.quantile(differences, [0.025, 0.975])
    other_side = min(float((differences <= 0).mean()), float((differences >= 0).mean()))
    total = float(difference(both.sum(axis=0)[None])[0])
    return Paired(total, Interval(float(low), float(high)), min(1.0, 2.0 * other_side))


def _counts(outcomes: IntArray, groups: IntArray) -> IntArray:
    """Rows of each outcome for each picture, shape (pictures, 4)."""
    pictures = int(groups.max(initial=0)) + 1
    return np.bincount(groups * len(Outcome) + outcomes, minlength=pictures * len(Outcome)).reshape(pictures, -1)


def _resamples(counts: IntArray, resamples: int, seed: int) -> Iterator[IntArray]:
    """The summed counts of as many pictures drawn with replacement, some resamples at a time.

    Pictures without a row are none. Distinct counts are found by sorting columns, far quicker than by records.
    """
    counts = counts[counts.any(axis=1)]
    ordered = counts[np.lexsort(counts.T)]
    starts = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)])
    vectors, repeats = ordered[starts], np.diff(np.r_[starts, len(ordered)])
    draw = np.random.default_rng(seed)
    step = max(1, _CELLS // len(vectors))
    for start in range(0, resamples, step):
        yield draw.multinomial(len(counts), repeats / len(counts), size=min(step, resamples - start)) @ vectors


_TRUTH_COLUMNS = ("entity_value", "value")
PICTURE_COLUMNS = ("image_link", "image")
_USUAL_PARTS = ("entity_name", "slice")
_MOST_PARTS = 1_000  # a column with more values is a key, not a part of the table
_NAMED_FAULTS = 5  # unreadable truths that an error lists

_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?: ?e[+-]?[0-9]+)?"
_UNIT = "[a-zA-Z]+(?: [a-zA-Z]+)*"
_TRAIN_FORM = re.compile(  # what the challenge's train tables hold beside "number unit": ranges, absurd exponents
    rf"\[{_NUMBER}, ?{_NUMBER}\] {_UNIT}|{_NUMBER} {_UNIT} to {_NUMBER} ?{_UNIT}|(?=\S+ ?e){_NUMBER} {_UNIT}"
)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right for one question."""

    index: int  # of the question
    value: str  # the first-named answer, "" where the picture does not state it
    also: tuple[str, ...] = ()  # other answers that are equally right; they count only beside a value

    @property
    def present(self) -> bool:
        """Whether the picture states a value."""
        return bool(self.value)

    @property
    def rights(self) -> frozenset[Quantity]:
        """The quantities that are right; empty where there is none, or only a range."""
        texts = (self.value, *self.also) if self.value else ()
        return frozenset(found for text in texts if (found := parse_written(text)) is not None)


@dataclass(frozen=True)
class TruthTable:
    """The rows of a truth table that were asked for."""

    table: Table  # the whole file, with the optional columns that it has
    places: Sequence[int]  # position in `table` of each kept row; what follows has a value for every row, kept or not
    indices: IntArray
    values: Sequence[str]
    also: Sequence[tuple[str, ...]]

    @cached_property
    def rows(self) -> tuple[Truth, ...]:
        """The kept rows, in the table's order."""
        return tuple(Truth(int(self.indices[place]), self.values[place], self.also[place]) for place in self.places)

    @property
    def by_index(self) -> dict[int, Truth]:
        """The rows by the index of their question."""
        return {row.index: row for row in self.rows}

    def kept(self, column: Sequence[T]) -> Sequence[T]:
        """The kept rows' part of a column."""
        return column if len(self.places) == len(column) else [column[place] for place in self.places]

    def cells(self, *columns: str) -> Sequence[str] | None:
        """The kept rows' cells of the first of these columns that the table has; None where it has none of them."""
        cells = next((self.table[name] for name in columns if name in self.table), None)
        return None if cells is None else self.kept(cells)


def read_truth(
    path: Path, schema: Schema | None = None, *, columns: Sequence[str] = (), optional: Sequence[str] = (),
    where: Sequence[tuple[str, str]] = (),
) -> TruthTable:  # fmt: skip
    """Reads a truth table: index, entity_value or value, and where it is there also.

    A truth that is not empty is "number unit", or one of the forms of the challenge's train tables that name no single
    quantity ("[100.0, 240.0] volt"): such a one equals only the same text. Anything else is a fault.

    Args:
        schema: entity_name, where the table has it, must be one of its entities; None leaves that column alone.
        columns: others that the table must have.
        optional: others to read where they are there.
        where: (column, value) pairs that a row must have; pairs of one column are alternatives.

    Raises:
        TableError: the table breaks its contract; of the truths that cannot be read the first few are named.
        InputError: no truth column, or two; no row is left.
    """
    wanted = dict.fromkeys([*columns, *(column for column, _ in where)])
    known = ["entity_name"] if schema else []
    table = read_table(path, ["index", *wanted], [*_TRUTH_COLUMNS, "also", *known, *optional])
    indices = np.asarray(parse_indices(table))
    if "index" not in wanted:
        del table.columns["index"]  # of a large table the most
    if schema and "entity_name" in table:
        require_entities(table, schema)
    column = _truth_column(table)
    values = [text.strip() for text in table[column]]
    also = [_split_also(cell) for cell in table.get("also") or [""] * len(table)]
    _refuse_unreadable_truths(table, column, values, also)
    return TruthTable(table, _kept_rows(table, where), indices, values, also)


def _truth_column(table: Table) -> str:
    """Name of a truth table's column of answers; InputError where it has none, or both."""
    found = [name for name in _TRUTH_COLUMNS if name in table]
    if len(found) != 1:
        both = "has both entity_value and value; keep the one that is the truth"
        neither = f"has neither entity_value nor value (columns found: {', '.join(table.header)})"
        raise InputError(f"{table.path}: {both if found else neither}")
    return found[0]


def _refuse_unreadable_truths(
    table: Table, column: str, values: Sequence[str], also: Sequence[tuple[str, ...]]
) -> None:
    texts = {text for value, others in zip(values, also, strict=True) if value for text in (value, *others)}
    unreadable = {text for text in texts if parse_written(text) is None and not _TRAIN_FORM.fullmatch(text)}
    if not unreadable:
        return
    faults = [
        (row, name, text)
        for row, (value, others) in enumerate(zip(values, also, strict=True))
        for name, text in ((column, value), *(("also", other) for other in others if value))
        if text in unreadable
    ]
    row, name, text = faults[0]
    more = [f"line {table.lines[row]} {quoted(text)}" for row, _, text in faults[1:_NAMED_FAULTS]]
    more += [f"{len(faults) - _NAMED_FAULTS:,} more"] if len(faults) > _NAMED_FAULTS else []
    problem = f'{quoted(text)} is not "number unit" such as "12.5 gram"; where the picture states none it is empty'
    raise table.error(row, name, problem + (f" (so too {', '.join(more)})" if more else ""))


def _kept_rows(table: Table, where: Sequence[tuple[str, str]]) -> Sequence[int]:
    """Positions of the rows that have these cells; InputError where none is left."""
    if not len(table):
        raise InputError(f"{table.path}: has a header and no rows; there is nothing to score")
    wanted: dict[str, set[str]] = {}
    for column, value in where:
        wanted.setdefault(column, set()).add(value)
    places: Sequence[int] = range(len(table))
    for column, values in wanted.items():
        cells = table[column]
        places = [place for place in places if cells[place] in values]
        if not places:
            found = ", ".join(repr(value[:40]) for value, _ in Counter(cells).most_common(10))
            raise InputError(f"{table.path}: no row is left with {column} = {sorted(values)}; it holds {found}")
    return places


@dataclass(frozen=True, slots=True)
class Score:
    """The score of some rows."""

    counts: Counts  # by number and unit; `counts.f1` is the headline
    counts_string: Counts  # by text
    interval: Interval  # 95 % interval of the headline, pictures resampled

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        counts = self.counts
        return {
            "n": counts.rows, "f1": counts.f1, "f1_low": self.interval.low, "f1_high": self.interval.high,
            "precision": counts.precision, "recall": counts.recall, "coverage": counts.coverage,
            "f1_string": self.counts_string.f1, "tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn,
        }  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found."""

    overall: Score  # all rows
    parts: dict[str, dict[str, Score]]  # for each column, the score of each of its values, most rows first
    missing: int  # truth rows that had no prediction row and counted as not answered
    ignored: int  # prediction rows whose index the truth table does not have
    ranges: int  # truths that name no single quantity, as the train tables hold; they equal only the same text


def evaluate(
    predictions: Path, gold: Path, schema: Schema, *, where: Sequence[tuple[str, str]] = (), by: Sequence[str] = (),
    use_also: bool = True, seed: int = 0,
) -> Evaluation:  # fmt: skip
    """Scores `predictions` (index, prediction) against `gold` (index, entity_value or value, perhaps also).

    Args:
        predictions: a missing row counts as not answered.
        gold: rows of one image_link (else image; else each row by itself) are resampled together.
        schema: entity_name, where `gold` has it, must be one of its entities.
        where: (column, value) pairs that a gold row must have; pairs of one column are alternatives.
        by: columns of `gold` to score apart, beside entity_name and slice.
        use_also: False leaves the column `also` out, so that only the first-named value is right.
        seed: of the bootstrap.

    Raises:
        TableError: a table breaks its contract.
        InputError: no gold row is left to score.
    """
    answers = read_table(predictions, ["index", "prediction"])
    given, texts = np.append(np.asarray(parse_indices(answers)), -1), [*answers["prediction"], ""]  # of a missing row
    del answers  # before the other table is read: texts of indices are the most of both
    truths = read_truth(gold, schema, columns=by, optional=[*PICTURE_COLUMNS, *_USUAL_PARTS], where=where)
    wanted, order = truths.indices[truths.places], np.argsort(given)
    found = order[np.searchsorted(given, wanted, sorter=order).clip(max=len(given) - 1)]
    found[given[found] != wanted] = -1
    values, also = truths.kept(truths.values), truths.kept(truths.also) if use_also else None
    by_quantity, by_text = outcomes([texts[place] for place in found], values, also)
    pictures = truths.cells(*PICTURE_COLUMNS)
    # hashes differ by process, the interval does not: it hangs on how many pictures count alike, not on their order
    keys = np.fromiter(map(hash, pictures or truths.places), dtype=np.int64, count=len(values))
    groups = np.unique(keys, return_inverse=True)[1]

    def score(rows: IntArray | slice) -> Score:
        interval = bootstrap_f1(by_quantity[rows], groups[rows], seed=seed)
        return Score(Counts.of(by_quantity[rows]), Counts.of(by_text[rows]), interval)

    parts = {}
    for column in dict.fromkeys([*_USUAL_PARTS, *by]):
        if (cells := truths.cells(column)) is None:
            continue
        positions = positions_of(cells)
        if len(positions) > _MOST_PARTS:
            raise InputError(
                f"{gold}: {column} has {len(positions):,} values; at most {_MOST_PARTS:,} are scored apart"
            )
        parts[column] = {value: score(rows) for value, rows in positions.items()}
    stated = Counter(values)
    return Evaluation(
        overall=score(slice(None)),
        parts=parts,
        missing=int((found < 0).sum()),
        ignored=int(np.isin(given[:-1], truths.indices, invert=True).sum()),
        ranges=sum(count for value, count in stated.items() if value and parse_written(value) is None),
    )
