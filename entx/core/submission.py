"""Prediction files: whether one is fit to be handed in, with a line for every fault.

The check is stricter than the challenge's own rule: what it accepts the official script accepts, too; that one also
accepts "10 volt" for a width, negative numbers, 400-digit numbers and digits of other scripts, and always exits 0.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from entx.core.entities import Entity, Schema
from entx.core.tables import NO_INDEX, parse_index, parse_indices, quoted, read_table, require_entities
from entx.core.types import parse_written

HEADER = ("index", "prediction")
"""The columns of a prediction file, in order."""

_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a prediction file."""

    problem: str  # what is wrong
    line: int | None = None  # 1-based line in the prediction file; None for a row that is not there
    column: str | None = None  # its column

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        where += [f"column {self.column}"] if self.column else []
        return f"{', '.join(where)}: {self.problem}" if where else self.problem


def check_prediction(text: str, entity: Entity) -> str | None:
    """What is wrong with one answer; None when it may be handed in.

    Legal are the empty text (no answer) and "number unit": an ASCII number without sign, exponent, separators or
    needless zeros in front, one space, a unit that the entity allows, spelled as in its schema. Such a text cannot
    start with a character that a spreadsheet takes for a formula.
    """
    if text == "":
        return None
    if not text.isascii() or not text.isprintable():
        return f"{quoted(text)} holds characters other than printable ASCII"
    number, space, unit = text.partition(" ")
    if not _NUMBER.fullmatch(number) or not space:
        return f'{quoted(text)} is not "number unit" with a plain number such as 12 or 12.5'
    if unit not in entity.units:
        return f"unit {quoted(unit)} is not allowed for {entity.name}; allowed: {', '.join(entity.units)}"
    if parse_written(text) is None:
        return f"{quoted(text)}: the number is too long"
    return None


def check_file(predictions: Path, test: Path, schema: Schema) -> list[Fault]:
    """All faults of a prediction file, in the order of its lines, then the rows that are missing.

    Args:
        predictions: exactly the columns index and prediction, a row for every row of `test`, in the same order.
        test: has index and entity_name, one of the schema's.

    Raises:
        TableError: `test` breaks its contract, or `predictions` cannot be read as a table at all.
    """
    questions = read_table(test, ["index", "entity_name"])
    entity_of = dict(zip(parse_indices(questions), require_entities(questions, schema), strict=True))
    answers = read_table(predictions, HEADER)
    faults = []
    if answers.header != HEADER:
        faults.append(Fault(f"the header is {','.join(answers.header)!r}, not {','.join(HEADER)!r}", line=1))
    indices = [parse_index(text) for text in answers["index"]]
    misplaced = _out_of_order(list(entity_of), [index for index in dict.fromkeys(indices) if index in entity_of])
    verdict = lru_cache(maxsize=None)(lambda answer, name: check_prediction(answer, schema[name]))
    seen: dict[int, int] = {}  # the line of each index
    for index, answer, row in zip(indices, answers["prediction"], range(len(answers)), strict=True):
        line = answers.lines[row]
        if index is None:
            faults.append(Fault(f"{quoted(answers['index'][row])} {NO_INDEX}", line, "index"))
            continue
        if index in seen:
            faults.append(Fault(f"index {index} was already used on line {seen[index]}", line, "index"))
        elif index not in entity_of:
            faults.append(Fault(f"index {index} is not in the test table", line, "index"))
        elif index in misplaced:
            problem = f"index {index} is not where the test table has it; keep its order"
            faults.append(Fault(problem, line, "index"))
        seen.setdefault(index, line)
        if index in entity_of and (fault := verdict(answer, entity_of[index])):
            faults.append(Fault(fault, line, "prediction"))
    faults += [
        Fault(f"index {index} ({test.name}, line {line}) has no row")
        for index, line in zip(entity_of, questions.lines, strict=True)
        if index not in seen
    ]
    return faults


def _out_of_order(wanted: Sequence[int], given: Sequence[int]) -> set[int]:
    """The fewest given indices without which the others stand in the wanted order.

    All but a longest increasing run of their places (patience sorting).
    """
    place = {index: position for position, index in enumerate(wanted)}
    ends: list[int] = []  # the smallest last place of a run of each length
    tails: list[int] = []  # and at which position that run ends
    before: list[int] = []
    for position, index in enumerate(given):
        length = bisect_left(ends, place[index])
        before.append(tails[length - 1] if length else -1)
        ends[length : length + 1] = [place[index]]
        tails[length : length + 1] = [position]
    misplaced = set(given)
    position = tails[-1] if tails else -1
    while position >= 0:
        misplaced.discard(given[position])
        position = before[position]
    return misplaced
