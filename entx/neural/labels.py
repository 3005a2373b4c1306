"""Cleaning the labels of a table before anything learns from them.

A label is a weak text: the challenge's train table holds ranges, units that its entity does not allow and numbers that
no product has. `clean_label` says what a label means, or which fault it has; it never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from entx.core.entities import Entity
from entx.core.parser import find_quantities
from entx.core.postprocess import postprocess
from entx.core.types import Quantity
from entx.core.units import BY_NAME


class RangePolicy(StrEnum):
    """What becomes of "[220.0, 240.0] volt" and "10 kilogram to 15 kilogram"."""

    UPPER = "upper"  # its upper end, as the postprocessor reads a model's range
    DROP = "drop"


class Fault(StrEnum):
    """Why a label is of no use."""

    FORM = "no quantity"
    UNIT = "unit not allowed"
    RANGE = "a range"
    ABSURD = "absurd value"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a label means.

    Args:
        quantity: None with a fault, and where the label says that the picture states no value (the empty label).
        fault: None for a usable label.
        was_range: the label gave two ends.
    """

    quantity: Quantity | None
    fault: Fault | None = None
    was_range: bool = False


BOUNDS: dict[str, tuple[Decimal, Decimal]] = {
    "length": (Decimal("1e-5"), Decimal("1e2")),  # metre; the table's whole range, 1e-5 to 25
    "weight": (Decimal("1e-6"), Decimal("1e8")),  # gram; quantiles 2e-6 and 3.5e7
    "voltage": (Decimal("1e-1"), Decimal("1e4")),  # volt; 0.5 and 1,687
    "power": (Decimal("1e-1"), Decimal("1e5")),  # watt; 0.1 and 73,840
    "volume": (Decimal("1e-4"), Decimal("1e6")),  # litre; 2.7e-4 and 3.2e5
}
"""Smallest and largest size of a product by kind, in the base unit of `entx.core.units`: the 0.5 % and the 99.5 %
quantile of the challenge's train table, rounded outwards to a power of ten."""

_NUMBER = r"(-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?: ?[eE][+-]?[0-9]{1,3})?)"
_UNIT = r"([a-zA-Z]+(?: [a-zA-Z]+)*)"
_PLAIN = re.compile(rf"{_NUMBER}\s+{_UNIT}", re.ASCII)
_LIST = re.compile(rf"\[{_NUMBER}, ?{_NUMBER}\]\s*{_UNIT}", re.ASCII)
_TO = re.compile(rf"{_NUMBER}\s+{_UNIT}\s+to\s+{_NUMBER}\s+{_UNIT}", re.ASCII)


def clean_label(label: str, entity: Entity, ranges: RangePolicy = RangePolicy.UPPER) -> Cleaned:
    """What a label to a question about `entity` means.

    The train table's own forms are read strictly; any other text ("500g" in a user's table) as `postprocess` reads an
    answer. Units are not converted.

    Args:
        label: "" says that the picture states no value.
        ranges: what becomes of a label with two ends.
    """
    text = label.strip()
    if not text:
        return Cleaned(None)
    ends = _ends(text)
    if ends is not None:
        if any(one.unit not in entity.units for one in ends):
            return Cleaned(None, Fault.UNIT, was_range=True)
        if ranges is RangePolicy.DROP:
            return Cleaned(None, Fault.RANGE, was_range=True)
        return _bounded(max(ends, key=_size), was_range=True)
    plain = _PLAIN.fullmatch(text)
    if plain is not None and (plain[2] in BY_NAME or plain[2] in entity.units):
        if plain[2] not in entity.units:
            return Cleaned(None, Fault.UNIT)
        return _bounded(Quantity(_decimal(plain[1]), plain[2]))
    quantity = postprocess(text, entity).quantity
    if quantity is None:
        return Cleaned(None, Fault.UNIT if find_quantities(text) else Fault.FORM)
    return _bounded(quantity)


def _ends(text: str) -> tuple[Quantity, Quantity] | None:
    """Both ends of a range in the table's two forms."""
    if (match := _LIST.fullmatch(text)) is not None:
        return Quantity(_decimal(match[1]), match[3]), Quantity(_decimal(match[2]), match[3])
    if (match := _TO.fullmatch(text)) is not None:
        return Quantity(_decimal(match[1]), match[2]), Quantity(_decimal(match[3]), match[4])
    return None


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(" ", ""))


def _size(quantity: Quantity) -> Decimal:
    """In the kind's base unit; the bare number for a unit that only a user's schema knows."""
    unit = BY_NAME.get(quantity.unit)
    return quantity.value * (Decimal(str(unit.factor)) if unit is not None and unit.factor else 1)


def _bounded(quantity: Quantity, *, was_range: bool = False) -> Cleaned:
    unit = BY_NAME.get(quantity.unit)
    low, high = BOUNDS.get(unit.kind if unit is not None else "", (None, None))
    absurd = quantity.value <= 0
    if low is not None and high is not None:
        absurd = absurd or not low <= _size(quantity) <= high
    return Cleaned(None, Fault.ABSURD, was_range) if absurd else Cleaned(quantity, None, was_range)
