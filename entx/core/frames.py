"""A text line's own coordinate frame: its reading direction is x, from its top left corner, whatever its rotation."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from entx.core.types import Polygon


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
