"""The page as the rules reader sees it: its quantities, and for each number's line what is written around it.

Computed once per page, whatever number of questions is asked of it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from entx.core.candidates import Candidate, page_quantities
from entx.core.frames import Frame, frame_of
from entx.core.types import LineGeometry, OcrPage, Polygon
from entx.ocr_stage.cues import letter_box

_REACH = 1.6
"""How many text heights a caption may lie above or below its number."""
_ROW_FACTOR = 20.0
"""In a row of a table the number may stand farther to the right: (1.6 - 0.8) x 20 = 16 text heights."""


@dataclass(frozen=True)
class Layout:
    """A page with what the features need of it.

    Args:
        page: with or without geometry.
        quantities: all of the page (`page_quantities`).
        captions: for the position of a number's line the positions of the lines without a quantity that stand nearest
            to it: above, below or to the left, each line a caption of one number only.
        geometry: the geometry of a line by its position; empty for a page without.
        heights: text height of each line in pixels.
        tallest: the largest height of a number's line, at least 1.
    """

    page: OcrPage
    quantities: tuple[Candidate, ...]
    captions: dict[int, tuple[int, ...]]
    geometry: dict[int, LineGeometry]
    heights: tuple[float, ...]
    tallest: float

    @classmethod
    def of(cls, page: OcrPage) -> Layout:
        """The layout of a page."""
        quantities = page_quantities(page)
        numbers = sorted({line for one in quantities for line in one.line_ids})
        frames = [frame_of(line.polygon) for line in page.lines]
        marks = frozenset(page.geometry.marks) if page.geometry is not None else frozenset()
        geometry = {one.line: one for one in page.geometry.lines} if page.geometry is not None else {}
        heights = tuple(frame.height for frame in frames)
        captions = _captions(page, numbers, frames, marks)
        tallest = max((heights[line] for line in numbers), default=1.0)
        return cls(page, quantities, captions, geometry, heights, tallest)

    def around(self, one: Candidate) -> list[str]:
        """The texts of a candidate's captions."""
        return [self.page.lines[number].text for line in one.line_ids for number in self.captions.get(line, ())]


def _captions(
    page: OcrPage, numbers: list[int], frames: list[Frame], marks: frozenset[int]
) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    taken = set(numbers)
    letters = [number for number, line in enumerate(page.lines) if letter_box(line.text) and number not in marks]
    several = len({letter_box(page.lines[number].text) for number in letters}) > 1
    by_top = sorted(numbers, key=lambda number: frames[number].y)
    tops = [frames[number].y for number in by_top]
    widest = max((frames[number].width for number in numbers), default=0.0)
    for index, line in enumerate(page.lines):
        if index in taken or index in marks or not any(map(str.isalpha, line.text)):
            continue
        if len(line.text.strip()) == 1 and not (several and index in letters):
            continue  # an H on its own is an arrow |-| more often than a height
        best, nearest = _REACH, -1
        caption = frames[index]
        reach = _within(caption, max(caption.height, 1.0), widest)
        first, last = bisect_left(tops, caption.y - reach), bisect_right(tops, caption.y + reach)
        for number in sorted(by_top[first:last]):  # of two that are equally near, the first in reading order
            distance = _distance(caption, frames[number], page.lines[number].polygon)
            if distance < best:
                best, nearest = distance, number
        if nearest >= 0:
            found.setdefault(nearest, []).append(index)
    return {number: tuple(lines) for number, lines in found.items()}


def _within(caption: Frame, unit: float, width: float) -> float:
    """How far the corner of a number of this width may lie from its caption's at most, pixels."""
    return 4 * _REACH * unit + 2 * (caption.width + width)


def _distance(caption: Frame, number: Frame, number_polygon: Polygon) -> float:
    """How far a caption lies from a number, in text heights; infinite where it does not belong to it.

    A number to the right of its caption or below it is the rule; one above it is taken a little less readily.
    """
    unit = max(min(caption.height, number.height), 1.0)
    if abs(caption.x - number.x) + abs(caption.y - number.y) > _within(caption, unit, number.width):
        return float("inf")
    left, top, right, bottom = caption.box(number_polygon)
    if min(bottom, caption.height) - max(top, 0.0) >= 0.5 * min(caption.height, bottom - top):
        gap = left - caption.width
        if gap >= -0.5 * unit:
            return max(gap, 0.0) / unit / 1.5 if gap <= 2.0 * unit else 0.8 + gap / unit / _ROW_FACTOR
        gap = -right
        return max(gap, 0.0) / unit + 0.4 if gap >= -0.5 * unit else float("inf")
    if min(right, caption.width) - max(left, 0.0) < 0.3 * min(right - left, caption.width):
        return float("inf")
    if top >= 0.5 * caption.height:
        return max(top - caption.height, 0.0) / unit + 0.1
    return max(-bottom, 0.0) / unit + 0.4
