"""A page mirrored left to right, or with its two axes exchanged; the texts stay readable."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from entx.core.reading_order import reading_order
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, Polygon, Stroke

_Point = tuple[float, float]
_UPRIGHT = 0.8  # share of level texts that stay level at a line that becomes upright, as on real pages


def mirrored(page: OcrPage) -> OcrPage:
    """The page as in a mirror at its side; slanted text slants the other way."""
    width = page.width

    def point(at: _Point) -> _Point:
        return width - at[0], at[1]

    lines = [_mirrored_line(line, width) for line in page.lines]
    strokes = {Direction.VERTICAL: Direction.VERTICAL, Direction.HORIZONTAL: Direction.HORIZONTAL}
    geometry = page.geometry
    product = geometry.product if geometry else None
    box = None if product is None else (width - product[2], product[1], width - product[0], product[3])
    return _assembled(
        page, lines, width, page.height, point, strokes, box,
        lambda one: (None if one.across is None else 1.0 - one.across, one.down),
    )  # fmt: skip


def transposed(page: OcrPage, rng: random.Random) -> OcrPage:
    """The page with x and y exchanged: upright lines become level ones; texts of one dimension line stay together."""

    def point(at: _Point) -> _Point:
        return at[1], at[0]

    groups = _groups(page)
    lines: list[OcrLine] = list(page.lines)
    for group in groups:
        level = [number for number in group if page.lines[number].rotation == 0.0]
        turn = rng.choice((90.0, 270.0)) if len(level) == 1 and len(group) == 1 and rng.random() > _UPRIGHT else 0.0
        boxes = [_box(page.lines[number].polygon) for number in group]
        x = (min(box[0] for box in boxes) + max(box[2] for box in boxes)) / 2
        y = (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
        for number in group:
            lines[number] = _moved(page.lines[number], (x, y), (y, x), turn, page.height, page.width)
    strokes = {Direction.VERTICAL: Direction.HORIZONTAL, Direction.HORIZONTAL: Direction.VERTICAL}
    geometry = page.geometry
    product = geometry.product if geometry else None
    box = None if product is None else (product[1], product[0], product[3], product[2])
    return _assembled(
        page, lines, page.height, page.width, point, strokes, box, lambda one: (one.down, one.across)
    )  # fmt: skip


def _assembled(
    page: OcrPage,
    lines: list[OcrLine],
    width: int,
    height: int,
    point: Callable[[_Point], _Point],
    directions: dict[Direction, Direction],
    product: tuple[float, float, float, float] | None,
    place: Callable[[LineGeometry], tuple[float | None, float | None]],
) -> OcrPage:
    """The page of the changed lines, read in order, with its geometry moved along."""
    ordered = reading_order(lines)
    now = {id(line): position for position, line in enumerate(ordered)}
    where = [now[id(line)] for line in lines]
    geometry = page.geometry
    if geometry is not None:
        around = []
        for one in geometry.lines:
            found: dict[Direction, Stroke] = {}
            for stroke in (one.vertical, one.horizontal, one.oblique):
                if stroke is not None:
                    changed = _moved_stroke(stroke, point, directions.get(stroke.direction, stroke.direction))
                    found[changed.direction] = changed
            across, down = place(one)
            around.append(
                LineGeometry(
                    where[one.line], found.get(Direction.VERTICAL), found.get(Direction.HORIZONTAL),
                    found.get(Direction.OBLIQUE), across, down,
                )
            )  # fmt: skip
        around.sort(key=lambda one: one.line)
        marks = tuple(sorted(where[mark] for mark in geometry.marks))
        geometry = replace(geometry, product=product, lines=tuple(around), marks=marks)
    return replace(page, width=width, height=height, lines=tuple(ordered), geometry=geometry)


def _moved_stroke(stroke: Stroke, point: Callable[[_Point], _Point], direction: Direction) -> Stroke:
    one, other = point(stroke.start), point(stroke.end)
    axis = 0 if direction is Direction.HORIZONTAL else 1
    start, end = (one, other) if one[axis] <= other[axis] else (other, one)
    return replace(stroke, direction=direction, start=start, end=end)


def _mirrored_line(line: OcrLine, width: int) -> OcrLine:
    """Its corners mirrored, each again where it belongs seen from the text."""
    x1, y1, x2, y2, x3, y3, x4, y4 = line.polygon
    if line.rotation in (0.0, 180.0):  # the left end of the text comes from its right end
        polygon: Polygon = (width - x2, y2, width - x1, y1, width - x4, y4, width - x3, y3)
    else:
        polygon = (width - x4, y4, width - x3, y3, width - x2, y2, width - x1, y1)
    rotation = line.rotation if line.rotation in (0.0, 90.0, 180.0, 270.0) else (360.0 - line.rotation) % 360.0
    if rotation != line.rotation:  # slanted: the text still runs the way it ran
        polygon = (width - x2, y2, width - x1, y1, width - x4, y4, width - x3, y3)
    return OcrLine(line.text, line.score, polygon, rotation, line.scale)


def _groups(page: OcrPage) -> list[list[int]]:
    """Lines that share a dimension line, as positions; every other line is alone."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for number in range(len(page.lines)):
        around = page.geometry.of(number) if page.geometry else None
        best = around.best if around else None
        key = (-1.0, float(number)) if best is None else (*best.start, *best.end)
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _moved(line: OcrLine, centre: _Point, target: _Point, turn: float, width: int, height: int) -> OcrLine:
    """The line moved with its group; text on its side comes to stand level, level text is turned where told."""
    x0, y0, x1, y1 = _box(line.polygon)
    half_x, half_y = (x1 - x0) / 2, (y1 - y0) / 2
    dx, dy = (x0 + x1) / 2 - centre[0], (y0 + y1) / 2 - centre[1]
    rotation = line.rotation
    if rotation in (90.0, 270.0):
        half_x, half_y, dx, dy, rotation = half_y, half_x, dy, dx, 0.0
    elif rotation == 0.0 and turn:
        half_x, half_y, dx, dy, rotation = half_y, half_x, dy, dx, turn
    x = min(max(target[0] + dx, half_x), max(width - half_x, half_x))
    y = min(max(target[1] + dy, half_y), max(height - half_y, half_y))
    left, top, right, bottom = (float(round(value)) for value in (x - half_x, y - half_y, x + half_x, y + half_y))
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    first = {90.0: 3, 180.0: 2, 270.0: 1}.get(rotation, 0)
    if rotation not in (0.0, 90.0, 180.0, 270.0):  # slanted text keeps its corners
        moved = [
            value + ((target[0] - centre[0]) if place % 2 == 0 else (target[1] - centre[1]))
            for place, value in enumerate(line.polygon)
        ]
        return replace(line, polygon=tuple(max(0.0, value) for value in moved))  # type: ignore[arg-type]
    flat = [value for step in range(4) for value in corners[(first + step) % 4]]
    return OcrLine(line.text, line.score, tuple(flat), rotation, line.scale)  # type: ignore[arg-type]


def _box(polygon: Polygon) -> tuple[float, float, float, float]:
    xs, ys = polygon[0::2], polygon[1::2]
    return min(xs), min(ys), max(xs), max(ys)
