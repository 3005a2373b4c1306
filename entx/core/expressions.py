"""Axis labels written at numbers: H10, 10"(W), "Height: 10 cm", "10 cm wide", and headings such as "L x W x H".

Expressions: numbers that say one thing together.

Compounds (5'11", 5 lb 3 oz), lists with a shared unit (10 x 5 x 3 cm), ranges (220-240V), and one size said twice
(5 kg (11 lb)). Works on what `quantities` has scanned, in place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from entx.core.types import Alignment
from entx.core.units import kind_of, same_size

_WORDS = (
    "height", "width", "depth", "length", "diameter", "thickness", "high", "tall", "wide", "deep", "long", "thick",
    "dia", "diam", "hauteur", "largeur", "profondeur", "longueur", "höhe", "breite", "tiefe", "länge", "altura", "alto",
    "ancho", "fondo", "largo", "profundidad", "altezza", "larghezza", "profondità", "lunghezza",
)  # fmt: skip
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_ANY = rf"(?:{_WORD}|[HWDLT]|Ø|ø)"
_BEFORE = re.compile(
    rf"(?:(?<![^\W\d_])(?P<word>{_WORD})|(?<![^\W_])(?P<letter>[HWDLTØø]|[hwdl](?=[ ]?[:=.])|[hwdl]$))"
    r"(?:[ ]?[)\]])?[ ]?(?:is|[:=.-]{0,2})[ ]?(?:approx\.?|about|[~≈])?[ ]?$",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    rf"[ ]?[)\]]?[ ]?[(\[-]?[ ]?(?:in[ ]|of[ ])?(?P<label>{_WORD}|[HWDLT]|[hwdl](?=[ ]?[)\]x/]|$))(?![^\W_])",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"({_ANY})[ ]*[x*/-][ ]*({_ANY})(?:[ ]*[x*/-][ ]*({_ANY}))?(?![^\W\d_])", re.IGNORECASE
)  # fmt: skip
_TEXT_WINDOW = 24
_HEADING_WINDOW = 48


def label_at(text: str, floor: int, start: int, end: int, ceiling: int) -> tuple[str, int]:
    """The label of the number at [start, end), lower case, and the place up to which the text is used up.

    Args:
        floor: what stands before it belongs to the number before.
        ceiling: the start of the next number.
    """
    before = text[max(floor, start - _TEXT_WINDOW) : start]
    if before and (match := _BEFORE.search(before)) is not None:
        word = match["word"] or match["letter"]
        if match["word"] or word.isupper() or not match.start() or before[match.end("letter") :].strip(" "):
            return word.lower(), end
        if not before[match.end("letter") :]:
            return word.lower(), end
    behind = text[end : min(ceiling, end + _TEXT_WINDOW)]
    if behind and (match := _BEHIND.match(behind)) is not None:
        label = match["label"]
        if len(label) > 1 or label.isupper() or match.start("label") == 0 or behind[match.start("label") - 1] == "(":
            return label.lower(), end + match.end()
    return "", end


def labels_of_list(text: str, start: int, end: int, count: int) -> list[str]:
    """The labels of `count` numbers listed at [start, end), from a heading just before or behind; [] without one."""
    before = text[max(0, start - _HEADING_WINDOW) : start]
    matches = list(_HEADING.finditer(before))
    if matches and len(before) - matches[-1].end() <= 14 and not any(map(str.isdigit, before[matches[-1].end() :])):
        found = matches[-1]
    else:
        behind = text[end : end + _HEADING_WINDOW]
        after = _HEADING.search(behind)
        if after is None or after.start() > 4:
            return []
        found = after
    labels = [label.lower() for label in found.groups() if label]
    return labels if len(labels) == count else []


@dataclass(slots=True)
class Found:
    """A number on its way to a match, in positions of the plain text; `unit` is "" while none is known."""

    value: Decimal
    start: int
    end: int
    alignment: Alignment
    unit: str = ""
    label: str = ""
    group: int = -1
    role: str = ""


RANK = {Alignment.EXACT: 0, Alignment.NORMALISED: 1, Alignment.FUZZY: 2}
_LINK = re.compile(
    r"""[ ]*(?:[(\[]?[ ]?[A-Za-zøØ]{0,8}\.?[ ]?[)\]]?)[ ]*                 # a label of the left one
    (?: (?P<x>(?<![A-Za-z])(?:[xX*]|by|BY)|(?<=[HWDLTmMnN"'c)])[xX](?![A-Za-z]{2}))
      | (?P<r>-|~|(?<![A-Za-z])(?:to|TO|bis|hasta))
      | (?P<s>[/(\[=|;]|≈|,?[ ]?(?:(?:or|OR|which[ ]is|that[ ]is)[ ])?(?:approx\w*|equivalent[ ]to|equal[ ]to|about)\.?
            |,?[ ]?(?:or|OR|which[ ]is|that[ ]is)|,)
    )
    [ ]*(?:[(\[]?[ ]?[A-Za-zøØ]{0,8}[ ]?[:=.)\]]{0,2})[ ]*""",
    re.VERBOSE,
)
_JOINT = re.compile(r"[ ]?(?:,|&|and|-)?[ ]?")


def share(one: Found, unit: str) -> None:
    """Gives a bare number the unit that stands elsewhere."""
    one.unit = unit
    if one.alignment is Alignment.EXACT:
        one.alignment = Alignment.NORMALISED


def merge_compounds(text: str, found: list[Found]) -> list[Found]:
    """Merges feet with inches and pounds with ounces."""
    merged: list[Found] = []
    for one in found:
        last = merged[-1] if merged else None
        if last is not None and last.unit in ("foot", "pound") and last.value == last.value.to_integral_value():
            small, limit = ("inch", 12) if last.unit == "foot" else ("ounce", 16)
            gap = text[last.end : one.start]
            bare = not one.unit and last.unit == "foot" and not gap and text[last.end - 1] == "'"
            if (one.unit == small or bare) and one.value < limit and _JOINT.fullmatch(gap) and last.group < 0:
                merged[-1] = Found(
                    last.value * limit + one.value, last.start, one.end, max(
                        Alignment.NORMALISED, last.alignment, one.alignment, key=RANK.__getitem__
                    ), small, one.label or last.label, 0,
                )  # fmt: skip
                continue
        merged.append(one)
    for one in merged:
        one.group = -1
    return merged


def link(text: str, found: list[Found]) -> None:
    """Finds expressions: neighbours joined by x, a range sign, or a sign of repetition."""
    links = [_link_kind(text, left, right) for left, right in pairwise(found)]
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


def _link_kind(text: str, left: Found, right: Found) -> str:
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


def _again(left: Found, right: Found) -> bool:
    return (
        bool(left.unit and right.unit)
        and left.unit != right.unit
        and same_size(float(left.value), left.unit, float(right.value), right.unit)
    )


def _resolve(members: list[Found], signs: list[str], group: int) -> bool:
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
                share(one, known[0])
            one.role = "axis"
    for one in members:
        one.group = group
    return True


def _resolve_range(members: list[Found], group: int) -> bool:
    low, high = members
    if not high.unit or high.unit.endswith(" per") or (low.unit and kind_of(low.unit) != kind_of(high.unit)):
        return False
    if low.value >= high.value and (not low.unit or low.unit == high.unit):
        return False
    if not low.unit:
        share(low, high.unit)
    low.group = high.group = group
    low.role, high.role = "low", "high"
    return True


def _undo(members: list[Found]) -> bool:
    for one in members:
        one.role = ""
    return False


def label(text: str, found: list[Found]) -> None:
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
    for left, right in pairwise(found):
        if right.role == "same" and left.group == right.group:
            right.label = left.label = left.label or right.label
