"""Characters made plain: NFKC and one sign for each of the many quotes, dashes and multiplication marks.

Spans found in the plain text can be carried back to the text as it was given.

Numbers as people print them: decimal comma, thousands, fractions, mixed numbers, and OCR's slips inside digits.

The unit that stands directly behind (or before) a number in a text.

Quantities found as spans in text.

`find_quantities` reads one line of text in four steps: every number with the unit that stands at it (`numerals`,
`unit_scan`), compounds (5'11"), links between neighbours (x, ranges, "the same again"), and axis labels. It covers
every unit of `entx.core.units`, legal for some entity or not; it does not judge which quantity answers a question
(`candidates`, `postprocess`) and never converts, with one exception that it marks: feet and inches of one size, and
pounds and ounces, become inches and ounces (5'11" -> 71 inch), because there is no other way to write them as one
number and unit.

Quantities in units that only a user's schema knows, written as the schema writes them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import gcd

from entx.core.expressions import RANK, Found, label, link, merge_compounds, share
from entx.core.types import Alignment, Quantity
from entx.core.units import BY_NAME, MULTI_WORD_HEADS, Unit, kind_of, lookup, same_size

_PLAIN = {
    **dict.fromkeys("″”“„‟＂〃", '"'),
    **dict.fromkeys("′’‘‛`´＇", "'"),
    **dict.fromkeys("‐‑‒–—―−－﹣", "-"),
    **dict.fromkeys("~～〜∼˜", "~"),
    **dict.fromkeys("×✕✖⨯╳хХ", "x"),
    **dict.fromkeys("µμ", "u"),
    **dict.fromkeys("⁄∕／", "/"),
    **dict.fromkeys("（【", "("),
    **dict.fromkeys("）】", ")"),
    **dict.fromkeys("，、", ","),
    "：": ":",
    "℃": "°",
    "℉": "°",
}
VULGAR = {char: unicodedata.numeric(char) for char in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"}
"""One-character fractions, kept as they are: NFKC would turn 8½ into 81/2."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A text in plain characters.

    Args:
        text: the plain text.
        offsets: for each position of `text` and one past its end, the position in the given text; None when they are
            the same.
    """

    text: str
    offsets: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A span of the plain text as a span of the given text."""
        if self.offsets is None:
            return start, end
        return self.offsets[start], self.offsets[end - 1] + 1 if end > start else self.offsets[start]


def plain(text: str) -> Plain:
    """The text in plain characters."""
    if text.isascii() and "`" not in text:
        return Plain(text)
    parts: list[str] = []
    offsets: list[int] = []
    for position, char in enumerate(text):
        part = (
            char
            if (char < "\x80" and char != "`") or char in VULGAR
            else _PLAIN.get(char) or unicodedata.normalize("NFKC", char)
        )
        parts.append(part)
        offsets.extend([position] * len(part))
    offsets.append(len(text))
    return Plain("".join(parts), tuple(offsets))


MAX_DIGITS = 12
"""Longer digit strings are bar codes, not sizes."""

_FRACTIONS = "".join(VULGAR)
START = re.compile(
    rf"[0-9{_FRACTIONS}]|(?<![0-9])(?<![A-Za-z0-9][A-Za-z])\.[0-9]|(?<![A-Za-z0-9])[OoIl|](?=[.,]?[0-9])"
)
"""Where a number can start; the letters are OCR's zeros and ones. The dot of "NET WT.14 oz" is the word's."""

_NUMBER = re.compile(
    rf"""
    (?P<vulgar>(?:[0-9]{{1,4}}[ -]?)?[{_FRACTIONS}])
    | (?P<mixed>[0-9]{{1,4}}(?:[ ]-[ ]|[ -])[1-9][0-9]?[ ]?/[ ]?[0-9]{{1,2}}(?![0-9/]|[.][0-9]))
    | (?P<fraction>[0-9]{{1,4}}/[0-9]{{1,2}}(?![0-9/]|[.,][0-9]))
    | (?P<comma_thousands>[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9]|,[0-9])(?:\.[0-9]+)?)
    | (?P<dot_thousands>[0-9]{{1,3}}(?:\.[0-9]{{3}})+,[0-9]{{1,2}}(?![0-9])
        |[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,}}(?![0-9.]))
    | (?P<decimal_comma>[0-9]+,[0-9]{{1,2}}(?![0-9]|,[0-9]))
    | (?P<space_thousands>[1-9][ ][0-9]00(?![0-9]|[.,][0-9]))
    | (?P<plain>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    """,
    re.VERBOSE | re.ASCII,
)
_NUMERALS_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_SLIPPED = re.compile(r"(?=[OoIl|SB]*[.,]?[0-9])[0-9OoIl|]?[0-9OoIl|SsB]*(?:[.,][0-9OoIl|SsB]+)?")
_REPAIR = str.maketrans("OoIl|SsB,", "00111558.")
_INCH = re.compile(r"""[ ]?(?:"|''|in(?:ch|ches)?(?![a-z]))""", re.IGNORECASE)
_DENOMINATORS = frozenset({2, 3, 4, 5, 6, 7, 8, 10, 16, 32, 64})


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: its exact value, where it ends, and how it was read."""

    value: Decimal
    end: int
    alignment: Alignment


def read_number(text: str, start: int) -> Number | None:
    """The longest number that starts exactly at `start`; None where there is none or it has too many digits."""
    match = _NUMBER.match(text, start)
    if match is None:
        return None
    form, printed, end = match.lastgroup, match[0], match.end()
    if len(printed) > MAX_DIGITS and sum(map(str.isdigit, printed)) > MAX_DIGITS:
        return None
    if form == "plain":
        return Number(Decimal(printed), end, Alignment.EXACT)
    if form in ("mixed", "fraction"):
        value = _fraction(printed)
        if value is None and form == "fraction" and _INCH.match(text, end):
            value = _lost_space(printed)
        if value is not None:
            return Number(value, end, Alignment.NORMALISED)
        whole = _NUMERALS_PLAIN.match(text, start)  # "220/240", "5 10/12": the first number stands alone
        return None if whole is None else Number(Decimal(whole[0]), whole.end(), Alignment.EXACT)
    if form == "vulgar":
        value = Decimal(printed[:-1].strip(" -") or "0") + Decimal(str(round(VULGAR[printed[-1]], 6)))
    elif form == "comma_thousands":
        # 0,500 kg is half a kilogram, 1,500 lb is not one and a half pounds
        decimal = printed[0] == "0" and printed.count(",") == 1 and "." not in printed
        value = Decimal(printed.replace(",", "." if decimal else ""))
    elif form == "dot_thousands":
        value = Decimal(printed.replace(".", "").replace(",", "."))
    elif form == "decimal_comma":
        value = Decimal(printed.replace(",", "."))
    else:
        value = Decimal(printed.replace(" ", ""))
    return Number(value, end, Alignment.NORMALISED)


def repair_number(text: str, start: int) -> Number | None:
    """The number at `start` with OCR's letters read as digits (I5 -> 15, 1O -> 10, 37.S -> 37.5); FUZZY.

    None when nothing there needs repair. A missing decimal point is not repaired: nothing in the text shows it.
    """
    match = _SLIPPED.match(text, start)
    if match is None:
        return None
    printed = match[0]
    repaired = printed.translate(_REPAIR)
    fraction = printed.replace(",", ".").partition(".")[2]
    if fraction.isalpha() and fraction not in ("S", "O"):
        return None  # "3.In Wasser" is a list's third point
    if repaired == printed.replace(",", ".") or len(repaired) > MAX_DIGITS or not any(map(str.isdigit, printed)):
        return None
    return Number(Decimal(repaired), match.end(), Alignment.FUZZY)


def _lost_space(printed: str) -> Decimal | None:
    """The value of "33/8", which was printed 3 3/8: nobody prints inches as an improper fraction.

    Of 3 15/16 and 31 5/16 the former: fewer wholes end in a 1 than sixteenths have two digits.
    """
    head, _, below = printed.partition("/")
    for cut in range(max(len(head) - 2, 1), len(head)):
        value = _fraction(f"{head[:cut]} {head[cut:]}/{below}") if head[cut] != "0" else None
        if value is not None:
            return value
    return None


def _fraction(printed: str) -> Decimal | None:
    """The value of "1/2" or "8 1/4"; None unless it is a proper, reduced fraction with a usual denominator."""
    head, _, below = printed.partition("/")
    parts = head.replace("-", " ").split()
    above, denominator = int(parts[-1]), int(below)
    if denominator not in _DENOMINATORS or not 0 < above < denominator or gcd(above, denominator) != 1:
        return None
    whole = int(parts[0]) if len(parts) == 2 else 0
    return (whole + Decimal(above) / denominator).quantize(Decimal("0.000001")).normalize()


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
        if word > "\u2e80":
            return True  # 約6.8cm: no script of that kind writes model codes
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


def find_own_quantities(text: str, units: tuple[str, ...]) -> list[QuantityMatch]:
    """All "number unit" of the text whose unit is one of `units` and not in the table of `entx.core.units`."""
    pattern = _pattern(units)
    if pattern is None:
        return []
    return [
        QuantityMatch(Quantity(Decimal(match[1]), match[2]), match.start(), match.end(), Alignment.EXACT)
        for match in pattern.finditer(text)
    ]


@lru_cache(maxsize=256)
def _pattern(units: tuple[str, ...]) -> re.Pattern[str] | None:
    own = sorted((unit for unit in units if unit not in BY_NAME), key=len, reverse=True)
    if not own:
        return None
    return re.compile(
        rf"(?<![\w.])([0-9]{{1,12}}(?:\.[0-9]{{1,12}})?)[ ]{{0,2}}({'|'.join(map(re.escape, own))})(?!\w)"
    )
