"""Quantities in a line of text: `find_quantities` gives each with its place, unit, axis label and role.

A line is read in four steps: characters made plain (`plain`); every number, as people print them and as OCR engines
misread them (`read_number`, `repair_number`); the unit that stands at it (`unit_behind`, `unit_before`); and what only
several numbers together or the words around them say (`expressions`).

It covers every unit of `entx.core.units`, legal for some entity or not. It does not judge which quantity answers a
question (`candidates`, `postprocess`) and never converts, but for one exception that it marks: feet and inches of one
size, and pounds and ounces and the like, become inches and ounces (5'11" -> 71 inch), because one number and unit
cannot say them otherwise.
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

from entx.core.expressions import Found, absorb_tolerance, any_of, is_reference, label, link, merge_compounds, share
from entx.core.types import Alignment, Quantity, least_sure
from entx.core.units import BY_NAME, MULTI_WORD_HEADS, OTHER_SENSES, Unit, lookup, means_something_else

_EXACT, _NORMALISED, _FUZZY = Alignment.EXACT, Alignment.NORMALISED, Alignment.FUZZY

_PLAIN = {
    char: plain
    for plain, chars in {
        '"': "″”“„‟＂〃", "'": "′’‘‛`´＇", "-": "‐‑‒–—―−－﹣", "~": "~～〜∼˜", "x": "×✕✖⨯╳хХ", "u": "µμ", "/": "⁄∕／",
        "(": "（【", ")": "）】", ",": "，、", ":": "：", "°": "℃℉º",
        "·": "•∙⋅‧", "I": "İ",
    }.items()
    for char in chars
}  # fmt: skip
_SIGNS = str.maketrans(
    _PLAIN | {chr(zero + digit): str(digit) for zero in (0x660, 0x6F0, 0x966) for digit in range(10)}
)
_FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"  # one-character fractions, kept as they are: NFKC would turn 8½ into 81/2


def plain(text: str) -> tuple[str, Sequence[int]]:
    """The text in plain characters (NFKC, and one sign for each of the many quotes, dashes and multiplication marks).

    Returns:
        The plain text, and the position in the given text of each of its characters.
    """
    if text.isascii() and "`" not in text:
        return text, range(len(text))
    shown = text.translate(_SIGNS)
    if unicodedata.is_normalized("NFKC", shown):
        return shown, range(len(text))
    parts = [char if char in _FRACTIONS else unicodedata.normalize("NFKC", char) for char in shown]
    return "".join(parts), [position for position, part in enumerate(parts) for _ in part]


# Numbers ------------------------------------------------------------------------------------------------------------

_MAX_DIGITS = 12  # longer digit strings are bar codes, not sizes
_AND = "[ ](?:and|&|und|et|y|e)[ ]"
_START = re.compile(  # it begins with one set of characters, for which the engine can look fast
    rf"""[0-9{_FRACTIONS}.,OoIl|](?:(?<=[0-9{_FRACTIONS}])
    | (?<=\.)(?<![0-9.]\.)(?<![A-Za-z0-9][A-Za-z]\.)(?=[0-9])   # the dot of "NET WT.14 oz" is the word's, .... leads on
    | (?<=,)(?<![^ (:],)(?=[0-9]{{1,2}}(?![0-9]))
    | (?<=[OoIl|])(?<![A-Za-z0-9][OoIl|])(?=[.,]?[0-9]))          # OCR's zeros and ones
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(
    rf"""
    (?P<simple>[0-9]+(?:\.[0-9]+)?(?![0-9.,/'·{_FRACTIONS}\ -]))     # most numbers: nothing behind them belongs to them
    | (?P<vulgar>(?:[0-9]{{1,4}}(?:{_AND}|[ -]?))?[{_FRACTIONS}])
    | (?P<mixed>[0-9]{{1,4}}(?:{_AND}|[ ]-[ ]|[ -])[1-9][0-9]?[ ]?/[ ]?[0-9]{{1,2}}(?![0-9/]|[.][0-9]))
    | (?P<fraction>[0-9]{{1,4}}/[0-9]{{1,2}}(?![0-9/]|[.,][0-9]))
    | (?P<decimal_comma>[0-9]*,[0-9]{{1,2}}(?![0-9]|,[0-9])|[0-9]{{1,4}}·[0-9](?![0-9·])
        |[0-9]·[0-9]{{2}}(?![0-9·])                          # 16·18 cm are two sizes
        |0[0-9]{{0,2}},[0-9]{{3}}(?![0-9]|[.,][0-9]))       # 0,500 kg is half a kilogram, 1,500 lb is no 1.5 pounds
    | (?P<comma_thousands>[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9]|,[0-9])(?:\.[0-9]+)?
        |[1-9][0-9]{{0,2}}(?:'[0-9]{{3}})+(?![0-9'])(?:\.[0-9]+)?)
    | (?P<dot_thousands>[0-9]{{1,3}}(?:\.[0-9]{{3}})+,[0-9]{{1,2}}(?![0-9])
        |[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,}}(?![0-9.]))
    | (?P<plain>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    """,
    re.VERBOSE | re.ASCII,
)
_SEPARATORS: dict[str, Mapping[int, int | None]] = {  # of each form: the decimal point, and what is left out
    "decimal_comma": str.maketrans(",·", ".."), "comma_thousands": str.maketrans("", "", ",'"),
    "dot_thousands": str.maketrans(",", ".", "."),
}  # fmt: skip
_PIECES = re.compile(  # of one number: 10 000, 1 234,5, 2 500 and 1. 500 but not 2 330; 5. 92, 12 .5, 1 ,5
    r"(?P<thousands>[1-9][0-9]{0,2}(?:[ ]0[0-9]{2})+|[1-9][0-9]?[ ][0-9]{3}(?=,[0-9])|"
    r"[1-9][.,]?[ ][0-9](?:00|50)(?=[ ]))"
    r"(?:,(?P<cents>[0-9]{1,2}))?(?![0-9]|[.,][0-9])"
    r"|(?P<whole>[0-9]{1,3})(?:[ ]?\.[ ]|[ ][.,])(?P<decimals>[0-9]{1,2})(?![0-9]|[.,][0-9])"
)
_COUNTED = re.compile(  # what stands before the number of pieces in a pack
    r"(?:\bof|\b(?:pack|set|box|case|lot|bundle|qty|quantity|pcs|count|step|no|nr|model|type|size|art|de|von))[.: ]*$"
    r"|[x×*][ ]?$", re.IGNORECASE
)  # fmt: skip
_SLIPPED = re.compile(
    r"(?![0-9OIl|]+[sS][tT](?![A-Za-z]))(?=[OoIl|SB]*[.,]?[0-9])[0-9OoIl|]?[0-9OoIl|SsB]*(?:[.,][0-9OoIl|SsB]+)?"
)
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
    if form in ("simple", "plain"):
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
        value = Decimal(printed[:-1].partition(" ")[0].strip("-") or "0") + part
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
    *whole, above, denominator = map(int, re.findall("[0-9]+", printed))
    if denominator not in _DENOMINATORS or not 0 < above < denominator or gcd(above, denominator) != 1:
        return None
    return (sum(whole) + Decimal(above) / denominator).quantize(Decimal("0.000001")).normalize()


# Units at numbers ---------------------------------------------------------------------------------------------------

_BEHIND = re.compile(
    r"""[ ]{0,2}(?:-[ ]?(?=[^\W\d]))?           # 4-inch, 12V- battery
    (?: (?P<degree>["'*][ ]?[CF](?![A-Za-z]))
      | (?P<mark>''|'|")
      | (?P<slip>0[Zz]|02|O2|[1|][Bb][Ss]?|[mc]1
          |(?![fF][lL][.]?[ ]?[oO][zZ])[fF][1lIL][.]?[ ]?[oO0C][zZ2]|(?<=[.][0-9])U)(?![A-Za-z0-9])
      | (?P<word>[^\W\d_\u3040-\uffff]+|(?:(?!\W)[\u3040-\uffff])+|[°º%][CFcf]?(?![a-z]))
      | (?P<bracket>[(\[][ ]?[A-Za-z"' .*/]{1,12}[)\]])
    )""",
    re.VERBOSE,
)
_HELD_BEFORE = re.compile(r"[(\[] ?([A-Za-z\"']{1,10}\.?) ?[)\]] ?[:=]? ?$")
_BARE_BEFORE = frozenset({
    "kg", "Kg", "KG", "g", "gr", "ml", "ML", "cl", "cm", "CM", "mm", "MM", "oz", "OZ", "lbs", "LBS", "kW", "KW", "Lt",
})  # fmt: skip
_NAME_BEFORE = frozenset(
    f"{size}{name}{plural}" for size in ("", "kilo", "milli", "centi") for plural in ("", "s") for name in
    ("gram", "gramm", "gramme", "gramo", "volt", "watt", "liter", "litre", "litro", "litri", "pound", "ounce")
)  # fmt: skip
_LETTER_BEFORE = re.compile(  # V 220, Power W 1500: at the start of a line, or behind the name of what it measures
    r"(?:^|\b(?:\w*(?:volt|tens|spann|watt|pow|puiss|leist|pot[eê])\w*|input|rated|nominal\w*|ac|dc|max)[.:]? )"
    r"[VW][: ] ?$", re.IGNORECASE
)  # fmt: skip
_ALONE = re.compile(r"[0-9]{2,5}(?:[.,][0-9]{1,2})?[ .,;]*$")
_PER_BEFORE = re.compile(r"(?:\b(?:per|pro|pour|par|por|je)|/) ?$", re.IGNORECASE)
_SEVERAL = re.compile(r"[^\W\d_]+(?:(?:\. ?|[ ·-]| ?\()[^\W\d_]+\)?|(?:\. ?| )0[zZ2](?![0-9])){0,3}")
_DOTTED = re.compile(r"(?:[A-Za-z]\.){1,3}[A-Za-z](?![A-Za-z0-9])")  # K.G.
_NEXT_QUANTITY = re.compile(
    r"[0-9]+(?:[.,][0-9]+)?[ ]?(?:mA|A|Ah|AH|mAh|Hz|HZ|hz|W|V|w|v|oz|OZ|g|kg|KG|lbs?|mm|cm|in|ml)(?![a-z])"
)
_MORE_NUMBER = re.compile(r"[A-Za-z0-9]|[.,][0-9]")
_AGAIN_IN_BRACKETS = re.compile(r"[ ]?[(/][ ]?[0-9.,]+ ?(?:g|kg|ml|lb)", re.IGNORECASE)
_LENGTH = r"(?:mm|cm|ft|inch(?:es)?|in(?=[.\"]?[ ]?(?:$|[)\]xX*;/,(A-Z]))|[MC]M|IN(?:CH)?|[CM]m|Inch)(?![A-WYZa-wyz])"
_AXIS_LETTERS = frozenset("HWDLT")
_AXIS_STARTS = frozenset("HWDLTBhwdl([")
_AXIS = re.compile(  # "10W x 20H x 5D cm", "30(L)x20(W)x10(H)cm", "10h x 20w cm", "3x2 (LxW) cm": the letter is no unit
    rf"""(?:[(\[][ ]?(?P<held>[HWDLTBPhwdlt])[ ]?[)\]]
        (?=[ ]?[xX*][ ]?[(\[]?[HWDLT]?[)\]]?[ ]?[0-9.]|[ ]?[(\[]?{_LENGTH})
    | (?P<heading>[(\[][HWDLT](?:[ ]?[xX*/][ ]?[HWDLT]){{1,2}}[)\]](?=[ ]?{_LENGTH}))
    | (?P<letter>[HWDLTBhwdl])(?=[ ]?[)\]]?[ ]?[(\[]?{_LENGTH}|(?:"|'')
        |[ ]?[xX*][ ]?[0-9.,]+[ ]?(?:[(\[]?[HWDLTBhwdl](?:$|[^A-Za-z]|[xX]|{_LENGTH})|"|''|{_LENGTH})))
    (?P<unit>[ ]?[)\]]?[ ]?[(\[]?{_LENGTH}[)\]]?|"|'')?""",
    re.VERBOSE,
)
_TIMES = re.compile(r"(.+?)[xX](?=$|[HWDLTBhwdl]$)")  # what stands before the x of 5cmx10, 10CMXW20
# What is printed or read as one word with a unit: cmH, 18VLXT, 200gNET, 500gBag.
_AXIS_GLUE = re.compile(r"([a-z]+|[A-Z]+?)([HWDLT])$")
_VOLT_GLUE = re.compile(r"([Vv])([A-Z]{2,3}|L[A-Z]{0,2}TH[A-Z]{0,3}M|Lithium|CORDLESS|Cordless|BATTERY|Battery)$")
_NET_GLUE = re.compile(r"(.{1,3})(?:NET|Net|net|MAX|Max|max)$")
_CAMEL_GLUE = re.compile(r"([a-z]+|[A-Z]{1,3}?)([A-Z][a-z]{2,})$")
_ESTIMATED = {  # 500g℮, the European estimated sign, which engines read as an e
    "g": "gram", "kg": "kilogram", "ml": "millilitre", "cl": "centilitre", "ML": "millilitre", "mL": "millilitre",
}  # fmt: skip

_IN_IS_INCH = re.compile(
    r"[ ]?(?:$|[.,;:)\](/\\|=~x×*+\n\"'&-]|[HWDLT](?![a-z])|[0-9]|(?:wide|tall|high|long|deep|thick|width|height|"
    r"length|depth|gusset|diameter|dia|by|or|and|X|round|square|from|x|to|approx|approximately|which|when|at|for)(?![a-z])"
    r"|[A-Z][A-Za-z]|[^\x00-\x7f])"
)
_IN_IS_PREPOSITION = re.compile(
    r"-[ ]?[0-9]|[ ]+1(?![0-9.,/'\"])"  # 2-in-1, 3 in 1
    r"|[ ]*(?:[0-9]{1,2}(?![0-9.,/'\"]|[ -]?[A-Za-z\"'])|[0-9]{4}(?![0-9])"
    r"|(?:one|ONE|One|China|Taiwan|Japan|USA)(?![a-z]))"
)
_RATE = re.compile(
    r"(?:[ ]?/[ ]?|[ -]p(?:er|ro|our|ar|or)[ ])(?:(?P<count>[0-9]{1,3})[ ]?)?"
    r"(?P<word>[^\W\d_]+)(?P<power>[23])?(?![^\W_])"
)
_PER = frozenset({  # a weight per bag, bottle or shelf is the weight that is asked; per serving or hour it is not
    "serving", "servings", "day", "d", "dose", "tablet", "capsule", "scoop", "person", "hour", "hr", "h", "min", "s",
    "sq", "sqm", "qm", "square", "portion", "year", "annum",
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
    if printed[0] in _AXIS_STARTS and (axis := _AXIS.match(text, start)) is not None:
        label = (axis["letter"] or axis["held"] or "").lower()
        if axis["unit"] is None or (found := lookup(axis["unit"].strip(" ()[]"))) is None:
            return UnitAt("", axis.end(), _EXACT, label)  # the unit is still to come
        end = position if axis["heading"] else _past_dot(text, axis.end())  # a heading is looked for behind the number
        return UnitAt(found[0].name, end, _NORMALISED, label)
    if form == "mark":
        first, second = text[end : end + 1], text[end + 1 : end + 2]
        if printed == "'" and (first == "s" or (first.islower() and second.islower())):
            return None  # the 90's, 5's
        return UnitAt("foot" if printed == "'" else "inch", end, _NORMALISED if printed == "''" else _EXACT)
    if form == "degree":
        return UnitAt("degree", end, _FUZZY)
    if form == "bracket":
        inner = printed.strip("()[] .").replace(". ", " ")
        found = None if inner in _AXIS_LETTERS else lookup(inner)  # 10" (H), 10" (W)
        return None if found is None or found[0].kind == "other" else UnitAt(found[0].name, end, _NORMALISED)
    if form == "slip":
        return _misread(text, printed, start, end, spaced=start > position)
    return _word(text, start, end, spaced=start > position)


def unit_before(text: str, position: int, floor: int) -> UnitAt | None:
    """The unit that ends at `position` and starts at or after `floor`: "Weight (kg): 5", "Kg 1,5", "Volts 220".

    Its `end` is where it starts.
    """
    before = text[max(floor, position - 24) : position]
    word = before.rstrip(" :.")
    word = word[word.rfind(" ") + 1 :]
    if word[-1:] in ("V", "W") and _ALONE.match(text, position) and _LETTER_BEFORE.search(text, floor, position):
        return UnitAt("volt" if word[-1] == "V" else "watt", text.rindex(word[-1], 0, position), _NORMALISED)
    if word in _BARE_BEFORE or word.lower() in _NAME_BEFORE:
        start, found = text.rindex(word, 0, position), lookup(word)
    elif (")" in before or "]" in before) and (held := _HELD_BEFORE.search(before)) is not None:
        start, found = position - len(before) + held.start(), lookup(held[1].rstrip("."))
    else:
        return None
    if found is None or found[0].kind == "other" or _PER_BEFORE.search(text, max(0, start - 8), start):
        return None
    listed = found[0].kind != "length" and _MORE_SIZES.match(text, position)  # (L)30*(W)20*(H)10cm, OZ: 3x5 mm
    return None if listed else UnitAt(found[0].name, start, _NORMALISED)


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
    word, behind = text[start:end], text[end : end + 1]
    if word.lower() in MULTI_WORD_HEADS and (several := _several(text, start)) is not None:
        return several
    if behind == "." and len(word) == 1 and (dotted := _DOTTED.match(text, start)) is not None:
        found = lookup(dotted[0].replace(".", ""))
        return None if found is None else UnitAt(found[0].name, _past_dot(text, dotted.end()), _NORMALISED)
    if behind in ("2", "3") and not _MORE_NUMBER.match(text, end + 1):  # 7.8cm3.07in is no volume
        found = lookup(word + behind)
        if found is not None:
            return UnitAt(found[0].name, end + 1, found[1])
    found = lookup(word)
    if found is None and word > "\u3040":  # there are no spaces between words
        end = next((cut for cut in range(min(end, start + 8) - 1, start, -1) if lookup(text[start:cut])), start)
        found = lookup(text[start:end])
    if found is None or (found[1] is _FUZZY and (_TIMES.match(word) or _AXIS_GLUE.match(word))):
        return None if spaced and not _AXIS_GLUE.match(word) else _glued(text, word, start, end)
    unit, alignment = found
    if behind.isdigit() and ((spaced and word in _AXIS_LETTERS) or not _NEXT_QUANTITY.match(text, end)):
        return None  # a model code: 18V2000; W20 H10 cm
    if behind in ("/", " ", "-") and (rate := _RATE.match(text, end)) is not None and _is_rate(rate, unit):
        return UnitAt(f"{unit.name} per", rate.end(), alignment)
    if unit.name == "inch" and word in ("in", "In", "IN", "po"):
        if _IN_IS_PREPOSITION.match(text, end) or not _IN_IS_INCH.match(text, end):
            return None
    elif word in OTHER_SENSES and means_something_else(text, start, word):
        return None
    return UnitAt(unit.name, _past_dot(text, end), alignment)


def _several(text: str, start: int) -> UnitAt | None:
    """A unit of several words: the longest that the table knows."""
    match = _SEVERAL.match(text, start)
    parts = re.split(r"(\. ?| ?\(|[ ·-])", match[0]) if match else []
    for count in range(len(parts), 2, -2):
        printed = "".join(parts[:count])
        form = re.sub(r"\. ?| ?\(|·", " ", printed).rstrip(")")
        found, end = lookup(form) or lookup(form.replace("-", " ")), start + len(printed)
        if found is not None and not text[end : end + 1].isalnum():
            return UnitAt(found[0].name, _past_dot(text, end), found[1])
    return None


def _is_rate(rate: re.Match[str], unit: Unit) -> bool:
    word, count = rate["word"].lower(), rate["count"]
    found = lookup(word + (rate["power"] or ""))
    other, kind = (found[0].name, found[0].kind) if found is not None else ("", "")
    if count == "100":  # "3.5oz/100g" says one weight twice
        return other in ("gram", "millilitre", "kilometre") and unit.name not in ("ounce", "pound", "fluid ounce")
    if count not in (None, "1"):  # 15 mg / 5 ml is a dose, 500 g/17 oz is not
        return unit.name in ("milligram", "microgram") and kind == "volume"
    if word in _PER or (rate["power"] and other):
        return True
    if kind in ("", "other"):  # "V/Hz", "cm/pcs" list units
        return False
    # "in/cm" lists units; "g/m", "lb/ft", "mg/kg" are rates
    return kind != unit.kind or (unit.name, other) == ("milligram", "kilogram")


def _glued(text: str, word: str, start: int, end: int) -> UnitAt | None:
    """A unit with something glued to it by the printer or the engine."""
    times = _TIMES.match(word)
    if times and re.match(r" ?[0-9HWDLB(.:=]", text[end : end + 2]):  # 5cmx10, 5cmLx10, 10CMXW20
        word, end = times[1], start + times.end(1)
    if (match := _AXIS_GLUE.match(word)) and (found := lookup(match[1])) and found[0].kind == "length":
        return UnitAt(found[0].name, end, found[1], match[2].lower())
    if times and (found := lookup(word)) is not None:
        return UnitAt(found[0].name, end, found[1])
    if word[-1] == "e" and word[:-1] in _ESTIMATED:
        return UnitAt(_ESTIMATED[word[:-1]], end, _NORMALISED)
    for pattern in (_NET_GLUE, _VOLT_GLUE, _CAMEL_GLUE):
        if (match := pattern.match(word)) is None:
            continue
        form = _ESTIMATED.get(match[1][:-1], match[1]) if pattern is _NET_GLUE else match[1]
        found = lookup(form)
        if found is not None and (pattern is not _NET_GLUE or found[0].kind in ("weight", "volume")):
            return UnitAt(found[0].name, start + match.end(1), _FUZZY)
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
_SIGNED = tuple("(±-s土士")  # what may hold a number to the one before; s of plus/minus, 土 and 士 read of ±
_QUOTED = re.compile(r"(?<![^ (:=])\"[A-Za-z][^\"]*$")
_SINGLE_GLUE = frozenset("hwdlxHWDLTXøØΦφ")
_SIZE_GLUE = re.compile(r"[HWDLTBhwdl]?[xX][HWDLTBhwdl]?")  # between 30 and 20: 30xW20, 30"Wx20
_MORE_SIZES = re.compile(r"[0-9.,]+[ ]?[xX*]")
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
        if number is None or not _may_start(text, start, floor, unit):
            digits = _DIGITS.match(text, start)
            position = digits.end() if digits else start + 1
        else:
            position = number.end if unit is None else unit.end
            one = Found(number.value, start, position, number.alignment)
            if unit is not None:
                _set_unit(one, unit)
            elif (before := unit_before(text, start, floor)) is not None:
                _set_unit(one, before)
                one.start = before.end
            if one.unit and is_reference(text, one):
                one.unit += " per"
            signed = text[max(0, start - 2) : start].strip()[-1:] in _SIGNED
            after = one.end + text.startswith(")", one.end)
            if signed and one.unit in ("", "per cent") and (unit := unit_behind(text, after)) is not None:
                _set_unit(one, unit)  # 10 (±1) cm, 220±10% V, H(10) cm
                one.end = position = unit.end
            if not (signed and absorb_tolerance(text, one, found)):
                found.append(one)
            floor = position
    return found


def _read(text: str, start: int) -> tuple[Number | None, UnitAt | None]:
    """The number at `start` and its unit; OCR slips are repaired only where that yields a unit."""
    number = read_number(text, start)
    if number is not None:
        if (unit := unit_behind(text, number.end)) is not None:
            return number, unit
        if text[number.end : number.end + 1] in (" ", ".", ",") and (pieces := _in_pieces(text, start)) is not None:
            return pieces
        last = number.end - 1
        if (
            text[last] in "01"
            and (match := _DIGIT_IN_UNIT.match(text, last))
            and (short := read_number(text[start:last].rstrip("."), 0))
        ):
            name = "ounce" if match[0][0] == "0" else "pound"
            return Number(short.value, number.end, _FUZZY), UnitAt(name, match.end(), _FUZZY)
    following = text[start] if number is None else text[number.end : number.end + 1]
    repaired = repair_number(text, start) if following and following in "OoIl|SsB.," else None
    unit = unit_behind(text, repaired.end) if repaired else None
    return (number, None) if unit is None else (repaired, unit)


def _in_pieces(text: str, start: int) -> tuple[Number, UnitAt] | None:
    """The number whose thousands or decimals stand apart, where a unit follows them and the first is no count."""
    match = _PIECES.match(text, start)
    unit = unit_behind(text, match.end()) if match is not None else None
    if match is None or unit is None or (" 0" not in match[0] and _COUNTED.search(text, 0, start)):
        return None
    if match["whole"]:
        return Number(Decimal(f"{match['whole']}.{match['decimals']}"), match.end(), _FUZZY), unit
    digits = "".join(filter(str.isdigit, match["thousands"])) + (f".{match['cents']}" if match["cents"] else "")
    return Number(Decimal(digits), match.end(), _NORMALISED), unit


def _may_start(text: str, start: int, floor: int, unit: UnitAt | None) -> bool:
    """Whether a number may begin here: not inside a model code, a version, a price or quotation marks."""
    if start in (0, floor):
        return True
    before = text[start - 1]
    if not before.isalpha():
        mark = text[unit.end - 1] if unit is not None else ""
        if mark == before and mark in ("'", '"'):
            return start > 1 and text[start - 2] not in " (:="  # the marks of "12" are no inches
        if mark == '"' and _QUOTED.search(text, floor, start):
            return False  # nor those of "Galaxy 12"
        return before not in "$€£" and not (before in "._" and start > 1 and text[start - 2].isdigit())
    begin = start - 1
    while begin > floor and text[begin - 1].isalpha():
        begin -= 1
    word = text[begin:start]
    if (begin == floor and _SIZE_GLUE.fullmatch(word)) or (word == "B" and _MORE_SIZES.match(text, start)):
        return True
    if len(word) == 1:
        if word > "\u2e80":
            return True  # 約6.8cm: no script of that kind writes model codes
        if word in "eE" and begin == start - 1 and unit is not None and unit.unit in (*_ESTIMATED.values(), "litre"):
            return begin == 0 or not text[begin - 1].isalnum()  # the estimated sign, read as a letter
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
