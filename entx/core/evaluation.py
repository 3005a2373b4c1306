"""A prediction table against a truth table: rows matched by index, scored overall and in parts, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.metric import Counts, IntArray, outcomes
from entx.core.stats import Interval, bootstrap_f1, group_numbers
from entx.core.tables import Table, parse_indices, read_table, require_entities

_TRUTH_COLUMNS = ("entity_value", "value")
_PICTURE_COLUMNS = ("image_link", "image")
_USUAL_PARTS = ("entity_name", "slice")
_MOST_PARTS = 1_000  # a column with more values is a key, not a part of the table


@dataclass(frozen=True, slots=True)
class Score:
    """The score of some rows.

    Args:
        counts: by number and unit; `counts.f1` is the headline.
        counts_string: by text.
        interval: 95 % interval of the headline, pictures resampled.
    """

    counts: Counts
    counts_string: Counts
    interval: Interval

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
    """What `evaluate` found.

    Args:
        overall: all rows.
        parts: for each column, the score of each of its values, most rows first.
        missing: truth rows that had no prediction row and counted as not answered.
        ignored: prediction rows whose index the truth table does not have.
    """

    overall: Score
    parts: dict[str, dict[str, Score]]
    missing: int
    ignored: int


def evaluate(
    predictions: Path,
    gold: Path,
    schema: Schema,
    *,
    where: Sequence[tuple[str, str]] = (),
    by: Sequence[str] = (),
    use_also: bool = True,
    seed: int = 0,
) -> Evaluation:
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
    asked = list(dict.fromkeys([*(column for column, _ in where), *by]))
    truths = read_table(gold, ["index", *asked], [*_TRUTH_COLUMNS, *_PICTURE_COLUMNS, *_USUAL_PARTS, "also"])
    indices = parse_indices(truths)
    if "entity_name" in truths:
        require_entities(truths, schema)
    answers = read_table(predictions, ["index", "prediction"])
    answer_of = dict(zip(parse_indices(answers), answers["prediction"], strict=True))

    kept = kept_rows(truths, where)
    predicted = [answer_of.get(indices[row], "") for row in kept]
    stated, also = truths[truth_column(truths)], truths.get("also") if use_also else None
    by_quantity, by_text = outcomes(
        predicted, [stated[row] for row in kept], [also[row] for row in kept] if also else None
    )
    pictures = next((truths[name] for name in _PICTURE_COLUMNS if name in truths), None)
    groups = group_numbers([pictures[row] for row in kept]) if pictures else np.arange(len(kept), dtype=np.int64)

    def score(rows: IntArray | slice) -> Score:
        interval = bootstrap_f1(by_quantity[rows], groups[rows], seed=seed)
        return Score(Counts.of(by_quantity[rows]), Counts.of(by_text[rows]), interval)

    parts = {}
    for column in dict.fromkeys([*(name for name in _USUAL_PARTS if name in truths), *by]):
        cells = [truths[column][row] for row in kept]
        numbers = group_numbers(cells)
        if len(set(cells)) > _MOST_PARTS:
            raise InputError(
                f"{gold}: {column} has {len(set(cells)):,} values; at most {_MOST_PARTS:,} are scored apart"
            )
        order = [value for value, _ in Counter(cells).most_common()]
        first = {value: number for number, value in enumerate(dict.fromkeys(cells))}
        parts[column] = {value: score(np.flatnonzero(numbers == first[value])) for value in order}
    return Evaluation(
        overall=score(slice(None)),
        parts=parts,
        missing=sum(indices[row] not in answer_of for row in kept),
        ignored=len(answer_of.keys() - set(indices)),
    )


def truth_column(truths: Table) -> str:
    """Name of the truth table's column of answers.

    Raises:
        InputError: it has none, or both.
    """
    found = [name for name in _TRUTH_COLUMNS if name in truths]
    if len(found) != 1:
        both = "has both entity_value and value; keep the one that is the truth"
        neither = f"has neither entity_value nor value (columns found: {', '.join(truths.header)})"
        raise InputError(f"{truths.path}: {both if found else neither}")
    return found[0]


def kept_rows(truths: Table, where: Sequence[tuple[str, str]]) -> list[int]:
    """Positions of the rows that have these cells; pairs of one column are alternatives.

    Raises:
        InputError: no row is left.
    """
    if not len(truths):
        raise InputError(f"{truths.path}: has a header and no rows; there is nothing to score")
    wanted: dict[str, set[str]] = {}
    for column, value in where:
        wanted.setdefault(column, set()).add(value)
    rows = list(range(len(truths)))
    for column, values in wanted.items():
        cells = truths[column]
        rows = [row for row in rows if cells[row] in values]
        if not rows:
            found = ", ".join(repr(value[:40]) for value, _ in Counter(cells).most_common(10))
            raise InputError(f"{truths.path}: no row is left with {column} = {sorted(values)}; it holds {found}")
    return rows
