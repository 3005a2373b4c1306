"""Quantities as products have them, and texts that print them: the words of the small rendered pictures."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

from entx.core.entities import CHALLENGE, Entity
from entx.core.quantity import Quantity
from entx.core.units import BY_NAME
from entx.demo.wording import SPELLINGS, digits

PRINTED: dict[str, tuple[str, ...]] = {
    **{unit: tuple(dict.fromkeys(spellings)) for unit, spellings in SPELLINGS.items()},
    "yard": (" yd", " yards"),
    "milligram": (" mg", "mg", " MG"),
    "microgram": (" mcg", "mcg"),
    "ton": (" ton", " TON", " tons"),
    "kilovolt": (" kV", "kV"),
    "millivolt": (" mV", "mV"),
    "kilowatt": (" kW", "kW", "KW"),
    "centilitre": (" cl", "cl"),
    "cup": (" cup", " cups", " CUPS"),
    "gallon": (" gal", " gallon", " Gallons"),
    "pint": (" pint", " pt"),
    "quart": (" qt", " quart", " QT"),
    "cubic foot": (" cu ft", " cu. ft."),
    "cubic inch": (" cu in",),
}
"""Printed spellings by canonical unit; units of the challenge that no label carries are left out."""

_SHARES: dict[str, dict[str, float]] = {
    "length": {"inch": 45, "centimetre": 35, "millimetre": 12, "foot": 4, "metre": 3, "yard": 0.5},
    "weight": {"gram": 30, "kilogram": 20, "ounce": 20, "pound": 22, "milligram": 6, "microgram": 1, "ton": 1},
    "voltage": {"volt": 94, "kilovolt": 4, "millivolt": 2},
    "power": {"watt": 92, "kilowatt": 8},
    "volume": {
        "millilitre": 40, "litre": 20, "fluid ounce": 20, "gallon": 6, "cup": 4, "quart": 3, "pint": 2,
        "centilitre": 2, "cubic foot": 2, "cubic inch": 1,
    },
}  # fmt: skip
_SMALL_NUMBERS = frozenset({
    "foot", "metre", "yard", "ton", "kilovolt", "kilowatt", "litre", "gallon", "cup", "quart", "pint", "cubic foot",
})  # fmt: skip
_CUES: dict[str, tuple[str, ...]] = {
    "height": ("Height", "HEIGHT", "H", "Height:", "H:", "Tall"),
    "width": ("Width", "WIDTH", "W", "Width:", "W:", "Wide"),
    "depth": ("Depth", "DEPTH", "D", "Depth:", "D:", "Length", "L", "L:", "Length:"),
    "item_weight": ("Net Wt", "NET WT.", "Net Weight", "Weight", "Weight:", "Item weight", "Net", "Wt."),
    "maximum_weight_recommendation": (
        "Max load", "Load", "Holds up to", "Capacity", "MAX. LOAD", "Supports", "Weight capacity", "Up to",
    ),
    "voltage": ("Voltage", "Input", "Voltage:", "AC", "DC", "Rated voltage"),
    "wattage": ("Power", "Wattage", "Power:", "Rated power", "Max"),
    "item_volume": ("Volume", "Capacity:", "Net", "Contents", "Vol.", "Capacity"),
}  # fmt: skip
_SUFFIXES = {"height": ("(H)", "H", " high", " tall"), "width": ("(W)", "W", " wide"), "depth": ("(D)", "D", " deep")}


@dataclass(frozen=True, slots=True)
class Line:
    """One printed text and what it says.

    Args:
        text: as printed.
        value: the first printed value.
        answers: entities that the text answers; for all others of the challenge it is no answer.
    """

    text: str
    value: Quantity
    answers: frozenset[str]


def of_kind(kind: str) -> frozenset[str]:
    """The challenge's entities of a physical quantity."""
    return frozenset(name for name, one in CHALLENGE.entities.items() if one.kind == kind)


def invented_unit(rng: random.Random, kind: str) -> str:
    """A unit of a physical kind, as often as products carry it."""
    return rng.choices(list(_SHARES[kind]), list(_SHARES[kind].values()))[0]


def invented(rng: random.Random, kind: str, unit: str = "") -> Quantity:
    """A quantity of a physical kind: any digits, so that reading pays and guessing does not.

    Args:
        rng: decides.
        kind: "length", "weight", ...
        unit: "" for any.
    """
    unit = unit or invented_unit(rng, kind)
    most = 2 if unit in _SMALL_NUMBERS else rng.choices((1, 2, 3, 4), (25, 40, 30, 5))[0]
    value = Decimal(rng.randint(1, 10 ** rng.randint(1, most) - 1))
    if rng.random() < (0.35 if most < 3 else 0.08):
        value += Decimal(rng.choice((5, 5, 5, 25, 75, *range(1, 100)))).scaleb(-2 if rng.random() < 0.4 else -1) % 1
    elif most == 3 and rng.random() < 0.3:
        value = max(Decimal(5), value // 5 * 5)
    return Quantity(value.normalize() + 0, unit)


def spelled(rng: random.Random, value: Quantity) -> str:
    """The quantity as print has it: "12.5cm"."""
    text = digits(value.value)
    if value.value < 1 and rng.random() < 0.3:
        text = text.removeprefix("0")
    elif value.value >= 1000 and rng.random() < 0.4:
        text = f"{value.value:,f}"
    return text + rng.choice(PRINTED[value.unit])


def second(rng: random.Random, value: Quantity) -> str:
    """The same size in another unit, as print has it; "" where there is none."""
    unit = BY_NAME[value.unit]
    others = [name for name in _SHARES[unit.kind] if name != value.unit and _near(BY_NAME[name].factor, unit.factor)]
    if not others:
        return ""
    other = rng.choice(others)
    size = value.value * Decimal(str(unit.factor)) / Decimal(str(BY_NAME[other].factor))
    return spelled(rng, Quantity(max(Decimal("0.1"), size.quantize(Decimal("0.1"))), other))


def _near(one: object, other: object) -> bool:
    return bool(one) and bool(other) and 0.02 < float(str(one)) / float(str(other)) < 50


def plain_line(rng: random.Random, entity: Entity) -> Line:
    """A bare quantity: it answers every entity of its kind."""
    value = invented(rng, entity.kind)
    return Line(spelled(rng, value), value, of_kind(entity.kind))


def line(rng: random.Random, entity: Entity, *, cued: bool, unit: str = "") -> Line:
    """A quantity, in one unit or two, with or without a word that says which entity it is.

    Args:
        rng: decides.
        entity: which the text answers.
        cued: with such a word; else it answers every entity of its kind.
        unit: "" for any.
    """
    value = invented(rng, entity.kind, unit)
    text = spelled(rng, value)
    if rng.random() < 0.12 and (other := second(rng, value)):
        text = rng.choice(("{} / {}", "{}/{}", "{} ({})", "{}({})")).format(text, other)
    if not cued:
        return Line(text, value, of_kind(entity.kind))
    if entity.name in _SUFFIXES and rng.random() < 0.3:
        text += rng.choice(_SUFFIXES[entity.name])
    else:
        text = f"{rng.choice(_CUES[entity.name])} {text}"
    return Line(text, value, frozenset({entity.name}))
