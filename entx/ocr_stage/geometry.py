"""The geometry of one page: the dimension lines of its numbers, the product, and where each number stands to it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from entx.core.decode import Image
from entx.core.types import Direction, LineGeometry, OcrLine, PageGeometry, Stroke
from entx.ocr_stage.chains import Boxes
from entx.ocr_stage.product import find_product
from entx.ocr_stage.strokes import DIRECTIONS, Strokes, find_strokes

SIDE = 850
"""Pixels of the longer side to which larger pictures are shrunk."""

MIN_SCORE = 0.02
"""Lines with a lower score are not kept."""

MARK_SCORE = 0.3


def page_geometry(image: Image, lines: Sequence[OcrLine]) -> PageGeometry:
    """The geometry of a picture.

    Args:
        image: the upright picture, BGR.
        lines: its text.
    """
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
    looked_at = [i for i, line in enumerate(lines) if _has_digit(line.text) or _is_letter(line.text)]
    numbers = np.array(looked_at, np.intp)
    strokes = find_strokes(grey, boxes, numbers, hidden)
    product = find_product(image, scale, polygons, strokes)
    found, marks = [], []
    for row, text in enumerate(looked_at):
        if _has_digit(lines[text].text):
            across, down = product.place(boxes.centre[text])
            best = {way: _best(strokes, row, number, scale) for number, way in enumerate(DIRECTIONS)}
            found.append(
                LineGeometry(
                    text, best[Direction.VERTICAL], best[Direction.HORIZONTAL], best[Direction.OBLIQUE], across, down
                )
            )
        elif len(strokes.ends) and strokes.score[row].max() >= MARK_SCORE and strokes.gap[row].min() == 0:
            marks.append(text)
    box = product.box
    return PageGeometry(
        None if box is None else (box[0] / scale, box[1] / scale, box[2] / scale, box[3] / scale),
        product.white, product.parts, tuple(found), tuple(marks), product.roundness,
    )  # fmt: skip


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
    return any(character.isdigit() for character in text)


def _is_letter(text: str) -> bool:
    return len(text) == 1 and text.isalpha()
