"""Numbers whose unit an engine read as a box of its own: "500" / "g"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from entx.core.frames import Frame, frame_of
from entx.core.quantities import QuantityMatch, find_quantities
from entx.core.types import OcrLine, Polygon
from entx.core.unit_scan import unit_behind
from entx.core.units import kind_of

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
