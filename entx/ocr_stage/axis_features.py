"""Features of a length: which of height, width and depth a number is, and whether it is the whole product's.

Every feature has a name and a value around 0 to 1; what they are worth stands in the weights table. Nothing here
depends on an engine or on fitted numbers.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from entx.core.quantity import Quantity
from entx.core.types import Place
from entx.ocr_stage.extents import Extent
from entx.ocr_stage.layout import Layout

_CLEARLY_LONGER = 1.1
_SEVERAL = 4
_ROUND_WORD = re.compile(
    r"\b(?:round|cups?|mugs?|bowls?|vases?|candles?|jars?|bottles?|pots?|planters?|plates?|tumblers?|buckets?|bulbs?|balls?"
    r"|glass(?:es)?|lamps?|shades?|wheels?|rund|rond|redond\w+|tasse|vaso|maceta|basket|kettle|teapot|stool|pouf)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Company:
    """What the lengths of a page say together: computed once, for all of them and all axes.

    A length that says another one's size again (`Extent.second`) has no say in it, but for the words at it.

    Args:
        printed: axes that words name.
        guessed: axes that any length has, by words or otherwise.
        orders: reading order of the lengths, ascending.
        values: number of different ones.
        peers: the lengths of each guess, the longest dimension line first.
        largest: of each guess, in centimetres.
    """

    printed: frozenset[str]
    guessed: frozenset[str]
    orders: tuple[int, ...]
    values: int
    peers: dict[str, list[Extent]]
    largest: dict[str, float]

    @classmethod
    def of(cls, extents: Sequence[Extent]) -> Company:
        """The company of a page's lengths."""
        primary = [one for one in extents if not one.second]
        peers: dict[str, list[Extent]] = {}
        for one in sorted(primary, key=lambda one: -one.pixels):
            peers.setdefault(one.guess, []).append(one)
        return cls(
            frozenset(name for one in extents for name in one.words), frozenset(peers),
            tuple(sorted(one.candidate.order for one in primary)),
            len({one.candidate.quantity for one in primary}), peers,
            {guess: max(one.centimetres for one in group) for guess, group in peers.items()},
        )  # fmt: skip


def axis_features(extent: Extent, company: Company, layout: Layout, axis: str) -> dict[str, float]:
    """The features of one length for the question of one axis ("height", "width" or "depth"); zeros are left out."""
    others = [a for a in ("height", "width", "depth") if a != axis]
    guessed = company.guessed
    names = _names(axis, company.printed, guessed)
    own = max((extent.words.get(name, 0.0) for name in names), default=0.0)
    peers = company.peers.get(extent.guess, [])
    own_guess = extent.guess in names if extent.words else extent.guess == axis
    judged = own_guess and not extent.second
    apart = _apart(extent, peers) if own_guess else 0.0
    features = {
        "word_own": own,
        "word_rival": 0.0 if own else max(extent.words.values(), default=0.0),
        "line_own": extent.drawn(axis) * (not extent.words),
        "line_rival": max(extent.drawn(other) for other in others) * (not extent.words),
        "turned": float(extent.turned and not extent.words),
        "slanted": float(extent.slanted and not extent.words),
        "beside": float(extent.place in (Place.LEFT, Place.RIGHT) and not extent.words),
        "below": float(extent.place in (Place.BELOW, Place.ABOVE) and not extent.words),
        "list_own": float(extent.count > 0 and not extent.words and extent.guess == axis),
        "list_rival": float(extent.count > 0 and not extent.words and extent.guess != axis),
        "guess_own": float(own_guess),
        "guess_rival": float(not own_guess and extent.guess != ""),
        "own_elsewhere": float(not own_guess and not (guessed - {extent.guess}).isdisjoint({axis, *names})),
        "smaller": 1.0 - extent.centimetres / company.largest[extent.guess] if judged else 0.0,
        "shorter": 1.0 - extent.pixels / peers[0].pixels if judged and peers[0].pixels > 0 else 0.0,
        "second": float(extent.second),
        "lookalike": float(extent.lookalike),
        "fuzzy": float(extent.candidate.alignment.value == "fuzzy"),
        "font": layout.heights[extent.candidate.line_ids[0]] / layout.tallest,
        "later": min(bisect_left(company.orders, extent.candidate.order), 5) / 5.0,
        "lone": float(company.values == 1 and (own > 0 or not extent.words)),
        "several": apart,
        "several_named": apart if extent.words else 0.0,
        "part": float(own_guess and not extent.words and _is_held(extent, peers)),
        "tilted": float(extent.tilted and extent.guess == axis),
        "crowd": min(max(company.values - 3, 0), 9) / 9.0,
        "unseen": float(layout.page.geometry is None and extent.guess == ""),
        "long_text": float(len(layout.page.lines[extent.candidate.line_ids[0]].text) > 40),
    }  # fmt: skip
    return {name: value for name, value in features.items() if value}


def _holds(whole: Extent, part: Extent) -> bool:
    """Whether one number's dimension line covers another's and is clearly longer."""
    if whole.span is None or part.span is None or whole.pixels < _CLEARLY_LONGER * part.pixels:
        return False
    slack = 0.1 * (whole.span[1] - whole.span[0])
    return whole.span[0] - slack <= part.span[0] and part.span[1] <= whole.span[1] + slack


def _is_held(extent: Extent, peers: Sequence[Extent]) -> bool:
    """Whether any peer's dimension line covers this one's; the longest stand first."""
    for other in peers:
        if other.pixels < _CLEARLY_LONGER * extent.pixels:
            return False
        if _holds(other, extent):
            return True
    return False


def _apart(extent: Extent, peers: Sequence[Extent]) -> float:
    """How many other values this axis has beside it that are no parts of it and that it is no part of; 1 for four."""
    others: set[Quantity] = set()
    for one in peers:
        if not extent.same_size_as(one) and (extent.words or not (_holds(extent, one) or _holds(one, extent))):
            others.add(one.candidate.quantity)
            if len(others) == _SEVERAL:
                break
    return len(others) / _SEVERAL


def _names(axis: str, printed: frozenset[str], guessed: frozenset[str]) -> tuple[str, ...]:
    """The axis words that answer for this axis.

    Args:
        printed: axes that words name anywhere on the page.
        guessed: axes that any of its numbers has, by words or otherwise.
    """
    if axis == "height":
        return ("height",)
    if axis == "width":
        if "width" in printed:
            return ("width",)
        return ("diameter", "length") if {"depth", "height"} & printed else ("diameter",)
    names = ["depth", "thickness"]
    if "depth" not in printed and {"width", "height"} & printed and {"width", "height"} <= printed | guessed:
        names.append("length")  # the remaining extent; with one other size only, it may be any
    if "width" not in printed and "depth" not in printed:
        names.append("diameter")
    return tuple(names)


def round_words(layout: Layout) -> bool:
    """Whether any line of the page names a round thing."""
    return any(_ROUND_WORD.search(line.text) for line in layout.page.lines)
