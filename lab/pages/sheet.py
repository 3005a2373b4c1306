"""A sheet: texts and drawn lines placed in a picture that does not exist, and the OCR page of it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from entx.core.boxes import reading_order
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, PageGeometry, PageStatus, Polygon, Stroke
from lab.pages import measured
from lab.pages.measured import draw

_MARGIN = 2.0
_DIRECTIONS = (Direction.VERTICAL, Direction.HORIZONTAL, Direction.OBLIQUE)


@dataclass(slots=True)
class Piece:
    """One line of text on a sheet.

    Args:
        x, y: its centre in pixels.
        wide, thick: along and across the text in pixels.
        rotation: as in `OcrLine`.
        strokes: its own dimension line, none or one of a direction.
        length: it says a length, so that stray strokes are rarer.
        score: None draws one when the page is made.
        mark: an arrow that was read as this letter.
    """

    text: str
    x: float
    y: float
    wide: float
    thick: float
    rotation: float = 0.0
    strokes: tuple[Stroke, ...] = ()
    length: bool = False
    score: float | None = None
    scale: float = 1.0
    mark: bool = False


@dataclass(slots=True)
class Sheet:
    """A picture's plan.

    Args:
        large: a large, wordy picture, else a small and simple one.
        product: box of the product in pixels, whether or not the geometry will know it.
        studio: on a plain background.
        base: usual height of a text in pixels.
        char: width of a character over the height of its text.
    """

    rng: random.Random
    large: bool
    width: int
    height: int
    product: tuple[float, float, float, float]
    studio: bool
    white: float
    parts: int
    roundness: float | None
    base: float
    char: float
    pieces: list[Piece] = field(default_factory=list)

    @property
    def side(self) -> int:
        """The longer side."""
        return max(self.width, self.height)

    def put(
        self, text: str, x: float, y: float, thick: float, rotation: float = 0.0, *, anchor: float = 0.5,
        widest: float | None = None, length: bool = False,
    ) -> Piece:  # fmt: skip
        """Writes a text and moves it into the picture.

        Args:
            x: of its middle, or with anchor 0 of its left end and with 1 of its right end.
            widest: the space there is; a longer text is set smaller.
        """
        turned = abs(math.sin(math.radians(rotation)))
        room = self.height * turned + self.width * (1 - turned) - 2 * _MARGIN
        wide = self._length_of(text, thick)
        limit = min(room, widest) if widest is not None else room
        if wide > limit:
            thick, wide = thick * limit / wide, limit
        piece = Piece(text, x + (0.5 - anchor) * wide, y, wide, max(thick, 4.0), rotation, length=length)
        self.settle(piece)
        self.pieces.append(piece)
        return piece

    def settle(self, piece: Piece) -> None:
        """Moves a piece into the picture."""
        half_x, half_y = extent(piece)
        piece.x = min(max(piece.x, half_x + _MARGIN), max(self.width - half_x - _MARGIN, half_x))
        piece.y = min(max(piece.y, half_y + _MARGIN), max(self.height - half_y - _MARGIN, half_y))

    def _length_of(self, text: str, thick: float) -> float:
        """Narrow signs count less; the last factor is the spread of typefaces within a page."""
        narrow = sum(text.count(sign) for sign in "1il.,:'|/ I")
        return max(0.6, len(text) - 0.4 * narrow) * thick * self.char * self.rng.uniform(1.02, 1.25)

    def page(self, picture: str) -> OcrPage:
        """The OCR page: lines in reading order with the geometry of those that hold a digit."""
        rng = self.rng
        made: dict[int, Piece] = {}
        lines = []
        for piece in self.pieces:
            score = piece.score if piece.score is not None else draw(rng, measured.SCORE)
            line = OcrLine(piece.text, round(score, 4), polygon_of(piece), piece.rotation, piece.scale)
            made[id(line)] = piece
            lines.append(line)
        ordered = reading_order(lines)
        around = []
        marks = []
        for position, line in enumerate(ordered):
            piece = made[id(line)]
            if any(char.isdigit() for char in piece.text):
                around.append(self._geometry(position, piece))
            if piece.mark:
                marks.append(position)
        geometry = PageGeometry(
            self.product if self.studio else None, round(self.white, 4), self.parts, tuple(around), tuple(marks),
            self.roundness,
        )  # fmt: skip
        return OcrPage(picture, PageStatus.OK, "", self.width, self.height, tuple(ordered), 0.0, geometry)

    def _geometry(self, position: int, piece: Piece) -> LineGeometry:
        found: dict[Direction, Stroke] = {stroke.direction: stroke for stroke in piece.strokes}
        shares = measured.STRAY_AT_LENGTH if piece.strokes else measured.STRAY_AT_OTHER
        for direction in _DIRECTIONS:
            if self.rng.random() < shares[direction.value]:
                stray = self._stray(piece, direction)
                if direction not in found or stray.score > found[direction].score:
                    found[direction] = stray
        across = down = None
        if self.studio:
            x0, y0, x1, y1 = self.product
            across = round((piece.x - x0) / max(x1 - x0, 1.0), 4)
            down = round((piece.y - y0) / max(y1 - y0, 1.0), 4)
        return LineGeometry(
            position, found.get(Direction.VERTICAL), found.get(Direction.HORIZONTAL), found.get(Direction.OBLIQUE),
            across, down,
        )  # fmt: skip

    def _stray(self, piece: Piece, direction: Direction) -> Stroke:
        rng = self.rng
        gap = draw(rng, measured.STRAY_GAP) * piece.thick
        half_x, half_y = extent(piece)
        side = rng.choice((-1, 1))
        length = max(12.0, draw(rng, measured.STRAY_LENGTH) * self.side)
        score = round(draw(rng, measured.STRAY_SCORE), 4)
        ticks = rng.choices((0, 1, 2), measured.STRAY_TICKS)[0]
        x, y, shift = piece.x, piece.y, rng.uniform(-0.4, 0.4)
        if direction is Direction.VERTICAL:
            length = min(length, self.height - 4.0)
            x = min(max(x + side * (half_x + gap), 0.0), self.width - 1.0)
            top = min(max(y - (0.5 + shift) * length, 1.0), self.height - length - 1)
            return Stroke(direction, (x, top), (x, top + length), length, gap, score, False, ticks)
        if direction is Direction.HORIZONTAL:
            length = min(length, self.width - 4.0)
            y = min(max(y + side * (half_y + gap), 0.0), self.height - 1.0)
            left = min(max(x - (0.5 + shift) * length, 1.0), self.width - length - 1)
            return Stroke(direction, (left, y), (left + length, y), length, gap, score, False, ticks)
        length *= 0.6
        return self.oblique(x, y + side * (half_y + gap), length, rng.uniform(15, 75) * side, gap, score, ticks)

    def oblique(
        self, x: float, y: float, length: float, degrees: float, gap: float, score: float, ticks: int,
        broken: bool = False,
    ) -> Stroke:  # fmt: skip
        """An oblique stroke through a point, rising to the right by the angle; cut to the picture."""
        dx, dy = math.cos(math.radians(degrees)) * length / 2, -math.sin(math.radians(degrees)) * length / 2

        def inside(px: float, py: float) -> tuple[float, float]:
            return min(max(px, 0.0), self.width - 1.0), min(max(py, 0.0), self.height - 1.0)

        one, other = inside(x - dx, y - dy), inside(x + dx, y + dy)
        start, end = (one, other) if one[1] <= other[1] else (other, one)
        return Stroke(Direction.OBLIQUE, start, end, max(length, 12.0), gap, score, broken, ticks)


def extent(piece: Piece) -> tuple[float, float]:
    """Half the width and height of the piece's upright box."""
    along, across = abs(math.cos(math.radians(piece.rotation))), abs(math.sin(math.radians(piece.rotation)))
    return (piece.wide * along + piece.thick * across) / 2, (piece.wide * across + piece.thick * along) / 2


def polygon_of(piece: Piece) -> Polygon:
    """Its corners in whole pixels, clockwise from the text's own top left."""
    angle = math.radians(piece.rotation)
    ux, uy = math.cos(angle) * piece.wide / 2, -math.sin(angle) * piece.wide / 2
    vx, vy = math.sin(angle) * piece.thick / 2, math.cos(angle) * piece.thick / 2
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    flat: list[float] = []
    for along, across in corners:
        flat.append(float(max(0, round(piece.x + along * ux + across * vx))))
        flat.append(float(max(0, round(piece.y + along * uy + across * vy))))
    return tuple(flat)  # type: ignore[return-value]


def blank(rng: random.Random, *, studio: float, large: bool | None = None) -> Sheet:
    """An empty sheet.

    Args:
        studio: probability of a plain background.
        large: None draws it.
    """
    big = rng.random() < 0.6 if large is None else large
    side = measured.pick(rng, measured.LARGE_SIDES if big else measured.SMALL_SIDES)
    width = height = side
    shape = rng.random()
    if shape < 0.09:
        height = round(side * rng.uniform(0.5, 0.97))
    elif shape < 0.18:
        width = round(side * rng.uniform(0.45, 0.97))
    plain = rng.random() < studio
    base = draw(rng, measured.LARGE_THICK if big else measured.SMALL_THICK) * side
    middle_x, middle_y = width * rng.gauss(0.5, 0.04), height * rng.gauss(0.5, 0.04)
    size = draw(rng, measured.PRODUCT_SIDE)
    half_x, half_y = width * size / 2, height * size / 2 * rng.uniform(0.6, 1.0)
    product = _box(middle_x, middle_y, half_x, half_y, width, height)
    white = draw(rng, measured.WHITE_STUDIO if plain else measured.WHITE_ROOM)
    parts = rng.choices((1, 2, 3, 4), (0.80, 0.12, 0.05, 0.03))[0] if plain else 0
    roundness = draw(rng, measured.ANY_ROUND) if plain else None
    char = draw(rng, measured.CHAR_WIDTH) * 1.08
    return Sheet(rng, big, width, height, product, plain, white, parts, roundness, base, char)


def shape_product(sheet: Sheet, wide: float, tall: float, room: float = 0.78) -> None:
    """Gives the product's box the proportions of a body, with room around it for dimension lines."""
    size = min(draw(sheet.rng, measured.PRODUCT_SIDE), room) * sheet.side
    size = max(size, 0.2 * sheet.side)
    scale = size / max(wide, tall)
    half_x, half_y = max(wide * scale, 0.04 * size) / 2, max(tall * scale, 0.04 * size) / 2
    half_x, half_y = min(half_x, 0.47 * sheet.width), min(half_y, 0.47 * sheet.height)
    x0, y0, x1, y1 = sheet.product
    sheet.product = _box((x0 + x1) / 2, (y0 + y1) / 2, half_x, half_y, sheet.width, sheet.height)


def _box(
    x: float, y: float, half_x: float, half_y: float, width: int, height: int
) -> tuple[float, float, float, float]:
    return (
        float(round(max(0.0, x - half_x))), float(round(max(0.0, y - half_y))),
        float(round(min(float(width), x + half_x))), float(round(min(float(height), y + half_y))),
    )  # fmt: skip
