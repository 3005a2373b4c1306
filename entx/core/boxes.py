"""Where text stands on a page: what is asked of a polygon, a line's own frame, and the reading order of a page's lines.

What needs OpenCV (areas in common, strokes) is `ocr_stage`'s.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot
from typing import NamedTuple

from entx.core.types import OcrLine, Polygon

Point = tuple[float, float]


def corners(polygon: Polygon) -> tuple[Point, Point, Point, Point]:
    """The four corners, clockwise from the text's own top left."""
    x1, y1, x2, y2, x3, y3, x4, y4 = polygon
    return (x1, y1), (x2, y2), (x3, y3), (x4, y4)


def bounds(polygon: Polygon) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the upright box around a polygon."""
    xs, ys = polygon[0::2], polygon[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def centre(polygon: Polygon) -> Point:
    """The mean of the corners."""
    return sum(polygon[0::2]) / 4, sum(polygon[1::2]) / 4


def print_height(polygon: Polygon) -> float:
    """How high a line's print stands, pixels: its left side, across the direction of the text."""
    return hypot(polygon[6] - polygon[0], polygon[7] - polygon[1])


@dataclass(frozen=True, slots=True)
class Frame:
    """A text line's own coordinate frame: x is its reading direction, from its top left corner."""

    x: float  # the line's own top left corner in the picture, pixels
    y: float
    dx: float  # unit vector of its reading direction; the direction downwards in its own sense is (-dy, dx)
    dy: float
    width: float  # of the line along its reading direction, pixels, at least 1
    height: float  # and across it

    def box(self, polygon: Polygon) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a polygon in this frame, pixels."""
        along = [(polygon[i] - self.x) * self.dx + (polygon[i + 1] - self.y) * self.dy for i in (0, 2, 4, 6)]
        across = [(polygon[i + 1] - self.y) * self.dx - (polygon[i] - self.x) * self.dy for i in (0, 2, 4, 6)]
        return min(along), min(across), max(along), max(across)

    def polygon(self, left: float, top: float, right: float, bottom: float) -> Polygon:
        """A rectangle of this frame as a polygon of the picture, clockwise from its top left."""
        (x1, y1), (x2, y2), (x3, y3), (x4, y4) = (
            (self.x + a * self.dx - b * self.dy, self.y + a * self.dy + b * self.dx)
            for a, b in ((left, top), (right, top), (right, bottom), (left, bottom))
        )
        return x1, y1, x2, y2, x3, y3, x4, y4


def frame_of(polygon: Polygon) -> Frame:
    """The frame of a line's polygon; a polygon of no length reads to the right."""
    x1, y1, x2, y2 = polygon[:4]
    width = hypot(x2 - x1, y2 - y1)
    dx, dy = ((x2 - x1) / width, (y2 - y1) / width) if width else (1.0, 0.0)
    return Frame(x1, y1, dx, dy, max(width, 1.0), max(print_height(polygon), 1.0))


def around(first: Polygon, second: Polygon) -> Polygon:
    """The smallest rectangle along the first line's reading direction that holds both polygons."""
    frame = frame_of(first)
    one, two = frame.box(first), frame.box(second)
    return frame.polygon(min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3]))


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
    (x2, y2), (x3, y3) = corners(line.polygon)[1:3]
    left, _, right, _ = bounds(line.polygon)
    height = (print_height(line.polygon) + hypot(x3 - x2, y3 - y2)) / 2
    return _Placed(line, left, right, *centre(line.polygon), height)


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
