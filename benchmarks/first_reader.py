"""The reader that the rules reader is measured against: the first legal quantity, cue words before order, nothing else.

It stood in entx until features and geometry came; kept here so that the two can be measured on the same pages.
"""

from __future__ import annotations

from collections.abc import Sequence

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.types import OcrLine, OcrPage, Quantity
from entx.rules.features import cue_pattern

NEAR_LINE_HEIGHTS = 1.5


def first_answer(page: OcrPage, entity: Entity, schema: Schema) -> Quantity | None:
    """A labelled quantity, else one on a cue word's line, else one beside such a line, else the first legal one."""
    candidates = find_candidates(page, entity, page_quantities(page))
    others = (other for other in schema.entities.values() if other.kind == entity.kind and other != entity)
    rivals = {cue for other in others for cue in other.cues} - set(entity.cues)
    own = [one for one in candidates if one.label not in rivals]
    cue = cue_pattern(entity.cues)
    cue_lines = [number for number, line in enumerate(page.lines) if cue.search(line.text.lower())]
    for preferred in (
        [one for one in own if one.label in entity.cues],
        [one for one in own if set(one.line_ids) & set(cue_lines)],
        [one for one in own if any(_is_near(page, one, number) for number in cue_lines)],
        own,
    ):
        if preferred:
            return _upper_end(preferred[0], candidates).quantity
    return None


def _is_near(page: OcrPage, one: Candidate, cue_line: int) -> bool:
    left, top, right, bottom = _box(page.lines[cue_line])
    reach = NEAR_LINE_HEIGHTS * (bottom - top)
    for number in one.line_ids:
        x1, y1, x2, y2 = _box(page.lines[number])
        below = 0 <= (y1 + y2) / 2 - (top + bottom) / 2 <= reach + (y2 - y1) and x1 < right and x2 > left
        if below or (y1 < bottom and y2 > top and left <= x1 <= right + reach):
            return True
    return False


def _box(line: OcrLine) -> tuple[float, float, float, float]:
    return min(line.polygon[0::2]), min(line.polygon[1::2]), max(line.polygon[0::2]), max(line.polygon[1::2])


def _upper_end(chosen: Candidate, candidates: Sequence[Candidate]) -> Candidate:
    if chosen.role != "low":
        return chosen
    return next((one for one in candidates if one.role == "high" and one.group == chosen.group), chosen)
