"""Points, boxes and polygons, and lines that are moved.

A line's own frame and the reading order are `entx.core.boxes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from entx.core.types import OcrLine, PageGeometry, Polygon

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom


def corners_of(polygon: Polygon) -> list[Point]:
    """The four corners of a polygon."""
    return [(polygon[i], polygon[i + 1]) for i in range(0, 8, 2)]


def polygon_of(corners: Sequence[Point]) -> Polygon:
    """The polygon of four corners."""
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = corners
    return (x1, y1, x2, y2, x3, y3, x4, y4)


def box_of(polygon: Polygon) -> Box:
    """The upright box around a polygon."""
    xs, ys = polygon[0::2], polygon[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def corners_of_box(box: Box) -> list[Point]:
    """The four corners of an upright box, clockwise from its top left."""
    x0, y0, x1, y1 = box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def line_in(box: Box, text: str, score: float) -> OcrLine:
    """An OCR line of level text that fills the box."""
    return OcrLine(text, score, polygon_of(corners_of_box(box)))


def renumbered(geometry: PageGeometry | None, now: Mapping[int, int]) -> PageGeometry | None:
    """The geometry of a page whose lines have other positions now; what belongs to lines that are gone is dropped."""
    if geometry is None:
        return None
    around = tuple(replace(one, line=now[one.line]) for one in geometry.lines if one.line in now)
    return replace(geometry, lines=around, marks=tuple(now[mark] for mark in geometry.marks if mark in now))


def rotated(points: Sequence[Point], degrees: float) -> list[Point]:
    """Points turned counter-clockwise around the origin."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(x * cos + y * sin, y * cos - x * sin) for x, y in points]


def overlap(first: Sequence[Point], second: Sequence[Point], margin: float) -> bool:
    """Whether two convex polygons (or segments) come nearer than `margin`, by the separating axis theorem."""
    for shape in (first, second):
        for (x0, y0), (x1, y1) in zip(shape, [*shape[1:], shape[0]], strict=True):
            length = math.hypot(x1 - x0, y1 - y0)
            if length == 0:
                continue
            nx, ny = (y1 - y0) / length, (x0 - x1) / length
            a = [x * nx + y * ny for x, y in first]
            b = [x * nx + y * ny for x, y in second]
            if max(a) + margin <= min(b) or max(b) + margin <= min(a):
                return False
    return True
