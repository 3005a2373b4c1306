"""Dimension lines on a sheet: a number, its drawn line, and what the engine's geometry makes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from entx.core.types import Direction, Stroke
from lab.pages import distributions
from lab.pages.distributions import draw
from lab.pages.sheet import Piece, Sheet
from lab.polygons import Point

_SECOND = (0.35, 0.95)  # score of a line at the second of two texts, over that at the first
_LEADING = 1.22  # distance of two lines of one text in text heights


def vertical(
    sheet: Sheet, texts: Sequence[str], span: Point, x_line: float, side: int, thick: float, *, factor: float = 1.0
) -> list[Piece]:
    """A number at an upright line.

    Args:
        texts: one or two lines of text.
        span: y of the line's ends.
        side: -1 the text stands to the left of the line, 1 to its right.
        factor: of the stroke's score.
    """
    rng = sheet.rng
    top, bottom = max(1.0, span[0]), min(sheet.height - 1.0, span[1])
    x_line = min(max(x_line, 0.01 * sheet.width), 0.99 * sheet.width)
    rotation = distributions.pick(rng, distributions.TURNED)
    if rotation < 0:
        rotation = rng.uniform(5, 35) * rng.choice((-1, 1)) % 360
    broken, gap = _broken(sheet, Direction.VERTICAL, thick)
    y = top + (bottom - top) * min(max(rng.gauss(0.5, 0.1), 0.1), 0.9)
    x, anchor = x_line, 0.5
    if not broken and rotation in (90.0, 270.0):
        x = x_line + side * (gap + thick / 2)
    elif not broken:
        x, anchor = x_line + side * gap, (1.0 if side < 0 else 0.0)
    pieces = _stack(sheet, texts, x, y, thick, rotation, anchor)
    for row, piece in enumerate(pieces):
        away = max(0.0, abs(piece.x - x_line) - piece.extent[0])
        _attach(sheet, piece, Direction.VERTICAL, (x_line, top), (x_line, bottom), away, broken, factor, row)
    return pieces


def horizontal(
    sheet: Sheet, texts: Sequence[str], span: Point, y_line: float, side: int, thick: float, *, factor: float = 1.0
) -> list[Piece]:
    """A number at a level line; side -1 stands above it, 1 below."""
    rng = sheet.rng
    left, right = max(1.0, span[0]), min(sheet.width - 1.0, span[1])
    y_line = min(max(y_line, 0.01 * sheet.height), 0.99 * sheet.height)
    broken, gap = _broken(sheet, Direction.HORIZONTAL, thick)
    x = left + (right - left) * min(max(rng.gauss(0.5, 0.08), 0.1), 0.9)
    rotation = 0.0 if rng.random() < 0.94 else rng.uniform(5, 20) * rng.choice((-1, 1)) % 360
    y = y_line
    if not broken:
        y += side * (gap + thick / 2) - (thick * _LEADING * (len(texts) - 1) if side < 0 else 0.0)
    pieces = _stack(sheet, texts, x, y, thick, rotation, 0.5)
    for row, piece in enumerate(pieces):
        away = max(0.0, abs(piece.y - y_line) - piece.extent[1])
        nearest = row if side > 0 else len(pieces) - 1 - row
        _attach(sheet, piece, Direction.HORIZONTAL, (left, y_line), (right, y_line), away, broken, factor, nearest)
    return pieces


def oblique(
    sheet: Sheet, texts: Sequence[str], centre: Point, length: float, degrees: float, side: int, thick: float
) -> list[Piece]:
    """A number at an oblique line that rises to the right by so many degrees; side as in `horizontal`."""
    rng = sheet.rng
    broken, gap = _broken(sheet, Direction.OBLIQUE, thick)
    rotation = degrees % 360 if rng.random() < 0.28 else 0.0
    across = -math.sin(math.radians(degrees)) * side, math.cos(math.radians(degrees)) * side
    reach = 0.0 if broken else gap + thick / 2
    if rotation == 0.0 and not broken:
        reach += abs(across[0]) * 0.5 * len(texts[0]) * thick * sheet.char
    pieces = _stack(sheet, texts, centre[0] + across[0] * reach, centre[1] + across[1] * reach, thick, rotation, 0.5)
    for row, piece in enumerate(pieces):
        if rng.random() < distributions.OWN_MISSING["oblique"]:
            continue
        score = _score(sheet, Direction.OBLIQUE, row)
        ticks = rng.choices((0, 1, 2), distributions.OWN_TICKS)[0]
        away = 0.0 if broken else gap + row * thick
        piece.strokes = (sheet.oblique(*centre, length, degrees, away, round(score, 4), ticks, broken),)
    return pieces


def _broken(sheet: Sheet, direction: Direction, thick: float) -> tuple[bool, float]:
    """Whether the number stands in a gap of its line, and else how far from it in pixels."""
    broken = sheet.rng.random() < distributions.OWN_BROKEN[direction.value]
    return broken, draw(sheet.rng, distributions.OWN_GAP) * thick


def _stack(
    sheet: Sheet, texts: Sequence[str], x: float, y: float, thick: float, rotation: float, anchor: float
) -> list[Piece]:
    angle = math.radians(rotation)
    down = math.sin(angle) * thick * _LEADING, math.cos(angle) * thick * _LEADING
    return [
        sheet.put(text, x + row * down[0], y + row * down[1], thick, rotation, anchor=anchor)
        for row, text in enumerate(texts)
    ]


def _score(sheet: Sheet, direction: Direction, row: int) -> float:
    score = draw(sheet.rng, distributions.OWN_STROKE[direction.value])
    return score if row == 0 else score * sheet.rng.uniform(*_SECOND)


def _attach(
    sheet: Sheet, piece: Piece, direction: Direction, start: Point, end: Point, away: float, broken: bool,
    factor: float, row: int,
) -> None:  # fmt: skip
    """Gives a text the stroke that the geometry finds for it; sometimes none, sometimes only half of it."""
    rng = sheet.rng
    if rng.random() < distributions.OWN_MISSING[direction.value]:
        return
    score = _score(sheet, direction, row) * factor
    if rng.random() < 0.08:  # only half of the line was found
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        start, end = (start, middle) if rng.random() < 0.5 else (middle, end)
    length = max(12.0, math.dist(start, end))
    ticks = rng.choices((0, 1, 2), distributions.OWN_TICKS)[0]
    piece.strokes = (Stroke(direction, start, end, length, 0.0 if broken else away, round(score, 4), broken, ticks),)
