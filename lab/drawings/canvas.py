"""A drawing surface in units of a thousandth of its shorter side, which remembers every text and dimension line.

Shapes are drawn at twice the size and scaled down once at the end, which smooths their edges. What comes of it is a
`Scene`: the image, what is printed where, and the truth about all eight entities.

The typefaces come from the PyPI packages font-roboto and font-source-serif-pro (extra `dev`) and from Pillow; they are
needed to draw pictures, not to run the demo on those that are shipped.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Direction, Polygon, Quantity
from lab.polygons import Box, Point, corners_of, corners_of_box, overlap, polygon_of, rotated
from lab.surface_forms import Statement

BUILT_IN = "built-in"
# the serif's .ttf files carry a kerning table that pulls letters over a preceding "%"; the .otf files carry none
_PACKAGES = {"roboto": ("font_roboto", "Roboto-{}.ttf"), "serif": ("font_source_serif_pro", "SourceSerifPro-{}.otf")}

# faces for brands, titles and banners; for small print and dimension text
BOLD = ("roboto Bold", "roboto Black", "serif Bold", "serif Black", "roboto BoldItalic", "serif Semibold")
PLAIN = (
    "roboto Regular", "roboto Medium", "roboto Light", "serif Regular", "serif Semibold", "roboto Italic", BUILT_IN,
)  # fmt: skip


@lru_cache(maxsize=256)
def load_face(face: str, pixels: int) -> ImageFont.FreeTypeFont:
    """A face ("roboto Bold", `BUILT_IN`) at a size in pixels, laid out without Raqm: every machine spaces it alike.

    Raises:
        InputError: the package with that family is not installed.
    """
    if face == BUILT_IN:
        font = ImageFont.load_default(pixels)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise InputError("this Pillow was built without FreeType; install a wheel of Pillow from PyPI")
        return font
    family, style = face.split(" ")
    package, pattern = _PACKAGES[family]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise InputError(
            f"the font package {package.replace('_', '-')} is not installed; drawing pictures needs it: "
            "pip install 'entx-hybrid[dev]'"
        )
    file = Path(spec.origin).parent / "files" / pattern.format(style)
    return ImageFont.truetype(file, pixels, layout_engine=ImageFont.Layout.BASIC)


class Role(StrEnum):
    """What a printed text is to the questions."""

    ANSWER = "answer"  # it states the value of one or more entities
    DECOY = "decoy"  # a number that answers nothing that is asked
    WORDS = "words"  # brand, title, slogan, unit note


@dataclass(frozen=True, slots=True)
class PrintedText:
    """One line of text in the picture."""

    text: str  # as printed
    polygon: Polygon  # around its ink, in pixels of the picture; the same order as an OCR line's
    rotation: float  # degrees counter-clockwise, in [0, 360)
    role: Role  # what it is to the questions
    entities: tuple[str, ...] = ()  # those whose value it states; empty unless role is ANSWER
    line: int = -1  # position in `Scene.lines` of the dimension line it belongs to, -1 for none


@dataclass(frozen=True, slots=True)
class DimensionLine:
    """One dimension line: its two ends in pixels, and the direction it was drawn in."""

    start: Point
    end: Point
    direction: Direction


@dataclass(frozen=True, slots=True)
class Truth:
    """What the picture says about one entity."""

    value: Quantity | None = None  # as printed; None where the picture does not state it
    # equally right answers (the same size in the second printed unit, the lower end of a range)
    also: tuple[Quantity, ...] = ()
    tempting: bool = True  # the picture invites the question, so an empty value is worth asking for


@dataclass(frozen=True, slots=True)
class Scene:
    """One drawn picture."""

    kind: str  # name of the scene function
    image: Image.Image  # RGB
    truth: Mapping[str, Truth]  # of every entity of the challenge
    texts: tuple[PrintedText, ...] = ()  # every printed text, once
    lines: tuple[DimensionLine, ...] = ()  # every dimension line


Colour = tuple[int, int, int]
BLACK: Colour = (22, 22, 24)
WHITE: Colour = (255, 255, 255)

_OVERSIZE = 2
_CLEARANCE = 3.0  # units kept free around a text
_SMALLEST = 15.0  # pixels: smaller print is drawn nowhere, so that a person can read every text

# brightness across an upright cylinder lit from the left, and across a flat face: (place 0 to 1, factor)
ROUND = ((0.0, 0.62), (0.22, 1.12), (0.45, 1.02), (0.85, 0.72), (1.0, 0.6))
FLAT = ((0.0, 1.05), (1.0, 0.93))

NOTHING: Mapping[str, Statement] = MappingProxyType({})


class LayoutError(Exception):
    """Chance laid texts over each other or out of the picture; the caller draws the scene anew."""


class Canvas:
    """One picture in the making, on an RGB background of its final size in pixels."""

    def __init__(self, background: Image.Image) -> None:
        self._size = background.size
        self.scale = min(background.size) / 1000
        self.width, self.height = (side / self.scale for side in background.size)
        self._factor = self.scale * _OVERSIZE
        big = tuple(side * _OVERSIZE for side in background.size)
        self._image = background.resize((big[0], big[1]), Image.Resampling.BILINEAR)
        self._draw = ImageDraw.Draw(self._image)
        self._texts: list[PrintedText] = []
        self._stated: dict[str, Truth] = {}
        self._lines: list[DimensionLine] = []

    @property
    def small(self) -> float:
        """The smallest text size in units that is still readable in this picture."""
        return max(19.0, _SMALLEST / self.scale)

    # shapes

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon(self._up(points), fill=fill)

    def ellipse(
        self, centre: Point, rx: float, ry: float, fill: Colour | None, outline: Colour | None = None, width: float = 3
    ) -> None:
        """An axis-aligned ellipse."""
        box = self._up([(centre[0] - rx, centre[1] - ry), (centre[0] + rx, centre[1] + ry)])
        self._draw.ellipse(box, fill=fill, outline=outline, width=self._stroke(width))

    def rounded(
        self, box: Box, radius: float, fill: Colour | None, outline: Colour | None = None, width: float = 3
    ) -> None:
        """A rectangle x0, y0, x1, y1 with rounded corners."""
        corners, stroke = self._up([box[:2], box[2:]]), self._stroke(width)
        self._draw.rounded_rectangle(corners, radius * self._factor, fill=fill, outline=outline, width=stroke)

    def line(self, points: Sequence[Point], fill: Colour, width: float = 3) -> None:
        """A line through points."""
        self._draw.line(self._up(points), fill=fill, width=self._stroke(width), joint="curve")

    def shade(
        self, points: Sequence[Point], colour: Colour, stops: Sequence[Point] = ROUND, *, downwards: bool = False
    ) -> None:
        """A polygon whose brightness changes across (or down) its bounding box."""
        big = self._up(points)
        x0, y0 = math.floor(min(x for x, _ in big)), math.floor(min(y for _, y in big))
        width, height = math.ceil(max(x for x, _ in big)) - x0 + 1, math.ceil(max(y for _, y in big)) - y0 + 1
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).polygon([(x - x0, y - y0) for x, y in big], fill=255)
        length = height if downwards else width
        places, brightness = zip(*stops, strict=True)
        factors = np.interp(np.linspace(0, 1, length), places, brightness)
        strip = np.clip(factors[:, None] * np.array(colour)[None, :], 0, 255).astype(np.uint8)
        strip = strip[:, None, :] if downwards else strip[None, :, :]
        self._image.paste(Image.fromarray(strip).resize((width, height)), (x0, y0), mask)

    def face(self, box: Box, colour: Colour, stops: Sequence[Point] = FLAT, *, downwards: bool = False) -> None:
        """A shaded rectangle x0, y0, x1, y1."""
        self.shade(corners_of_box(box), colour, stops, downwards=downwards)

    def shadow(self, centre: Point, rx: float, ry: float, depth: float = 0.35) -> None:
        """A soft shadow on the ground."""
        margin = ry * 2
        half = (rx + margin, ry + margin)
        (x0, y0), (x1, y1) = self._up([(centre[0] + way * half[0], centre[1] + way * half[1]) for way in (-1, 1)])
        # blurred at a sixteenth of the area: the blur is wide and nobody sees the difference
        small = (max(8, int(x1 - x0) // 4), max(8, int(y1 - y0) // 4))
        pad = int(margin * self._factor / 4)
        mask = Image.new("L", small)
        ImageDraw.Draw(mask).ellipse((pad, pad, small[0] - pad, small[1] - pad), fill=int(255 * depth))
        mask = mask.filter(ImageFilter.GaussianBlur(max(1.0, pad / 2)))
        mask = mask.resize((int(x1 - x0), int(y1 - y0)), Image.Resampling.BILINEAR)
        self._image.paste((30, 30, 34), (int(x0), int(y0)), mask)

    # text

    def measure(self, text: str, face: str, size: float) -> tuple[float, float]:
        """Width and height of a text's ink in units."""
        x0, y0, x1, y1 = load_face(face, self._pixels(size)).getbbox(text)
        return (x1 - x0) / self._factor, (y1 - y0) / self._factor

    def fit(self, text: str, face: str, size: float, room: float) -> float:
        """The size, at most `size`, at which a text is no wider than `room` units.

        Raises:
            LayoutError: it would be too small to read.
        """
        width = self.measure(text, face, size)[0]
        size = size if width <= room else size * room / width * 0.99
        if size < self.small - 0.01:
            raise LayoutError(f"no room for {text!r}")
        return size

    def text(
        self, at: Point, text: str, face: str, size: float, fill: Colour = BLACK, *, room: float | None = None,
        anchor: str = "mm", rotation: float = 0.0, states: Mapping[str, Statement] = NOTHING, decoy: bool = False,
        line: int = -1, halo: Colour | None = None, halo_share: float = 0.08,
    ) -> PrintedText:  # fmt: skip
        """Prints one line of text and remembers it.

        Args:
            at: where the anchor comes to stand, in units.
            room: units that the text may be wide; a longer one is set smaller.
            anchor: Pillow's two letters (horizontal l, m, r; vertical a, m, s).
            rotation: degrees counter-clockwise around `at`.
            states: the entities whose value it states, and how.
            decoy: a number that states none.
            halo: colour of an outline around the letters, `halo_share` of the size wide.

        Raises:
            LayoutError: it leaves the picture, comes too near to an earlier text, or has no room.
        """
        if room is not None:
            size = self.fit(text, face, size, room)
        font = load_face(face, self._pixels(max(size, self.small)))
        stroke = round(size * halo_share * self._factor) if halo else 0
        x0, y0, x1, y1 = font.getbbox(text, anchor=anchor)
        corners = rotated(corners_of_box((x0, y0, x1, y1)), rotation)
        origin = (at[0] * self._factor, at[1] * self._factor)
        big = [(origin[0] + x, origin[1] + y) for x, y in corners]
        points = [(x / _OVERSIZE, y / _OVERSIZE) for x, y in big]
        self._check_place(text, points)
        mask = Image.new("L", (round(x1 - x0) + 2 * stroke + 4, round(y1 - y0) + 2 * stroke + 4))
        pen = ImageDraw.Draw(mask)
        pad = stroke + 2
        centre = (sum(x for x, _ in big) / 4, sum(y for _, y in big) / 4)
        if halo:
            pen.text((pad - x0, pad - y0), text, font=font, anchor=anchor, fill=255, stroke_width=stroke)
            self._stamp(mask, rotation, centre, halo)
            mask.paste(0, (0, 0, *mask.size))
        pen.text((pad - x0, pad - y0), text, font=font, anchor=anchor, fill=255)
        self._stamp(mask, rotation, centre, fill)
        role = Role.ANSWER if states else Role.DECOY if decoy else Role.WORDS
        printed = PrintedText(text, polygon_of(points), rotation % 360, role, tuple(states), line)
        self._texts.append(printed)
        self._stated |= {entity: Truth(statement.value, statement.also) for entity, statement in states.items()}
        return printed

    def _stamp(self, mask: Image.Image, rotation: float, centre: Point, fill: Colour) -> None:
        if rotation:
            mask = mask.rotate(rotation, Image.Resampling.BICUBIC, expand=True)
        place = (round(centre[0] - mask.width / 2), round(centre[1] - mask.height / 2))
        self._image.paste(fill, place, mask)

    def _check_place(self, text: str, points: Sequence[Point]) -> None:
        margin = _CLEARANCE * self.scale
        width, height = self._size
        if not all(margin <= x <= width - margin and margin <= y <= height - margin for x, y in points):
            raise LayoutError(f"{text!r} leaves the picture")
        for other in self._texts:
            if overlap(points, corners_of(other.polygon), margin):
                raise LayoutError(f"{text!r} over {other.text!r}")

    # dimension lines

    def remember_line(self, start: Point, end: Point, direction: Direction) -> int:
        """Notes a dimension line given in units; returns its position among the lines."""
        a, b = ((x * self.scale, y * self.scale) for x, y in (start, end))
        self._lines.append(DimensionLine(a, b, direction))
        return len(self._lines) - 1

    def finish(self, kind: str, tempting: Collection[str] = ()) -> Scene:
        """The scene of that name, scaled down to its final size; its truth is what its texts state.

        `tempting` are entities that the picture invites to ask for, whether or not they are stated.

        Raises:
            LayoutError: a dimension line runs through a text that is not its own.
        """
        for i, line in enumerate(self._lines):
            for text in self._texts:
                if text.line != i and overlap([line.start, line.end], corners_of(text.polygon), 0):
                    raise LayoutError(f"a line through {text.text!r}")
        image = self._image.resize(self._size, Image.Resampling.BOX)
        truth = {entity: self._stated.get(entity, Truth(tempting=entity in tempting)) for entity in CHALLENGE.entities}
        return Scene(kind, image, truth, tuple(self._texts), tuple(self._lines))

    def _up(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._factor, y * self._factor) for x, y in points]

    def _stroke(self, width: float) -> int:
        return max(_OVERSIZE, round(width * self._factor))

    def _pixels(self, size: float) -> int:
        return max(1, round(size * self._factor))
