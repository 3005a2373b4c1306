"""The order in which the lines of a page are read: columns, rows, left to right."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from entx.core.types import OcrLine, Polygon


class _Placed(NamedTuple):
    """A line with its box's ends, its centre and the height of its text, computed once."""

    line: OcrLine
    left: float
    right: float
    x: float
    y: float
    height: float


def reading_order(lines: Iterable[OcrLine]) -> list[OcrLine]:
    """Columns left to right, rows top to bottom in each, lines left to right in each row.

    A wide vertical gap divides columns only where the lines beside it do not share rows: a table of names and values is
    read row by row, two paragraphs one after the other.
    """
    ordered = sorted(lines, key=lambda line: (line.polygon, line.text, line.scale, line.score))
    if len(ordered) < 2:
        return ordered
    placed = [_placed(line) for line in ordered]
    height = statistics.median(one.height for one in placed)
    return [one.line for one in _by_columns(placed, max(height, 1.0))]


def _placed(line: OcrLine) -> _Placed:
    xs, ys = line.polygon[0::2], line.polygon[1::2]
    return _Placed(line, min(xs), max(xs), sum(xs) / 4, sum(ys) / 4, _text_height(line.polygon))


def _by_columns(lines: list[_Placed], height: float) -> list[_Placed]:
    cut = _column_cut(lines, height)
    if cut is None:
        return _by_rows(lines)
    left = [one for one in lines if one.x < cut]
    right = [one for one in lines if one.x >= cut]
    return _by_columns(left, height) + _by_columns(right, height)


def _column_cut(lines: Sequence[_Placed], height: float) -> float | None:
    """The middle of the widest gap of at least two text heights that no line crosses and whose sides are columns."""
    spans = sorted((one.left, one.right) for one in lines)
    best, cut, reach = 2.0 * height, None, spans[0][1]
    for start, end in spans[1:]:
        if start - reach > best:
            middle = (start + reach) / 2
            left = [one for one in lines if one.x < middle]
            right = [one for one in lines if one.x >= middle]
            if min(len(left), len(right)) >= 3 and _shared_rows(left, right) < 0.5:
                best, cut = start - reach, middle
        reach = max(reach, end)
    return cut


def _shared_rows(left: Sequence[_Placed], right: Sequence[_Placed]) -> float:
    """The share of the shorter column's lines that have a line of the other column at their side."""
    few, many = sorted((left, right), key=len)
    beside = sum(any(_same_row(one, other) for other in many) for one in few)
    return beside / len(few)


def _by_rows(lines: Sequence[_Placed]) -> list[_Placed]:
    rows: list[list[_Placed]] = []
    for one in sorted(lines, key=lambda one: one.y):
        if rows and _same_row(rows[-1][0], one):
            rows[-1].append(one)
        else:
            rows.append([one])
    return [one for row in rows for one in sorted(row, key=lambda one: one.x)]


def _same_row(one: _Placed, other: _Placed) -> bool:
    """Whether two lines stand on one row: their centres are nearer in height than half the lower text."""
    return abs(one.y - other.y) < 0.5 * max(min(one.height, other.height), 1.0)


def _text_height(polygon: Polygon) -> float:
    x1, y1, x2, y2, x3, y3, x4, y4 = polygon
    return (math.hypot(x4 - x1, y4 - y1) + math.hypot(x3 - x2, y3 - y2)) / 2
