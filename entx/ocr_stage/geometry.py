"""The geometry of one page: the dimension lines of its numbers, the product, and where each number stands to it.

The product is what stands on a plain background: its box, how many parts, and whether it looks like a round body. In a
photograph of a room there is none. Nothing here reads text; `dimension_lines` finds the lines, `shape` tells what is
round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from entx.core.images import Image
from entx.core.types import LineGeometry, OcrLine, PageGeometry, Polygon, Stroke
from entx.ocr_stage.dimension_lines import DIRECTIONS, Array, Boxes, Grey, Strokes, find_strokes
from entx.ocr_stage.shape import roundness, silhouette

SIDE = 850  # pixels of the longer side to which larger pictures are shrunk before their lines are looked for
MIN_SCORE = 0.02  # lines with a lower score are not kept
MARK_SCORE = 0.3  # score of a line from which a lone letter that it runs through is taken for an arrow
PRODUCT_SIDE = 400  # pixels of the longer side of the picture in which the product is looked for
WHITE = 240  # from this level in all three channels a pixel is nearly white
PLAIN = 0.6  # share of the picture's rim that must have the background's colour for it to be a plain one

PART = 0.15  # things smaller than this share of the largest are not counted as parts
_TOLERANCE = 14  # sum of the three channels' differences to the background
_STROKE_SCORE = 0.15  # lines of a number with this score are taken away before the product is measured

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def page_geometry(image: Image, lines: Sequence[OcrLine]) -> PageGeometry:
    """The geometry of an upright picture (BGR) with these lines of text."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    polygons = np.array([line.polygon for line in lines], np.float32).reshape(-1, 8) * np.float32(scale)
    boxes = Boxes.of(polygons)
    hidden = np.zeros(grey.shape, np.uint8)
    for polygon in polygons:
        cv2.fillConvexPoly(hidden, np.rint(polygon.reshape(4, 2)).astype(np.int32), 255)
    looked_at = [i for i, x in enumerate(lines) if _has_digit(x.text) or (len(x.text) == 1 and x.text.isalpha())]
    numbers = np.array(looked_at, np.intp)
    strokes = find_strokes(grey, boxes, numbers, hidden)
    product = find_product(image, scale, polygons, strokes)
    found, marks = [], []
    for row, text in enumerate(looked_at):
        if _has_digit(lines[text].text):
            across, down = product.place(boxes.centre[text])
            vertical, horizontal, oblique = (_best(strokes, row, direction, scale) for direction in range(3))
            found.append(LineGeometry(text, vertical, horizontal, oblique, across, down))
        elif len(strokes.ends) and strokes.score[row].max() >= MARK_SCORE and strokes.gap[row].min() == 0:
            marks.append(text)
    x1, y1, x2, y2 = (side / scale for side in product.boxes[0]) if product.boxes else (0.0,) * 4
    box = (x1, y1, x2, y2) if product.boxes else None
    is_round = None if product.silhouette is None else roundness(image, product.silhouette)
    return PageGeometry(box, product.white, len(product.boxes), tuple(found), tuple(marks), is_round)


def _best(strokes: Strokes, row: int, direction: int, scale: float) -> Stroke | None:
    candidates = np.flatnonzero(strokes.direction == direction)
    if not len(candidates):
        return None
    column = candidates[np.argmax(strokes.score[row, candidates])]
    score = float(strokes.score[row, column])
    if score < MIN_SCORE:
        return None
    x1, y1, x2, y2 = (float(value) / scale for value in strokes.ends[column])
    start, end = sorted([(x1, y1), (x2, y2)], key=lambda point: point if direction == 1 else point[::-1])
    return Stroke(
        DIRECTIONS[direction], start, end, float(np.hypot(x2 - x1, y2 - y1)), float(strokes.gap[row, column]) / scale,
        score, bool(strokes.broken[row, column]), int(strokes.ticks[column]),
    )  # fmt: skip


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


@dataclass(frozen=True, slots=True)
class Product:
    """See `PageGeometry`."""

    boxes: tuple[Box, ...]  # of all parts, the largest first, in pixels of the image given
    white: float
    silhouette: (
        float | None
    )  # how much the largest part's outline is a round body's, 0 to 1; None where it has no shape

    def place(self, point: Array) -> tuple[float | None, float | None]:
        """Across and down of a point against the box of the part that is nearest to it (see `LineGeometry`)."""
        if not self.boxes:
            return None, None
        x, y = float(point[0]), float(point[1])

        def distance(box: Box) -> float:
            return float(np.hypot(max(box[0] - x, x - box[2], 0.0), max(box[1] - y, y - box[3], 0.0)))

        x1, y1, x2, y2 = min(self.boxes, key=distance)
        return (x - x1) / max(x2 - x1, 1.0), (y - y1) / max(y2 - y1, 1.0)


def find_product(image: Image, scale: float, polygons: Array, strokes: Strokes) -> Product:
    """What stands on the background of a picture, without its text and its dimension lines.

    `scale`: pixels of `polygons` (n, 8), `strokes` and the result to one of the image.
    """
    shrunk = min(1.0, PRODUCT_SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * shrunk)), max(1, round(image.shape[0] * shrunk)))
    small = image if shrunk == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    scale = shrunk / scale
    white = float(cv2.countNonZero(cv2.inRange(small, (WHITE, WHITE, WHITE), (255, 255, 255)))) / small[..., 0].size
    solid = _foreground(small)
    if solid is None:
        return Product((), white, None)
    for polygon in polygons * np.float32(scale):
        cv2.fillConvexPoly(solid, np.rint(polygon.reshape(4, 2)).astype(np.int32), 0)
    if len(strokes.ends):
        for x1, y1, x2, y2 in np.rint(strokes.ends[strokes.score.max(axis=0) >= _STROKE_SCORE] * scale).astype(int):
            cv2.line(solid, (int(x1), int(y1)), (int(x2), int(y2)), 0, 5)
    opened = cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if opened.mean() >= 255 * 0.01:  # else the product itself is drawn in thin lines
        solid = opened
    shapes = _shapes(solid)
    boxes = []
    for contour in shapes:
        x, y, w, h = cv2.boundingRect(contour)
        boxes.append((x / scale, y / scale, (x + w) / scale, (y + h) / scale))
    return Product(tuple(boxes), white, silhouette(solid, shapes[0]) if shapes else None)


def _foreground(image: Image) -> Grey | None:
    """255 where a picture is not of its background's colour; None where its rim has no one colour."""
    margin = max(2, round(0.015 * max(image.shape[:2])))
    rim = np.concatenate([
        image[:margin].reshape(-1, 3), image[-margin:].reshape(-1, 3),
        image[:, :margin].reshape(-1, 3), image[:, -margin:].reshape(-1, 3),
    ])  # fmt: skip
    ground = np.median(rim, axis=0).astype(np.int16)
    if (np.abs(rim.astype(np.int16) - ground).sum(axis=1) <= _TOLERANCE).mean() < PLAIN:
        return None
    difference = cv2.transform(cv2.absdiff(image, np.full_like(image, ground)), np.ones((1, 3), np.float32))
    solid: Grey = cv2.threshold(difference, _TOLERANCE, 255, cv2.THRESH_BINARY)[1]
    return solid


def _shapes(solid: Grey) -> list[np.ndarray[Any, np.dtype[np.int32]]]:
    """Outlines of the parts, the largest first."""
    height, width = solid.shape
    closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    sized = []
    for contour in contours:
        _, y, w, h = cv2.boundingRect(contour)
        if w >= 0.95 * width and h <= 0.3 * height and (y <= 1 or y + h >= height - 1):
            continue  # a banner along the upper or lower rim
        if min(w, h) >= 0.02 * max(height, width) and w * h >= 0.004 * width * height:
            sized.append((cv2.contourArea(cv2.convexHull(contour)), contour))
    sized.sort(key=lambda item: -item[0])
    return [np.asarray(contour, np.int32) for area, contour in sized if area >= PART * sized[0][0]]


def area(polygon: Polygon) -> float:
    """Area of a convex quadrilateral in square pixels."""
    return float(cv2.contourArea(_hull(polygon)))


def common_area(one: Polygon, other: Polygon) -> float:
    """Area in square pixels that two convex quadrilaterals share."""
    left, right = _hull(one), _hull(other)
    if (left.max(axis=0) <= right.min(axis=0)).any() or (right.max(axis=0) <= left.min(axis=0)).any():
        return 0.0  # their upright boxes do not meet: by far the most pairs
    return float(cv2.intersectConvexConvex(left, right)[0])


def _hull(polygon: Polygon) -> Array:
    hull: Array = cv2.convexHull(np.array(polygon, np.float32).reshape(4, 2))
    return hull.reshape(-1, 2)
