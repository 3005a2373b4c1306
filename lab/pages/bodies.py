"""Products with sizes: what kind of body, how large, and what its picture is called."""

from __future__ import annotations

import random
from dataclasses import dataclass

from lab.pages import words


@dataclass(slots=True)
class Body:
    """A product.

    Args:
        kind: "box" (has a front, a side and a top), "round" (turned on its upright axis), "flat" (drawn from above),
            "thin" (long and thin).
        wide, tall, deep: in centimetres, as it is drawn.
        name: what its maker calls it.
    """

    kind: str
    wide: float
    tall: float
    deep: float
    name: str


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
    upright = rng.random() < 0.5
    return Body(kind, thin if upright else largest, largest if upright else thin, thin, rng.choice(words.THIN_PRODUCTS))


def stepped(rng: random.Random, centimetres: float) -> float:
    """A size that its seller measured: to a whole or a half of a unit as often as not."""
    draw = rng.random()
    if draw < 0.3 and centimetres >= 2:
        return float(round(centimetres))
    if draw < 0.45 and centimetres >= 5:
        return round(centimetres / 2.54) * 2.54
    if draw < 0.6:
        return max(0.5, round(centimetres * 2) / 2)
    return centimetres
