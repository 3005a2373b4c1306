"""The rules reader: an answer from OCR lines without any model.

In this order: the first legal quantity that is labelled for the entity ("H: 10 cm"), that shares a line with one of its
cue words, or that stands beside or below such a line; else the first legal quantity that is not labelled for another
entity; else nothing. The cue words are the schema's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.types import Answer, Evidence, OcrLine, OcrPage, PageStatus

READER_VERSION = 1
"""Raised with every change that can change an answer: a run is continued only by the reader that began it."""

_NEAR_LINE_HEIGHTS = 1.5  # how far below or beside a cue's line a number still belongs to it


class RulesReader:
    """Reads the answers to the questions of one schema.

    Args:
        schema: entities, their units and cue words.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def read(self, page: OcrPage, entity_names: Iterable[str]) -> list[Answer]:
        """One answer for each entity asked of the page."""
        if page.status is not PageStatus.OK:
            return [Answer(None, reason=f"picture {page.status}: {page.reason}") for _ in entity_names]
        if not page.lines:
            return [Answer(None, reason="no text in the picture") for _ in entity_names]
        quantities = page_quantities(page)
        return [self._answer(page, self._schema[name], quantities) for name in entity_names]

    def _answer(self, page: OcrPage, entity: Entity, quantities: Sequence[Candidate]) -> Answer:
        candidates = find_candidates(page, entity, quantities)
        chosen = _choose(page, entity, candidates, self._rivals(entity))
        if chosen is None:
            return Answer(None, reason="no quantity with a legal unit in the text")
        return Answer(chosen.quantity, chosen.text, "", Evidence(chosen.alignment, chosen.line_ids, chosen.polygon))

    def _rivals(self, entity: Entity) -> frozenset[str]:
        """Cue words that point to other entities of the same kind and not to this one."""
        others = (other for other in self._schema.entities.values() if other.kind == entity.kind and other != entity)
        return frozenset(cue for other in others for cue in other.cues) - frozenset(entity.cues)


def _choose(page: OcrPage, entity: Entity, candidates: Sequence[Candidate], rivals: frozenset[str]) -> Candidate | None:
    own = [candidate for candidate in candidates if candidate.label not in rivals]
    labelled = [candidate for candidate in own if candidate.label in entity.cues]
    cue_lines = [number for number, line in enumerate(page.lines) if _has_cue(line.text, entity.cues)]
    beside = [candidate for candidate in own if set(candidate.line_ids) & set(cue_lines)]
    near = [candidate for candidate in own if any(_is_near(page, candidate, number) for number in cue_lines)]
    for preferred in (labelled, beside, near, own):
        if preferred:
            return _upper_end(preferred[0], candidates)
    return None


def _has_cue(text: str, cues: tuple[str, ...]) -> bool:
    return _cue_pattern(cues).search(text.lower()) is not None


@lru_cache
def _cue_pattern(cues: tuple[str, ...]) -> re.Pattern[str]:
    # One letter alone is no word: an H in a line of text is rarely the height. As a label at a number it counts.
    words = "|".join(re.escape(cue) for cue in sorted(cues, key=len, reverse=True) if len(cue) > 1)
    return re.compile(rf"(?<![a-z])(?:{words})(?![a-z])" if words else r"(?!)")


def _is_near(page: OcrPage, candidate: Candidate, cue_line: int) -> bool:
    """Whether the candidate stands to the right of the cue's line or below it, at most some line heights away."""
    left, top, right, bottom = _box(page.lines[cue_line])
    reach = _NEAR_LINE_HEIGHTS * (bottom - top)
    for number in candidate.line_ids:
        x1, y1, x2, y2 = _box(page.lines[number])
        below = 0 <= (y1 + y2) / 2 - (top + bottom) / 2 <= reach + (y2 - y1) and x1 < right and x2 > left
        beside = y1 < bottom and y2 > top and left <= x1 <= right + reach
        if below or beside:
            return True
    return False


def _box(line: OcrLine) -> tuple[float, float, float, float]:
    return min(line.polygon[0::2]), min(line.polygon[1::2]), max(line.polygon[0::2]), max(line.polygon[1::2])


def _upper_end(chosen: Candidate, candidates: Sequence[Candidate]) -> Candidate:
    """The upper end of a range: "100-240 V" is rated for 240 volt."""
    if chosen.role != "low":
        return chosen
    highs = (c for c in candidates if c.role == "high" and c.group == chosen.group)
    return next(highs, chosen)
