"""How quantities are printed: spellings of units, two units at once, decimals, decimal commas, fractions, ranges.

`Wording` prints; what chooses one stands below it, twice. Invented pages (`lab.pages`) choose by the shares of real
pages, in the spellings that the engine writes. Drawn pictures (`lab.drawings`) choose among few legible spellings; the
order of their draws is fixed, because the set that ships is drawn anew from its seed.

Sizes are centimetres, grams and millilitres.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from entx.core.types import Quantity
from entx.core.units import BY_NAME
from lab.words import weighted

FORMS: dict[str, dict[str, int]] = {unit: {
    form: int(weight) for form, _, weight in (pair.rpartition(":") for pair in forms.split("|"))
} for unit, forms in {
    "inch": '":26| inch:13|in:13| in:11| inches:9|\'\':5|inch:8|inches:3|IN:2|′′:2|”:3| Inch:3| INCH:2| Inches:2|'
            " INCHES:1| in.:3|Inch:2",
    "centimetre": "cm:50| cm:26|CM:17| CM:4|Cm:2| cms:1| centimeters:1",
    "millimetre": "mm:60| mm:25|MM:12| MM:3",
    "metre": "m:45| m:30|M:15| meters:7| meter:3",
    "foot": " ft:25|ft:22|':22| feet:12| FT:6|FT:6|Ft:4| Feet:3",
    "gram": "g:42| g:24|G:9| G:4|gm:5| gm:4| grams:4| GMS:2|gr:2| GRAMS:1",
    "kilogram": "kg:38| kg:25|KG:18| KG:7|Kg:6| Kg:3| kgs:2|kgs:2",
    "ounce": " oz:30|oz:20| OZ:28|OZ:14| oz.:4| OUNCES:2| ounces:2| Oz:3",
    "pound": " lbs:24|lbs:16| LBS:17|LBS:9| lb:14|lb:8| LB:8| pounds:3| POUNDS:2| Lbs:4|Lbs:2| lbs.:3",
    "volt": "V:64| V:14| Volt:4| volts:3|VDC:3| VDC:2|VAC:2|V DC:2| Volts:4|v:4",
    "watt": "W:62| W:14| Watts:7| watts:4| WATTS:3| Watt:5|w:5",
    "kilowatt": "kW:50| kW:20|KW:20| KW:10",
    "millilitre": "ml:40| ml:22|mL:14| mL:12|ML:8| ML:4",
    "centilitre": "cl:50| cl:40|CL:10",
    "litre": "L:50| L:18| Liter:5| Liters:4| litre:4|l:5| litres:4| LITERS:3| Ltr:3",
    "fluid ounce": " fl oz:22| FL OZ:26| fl. oz.:8| FL. OZ.:7| FL.OZ.:6|fl oz:4| Fl Oz:5| FLOZ:5|FLOZ:3| fl.oz:5| OZ:5|"
                   "oz:4",
    "quart": " qt:30| QT:25| quart:25|qt:10| Quart:10",
    "gallon": " gallon:25| GAL:20| gal:20| Gallon:15| gallons:12| GALLON:8",
}.items()}  # fmt: skip
"""Printed forms by unit with weights; a leading space belongs to the form. As the engine writes them (NFKC)."""

DRAWN_FORMS: dict[str, list[str]] = {unit: forms.split("|") for unit, forms in {
    "gram": " g|g| G| grams", "kilogram": " kg|kg|KG| Kg", "ounce": " oz| OZ|oz| ounces",
    "pound": " lb| lbs|lbs| LBS| pounds", "millilitre": " ml|ml| mL|ML", "litre": " L|L| litres| Liters",
    "fluid ounce": " fl oz| FL OZ| fl. oz.| Fl.Oz", "millimetre": "mm| mm|MM", "centimetre": "cm| cm|CM| CM",
    "metre": " m|m", "inch": '"| in| inch|in| inches|"', "foot": " ft|ft| feet", "volt": "V| V| Volts",
    "watt": "W| W| Watts",
}.items()}  # fmt: skip
"""The forms of drawn pictures: legible, and told apart by a person."""

_SCALE = {"length": 100, "weight": 1, "volume": 1000}  # of the kind's base unit: metre, gram, litre
SIZES = {
    unit: Decimal(repr(BY_NAME[unit].factor)) * _SCALE[BY_NAME[unit].kind]
    for unit in FORMS
    if BY_NAME[unit].kind in _SCALE
}
"""In centimetres, grams or millilitres."""

_JOINERS = {
    "{}/{}": 30, "{} / {}": 14, "{}({})": 20, "{} ({})": 24, "{} {}": 4, "{}|{}": 2, "{} | {}": 2, "{} - {}": 2,
    "{}，{}": 1, "{}({}": 1,
}  # fmt: skip
_DRAWN_JOINERS = ("{} / {}", "{}/{}", "{} ({})", "{}({})")
_DRAWN_DECIMALS = {"millimetre": 0, "gram": 0, "millilitre": 0, "metre": 2}  # all others 1


def plain(value: Decimal | str | int) -> Decimal:
    """A number without trailing zeros and exponent."""
    return Decimal(format(Decimal(value).normalize(), "f"))


def rounded(value: Decimal | float, decimals: int) -> Decimal:
    """The value to so many places, and to more where it would be 0; without trailing zeros."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    while (found := exact.quantize(Decimal(1).scaleb(-decimals))) <= 0:
        decimals += 1
    return plain(found)


@dataclass(frozen=True, slots=True)
class Statement:
    """A text that states one quantity."""

    text: str  # what is printed, in one line
    value: Quantity  # the first printed quantity
    also: tuple[Quantity, ...] = ()  # equally right: the same size in the second unit, the lower end of a range
    # the text as it stands in the picture; two where the second unit stands below the first
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wording:
    """One picture's way of printing sizes of one kind; sellers keep to one way within a picture."""

    units: tuple[str, ...]  # one or two, in the order printed
    forms: tuple[str, ...]  # how they are printed; "" leaves bare numbers
    decimals: tuple[int, ...]  # places of each
    joiner: str = "{} / {}"  # puts the second behind the first; "" sets it on a line of its own
    comma: bool = False  # decimal comma
    fraction: int = 0  # inches are printed in parts of this denominator ("8 1/4"); 0 in decimals
    fixed: bool = False  # keeps trailing zeros (12.00")

    def parts(self, size: Decimal | float) -> list[tuple[str, Quantity]]:
        """What is printed in each unit, and the quantity that it says."""
        exact = Decimal(repr(size)) if isinstance(size, float) else Decimal(size)
        found = []
        for unit, form, decimals in zip(self.units, self.forms, self.decimals, strict=True):
            number, value = self._number(exact / SIZES[unit], unit, decimals)
            found.append(((number.replace(".", ",") if self.comma else number) + form, Quantity(value, unit)))
        return found

    def _number(self, value: Decimal, unit: str, decimals: int) -> tuple[str, Decimal]:
        if self.fraction and unit == "inch":
            whole, rest = divmod(max(round(value * self.fraction), 1), self.fraction)
            part = Decimal(rest) / self.fraction
            if not rest:
                return str(whole), Decimal(whole)
            over, under = part.as_integer_ratio()
            return (f"{whole} " if whole else "") + f"{over}/{under}", plain(whole + part)
        number = rounded(value, decimals)
        places = -int(number.as_tuple().exponent)
        return f"{number:.{decimals}f}" if self.fixed and decimals > places else str(number), number

    def state(self, size: Decimal | float) -> Statement:
        """The statement of a size."""
        printed = self.parts(size)
        texts, values = zip(*printed, strict=True)
        text = texts[0] if len(texts) == 1 else (self.joiner or "{} / {}").format(*texts)
        return Statement(text, values[0], values[1:], (text,) if self.joiner else texts)


# invented pages


def form(rng: random.Random, unit: str) -> str:
    """A printed form of a unit, with the space before it."""
    return weighted(rng, FORMS[unit])


def wording(rng: random.Random, units: tuple[str, ...], *, below: float = 0.0, bare: bool = False) -> Wording:
    """A wording for these units, the second with that probability on a line `below`; `bare` prints no unit."""
    fraction = 8 if units[0] == "inch" and rng.random() < 0.05 else 0
    decimals = tuple(_decimals(rng, unit) for unit in units)
    if len(units) == 2 and units[1] in ("inch", "foot", "ounce", "pound"):
        decimals = (decimals[0], max(decimals[1], 1))
    two_lines = len(units) == 2 and rng.random() < below
    forms = tuple("" if bare else form(rng, unit) for unit in units)
    if len(units) == 2:  # beside millilitres nobody leaves the word "fluid" out
        forms = tuple(
            one if "f" in one.lower() or unit != "fluid ounce" else " fl oz"
            for one, unit in zip(forms, units, strict=True)
        )
    fixed = rng.random() < 0.08
    joiner = "" if two_lines else weighted(rng, _JOINERS)
    metric = units[0] in ("centimetre", "metre", "kilogram", "litre")
    return Wording(units, forms, decimals, joiner, metric and rng.random() < 0.06, fraction, fixed)


def _decimals(rng: random.Random, unit: str) -> int:
    if unit in ("millimetre", "gram", "millilitre"):
        return rng.choices((0, 1), (0.92, 0.08))[0]
    if unit in ("metre", "kilogram", "litre"):
        return rng.choices((0, 1, 2), (0.25, 0.45, 0.30))[0]
    return rng.choices((0, 1, 2), (0.38, 0.44, 0.18))[0]


def length_wording(rng: random.Random, longest: float, *, below: float = 0.25, bare: bool = False) -> Wording:
    """A wording for a body whose longest side has so many centimetres."""
    shares: dict[tuple[str, ...], float] = {
        ("inch",): 0.34, ("centimetre",): 0.27, ("inch", "centimetre"): 0.10, ("centimetre", "inch"): 0.15,
    }  # fmt: skip
    if longest < 70:
        shares[("millimetre",)] = 0.13 if longest < 25 else 0.05
        shares |= {("millimetre", "inch"): 0.04, ("inch", "millimetre"): 0.02}
    if longest > 100:
        shares |= {("foot",): 0.07, ("metre",): 0.05, ("foot", "metre"): 0.01, ("metre", "foot"): 0.01}
    return wording(rng, weighted(rng, shares), below=below, bare=bare)


def weight_wording(rng: random.Random, grams: float, *, below: float = 0.05) -> Wording:
    """A wording for a weight."""
    metric = "kilogram" if grams >= 5000 or (grams >= 1000 and rng.random() < 0.85) else "gram"
    imperial = "pound" if grams >= 450 and rng.random() < 0.75 else "ounce"
    units = rng.choices([(metric,), (imperial,), (imperial, metric), (metric, imperial)], (0.42, 0.20, 0.26, 0.12))[0]
    return wording(rng, units, below=below)


def volume_wording(rng: random.Random, millilitres: float, *, below: float = 0.08) -> Wording:
    """A wording for a content or a capacity."""
    metric = "litre" if millilitres >= 1000 and rng.random() < 0.85 else "millilitre"
    if metric == "millilitre" and millilitres >= 100 and rng.random() < 0.05:
        metric = "centilitre"
    imperial = "fluid ounce"
    if millilitres > 900:
        imperial = rng.choices(("fluid ounce", "quart", "gallon"), (0.6, 0.15, 0.25))[0]
    units = rng.choices([(metric,), (imperial,), (imperial, metric), (metric, imperial)], (0.40, 0.18, 0.28, 0.14))[0]
    return wording(rng, units, below=below)


# drawn pictures


def drawn_wording(rng: random.Random, units: Sequence[str], *, fractions: bool = False) -> Wording:
    """A wording for these units; `fractions` allows quarters where the first is the inch."""
    forms = tuple(rng.choice(DRAWN_FORMS[unit]) for unit in units)
    joiner = rng.choice(_DRAWN_JOINERS)
    fraction = 4 if fractions and units[0] == "inch" and rng.random() < 0.3 else 0
    comma = units[0] == "centimetre" and rng.random() < 0.15
    return Wording(tuple(units), forms, tuple(_DRAWN_DECIMALS.get(unit, 1) for unit in units), joiner, comma, fraction)


def drawn_length(rng: random.Random, longest: float) -> Wording:
    """A wording for a product whose largest side is that long: inches, centimetres, both, seldom other units."""
    pairs = [("inch",), ("centimetre",), ("inch", "centimetre"), ("centimetre", "inch"), ("inch",), ("centimetre",)]
    if longest < 60:
        pairs += [("millimetre",), ("millimetre", "inch")]
    if longest > 120:
        pairs += [("foot",), ("metre",)]
    return drawn_wording(rng, rng.choice(pairs), fractions=True)


def drawn_weight(rng: random.Random, grams: int) -> Statement:
    """A pack's weight in one unit or in two."""
    metric = "kilogram" if grams >= 1000 else "gram"
    imperial = "pound" if grams >= 900 else "ounce"
    units = rng.choice([(metric,), (imperial, metric), (metric, imperial), (imperial,)])
    return drawn_wording(rng, units).state(grams)


def drawn_volume(rng: random.Random, millilitres: int) -> Statement:
    """A content in one unit or in two."""
    metric = "litre" if millilitres >= 1000 and millilitres % 100 == 0 else "millilitre"
    units = rng.choice([(metric,), ("fluid ounce", metric), (metric, "fluid ounce")])
    return drawn_wording(rng, units).state(millilitres)


def drawn_range(rng: random.Random, low: int, high: int, unit: str) -> Statement:
    """A range such as 100-240V: the upper number is the value, the lower is equally right."""
    dash = rng.choice(["-", " - ", "~"])
    low_text = f"{low}{DRAWN_FORMS[unit][0]}" if rng.random() < 0.2 else f"{low}"
    text = f"{low_text}{dash}{high}{rng.choice(DRAWN_FORMS[unit][:2])}"
    return Statement(text, Quantity(Decimal(high), unit), (Quantity(Decimal(low), unit),))


def drawn_number(rng: random.Random, number: int | str, unit: str) -> Statement:
    """One number and its unit."""
    return Statement(f"{number}{rng.choice(DRAWN_FORMS[unit])}", Quantity(Decimal(number), unit))
