"""Product bodies: bags, bottles, jars, cartons, tools, a hand. All coordinates in canvas units."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from entx.demo.canvas import FLAT, ROUND, WHITE, Canvas, Colour
from entx.demo.scene import Point

Box = tuple[float, float, float, float]


def tint(colour: Colour, factor: float) -> Colour:
    """A colour made darker (factor < 1) or lighter (> 1)."""
    r, g, b = (max(0, min(255, round(c * factor))) for c in colour)
    return (r, g, b)


def outline_of(profile: Sequence[Point], x: float) -> list[Point]:
    """A turned body's outline from its half profile [(half width, y)], mirrored at x and smoothed between points."""
    smooth: list[Point] = []
    for (w0, y0), (w1, y1) in itertools.pairwise(profile):
        steps = 12 if w0 != w1 and y0 != y1 else 1
        for i in range(steps):
            t = i / steps
            ease = (1 - math.cos(math.pi * t)) / 2
            smooth.append((w0 + (w1 - w0) * ease, y0 + (y1 - y0) * t))
    smooth.append((profile[-1][0], profile[-1][1]))
    return [(x + w, y) for w, y in smooth] + [(x - w, y) for w, y in reversed(smooth)]


def bag(canvas: Canvas, box: Box, colour: Colour) -> None:
    """A stand-up pouch with a crimped seam at the top."""
    x0, y0, x1, y1 = box
    canvas.shadow(((x0 + x1) / 2, y1 - 4), (x1 - x0) * 0.5, 22)
    waist = (x1 - x0) * 0.025
    body = [
        (x0 + waist, y0 + 46), (x0, y0 + 46 + (y1 - y0) * 0.3), (x0 + waist * 0.4, y1 - 50), (x0 + 26, y1 - 8),
        ((x0 + x1) / 2, y1), (x1 - 26, y1 - 8), (x1 - waist * 0.4, y1 - 50), (x1, y0 + 46 + (y1 - y0) * 0.3),
        (x1 - waist, y0 + 46),
    ]  # fmt: skip
    canvas.shade(body, colour, ((0, 0.72), (0.08, 1.02), (0.25, 1.12), (0.7, 0.98), (0.93, 0.8), (1, 0.66)))
    canvas.shade(
        [(x0 + waist, y0), (x1 - waist, y0), (x1 - waist, y0 + 46), (x0 + waist, y0 + 46)], tint(colour, 0.88), FLAT
    )
    for i in range(1, 6):
        y = y0 + 46 * i / 6
        canvas.line([(x0 + waist, y), (x1 - waist, y)], tint(colour, 0.76), 1.5)


def bottle(canvas: Canvas, x: float, top: float, bottom: float, half: float, colour: Colour, cap: Colour) -> None:
    """A bottle with shoulders and a ribbed screw cap."""
    tall = bottom - top
    canvas.shadow((x, bottom), half * 1.05, 16)
    neck = half * 0.36
    profile = [
        (neck, top + tall * 0.10), (neck, top + tall * 0.17), (half, top + tall * 0.36), (half, bottom - 22),
        (half - 16, bottom),
    ]  # fmt: skip
    canvas.shade(outline_of(profile, x), colour, ROUND)
    _cap(canvas, x, top, top + tall * 0.11, neck * 1.22, cap)


def jar(canvas: Canvas, x: float, top: float, bottom: float, half: float, colour: Colour, lid: Colour) -> None:
    """A wide jar with a lid."""
    canvas.shadow((x, bottom), half * 1.05, 18)
    deep = (bottom - top) * 0.18
    profile = [
        (half * 0.9, top + deep), (half, top + deep + 30), (half, bottom - 34), (half * 0.93, bottom - 4),
        (half * 0.9, bottom),
    ]  # fmt: skip
    canvas.shade(outline_of(profile, x), colour, ROUND)
    _cap(canvas, x, top, top + deep, half * 0.95, lid)


def _cap(canvas: Canvas, x: float, top: float, bottom: float, half: float, colour: Colour) -> None:
    canvas.shade([(x - half, top + 6), (x - half + 8, top), (x + half - 8, top), (x + half, top + 6),
                  (x + half, bottom), (x - half, bottom)], colour, ROUND)  # fmt: skip
    ribs = max(6, int(half / 9))
    for i in range(1, ribs):
        place = x + half * math.sin(math.pi * (i / ribs - 0.5))
        canvas.line([(place, top + 8), (place, bottom - 3)], tint(colour, 0.8), 1.6)


def solid(canvas: Canvas, front: Box, into: Point, colour: Colour) -> None:
    """A box in cabinet projection: its front face, and the two faces seen along `into` (to the right and up)."""
    x0, y0, x1, y1 = front
    dx, dy = into
    canvas.shadow(((x0 + x1 + dx) / 2, y1 + 2), (x1 - x0 + dx) * 0.52, 16, 0.25)
    canvas.shade([(x0, y0), (x0 + dx, y0 + dy), (x1 + dx, y0 + dy), (x1, y0)], tint(colour, 1.12), FLAT)
    canvas.shade([(x1, y0), (x1 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1, y1)], tint(colour, 0.76), FLAT)
    canvas.shade([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, FLAT)
    edge = tint(colour, 0.6)
    for path in (
        [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)],
        [(x0, y0), (x0 + dx, y0 + dy), (x1 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1, y1)],
        [(x1, y0), (x1 + dx, y0 + dy)],
    ):
        canvas.line(path, edge, 1.6)


def wire(canvas: Canvas, front: Box, into: Point, ink: Colour) -> None:
    """The same box as a technical outline."""
    x0, y0, x1, y1 = front
    dx, dy = into
    canvas.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], None, ink, 3)
    canvas.line([(x0, y0), (x0 + dx, y0 + dy), (x1 + dx, y0 + dy), (x1, y0)], ink, 3)
    canvas.line([(x1 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1, y1)], ink, 3)


def drill(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """A cordless drill seen from the side, its bit to the left; `x`, `y` is the middle of its motor."""
    s = size / 100

    def at(*points: Point) -> list[Point]:
        return [(x + px * s, y + py * s) for px, py in points]

    grey, dark = (150, 154, 160), (44, 46, 50)
    canvas.shadow((x + 8 * s, y + 68 * s), 34 * s, 3 * s)
    canvas.shade(at((-58, -1.4), (-38, -1.4), (-38, 1.4), (-58, 1.4), (-61, 0)), grey, FLAT, downwards=True)
    canvas.shade(at((-40, -5), (-24, -9), (-24, 9), (-40, 5)), dark, ROUND, downwards=True)
    canvas.shade(at((12, 8), (30, 8), (36, 52), (16, 52)), dark, FLAT)
    canvas.shade(at((-24, -13), (26, -14), (34, -8), (35, 8), (28, 13), (-24, 13)), colour, ROUND, downwards=True)
    canvas.shade(at((14, 12), (28, 12), (32, 46), (18, 46)), tint(colour, 0.9), FLAT)
    canvas.polygon(at((9, 14), (13, 14), (14, 24), (8, 22)), (200, 40, 40))
    canvas.shade(at((2, 50), (46, 50), (48, 66), (0, 66)), dark, FLAT, downwards=True)
    for i in range(4):
        canvas.line(at((20 + i * 3, -9), (20 + i * 3, 4)), tint(colour, 0.6), s)


def hand(canvas: Canvas, x: float, y: float, size: float, colour: Colour = (222, 218, 216)) -> None:
    """The grey silhouette of an open hand that carries the product; `x`, `y` is the middle of the palm's top."""
    s = size / 100

    def at(*points: Point) -> list[Point]:
        return [(x + px * s, y + py * s) for px, py in points]

    canvas.polygon(
        at((-46, 6), (-38, 1), (-20, 2), (10, 0), (34, -5), (40, -1), (30, 6), (48, 4), (53, 9), (34, 16), (30, 24),
           (10, 36), (-4, 56), (-44, 56), (-40, 30)), colour,
    )  # fmt: skip


def cabinet_fronts(canvas: Canvas, front: Box, colour: Colour, doors: int, drawers: int) -> None:
    """Doors and drawers with handles on a front face."""
    x0, y0, x1, y1 = front
    edge, inset = tint(colour, 0.68), 12.0
    split = y0 + (y1 - y0) * (0.3 if drawers and doors else 1.0 if drawers else 0.0)
    for i in range(drawers):
        a, b = x0 + (x1 - x0) * i / drawers + inset, x0 + (x1 - x0) * (i + 1) / drawers - inset
        canvas.rounded((a, y0 + inset, b, split - inset / 2), 6, None, edge, 2.5)
        canvas.line([((a + b) / 2 - 20, (y0 + split) / 2), ((a + b) / 2 + 20, (y0 + split) / 2)], tint(colour, 0.4), 6)
    for i in range(doors):
        a, b = x0 + (x1 - x0) * i / doors + inset, x0 + (x1 - x0) * (i + 1) / doors - inset
        canvas.rounded((a, split + inset, b, y1 - inset), 6, None, edge, 2.5)
        knob = b - 18 if i % 2 == 0 else a + 18
        canvas.ellipse((knob, (split + y1) / 2), 7, 7, tint(colour, 0.4))


def table(canvas: Canvas, front: Box, into: Point, colour: Colour, shelf: float | None) -> None:
    """A table or bench in cabinet projection; `shelf` is the height of a lower board as a share of the legs."""
    x0, y0, x1, y1 = front
    dx, dy = into
    thick, leg = 26.0, 24.0
    canvas.shadow(((x0 + x1 + dx) / 2, y1 + dy / 3), (x1 - x0 + dx) * 0.5, 18, 0.2)
    for left in (x0 + dx, x1 + dx - leg):
        canvas.shade([(left, y0), (left + leg, y0), (left + leg, y1 + dy), (left, y1 + dy)], tint(colour, 0.62), FLAT)
    if shelf is not None:
        y = y0 + (y1 - y0) * shelf
        canvas.shade([(x0 + 6, y), (x0 + dx, y + dy), (x1 + dx - 6, y + dy), (x1, y)], tint(colour, 0.9), FLAT)
        canvas.shade([(x0 + 6, y), (x1 - 6, y), (x1 - 6, y + 16), (x0 + 6, y + 16)], tint(colour, 0.75), FLAT)
    for left in (x0, x1 - leg):
        canvas.shade([(left, y0), (left + leg, y0), (left + leg, y1), (left, y1)], tint(colour, 0.72), FLAT)
    canvas.shade([(x0, y0), (x0 + dx, y0 + dy), (x1 + dx, y0 + dy), (x1, y0)], tint(colour, 1.1), FLAT)
    canvas.shade([(x1, y0), (x1 + dx, y0 + dy), (x1 + dx, y0 + dy + thick), (x1, y0 + thick)], tint(colour, 0.7), FLAT)
    canvas.shade([(x0, y0), (x1, y0), (x1, y0 + thick), (x0, y0 + thick)], tint(colour, 0.92), FLAT)


def badge(canvas: Canvas, centre: Point, radius: float, colour: Colour) -> None:
    """A round seal with a ring."""
    canvas.ellipse(centre, radius, radius, colour)
    canvas.ellipse(centre, radius * 0.9, radius * 0.9, None, WHITE, 2.5)
