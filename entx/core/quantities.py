"""Quantities found as spans in text.

`find_quantities` reads one line of text in four steps: every number with the unit that stands at it (`numerals`,
`unit_scan`), compounds (5'11"), links between neighbours (x, ranges, "the same again"), and axis labels. It covers
every unit of `entx.core.units`, legal for some entity or not; it does not judge which quantity answers a question
(`candidates`, `postprocess`) and never converts, with one exception that it marks: feet and inches of one size, and
pounds and ounces, become inches and ounces (5'11" -> 71 inch), because there is no other way to write them as one
number and unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from entx.core.expressions import RANK, Found, label, link, merge_compounds, share
from entx.core.glyphs import plain
from entx.core.numerals import START, Number, read_number, repair_number
from entx.core.quantity import Quantity
from entx.core.types import Alignment
from entx.core.unit_scan import UnitAt, unit_before, unit_behind
from entx.core.units import same_size


@dataclass(frozen=True, slots=True)
class QuantityMatch:
    """A quantity found in a text.

    Args:
        quantity: number as an exact decimal, canonical unit.
        start, end: the span in the text it was found in (of the number and its unit where that stands beside it).
        alignment: EXACT, NORMALISED or FUZZY (see `Alignment`).
        label: the axis letter or word written with the number, lower case ("h", "width"), "" where there is none.
        group: matches of one expression (a range, `10 x 5 x 3 cm`, `5 kg (11 lb)`) share a number >= 0 and stand in
            order; -1 for a match on its own.
        role: what it is in its group: "" | "low" | "high" (range) | "axis" (of A x B x C) | "same" (the same size
            said again in another unit).
    """

    quantity: Quantity
    start: int
    end: int
    alignment: Alignment
    label: str = ""
    group: int = -1
    role: str = ""


_HAS_DIGIT = re.compile(r"[0-9½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]")
_WHOLE_UNITS = frozenset({"gram", "millilitre", "watt", "milligram", "microgram"})
_DOT_GROUP = re.compile(r"[1-9][0-9]{0,2}\.[0-9]00")
_DIGIT_IN_UNIT = re.compile(r"(?:0[Zz]|1[bB][sS]?)(?![A-Za-z0-9])")  # 640Z is 64 OZ, 501b is 50 lb
_GLUE_WORDS = (
    "net", "wt", "weight", "capacity", "height", "width", "length", "depth", "voltage", "power", "wattage", "volume",
    "input", "output", "load", "max", "min", "up", "to", "ac", "dc", "about", "approx", "ca", "content", "contents",
    "size", "diameter", "dia", "battery", "usb", "motor", "of", "by",
)  # fmt: skip
_SINGLE_GLUE = frozenset("hwdlxHWDLTXøØΦφ")
_PER_HUNDRED = re.compile(r"/ ?100 ?(g|G|ml|mL|ML)$")
_BARE_STOP = re.compile(r"[\w%°$€£]|[.,:/-][0-9]")


def find_quantities(text: str, default_unit: str | None = None) -> list[QuantityMatch]:
    """All quantities of a line of text, in order of their place.

    Args:
        text: any text; a quantity never crosses a line break.
        default_unit: canonical unit of bare numbers ("unit: mm" stated elsewhere); None leaves bare numbers out.
    """
    shown = plain(text)
    if _HAS_DIGIT.search(shown.text) is None:
        return []
    found = _scan(shown.text)
    if default_unit is not None:
        _apply_default(shown.text, found, default_unit)
    if any(one.unit for one in found):
        found = merge_compounds(shown.text, found)
        if len(found) > 1:
            link(shown.text, found)
        label(shown.text, found)
    return [
        QuantityMatch(
            Quantity(one.value, one.unit),
            *shown.span(one.start, one.end),
            one.alignment,
            one.label,
            one.group,
            one.role,
        )
        for one in found
        if one.unit
    ]


def _scan(text: str) -> list[Found]:
    """Every number of the text, with its unit where one stands at it."""
    found: list[Found] = []
    floor = position = 0
    while (match := START.search(text, position)) is not None:
        start = match.start()
        number, unit = _read(text, start)
        if number is None:
            position = _past_digits(text, start)
            continue
        position = number.end if unit is None else unit.end
        if not _may_start(text, start, floor):
            if unit is not None:
                position = number.end
            continue
        one = Found(number.value, start, position, number.alignment)
        if unit is not None:
            _set_unit(one, unit)
        elif (before := unit_before(text, start, floor)) is not None:
            _set_unit(one, before)
            one.start, one.end = before.end, number.end
        found.append(one)
        floor = position
    return found


def _read(text: str, start: int) -> tuple[Number | None, UnitAt | None]:
    """The number at `start` and its unit; OCR slips are repaired only where that yields a unit."""
    number = read_number(text, start) if not text[start].isalpha() and text[start] != "|" else None
    unit = None if number is None else unit_behind(text, number.end)
    if unit is not None and number is not None:
        return number, _unless_the_same_again(text, number, unit)
    following = text[number.end : number.end + 2] if number is not None else text[start]
    if number is not None and (match := _DIGIT_IN_UNIT.match(text, number.end - 1)) is not None:
        short = read_number(text[start : number.end - 1].rstrip("."), 0)
        if short is not None:
            name = "ounce" if match[0][0] == "0" else "pound"
            return Number(short.value, number.end, Alignment.FUZZY), UnitAt(name, match.end(), Alignment.FUZZY)
    if following[:1] in "OoIl|SsB.," and following:
        repaired = repair_number(text, start)
        if repaired is not None:
            unit = unit_behind(text, repaired.end)
            if unit is not None:
                return repaired, unit
    return number, None


def _unless_the_same_again(text: str, number: Number, unit: UnitAt) -> UnitAt:
    """ "3.5oz/100g" says one weight twice and is no rate, unlike "12g/100g"."""
    if unit.unit.endswith(" per") and (below := _PER_HUNDRED.search(text, number.end, unit.end)) is not None:
        name = unit.unit.removesuffix(" per")
        again = "gram" if below[1] in "gG" else "millilitre"
        if name != again and same_size(float(number.value), name, 100.0, again):
            return UnitAt(name, below.start(), unit.alignment)
    return unit


def _past_digits(text: str, start: int) -> int:
    end = start + 1
    while end < len(text) and (text[end].isdigit() or text[end] in ".,") and text[start].isdigit():
        end += 1
    return end


def _may_start(text: str, start: int, floor: int) -> bool:
    """Whether a number may begin here: not inside a model code, a version or a price."""
    if start == 0 or start == floor:
        return True
    before = text[start - 1]
    if before in "$€£" or (before == "." and start > 1 and text[start - 2].isdigit()):
        return False
    if not before.isalpha():
        return not (before == "_" and start > 1 and text[start - 2].isdigit())
    begin = start - 1
    while begin > floor and text[begin - 1].isalpha():
        begin -= 1
    word = text[begin:start]
    if len(word) == 1:
        return word in _SINGLE_GLUE and not (begin > floor and text[begin - 1].isdigit() and word not in "xX")
    if not word.isascii() or word.lower().endswith(_GLUE_WORDS):
        return True
    return len(word) >= 3 and (word[1:].islower() or (len(word) >= 5 and not word.isupper()))  # ProCORE18V


def _set_unit(one: Found, unit: UnitAt) -> None:
    if unit.unit in _WHOLE_UNITS and _DOT_GROUP.fullmatch(str(one.value)):
        one.value *= 1000  # 1.500 g: nobody prints a pack's grams to three decimals that end in 00
        one.alignment = Alignment.NORMALISED
    one.unit, one.label = unit.unit, unit.label
    if RANK[unit.alignment] > RANK[one.alignment]:
        one.alignment = unit.alignment


def _apply_default(text: str, found: list[Found], unit: str) -> None:
    for one in found:
        glued = one.start > 0 and _BARE_STOP.match(text[one.start - 1]) is not None
        single_letter = glued and (one.start < 2 or not text[one.start - 2].isalnum())
        if not one.unit and (not glued or single_letter) and not _BARE_STOP.match(text, one.end):
            share(one, unit)
