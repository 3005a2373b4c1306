"""How pages print quantities: spellings of units as an engine reads them, two units at once, decimals, fractions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

from entx.core.types import Quantity

FORMS: dict[str, tuple[tuple[str, int], ...]] = {
    "inch": (
        ('"', 26), (" inch", 13), ("in", 13), (" in", 11), (" inches", 9), ("''", 5), ("inch", 8), ("inches", 3),
        ("IN", 2), ("′′", 2), ("”", 3), (" Inch", 3), (" INCH", 2), (" Inches", 2), (" INCHES", 1), (" in.", 3),
        ("Inch", 2),
    ),
    "centimetre": (("cm", 50), (" cm", 26), ("CM", 17), (" CM", 4), ("Cm", 2), (" cms", 1), (" centimeters", 1)),
    "millimetre": (("mm", 60), (" mm", 25), ("MM", 12), (" MM", 3)),
    "metre": (("m", 45), (" m", 30), ("M", 15), (" meters", 7), (" meter", 3)),
    "foot": ((" ft", 25), ("ft", 22), ("'", 22), (" feet", 12), (" FT", 6), ("FT", 6), ("Ft", 4), (" Feet", 3)),
    "yard": ((" yards", 50), (" yd", 30), ("yds", 20)),
    "gram": (
        ("g", 42), (" g", 24), ("G", 9), (" G", 4), ("gm", 5), (" gm", 4), (" grams", 4), (" GMS", 2), ("gr", 2),
        (" GRAMS", 1),
    ),
    "kilogram": (("kg", 38), (" kg", 25), ("KG", 18), (" KG", 7), ("Kg", 6), (" Kg", 3), (" kgs", 2), ("kgs", 2)),
    "milligram": (("mg", 50), (" mg", 40), (" MG", 5), ("MG", 5)),
    "microgram": (("mcg", 60), (" mcg", 40)),
    "ounce": ((" oz", 30), ("oz", 20), (" OZ", 28), ("OZ", 14), (" oz.", 4), (" OUNCES", 2), (" ounces", 2), (" Oz",
    3)),
    "pound": (
        (" lbs", 24), ("lbs", 16), (" LBS", 17), ("LBS", 9), (" lb", 14), ("lb", 8), (" LB", 8), (" pounds", 3),
        (" POUNDS", 2), (" Lbs", 4), ("Lbs", 2), (" lbs.", 3),
    ),
    "ton": ((" TON", 30), (" ton", 30), ("T", 15), (" tons", 15), ("Ton", 10)),
    "volt": (("V", 64), (" V", 14), (" Volt", 4), (" volts", 3), ("VDC", 3), (" VDC", 2), ("VAC", 2), ("V DC", 2),
    (" Volts", 4), ("v", 4)),
    "kilovolt": (("kV", 60), (" kV", 25), ("KV", 15)),
    "millivolt": (("mV", 100),),
    "watt": (("W", 62), (" W", 14), (" Watts", 7), (" watts", 4), (" WATTS", 3), (" Watt", 5), ("w", 5)),
    "kilowatt": (("kW", 50), (" kW", 20), ("KW", 20), (" KW", 10)),
    "millilitre": (
        ("ml", 40), (" ml", 22), ("mL", 14), (" mL", 12), ("ML", 8), (" ML", 4),
    ),
    "litre": (("L", 50), (" L", 18), (" Liter", 5), (" Liters", 4), (" litre", 4), ("l", 5), (" litres", 4),
    (" LITERS", 3), (" Ltr", 3)),
    "centilitre": (("cl", 50), (" cl", 40), ("CL", 10)),
    "decilitre": ((" dl", 100),),
    "fluid ounce": (
        (" fl oz", 22), (" FL OZ", 26), (" fl. oz.", 8), (" FL. OZ.", 7), (" FL.OZ.", 6), ("fl oz", 4), (" Fl Oz", 5),
        (" FLOZ", 5), ("FLOZ", 3), (" fl.oz", 5), (" OZ", 5), ("oz", 4),
    ),
    "gallon": ((" gallon", 25), (" GAL", 20), (" gal", 20), (" Gallon", 15), (" gallons", 12), (" GALLON", 8)),
    "imperial gallon": ((" imp gal", 50), (" imperial gallons", 50)),
    "quart": ((" qt", 30), (" QT", 25), (" quart", 25), ("qt", 10), (" Quart", 10)),
    "pint": ((" pint", 35), (" PT", 25), (" pt", 20), (" PINT", 20)),
    "cup": ((" cup", 50), (" cups", 30), ("-Cup", 20)),
    "cubic foot": ((" cu. ft.", 40), (" cu ft", 40), (" cubic feet", 20)),
    "cubic inch": ((" cu in", 60), (" cubic inches", 40)),
    "microlitre": (("ul", 70), (" ul", 30)),
}  # fmt: skip
"""Printed forms by unit with weights; a leading space belongs to the form. As the engine writes them (NFKC)."""

SIZES = {
    "millimetre": 0.1, "centimetre": 1.0, "metre": 100.0, "inch": 2.54, "foot": 30.48, "yard": 91.44,
    "milligram": 0.001, "gram": 1.0, "kilogram": 1000.0, "ounce": 28.3495, "pound": 453.592, "ton": 907185.0,
    "millilitre": 1.0, "centilitre": 10.0, "decilitre": 100.0, "litre": 1000.0, "fluid ounce": 29.5735,
    "gallon": 3785.41, "quart": 946.353,
    "pint": 473.176, "cup": 236.588, "cubic foot": 28316.8,
}  # fmt: skip
"""In centimetres, grams or millilitres."""

_JOINERS = (
    ("{}/{}", 30), ("{} / {}", 14), ("{}({})", 20), ("{} ({})", 24), ("{} {}", 4), ("{}|{}", 2), ("{} | {}", 2),
    ("{} - {}", 2), ("{}，{}", 1),
    ("{}({}", 1),
)  # fmt: skip
_EIGHTHS = {0.125: "1/8", 0.25: "1/4", 0.375: "3/8", 0.5: "1/2", 0.625: "5/8", 0.75: "3/4", 0.875: "7/8"}


def form(rng: random.Random, unit: str) -> str:
    """A printed form of a unit, with the space before it."""
    forms = FORMS[unit]
    return rng.choices([text for text, _ in forms], [weight for _, weight in forms])[0]


def number(value: float, decimals: int) -> Decimal:
    """The value as a decimal of at most so many places, never 0, without trailing zeros."""
    rounded = Decimal(f"{value:.{decimals}f}")
    while rounded <= 0:
        decimals += 1
        rounded = Decimal(f"{value:.{decimals}f}")
    return plain(rounded)


def plain(value: Decimal) -> Decimal:
    """Without trailing zeros and exponent."""
    return Decimal(format(value.normalize(), "f"))


@dataclass(slots=True)
class Voice:
    """One page's way of printing one kind of quantity; sellers keep to one way within a picture.

    Args:
        units: in the order printed, one or two.
        forms: how they are printed; "" leaves bare numbers.
        decimals: places of each.
        fixed: keeps trailing zeros (12.00").
        joiner: puts the second behind the first; "" on a line of its own.
        comma: decimal comma.
        fractions: inches in eighths.
    """

    rng: random.Random
    units: tuple[str, ...]
    forms: tuple[str, ...]
    decimals: tuple[int, ...]
    fixed: bool = False
    joiner: str = "{}/{}"
    comma: bool = False
    fractions: bool = False

    def parts(self, size: float) -> tuple[list[str], Quantity]:
        """The printed quantities of a size (in centimetres, grams or millilitres), and the first as read."""
        texts = []
        first: Quantity | None = None
        for unit, spelt, decimals in zip(self.units, self.forms, self.decimals, strict=True):
            value = size / SIZES[unit]
            if self.fractions and unit == "inch":
                text, exact = _eighths(value)
            else:
                exact = number(value, decimals)
                text = f"{exact:.{decimals}f}" if self.fixed and decimals > -exact.as_tuple().exponent else str(exact)  # type: ignore[operator]
            first = first or Quantity(exact, unit)
            texts.append((text.replace(".", ",") if self.comma else text) + spelt)
        assert first is not None
        return texts, first

    def say(self, size: float) -> tuple[list[str], Quantity]:
        """The lines that print a size (two where the second unit stands below), and the quantity first printed."""
        texts, first = self.parts(size)
        if len(texts) == 1 or not self.joiner:
            return texts, first
        return [self.joiner.format(*texts)], first

    def line(self, size: float) -> tuple[str, Quantity]:
        """The same in one line."""
        texts, first = self.parts(size)
        return (texts[0] if len(texts) == 1 else (self.joiner or "{} / {}").format(*texts)), first


def _eighths(value: float) -> tuple[str, Decimal]:
    step = max(round(value * 8) / 8, 0.125)
    whole, rest = int(step), step - int(step)
    if not rest:
        return str(whole), Decimal(whole)
    text = _EIGHTHS[rest] if not whole else f"{whole} {_EIGHTHS[rest]}"
    return text, plain(Decimal(str(step)))


def joiner(rng: random.Random) -> str:
    """A way to print two units in one line."""
    return rng.choices([text for text, _ in _JOINERS], [weight for _, weight in _JOINERS])[0]


def voice(rng: random.Random, units: tuple[str, ...], *, below: float = 0.0, bare: bool = False) -> Voice:
    """A voice for these units.

    Args:
        below: probability that the second unit stands on a line of its own.
        bare: numbers without units.
    """
    fraction = units[0] == "inch" and rng.random() < 0.05
    decimals = tuple(_decimals(rng, unit) for unit in units)
    if len(units) == 2:
        decimals = tuple(max(d, 1) if unit in ("inch", "foot", "ounce", "pound") and i else d
                         for i, (d, unit) in enumerate(zip(decimals, units, strict=True)))  # fmt: skip
    two_lines = len(units) == 2 and rng.random() < below
    forms = tuple("" if bare else form(rng, unit) for unit in units)
    if "fluid ounce" in units and len(units) == 2:  # beside millilitres nobody leaves the word out
        forms = tuple(
            one if "f" in one.lower() or unit != "fluid ounce" else " fl oz"
            for one, unit in zip(forms, units, strict=True)
        )
    metric = units[0] in ("centimetre", "metre", "kilogram", "litre")
    return Voice(
        rng, units, forms, decimals, rng.random() < 0.08, "" if two_lines else joiner(rng),
        metric and rng.random() < 0.06, fraction,
    )  # fmt: skip


def _decimals(rng: random.Random, unit: str) -> int:
    if unit in ("millimetre", "gram", "millilitre", "milligram"):
        return rng.choices((0, 1), (0.92, 0.08))[0]
    if unit in ("metre", "kilogram", "litre"):
        return rng.choices((0, 1, 2), (0.25, 0.45, 0.30))[0]
    return rng.choices((0, 1, 2), (0.38, 0.44, 0.18))[0]


def length_voice(rng: random.Random, longest: float, *, below: float = 0.25, bare: bool = False) -> Voice:
    """A voice for a body whose longest side has so many centimetres."""
    pairs: list[tuple[tuple[str, ...], float]] = [
        (("inch",), 0.34), (("centimetre",), 0.27), (("inch", "centimetre"), 0.10), (("centimetre", "inch"), 0.15),
    ]  # fmt: skip
    if longest < 70:
        pairs += [
            (("millimetre",), 0.13 if longest < 25 else 0.05),
            (("millimetre", "inch"), 0.04),
            (("inch", "millimetre"), 0.02),
        ]
    if longest > 100:
        pairs += [(("foot",), 0.07), (("metre",), 0.05), (("foot", "metre"), 0.01), (("metre", "foot"), 0.01)]
    units = rng.choices([pair for pair, _ in pairs], [weight for _, weight in pairs])[0]
    return voice(rng, units, below=below, bare=bare)


def weight_voice(rng: random.Random, grams: float, *, below: float = 0.05) -> Voice:
    """A voice for a weight."""
    metric = "kilogram" if grams >= 5000 or (grams >= 1000 and rng.random() < 0.85) else "gram"
    imperial = "pound" if grams >= 450 and rng.random() < 0.75 else "ounce"
    units = rng.choices([(metric,), (imperial,), (imperial, metric), (metric, imperial)], (0.42, 0.20, 0.26, 0.12))[0]
    return voice(rng, units, below=below)


def volume_voice(rng: random.Random, millilitres: float, *, below: float = 0.08) -> Voice:
    """A voice for a content or a capacity."""
    metric = "litre" if millilitres >= 1000 and rng.random() < 0.85 else "millilitre"
    if metric == "millilitre" and millilitres >= 100 and rng.random() < 0.05:
        metric = "centilitre"
    imperial = "fluid ounce"
    if millilitres > 900:
        imperial = rng.choices(("fluid ounce", "quart", "gallon"), (0.6, 0.15, 0.25))[0]
    units = rng.choices([(metric,), (imperial,), (imperial, metric), (metric, imperial)], (0.40, 0.18, 0.28, 0.14))[0]
    return voice(rng, units, below=below)
