"""The rules reader: an answer from OCR lines, cue words and geometry, without any model.

Every legal quantity of the page is scored by named features (`axis_features`, `depth_features`, `features`) and the
weights table (`entx/recipes/rules_weights.toml`). The best one is the answer, unless its score is below the family's
threshold: then the reader abstains and says why. The score is comparable within a family; it is no probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from entx.core.candidates import Candidate, find_candidates
from entx.core.entities import Entity, Schema
from entx.core.types import Answer, Evidence, OcrPage, PageStatus
from entx.ocr_stage.axis_features import Company, axis_features
from entx.ocr_stage.depth_features import depth_features
from entx.ocr_stage.extents import AXES, CENTIMETRES, Extent, extents_of, length_cues
from entx.ocr_stage.features import Rivals, quantity_features
from entx.ocr_stage.layout import Layout
from entx.ocr_stage.weights import Family, Weights, shipped_weights
from entx.storage.habits import Habit

READER_VERSION = 3
"""Raised with every change that can change an answer: a run is continued only by the reader that began it."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate as the reader judged it.

    Args:
        score: 0 to 1.
        features: name -> value; zeros are left out.
        reasons: feature -> log-odds that it added, the largest effect first.
    """

    candidate: Candidate
    score: float
    features: dict[str, float]
    reasons: list[tuple[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        one = self.candidate
        return {
            "answer": one.quantity.text, "text": one.text, "score": self.score, "line_ids": list(one.line_ids),
            "features": self.features, "reasons": dict(self.reasons),
        }  # fmt: skip


class RulesReader:
    """Reads the answers to the questions of one schema.

    Args:
        schema: entities, their units and cue words.
        weights: None for the table that ships with entx.
        abstain: False gives the best candidate however low its score is.
    """

    def __init__(self, schema: Schema, weights: Weights | None = None, *, abstain: bool = True) -> None:
        self._schema = schema
        self.weights = weights or shipped_weights()
        self._abstain = abstain
        self.length_cues = length_cues(schema)
        self.rivals = {name: _rivals(schema, entity) for name, entity in schema.entities.items()}

    def read(
        self, page: OcrPage, entity_names: Iterable[str], habits: Sequence[Habit | None] | None = None
    ) -> list[Answer]:
        """One answer for each entity asked of the page.

        Args:
            habits: of each question's product group (`dimension_habits`); None where nothing is known of any.
        """
        names = list(entity_names)
        if page.status is not PageStatus.OK:
            return [Answer(None, reason=f"picture {page.status}: {page.reason}") for _ in names]
        if not page.lines:
            return [Answer(None, reason="no text in the picture") for _ in names]
        look = _Look(self, page)
        return [
            self._answer(look, self._schema[name], habit)
            for name, habit in zip(names, habits or [None] * len(names), strict=True)
        ]

    def explain(self, page: OcrPage, entity_name: str, habit: Habit | None = None) -> list[Scored]:
        """Every candidate of a page for an entity, the best first: the first is the answer if its score suffices."""
        entity = self._schema[entity_name]
        if page.status is not PageStatus.OK:
            return []
        family = self.family(entity)
        found = _Look(self, page).candidates(entity, habit)
        return [
            Scored(one, score, features, family.reasons(features))
            for one, features, score in sorted(found, key=lambda item: (-item[2], item[0].order))
        ]

    def family(self, entity: Entity) -> Family:
        """The weights for an entity; one that only shares an axis's name with the challenge's is any other."""
        if entity.name in AXES and not _has_axis(entity):
            return self.weights.families["other"]
        return self.weights.of(entity.name, entity.kind)

    def _answer(self, look: _Look, entity: Entity, habit: Habit | None) -> Answer:
        found = look.candidates(entity, habit)
        if not found:
            return Answer(None, reason="no quantity with a legal unit in the text")
        chosen, features, score = max(found, key=lambda item: (item[2], -item[0].order))
        threshold = self.family(entity).threshold
        if self._abstain and score < threshold:
            reason = f"{_doubt(entity, features)} (best: {chosen.quantity.text}, score {score:.2f})"
            return Answer(None, chosen.text, reason, score=score)
        chosen = _upper_end(chosen, [one for one, _, _ in found])
        evidence = Evidence(chosen.alignment, chosen.line_ids, chosen.polygon)
        return Answer(chosen.quantity, chosen.text, "", evidence, score=score)


class _Look:
    """One page under one reader: what several questions share is computed once."""

    def __init__(self, reader: RulesReader, page: OcrPage) -> None:
        self._reader = reader
        self._layout = Layout.of(page)
        self._extents: list[Extent] | None = None
        self._company: Company | None = None
        self._upright: dict[str, list[tuple[dict[str, float], float]]] = {}

    def candidates(self, entity: Entity, habit: Habit | None) -> list[tuple[Candidate, dict[str, float], float]]:
        """(candidate, features, score) of every quantity that is legal for the entity, in reading order."""
        family = self._reader.family(entity)
        if _has_axis(entity):
            extents = self._lengths()
            judged = self._depth(habit, family) if entity.name == "depth" else self._axis(entity.name)
            return [
                (extent.candidate, features, score)
                for extent, (features, score) in zip(extents, judged, strict=True)
                if extent.candidate.quantity.unit in entity.units
            ]
        legal = find_candidates(self._layout.page, entity, self._layout.quantities)
        rivals, cues = Rivals.of(legal, self._layout), self._reader.rivals[entity.name]
        found = [(one, quantity_features(one, rivals, self._layout, entity, cues)) for one in legal]
        return [(one, features, family.score(features)) for one, features in found]

    def _lengths(self) -> list[Extent]:
        if self._extents is None:
            self._extents = extents_of(self._layout, self._reader.length_cues)
        return self._extents

    def _axis(self, axis: str) -> list[tuple[dict[str, float], float]]:
        if axis not in self._upright:
            family = self._reader.weights.families["upright"]
            features = self._of_axis(axis)
            self._upright[axis] = [(each, family.score(each)) for each in features]
        return self._upright[axis]

    def _depth(self, habit: Habit | None, family: Family) -> list[tuple[dict[str, float], float]]:
        extents = self._lengths()
        heights, widths = ([score for _, score in self._axis(axis)] for axis in ("height", "width"))
        more = depth_features(extents, self._layout, heights, widths, habit)
        features = [plain | added for plain, added in zip(self._of_axis("depth"), more, strict=True)]
        return [(each, family.score(each)) for each in features]

    def _of_axis(self, axis: str) -> list[dict[str, float]]:
        extents = self._lengths()
        if self._company is None:
            self._company = Company.of(extents)
        return [axis_features(one, self._company, self._layout, axis) for one in extents]


def _has_axis(entity: Entity) -> bool:
    return entity.name in AXES and set(entity.units) <= CENTIMETRES.keys()


def _rivals(schema: Schema, entity: Entity) -> frozenset[str]:
    """Cue words that point to other entities of the same kind and not to this one."""
    others = (other for other in schema.entities.values() if other.kind == entity.kind and other != entity)
    return frozenset(cue for other in others for cue in other.cues) - frozenset(entity.cues)


def _doubt(entity: Entity, features: dict[str, float]) -> str:
    """Why the best candidate is not sure enough, in words."""
    if features.get("word_rival") or features.get("label_rival") or features.get("rival_on_line"):
        return "the only number says something else"
    if features.get("guess_rival") or features.get("line_rival", 0.0) > features.get("line_own", 0.0):
        return f"no number is drawn or named as the {entity.words}"
    if features.get("several"):
        return "several values of equal standing"
    if features.get("lookalike") or features.get("lookalike_on_line") or features.get("capacity"):
        return "the only number looks like something else"
    return "no number is sure enough"


def _upper_end(chosen: Candidate, candidates: Sequence[Candidate]) -> Candidate:
    """The upper end of a range: "100-240 V" is rated for 240 volt."""
    if chosen.role != "low":
        return chosen
    highs = (c for c in candidates if c.role == "high" and c.group == chosen.group)
    return next(highs, chosen)
