"""Units: canonical names, the kind and size of each, and every surface form that people print.

Covers the 31 legal units of the challenge, and further units people print beside them, so that these are recognised
and never misread as a legal one (5 mAh is not 5 m, 120 psi is not anything we want). Nothing is converted into an
answer: `factor` serves only to see that "5 kg (11 lb)" says one thing twice.

Exact sizes: whether two quantities are one size in two units. Only to compare; nothing is ever converted. And bounds:
what no product can be (`implausible`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

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


def _unit(name: str, kind: str, factor: float, forms: str, cased: str = "", slips: str = "") -> Unit:
    """One row of the table; forms are split at commas because some hold a space."""

    def split(text: str) -> tuple[str, ...]:
        return tuple(form.strip() for form in text.split(",") if form.strip())

    return Unit(name, kind, factor, (name, *split(forms)), split(cased), split(slips))


# Sizes: NIST Special Publication 811, appendix B (US customary units except the imperial gallon; ton is the short ton
# or the tonne, which differ by less than the tolerance of the comparison).
# fmt: off
UNITS: tuple[Unit, ...] = (
    _unit("millimetre", "length", 0.001, "mm, mms, milimetre, millimetres, millimeter, millimeters, millimètre, "
          "millimètres, milímetro, milímetros, milimetros, millimetri, millimetro, 毫米, мм", slips="mrn, rnm"),
    _unit("centimetre", "length", 0.01, "cm, cms, ctm, cmt, cmts, centimetres, centimeter, centimeters, zentimeter, "
          "centimètre, centimètres, centímetro, centímetros, centimetros, centimetri, centimetro, 厘米, 公分, см",
          slips="crn, cmn, cin, cmm, ccmm, om, em"),
    _unit("metre", "length", 1.0, "m, mtr, mtrs, mt, mts, metres, meter, meters, mètre, mètres, metro, metros, metri, "
          "米, м"),
    _unit("inch", "length", 0.0254, 'in, ins, inches, inchs, inche, pouce, pouces, po, zoll, pulgada, pulgadas, '
          'pulg, pollici, pollice, ", \'\', 英寸', slips="lnch, lnches, 1nch, ln, inchcs, lnchs, im"),
    _unit("foot", "length", 0.3048, "ft, fts, feet, foots, feets, pied, pieds, fuß, piedi, '"),
    _unit("yard", "length", 0.9144, "yd, yds, yards"),

    _unit("microgram", "weight", 1e-6, "ug, mcg, mcgs, micrograms, microgramme, microgrammes, microgramm"),
    _unit("milligram", "weight", 1e-3, "mg, mgs, mgm, milligrams, milligramme, milligrammes, milligramm, miligramos, "
          "miligramo, milligrammi, мг", slips="mq"),
    _unit("gram", "weight", 1.0, "g, gm, gms, gr, grs, gram, grams, gramm, gramme, grammes, gramo, gramos, grammi, "
          "grammo, gramas, grama, 克, г, гр"),
    _unit("kilogram", "weight", 1e3, "kg, kgs, kgm, kilo, kilos, kilograms, kilogramme, kilogrammes, kilogramm, "
          "kilogramo, kilogramos, chilogrammi, chilogrammo, quilos, 千克, 公斤, кг", slips="kq, kqs, k9, xg"),
    _unit("ounce", "weight", 28.349523125, "oz, ozs, ounces, onza, onzas, onces, unze, unzen",
          slips="0z, 02, o2, ozz"),
    _unit("pound", "weight", 453.59237, "lb, lbs, lbm, pounds, pds, livre, livres, libra, libras, pfund, libbre",
          slips="ib, ibs, 1b, 1bs, |b, |bs, lhs, lbz, bbs, bs, llb, llbs, ilb, ilbs"),
    _unit("ton", "weight", 1e6, "t, tons, tonne, tonnes, tonnen, tonelada, toneladas, metric ton, metric tons, "
          "short ton, short tons"),

    _unit("millivolt", "voltage", 1e-3, "mv, millivolts"),
    _unit("volt", "voltage", 1.0, "v, volts, vac, vdc, v ac, v dc, vcc, vca, volt ac, volt dc, volts ac, volts dc, "
          "v-ac, v-dc, volte, voltios, voltio, вольт, В", slips="voit, voits, vo1t, vo1ts, vdo"),
    _unit("kilovolt", "voltage", 1e3, "kv, kilovolts"),
    _unit("megavolt", "voltage", 1e6, "megavolts", cased="MV"),

    _unit("milliwatt", "power", 1e-3, "milliwatts", cased="mW"),
    _unit("watt", "power", 1.0, "w, watts, wat, wats, watios, vatios, вт"),
    _unit("kilowatt", "power", 1e3, "kw, kilowatts, квт"),
    _unit("megawatt", "power", 1e6, "megawatts", cased="MW"),
    _unit("horsepower", "power", 745.7, "hp, horse power, bhp"),

    _unit("microlitre", "volume", 1e-6, "ul, microlitres, microliter, microliters"),
    _unit("millilitre", "volume", 1e-3, "ml, mls, millilitres, milliliter, milliliters, mililitre, mililitros, "
          "millilitri, 毫升, мл", slips="m1, mi"),
    _unit("centilitre", "volume", 1e-2, "cl, cls, centilitres, centiliter, centiliters, сл", slips="c1"),
    _unit("decilitre", "volume", 1e-1, "dl, decilitres, deciliter, deciliters"),
    _unit("litre", "volume", 1.0, "l, lt, ltr, ltrs, lts, litres, liter, liters, litro, litros, litri, lit, ℓ, 升, л"),
    _unit("fluid ounce", "volume", 0.0295735295625, "fl oz, fl ozs, floz, fluid ounces, fluid oz, fl ounce, fl ounces, "
          "oz fl, us fl oz, uk fl oz, oz liq, liquid oz, liquid ounce, liquid ounces, onces liquides, onzas líquidas, "
          "onza líquida, oz líq, flozs, fz", slips="fl 0z, f1 oz, fi oz, fl 02, fl0z, fioz, f1oz, fl o2, ft oz, f oz, "
          "fl ox, floz0, fi 0z, f1 0z, floi"),
    _unit("cup", "volume", 0.2365882365, "cups, tasse, tassen, taza, tazas"),
    _unit("pint", "volume", 0.473176473, "pt, pts, pints, pinte, us pint, us pints, liquid pint, dry pint"),
    _unit("quart", "volume", 0.946352946, "qt, qts, quarts, qrt, us qt, us quart, us quarts, liq qt, dry quart"),
    _unit("gallon", "volume", 3.785411784, "gal, gals, gallons, us gal, us gals, us gallon, us gallons, galón, "
          "galones, galon, gln"),
    _unit("imperial gallon", "volume", 4.54609, "imp gal, imp gals, imp gallon, imp gallons, imperial gallons, "
          "imperial gal, uk gal, uk gallon, uk gallons"),
    _unit("cubic inch", "volume", 0.016387064, "cu in, cubic in, cubic inches, in3, inch3, cu inch, cu inches, cuin"),
    _unit("cubic foot", "volume", 28.316846592, "cu ft, cubic ft, cubic feet, ft3, cuft, cu feet, cu foot, feet3, cf"),

    # Not asked for, but printed: known here so that no part of them passes for one of the above.
    _unit("kilometre", "length", 1e3, "km, kms, kilometres, kilometer, kilometers, км"),
    _unit("decimetre", "length", 0.1, "dm, decimetres, decimeter, decimeters"),
    _unit("micrometre", "length", 1e-6, "um, micron, microns, micrometer, micrometers"),
    _unit("mile", "length", 1609.344, "miles"),
    _unit("cubic centimetre", "volume", 1e-3, "cc, ccm, cm3, cubic cm, cubic centimeter, cubic centimeters, "
          "cubic centimetres, cu cm"),
    _unit("cubic metre", "volume", 1e3, "m3, cbm, cubic meter, cubic meters, cubic metres"),
    _unit("teaspoon", "volume", 0.00492892, "tsp, teaspoons"),
    _unit("tablespoon", "volume", 0.0147868, "tbsp, tablespoons"),
    _unit("square metre", "other", 0, "m2, sqm, sq m, square meter, square meters, square metres, sq mtr, mm2, cm2, "
          "sq cm, sq mm, square cm, square centimeters"),
    _unit("square foot", "other", 0, "sq ft, sqft, ft2, square ft, square feet, sq feet, sf"),
    _unit("square inch", "other", 0, "sq in, in2, square inches, sq inch, square in"),
    _unit("square yard", "other", 0, "sq yd, square yards, sq yards"),
    _unit("ampere", "other", 0, "amp, amps, amperes, amper", cased="A"),
    _unit("milliampere", "other", 0, "ma, milliamp, milliamps"),
    _unit("ampere hour", "other", 0, "ah, amp hour, amp hours, amp hr"),
    _unit("milliampere hour", "other", 0, "mah"),
    _unit("watt hour", "other", 0, "wh, watt hour, watt hours, whr"),
    _unit("kilowatt hour", "other", 0, "kwh, kilowatt hours"),
    _unit("volt ampere", "other", 0, "va, kva"),
    _unit("hertz", "other", 0, "hz"),
    _unit("kilohertz", "other", 0, "khz"),
    _unit("megahertz", "other", 0, "mhz"),
    _unit("gigahertz", "other", 0, "ghz"),
    _unit("pound per square inch", "other", 0, "psi, psig"),
    _unit("bar", "other", 0, "bars"),
    _unit("pascal", "other", 0, "pa"),
    _unit("kilopascal", "other", 0, "kpa, mpa, hpa, mbar, atm"),
    _unit("degree", "other", 0, "degree, degrees, deg, °, °c, °f, ºc, ºf, º, celsius, fahrenheit, kelvin"),
    _unit("lumen", "other", 0, "lm, lumens"),
    _unit("lux", "other", 0, "lx, cd, candela, nit, nits"),
    _unit("newton", "other", 0, "n, kn, kgf, lbf"),
    _unit("newton metre", "other", 0, "nm, n m, ft lb, ft lbs, foot pound, foot pounds, "
          "inch pound, inch pounds, lb ft, ft-lbs, ft-lb, in-lbs, in-lb, lb-in, lb-ft"),
    _unit("joule", "other", 0, "j, kj"),
    _unit("calorie", "other", 0, "cal, kcal, calories, btu, btus"),
    _unit("second", "other", 0, "sec, secs, second, seconds, ms, s"),
    _unit("minute", "other", 0, "min, mins, minute, minutes"),
    _unit("hour", "other", 0, "h, hr, hrs, hour, hours"),
    _unit("day", "other", 0, "days, week, weeks, month, months, mos, year, years, yr, yrs"),
    _unit("per cent", "other", 0, "%, percent, pct"),
    _unit("international unit", "other", 0, "iu"),
    _unit("piece", "other", 0, "pc, pcs, pieces, pack, packs, pk, count, ct, tablets, capsules, servings, serving, "
          "sachets, bags, units, pair, pairs, sets, ply"),
    _unit("person", "other", 0, "people, persons"),
    _unit("gigabyte", "other", 0, "gb"),
    _unit("megabyte", "other", 0, "mb, kb, tb, gbps, mbps"),
    _unit("pixel", "other", 0, "px, mp, dpi, pixels"),
    _unit("revolution per minute", "other", 0, "rpm, fps"),
    _unit("decibel", "other", 0, "db, dba, dbi"),
    _unit("carat", "other", 0, "carats, ctw"),
    _unit("gauge", "other", 0, "awg, ga, gsm, denier, grit, mil, mils"),
    _unit("mile per hour", "other", 0, "mph, kmh"),
    _unit("gallon per minute", "other", 0, "gpm, gph, lph, cfm"),
    _unit("ohm", "other", 0, "ohms"),
)
# fmt: on

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


def kind_of(name: str) -> str:
    """The kind of a canonical unit name; "" for a name that is not in the table (a user's own unit)."""
    unit = BY_NAME.get(name)
    return "" if unit is None else unit.kind


def same_size(value: float, unit: str, other: float, other_unit: str) -> bool:
    """Whether two quantities of one kind can be one size said twice: within 20 %, because packs round freely."""
    first, second = BY_NAME.get(unit), BY_NAME.get(other_unit)
    if first is None or second is None or first.kind != second.kind or not first.factor or not second.factor:
        return False
    left, right = value * first.factor, other * second.factor
    return abs(left - right) <= 0.2 * max(left, right)


_BOUNDS: dict[str, tuple[float, float, str]] = {  # in base units, from the smallest to the largest goods there are
    "length": (1e-6, 1e4, "0.001 millimetre to 10 kilometre"),  # gold leaf and foil; a cone of 10,000 yards of thread
    "weight": (1e-7, 1e9, "0.1 microgram to 1000 ton"),  # a vitamin; the load of the largest jacks and presses
    "voltage": (1e-3, 1e7, "1 millivolt to 10,000 kilovolt"),  # a sensor's signal; what stun guns claim
    "power": (1e-3, 1e7, "1 milliwatt to 10,000 kilowatt"),  # a laser pointer; ten times the largest generator sets
    "volume": (1e-7, 1e6, "0.1 microlitre to 1,000,000 litre"),  # a pipette; a large swimming pool
}
_LARGEST_NUMBER = 10**7
"""A size of more is printed in a larger unit: what has eight digits is the code of an article, a lot or a date."""


def implausible(quantity: Quantity) -> str:
    """Why no product has this quantity; "" for one that some product may have, or whose kind has no bounds.

    For the absurd only (a bar code before a "g", a broken decimal): sellers offer goods from foil to silos.
    """
    unit = BY_NAME.get(quantity.unit)
    if unit is None or unit.kind not in _BOUNDS:
        return ""
    least, most, said = _BOUNDS[unit.kind]
    if quantity.value < _LARGEST_NUMBER and least <= float(quantity.value) * unit.factor <= most * (1 + 1e-9):
        return ""
    return f"no product has {quantity.text} ({unit.kind} from {said}, in fewer than eight digits)"


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
