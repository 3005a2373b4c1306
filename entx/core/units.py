"""Units: canonical names, the kind and size of each, and every surface form that people print.

Covers the 31 legal units of the challenge, and further units people print beside them, so that these are recognised
and never misread as a legal one (5 mAh is not 5 m, 120 psi is not anything we want). Nothing is converted into an
answer: `factor` serves only to see that "5 kg (11 lb)" says one thing twice.

Exact sizes: whether two quantities are one size in two units. Only to compare; nothing is ever converted. And bounds:
what no product can be (`implausible`).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib import resources

from rapidfuzz import fuzz, process

from entx.core.types import Alignment, Quantity


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit."""

    name: str  # canonical singular name
    kind: str  # length, weight, voltage, power, volume, or "other"
    factor: float  # size in the kind's base unit (metre, gram, volt, watt, litre); 0 where nobody compares
    forms: tuple[str, ...]  # surface forms, lower case, matched in any case
    cased: tuple[str, ...] = ()  # forms whose case carries the meaning; they win over `forms`
    slips: tuple[str, ...] = ()  # forms that only an OCR engine writes; a match by one is FUZZY


def _shipped() -> tuple[Unit, ...]:
    def forms(row: dict[str, str], key: str) -> tuple[str, ...]:
        return tuple(form.strip() for form in row.get(key, "").split(",") if form.strip())

    table = tomllib.loads(resources.files("entx").joinpath("recipes", "units.toml").read_text(encoding="utf-8"))
    return tuple(
        Unit(
            name,
            row["kind"],
            row.get("size", 0.0),
            (name, *forms(row, "forms")),
            forms(row, "cased"),
            forms(row, "slips"),
        )
        for name, row in table.items()
    )


UNITS = _shipped()
"""The table of `entx/recipes/units.toml`."""

BY_NAME: dict[str, Unit] = {unit.name: unit for unit in UNITS}
_CASED: dict[str, Unit] = {form: unit for unit in UNITS for form in unit.cased}
_SLIPS: dict[str, Unit] = {form: unit for unit in UNITS for form in unit.slips}
_FORMS: dict[str, Unit] = {form.lower(): unit for unit in reversed(UNITS) for form in unit.forms}
_LONGEST = max(map(len, _FORMS))

MULTI_WORD_HEADS = frozenset(
    form.replace("-", " ").split()[0] for form in (*_FORMS, *_SLIPS) if " " in form or "-" in form
)
"""First words of forms that have more than one word."""

_ENGLISH = re.compile(r"(?:met(?:er|re)|gram|inch|inche|pound|ounce|gallon|quart|lit(?:er|re)|volt|watt|gramm)s?")
_LONG = [form for form, unit in _FORMS.items() if len(form) >= 6 and _ENGLISH.search(form) and " " not in form]
_FUZZY_FLOOR = 84.0  # "kilogrms" 94, "centimetter" 95, "milimeter" 95; "parameter" 71
_NOT_UNITS = frozenset({
    "bounces", "centimes", "cinches", "clinches", "diameters", "dimeter", "finches", "kilometric", "linches",
    "litters", "meteors", "microfilter", "micrometric", "pinches", "quarters", "winches",
})  # fmt: skip


@lru_cache(maxsize=16384)
def lookup(form: str) -> tuple[Unit, Alignment] | None:
    """The unit that a printed form means, and how surely; None when it is no unit.

    EXACT is the form in the table, FUZZY an OCR slip or a misspelt long word (never a short abbreviation). The form is
    one or more words as printed, inner spaces single, without trailing dot, "µ" written "u".
    """
    unit = _CASED.get(form) or _FORMS.get(form.lower())
    if unit is not None:
        return unit, Alignment.EXACT
    word = form.lower()
    unit = _SLIPS.get(word)
    if unit is not None:
        return unit, Alignment.FUZZY
    if not 6 <= len(word) <= _LONGEST or not word.isalpha() or word in _NOT_UNITS:
        return None
    best = process.extractOne(word, _LONG, scorer=fuzz.ratio, score_cutoff=_FUZZY_FLOOR)
    return None if best is None else (_FORMS[best[0]], Alignment.FUZZY)


_CHILD = (
    r"\b(?:size|taille|talla|taglia|tamanho|größe|toddlers?|girls?|boys?|kids?|bab(?:y|ies)|newborn|infants?|age)\b"
)
OTHER_SENSES = {  # of a form: where it stands, and anywhere in the text
    form: (re.compile(here, re.IGNORECASE), re.compile(anywhere, re.IGNORECASE))
    for forms, here, anywhere in (
        # counts of threads and teeth; toddlers' sizes
        ("T", r"T[ ]?(?:poly|nylon|pongee|taffeta|oxford|cotton|ripstop|fabric|PU(?![a-z])|PVC|TCT|teeth|tooth|chain)"
         r"|T-?[ ]?shirt", rf"{_CHILD}|\b[2-6]T[ ]?[-/~,; ][ ]?[2-6]T\b"
         r"|[0-9]T[ ]?\([0-9] (?:y|ans|años)|\bUS [2-6]T\b"),
        # networks, memory
        ("G", r"G[ ]?(?:wifi|wi-fi|wireless|network|lte|hz|ghz|band|mobile|signal|phone|&|/ ?[2345]|RAM|ROM|TF|SD"
         r"|memory|flash|DDR|storage|SSD|\+[ ]?[0-9]|-clamp)|(?:(?<=2\.4)|(?<=5\.8)|(?<=2\.4 )|(?<=\+[0-9]{3}))G",
         "(?!)"),
        # a brand, a shoe's width, months
        ("M", r"M(?:[ ]?(?:TM|Scotch|VHB|adhesive|tape|Command|glue|sticker|double|brand|US|UK|EU)\b|\+)|(?<=/100)M",
         r"\bsize[: ]*[0-9.]+[ ]?M\b(?![ ]?[xX*])|\b(?:newborn|bab(?:y|ies)|toddlers?|infants?|romper)\b"
         r"|(?<![0-9.])(?:0-3|0-6|3-6|6-9|6-12|9-12|12-18|18-24)[ ]?M\b"),
        ("m", r"m(?:\+|'s)", "(?!)"),
        ("L V", ".-(?:shape|bracket|belt|bar|hook|type|clamp)", "(?!)"),
        ("mi Mi MI", "(?<=[.,][0-9])mi|(?<=[.,][0-9] )mi", r"\brange|distan|miles?\b|mph|per charge|\bup to|\bride"),
        ("г", r"(?:(?<=\b(?:19|20)[0-9]{2})|(?<=\b(?:19|20)[0-9]{2} ))г", "(?!)"),  # 2024 г. is a year
        ("once", "once[ ](?!di |liq|flu)[a-z]", "(?!)"),  # 12 once are ounces in Italy
    )
    for form in forms.split()
}  # fmt: skip


def means_something_else(text: str, start: int, form: str) -> bool:
    """Whether one of these forms, at `start` behind a number, is no unit there: size 4T, 2.4G, 3M tape, 20 mi."""
    here, anywhere = OTHER_SENSES[form]
    return (here.match(text, start) or anywhere.search(text)) is not None


def kind_of(name: str) -> str:
    """The kind of a canonical unit name; "" for a name that is not in the table (a user's own unit)."""
    unit = BY_NAME.get(name)
    return "" if unit is None else unit.kind


def same_size(value: float, unit: str, other: float, other_unit: str, tolerance: float = 0.2) -> bool:
    """Whether two quantities of one kind can be one size said twice: within 20 %, because packs round freely."""
    first, second = BY_NAME.get(unit), BY_NAME.get(other_unit)
    if first is None or second is None or first.kind != second.kind or not first.factor or not second.factor:
        return False
    left, right = value * first.factor, other * second.factor
    return abs(left - right) <= tolerance * max(left, right)


_BOUNDS: dict[str, tuple[float, float, str]] = {  # in base units, from the smallest to the largest goods there are
    "length": (1e-6, 1e4, "0.001 millimetre to 10 kilometre"),  # gold leaf and foil; a cone of 10,000 yards of thread
    "weight": (1e-7, 1e9, "0.1 microgram to 1000 ton"),  # a vitamin; the load of the largest jacks and presses
    "voltage": (1e-3, 1e6, "1 millivolt to 1000 kilovolt"),  # a sensor's signal; insulators of power lines
    "power": (1e-3, 1e7, "1 milliwatt to 10,000 kilowatt"),  # a laser pointer; ten times the largest generator sets
    "volume": (1e-7, 1e6, "0.1 microlitre to 1,000,000 litre"),  # a pipette; a large swimming pool
}
_LARGEST_NUMBER = 10**6
"""A size of more is printed in a larger unit: what has seven digits is the code of an article, a lot or a date."""


def implausible(quantity: Quantity) -> str:
    """Why no product has this quantity; "" for one that some product may have, or whose kind has no bounds.

    For the absurd only (a bar code before a "g", a broken decimal): sellers offer goods from foil to silos.
    """
    unit = BY_NAME.get(quantity.unit)
    if unit is None or unit.kind not in _BOUNDS:
        return ""
    least, most, said = _BOUNDS[unit.kind]
    if quantity.value <= _LARGEST_NUMBER and least <= float(quantity.value) * unit.factor <= most * (1 + 1e-9):
        return ""
    return f"no product has {quantity.text} ({unit.kind} from {said}, and no number over a million)"


_AMBIGUOUS = frozenset({"ton", "horsepower"})
"""Units with several sizes (short ton and tonne, metric and mechanical): equal only to themselves."""

_EXACT: dict[str, tuple[str, Fraction]] = {
    unit.name: (unit.kind, Fraction(repr(unit.factor)))  # the decimal as it stands in the table, not its nearest float
    for unit in UNITS
    if unit.factor and unit.name not in _AMBIGUOUS
}

Size = tuple[str, Fraction]
"""A kind ("weight") and a number of its base units; for a unit that cannot be converted, the unit and the number."""


@lru_cache(maxsize=65536)
def exact_size(quantity: Quantity) -> Size:
    """The size of a quantity; equal for 500 gram and 0.5 kilogram, different for 5 kilogram and 11 pound."""
    kind, factor = _EXACT.get(quantity.unit, (quantity.unit, Fraction(1)))
    return kind, Fraction(quantity.value) * factor


@lru_cache(maxsize=65536)
def same_in_print(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities in different units are one size as packs print it twice: 5 kilogram (11 pound).

    Each must be the other, converted and rounded to its own decimals: 5 kg are 11.02 lb and 11 lb are 4.99 kg. 1 kg and
    800 g are not: 1 kg is 1000 g. Symmetric, not transitive.
    """
    if one.unit == other.unit or exact_size(one)[0] != exact_size(other)[0]:
        return False
    return _rounds_to(one, other) and _rounds_to(other, one)


def _rounds_to(one: Quantity, other: Quantity) -> bool:
    """Whether `one`, in the unit of `other`, lies within half of the last place of `other`."""
    kind = _EXACT.get(other.unit)
    if kind is None:
        return False
    exponent = other.value.normalize().as_tuple().exponent
    decimals = max(-exponent, 0) if isinstance(exponent, int) else 0
    return abs(exact_size(one)[1] / kind[1] - Fraction(other.value)) <= Fraction(1, 2 * 10**decimals)
