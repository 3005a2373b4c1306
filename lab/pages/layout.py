"""What a family of pages hands back: the sheet and what it states; and products and texts that any sheet may carry."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from entx.core.types import Quantity
from lab import words
from lab.pages import distributions
from lab.pages.sheet import Piece, Sheet, shape_product
from lab.surface_forms import SIZES, Statement, Wording, form, plain, rounded, volume_wording, weight_wording

ENTITIES = (
    "height", "width", "depth", "item_weight", "maximum_weight_recommendation", "item_volume", "voltage", "wattage",
)  # fmt: skip
ASKED = {
    "drawing": (1.0, 1.0, 1.0, 0.06, 0.02, 0.05, 0.02, 0.02),
    "list": (1.0, 1.0, 0.9, 0.15, 0.05, 0.06, 0.02, 0.02),
    "weighed": (0.10, 0.08, 0.08, 1.0, 0.06, 0.18, 0.02, 0.02),
    "poured": (0.08, 0.06, 0.08, 0.40, 0.04, 1.0, 0.02, 0.02),
    "supplement": (0.05, 0.02, 0.02, 1.0, 0.02, 0.15, 0.02, 0.02),
    "plate": (0.08, 0.06, 0.06, 0.10, 0.04, 0.05, 1.0, 1.0),
    "load": (0.12, 0.10, 0.08, 0.35, 1.0, 0.02, 0.02, 0.02),
    "data": (0.6, 0.5, 0.5, 0.8, 0.3, 0.3, 0.6, 0.6),
    "capacity": (0.25, 0.2, 0.25, 0.15, 0.02, 1.0, 0.02, 0.02),
    "advertising": (0.5, 0.5, 0.5, 0.6, 0.2, 0.3, 0.3, 0.3),
}
"""How likely a picture of a kind is asked for each of `ENTITIES`, stated or not."""


@dataclass(slots=True)
class Layout:
    """A finished sheet."""

    sheet: Sheet
    kind: str  # a key of `ASKED`
    # the entities that the sheet states; every other one is not stated
    truth: dict[str, Quantity] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)  # entities that must not be asked: careful people would disagree

    @property
    def rng(self) -> random.Random:
        """The sheet's source of chance."""
        return self.sheet.rng

    def state(self, entity: str, wording: Wording, size: Decimal | float) -> Statement:
        """A statement of the size, noted as the entity's truth."""
        statement = wording.state(size)
        self.truth[entity] = statement.value
        return statement

    def number(self, entity: str, unit: str, value: Decimal | str | int, printed: str = "") -> str:
        """The value, or what is printed for it, with its unit; noted as the entity's truth."""
        self.truth[entity] = Quantity(plain(value), unit)
        return f"{printed or value}{form(self.rng, unit)}"

    def weight(self, least: float, most: float) -> str:
        """A weight in one line; the bounds are powers of ten grams."""
        grams = 10 ** self.rng.uniform(least, most)
        return self.state("item_weight", weight_wording(self.rng, grams), grams).text

    def volume(self, below: float = 0.08) -> Statement:
        """A content or a capacity; `below` as in `wording`."""
        content = round_content(self.rng)
        return self.state("item_volume", volume_wording(self.rng, content, below=below), content)

    def volume_alone(self, below: float) -> tuple[str, ...]:
        """The lines of a content that no word explains: a bare "16 OZ" is asked for as a weight as well."""
        lines = self.volume(below).lines
        if self.truth["item_volume"].unit == "fluid ounce" and "fl" not in lines[0].lower():
            self.unsettled.add("item_weight")
        return lines


@dataclass(slots=True)
class Body:
    """A product."""

    # "box" (a front, a side and a top), "round" (turned on its upright axis), "flat" (drawn from above), "thin" (long)
    kind: str
    wide: float  # wide, tall, deep: in centimetres, as it is drawn
    tall: float
    deep: float
    name: str  # what its maker calls it


def body(rng: random.Random) -> Body:
    """A product of any kind."""
    kind = rng.choices(("box", "round", "flat", "thin"), (0.46, 0.26, 0.19, 0.09))[0]
    if kind == "box":
        largest = 10 ** rng.uniform(0.7, 2.35)
        shape = sorted((1.0, rng.uniform(0.35, 1.0), rng.uniform(0.12, 0.8)), reverse=True)
        deep = shape.pop(rng.choices((0, 1, 2), (0.06, 0.34, 0.60))[0])
        wide, tall = shape if rng.random() < 0.55 else reversed(shape)
        return Body(kind, largest * wide, largest * tall, largest * deep, rng.choice(words.BOX_PRODUCTS))
    if kind == "round":
        tall = 10 ** rng.uniform(0.4, 1.8)
        wide = tall * rng.choice((rng.uniform(0.25, 0.7), rng.uniform(0.6, 1.3), rng.uniform(1.0, 2.6)))
        return Body(kind, wide, tall, wide, rng.choice(words.ROUND_PRODUCTS))
    if kind == "flat":
        wide = 10 ** rng.uniform(0.2, 2.4)
        tall = wide * rng.choice((1.0, rng.uniform(0.4, 1.0), rng.uniform(1.0, 2.4)))
        return Body(kind, wide, tall, 10 ** rng.uniform(-1.0, 0.5), rng.choice(words.FLAT_PRODUCTS))
    largest = 10 ** rng.uniform(0.8, 2.3)
    thin = largest * rng.uniform(0.03, 0.2)
    wide, tall = (thin, largest) if rng.random() < 0.5 else (largest, thin)
    return Body(kind, wide, tall, thin, rng.choice(words.THIN_PRODUCTS))


def stepped(rng: random.Random, centimetres: float) -> float:
    """A size that its seller measured: to a whole or a half of a unit as often as not."""
    chance = rng.random()
    if chance < 0.3 and centimetres >= 2:
        return float(round(centimetres))
    if chance < 0.45 and centimetres >= 5:
        return round(centimetres / 2.54) * 2.54
    return max(0.5, round(centimetres * 2) / 2) if chance < 0.6 else centimetres


def with_product(sheet: Sheet, wide: float, tall: float, room: float) -> Sheet:
    """The sheet with a product of these proportions and any roundness."""
    shape_product(sheet, wide, tall, room)
    if sheet.studio:
        sheet.roundness = distributions.draw(sheet.rng, distributions.ANY_ROUND)
    return sheet


def title(sheet: Sheet, text: str, *, bottom: float = 0.05) -> Piece:
    """A heading at the top (or the foot) of the picture."""
    rng = sheet.rng
    y = sheet.height * (rng.uniform(0.03, 0.10) if rng.random() > bottom else rng.uniform(0.9, 0.97))
    x = sheet.width * rng.choices((0.5, 0.3, 0.7), (0.7, 0.2, 0.1))[0]
    return sheet.put(text, x, y, sheet.thick(1.2, 2.6), widest=0.92 * sheet.width)


def column(
    sheet: Sheet, texts: Sequence[str], x: float, y: float, thick: float, *, anchor: float = 0.0,
    spacing: float = 1.35, rotation: float = 0.0,
) -> list[Piece]:  # fmt: skip
    """Lines one below the other; the block is moved up where it would leave the picture, and set smaller where tall."""
    tall = thick * spacing * len(texts)
    room = 0.96 * sheet.height
    if tall > room:
        thick, tall = thick * room / tall, room
    top = min(y, sheet.height - tall)
    return [
        sheet.put(text, x, top + (row + 0.5) * thick * spacing, thick, rotation, anchor=anchor)
        for row, text in enumerate(texts)
    ]


def wrapped(rng: random.Random, text: str) -> list[str]:
    """A sentence broken into lines as on a poster."""
    tokens, lines = text.split(), []
    while tokens:
        take = rng.randint(2, 6)
        lines.append(" ".join(tokens[:take]))
        tokens = tokens[take:]
    return lines


def chatter(sheet: Sheet, most: int, most_large: int, *, least: int = 0) -> None:
    """Features, sentences, brands and numbers that answer nothing, in blocks: at most so many lines on a small sheet
    and on a large one."""
    rng = sheet.rng
    amount = rng.randint(least, most_large if sheet.large else most)
    left = amount + (rng.randint(6, 36) if sheet.large and rng.random() < 0.14 else 0)  # leaflets, backs of packs
    while left > 0:
        kind = rng.random()
        x, y, thick = sheet.across(0.03, 0.8), sheet.down(0.03, 0.92), sheet.thick(0.6, 1.3)
        if kind < 0.32:
            texts = [words.feature(rng) for _ in range(rng.randint(1, 4))]
        elif kind < 0.52:
            texts = wrapped(rng, rng.choice(words.SENTENCES))
        elif kind < 0.64:
            texts = [words.brand(rng)]
            thick *= rng.uniform(0.7, 1.8)
        elif kind < 0.82:
            texts = [words.decoy(rng)]
        elif kind < 0.90:
            texts = [words.garbage(rng) for _ in range(rng.randint(1, 3))]
        elif kind < 0.95:
            texts = [words.code(rng)]
        else:
            texts = [material_line(rng, "Material", "Color", "Style", "Package")]
        texts = texts[:left]
        garbled = 0.82 <= kind < 0.95
        placed = column(sheet, texts, x, y, thick, rotation=_rotation(rng, garbled))
        if garbled:
            for piece in placed:
                piece.score = rng.uniform(0.3, 0.99)
        left -= len(texts)


def _rotation(rng: random.Random, garbled: bool) -> float:
    """Print on a product stands askew more often than a poster's; much garbage is print read upside down."""
    kind = rng.random()
    if kind < (0.14 if garbled else 0.02):
        return 180.0
    if kind < (0.34 if garbled else 0.13):
        return rng.uniform(5.5, 40.0) * rng.choice((-1, 1)) % 360
    return rng.choice((90.0, 270.0)) if kind < (0.40 if garbled else 0.16) else 0.0


def material_line(rng: random.Random, *names: str) -> str:
    """What the product is made of, under one of the names."""
    return f"{rng.choice(names)}: {rng.choice(words.MATERIALS + words.COLORS)}"


def weight_line(layout: Layout, x: float, y: float) -> None:
    """A product's weight as one more line of a picture about something else."""
    rng, text = layout.rng, layout.weight(0.8, 4.3)
    word = rng.choice(words.WEIGHT_WORDS)
    space = " " if word[-1].isalpha() else rng.choice((" ", ""))
    layout.sheet.put(f"{word}{space}{text}", x, y, layout.sheet.base, anchor=rng.choice((0.0, 0.5)))


def volume_line(layout: Layout, x: float, y: float) -> None:
    """A capacity as one more line."""
    rng, text = layout.rng, layout.volume().text
    text = f"{rng.choice(words.VOLUME_WORDS)}{rng.choice((' ', ' ', ''))}{text}"
    layout.sheet.put(text, x, y, layout.sheet.base, anchor=rng.choice((0.0, 0.5)))


_CONTENTS = (
    10, 15, 20, 30, 50, 60, 75, 100, 118, 120, 125, 150, 180, 200, 236, 237, 240, 250, 300, 330, 350, 355, 375, 400,
    450, 473, 480, 500, 550, 591, 600, 650, 700, 709, 750, 800, 887, 946, 1000, 1200, 1500, 1750, 1800, 1892, 2000,
    2500, 3000, 3785, 4000, 5000, 10000, 20000,
)  # fmt: skip
_WEIGHTS = (
    15, 20, 25, 28, 30, 40, 50, 56, 60, 70, 75, 80, 85, 90, 100, 113, 120, 125, 140, 150, 170, 180, 200, 227, 250, 283,
    300, 320, 340, 350, 375, 400, 425, 450, 454, 500, 567, 600, 680, 700, 750, 800, 850, 900, 907, 1000, 1200, 1360,
    1500, 1800, 2000, 2270, 2500, 3000, 4540, 5000, 10000, 15000, 20000,
)  # fmt: skip


def round_content(rng: random.Random) -> float:
    """A content or a capacity in millilitres, mostly a round number."""
    if rng.random() < 0.5:
        return float(rng.choice(_CONTENTS))
    return float(rounded(10 ** rng.uniform(1.0, 4.2), 0)) // 5 * 5 + 5


def round_weight(rng: random.Random) -> float:
    """A net weight in grams, mostly a round number in grams or ounces."""
    chance = rng.random()
    if chance < 0.45:
        return float(rng.choice(_WEIGHTS))
    if chance < 0.7:
        return round(10 ** rng.uniform(0.3, 2.2) * 4) / 4 * float(SIZES["ounce"])
    return float(rounded(10 ** rng.uniform(0.8, 4.2), 0))
