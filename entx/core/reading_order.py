"""The order in which the lines of a page are read: columns, rows, left to right."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from entx.core.types import OcrLine, Polygon


def reading_order(lines: Iterable[OcrLine]) -> list[OcrLine]:
    """Columns left to right, rows top to bottom in each, lines left to right in each row.

    A wide vertical gap divides columns only where the lines beside it do not share rows: a table of names and values is
    read row by row, two paragraphs one after the other.
    """
    ordered = sorted(lines, key=lambda line: (line.polygon, line.text, line.scale, line.score))
    if len(ordered) < 2:
        return ordered
    height = statistics.median(_text_height(line.polygon) for line in ordered)
    return _by_columns(ordered, max(height, 1.0))


def _by_columns(lines: list[OcrLine], height: float) -> list[OcrLine]:
    cut = _column_cut(lines, height)
    if cut is None:
        return _by_rows(lines)
    left = [line for line in lines if _centre(line.polygon)[0] < cut]
    right = [line for line in lines if _centre(line.polygon)[0] >= cut]
    return _by_columns(left, height) + _by_columns(right, height)


def _column_cut(lines: Sequence[OcrLine], height: float) -> float | None:
    """The middle of the widest gap of at least two text heights that no line crosses and whose sides are columns."""
    spans = sorted((min(line.polygon[0::2]), max(line.polygon[0::2])) for line in lines)
    best, cut, reach = 2.0 * height, None, spans[0][1]
    for start, end in spans[1:]:
        if start - reach > best:
            middle = (start + reach) / 2
            left = [line for line in lines if _centre(line.polygon)[0] < middle]
            right = [line for line in lines if _centre(line.polygon)[0] >= middle]
            if min(len(left), len(right)) >= 3 and _shared_rows(left, right) < 0.5:
                best, cut = start - reach, middle
        reach = max(reach, end)
    return cut


def _shared_rows(left: Sequence[OcrLine], right: Sequence[OcrLine]) -> float:
    """The share of the shorter column's lines that have a line of the other column at their side."""
    few, many = sorted((left, right), key=len)
    beside = sum(any(_same_row(one, other) for other in many) for one in few)
    return beside / len(few)


def _by_rows(lines: Sequence[OcrLine]) -> list[OcrLine]:
    rows: list[list[OcrLine]] = []
    for line in sorted(lines, key=lambda line: _centre(line.polygon)[1]):
        if rows and _same_row(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: _centre(line.polygon)[0])]


def _same_row(one: OcrLine, other: OcrLine) -> bool:
    """Whether two lines stand on one row: their centres are nearer in height than half the lower text."""
    height = min(_text_height(one.polygon), _text_height(other.polygon))
    return abs(_centre(one.polygon)[1] - _centre(other.polygon)[1]) < 0.5 * max(height, 1.0)


def _centre(polygon: Polygon) -> tuple[float, float]:
    return sum(polygon[0::2]) / 4, sum(polygon[1::2]) / 4


def _text_height(polygon: Polygon) -> float:
    x1, y1, x2, y2, x3, y3, x4, y4 = polygon
    return (math.hypot(x4 - x1, y4 - y1) + math.hypot(x3 - x2, y3 - y2)) / 2
