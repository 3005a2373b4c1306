"""Is a prediction file fit to be handed in? Stricter than the challenge's own rule, and every fault has its line.

What is accepted here the official script accepts, too; it also accepts "10 volt" for a width, negative numbers,
400-digit numbers and digits of other scripts, and always exits 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from entx.core.entities import Entity, Schema
from entx.core.quantity import parse_written
from entx.core.tables import Table, parse_index, parse_indices, quoted, read_table, require_entities

HEADER = ("index", "prediction")
"""The columns of a prediction file, in order."""

_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a prediction file.

    Args:
        problem: what is wrong.
        line: 1-based line in the prediction file; None for a row that is not there.
        column: its column.
    """

    problem: str
    line: int | None = None
    column: str | None = None

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
        test: has index and entity_name.
        schema: the entities of `test`.

    Raises:
        TableError: `test` breaks its contract, or `predictions` cannot be read as a table at all.
    """
    questions = read_table(test, ["index", "entity_name"])
    place = {index: row for row, index in enumerate(parse_indices(questions))}
    names = require_entities(questions, schema)
    answers = read_table(predictions, HEADER)
    faults = []
    if answers.header != HEADER:
        faults.append(Fault(f"the header is {','.join(answers.header)!r}, not {','.join(HEADER)!r}", line=1))
    seen: dict[int, int] = {}
    faults += _row_faults(answers, place, names, schema, seen)
    for index, row in place.items():
        if index not in seen:
            faults.append(Fault(f"index {index} ({test.name}, line {questions.lines[row]}) has no row"))
    return faults


def _row_faults(
    answers: Table, place: dict[int, int], names: list[str], schema: Schema, seen: dict[int, int]
) -> Iterator[Fault]:
    """Faults of the rows that are there; `seen` gets the line of each index."""
    latest, latest_index = -1, -1
    verdicts: dict[tuple[str, str], str | None] = {}
    for text, answer, line in zip(answers["index"], answers["prediction"], answers.lines, strict=True):
        index = parse_index(text)
        if index is None:
            yield Fault(f"{quoted(text)} is no index; it must be a whole number from 0 on", line, "index")
            continue
        if index in seen:
            yield Fault(f"index {index} was already used on line {seen[index]}", line, "index")
        elif index not in place:
            yield Fault(f"index {index} is not in the test table", line, "index")
        elif place[index] < latest:
            yield Fault(f"index {index} stands after {latest_index}; keep the order of the test table", line, "index")
        seen.setdefault(index, line)
        if index not in place:
            continue
        if place[index] > latest:
            latest, latest_index = place[index], index
        key = (answer, names[place[index]])
        if key not in verdicts:
            verdicts[key] = check_prediction(answer, schema[key[1]])
        if problem := verdicts[key]:
            yield Fault(problem, line, "prediction")
