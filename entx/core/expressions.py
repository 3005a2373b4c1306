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

AXIS_WORDS = {
    axis: tuple(words.split())
    for axis, words in {
        "height": "height high tall ht hgt hauteur höhe hoehe hoch altura alto altezza hoogte hoog wysokość wysokosc "
        "höjd высота 高 高さ 高度 높이",
        "width": "width wide largeur breite breit ancho anchura larghezza largura breedte breed szerokość szerokosc "
        "bredd ширина 宽 寬 宽度 寬度 幅 横幅 너비 폭 가로",
        "depth": "depth deep profondeur tiefe tief fondo profundidad profundidade profondità diepte diep głębokość "
        "djup глубина 深 深さ 深度 奥行 奥行き 깊이 gusset soufflet seitenfalte",
        "length": "length long lenght lengh longueur länge laenge lang largo longitud lunghezza lengte długość längd "
        "comprimento длина 长 長 长度 長度 長さ 길이",
        "thickness": "thickness thick épaisseur dicke stärke espesor grosor espessura spessore dikte dik толщина 厚 "
        "厚度 厚さ 厚み 두께",
        "diameter": "diameter dia diam diamètre durchmesser diámetro diâmetro diametro doorsnede średnica диаметр ø φ "
        "⌀ ∅ 直径 直徑 外径 지름",
    }.items()
}  # fmt: skip
"""All words by the axis that they name, lower case. Which entity an axis answers depends on the whole page."""


def any_of(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_LATIN = any_of(word for words in AXIS_WORDS.values() for word in words if word < "\u2e80")
_OTHERS = any_of(word for words in AXIS_WORDS.values() for word in words if word > "\u2e80")
_OTHERS = rf"(?=[\u2e80-\uffff])(?<!身)(?:{_OTHERS})"  # 身高 is a person's height
_WORD = rf"(?:(?<![^\W\d_])(?:{_LATIN})|{_OTHERS})"  # there are no spaces between Chinese or Japanese words
_ABOUT = r"(?:approx(?:imately|\.)?|about|circa|ca\.?|env(?:iron|\.)|etwa|около|大?[约約]|[为為是]|[~≈])"
_LABEL_BEFORE = re.compile(  # of a text in lower case: patterns that ignore case are slow
    rf"(?:(?P<word>(?:(?<![^\W\d_])|(?<=\Ax))(?:{_LATIN})|{_OTHERS})|(?:(?<![^\W_])|(?<=\Ax))(?P<letter>[hwdltø]))"
    rf"(?:[ ]?[()\[\]])?[ ]?(?:is|[:=.-]{{0,2}})[ ]?{_ABOUT}?[ ]?$"
)
_LABEL_BEHIND = re.compile(
    rf"[ ]?[)\]]?[ ]?[(\[-]?[ ]?(?:in[ ]|of[ ])?(?P<label>(?:{_LATIN})(?![^\W_])|{_OTHERS}"
    r"|[hwdlt](?![^\W_x]|x[^\W\d_]))"
)
_ANY_AXIS = rf"({_WORD}|[hwdltbpaø])"
_HEADING = re.compile(
    rf"{_ANY_AXIS}[ ]*[x*/-][ ]*{_ANY_AXIS}(?:[ ]*[x*/-][ ]*{_ANY_AXIS})?(?![^\W\d_])|([长長])([宽寬])([高])"
)
_TEXT_WINDOW = 24
_HEADING_WINDOW = 48
_SMALLER = {  # what is printed behind a larger unit, and how many of it make one of the larger
    ("foot", "inch"): 12, ("pound", "ounce"): 16, ("pint", "fluid ounce"): 16, ("quart", "fluid ounce"): 32,
    ("quart", "pint"): 2, ("gallon", "quart"): 4, ("gallon", "fluid ounce"): 128,
}  # fmt: skip
_LARGER = frozenset(larger for larger, _ in _SMALLER)
_JOINT = re.compile(r"[ ]?(?:,|&|and|-)?[ ]?")
_LINK = re.compile(  # x: of a list, r: of a range, b: of one with "between", s: the same again
    r"""[ ]*(?:[(\[]?[ ]?[A-Za-zøØ]{0,8}?\.?[ ]?[)\]]?)[ ]*                # a label of the left one
    (?: (?P<x>(?<![A-Za-z])(?:[xX*]|by|BY)|(?<=[HWDLTmMnN"'c)])[xX](?![A-Za-z]{2}))
      | (?P<r>-|~|\.{2,}|÷|(?<![A-Za-z])(?:to|TO|bis|hasta|до|至|到)|(?<=[ ])[àa](?=[ ]))
      | (?P<b>(?<![A-Za-z])(?:and|und|et|y|e|и))
      | (?P<s>[/(\[=|;]|≈|,?[ ]?(?:(?:or|OR|which[ ]is|that[ ]is)[ ])?(?:approx\w*|equivalent[ ]to|equal[ ]to|about)\.?
            |,?[ ]?(?:or|OR|which[ ]is|that[ ]is)|,)
    )
    [ ]*(?:[(\[]?[ ]?[^\W\d_]{0,8}[ ]?[:=.()\]]{0,2})[ ]*""",
    re.VERBOSE,
)
_MAY_LINK = re.compile(
    r"[^\w ]|[xX至到]|\b(?:to|TO|by|BY|bis|hasta|à|a|до|and|und|et|y|e|и|or|OR|about|approx\w*|which|that)\b"
)
_BETWEEN = re.compile(r"(?:between|zwischen|entre|tra|fra|tussen|между)[ ]*$", re.IGNORECASE)
_SIGNS = {"": "s", "/": "s", ",": "s", "(": "s", "x": "x", "X": "x", "*": "x", "-": "r", "~": "r"}  # the usual ones
_LETTERS = frozenset("HWDLTB")
_LETTERED = re.compile(r"[ ]?[,/;]?[ ]?[(\[]?[HWDLTB][)\]]?[:=]?[ ]?")  # between the numbers of L30 W20 H10 cm


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


# Words before an amount that others are told of; the others of 100 only: a pack may hold "je 500 g", a PRO 490 g.
_PER = ("per", "pour", "par", "por")
_TOLD = (*_PER, "pro", "每")
_PER_HUNDRED = frozenset(
    {*_PER, "pro", "je", "auf", "in", "à", "na", "на", "в", "w", "pr.", "for", "cada", "ogni", "chaque"}
)
_AGAIN = re.compile(r"[0-9][ ]?(?:fl\.? ?)?(?:oz|lbs?)\.?[ ]?/$", re.IGNORECASE)
_PRICED = re.compile(r"[€$£][ ]?[0-9.,]+[ ]?(?:/|per)$")
_REFERRED = re.compile(  # and behind it: a price, "for each 100 g"
    r"[ ]?=[ ]?(?:[€$£]|Rs|[0-9.,]+[ ]?(?:[€$£₽]|EUR|USD|GBP|CHF|zł|kr|Kč|руб))|[ ]?(?:あたり|当たり|當|中|含)"
    r"|[ ](?:contain|enthalten|conti[eè]ne|содерж)"
)
_TOLERANCE = re.compile(r"(?:±|\+ ?/ ?-|\+-|plus/minus|(?<=[0-9])[土士])(?P<space>[ ]?)\Z")
_ERROR = re.compile(r"tol[eé]r|error|deviat|accura|precis|abweich|genauig|erreur|误差|誤差|公差", re.IGNORECASE)


def is_reference(text: str, one: Found) -> bool:
    """Whether others are told of this amount, which is no size itself: per 100 g, 1 kg = 5,98 €."""
    before = text[max(0, one.start - 16) : one.start].rstrip(": ")
    told = before[-4:].lower().endswith(_TOLD)
    if not (told or text.startswith("1", one.start)) or kind_of(one.unit) not in ("weight", "volume", "length"):
        return False
    word = before[before.rfind(" ") + 1 :].lstrip("(")
    if told and (word == "pro" or word.lower() in _PER or before[-1] == "每"):
        return True
    slashed = before[-1:] == "/" and one.unit in ("gram", "millilitre") and not _AGAIN.search(before)
    if one.value == 100 and (slashed or word.lower() in _PER_HUNDRED):
        return True
    return one.value in (1, 100) and bool(_PRICED.search(before) or _REFERRED.match(text, one.end))


def absorb_tolerance(text: str, one: Found, found: list[Found]) -> bool:
    """Whether `one` says how exact the last number is, which then takes its unit where it has none: 100±5 g.

    "± 4.5 kg" alone is about as much.
    """
    sign = _TOLERANCE.search(text, max(0, one.start - 12), one.start)
    if sign is None:
        return False
    gap = text[found[-1].end : sign.start()] if found else ":"
    if sign["space"] and one.unit != "per cent" and (len(gap) > 6 or ":" in gap) and not _ERROR.search(text):
        return False
    if not gap.strip(" ("):
        if not found[-1].unit and one.unit:
            share(found[-1], one.unit)
        found[-1].end = one.end
    return True


def merge_compounds(text: str, found: list[Found]) -> list[Found]:
    """Merges feet with inches, pounds with ounces, pints and quarts with what is less than one of them."""
    if not any(one.unit in _LARGER for one in found):
        return found
    merged: list[Found] = []
    compound = False  # whether the last one merged is a compound already
    for one in found:
        last = merged[-1] if merged else one
        gap = text[last.end : one.start]
        bare = last.unit == "foot" and not one.unit and not gap and text[last.end - 1] == "'"  # 5'11
        fluid = one.unit == "ounce" and last.unit in ("pint", "quart")
        small = "inch" if bare else "fluid ounce" if fluid else one.unit
        limit = _SMALLER.get((last.unit, small), 0)
        compound = (
            not compound and one.value < limit and last.value % 1 == 0 and _JOINT.fullmatch(gap) is not None
        )  # fmt: skip
        if compound:
            alignment = least_sure(Alignment.NORMALISED, last.alignment, one.alignment)
            value = last.value * limit + one.value
            merged[-1] = Found(value, last.start, one.end, alignment, small, one.label or last.label)
        else:
            merged.append(one)
    return merged


def link(text: str, found: list[Found]) -> None:
    """Finds expressions: neighbours joined by x, a range sign, or a sign of repetition.

    Ounces beside millilitres of their size are fluid ounces, and feet beside their size in inches are inches.
    """
    for one, other in pairwise(found):
        if one.unit != other.unit:
            _mend_by_twin(one, other)
            _mend_by_twin(other, one)
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


def _mend_by_twin(one: Found, other: Found) -> None:
    """The unit that a number must have been printed in, for its neighbour says the same size in another."""
    for printed, meant, tolerance in (("ounce", "fluid ounce", 0.06), ("foot", "inch", 0.02)):
        twin = one.unit == printed and other.unit != meant
        if twin and same_size(float(one.value), meant, float(other.value), other.unit, tolerance):
            share(one, meant)


def _sign(text: str, left: Found, right: Found) -> str:
    """What joins two neighbours: x, r, s (as in `_LINK`), a for the slash of 110/220V, or nothing."""
    gap = text[left.end : right.start]
    if len(gap) > 32 or "\n" in gap:
        return ""
    if not left.unit and text[left.start - 1 : left.start] in _LETTERS and _LETTERED.fullmatch(gap):
        return "x"
    printed = gap.strip()
    match = _LINK.fullmatch(gap) if printed not in _SIGNS and _MAY_LINK.search(gap) else None
    sign = _SIGNS.get(printed) or (match.lastgroup or "" if match else "")
    if match and match["b"]:
        sign = "r" if _BETWEEN.search(text, max(0, left.start - 16), left.start) else "s" if match["b"] == "e" else ""
    if sign != "s":
        return sign
    if left.unit and right.unit and left.unit != right.unit:
        same = same_size(float(left.value), left.unit, float(right.value), right.unit)
        return "s" if same else ""
    return "a" if printed == "/" and right.unit else ""


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
            if not one.unit or one.unit == "degree":  # 12° x 8": a stroke read as another sign
                nearest = (*sizes[position:], *sizes[:position][::-1])
                share(one, next(other.unit for other in nearest if kind_of(other.unit) == "length"))
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
            one.label = label or one.label
    floor = 0
    for index, one in enumerate(found):
        if one.unit and not one.label and kind_of(one.unit) == "length":
            ceiling = found[index + 1].start if index + 1 < len(found) else len(text)
            one.label, floor = label_at(text, floor, one.start, one.end, ceiling)
            if one.role == "axis" and text[one.start - 1 : one.start] in ("B", "P"):  # Breite, profondeur
                one.label = text[one.start - 1].lower()
        floor = max(floor, one.end)
    for left, right in pairwise(found):
        if right.role == "same" and left.group == right.group:
            right.label = left.label = left.label or right.label


def label_at(text: str, floor: int, start: int, end: int, ceiling: int) -> tuple[str, int]:
    """The label of the number at [start, end), lower case, and the place up to which the text is used up.

    What stands before `floor` belongs to the number before, and the next one starts at `ceiling`.
    """
    before = text[max(floor, start - _TEXT_WINDOW) : start]
    if before and (match := _LABEL_BEFORE.search(before.lower())) is not None:
        label = before[slice(*match.span("word" if match["word"] else "letter"))]
        gap = before[match.end("letter") :]
        if match["word"] or label.isupper() or not match.start() or not gap or gap.strip(" "):
            return label.lower(), end
    behind = text[end : min(ceiling, end + _TEXT_WINDOW)]
    if behind and (match := _LABEL_BEHIND.match(behind.lower())) is not None:
        place = match.start("label")
        label = behind[place : match.end()]
        if len(match["label"]) > 1 or label.isupper() or place == 0 or behind[place - 1] == "(":
            return label.lower(), end + match.end()
    return "", end


def labels_of_list(text: str, start: int, end: int, count: int) -> list[str]:
    """The labels of `count` numbers listed at [start, end), from a heading just before or behind; [] without one."""
    window = max(0, start - _HEADING_WINDOW)
    lowered = text.lower()
    headings = list(_HEADING.finditer(lowered, window, start))[-1:]
    if not headings or start - headings[0].end() > 14 or any(map(str.isdigit, text[headings[0].end() : start])):
        behind = _HEADING.search(lowered, end, end + _HEADING_WINDOW)
        headings = [behind] if behind is not None and behind.start() <= end + 4 else []
    labels = [text[slice(*match.span(one))] for match in headings for one in range(1, 7) if match[one]]
    if len(labels) != count:
        return []
    # with P, a depth, L is a width (largeur, larghezza, largura), as l is beside L
    meant = {"L": "w", "A": "h"} if "P" in labels else {"l": "w"} if "L" in labels else {}
    return [meant.get(label, label.lower()) for label in labels]
