"""Quantities found as spans in text."""

from __future__ import annotations

from dataclasses import dataclass

from entx.core.quantity import Quantity
from entx.core.types import Alignment


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
