"""Part files of predictions into one, if every question is answered exactly once."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from entx.core.checker import HEADER
from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.core.tables import Table, parse_index, parse_indices, quoted, read_table

_NAMED = 5  # of each kind of fault, so many are named and the others counted


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge wrote.

    Args:
        rows: one a row of the test table, in its order.
        answered: of these, with a prediction.
        parts: rows that each part gave.
    """

    rows: int
    answered: int
    parts: tuple[int, ...]


def merge_parts(parts: Sequence[Path], test: Path, out: Path, column: str = HEADER[1]) -> Merged:
    """Writes `index,prediction` for every row of the test table; nothing is written where anything is amiss.

    Args:
        parts: tables with index and a column of predictions, whatever made them.
        test: has index; its rows are those that must be there, in its order.
        column: of the predictions in the parts; their texts are written as they are.

    Raises:
        TableError: a file breaks its contract as a table.
        InputError: an index is missing, not in the test table, or stands twice. All of it in one message, by count and
            the first ones.
    """
    wanted = parse_indices(read_table(test, (HEADER[0],)))
    found: dict[int, tuple[str, str]] = {}  # the prediction of an index, and where it stands
    foreign: list[str] = []
    twice: list[str] = []
    known = set(wanted)
    counts = []
    for path in parts:
        table = read_table(path, (HEADER[0], column))
        counts.append(len(table))
        for row, text in enumerate(table[column]):
            index, where = _index(table, row), f"{path.name} line {table.lines[row]}"
            if index not in known:
                foreign.append(f"{index} ({where})")
            elif index in found:
                other, there = found[index]
                verdict = "agreeing" if other == text else f"{quoted(other)} against {quoted(text)}"
                twice.append(f"{index} ({there} and {where}, {verdict})")
            else:
                found[index] = (text, where)
    missing = [str(index) for index in wanted if index not in found]
    faults = [
        f"{len(rows)} {what}: {', '.join(rows[:_NAMED])}{', ...' if len(rows) > _NAMED else ''}"
        for what, rows in (
            (f"indices of {test.name} are in no part", missing), (f"indices are not in {test.name}", foreign),
            ("indices stand twice", twice),
        )
        if rows
    ]  # fmt: skip
    if faults:
        raise InputError(f"the parts do not make one file: {'; '.join(faults)}; {out} is not written")
    with atomic_text(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((index, found[index][0]) for index in wanted)
    return Merged(len(wanted), sum(bool(found[index][0]) for index in wanted), tuple(counts))


def _index(table: Table, row: int) -> int:
    text = table[HEADER[0]][row]
    index = parse_index(text)
    if index is None:
        raise table.error(row, HEADER[0], f"{quoted(text)} is no index; it must be a whole number from 0 on")
    return index
