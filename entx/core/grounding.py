"""Where a written answer stands in the OCR lines: as printed, after repairing a slip, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

from entx.core.candidates import Candidate, find_candidates
from entx.core.entities import Entity
from entx.core.quantity import Quantity
from entx.core.types import NO_EVIDENCE, Alignment, Evidence, OcrPage
from entx.core.units import kind_of

ALIGNMENTS = {Alignment.EXACT: 0, Alignment.NORMALISED: 1, Alignment.FUZZY: 2}
"""The surest first."""


def evidence_of(quantity: Quantity, candidates: Sequence[Candidate]) -> Evidence:
    """The best-aligned candidate equal in number and unit, the first in reading order among equals; NONE for none."""
    found = [one for one in candidates if one.quantity == quantity]
    if not found:
        return NO_EVIDENCE
    best = min(found, key=lambda one: ALIGNMENTS[one.alignment])
    return Evidence(best.alignment, best.line_ids, best.polygon)


def ground(quantity: Quantity, page: OcrPage, entity: Entity, quantities: Sequence[Candidate]) -> Evidence:
    """Finds a quantity on its page.

    A candidate equal in number and unit comes first, the best aligned one. Else the model repaired something: FUZZY is
    a quantity of the same number and kind in another unit, or a number of at least two digits in one line only.
    Anything else is NONE: there is no box for a value that the lines do not hold.

    Args:
        quantities: of this page, from `page_quantities`.
    """
    equal = evidence_of(quantity, find_candidates(page, entity, quantities))
    if equal.line_ids:
        return equal
    for one in quantities:
        if one.quantity.value == quantity.value and kind_of(one.quantity.unit) == kind_of(quantity.unit):
            return Evidence(Alignment.FUZZY, one.line_ids, one.polygon)
    digits = format(quantity.value.normalize(), "f")
    if len(digits.replace(".", "")) < 2:
        return NO_EVIDENCE
    printed = re.compile(rf"(?<![0-9.,]){re.escape(digits).replace(re.escape('.'), '[.,]')}(?![0-9]|[.,][0-9])")
    lines = [place for place, line in enumerate(page.lines) if printed.search(line.text)]
    if len(lines) != 1:
        return NO_EVIDENCE
    return Evidence(Alignment.FUZZY, (lines[0],), page.lines[lines[0]].polygon)
