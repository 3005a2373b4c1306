"""Each column with and without what is shared: the postprocessor, and the decision to give no answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from entx.core.entities import Schema
from entx.core.evaluation import Counts, Outcome
from entx.core.types import Answer, Quantity, parse_written
from entx.report.ablation.columns import ENSEMBLE_STAGE, Column
from entx.report.ablation.pairs import compared

_BEST_TEXT = re.compile(r"(?:\(|; )best: ([^,()]+),")
_OWN_WORDS = frozenset({"rules", ENSEMBLE_STAGE})
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
            "strict": strict and _told(column, strict, seed),
            "flat": plain and _told(column, plain, seed),
            "always": giving and _told(column, giving, seed),
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
    if column.stage in _OWN_WORDS or not any(answer and answer.text for answer in column.answers):
        return None
    read = (answer and replace(answer, quantity=strict_form(answer.text, schema)) for answer in column.answers)
    return replace(column, answers=tuple(read))


def always_answering(column: Column, always: Mapping[str, Column]) -> Column | None:
    """The column with its best candidate also where it abstains; None where it never names one.

    Args:
        always: the same for names of hybrids, which know it.
    """
    if column.name in always:
        return always[column.name]
    best = [
        best_candidate(answer) if answer is not None and answer.quantity is None else None for answer in column.answers
    ]
    if not any(best):
        return None
    given = zip(column.answers, best, strict=True)
    return replace(column, answers=tuple(replace(a, quantity=one) if a and one else a for a, one in given))


def _told(column: Column, other: Column, seed: int) -> dict[str, Any]:
    counts = Counts.of(other.outcomes)
    return {"f1": counts.f1, "coverage": counts.coverage, **compared(column, other, seed)}


def _perfect(column: Column) -> float:
    empty = np.array([not row.truth for row in column.gold.rows], dtype=bool)
    return Counts.of(np.where(empty, int(Outcome.TN), column.outcomes)).f1
