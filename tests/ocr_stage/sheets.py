"""Drawing sheets for the tests of geometry: lines, arrows, ticks and text boxes on a plain ground."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from entx.core.types import OcrLine, Polygon

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Point = tuple[int, int]


def sheet(width: int = 600, height: int = 600, ground: int = 255) -> Picture:
    """A plain BGR picture."""
    return np.full((height, width, 3), ground, np.uint8)


def dimension(
    picture: Picture, start: Point, end: Point, heads: str = "", ink: int = 0, width: int = 2, gap: int = 0
) -> None:
    """A dimension line; heads "bar" or "arrow" at both ends; `gap` pixels left out in its middle."""
    length = math.dist(start, end)
    way = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    colour = (ink, ink, ink)
    if gap:
        for tip, sign in ((start, -1), (end, 1)):
            inner = (round(middle[0] + sign * way[0] * gap / 2), round(middle[1] + sign * way[1] * gap / 2))
            cv2.line(picture, tip, inner, colour, width, cv2.LINE_AA)
    else:
        cv2.line(picture, start, end, colour, width, cv2.LINE_AA)
    for tip, sign in ((start, 1), (end, -1)):
        if heads == "bar":
            a, b = ((round(tip[0] - way[1] * r), round(tip[1] + way[0] * r)) for r in (-9, 9))
            cv2.line(picture, a, b, colour, width, cv2.LINE_AA)
        elif heads == "arrow":
            back = (tip[0] + sign * way[0] * 16, tip[1] + sign * way[1] * 16)
            corners = [tip, (back[0] - way[1] * 7, back[1] + way[0] * 7), (back[0] + way[1] * 7, back[1] - way[0] * 7)]
            cv2.fillPoly(picture, [np.rint(np.array(corners)).astype(np.int32)], colour, cv2.LINE_AA)


def drawn(start: Point, end: Point, heads: str = "", ground: int = 255, **style: int) -> Picture:
    """A sheet with one dimension line."""
    picture = sheet(ground=ground)
    dimension(picture, start, end, heads, **style)
    return picture


def box(centre: Point, width: float = 70, height: float = 22, degrees: float = 0.0) -> Polygon:
    """The polygon of a text that stands turned counter-clockwise by `degrees`."""
    cos, sin = math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))
    corners = []
    for x, y in ((-width, -height), (width, -height), (width, height), (-width, height)):
        corners += [centre[0] + (x * cos - y * sin) / 2, centre[1] + (x * sin + y * cos) / 2]
    x1, y1, x2, y2, x3, y3, x4, y4 = corners
    return x1, y1, x2, y2, x3, y3, x4, y4


def number(centre: Point, text: str = "25 cm", width: float = 70, height: float = 22, degrees: float = 0.0) -> OcrLine:
    """An OCR line with such a polygon."""
    return OcrLine(text, 1.0, box(centre, width, height, degrees), degrees % 360)


def write(picture: Picture, line: OcrLine) -> None:
    """Prints an upright line's text into its polygon, over a patch of the picture's ground."""
    x1, y1, _, _, x3, y3, _, _ = (round(v) for v in line.polygon)
    picture[y1:y3, x1:x3] = picture[0, 0]
    scale = (y3 - y1) / 36
    cv2.putText(picture, line.text, (x1 + 2, y3 - 5), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 2, cv2.LINE_AA)
