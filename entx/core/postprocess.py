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

POSTPROCESS_VERSION = 2
"""Raised with every change that can change a reading: an import is continued only by the version that began it."""

_LIST = re.compile(r"\[([0-9.]{1,24}), ?([0-9.]{1,24})\] ([a-zA-Z ]{1,40})")
_BARE = re.compile(r"(?:^| is | of |: )[0-9]{1,4}(?:\.[0-9]{1,2})?\.?$")
_BASE_UNIT = {"voltage": "volt", "power": "watt"}  # kinds that products are rated in by one unit
_MAX_WHOLE_DIGITS = 13
_MAX_DECIMALS = 20  # the train tables hold thirds: "0.3333333333333333 kilogram"


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
    if written is None and text[:1] == "[":
        written = _upper_of_list(text)
    if written is not None and (unit := _legal_unit(written.unit, entity)) is not None:
        return _checked(
            Quantity(written.value, unit), Alignment.EXACT if unit == written.unit else Alignment.NORMALISED
        )
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
    """The match as an answer to a question about `entity`; None where its unit is not allowed."""
    unit = _legal_unit(match.quantity.unit, entity)
    if unit is None or unit == match.quantity.unit:
        return match if unit else None
    alignment = Alignment.NORMALISED if match.alignment is Alignment.EXACT else match.alignment
    return replace(match, quantity=Quantity(match.quantity.value, unit), alignment=alignment)


def _legal_unit(unit: str, entity: Entity) -> str | None:
    """The unit as the entity allows it: itself, a fluid ounce for a bare ounce said of a volume, or None."""
    if unit in entity.units:
        return unit
    return "fluid ounce" if unit == "ounce" and "fluid ounce" in entity.units else None


def _upper_of_list(text: str) -> Quantity | None:
    """The train tables' "[220.0, 240.0] volt": its upper number; None for anything else."""
    match = _LIST.fullmatch(text.strip())
    if match is None:
        return None
    low, high = parse_written(f"{match[1]} {match[3]}"), parse_written(f"{match[2]} {match[3]}")
    return None if low is None or high is None else max(low, high, key=lambda quantity: quantity.value)


def _checked(quantity: Quantity, alignment: Alignment) -> Reading:
    """The reading, unless no product has that number: zero, negative, or longer than any real size."""
    exponent = quantity.value.as_tuple().exponent
    if quantity.value <= 0:
        return Reading(None, "the number is not positive")
    if quantity.value >= 10**_MAX_WHOLE_DIGITS or not isinstance(exponent, int) or exponent < -_MAX_DECIMALS:
        return Reading(None, "the number is absurd")
    return Reading(quantity, "", alignment)
