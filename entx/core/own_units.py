"""Quantities in units that only a user's schema knows, written as the schema writes them."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from entx.core.quantities import QuantityMatch
from entx.core.quantity import Quantity
from entx.core.types import Alignment
from entx.core.units import BY_NAME


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
