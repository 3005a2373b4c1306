"""Quantities in a line of text: `find_quantities` gives each with its place, unit, axis label and role.

A line is read in four steps: characters made plain (`plain`); every number, as people print them and as OCR engines
misread them (`read_number`, `repair_number`); the unit that stands at it (`unit_behind`, `unit_before`); and what only
several numbers together or the words around them say (`expressions`).

It covers every unit of `entx.core.units`, legal for some entity or not. It does not judge which quantity answers a
question (`candidates`, `postprocess`) and never converts, but for one exception that it marks: feet and inches of one
size, and pounds and ounces, become inches and ounces (5'11" -> 71 inch), because one number and unit cannot say them
otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import gcd
from typing import NamedTuple

from entx.core.expressions import Found, any_of, label, link, merge_compounds, share
from entx.core.types import Alignment, Quantity, least_sure
from entx.core.units import BY_NAME, MULTI_WORD_HEADS, Unit, lookup, same_size

_EXACT, _NORMALISED, _FUZZY = Alignment.EXACT, Alignment.NORMALISED, Alignment.FUZZY

_PLAIN = {
    char: plain
    for plain, chars in {
        '"': "″”“„‟＂〃", "'": "′’‘‛`´＇", "-": "‐‑‒–—―−－﹣", "~": "~～〜∼˜", "x": "×✕✖⨯╳хХ", "u": "µμ", "/": "⁄∕／",
        "(": "（【", ")": "）】", ",": "，、", ":": "：", "°": "℃℉",
    }.items()
    for char in chars
}  # fmt: skip
_FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"  # one-character fractions, kept as they are: NFKC would turn 8½ into 81/2


def plain(text: str) -> tuple[str, Sequence[int]]:
    """The text in plain characters (NFKC, and one sign for each of the many quotes, dashes and multiplication marks).

    Returns:
        The plain text, and the position in the given text of each of its characters.
    """
    if text.isascii() and "`" not in text:
        return text, range(len(text))
    parts: list[str] = []
    positions: list[int] = []
    for position, char in enumerate(text):
        keep = (char < "\x80" and char != "`") or char in _FRACTIONS
        part = char if keep else _PLAIN.get(char) or unicodedata.normalize("NFKC", char)
        parts.append(part)
        positions.extend([position] * len(part))
    return "".join(parts), positions


# Numbers ------------------------------------------------------------------------------------------------------------

_MAX_DIGITS = 12  # longer digit strings are bar codes, not sizes
_START = re.compile(  # the letters are OCR's zeros and ones; the dot of "NET WT.14 oz" is the word's
    rf"[0-9{_FRACTIONS}]|(?<![0-9])(?<![A-Za-z0-9][A-Za-z])\.[0-9]|(?<![A-Za-z0-9])[OoIl|](?=[.,]?[0-9])"
)
_NUMBER = re.compile(
    rf"""
    (?P<vulgar>(?:[0-9]{{1,4}}[ -]?)?[{_FRACTIONS}])
    | (?P<mixed>[0-9]{{1,4}}(?:[ ]-[ ]|[ -])[1-9][0-9]?[ ]?/[ ]?[0-9]{{1,2}}(?![0-9/]|[.][0-9]))
    | (?P<fraction>[0-9]{{1,4}}/[0-9]{{1,2}}(?![0-9/]|[.,][0-9]))
    | (?P<decimal_comma>[0-9]+,[0-9]{{1,2}}(?![0-9]|,[0-9])
        |0[0-9]{{0,2}},[0-9]{{3}}(?![0-9]|[.,][0-9]))       # 0,500 kg is half a kilogram, 1,500 lb is no 1.5 pounds
    | (?P<comma_thousands>[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9]|,[0-9])(?:\.[0-9]+)?)
    | (?P<dot_thousands>[0-9]{{1,3}}(?:\.[0-9]{{3}})+,[0-9]{{1,2}}(?![0-9])
        |[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,}}(?![0-9.]))
    | (?P<space_thousands>[1-9][ ][0-9]00(?![0-9]|[.,][0-9]))
    | (?P<plain>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    """,
    re.VERBOSE | re.ASCII,
)
_SEPARATORS: dict[str, Mapping[int, int | None]] = {  # of each form: the decimal point, and what is left out
    "decimal_comma": str.maketrans(",", "."), "comma_thousands": str.maketrans("", "", ","),
    "dot_thousands": str.maketrans(",", ".", "."), "space_thousands": str.maketrans("", "", " "),
}  # fmt: skip
_SLIPPED = re.compile(r"(?=[OoIl|SB]*[.,]?[0-9])[0-9OoIl|]?[0-9OoIl|SsB]*(?:[.,][0-9OoIl|SsB]+)?")
_REPAIR = str.maketrans("OoIl|SsB,", "00111558.")
_INCH = re.compile(r"""[ ]?(?:"|''|in(?:ch|ches)?(?![a-z]))""", re.IGNORECASE)
_DENOMINATORS = frozenset({2, 3, 4, 5, 6, 7, 8, 10, 16, 32, 64})


class Number(NamedTuple):
    """A number in a text: its exact value, where it ends, and how it was read."""

    value: Decimal
    end: int
    alignment: Alignment


def read_number(text: str, start: int) -> Number | None:
    """The longest number that starts exactly at `start`; None where there is none or it has too many digits."""
    match = _NUMBER.match(text, start)
    if match is None:
        return None
    form, printed, end = match.lastgroup or "", match[0], match.end()
    if len(printed) > _MAX_DIGITS and sum(map(str.isdigit, printed)) > _MAX_DIGITS:
        return None
    if form == "plain":
        return Number(Decimal(printed), end, _EXACT)
    if form in ("mixed", "fraction"):
        value = _fraction(printed)
        if value is None and form == "fraction" and _INCH.match(text, end):
            value = _lost_space(printed)
        if value is None:  # "220/240", "5 10/12": the first number stands alone
            first = re.split("[ /-]", printed, maxsplit=1)[0]
            return Number(Decimal(first), start + len(first), _EXACT)
    elif form == "vulgar":
        part = Decimal(str(round(unicodedata.numeric(printed[-1]), 6)))
        value = Decimal(printed[:-1].strip(" -") or "0") + part
    else:
        value = Decimal(printed.translate(_SEPARATORS[form]))
    return Number(value, end, _NORMALISED)


def repair_number(text: str, start: int) -> Number | None:
    """The number at `start` with OCR's letters read as digits (I5 -> 15, 1O -> 10, 37.S -> 37.5); FUZZY.

    None when nothing there needs repair. A missing decimal point is not repaired: nothing in the text shows it.
    """
    match = _SLIPPED.match(text, start)
    if match is None:
        return None
    printed = match[0].replace(",", ".")
    repaired = printed.translate(_REPAIR)
    fraction = printed.partition(".")[2]
    if fraction.isalpha() and fraction not in ("S", "O"):
        return None  # "3.In Wasser" is a list's third point
    if repaired == printed or len(repaired) > _MAX_DIGITS or not any(map(str.isdigit, printed)):
        return None
    return Number(Decimal(repaired), match.end(), _FUZZY)


def _lost_space(printed: str) -> Decimal | None:
    """The value of "33/8", which was printed 3 3/8: nobody prints inches as an improper fraction.

    Of 3 15/16 and 31 5/16 the former: fewer wholes end in a 1 than sixteenths have two digits.
    """
    head, _, below = printed.partition("/")
    cuts = (cut for cut in range(max(len(head) - 2, 1), len(head)) if head[cut] != "0")
    values = (_fraction(f"{head[:cut]} {head[cut:]}/{below}") for cut in cuts)
    return next((value for value in values if value is not None), None)


def _fraction(printed: str) -> Decimal | None:
    """The value of "1/2" or "8 1/4"; None unless it is a proper, reduced fraction with a usual denominator."""
    head, _, below = printed.partition("/")
    *whole, above = (int(part) for part in head.replace("-", " ").split())
    denominator = int(below)
    if denominator not in _DENOMINATORS or not 0 < above < denominator or gcd(above, denominator) != 1:
        return None
    return (sum(whole) + Decimal(above) / denominator).quantize(Decimal("0.000001")).normalize()


# Units at numbers ---------------------------------------------------------------------------------------------------

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
_BEFORE = re.compile(
    r"[(\[] ?([A-Za-z\"']{1,10}\.?) ?[)\]] ?[:=]? ?$|(?<![\w])(kg|Kg|KG|g|gr|ml|ML|cl|cm|CM|mm|MM)\.? ?$"
)
_SEVERAL = re.compile(r"[^\W\d_]+(?:(?:\. ?| |-)[^\W\d_]+|(?:\. ?| )0[zZ2](?![0-9])){0,2}")
_NEXT_QUANTITY = re.compile(
    r"[0-9]+(?:[.,][0-9]+)?[ ]?(?:mA|A|Ah|AH|mAh|Hz|HZ|hz|W|V|w|v|oz|OZ|g|kg|KG|lbs?|mm|cm|in|ml)(?![a-z])"
)
_MORE_NUMBER = re.compile(r"[A-Za-z0-9]|[.,][0-9]")
_AGAIN_IN_BRACKETS = re.compile(r"[ ]?[(/][ ]?[0-9.,]+ ?(?:g|kg|ml|lb)", re.IGNORECASE)
_AXIS_LETTERS = frozenset("HWDLT")
_AXIS_LABEL = re.compile(  # "10W x 20H x 5D cm": the letter is no unit
    r"[ ]?[xX*][ ]?[0-9.,]+[ ]?(?:[HWDLT](?![a-z])|\"|cm|mm|in|CM|MM|IN)"
    r"|[ ]?(?P<unit>cm|mm|inches|inch|in|ft|CM|MM|IN)(?![A-Za-z])"
)
# What is printed or read as one word with a unit: cmH, 18VLXT, 200gNET, 15kg以下, 500gBag.
_AXIS_GLUE = re.compile(r"([a-z]+|[A-Z]+?)([HWDLT])$")
_VOLT_GLUE = re.compile(r"([Vv])([A-Z]{2,3}|L[A-Z]{0,2}TH[A-Z]{0,3}M|Lithium|CORDLESS|Cordless|BATTERY|Battery)$")
_NET_GLUE = re.compile(r"(.{1,3})(?:NET|Net|net)$")
_LATIN_HEAD = re.compile(r"([A-Za-z]+)(?=[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af])")
_CAMEL_GLUE = re.compile(r"([a-z]+|[A-Z]{1,3}?)([A-Z][a-z]{2,})$")
_ESTIMATED = {  # 500g℮, the European estimated sign, which engines read as an e
    "g": "gram", "kg": "kilogram", "ml": "millilitre", "cl": "centilitre", "ML": "millilitre", "mL": "millilitre",
}  # fmt: skip
_COUNT_OF_THREADS = re.compile(
    r"[ ]?(?:poly|nylon|pongee|taffeta|oxford|cotton|ripstop|fabric|PU(?![a-z])|PVC|TCT|teeth|tooth)", re.IGNORECASE
)
_NETWORK = re.compile(
    r"[ ]?(?:wifi|wi-fi|wireless|network|lte|hz|ghz|band|mobile|signal|phone|&|/ ?[2345])", re.IGNORECASE
)
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
_RATE = re.compile(r"/ ?([A-Za-z]+)(?![A-Za-z]*[0-9])|/ ?(100) ?(?:g|ml|mL|G|ML)(?![a-z])")
_PER = frozenset({  # a weight per bag, bottle or shelf is the weight that is asked; per serving or hour it is not
    "serving", "servings", "day", "d", "dose", "tablet", "capsule", "scoop", "person", "hour", "hr", "h", "min", "s",
    "sq",
})  # fmt: skip


class UnitAt(NamedTuple):
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
    form = match.lastgroup or ""
    printed, start, end = match[form], match.start(form), match.end()
    if form == "mark":
        first, second = text[end : end + 1], text[end + 1 : end + 2]
        if printed == "'" and (first == "s" or (first.islower() and second.islower())):
            return None  # the 90's, 5's
        return UnitAt("foot" if printed == "'" else "inch", end, _NORMALISED if printed == "''" else _EXACT)
    if form == "bracket":
        inner = printed.strip("()[] .").replace(". ", " ")
        found = None if inner in _AXIS_LETTERS else lookup(inner)  # 10" (H), 10" (W)
        return None if found is None or found[0].kind == "other" else UnitAt(found[0].name, end, _NORMALISED)
    if form == "slip":
        return _misread(text, printed, start, end, spaced=start > position)
    if printed in _AXIS_LETTERS and (axis := _AXIS_LABEL.match(text, end)) is not None:
        if axis["unit"] and (found := lookup(axis["unit"])):
            return UnitAt(found[0].name, _past_dot(text, axis.end()), _NORMALISED, printed.lower())
        return UnitAt("", end, _EXACT, printed.lower())  # the unit is still to come
    return _word(text, start, end, spaced=start > position)


def unit_before(text: str, position: int, floor: int) -> UnitAt | None:
    """The unit that ends at `position` and starts at or after `floor`: "Weight (kg): 5", "Kg 1,5", "mm 30".

    Its `end` is where it starts.
    """
    window = max(floor, position - 16)
    match = _BEFORE.search(text[window:position])
    found = match and lookup((match[1] or match[2]).rstrip("."))
    if not match or not found or found[0].kind == "other":
        return None
    return UnitAt(found[0].name, window + match.start(), _NORMALISED)


def _misread(text: str, printed: str, start: int, end: int, *, spaced: bool) -> UnitAt | None:
    """A unit as only an OCR engine writes it."""
    if printed in ("02", "O2"):
        # "36.2 02 (1.02kg)", "5.5 02": only behind a decimal or before the same weight again; "10 02" may be anything
        decimal = re.search(r"[.,][0-9]{1,2}$", text[max(0, start - 6) : start].rstrip())
        if not spaced or not (decimal or _AGAIN_IN_BRACKETS.match(text[end : end + 12])):
            return None
    elif printed[0] == "1" and not spaced:
        return None  # "51bs" may as well be 51
    found = lookup({"f": "fl oz", "F": "fl oz", "U": "V"}.get(printed[0], printed))
    return found and UnitAt(found[0].name, _past_dot(text, end), _FUZZY)


def _word(text: str, start: int, end: int, *, spaced: bool) -> UnitAt | None:
    word = text[start:end]
    if word.lower() in MULTI_WORD_HEADS and (several := _several(text, start)) is not None:
        return several
    if text[end : end + 1] in ("2", "3") and not _MORE_NUMBER.match(text, end + 1):  # 7.8cm3.07in is no volume
        found = lookup(word + text[end])
        if found is not None:
            return UnitAt(found[0].name, end + 1, found[1])
    found = lookup(word)
    if found is None or (found[1] is _FUZZY and word[-1] in "xX"):  # 1inchesx2inches
        return None if spaced and not _AXIS_GLUE.match(word) else _glued(text, word, start, end)
    unit, alignment = found
    if text[end : end + 1].isdigit() and not _NEXT_QUANTITY.match(text, end):
        return None  # a model code: 18V2000
    if (rate := _RATE.match(text, end)) is not None and _is_rate(rate, unit):
        return UnitAt(f"{unit.name} per", rate.end(), alignment)
    if unit.name == "inch" and word in ("in", "In", "IN", "po"):
        if _IN_IS_PREPOSITION.match(text, end) or not _IN_IS_INCH.match(text, end):
            return None
    elif (word == "G" and _NETWORK.match(text, end)) or (word == "T" and _COUNT_OF_THREADS.match(text, end)):
        return None
    return UnitAt(unit.name, _past_dot(text, end), alignment)


def _several(text: str, start: int) -> UnitAt | None:
    """A unit of several words: the longest that the table knows."""
    match = _SEVERAL.match(text, start)
    parts = re.split(r"(\. ?| |-)", match[0]) if match else []
    for count in range(len(parts), 2, -2):
        printed = "".join(parts[:count])
        form = printed.replace(". ", " ").replace(".", " ")
        found, end = lookup(form) or lookup(form.replace("-", " ")), start + len(printed)
        if found is not None and not text[end : end + 1].isalnum():
            return UnitAt(found[0].name, _past_dot(text, end), found[1])
    return None


def _is_rate(rate: re.Match[str], unit: Unit) -> bool:
    if rate[2] or rate[1].lower() in _PER:
        return True
    other = lookup(rate[1])
    if other is None or other[0].name == "piece":
        return False
    # "in/cm", "V/Hz" list units; "g/m", "lb/ft" are rates
    return other[0].kind != unit.kind and unit.kind not in ("voltage", "power")


def _glued(text: str, word: str, start: int, end: int) -> UnitAt | None:
    """A unit with something glued to it by the printer or the engine."""
    if word[-1] in "xX" and re.match(r" ?[0-9HWDL(.]", text[end : end + 2]) and (found := lookup(word[:-1])):
        return UnitAt(found[0].name, end - 1, found[1])
    if (match := _AXIS_GLUE.match(word)) and (found := lookup(match[1])) and found[0].kind == "length":
        return UnitAt(found[0].name, end, found[1], match[2].lower())
    if word[-1] == "e" and word[:-1] in _ESTIMATED:
        return UnitAt(_ESTIMATED[word[:-1]], end, _NORMALISED)
    for pattern in (_NET_GLUE, _LATIN_HEAD, _VOLT_GLUE, _CAMEL_GLUE):
        if (match := pattern.match(word)) is None:
            continue
        form = _ESTIMATED.get(match[1][:-1], match[1]) if pattern is _NET_GLUE else match[1]
        found = lookup(form)
        if found is not None and (pattern is not _NET_GLUE or found[0].kind in ("weight", "volume")):
            alignment = found[1] if pattern is _LATIN_HEAD else _FUZZY
            return UnitAt(found[0].name, start + match.end(1), alignment)
    return None


def _past_dot(text: str, end: int) -> int:
    """One further where the dot is the abbreviation's; a sentence's last dot does no harm in a span either."""
    return end + 1 if text[end : end + 1] == "." and not text[end + 1 : end + 2].isdigit() else end


# Lines of text ------------------------------------------------------------------------------------------------

_DIGITS = re.compile(r"[0-9][\d.,]*")
_HAS_DIGIT = re.compile(f"[0-9{_FRACTIONS}]")
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


@dataclass(frozen=True, slots=True)
class QuantityMatch:
    """A quantity found in a text."""

    quantity: Quantity  # number as an exact decimal, canonical unit
    start: int  # the span in the text, of the number and its unit where that stands beside it
    end: int
    alignment: Alignment  # EXACT, NORMALISED or FUZZY (see `Alignment`)
    label: str = ""  # the axis letter or word written with the number, lower case ("h", "width")
    group: int = -1  # shared by the matches of one expression (a range, `10 x 5 x 3 cm`, `5 kg (11 lb)`)
    role: str = ""  # in it: "low", "high" (range), "axis" (of A x B x C), "same" (one size again in another unit)


def find_quantities(text: str, default_unit: str | None = None) -> list[QuantityMatch]:
    """All quantities of a line of text, in order of their place.

    Args:
        text: any text; a quantity never crosses a line break.
        default_unit: canonical unit of bare numbers ("unit: mm" stated elsewhere); None leaves bare numbers out.
    """
    shown, positions = plain(text)
    if _HAS_DIGIT.search(shown) is None:
        return []
    found = _scan(shown)
    if default_unit is not None:
        _apply_default(shown, found, default_unit)
    if any(one.unit for one in found):
        found = merge_compounds(shown, found)
        if len(found) > 1:
            link(shown, found)
        label(shown, found)
    return [
        QuantityMatch(
            Quantity(one.value, one.unit), positions[one.start], positions[one.end - 1] + 1, one.alignment, one.label,
            one.group, one.role,
        )
        for one in found
        if one.unit
    ]  # fmt: skip


def find_own_quantities(text: str, units: tuple[str, ...]) -> list[QuantityMatch]:
    """All "number unit" of the text whose unit is one of `units` and only a user's schema knows it."""
    pattern = _own_units(units)
    return [
        QuantityMatch(Quantity(Decimal(match[1]), match[2]), match.start(), match.end(), _EXACT)
        for match in (pattern.finditer(text) if pattern else ())
    ]


@lru_cache(maxsize=256)
def _own_units(units: tuple[str, ...]) -> re.Pattern[str] | None:
    own = any_of(unit for unit in units if unit not in BY_NAME)
    return re.compile(rf"(?<![\w.])([0-9]{{1,12}}(?:\.[0-9]{{1,12}})?)[ ]{{0,2}}({own})(?!\w)") if own else None


def _scan(text: str) -> list[Found]:
    """Every number of the text, with its unit where one stands at it."""
    found: list[Found] = []
    floor = position = 0
    while (match := _START.search(text, position)) is not None:
        start = match.start()
        number, unit = _read(text, start)
        if number is None:
            digits = _DIGITS.match(text, start)
            position = digits.end() if digits else start + 1
        elif not _may_start(text, start, floor):
            position = number.end
        else:
            position = number.end if unit is None else unit.end
            one = Found(number.value, start, position, number.alignment)
            if unit is not None:
                _set_unit(one, unit)
            elif (before := unit_before(text, start, floor)) is not None:
                _set_unit(one, before)
                one.start = before.end
            found.append(one)
            floor = position
    return found


def _read(text: str, start: int) -> tuple[Number | None, UnitAt | None]:
    """The number at `start` and its unit; OCR slips are repaired only where that yields a unit."""
    number = read_number(text, start)
    if number is not None:
        if (unit := unit_behind(text, number.end)) is not None:
            return number, _unless_the_same_again(text, number, unit)
        last = number.end - 1
        if (match := _DIGIT_IN_UNIT.match(text, last)) and (short := read_number(text[start:last].rstrip("."), 0)):
            name = "ounce" if match[0][0] == "0" else "pound"
            return Number(short.value, number.end, _FUZZY), UnitAt(name, match.end(), _FUZZY)
    following = text[start] if number is None else text[number.end : number.end + 1]
    repaired = repair_number(text, start) if following and following in "OoIl|SsB.," else None
    unit = unit_behind(text, repaired.end) if repaired else None
    return (number, None) if unit is None else (repaired, unit)


def _unless_the_same_again(text: str, number: Number, unit: UnitAt) -> UnitAt:
    """ "3.5oz/100g" says one weight twice and is no rate, unlike "12g/100g"."""
    if unit.unit.endswith(" per") and (below := _PER_HUNDRED.search(text, number.end, unit.end)) is not None:
        name, again = unit.unit.removesuffix(" per"), "gram" if below[1] in "gG" else "millilitre"
        if name != again and same_size(float(number.value), name, 100.0, again):
            return UnitAt(name, below.start(), unit.alignment)
    return unit


def _may_start(text: str, start: int, floor: int) -> bool:
    """Whether a number may begin here: not inside a model code, a version or a price."""
    if start in (0, floor):
        return True
    before = text[start - 1]
    if not before.isalpha():
        return before not in "$€£" and not (before in "._" and start > 1 and text[start - 2].isdigit())
    begin = start - 1
    while begin > floor and text[begin - 1].isalpha():
        begin -= 1
    word = text[begin:start]
    if len(word) == 1:
        if word > "\u2e80":
            return True  # 約6.8cm: no script of that kind writes model codes
        return word in _SINGLE_GLUE and not (begin > floor and text[begin - 1].isdigit() and word not in "xX")
    if not word.isascii() or word.lower().endswith(_GLUE_WORDS):
        return True
    return len(word) >= 3 and (word[1:].islower() or (len(word) >= 5 and not word.isupper()))  # ProCORE18V


def _set_unit(one: Found, unit: UnitAt) -> None:
    if unit.unit in _WHOLE_UNITS and _DOT_GROUP.fullmatch(str(one.value)):
        one.value *= 1000  # 1.500 g: nobody prints a pack's grams to three decimals that end in 00
        one.alignment = _NORMALISED
    one.unit, one.label = unit.unit, unit.label
    one.alignment = least_sure(one.alignment, unit.alignment)


def _apply_default(text: str, found: list[Found], unit: str) -> None:
    for one in found:
        glued = one.start > 0 and _BARE_STOP.match(text[one.start - 1]) is not None
        single_letter = glued and (one.start < 2 or not text[one.start - 2].isalnum())
        if not one.unit and (not glued or single_letter) and not _BARE_STOP.match(text, one.end):
            share(one, unit)
