"""A text line's own coordinate frame: its reading direction is x, from its top left corner, whatever its rotation.

The order in which the lines of a page are read: columns, rows, left to right.

Numbers whose unit an engine read as a box of its own: "500" / "g".
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import hypot
from typing import NamedTuple

from entx.core.parser import QuantityMatch, find_quantities, unit_behind
from entx.core.types import OcrLine, Polygon
from entx.core.units import kind_of


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a text line.

    Args:
        x, y: the line's own top left corner in the picture, pixels.
        dx, dy: unit vector of its reading direction; the direction downwards in its own sense is (-dy, dx).
        width, height: of the line along and across its reading direction, pixels, at least 1.
    """

    x: float
    y: float
    dx: float
    dy: float
    width: float
    height: float

    def box(self, polygon: Polygon) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a polygon in this frame, pixels."""
        along = [(polygon[i] - self.x) * self.dx + (polygon[i + 1] - self.y) * self.dy for i in (0, 2, 4, 6)]
        across = [(polygon[i + 1] - self.y) * self.dx - (polygon[i] - self.x) * self.dy for i in (0, 2, 4, 6)]
        return min(along), min(across), max(along), max(across)

    def polygon(self, left: float, top: float, right: float, bottom: float) -> Polygon:
        """A rectangle of this frame as a polygon of the picture, clockwise from its top left."""
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        points = [(self.x + a * self.dx - b * self.dy, self.y + a * self.dy + b * self.dx) for a, b in corners]
        (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points
        return x1, y1, x2, y2, x3, y3, x4, y4


def frame_of(polygon: Polygon) -> Frame:
    """The frame of a line's polygon; a polygon of no length reads to the right."""
    x1, y1, x2, y2, _, _, x4, y4 = polygon
    width, height = hypot(x2 - x1, y2 - y1), hypot(x4 - x1, y4 - y1)
    dx, dy = ((x2 - x1) / width, (y2 - y1) / width) if width else (1.0, 0.0)
    return Frame(x1, y1, dx, dy, max(width, 1.0), max(height, 1.0))


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


_ENDS_IN_NUMBER = re.compile(r"(?:^|[ :.(])([0-9][0-9.,/ ]{0,9})$")
_REMARK = re.compile(r"[ ]?(?:\(.*\))?")
_STARTS_WITH_UNIT = re.compile(r"[A-Za-z\"']")


@dataclass(frozen=True, slots=True)
class SplitQuantity:
    """A number with the unit of another box.

    Args:
        unit: position of the unit's line.
        text: the number and that line's text.
        match: the quantity in `text`, from its start.
    """

    unit: int
    text: str
    match: QuantityMatch


def split_quantities(lines: Sequence[OcrLine]) -> dict[int, SplitQuantity]:
    """Numbers whose unit stands in another box, by the number's line.

    The nearest unit on its baseline or below it; where there is none, a unit on its own above it that no other number
    has ("LB" in the drawing of a weight, over 3.86). What stands above a length is another one's, and a letter is none.
    """
    numbers = [(index, match[1]) for index, line in enumerate(lines) if (match := _ENDS_IN_NUMBER.search(line.text))]
    if not numbers:
        return {}
    units = [(index, _reach(line.polygon)) for index, line in enumerate(lines) if _opens_with_unit(line.text)]
    joined = _joined(lines, numbers, units, _distance)
    taken = {one.unit for one in joined.values()}
    alone = [(index, reach) for index, reach in units if index not in taken and _is_unit(lines[index].text)]
    bare = [
        (index, number) for index, number in numbers
        if index not in joined and lines[index].text.strip() == number.strip()
    ]  # fmt: skip
    return joined | _joined(lines, bare, alone, _gap_above)


def _joined(
    lines: Sequence[OcrLine],
    numbers: Sequence[tuple[int, str]],
    units: Sequence[tuple[int, float]],
    distance: Callable[[Frame, Polygon], float | None],
) -> dict[int, SplitQuantity]:
    """Each number with its nearest unit, where the two make a quantity."""
    joined = {}
    for index, number in numbers if units else ():
        place = lines[index].polygon
        frame = frame_of(place)
        near = [
            (gap, unit)
            for unit, reach in units
            if unit != index
            and _apart(place, lines[unit].polygon) <= frame.width + 2.0 * frame.height + reach
            and (gap := distance(frame, lines[unit].polygon)) is not None
        ]
        if near and (found := _join(number.strip(), min(near)[1], lines)) is not None:
            joined[index] = found
    return joined


def _reach(polygon: Polygon) -> float:
    """How far any corner of a polygon may lie from its first, pixels."""
    return max(abs(polygon[i] - polygon[0]) + abs(polygon[i + 1] - polygon[1]) for i in (2, 4, 6))


def _apart(one: Polygon, other: Polygon) -> float:
    """The larger of the distances of two polygons' first corners along x and y, pixels: no more than as they lie."""
    return max(abs(other[0] - one[0]), abs(other[1] - one[1]))


def _opens_with_unit(text: str) -> bool:
    if not _STARTS_WITH_UNIT.match(text) or text[:2] in ("a ", "A "):
        return False
    unit = unit_behind(text, 0)
    return unit is not None and kind_of(unit.unit) not in ("", "other") and unit.end > 0 and text[:1] != "-"


def _is_unit(text: str) -> bool:
    """Whether a line is nothing but a unit of no length, perhaps with a remark behind it in brackets."""
    unit = unit_behind(text, 0)
    if unit is None or unit.end < 2 or unit.unit == "microgram" or kind_of(unit.unit) == "length":
        return False
    return _REMARK.fullmatch(text, unit.end) is not None


def _join(number: str, unit: int, lines: Sequence[OcrLine]) -> SplitQuantity | None:
    text = f"{number} {lines[unit].text}"
    match = next((one for one in find_quantities(text) if one.start == 0 and one.end > len(number)), None)
    return None if match is None else SplitQuantity(unit, text, match)


def _distance(frame: Frame, other: Polygon) -> float | None:
    """How far a unit's box lies from the number's, in text heights; None where it does not belong to it."""
    left, top, right, bottom = frame.box(other)
    height = frame.height
    if min(bottom, height) - max(top, 0.0) >= 0.5 * min(height, bottom - top):  # on the same baseline, to the right
        gap = left - frame.width
        return max(gap, 0.0) / height if -0.5 * height <= gap <= 1.2 * height else None
    overlap = min(right, frame.width) - max(left, 0.0)
    gap = top - height
    if -0.4 * height <= gap <= 0.7 * height and overlap >= 0.5 * min(frame.width, right - left):  # directly below
        return 1.5 + max(gap, 0.0) / height
    return None


def _gap_above(frame: Frame, other: Polygon) -> float | None:
    """How far a unit's box lies above the number's, pixels; None where it does not stand over it."""
    left, _, right, bottom = frame.box(other)
    if not -0.7 * frame.height <= bottom <= 0.2 * frame.height:
        return None
    overlap = min(right, frame.width) - max(left, 0.0)
    return -bottom if overlap >= 0.5 * min(frame.width, right - left) else None
