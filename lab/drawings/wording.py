"""How quantities are printed: spelling of units, two units at once, fractions, decimal commas, ranges."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from entx.core.types import Quantity

SPELLINGS: dict[str, tuple[str, ...]] = {
    "gram": (" g", "g", " G", " grams"),
    "kilogram": (" kg", "kg", "KG", " Kg"),
    "ounce": (" oz", " OZ", "oz", " ounces"),
    "pound": (" lb", " lbs", "lbs", " LBS", " pounds"),
    "millilitre": (" ml", "ml", " mL", "ML"),
    "litre": (" L", "L", " litres", " Liters"),
    "fluid ounce": (" fl oz", " FL OZ", " fl. oz.", " Fl.Oz"),
    "millimetre": ("mm", " mm", "MM"),
    "centimetre": ("cm", " cm", "CM", " CM"),
    "metre": (" m", "m"),
    "inch": ('"', " in", " inch", "in", " inches", '"'),
    "foot": (" ft", "ft", " feet"),
    "volt": ("V", " V", " Volts"),
    "watt": ("W", " W", " Watts"),
}
"""Printed spellings by canonical unit, with the space that stands before them."""

_MILLIMETRES = {
    "millimetre": Decimal(1), "centimetre": Decimal(10), "metre": Decimal(1000),
    "inch": Decimal("25.4"), "foot": Decimal("304.8"),
}  # fmt: skip
_GRAMS = {"gram": Decimal(1), "kilogram": Decimal(1000), "ounce": Decimal("28.3495"), "pound": Decimal("453.592")}
_MILLILITRES = {"millilitre": Decimal(1), "litre": Decimal(1000), "fluid ounce": Decimal("29.5735")}
_SIZES = _MILLIMETRES | _GRAMS | _MILLILITRES
_STEPS = {
    "millimetre": "1", "centimetre": "0.1", "metre": "0.01", "inch": "0.1", "foot": "0.1", "gram": "1",
    "kilogram": "0.1", "ounce": "0.1", "pound": "0.1", "millilitre": "1", "litre": "0.1", "fluid ounce": "0.1",
}  # fmt: skip
_JOINERS = ("{} / {}", "{}/{}", "{} ({})", "{}({})")
_QUARTERS = {Decimal("0.25"): "1/4", Decimal("0.5"): "1/2", Decimal("0.75"): "3/4"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A text that states one quantity: what is printed, the first printed value, and the same in other units."""

    text: str
    value: Quantity
    also: tuple[Quantity, ...] = ()


def quantity(number: str | int | Decimal, unit: str) -> Quantity:
    """A quantity from a number as printed."""
    return Quantity(Decimal(number), unit)


def digits(value: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Wording:
    """One picture's way of printing sizes of one physical quantity; sellers keep to one way within a picture.

    Args:
        units: one or two canonical units, in the order printed; none prints bare numbers.
        spellings: how they are printed.
        joiner: how the second is put beside the first.
        fractions: inches in quarters ("8 1/4").
        comma: decimal comma.
    """

    units: tuple[str, ...]
    spellings: tuple[str, ...]
    joiner: str = "{} / {}"
    fractions: bool = False
    comma: bool = False

    @classmethod
    def choose(cls, rng: random.Random, units: Sequence[str], *, fractions: bool = False) -> Wording:
        """A wording for these units; `fractions` allows them where the first is the inch."""
        return cls(
            tuple(units),
            tuple(rng.choice(SPELLINGS[unit]) for unit in units),
            rng.choice(_JOINERS),
            fractions and units[0] == "inch" and rng.random() < 0.3,
            units[0] == "centimetre" and rng.random() < 0.15,
        )

    def state(self, base: Decimal | int) -> Statement:
        """States a size given in the base unit (millimetres, grams or millilitres), rounded as print does."""
        values = [self._rounded(Decimal(base), unit) for unit in self.units]
        parts = [self._number(value) + spelling for value, spelling in zip(values, self.spellings, strict=True)]
        text = parts[0] if len(parts) == 1 else self.joiner.format(*parts)
        return Statement(text, values[0], tuple(values[1:]))

    def _rounded(self, base: Decimal, unit: str) -> Quantity:
        step = Decimal("0.25") if self.fractions and unit == "inch" else Decimal(_STEPS[unit])
        return Quantity(max(step, (base / _SIZES[unit] / step).quantize(Decimal(1)) * step), unit)

    def _number(self, value: Quantity) -> str:
        rest = value.value % 1
        if self.fractions and value.unit == "inch" and rest in _QUARTERS:
            return f"{digits(value.value - rest)} {_QUARTERS[rest]}" if value.value > 1 else _QUARTERS[rest]
        text = digits(value.value)
        return text.replace(".", ",") if self.comma else text


def length_wording(rng: random.Random, millimetres: int) -> Wording:
    """A wording for a product whose largest side is that long: inches, centimetres, both, seldom other units."""
    pairs = [("inch",), ("centimetre",), ("inch", "centimetre"), ("centimetre", "inch"), ("inch",), ("centimetre",)]
    if millimetres < 600:
        pairs += [("millimetre",), ("millimetre", "inch")]
    if millimetres > 1200:
        pairs += [("foot",), ("metre",)]
    return Wording.choose(rng, rng.choice(pairs), fractions=True)


def weight_statement(rng: random.Random, grams: int) -> Statement:
    """A pack's weight in one unit or in two."""
    metric = "kilogram" if grams >= 1000 else "gram"
    imperial = "pound" if grams >= 900 else "ounce"
    units = rng.choice([(metric,), (imperial, metric), (metric, imperial), (imperial,)])
    return Wording.choose(rng, units).state(grams)


def volume_statement(rng: random.Random, millilitres: int) -> Statement:
    """A content in one unit or in two."""
    metric = "litre" if millilitres >= 1000 and millilitres % 100 == 0 else "millilitre"
    units = rng.choice([(metric,), ("fluid ounce", metric), (metric, "fluid ounce")])
    return Wording.choose(rng, units).state(millilitres)


def range_statement(rng: random.Random, low: int, high: int, unit: str) -> Statement:
    """A range such as 100-240V: the upper number is the value, the lower is equally right."""
    dash = rng.choice(["-", " - ", "~"])
    low_text = f"{low}{SPELLINGS[unit][0]}" if rng.random() < 0.2 else f"{low}"
    text = f"{low_text}{dash}{high}{rng.choice(SPELLINGS[unit][:2])}"
    return Statement(text, quantity(high, unit), (quantity(low, unit),))


def plain_statement(rng: random.Random, number: int | str, unit: str) -> Statement:
    """One number and its unit."""
    return Statement(f"{number}{rng.choice(SPELLINGS[unit])}", quantity(number, unit))
