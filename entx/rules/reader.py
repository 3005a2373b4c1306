"""The rules reader: an answer from OCR lines, cue words and geometry, without any model.

Every legal quantity of the page is scored by named features (`axis_features`, `depth_features`, `quantity_features`)
and the weights table (`entx/recipes/rules_weights.toml`), which says by family of entities what each feature is worth;
its hash is part of a run's settings. The best quantity is the answer, unless its score is below the family's threshold:
then the reader abstains and says why. The score is the chance of this quantity against that of none, as if there were
no other.

The weights are those of a conditional logit, so the scores of all quantities together say p, that the answer is right,
and q, that there is one. Both hang on why a question was asked: somebody who asks a picture for one to three entities
mostly expects them there, who asks for more asks them of every picture. The table has a bias for either.

`answer_questions` is the `predict --stage rules` job: every open question of a run, from the pages of the store.
"""

from __future__ import annotations

import hashlib
import time
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from math import exp
from types import MappingProxyType
from typing import Any

from entx.core.candidates import Candidate, find_candidates
from entx.core.entities import CHALLENGE, Entity, Schema
from entx.core.types import Answer, Evidence, OcrPage, PageKey, PageStatus, Quantity
from entx.core.units import same_size
from entx.rules.features import Layout, Rivals, quantity_features
from entx.rules.lengths import (
    AXES,
    CENTIMETRES,
    Extent,
    PageLengths,
    axis_features,
    depth_features,
    extents_of,
    length_cues,
)
from entx.storage.pages import unanswered_pages
from entx.storage.questions import GroupPrior, group_priors, priors_digest
from entx.storage.runs import add_answers, begin_run, end_run
from entx.storage.store import Store

READER_VERSION = 5
"""Raised with every change that can change an answer: a run is continued only by the reader that began it."""

_BY_ENTITY = {
    "height": "upright", "width": "upright", "depth": "depth", "item_weight": "weight",
    "maximum_weight_recommendation": "load",
}  # fmt: skip
_ANSWERS_AT_ONCE = 2048
_MISSED, _MISSED_OF_EVERYTHING = 0.1, 0.005
"""Share of the questions without any candidate whose picture does state a value: 12 of 127 labelled ones where it is
expected, 3 of 732 where everything is asked. The engine or the parser missed it."""
_ROUNDED = 0.025
"""By how much one size may differ in two units as they are printed: 10 cm are 3.9 inches and 4."""
_MOST_EXPECTED = 3
"""Entities that are asked of a picture because somebody expects them there; in the challenge of all but 16 pictures."""
_LOAD = CHALLENGE["maximum_weight_recommendation"]


@dataclass(frozen=True)
class Family:
    """The weights of one family."""

    bias: float  # log-odds of a candidate without any feature, against none
    threshold: float  # score from which an answer is given
    weights: Mapping[str, float]  # log-odds that one unit of a feature adds, by name
    everything: float | None = None  # the bias where everything is asked; None: nobody has labelled rows of the family

    def score(self, features: Mapping[str, float], *, everything: bool = False) -> float:
        """0 to 1; monotone in each feature. A feature that the table does not name counts nothing."""
        bias = self.everything if everything and self.everything is not None else self.bias
        total = bias + sum(self.weights.get(name, 0.0) * value for name, value in features.items())
        return 1.0 / (1.0 + exp(-total))

    def reasons(self, features: Mapping[str, float]) -> list[tuple[str, float]]:
        """What each feature added, the largest effect first; those that added nothing are left out."""
        parts = [(name, self.weights.get(name, 0.0) * value) for name, value in features.items()]
        return sorted(((n, p) for n, p in parts if round(p, 2)), key=lambda part: (-abs(part[1]), part[0]))


@dataclass(frozen=True)
class Weights:
    """All families, and the hash of the file they came from."""

    families: Mapping[str, Family]
    digest: str

    def of(self, entity_name: str, kind: str) -> Family:
        """The family of an entity: its own, else its kind's, else `other`."""
        family = _BY_ENTITY.get(entity_name, kind if kind in self.families else "other")
        return self.families[family]


@lru_cache(maxsize=1)
def shipped_weights() -> Weights:
    """The table that ships with the package; a test holds it to its form, so that no run pays for that."""
    text = resources.files("entx").joinpath("recipes", "rules_weights.toml").read_bytes()
    families = {name: Family(**table) for name, table in tomllib.loads(text.decode("utf-8")).items()}
    return Weights(MappingProxyType(families), hashlib.sha256(text).hexdigest()[:16])


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate as the reader judged it."""

    candidate: Candidate
    score: float  # 0 to 1
    features: dict[str, float]  # name -> value; zeros are left out
    reasons: list[tuple[str, float]]  # feature -> log-odds that it added, the largest effect first

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        one = self.candidate
        return {
            "answer": one.quantity.text, "text": one.text, "score": self.score, "line_ids": list(one.line_ids),
            "features": self.features, "reasons": dict(self.reasons),
        }  # fmt: skip


class RulesReader:
    """Reads the answers to the questions of one schema, with the weights that ship unless others are given."""

    def __init__(self, schema: Schema, weights: Weights | None = None) -> None:
        self._schema = schema
        self.weights = weights or shipped_weights()
        self.length_cues = length_cues(schema)
        self.rivals = {name: _rivals(schema, entity) for name, entity in schema.entities.items()}

    def read(
        self, page: OcrPage, entity_names: Iterable[str], priors: Sequence[GroupPrior | None] | None = None
    ) -> list[Answer]:
        """One answer for each entity asked of the page; with the prior of each question's group where it is known."""
        names = list(entity_names)
        if page.status is not PageStatus.OK:
            return [Answer(None, reason=f"picture {page.status}: {page.reason}") for _ in names]
        judge = _Judge(self, page, everything=asks_everything(names))
        return [
            self._answer(judge, self._schema[name], prior)
            for name, prior in zip(names, priors or [None] * len(names), strict=True)
        ]

    def explain(
        self, page: OcrPage, entity_name: str, prior: GroupPrior | None = None, *, everything: bool = False
    ) -> list[Scored]:
        """Every candidate of a page for an entity, the best first: the first is the answer if its score suffices."""
        entity = self._schema[entity_name]
        if page.status is not PageStatus.OK:
            return []
        family = self.family(entity)
        found = _Judge(self, page, everything=everything).candidates(entity, prior)
        return [
            Scored(one, score, features, family.reasons(features))
            for one, features, score in sorted(found, key=lambda item: (-item[2], item[0].order))
        ]

    def family(self, entity: Entity) -> Family:
        """The weights for an entity; one that only shares an axis's name with the challenge's is any other."""
        if entity.name in AXES and not _has_axis(entity):
            return self.weights.families["other"]
        return self.weights.of(entity.name, entity.kind)

    def _answer(self, judge: _Judge, entity: Entity, prior: GroupPrior | None) -> Answer:
        found, family = judge.candidates(entity, prior), self.family(entity)
        if not found:
            missed = None if family.everything is None else _MISSED_OF_EVERYTHING if judge.everything else _MISSED
            reason = "no quantity with a legal unit in the text" if judge.has_text else "no text in the picture"
            return Answer(None, reason=reason, p_present=missed)
        odds = {one.order: score / (1.0 - score) for one, _, score in found}  # of each, against none
        total = 1.0 + sum(odds.values())
        present = None if family.everything is None else 1.0 - 1.0 / total
        chosen, features, score = max(found, key=lambda item: (item[2], -item[0].order))
        if score < family.threshold:
            reason = f"{_doubt(entity, features)} (best: {chosen.quantity.text}, score {score:.2f})"
            return Answer(None, chosen.text, reason, p_present=present, score=score)
        said = _upper_end(chosen, [one for one, _, _ in found])
        alike = (one for one, _, _ in found if _same(one.quantity, chosen.quantity) or one.quantity == said.quantity)
        right = None if present is None else sum(odds[one.order] for one in alike) / total
        evidence = Evidence(said.alignment, said.line_ids, said.polygon)
        return Answer(said.quantity, said.text, "", evidence, None, right, present, score=score)


class _Judge:
    """One page under one reader: what several questions share is computed once."""

    def __init__(self, reader: RulesReader, page: OcrPage, *, everything: bool) -> None:
        self._reader, self._layout, self.has_text = reader, Layout.of(page), bool(page.lines)
        self.everything = everything
        self._of_axis: dict[str, list[dict[str, float]]] = {}

    def candidates(self, entity: Entity, prior: GroupPrior | None) -> list[tuple[Candidate, dict[str, float], float]]:
        """(candidate, features, score) of every quantity that is legal for the entity, in reading order."""
        family = self._reader.family(entity)
        if _has_axis(entity):
            judged = self._depth(prior) if entity.name == "depth" else self._axis(entity.name)
            return [
                (extent.candidate, features, family.score(features, everything=self.everything))
                for extent, features in zip(self._extents, judged, strict=True)
                if extent.candidate.quantity.unit in entity.units
            ]
        legal = find_candidates(self._layout.page, entity, self._layout.quantities)
        rivals = Rivals.of(legal, self._layout)
        found = []
        for one in legal:
            features = self._quantity(one, rivals, entity)
            if entity.name == "item_weight" and _LOAD.name in self._reader.rivals:  # one number is hardly both
                load = self._reader.family(_LOAD)
                features["as_load"] = load.score(self._quantity(one, rivals, _LOAD))
            found.append((one, features, family.score(features, everything=self.everything)))
        return found

    def _quantity(self, one: Candidate, rivals: Rivals, entity: Entity) -> dict[str, float]:
        return quantity_features(one, rivals, self._layout, entity, self._reader.rivals[entity.name])

    @cached_property
    def _extents(self) -> list[Extent]:
        return extents_of(self._layout, self._reader.length_cues)

    @cached_property
    def _lengths(self) -> PageLengths:
        return PageLengths.of(self._extents)

    def _axis(self, axis: str) -> list[dict[str, float]]:
        if axis not in self._of_axis:
            self._of_axis[axis] = [axis_features(one, self._lengths, self._layout, axis) for one in self._extents]
        return self._of_axis[axis]

    def _depth(self, prior: GroupPrior | None) -> list[dict[str, float]]:
        upright = self._reader.weights.families["upright"]
        heights, widths = ([upright.score(each) for each in self._axis(axis)] for axis in ("height", "width"))
        more = depth_features(self._extents, self._layout, heights, widths, prior, everything=self.everything)
        return [plain | added for plain, added in zip(self._axis("depth"), more, strict=True)]


def asks_everything(names: Collection[str]) -> bool:
    """Whether so many entities are asked of a picture that nobody can expect them all there."""
    return len(set(names)) > _MOST_EXPECTED


def _same(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are one, or one size in two units, each rounded."""
    if one.unit == other.unit:
        return one == other
    return same_size(float(one.value), one.unit, float(other.value), other.unit, _ROUNDED)


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


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """What one call did: questions answered or abstained from by it, and its wall time."""

    asked: int
    seconds: float


def answer_questions(
    store: Store, key: PageKey, schema: Schema, run: str, *, advance: Callable[[int], None] = lambda _: None
) -> AnswerReport:
    """Answers the questions that have a page of this key and no answer in this run yet.

    Questions whose picture has no page stay open: the same call takes them up once it is read.

    Raises:
        InputError: the run stands in the store with other pages, schema, reader, weights or labels in the store.
    """
    started = time.monotonic()
    priors = group_priors(store)
    settings = {
        "reader": READER_VERSION, "schema": schema.digest, **key.as_dict(), "weights": shipped_weights().digest,
        "habits": priors_digest(priors),
    }  # fmt: skip
    begin_run(store, run, "rules", settings)
    reader = RulesReader(schema)
    batch: list[tuple[int, Answer]] = []
    asked = 0
    for page, questions in unanswered_pages(store, key, run):
        names = [question.entity_name for question in questions]
        answers = reader.read(page, names, [priors.get((question.group_id, question.fold)) for question in questions])
        batch += [(question.index, answer) for question, answer in zip(questions, answers, strict=True)]
        asked += len(questions)
        advance(len(questions))
        if len(batch) >= _ANSWERS_AT_ONCE:
            add_answers(store, run, batch)
            batch = []
    if batch:
        add_answers(store, run, batch)
    seconds = time.monotonic() - started
    end_run(store, run, seconds, {"asked": asked})
    return AnswerReport(asked, seconds)
