"""What a family of layouts hands back: the sheet and what it states; and texts that any sheet may carry besides."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from entx.core.types import Quantity
from lab.pages import words
from lab.pages.sayings import number, volume_voice, weight_voice
from lab.pages.sheet import Piece, Sheet


@dataclass(slots=True)
class Plan:
    """A finished layout.

    Args:
        truth: the entities that the sheet states; every other one is not stated.
        likely: entities that such a picture is asked for, stated or not, with weights.
        unsettled: entities that must not be asked: careful people would disagree.
    """

    family: str
    sheet: Sheet
    truth: dict[str, Quantity] = field(default_factory=dict)
    likely: dict[str, float] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)


def case(rng: random.Random, text: str, upper: float = 0.3) -> str:
    """The text, in capitals with this probability."""
    return text.upper() if rng.random() < upper else text


def title(sheet: Sheet, text: str, *, bottom: float = 0.05) -> Piece:
    """A heading at the top (or the foot) of the picture."""
    rng = sheet.rng
    y = sheet.height * (rng.uniform(0.03, 0.10) if rng.random() > bottom else rng.uniform(0.9, 0.97))
    x = sheet.width * rng.choices((0.5, 0.3, 0.7), (0.7, 0.2, 0.1))[0]
    return sheet.put(text, x, y, sheet.base * rng.uniform(1.2, 2.6), widest=0.92 * sheet.width)


def column(
    sheet: Sheet, texts: list[str], x: float, y: float, thick: float, *, anchor: float = 0.0,
    widest: float | None = None,
    spacing: float = 1.35, rotation: float = 0.0,
) -> list[Piece]:  # fmt: skip
    """Lines one below the other; the block is moved up where it would leave the picture, and set smaller where tall."""
    tall = thick * spacing * len(texts)
    room = 0.96 * sheet.height
    if tall > room:
        thick, tall = thick * room / tall, room
    top = min(y, sheet.height - tall)
    return [
        sheet.put(text, x, top + (row + 0.5) * thick * spacing, thick, rotation, anchor=anchor, widest=widest)
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


def chatter(sheet: Sheet, amount: int) -> None:
    """Features, sentences, brands and numbers that answer nothing, in blocks."""
    rng = sheet.rng
    left = amount + (rng.randint(6, 36) if sheet.large and rng.random() < 0.14 else 0)  # leaflets, backs of packs
    while left > 0:
        kind = rng.random()
        x, y = sheet.width * rng.uniform(0.03, 0.8), sheet.height * rng.uniform(0.03, 0.92)
        thick = sheet.base * rng.uniform(0.6, 1.3)
        if kind < 0.32:
            texts = [words.feature(rng) for _ in range(rng.randint(1, 4))]
        elif kind < 0.52:
            texts = wrapped(rng, words.sentence(rng))
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
            texts = [
                f"{rng.choice(('Material', 'Color', 'Style', 'Package'))}: {rng.choice(words.MATERIALS + words.COLORS)}"
            ]
        texts = texts[:left]
        garbled = 0.82 <= kind < 0.95
        placed = column(sheet, texts, x, y, thick, rotation=_turn(rng, garbled))
        if garbled:
            for piece in placed:
                piece.score = rng.uniform(0.3, 0.99)
        left -= len(texts)


def _turn(rng: random.Random, garbled: bool) -> float:
    """Print on a product stands askew more often than a poster's; much garbage is print read upside down."""
    kind = rng.random()
    if kind < (0.14 if garbled else 0.02):
        return 180.0
    if kind < (0.34 if garbled else 0.13):
        return rng.uniform(5.5, 40.0) * rng.choice((-1, 1)) % 360
    return rng.choice((90.0, 270.0)) if kind < (0.40 if garbled else 0.16) else 0.0


def weight_line(sheet: Sheet, plan: Plan, x: float, y: float, thick: float) -> None:
    """A product's weight as one more line of a picture about something else."""
    rng = sheet.rng
    grams = 10 ** rng.uniform(0.8, 4.3)
    text, value = weight_voice(rng, grams).line(grams)
    word = rng.choice(words.WEIGHT_WORDS)
    sheet.put(
        f"{word}{' ' if word[-1].isalpha() else rng.choice((' ', ''))}{text}",
        x,
        y,
        thick,
        anchor=rng.choice((0.0, 0.5)),
    )
    plan.truth["item_weight"] = value


def volume_line(sheet: Sheet, plan: Plan, x: float, y: float, thick: float) -> None:
    """A capacity as one more line."""
    rng = sheet.rng
    content = round_content(rng)
    text, value = volume_voice(rng, content).line(content)
    sheet.put(
        f"{rng.choice(words.VOLUME_WORDS)}{rng.choice((' ', ' ', ''))}{text}",
        x,
        y,
        thick,
        anchor=rng.choice((0.0, 0.5)),
    )
    plan.truth["item_volume"] = value


def round_content(rng: random.Random) -> float:
    """A content or a capacity in millilitres, mostly a round number."""
    if rng.random() < 0.5:
        return float(rng.choice((10, 15, 20, 30, 50, 60, 75, 100, 118, 120, 125, 150, 180, 200, 236, 237, 240, 250,
            300, 330, 350, 355,
                                 375, 400, 450, 473, 480, 500, 550, 591, 600, 650, 700, 709, 750, 800, 887, 946, 1000,
                                 1200, 1500, 1750,
                                 1800, 1892, 2000, 2500, 3000, 3785, 4000, 5000, 10000, 20000)))  # fmt: skip
    return float(number(10 ** rng.uniform(1.0, 4.2), 0)) // 5 * 5 + 5


def round_weight(rng: random.Random) -> float:
    """A net weight in grams, mostly a round number in grams or ounces."""
    draw = rng.random()
    if draw < 0.45:
        return float(rng.choice((15, 20, 25, 28, 30, 40, 50, 56, 60, 70, 75, 80, 85, 90, 100, 113, 120, 125, 140, 150,
            170, 180, 200, 227,
                                 250, 283, 300, 320, 340, 350, 375, 400, 425, 450, 454, 500, 567, 600, 680, 700, 750,
                                 800, 850, 900, 907,
                                 1000, 1200, 1360, 1500, 1800, 2000, 2270, 2500, 3000, 4540, 5000, 10000, 15000,
                                 20000)))  # fmt: skip
    if draw < 0.7:
        return round(10 ** rng.uniform(0.3, 2.2) * 4) / 4 * 28.3495
    return float(number(10 ** rng.uniform(0.8, 4.2), 0))
