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
    """The size of a quantity; equal for 500 gram and 0.5 kilogram, different for 5 kilogram and 11 pound.

    A rounded conversion, as packs print it, is another size: to call "28 cm" and "11 inch" one size needs a tolerance,
    and a tolerance is not transitive.
    """
    kind, factor = _EXACT.get(quantity.unit, (quantity.unit, Fraction(1)))
    return kind, Fraction(quantity.value) * factor
