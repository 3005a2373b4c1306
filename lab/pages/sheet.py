"""A sheet: texts and drawn lines placed in a picture that does not exist, and the OCR page of it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from entx.core.boxes import Frame, reading_order
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, PageGeometry, PageStatus, Polygon, Stroke
from lab.pages import distributions
from lab.pages.distributions import draw
from lab.polygons import Box, Point

_MARGIN = 2.0  # pixels kept free at the picture's edge


@dataclass(slots=True)
class Piece:
    """One line of text on a sheet."""

    text: str
    x: float  # x, y: its centre in pixels
    y: float
    wide: float  # wide, thick: along and across the text in pixels
    thick: float
    rotation: float = 0.0  # as in `OcrLine`
    strokes: tuple[Stroke, ...] = ()  # its own dimension line, none or one of a direction
    score: float | None = None  # None draws one when the page is made
    scale: float = 1.0
    mark: bool = False  # an arrow that was read as this letter

    @property
    def extent(self) -> Point:
        """Half the width and height of its upright box."""
        along, across = abs(math.cos(math.radians(self.rotation))), abs(math.sin(math.radians(self.rotation)))
        return (self.wide * along + self.thick * across) / 2, (self.wide * across + self.thick * along) / 2

    @property
    def polygon(self) -> Polygon:
        """Its corners in whole pixels, clockwise from the text's own top left."""
        angle = math.radians(self.rotation)
        frame = Frame(self.x, self.y, math.cos(angle), -math.sin(angle), self.wide, self.thick)
        corners = frame.polygon(-self.wide / 2, -self.thick / 2, self.wide / 2, self.thick / 2)
        return tuple(float(max(0, round(value))) for value in corners)  # type: ignore[return-value]


@dataclass(slots=True)
class Sheet:
    """A picture's layout."""

    rng: random.Random
    large: bool  # a large, wordy picture, else a small and simple one
    width: int
    height: int
    product: Box  # box of the product in pixels, whether or not the geometry will know it
    studio: bool  # on a plain background
    white: float
    parts: int
    roundness: float | None
    base: float  # usual height of a text in pixels
    char: float  # width of a character over the height of its text
    pieces: list[Piece] = field(default_factory=list)

    def across(self, low: float, high: float) -> float:
        """A place by chance between two shares of the width, in pixels."""
        return self.rng.uniform(low, high) * self.width

    def down(self, low: float, high: float) -> float:
        """A place by chance between two shares of the height, in pixels."""
        return self.rng.uniform(low, high) * self.height

    def thick(self, low: float, high: float) -> float:
        """A height of a text by chance between two shares of the usual one, in pixels."""
        return self.base * self.rng.uniform(low, high)

    def put(
        self, text: str, x: float, y: float, thick: float, rotation: float = 0.0, *, anchor: float = 0.5,
        widest: float | None = None,
    ) -> Piece:  # fmt: skip
        """Writes a text and moves it into the picture.

        Args:
            x: of its middle, or with anchor 0 of its left end and with 1 of its right end.
            widest: the space there is; a longer text is set smaller.
        """
        turned = abs(math.sin(math.radians(rotation)))
        room = self.height * turned + self.width * (1 - turned) - 2 * _MARGIN
        narrow = sum(text.count(sign) for sign in "1il.,:'|/ I")  # narrow signs count less
        wide = max(0.6, len(text) - 0.4 * narrow) * thick * self.char
        wide *= self.rng.uniform(1.02, 1.25)  # the spread of typefaces within a page
        limit = min(room, widest) if widest is not None else room
        if wide > limit:
            thick, wide = thick * limit / wide, limit
        piece = Piece(text, x + (0.5 - anchor) * wide, y, wide, max(thick, 4.0), rotation)
        self.settle(piece)
        self.pieces.append(piece)
        return piece

    def settle(self, piece: Piece) -> None:
        """Moves a piece into the picture."""
        half_x, half_y = piece.extent
        piece.x = min(max(piece.x, half_x + _MARGIN), max(self.width - half_x - _MARGIN, half_x))
        piece.y = min(max(piece.y, half_y + _MARGIN), max(self.height - half_y - _MARGIN, half_y))

    def page(self, picture: str) -> OcrPage:
        """The OCR page: lines in reading order with the geometry of those that hold a digit."""
        made: dict[int, Piece] = {}
        lines = []
        for piece in self.pieces:
            score = piece.score if piece.score is not None else draw(self.rng, distributions.SCORE)
            line = OcrLine(piece.text, round(score, 4), piece.polygon, piece.rotation, piece.scale)
            made[id(line)] = piece
            lines.append(line)
        ordered = reading_order(lines)
        pieces = [made[id(line)] for line in ordered]
        numbers = [position for position, piece in enumerate(pieces) if any(map(str.isdigit, piece.text))]
        around = tuple(self._geometry(position, pieces[position]) for position in numbers)
        marks = tuple(position for position, piece in enumerate(pieces) if piece.mark)
        product = self.product if self.studio else None
        geometry = PageGeometry(product, round(self.white, 4), self.parts, around, marks, self.roundness)
        return OcrPage(picture, PageStatus.OK, "", self.width, self.height, tuple(ordered), 0.0, geometry)

    def _geometry(self, position: int, piece: Piece) -> LineGeometry:
        found: dict[Direction, Stroke] = {stroke.direction: stroke for stroke in piece.strokes}
        shares = distributions.STRAY_AT_LENGTH if piece.strokes else distributions.STRAY_AT_OTHER
        for direction in (Direction.VERTICAL, Direction.HORIZONTAL, Direction.OBLIQUE):
            if self.rng.random() < shares[direction.value]:
                stray = self._stray(piece, direction)
                if direction not in found or stray.score > found[direction].score:
                    found[direction] = stray
        across = down = None
        if self.studio:
            x0, y0, x1, y1 = self.product
            across = round((piece.x - x0) / max(x1 - x0, 1.0), 4)
            down = round((piece.y - y0) / max(y1 - y0, 1.0), 4)
        strokes = {direction.value: stroke for direction, stroke in found.items()}
        return LineGeometry(position, **strokes, across=across, down=down)

    def _stray(self, piece: Piece, direction: Direction) -> Stroke:
        """A stroke that is no dimension line: a product's edge, a frame, another text's line."""
        rng = self.rng
        gap = draw(rng, distributions.STRAY_GAP) * piece.thick
        half_x, half_y = piece.extent
        side = rng.choice((-1, 1))
        length = max(12.0, draw(rng, distributions.STRAY_LENGTH) * max(self.width, self.height))
        score = round(draw(rng, distributions.STRAY_SCORE), 4)
        ticks = rng.choices((0, 1, 2), distributions.STRAY_TICKS)[0]
        shift = rng.uniform(-0.4, 0.4)
        if direction is Direction.VERTICAL:
            length = min(length, self.height - 4.0)
            x = min(max(piece.x + side * (half_x + gap), 0.0), self.width - 1.0)
            top = min(max(piece.y - (0.5 + shift) * length, 1.0), self.height - length - 1)
            return Stroke(direction, (x, top), (x, top + length), length, gap, score, False, ticks)
        y = piece.y + side * (half_y + gap)
        if direction is Direction.HORIZONTAL:
            length = min(length, self.width - 4.0)
            y = min(max(y, 0.0), self.height - 1.0)
            left = min(max(piece.x - (0.5 + shift) * length, 1.0), self.width - length - 1)
            return Stroke(direction, (left, y), (left + length, y), length, gap, score, False, ticks)
        return self.oblique(piece.x, y, length * 0.6, rng.uniform(15, 75) * side, gap, score, ticks)

    def oblique(
        self, x: float, y: float, length: float, degrees: float, gap: float, score: float, ticks: int,
        broken: bool = False,
    ) -> Stroke:  # fmt: skip
        """An oblique stroke through a point, rising to the right by the angle; cut to the picture."""
        dx, dy = math.cos(math.radians(degrees)) * length / 2, -math.sin(math.radians(degrees)) * length / 2

        def inside(px: float, py: float) -> Point:
            return min(max(px, 0.0), self.width - 1.0), min(max(py, 0.0), self.height - 1.0)

        start, end = sorted((inside(x - dx, y - dy), inside(x + dx, y + dy)), key=lambda point: point[1])
        return Stroke(Direction.OBLIQUE, start, end, max(length, 12.0), gap, score, broken, ticks)


def blank(rng: random.Random, *, studio: float) -> Sheet:
    """An empty sheet; `studio` is the probability of a plain background."""
    large = rng.random() < 0.6
    side = distributions.pick(rng, distributions.LARGE_SIDES if large else distributions.SMALL_SIDES)
    width = height = side
    shape = rng.random()
    if shape < 0.09:
        height = round(side * rng.uniform(0.5, 0.97))
    elif shape < 0.18:
        width = round(side * rng.uniform(0.45, 0.97))
    plain = rng.random() < studio
    base = draw(rng, distributions.LARGE_THICK if large else distributions.SMALL_THICK) * side
    middle = width * rng.gauss(0.5, 0.04), height * rng.gauss(0.5, 0.04)
    size = draw(rng, distributions.PRODUCT_SIDE)
    half = width * size / 2, height * size / 2 * rng.uniform(0.6, 1.0)
    white = draw(rng, distributions.WHITE_STUDIO if plain else distributions.WHITE_ROOM)
    parts = rng.choices((1, 2, 3, 4), (0.80, 0.12, 0.05, 0.03))[0] if plain else 0
    roundness = draw(rng, distributions.ANY_ROUND) if plain else None
    char = draw(rng, distributions.CHAR_WIDTH) * 1.08
    product = _cut(middle, half, width, height)
    return Sheet(rng, large, width, height, product, plain, white, parts, roundness, base, char)


def shape_product(sheet: Sheet, wide: float, tall: float, room: float) -> None:
    """Gives the product's box the proportions of a body, with room around it for dimension lines."""
    side = max(sheet.width, sheet.height)
    size = max(min(draw(sheet.rng, distributions.PRODUCT_SIDE), room), 0.2) * side
    scale = size / max(wide, tall)
    half_x, half_y = max(wide * scale, 0.04 * size) / 2, max(tall * scale, 0.04 * size) / 2
    x0, y0, x1, y1 = sheet.product
    half = min(half_x, 0.47 * sheet.width), min(half_y, 0.47 * sheet.height)
    sheet.product = _cut(((x0 + x1) / 2, (y0 + y1) / 2), half, sheet.width, sheet.height)


def _cut(middle: Point, half: Point, width: int, height: int) -> Box:
    """The box in whole pixels, as far as it lies in the picture."""
    (x, y), (half_x, half_y) = middle, half
    left, top = max(0.0, x - half_x), max(0.0, y - half_y)
    right, bottom = min(float(width), x + half_x), min(float(height), y + half_y)
    return float(round(left)), float(round(top)), float(round(right)), float(round(bottom))
