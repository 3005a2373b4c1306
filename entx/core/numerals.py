"""Numbers as people print them: decimal comma, thousands, fractions, mixed numbers, and OCR's slips inside digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from math import gcd

from entx.core.glyphs import VULGAR
from entx.core.types import Alignment

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
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
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
        whole = _PLAIN.match(text, start)  # "220/240", "5 10/12": the first number stands alone
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
