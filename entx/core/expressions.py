"""Numbers that say one thing together, and the axis that a size is labelled with.

Compounds (5'11", 5 lb 3 oz), lists with a shared unit (10 x 5 x 3 cm), ranges (220-240V), one size said twice
(5 kg (11 lb)); labels written at a number (H10, 10"(W), "Height: 10 cm", "10 cm wide") and headings such as
"L x W x H". Works on what `parser` has found in a line, in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from entx.core.types import Alignment, least_sure
from entx.core.units import kind_of, same_size

_AXES = {  # the words of each axis: those that label a number that they stand at, then those that only name the axis
    "height": (
        ("height", "high", "tall", "hauteur", "höhe", "altura", "alto", "altezza"),
        ("hoehe", "hoch", "hoogte", "wysokość", "wysokosc", "höjd", "高", "高さ", "高度", "total height", "ht", "hgt"),
    ),
    "width": (
        ("width", "wide", "largeur", "breite", "ancho", "larghezza"),
        ("breit", "anchura", "breedte", "szerokość", "szerokosc", "bredd", "largura", "宽", "宽度", "幅"),
    ),
    "depth": (
        ("depth", "deep", "profondeur", "tiefe", "fondo", "profundidad", "profondità"),
        ("tief", "profundidade", "diepte", "głębokość", "djup", "深", "深度", "奥行"),
    ),
    "length": (
        ("length", "long", "longueur", "länge", "largo", "lunghezza"),
        ("lenght", "lengh", "laenge", "longitud", "lengte", "długość", "längd", "comprimento", "长", "长度", "長さ"),
    ),
    "thickness": (
        ("thickness", "thick"), ("épaisseur", "dicke", "stärke", "espesor", "grosor", "spessore", "dikte", "厚"),
    ),
    "diameter": (
        ("diameter", "dia", "diam"),
        ("diamètre", "durchmesser", "diámetro", "diametro", "średnica", "ø", "φ", "⌀", "∅", "直径"),
    ),
}  # fmt: skip
AXIS_WORDS = {axis: labels + others for axis, (labels, others) in _AXES.items()}
"""All words by the axis that they name, lower case. Which entity an axis answers depends on the whole page."""


def any_of(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_WORD = any_of(word for labels, _ in _AXES.values() for word in labels)
_LABEL_BEFORE = re.compile(
    rf"(?:(?<![^\W\d_])(?P<word>{_WORD})|(?<![^\W_])(?P<letter>[HWDLTØø]|[hwdl](?=[ ]?[:=.])|[hwdl]$))"
    r"(?:[ ]?[)\]])?[ ]?(?:is|[:=.-]{0,2})[ ]?(?:approx\.?|about|[~≈])?[ ]?$",
    re.IGNORECASE,
)
_LABEL_BEHIND = re.compile(
    rf"[ ]?[)\]]?[ ]?[(\[-]?[ ]?(?:in[ ]|of[ ])?(?P<label>{_WORD}|[HWDLT]|[hwdl](?=[ ]?[)\]x/]|$))(?![^\W_])",
    re.IGNORECASE,
)
_ANY_AXIS = rf"(?:{_WORD}|[HWDLT]|Ø|ø)"
_HEADING = re.compile(
    rf"({_ANY_AXIS})[ ]*[x*/-][ ]*({_ANY_AXIS})(?:[ ]*[x*/-][ ]*({_ANY_AXIS}))?(?![^\W\d_])", re.IGNORECASE
)  # fmt: skip
_TEXT_WINDOW = 24
_HEADING_WINDOW = 48
_SMALLER = {"foot": ("inch", 12), "pound": ("ounce", 16)}
_JOINT = re.compile(r"[ ]?(?:,|&|and|-)?[ ]?")
_LINK = re.compile(  # x: of a list, r: of a range, s: the same again
    r"""[ ]*(?:[(\[]?[ ]?[A-Za-zøØ]{0,8}\.?[ ]?[)\]]?)[ ]*                 # a label of the left one
    (?: (?P<x>(?<![A-Za-z])(?:[xX*]|by|BY)|(?<=[HWDLTmMnN"'c)])[xX](?![A-Za-z]{2}))
      | (?P<r>-|~|(?<![A-Za-z])(?:to|TO|bis|hasta))
      | (?P<s>[/(\[=|;]|≈|,?[ ]?(?:(?:or|OR|which[ ]is|that[ ]is)[ ])?(?:approx\w*|equivalent[ ]to|equal[ ]to|about)\.?
            |,?[ ]?(?:or|OR|which[ ]is|that[ ]is)|,)
    )
    [ ]*(?:[(\[]?[ ]?[A-Za-zøØ]{0,8}[ ]?[:=.)\]]{0,2})[ ]*""",
    re.VERBOSE,
)


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


def share(one: Found, unit: str) -> None:
    """Gives a bare number the unit that stands elsewhere."""
    one.unit = unit
    if one.alignment is Alignment.EXACT:
        one.alignment = Alignment.NORMALISED


def merge_compounds(text: str, found: list[Found]) -> list[Found]:
    """Merges feet with inches and pounds with ounces."""
    if not any(one.unit in _SMALLER for one in found):
        return found
    merged: list[Found] = []
    compound = False  # whether the last one merged is a compound already
    for one in found:
        last = merged[-1] if merged else one
        small, limit = _SMALLER.get(last.unit, ("", 0))
        gap = text[last.end : one.start]
        bare = small == "inch" and not one.unit and not gap and text[last.end - 1] == "'"  # 5'11
        compound = (
            not compound and (one.unit == small or bare) and one.value < limit and last.value % 1 == 0
            and _JOINT.fullmatch(gap) is not None
        )  # fmt: skip
        if compound:
            alignment = least_sure(Alignment.NORMALISED, last.alignment, one.alignment)
            value = last.value * limit + one.value
            merged[-1] = Found(value, last.start, one.end, alignment, small, one.label or last.label)
        else:
            merged.append(one)
    return merged


def link(text: str, found: list[Found]) -> None:
    """Finds expressions: neighbours joined by x, a range sign, or a sign of repetition."""
    signs = [_sign(text, left, right) for left, right in pairwise(found)]
    group = index = 0
    while index < len(signs):
        last = index
        while last < len(signs) and signs[last] and (signs[last] == "r") == (signs[index] == "r"):
            last += 1
        if last > index and _resolve(found[index : last + 1], signs[index:last], group):
            group += 1
            index = last
        else:
            index += 1


def _sign(text: str, left: Found, right: Found) -> str:
    """What joins two neighbours: x, r, s (as in `_LINK`), a for the slash of 110/220V, or nothing."""
    gap = text[left.end : right.start]
    if len(gap) > 32 or "\n" in gap:
        return ""
    match = _LINK.fullmatch(gap) if gap.strip() else None
    sign = match.lastgroup or "" if match else "" if gap.strip() else "s"
    if sign != "s":
        return sign
    if left.unit and right.unit and left.unit != right.unit:
        same = same_size(float(left.value), left.unit, float(right.value), right.unit)
        return "s" if same else ""
    return "a" if gap.strip() == "/" and right.unit else ""


def _resolve(members: list[Found], signs: list[str], group: int) -> bool:
    """Gives the members of one expression their shared unit, group and roles; False when it is none after all."""
    if signs[0] == "r" or signs == ["a"]:
        return _resolve_range(members[0], members[1], group)
    if "a" in signs:
        return False
    sizes = [members[0], *(one for sign, one in zip(signs, members[1:], strict=True) if sign != "s")]
    if len(sizes) > 1:
        if all(kind_of(one.unit) != "length" for one in sizes):  # 6 x 330 ml
            members[0].role = ""
            return False
        for position, one in enumerate(sizes):
            if not one.unit:
                share(one, next(other.unit for other in (*sizes[position:], *sizes[:position][::-1]) if other.unit))
            one.role = "axis"
    for one in members:
        one.group = group
    for sign, one in zip(signs, members[1:], strict=True):
        if sign == "s":
            one.role = "same"
    return True


def _resolve_range(low: Found, high: Found, group: int) -> bool:
    if not high.unit or high.unit.endswith(" per") or (low.unit and kind_of(low.unit) != kind_of(high.unit)):
        return False
    if low.value >= high.value and (not low.unit or low.unit == high.unit):
        return False
    if not low.unit:
        share(low, high.unit)
    low.group = high.group = group
    low.role, high.role = "low", "high"
    return True


def label(text: str, found: list[Found]) -> None:
    """Gives each length its axis label: by a heading such as "L x W x H", or written at it."""
    for group in {one.group for one in found if one.role == "axis"}:
        whole = [one for one in found if one.group == group]
        axes = [one for one in whole if one.role == "axis"]
        for one, label in zip(axes, labels_of_list(text, whole[0].start, whole[-1].end, len(axes)), strict=False):
            one.label = label
    floor = 0
    for index, one in enumerate(found):
        if one.unit and not one.label and kind_of(one.unit) == "length":
            ceiling = found[index + 1].start if index + 1 < len(found) else len(text)
            one.label, floor = label_at(text, floor, one.start, one.end, ceiling)
        floor = max(floor, one.end)
    for left, right in pairwise(found):
        if right.role == "same" and left.group == right.group:
            right.label = left.label = left.label or right.label


def label_at(text: str, floor: int, start: int, end: int, ceiling: int) -> tuple[str, int]:
    """The label of the number at [start, end), lower case, and the place up to which the text is used up.

    What stands before `floor` belongs to the number before, and the next one starts at `ceiling`.
    """
    before = text[max(floor, start - _TEXT_WINDOW) : start]
    if before and (match := _LABEL_BEFORE.search(before)) is not None:
        word = match["word"] or match["letter"]
        gap = before[match.end("letter") :]
        if match["word"] or word.isupper() or not match.start() or not gap or gap.strip(" "):
            return word.lower(), end
    behind = text[end : min(ceiling, end + _TEXT_WINDOW)]
    if behind and (match := _LABEL_BEHIND.match(behind)) is not None:
        word, place = match["label"], match.start("label")
        if len(word) > 1 or word.isupper() or place == 0 or behind[place - 1] == "(":
            return word.lower(), end + match.end()
    return "", end


def labels_of_list(text: str, start: int, end: int, count: int) -> list[str]:
    """The labels of `count` numbers listed at [start, end), from a heading just before or behind; [] without one."""
    before = text[max(0, start - _HEADING_WINDOW) : start]
    headings = list(_HEADING.finditer(before))[-1:]
    if not headings or len(before) - headings[0].end() > 14 or any(map(str.isdigit, before[headings[0].end() :])):
        behind = _HEADING.search(text[end : end + _HEADING_WINDOW])
        headings = [behind] if behind is not None and behind.start() <= 4 else []
    labels = [label.lower() for match in headings for label in match.groups() if label]
    return labels if len(labels) == count else []
