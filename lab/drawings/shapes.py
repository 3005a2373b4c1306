"""What is drawn besides texts: backgrounds, product bodies, dimension lines; and what degrades a finished picture.

All coordinates are in canvas units. A dimension line has two ends with arrowheads or ticks, and its size printed on,
beside or in a gap of the line.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from entx.core.types import Direction
from lab.drawings.canvas import BLACK, BUILT_IN, FLAT, NOTHING, PLAIN, ROUND, WHITE, Canvas, Colour, Scene
from lab.polygons import Box, Point, corners_of, corners_of_box, polygon_of, rotated
from lab.surface_forms import Statement

PALE: tuple[Colour, ...] = (
    (245, 245, 243), (236, 240, 244), (243, 237, 228), (232, 240, 234), (246, 234, 236), (226, 228, 232),
)  # fmt: skip
DARK: tuple[Colour, ...] = ((28, 32, 40), (38, 30, 34), (18, 44, 58), (34, 46, 38))
VIVID: tuple[Colour, ...] = (
    (176, 42, 48), (24, 92, 150), (30, 116, 84), (224, 142, 30), (98, 54, 130), (58, 64, 74), (200, 84, 52),
    (16, 124, 140),
)  # fmt: skip
WOODS: tuple[Colour, ...] = ((176, 132, 88), (120, 84, 58), (214, 206, 196), (90, 86, 84), (196, 160, 116))


def studio(rng: random.Random, width: int, height: int) -> Image.Image:
    """White in most pictures, else pale, a gradient, or paper."""
    choice = rng.random()
    if choice < 0.55:
        return Image.new("RGB", (width, height), (255, 255, 255))
    base = rng.choice(PALE)
    if choice < 0.7:
        return Image.new("RGB", (width, height), base)
    if choice < 0.88:
        return gradient(width, height, (252, 252, 252), base)
    return paper(rng, width, height, base)


def gradient(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    """From one colour at the top to another at the bottom."""
    rows = np.linspace(0, 1, height)[:, None]
    column = np.array(top) * (1 - rows) + np.array(bottom) * rows
    return Image.fromarray(column.astype(np.uint8)[:, None, :]).resize((width, height))


def _generator(rng: random.Random) -> np.random.Generator:
    return np.random.default_rng(rng.getrandbits(32))


def paper(rng: random.Random, width: int, height: int, base: Colour) -> Image.Image:
    """A faint cloudy texture, as of paper or linen."""
    clouds = _generator(rng).normal(0, 3.5, (max(2, height // 9), max(2, width // 9))) + 128
    cloud = Image.fromarray(clouds.clip(0, 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    shade = np.asarray(cloud, dtype=np.float32)[:, :, None] - 128
    return Image.fromarray((shade + np.array(base, dtype=np.float32)).clip(0, 255).astype(np.uint8))


def room(rng: random.Random, width: int, height: int) -> Image.Image:
    """A blurred room: wall, window light, table top."""
    wall, table = rng.choice(PALE), rng.choice([(150, 112, 78), (188, 158, 122), (120, 98, 84), (206, 198, 190)])
    image = gradient(width, height, wall, tuple(int(c * 0.86) for c in wall))  # type: ignore[arg-type]
    pen = ImageDraw.Draw(image)
    for _ in range(9):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height * 0.6), rng.uniform(0.04, 0.15) * width
        light = rng.uniform(0.92, 1.1)
        glow = tuple(min(255, int(c * light)) for c in wall)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=glow)
    edge = int(height * rng.uniform(0.62, 0.72))
    pen.rectangle((0, edge, width, height), fill=table)
    for i in range(6):
        y = edge + (i + 1) * (height - edge) / 7
        pen.line((0, y, width, y + rng.uniform(-4, 4)), fill=tuple(int(c * 0.94) for c in table), width=2)
    return image.filter(ImageFilter.GaussianBlur(width / 220))


def degraded(scene: Scene, rng: random.Random) -> Scene:
    """The picture with mild blur, sensor noise or dull light, as a careless seller's would have; one in six is also
    enlarged from about half its size, which makes small print hard to read."""
    image = scene.image
    if rng.random() < 1 / 6:
        share = rng.uniform(0.5, 0.65)
        small = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)
        image = small.resize(image.size, Image.Resampling.BICUBIC)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8) * max(1.0, min(image.size) / 900)))
    pixels = np.asarray(image, dtype=np.float64)
    if rng.random() < 0.5:
        pixels = pixels + _generator(rng).normal(0, rng.uniform(1.5, 4), (*pixels.shape[:2], 1))
    if rng.random() < 0.5:
        pixels = pixels * rng.uniform(0.8, 0.95) + rng.uniform(0, 10)
    return replace(scene, image=Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def turned(scene: Scene, degrees: float) -> Scene:
    """The whole picture turned counter-clockwise, its texts' polygons and rotations with it.

    Only for scenes without dimension lines: turning those would change what they say.

    Raises:
        ValueError: the scene has dimension lines.
    """
    if scene.lines:
        raise ValueError(f"a {scene.kind} with dimension lines cannot be turned")
    old = scene.image
    image = old.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=old.getpixel((2, 2)))
    texts = []
    for text in scene.texts:
        around_middle = [(x - old.width / 2, y - old.height / 2) for x, y in corners_of(text.polygon)]
        corners = [(x + image.width / 2, y + image.height / 2) for x, y in rotated(around_middle, degrees)]
        texts.append(replace(text, polygon=polygon_of(corners), rotation=(text.rotation + degrees) % 360))
    return replace(scene, image=image, texts=tuple(texts))


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
    canvas.face((x0 + waist, y0, x1 - waist, y0 + 46), tint(colour, 0.88))
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


def _faces(front: Box, into: Point) -> tuple[list[Point], list[Point]]:
    """Of a box in cabinet projection the top and the side, which are seen along `into` (to the right and up)."""
    x0, y0, x1, y1 = front
    dx, dy = into
    behind = (x1 + dx, y0 + dy)
    return [(x0, y0), (x0 + dx, y0 + dy), behind, (x1, y0)], [(x1, y0), behind, (x1 + dx, y1 + dy), (x1, y1)]


def solid(canvas: Canvas, front: Box, into: Point, colour: Colour) -> None:
    """A box in cabinet projection."""
    (x0, y0, x1, y1), (top, side), edge = front, _faces(front, into), tint(colour, 0.6)
    canvas.shadow(((x0 + x1 + into[0]) / 2, y1 + 2), (x1 - x0 + into[0]) * 0.52, 16, 0.25)
    canvas.shade(top, tint(colour, 1.12), FLAT)
    canvas.shade(side, tint(colour, 0.76), FLAT)
    canvas.face(front, colour)
    canvas.line([*corners_of_box(front), (x0, y0)], edge, 1.6)
    canvas.line([*top[:3], *side[2:]], edge, 1.6)
    canvas.line(side[:2], edge, 1.6)


def wire(canvas: Canvas, front: Box, into: Point, ink: Colour) -> None:
    """The same box as a technical outline."""
    top, side = _faces(front, into)
    canvas.line([*corners_of_box(front), front[:2]], ink, 3)
    canvas.line(top, ink, 3)
    canvas.line(side[1:], ink, 3)


def _placed(x: float, y: float, scale: float) -> Callable[..., list[Point]]:
    """What moves points of a body around the origin to its place and size."""

    def at(*points: Point) -> list[Point]:
        return [(x + px * scale, y + py * scale) for px, py in points]

    return at


def drill(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """A cordless drill seen from the side, its bit to the left; `x`, `y` is the middle of its motor."""
    s, at = size / 100, _placed(x, y, size / 100)
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
    at = _placed(x, y, size / 100)
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
        canvas.face((left, y0, left + leg, y1 + dy), tint(colour, 0.62))
    if shelf is not None:
        y = y0 + (y1 - y0) * shelf
        canvas.shade([(x0 + 6, y), (x0 + dx, y + dy), (x1 + dx - 6, y + dy), (x1, y)], tint(colour, 0.9), FLAT)
        canvas.face((x0 + 6, y, x1 - 6, y + 16), tint(colour, 0.75))
    for left in (x0, x1 - leg):
        canvas.face((left, y0, left + leg, y1), tint(colour, 0.72))
    board: Box = (x0, y0, x1, y0 + thick)
    for side, light in zip(_faces(board, into), (1.1, 0.7), strict=True):
        canvas.shade(side, tint(colour, light), FLAT)
    canvas.face(board, tint(colour, 0.92))


_FLAT_DEGREES = 3.0  # a line this near to an axis is drawn as that axis
_NARROW = 90.0  # units: wider texts are not set upright into a vertical line


@dataclass(frozen=True, slots=True)
class DimensionStyle:
    """How one picture draws its dimension lines."""

    colour: Colour
    text_colour: Colour
    halo: Colour
    heads: str  # "arrow", "open" (arrow of two strokes), "tick", "bar" (a stroke across the end), "dot"
    place: str  # "beside" the line, "gap" (breaks the line) or "over" (printed across it with a halo)
    along: bool  # text runs along its line; else it stands upright wherever there is room
    face: str  # face, size: of the text, size in units
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
    canvas: Canvas, style: DimensionStyle, start: Point, end: Point, text: str, *, side: int = 1,
    states: Mapping[str, Statement] = NOTHING, room: float = 190,
) -> None:  # fmt: skip
    """Draws one dimension line with its text.

    Args:
        side: of a text beside the line: 1 is right of the way from start to end as seen in the picture, -1 left.
        states: the entities whose value the text states, and how; none makes it a decoy.
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
        before, behind = ((middle[0] + way[0] * reach, middle[1] + way[1] * reach) for reach in (-half, half))
        canvas.line([start, before], style.colour, style.width)
        canvas.line([behind, end], style.colour, style.width)
    else:
        canvas.line([start, end], style.colour, style.width)
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
        anchor=anchor, rotation=rotation, decoy=True, states=states, line=number, halo=halo, halo_share=0.28,
    )  # fmt: skip


def direction_of(degrees: float) -> Direction:
    """The direction of a line at that angle to the horizontal, 0 to 180."""
    if min(degrees, 180 - degrees) <= _FLAT_DEGREES:
        return Direction.HORIZONTAL
    return Direction.VERTICAL if abs(degrees - 90) <= _FLAT_DEGREES else Direction.OBLIQUE


def extension(canvas: Canvas, style: DimensionStyle, start: Point, end: Point) -> None:
    """A thin line from the product's edge to the end of a dimension line."""
    canvas.line([start, end], style.colour, max(1.2, style.width * 0.5))


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
