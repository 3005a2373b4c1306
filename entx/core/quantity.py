"""One quantity: an exact decimal and a unit, and its one written form, "500.0 gram"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_WRITTEN = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s+([a-zA-Z]+(?: [a-zA-Z]+)*)")
_MAX_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit. Equal when both are equal: 5 gram = 5.0 gram, but 500 gram is not 0.5 kilogram.

    Args:
        value: exact decimal, finite.
        unit: canonical singular name, for example "fluid ounce".
    """

    value: Decimal
    unit: str

    @property
    def text(self) -> str:
        """The written form: at least one decimal, no exponent, no other trailing zero ("500.0 gram", "8.25 inch")."""
        digits = format(self.value, "f")
        whole, _, fraction = digits.partition(".")
        return f"{whole}.{fraction.rstrip('0') or '0'} {self.unit}"

    def __str__(self) -> str:
        return self.text


def parse_written(text: str) -> Quantity | None:
    """Reads the written form "number unit" of truth and prediction files; None for anything else.

    Strict on purpose: it does not know units, repair spelling or read ranges (that is `postprocess`).
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or len(match[1]) > _MAX_DIGITS:
        return None
    return Quantity(Decimal(match[1]), match[2])
