"""Dimension lines: two ends with arrowheads or ticks, and the size printed on, beside or in a gap of the line."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from entx.core.types import Direction
from entx.demo.canvas import BLACK, WHITE, Canvas, Colour
from entx.demo.fonts import BUILT_IN, PLAIN
from entx.demo.scene import Point, Role

_FLAT_DEGREES = 3.0  # a line this near to an axis is drawn as that axis
_NARROW = 90.0  # units: wider texts are not set upright into a vertical line


@dataclass(frozen=True, slots=True)
class DimensionStyle:
    """How one picture draws its dimension lines.

    Args:
        heads: "arrow", "open" (arrow of two strokes), "tick", "bar" (a stroke across the end), "dot".
        place: "beside" the line, "gap" (breaks the line) or "over" (printed across it with a halo).
        along: text runs along its line; else it stands upright wherever there is room.
        face, size: of the text, size in units.
    """

    colour: Colour
    text_colour: Colour
    halo: Colour
    heads: str
    place: str
    along: bool
    face: str
    size: float
    width: float

    @classmethod
    def choose(cls, rng: random.Random, canvas: Canvas, *, dark: bool = False) -> DimensionStyle:
        """A style by chance; `dark` for light lines on a dark ground."""
        ink = rng.choice([BLACK, BLACK, (70, 74, 80), (176, 32, 40), (20, 82, 150), (116, 40, 120)])
        colour = rng.choice([WHITE, (230, 220, 150)]) if dark else ink
        return cls(
            colour=colour,
            text_colour=WHITE if dark else rng.choice([colour, BLACK]),
            halo=(28, 32, 40) if dark else WHITE,
            heads=rng.choice(["arrow", "arrow", "open", "tick", "bar", "dot"]),
            place=rng.choice(["beside", "beside", "gap", "over"]),
            along=rng.random() < 0.5,
            face=rng.choice([face for face in PLAIN if face != "roboto Light"]),
            size=max(canvas.small, rng.uniform(30, 42)),
            width=rng.uniform(2.2, 4.0),
        )


def dimension(
    canvas: Canvas,
    style: DimensionStyle,
    start: Point,
    end: Point,
    text: str,
    *,
    side: int = 1,
    role: Role = Role.ANSWER,
    entities: Sequence[str] = (),
    room: float = 190,
) -> None:
    """Draws one dimension line with its text.

    Args:
        start, end: in units.
        side: which side the text takes when it stands beside: 1 is right of the way from start to end as seen in the
            picture, -1 left.
        room: units of free width beside the line; wider texts run along it.

    Raises:
        LayoutError: the text finds no place.
    """
    angle = math.degrees(math.atan2(start[1] - end[1], end[0] - start[0])) % 180
    length = math.dist(start, end)
    direction = direction_of(angle)
    way = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    normal = (-way[1] * side, way[0] * side)
    face = style.face if style.face != BUILT_IN or text.isascii() else "roboto Regular"
    wide, high = canvas.measure(text, face, style.size)
    upright = direction is not Direction.HORIZONTAL and not style.along and wide <= room
    place = style.place if (style.place == "beside" or wide < length * 0.6) else "beside"
    if place != "beside" and (direction is Direction.OBLIQUE or wide > _NARROW):
        upright = False  # it would lie over the product, or hide too much of the line
    rotation = 0.0 if upright or direction is Direction.HORIZONTAL else (angle if angle <= 90 else angle - 180)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    if place == "gap":
        half = (high if upright else wide) / 2 + 12
        _strokes(canvas, style, start, (middle[0] - way[0] * half, middle[1] - way[1] * half))
        _strokes(canvas, style, (middle[0] + way[0] * half, middle[1] + way[1] * half), end)
    else:
        _strokes(canvas, style, start, end)
    _head(canvas, style, start, (-way[0], -way[1]))
    _head(canvas, style, end, way)
    number = canvas.remember_line(start, end, direction)
    anchor, at = "mm", middle
    if place == "beside":
        if upright:
            anchor = "lm" if normal[0] > 0 else "rm"
            drop = normal[1] * high * 0.7 if direction is Direction.OBLIQUE else 0.0
            at = (middle[0] + math.copysign(16, normal[0]) + normal[0] * 4, middle[1] + drop)
        else:
            away = style.size * 0.5 + 14
            at = (middle[0] + normal[0] * away, middle[1] + normal[1] * away)
    halo = style.halo if place == "over" else None
    canvas.text(
        at, text, face, style.size, style.text_colour,
        anchor=anchor, rotation=rotation, role=role, entities=entities, line=number, halo=halo, halo_share=0.28,
    )  # fmt: skip


def direction_of(degrees: float) -> Direction:
    """The direction of a line at that angle to the horizontal, 0 to 180."""
    if min(degrees, 180 - degrees) <= _FLAT_DEGREES:
        return Direction.HORIZONTAL
    return Direction.VERTICAL if abs(degrees - 90) <= _FLAT_DEGREES else Direction.OBLIQUE


def extension(canvas: Canvas, style: DimensionStyle, start: Point, end: Point) -> None:
    """A thin line from the product's edge to the end of a dimension line."""
    canvas.line([start, end], style.colour, max(1.2, style.width * 0.5))


def _strokes(canvas: Canvas, style: DimensionStyle, start: Point, end: Point) -> None:
    canvas.line([start, end], style.colour, style.width)


def _head(canvas: Canvas, style: DimensionStyle, tip: Point, way: Point) -> None:
    across = (-way[1], way[0])
    reach = 15 + style.width * 1.5

    def spot(back: float, aside: float) -> Point:
        return (tip[0] - way[0] * back + across[0] * aside, tip[1] - way[1] * back + across[1] * aside)

    if style.heads == "arrow":
        canvas.polygon([tip, spot(reach, reach * 0.38), spot(reach, -reach * 0.38)], style.colour)
    elif style.heads == "open":
        canvas.line([spot(reach, reach * 0.5), tip, spot(reach, -reach * 0.5)], style.colour, style.width)
    elif style.heads == "tick":
        canvas.line([spot(reach * 0.5, -reach * 0.5), spot(-reach * 0.5, reach * 0.5)], style.colour, style.width)
    elif style.heads == "bar":
        canvas.line([spot(0, -reach * 0.7), spot(0, reach * 0.7)], style.colour, style.width)
    else:
        canvas.ellipse(tip, reach * 0.35, reach * 0.35, style.colour)
