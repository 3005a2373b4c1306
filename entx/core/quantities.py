"""Quantities found as spans in text.

`find_quantities` reads one line of text in four steps: every number with the unit that stands at it (`numerals`,
`unit_scan`), compounds (5'11"), links between neighbours (x, ranges, "the same again"), and axis labels. It covers every
unit of `entx.core.units`, legal for some entity or not; it does not judge which quantity answers a question
(`candidates`, `postprocess`) and never converts, with one exception that it marks: feet and inches of one size, and
pounds and ounces, become inches and ounces (5'11" -> 71 inch), because there is no other way to write them as one
number and unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from entx.core.axes import label_at, labels_of_list
from entx.core.glyphs import plain
from entx.core.numerals import START, Number, read_number, repair_number
from entx.core.quantity import Quantity
from entx.core.types import Alignment
from entx.core.unit_scan import UnitAt, unit_before, unit_behind
from entx.core.units import kind_of, same_size


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


@dataclass(slots=True)
class _Found:
    """A number on its way to a match; `unit` is "" while none is known."""

    value: Decimal
    start: int
    end: int
    alignment: Alignment
    unit: str = ""
    label: str = ""
    group: int = -1
    role: str = ""


_HAS_DIGIT = re.compile(r"[0-9½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]")
_RANK = {Alignment.EXACT: 0, Alignment.NORMALISED: 1, Alignment.FUZZY: 2}
_LINK = re.compile(
    r"""[ ]*(?:[(\[]?[ ]?[A-Za-zøØ]{0,8}\.?[ ]?[)\]]?)[ ]*                 # a label of the left one
    (?: (?P<x>(?<![A-Za-z])(?:[xX*]|by|BY)|(?<=[HWDLTmMnN"'c)])[xX](?![A-Za-z]{2}))
      | (?P<r>-|~|(?<![A-Za-z])(?:to|TO|bis|hasta))
      | (?P<s>[/(\[=|;,]|≈|\bor|\bOR|(?:which\ is\ )?(?:approx\w*|equivalent\ to|equal\ to|about)\.?)
    )
    [ ]*(?:[(\[]?[ ]?[A-Za-zøØ]{0,8}[ ]?[:=.)\]]{0,2})[ ]*""",
    re.VERBOSE,
)
_WHOLE_UNITS = frozenset({"gram", "millilitre", "watt", "milligram", "microgram"})
_DOT_GROUP = re.compile(r"[1-9][0-9]{0,2}\.[0-9]00")
_JOINT = re.compile(r"[ ]?(?:,|&|and|-)?[ ]?")
_GLUE_WORDS = (
    "net", "wt", "weight", "capacity", "height", "width", "length", "depth", "voltage", "power", "wattage", "volume",
    "input", "output", "load", "max", "min", "up", "to", "ac", "dc", "about", "approx", "ca", "content", "contents",
    "size", "diameter", "dia", "battery", "usb", "motor", "of", "by",
)  # fmt: skip
_SINGLE_GLUE = frozenset("hwdltxHWDLTXøØ")
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
        found = _compound(shown.text, found)
        if len(found) > 1:
            _link(shown.text, found)
        _label(shown.text, found)
    return [
        QuantityMatch(
            Quantity(one.value, one.unit), *shown.span(one.start, one.end), one.alignment, one.label, one.group, one.role
        )
        for one in found
        if one.unit
    ]


def _scan(text: str) -> list[_Found]:
    """Every number of the text, with its unit where one stands at it."""
    found: list[_Found] = []
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
        one = _Found(number.value, start, position, number.alignment)
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
    if unit is not None:
        return number, unit
    following = text[number.end : number.end + 2] if number is not None else text[start]
    if number is not None and following[:1] in ("Z", "z") and text[number.end - 1] == "0" and number.end - start > 1:
        if not following[1:].isalnum():  # 640Z is 64 OZ, 5.50Z is 5.5 oz
            trimmed = text[start : number.end - 1].rstrip(".")
            short = read_number(trimmed, 0)
            if short is not None:
                return Number(short.value, number.end, Alignment.FUZZY), UnitAt("ounce", number.end + 1, Alignment.FUZZY)
        return number, None
    if following[:1] in "OoIl|SsB.," and following:
        repaired = repair_number(text, start)
        if repaired is not None:
            unit = unit_behind(text, repaired.end)
            if unit is not None:
                return repaired, unit
    return number, None


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
    return word.lower().endswith(_GLUE_WORDS) or (len(word) >= 3 and word[1:].islower()) or not word.isascii()


def _set_unit(one: _Found, unit: UnitAt) -> None:
    if unit.unit in _WHOLE_UNITS and _DOT_GROUP.fullmatch(str(one.value)):
        one.value *= 1000  # 1.500 g: nobody prints a pack's grams to three decimals that end in 00
        one.alignment = Alignment.NORMALISED
    one.unit, one.label = unit.unit, unit.label
    if _RANK[unit.alignment] > _RANK[one.alignment]:
        one.alignment = unit.alignment


def _share(one: _Found, unit: str) -> None:
    one.unit = unit
    if one.alignment is Alignment.EXACT:
        one.alignment = Alignment.NORMALISED


def _apply_default(text: str, found: list[_Found], unit: str) -> None:
    for one in found:
        glued = one.start > 0 and _BARE_STOP.match(text[one.start - 1]) is not None
        single_letter = glued and (one.start < 2 or not text[one.start - 2].isalnum())
        if not one.unit and (not glued or single_letter) and not _BARE_STOP.match(text, one.end):
            _share(one, unit)


def _compound(text: str, found: list[_Found]) -> list[_Found]:
    """Merges feet with inches and pounds with ounces."""
    merged: list[_Found] = []
    for one in found:
        last = merged[-1] if merged else None
        if last is not None and last.unit in ("foot", "pound") and last.value == last.value.to_integral_value():
            small, limit = ("inch", 12) if last.unit == "foot" else ("ounce", 16)
            gap = text[last.end : one.start]
            bare = not one.unit and last.unit == "foot" and not gap and text[last.end - 1] == "'"
            if (one.unit == small or bare) and one.value < limit and _JOINT.fullmatch(gap) and last.group < 0:
                merged[-1] = _Found(
                    last.value * limit + one.value, last.start, one.end, max(
                        Alignment.NORMALISED, last.alignment, one.alignment, key=_RANK.__getitem__
                    ), small, one.label or last.label, 0,
                )  # fmt: skip
                continue
        merged.append(one)
    for one in merged:
        one.group = -1
    return merged


def _link(text: str, found: list[_Found]) -> None:
    """Finds expressions: neighbours joined by x, a range sign, or a sign of repetition."""
    links = [_link_kind(text, left, right) for left, right in zip(found, found[1:], strict=False)]
    group = 0
    index = 0
    while index < len(links):
        if not links[index]:
            index += 1
            continue
        last = index
        while last < len(links) and links[last] and (links[last] == "r") == (links[index] == "r"):
            last += 1
        members, signs = found[index : last + 1], links[index:last]
        if _resolve(members, signs, group):
            group += 1
            index = last
        else:
            index += 1


def _link_kind(text: str, left: _Found, right: _Found) -> str:
    gap = text[left.end : right.start]
    if len(gap) > 32 or "\n" in gap:
        return ""
    if not gap.strip():
        return "s" if _again(left, right) else ""
    match = _LINK.fullmatch(gap)
    if match is None:
        return ""
    if match.lastgroup == "s" and not _again(left, right):
        return "a" if gap.strip() == "/" and (not left.unit or left.unit == right.unit) and right.unit else ""
    return match.lastgroup or ""


def _again(left: _Found, right: _Found) -> bool:
    return (
        bool(left.unit and right.unit)
        and left.unit != right.unit
        and same_size(float(left.value), left.unit, float(right.value), right.unit)
    )


def _resolve(members: list[_Found], signs: list[str], group: int) -> bool:
    """Gives the members of one expression their shared unit, group and roles; False when it is none after all."""
    if signs[0] == "r" or signs == ["a"]:
        return _resolve_range(members[:2], group)
    if "a" in signs:
        return False
    sizes = [members[0]]
    for sign, one in zip(signs, members[1:], strict=True):
        if sign == "s":
            one.role = "same"
        else:
            sizes.append(one)
    if len(sizes) > 1:
        units = {one.unit for one in sizes if one.unit}
        if not any(kind_of(unit) == "length" for unit in units):
            return _undo(members)  # 6 x 330 ml
        for position, one in enumerate(sizes):
            if not one.unit:
                known = [other.unit for other in sizes[position:] if other.unit] or [
                    other.unit for other in sizes[:position] if other.unit
                ][::-1]
                _share(one, known[0])
            one.role = "axis"
    for one in members:
        one.group = group
    return True


def _resolve_range(members: list[_Found], group: int) -> bool:
    low, high = members
    if not high.unit or high.unit.endswith(" per") or (low.unit and kind_of(low.unit) != kind_of(high.unit)):
        return False
    if low.value >= high.value and (not low.unit or low.unit == high.unit):
        return False
    if not low.unit:
        _share(low, high.unit)
    low.group = high.group = group
    low.role, high.role = "low", "high"
    return True


def _undo(members: list[_Found]) -> bool:
    for one in members:
        one.role = ""
    return False


def _label(text: str, found: list[_Found]) -> None:
    """Gives each length its axis label: by a heading such as "L x W x H", or written at it."""
    for group in {one.group for one in found if one.role == "axis"}:
        whole = [one for one in found if one.group == group]
        axes = [one for one in whole if one.role == "axis"]
        for one, label in zip(axes, labels_of_list(text, whole[0].start, whole[-1].end, len(axes)), strict=False):
            one.label = label
    floor = 0
    for index, one in enumerate(found):
        ceiling = found[index + 1].start if index + 1 < len(found) else len(text)
        if one.unit and not one.label and kind_of(one.unit) == "length":
            one.label, floor = label_at(text, floor, one.start, one.end, ceiling)
        floor = max(floor, one.end)
    for left, right in zip(found, found[1:], strict=False):
        if right.role == "same" and left.group == right.group:
            right.label = left.label = left.label or right.label
