"""The unit that stands directly behind (or before) a number in a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from entx.core.types import Alignment
from entx.core.units import MULTI_WORD_HEADS, Unit, kind_of, lookup

_BEHIND = re.compile(
    r"""[ ]{0,2}(?:-[ ]?(?=[^\W\d]))?           # 4-inch, 12V- battery
    (?: (?P<mark>''|'|")
      | (?P<slip>0[Zz]|02|O2|[1|][Bb][Ss]?|[mc]1
          |(?![fF][lL][.]?[ ]?[oO][zZ])[fF][1lIL][.]?[ ]?[oO0C][zZ2]|(?<=[.][0-9])U)(?![A-Za-z0-9])
      | (?P<word>[^\W\d_]+|[°º%][CFcf]?(?![a-z]))
      | (?P<bracket>[(\[][ ]?[A-Za-z"' .]{1,12}[)\]])
    )""",
    re.VERBOSE,
)
_MULTI = re.compile(r"[^\W\d_]+(?:(?:\. ?| |-)[^\W\d_]+|(?:\. ?| )0[zZ2](?![0-9])){0,2}")
_NEXT_QUANTITY = re.compile(
    r"[0-9]+(?:[.,][0-9]+)?[ ]?(?:mA|A|Ah|AH|mAh|Hz|HZ|hz|W|V|w|v|oz|OZ|g|kg|KG|lbs?|mm|cm|in|ml)(?![a-z])"
)
_AXIS_GLUE = re.compile(r"([a-z]+|[A-Z]+?)([HWDLT])$")
_ESTIMATED = {
    "g": "gram",
    "kg": "kilogram",
    "ml": "millilitre",
    "cl": "centilitre",
    "ML": "millilitre",
    "mL": "millilitre",
}
_MORE_NUMBER = re.compile(r"[A-Za-z0-9]|[.,][0-9]")
_AXIS_LETTERS = frozenset("HWDLT")
_AXIS_LABEL = re.compile(  # "10W x 20H x 5D cm": the letter is no unit
    r"[ ]?[xX*][ ]?[0-9.,]+[ ]?(?:[HWDLT](?![a-z])|\"|cm|mm|in|CM|MM|IN)"
    r"|[ ]?(?P<unit>cm|mm|inches|inch|in|ft|CM|MM|IN)(?![A-Za-z])"
)
_VOLT_GLUE = re.compile(r"([Vv])([A-Z]{2,3}|L[A-Z]{0,2}TH[A-Z]{0,3}M|Lithium|CORDLESS|Cordless|BATTERY|Battery)$")
_NET_GLUE = re.compile(r"(.{1,3})(?:NET|Net|net)$")
_LATIN_HEAD = re.compile(r"[A-Za-z]+(?=[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af])")
_COUNT_OF_THREADS = re.compile(
    r"[ ]?(?:poly|nylon|pongee|taffeta|oxford|cotton|ripstop|fabric|PU(?![a-z])|PVC|TCT|teeth|tooth)", re.IGNORECASE
)
_CAMEL_GLUE = re.compile(r"([a-z]+|[A-Z]{1,3}?)([A-Z][a-z]{2,})$")
_IN_IS_INCH = re.compile(
    r"[ ]?(?:$|[.,;:)\](/\\|=~x×*+\n\"'&-]|[HWDLT](?![a-z])|[0-9]|(?:wide|tall|high|long|deep|thick|width|height|"
    r"length|depth|diameter|dia|by|or|and|X|round|square|from|x|to|approx|approximately|which|when|at|for)(?![a-z])"
    r"|[A-Z][A-Za-z]|[^\x00-\x7f])"
)
_IN_IS_PREPOSITION = re.compile(
    r"-[ ]?[0-9]|[ ]+1(?![0-9.,/'\"])"  # 2-in-1, 3 in 1
    r"|[ ]*(?:[0-9]{1,2}(?![0-9.,/'\"]|[ -]?[A-Za-z\"'])|[0-9]{4}(?![0-9])"
    r"|(?:one|ONE|One|China|Taiwan|Japan|USA)(?![a-z]))"
)
_PER = frozenset(
    {
        "serving",
        "servings",
        "day",
        "d",
        "dose",
        "tablet",
        "capsule",
        "scoop",
        "person",
        "hour",
        "hr",
        "h",
        "min",
        "s",
        "sq",
    }
)  # a weight per bag, bottle or shelf is the weight that is asked; per serving or hour it is not
_RATE = re.compile(r"/ ?([A-Za-z]+)(?![A-Za-z]*[0-9])|/ ?(100) ?(?:g|ml|mL|G|ML)(?![a-z])")
_NETWORK = re.compile(
    r"[ ]?(?:wifi|wi-fi|wireless|network|lte|hz|ghz|band|mobile|signal|phone|&|/ ?[2345])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class UnitAt:
    """A unit in a text: where it ends, how it was read, and the axis letter glued to it ("10cmH")."""

    unit: str
    end: int
    alignment: Alignment
    label: str = ""


def unit_behind(text: str, position: int) -> UnitAt | None:
    """The unit that starts at `position`, after at most two spaces or a hyphen; None when no unit stands there."""
    match = _BEHIND.match(text, position)
    if match is None:
        return None
    group, end = match.lastgroup or "", match.end()
    if group == "word":
        if match[group] in _AXIS_LETTERS and (axis := _AXIS_LABEL.match(text, end)) is not None:
            return _labelled(text, match[group].lower(), axis, end)
        return _word(text, match.start(group), end, spaced=match.start(group) > position)
    if group == "mark":
        return _mark(text, match[group], end)
    if group == "bracket":
        inner = match[group].strip("()[] .").replace(". ", " ")
        found = None if inner in _AXIS_LETTERS else lookup(inner)  # 10" (H), 10" (W)
        return None if found is None or found[0].kind == "other" else UnitAt(found[0].name, end, Alignment.NORMALISED)
    return _slip(text, match[group], match.start(group), end, spaced=match.start(group) > position)


def _labelled(text: str, label: str, axis: re.Match[str], end: int) -> UnitAt:
    """An axis letter between a number and its unit, or with the unit still to come ("" here)."""
    found = lookup(axis["unit"]) if axis["unit"] else None
    if found is None:
        return UnitAt("", end, Alignment.EXACT, label)
    return UnitAt(found[0].name, _past_dot(text, axis.end()), Alignment.NORMALISED, label)


def _mark(text: str, mark: str, end: int) -> UnitAt | None:
    following = text[end : end + 2]
    if mark == "'" and (following[:1] == "s" or (following[:1].islower() and following[1:2].islower())):
        return None  # the 90's, 5's
    unit = "foot" if mark == "'" else "inch"
    return UnitAt(unit, end, Alignment.EXACT if mark != "''" else Alignment.NORMALISED)


def _slip(text: str, printed: str, start: int, end: int, *, spaced: bool) -> UnitAt | None:
    if printed in ("02", "O2"):
        # "36.2 02 (1.02kg)", "5.5 02": only behind a decimal or before the same weight again; "10 02" may be anything
        before = text[max(0, start - 6) : start].rstrip()
        decimal = re.search(r"[.,][0-9]{1,2}$", before) is not None
        again = re.match(r"[ ]?[(/][ ]?[0-9.,]+ ?(?:g|kg|ml|lb)", text[end : end + 12], re.IGNORECASE) is not None
        if not spaced or not (decimal or again):
            return None
    elif printed[0] == "1" and not spaced:
        return None  # "51bs" may as well be 51
    found = lookup({"f": "fl oz", "F": "fl oz", "U": "V"}.get(printed[0], printed))
    return None if found is None else UnitAt(found[0].name, _past_dot(text, end), Alignment.FUZZY)


def _word(text: str, start: int, end: int, *, spaced: bool) -> UnitAt | None:
    word = text[start:end]
    head = word.lower()
    if head in MULTI_WORD_HEADS:
        several = _several(text, start)
        if several is not None:
            return several
    if end < len(text) and text[end] in "23" and not _MORE_NUMBER.match(text, end + 1):  # 7.8cm3.07in is no volume
        found = lookup(word + text[end])
        if found is not None:
            return UnitAt(found[0].name, end + 1, found[1])
    found = lookup(word)
    if found is None or (found[1] is Alignment.FUZZY and word[-1] in "xX"):  # 1inchesx2inches
        return None if spaced and not _AXIS_GLUE.match(word) else _glued(text, word, start, end)
    return _bounded(text, word, found, end)


def _several(text: str, start: int) -> UnitAt | None:
    """A unit of several words: the longest that the table knows."""
    match = _MULTI.match(text, start)
    if match is None:
        return None
    parts = re.split(r"(\. ?| |-)", match[0])
    for count in range(len(parts), 2, -2):
        form = "".join(
            part if not index % 2 else "-" if part == "-" else " " for index, part in enumerate(parts[:count])
        )
        found = lookup(form) or lookup(form.replace("-", " "))
        if found is not None:
            end = start + sum(map(len, parts[:count]))
            if not text[end : end + 1].isalnum():
                return UnitAt(found[0].name, _past_dot(text, end), found[1])
    return None


def _bounded(text: str, word: str, found: tuple[Unit, Alignment], end: int) -> UnitAt | None:
    """The unit, unless what follows shows that the word is part of something else."""
    unit, alignment = found
    following = text[end : end + 1]
    if following.isdigit() and not _NEXT_QUANTITY.match(text, end):
        return None  # a model code: 18V2000
    if following == "/":
        rate = _RATE.match(text, end)
        if rate is not None and _is_rate(rate, unit):
            return UnitAt(f"{unit.name} per", rate.end(), alignment)
    if unit.name == "inch" and word in ("in", "In", "IN", "po"):
        if following == "." and text[end + 1 : end + 2] != " ":
            pass
        elif _IN_IS_PREPOSITION.match(text, end) or (following != "." and not _IN_IS_INCH.match(text, end)):
            return None
    elif (word == "G" and _NETWORK.match(text, end)) or (word == "T" and _COUNT_OF_THREADS.match(text, end)):
        return None
    return UnitAt(unit.name, _past_dot(text, end), alignment)


def _is_rate(rate: re.Match[str], unit: Unit) -> bool:
    below = rate[1]
    if below is None:
        return True  # per 100 g
    if below.lower() in _PER:
        return True
    other = lookup(below)
    if other is None or other[0].name == "piece":
        return False
    # "in/cm", "V/Hz" list units; "g/m", "lb/ft" are rates
    return other[0].kind != unit.kind and unit.kind not in ("voltage", "power")


def _glued(text: str, word: str, start: int, end: int) -> UnitAt | None:
    """A unit with something glued to it by the printer or the engine: cmx, cmH, VLXT, gNet."""
    if word[-1] in "xX" and len(word) > 1:
        found = lookup(word[:-1])
        if found is not None and re.match(r" ?[0-9HWDL(.]", text[end : end + 2]):
            return UnitAt(found[0].name, end - 1, found[1])
    match = _AXIS_GLUE.match(word)
    if match is not None:
        found = lookup(match[1])
        if found is not None and found[0].kind == "length":
            return UnitAt(found[0].name, end, found[1], match[2].lower())
    if word[-1] == "e" and word[:-1] in _ESTIMATED:
        return UnitAt(_ESTIMATED[word[:-1]], end, Alignment.NORMALISED)  # 500g℮, the European estimated sign
    match = _NET_GLUE.match(word)
    if (
        match is not None
        and (found := lookup(_ESTIMATED.get(match[1][:-1], match[1]))) is not None
        and found[0].kind in ("weight", "volume")
    ):
        return UnitAt(found[0].name, start + len(match[1]), Alignment.FUZZY)  # 200gNET
    match = _LATIN_HEAD.match(word)
    if match is not None and (found := lookup(match[0])) is not None:
        return UnitAt(found[0].name, start + match.end(), found[1])  # 15kg以下
    match = _VOLT_GLUE.match(word)
    if match is not None:
        return UnitAt("volt", start + 1, Alignment.FUZZY)  # 18VLXT, 20VMAX
    match = _CAMEL_GLUE.match(word)
    if match is not None:
        found = lookup(match[1])
        if found is not None:
            return UnitAt(found[0].name, start + len(match[1]), Alignment.FUZZY)
    return None


def _past_dot(text: str, end: int) -> int:
    """One further where the dot is the abbreviation's; a sentence's last dot does no harm in a span either."""
    return end + 1 if text[end : end + 1] == "." and not text[end + 1 : end + 2].isdigit() else end


_BEFORE = re.compile(
    r"[(\[] ?([A-Za-z\"']{1,10}\.?) ?[)\]] ?[:=]? ?$|(?<![\w])(kg|Kg|KG|g|gr|ml|ML|cl|cm|CM|mm|MM)\.? ?$"
)


def unit_before(text: str, position: int, floor: int) -> UnitAt | None:
    """The unit that ends at `position` and starts at or after `floor`: "Weight (kg): 5", "Kg 1,5", "mm 30".

    Its `end` is where it starts.
    """
    window = text[max(floor, position - 16) : position]
    match = _BEFORE.search(window)
    if match is None:
        return None
    found = lookup((match[1] or match[2]).rstrip("."))
    if found is None or not kind_of(found[0].name) or found[0].kind == "other":
        return None
    begin = position - len(window) + match.start()
    return UnitAt(found[0].name, begin, Alignment.NORMALISED)
