"""Which passes a picture gets, and how the readings of two passes become one.

Where a small picture has lines that were read with a low score, the part around them is read a second time at twice its
size: print of a few pixels becomes legible. Reading the whole picture twice finds hardly a number more (1 in 42) and
takes four times as long. Where both passes read the same place, the better reading stands, whole: a line is never put
together from two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from entx.core.decode import Image
from entx.core.types import Polygon
from entx.ocr_stage.engines.base import Engine, RawLine
from entx.ocr_stage.settings import ReaderSettings

SECOND_LOOK_SIDE = 640
"""Pictures with a longer side than this are read once."""

DOUBTFUL = 0.8
"""Lines read with a lower score are looked at again. Pictures without such lines gained no number (48 of 100)."""

ENLARGED = 2.0

MARGIN = 32
"""Pixels of the picture around the doubtful lines that the second pass sees as well."""

_NUMBER = re.compile(r"[0-9]+(?:[.,/][0-9]+)*")

SAME_PLACE = 0.5
"""Two lines stand in the same place when their common area is this share of the smaller one."""


@dataclass(frozen=True, slots=True)
class ScaledLine:
    """A line in pixels of the picture, with the scale of the pass that read it."""

    line: RawLine
    scale: float


def read_passes(engine: Engine, image: Image, settings: ReaderSettings) -> list[ScaledLine]:
    """The lines of all passes that the picture gets, merged, in pixels of the picture."""
    first = engine.read(image)
    lines = [ScaledLine(line, 1.0) for line in first]
    if settings.passes == "single" or max(image.shape[:2]) > SECOND_LOOK_SIDE:
        return lines
    window = doubtful_window(first, image.shape[1], image.shape[0])
    if window is None:
        return lines
    left, top, right, bottom = window
    part = cv2.resize(image[top:bottom, left:right], None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    known = [_moved(line, ENLARGED, -left * ENLARGED, -top * ENLARGED) for line in first]
    second = [_moved(line, 1 / ENLARGED, left, top) for line in engine.read(part, known, enlarge=False)]
    return merge(lines, [ScaledLine(line, ENLARGED) for line in second])


def doubtful_window(lines: Sequence[RawLine], width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the part of the picture that holds all doubtful lines; None where there are none.

    A picture without any line is doubtful as a whole.
    """
    if not lines:
        return 0, 0, width, height
    corners = [value for line in lines if line.score < DOUBTFUL for value in line.polygon]
    if not corners:
        return None
    left, right = math.floor(min(corners[0::2])) - MARGIN, math.ceil(max(corners[0::2])) + MARGIN
    top, bottom = math.floor(min(corners[1::2])) - MARGIN, math.ceil(max(corners[1::2])) + MARGIN
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


def merge(first: Sequence[ScaledLine], second: Sequence[ScaledLine]) -> list[ScaledLine]:
    """Both passes' lines, each place once.

    Lines that stand in the same place, through any chain of overlaps, form a cluster; of each cluster the pass whose
    reading is worth more stays (see `worth`), the first one on a draw. A line of the other pass stays beside it only
    where it was read with a score of 1/2 or more and holds a number that the better reading lacks: which number is
    right is for the reader of the page to decide, who sees both scores.
    """
    areas = [[_area(item.line.polygon) for item in side] for side in (first, second)]
    cluster = list(range(len(first) + len(second)))

    def root(node: int) -> int:
        while cluster[node] != node:
            node = cluster[node]
        return node

    for i, old in enumerate(first):
        for j, new in enumerate(second):
            smaller = min(areas[0][i], areas[1][j])
            if smaller > 0 and common_area(old.line.polygon, new.line.polygon) >= SAME_PLACE * smaller:
                cluster[root(len(first) + j)] = root(i)

    members: dict[int, tuple[list[ScaledLine], list[ScaledLine]]] = {}
    for node, item in enumerate([*first, *second]):
        members.setdefault(root(node), ([], []))[node >= len(first)].append(item)
    merged = []
    for old_lines, new_lines in members.values():
        newer = not old_lines or worth(new_lines) > worth(old_lines)
        better, other = (new_lines, old_lines) if newer else (old_lines, new_lines)
        numbers = {number for item in better for number in numeric_strings(item.line.text)}
        merged += better
        merged += [item for item in other if item.line.score >= 0.5 and numeric_strings(item.line.text) - numbers]
    return merged


def numeric_strings(text: str) -> set[str]:
    """The runs of digits in a text, with decimal points, commas and fraction bars between digits."""
    return set(_NUMBER.findall(text))


def worth(lines: Sequence[ScaledLine]) -> float:
    """How much a reading says and how surely: letters and digits, each weighted by its line's score above 1/2.

    Fewer than half of the characters of a line with a score of 1/2 are right on fine print, so that more of them are
    worth nothing.
    """
    return sum(
        sum(character.isalnum() for character in item.line.text) * max(0.0, item.line.score - 0.5) for item in lines
    )


def common_area(one: Polygon, other: Polygon) -> float:
    """Area in square pixels that two convex quadrilaterals share."""
    left, right = _corners(one), _corners(other)
    if (left.max(axis=0) <= right.min(axis=0)).any() or (right.max(axis=0) <= left.min(axis=0)).any():
        return 0.0  # their upright boxes do not meet: by far the most pairs
    area, _ = cv2.intersectConvexConvex(left, right)
    return float(area)


def _corners(polygon: Polygon) -> np.ndarray[Any, np.dtype[np.float32]]:
    hull: np.ndarray[Any, np.dtype[np.float32]] = cv2.convexHull(np.array(polygon, np.float32).reshape(4, 2))
    return hull.reshape(-1, 2)


def _area(polygon: Polygon) -> float:
    return float(cv2.contourArea(_corners(polygon)))


def _moved(line: RawLine, factor: float, right: float, down: float) -> RawLine:
    x1, y1, x2, y2, x3, y3, x4, y4 = (
        value * factor + (down if i % 2 else right) for i, value in enumerate(line.polygon)
    )
    return replace(line, polygon=(x1, y1, x2, y2, x3, y3, x4, y4))
