"""The one postprocessor: any model's free text -> a legal quantity, or nothing with the reason.

Every arm, and everybody's imported predictions, go through `postprocess`, so that a comparison of arms compares models
and not clean-ups. It reads an answer as a careful person would: the value said of the entity that was asked, the first
of two spellings of one size, the upper end of a range (the labelling guide's rule 6), nothing where the text says that
the picture does not state it. It does not convert units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from entx.core.entities import Entity
from entx.core.own_units import find_own_quantities
from entx.core.quantities import QuantityMatch, find_quantities
from entx.core.quantity import Quantity, parse_written
from entx.core.statements import choose, is_computed, is_hedged, says_nothing, says_several
from entx.core.types import Alignment
from entx.core.unwrap import unwrap

_LIST = re.compile(r"\[ ?([0-9][0-9.]{0,15}), ?([0-9][0-9.]{0,15}) ?\] ?([a-zA-Z][a-zA-Z ]{0,30})")
_BARE = re.compile(r"(?:^| is | of |: )[0-9]{1,4}(?:\.[0-9]{1,2})?\.?$")
_BASE_UNIT = {"voltage": "volt", "power": "watt"}  # kinds that products are rated in by one unit
_MAX_WHOLE_DIGITS = 13
_MAX_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says.

    Args:
        quantity: legal for the entity; None where the answer says nothing usable.
        reason: why there is no quantity; "" when there is one.
        alignment: how the quantity stood in the text: EXACT, NORMALISED or FUZZY; NONE without one.
    """

    quantity: Quantity | None
    reason: str = ""
    alignment: Alignment = Alignment.NONE


def postprocess(text: str, entity: Entity) -> Reading:
    """Reads a model's answer to a question about `entity`. Never raises; idempotent on the text of its quantity.

    Args:
        text: anything: "8.2 cm (3.23 inches)", a sentence, JSON, a refusal, "".
        entity: what was asked; the quantity's unit is one of its units.
    """
    written = parse_written(text)
    if written is not None and written.unit in entity.units:
        return _checked(written, Alignment.EXACT)
    text = unwrap(text)
    if not text:
        return Reading(None, "the answer is empty")
    if "[" in text:
        text = _LIST.sub(r"\1-\2 \3", text)
    matches = [*find_quantities(text), *find_own_quantities(text, entity.units)]
    if not matches and (unit := _BASE_UNIT.get(entity.kind)) in entity.units and _BARE.search(text):
        matches = find_quantities(text, unit)  # "The wattage is 100."
    legal = [legalised for match in matches if (legalised := legalise(match, entity)) is not None]
    if says_nothing(text):
        legal = [match for match in legal if not is_hedged(text, match)]
        if not legal:
            return Reading(None, "the answer says that there is none")
    if not legal:
        units = sorted({match.quantity.unit for match in matches})
        return Reading(None, f"unit not allowed: {', '.join(units)}" if units else "no quantity in the answer")
    legal = [match for match in legal if not is_computed(text, match)]
    if not legal:
        return Reading(None, "computed by the model, not read")
    if len(legal) > 2 and says_several(text, legal, entity):
        return Reading(None, "several things with different values")
    chosen = choose(text, legal, entity)
    if chosen is None:
        return Reading(None, f"said of something else than the {entity.words}")
    return _checked(chosen.quantity, chosen.alignment)


def legalise(match: QuantityMatch, entity: Entity) -> QuantityMatch | None:
    """The match as an answer to a question about `entity`; None where its unit is not allowed.

    A bare ounce said of a volume is a fluid ounce.
    """
    unit = match.quantity.unit
    if unit in entity.units:
        return match
    if unit == "ounce" and "fluid ounce" in entity.units:
        quantity = Quantity(match.quantity.value, "fluid ounce")
        alignment = Alignment.NORMALISED if match.alignment is Alignment.EXACT else match.alignment
        return replace(match, quantity=quantity, alignment=alignment)
    return None


def _checked(quantity: Quantity, alignment: Alignment) -> Reading:
    """The reading, unless no product has that number: zero, negative, or longer than any real size."""
    exponent = quantity.value.as_tuple().exponent
    if quantity.value <= 0:
        return Reading(None, "the number is not positive")
    if quantity.value >= 10**_MAX_WHOLE_DIGITS or not isinstance(exponent, int) or exponent < -_MAX_DECIMALS:
        return Reading(None, "the number is absurd")
    return Reading(quantity, "", alignment)
