"""Exact sizes: whether two quantities are one size in two units. Only to compare; nothing is ever converted."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from entx.core.quantity import Quantity
from entx.core.units import UNITS

_AMBIGUOUS = frozenset({"ton", "horsepower"})
"""Units with several sizes (short ton and tonne, metric and mechanical): equal only to themselves."""

_EXACT: dict[str, tuple[str, Fraction]] = {
    unit.name: (unit.kind, Fraction(repr(unit.factor)))  # the decimal as it stands in the table, not its nearest float
    for unit in UNITS
    if unit.factor and unit.name not in _AMBIGUOUS
}

Size = tuple[str, Fraction]
"""A kind ("weight") and a number of its base units; for a unit that cannot be converted, the unit and the number."""


@lru_cache(maxsize=65536)
def exact_size(quantity: Quantity) -> Size:
    """The size of a quantity; equal for 500 gram and 0.5 kilogram, different for 5 kilogram and 11 pound."""
    kind, factor = _EXACT.get(quantity.unit, (quantity.unit, Fraction(1)))
    return kind, Fraction(quantity.value) * factor


@lru_cache(maxsize=65536)
def same_in_print(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities in different units are one size as packs print it twice: 5 kilogram (11 pound).

    Each must be the other, converted and rounded to its own decimals: 5 kg are 11.02 lb and 11 lb are 4.99 kg. 1 kg and
    800 g are not: 1 kg is 1000 g. Symmetric, not transitive.
    """
    if one.unit == other.unit or exact_size(one)[0] != exact_size(other)[0]:
        return False
    return _rounds_to(one, other) and _rounds_to(other, one)


def _rounds_to(one: Quantity, other: Quantity) -> bool:
    """Whether `one`, in the unit of `other`, lies within half of the last place of `other`."""
    kind = _EXACT.get(other.unit)
    if kind is None:
        return False
    exponent = other.value.normalize().as_tuple().exponent
    decimals = max(-exponent, 0) if isinstance(exponent, int) else 0
    return abs(exact_size(one)[1] / kind[1] - Fraction(other.value)) <= Fraction(1, 2 * 10**decimals)
