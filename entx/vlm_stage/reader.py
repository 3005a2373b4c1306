"""The vision reader: answers to the questions about a picture by a vision-language model, in one of two modes.

`free` lets the model write, within "number allowed-unit" or its word for "not shown"; that is how the published systems
answer. `candidates` has it write the value that it would give if it had to, and weighs that, the quantities that OCR
found in the picture, and "not shown": a posterior for every question, which a calibration can turn into probabilities.
Neither needs OCR. Where there is a page of the picture, it says where the answer stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp

from entx.core.candidates import Candidate, find_candidates, ground, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.errors import InputError, PictureError
from entx.core.postprocess import postprocess
from entx.core.types import NO_EVIDENCE, Answer, Evidence, OcrPage, PageStatus, Quantity
from entx.neural.asking import Ask
from entx.neural.confidence import Posterior, judge
from entx.neural.constrain import answer_pattern, value_pattern
from entx.vlm_stage.backends.base import PictureAsk, PictureModel, Said
from entx.vlm_stage.serving import Serving
from entx.vlm_stage.views import Views

READER_VERSION = 1
"""Raised with every change that can change an answer: a run is continued only by the reader that began it."""

PICTURE = "picture: "
"""How the reason begins where a picture could not be shown to the model."""

_REFUSALS = 8  # so many pictures refused, and none taken, are the model's or the server's fault


class Mode(StrEnum):
    """How the model answers."""

    FREE = "free"
    CANDIDATES = "candidates"


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture and the questions about it.

    Args:
        views: what the model is to see of it; the reason why there is nothing to see.
        entities: one a question.
        page: OCR of the picture, where the store has it.
    """

    views: Views | PictureError
    entities: tuple[str, ...]
    page: OcrPage | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """A question as it is put to the model.

    Args:
        quantities: all of the picture's page; empty without one.
        texts: answers that are scored beside what the model writes, without the one for "none".
    """

    entity: Entity
    page: OcrPage | None
    quantities: tuple[Candidate, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be answered to one question, and what the model thinks of it.

    Args:
        quantities: the distinct values: of the page's candidates, and the one that the model wrote.
        posterior: over them and none; None where there is no value at all.
        none: log-probability of the answer that there is none.
    """

    quantities: tuple[Quantity, ...]
    posterior: Posterior | None
    none: float


@dataclass
class ReaderCounts:
    """What a reader did.

    Args:
        pictures: that the model saw.
        views: of them, crops included.
        image_tokens: of all views.
        asked: questions that the model saw.
        without_picture: questions about pictures that could not be shown to it.
        lines_left_out: lines with numbers that no view shows large enough, where crops are on.
    """

    pictures: int = 0
    views: int = 0
    image_tokens: int = 0
    asked: int = 0
    without_picture: int = 0
    lines_left_out: int = 0


class VisionReader:
    """Reads the answers to the questions of one schema.

    Args:
        model: answers about pictures.
        serving: how it is asked, and the calibration of its scores (applied in candidates mode).
        schema: entities and their units.
        mode: see `Mode`.
    """

    def __init__(self, model: PictureModel, serving: Serving, schema: Schema, mode: Mode = Mode.FREE):
        self.model = model
        self.serving = serving
        self.mode = mode
        self.counts = ReaderCounts()
        self._schema = schema
        self._empty = serving.form.empty
        self._refused = 0
        self._weighs = mode is Mode.CANDIDATES

    def read(self, batch: Sequence[Asked]) -> list[list[Answer]]:
        """For each picture, one answer a question; pictures are read side by side, like ones together."""
        answer = self._chosen if self.mode is Mode.CANDIDATES else self._written
        return [
            [_unseen(said) if isinstance(said, PictureError) else answer(question, said) for question, said in found]
            for found in self._ask(batch)
        ]

    def choices(self, batch: Sequence[Asked]) -> list[list[Choice | None]]:
        """For each picture what may be answered to each question, scored; None where it could not be shown.

        Raises:
            InputError: the mode is not `candidates`, or the model does not score.
        """
        if self.mode is not Mode.CANDIDATES:
            raise InputError("choices are weighed in candidates mode only")
        return [
            [None if isinstance(said, PictureError) else self._choice(question, said) for question, said in found]
            for found in self._ask(batch)
        ]

    def _ask(self, batch: Sequence[Asked]) -> list[list[tuple[_Question, Said | PictureError]]]:
        """What the model says to each question, or why it was not asked."""
        questions = [self._questions(asked) for asked in batch]
        found: list[list[Said] | PictureError] = [
            asked.views if isinstance(asked.views, PictureError) else [] for asked in batch
        ]
        shown: list[tuple[int, int, PictureAsk]] = []  # image tokens, place in the batch
        for place, asked in enumerate(batch):
            if isinstance(asked.views, PictureError):
                self.counts.without_picture += len(asked.entities)
            else:
                asks = tuple(
                    Ask(self.serving.form.ask(one.entity), (*one.texts, self._empty), self._pattern(one.entity))
                    for one in questions[place]
                )
                shown.append((self._count(asked.views), place, PictureAsk(asked.views.images, asks)))
        shown.sort(key=lambda one: one[:2])  # so that pictures of like size share a forward pass
        for (_, place, _), said in zip(shown, self._read([ask for _, _, ask in shown]), strict=True):
            found[place] = said
        return [
            [(question, said) for question, said in zip(of_picture, _each(said, len(of_picture)), strict=True)]
            for of_picture, said in zip(questions, found, strict=True)
        ]

    def _questions(self, asked: Asked) -> list[_Question]:
        page = asked.page if asked.page is not None and asked.page.status is PageStatus.OK else None
        quantities = page_quantities(page) if page is not None else ()
        made = []
        for entity in map(self._schema.__getitem__, asked.entities):
            weighed = find_candidates(page, entity, quantities) if page is not None and self._weighs else ()
            texts = dict.fromkeys(self.serving.form.answer(one.quantity) for one in weighed)
            made.append(_Question(entity, page, quantities, tuple(texts)))
        return made

    def _read(self, asks: Sequence[PictureAsk]) -> list[list[Said] | PictureError]:
        """The model's answers; a picture that makes it refuse a batch is found by asking one by one."""
        found: list[list[Said] | PictureError] = []
        try:
            found += self.model.read(asks) if asks else []
        except PictureError:
            for ask in asks:
                try:
                    found += self.model.read([ask])
                except PictureError as error:
                    found.append(error)
        for ask, said in zip(asks, found, strict=True):
            if isinstance(said, PictureError):
                self.counts.without_picture += len(ask.asks)
            else:
                self.counts.pictures += 1
                self.counts.asked += len(ask.asks)
        refused = [said for said in found if isinstance(said, PictureError)]
        self._refused += len(refused)
        if refused and self._refused >= _REFUSALS and self.counts.pictures == 0:
            raise InputError(f"{self.model.name} takes no picture; it says: {refused[0]}")
        return found

    def _pattern(self, entity: Entity) -> str:
        return value_pattern(entity) if self._weighs else answer_pattern(entity, self._empty)

    def _count(self, views: Views) -> int:
        """Image tokens of a picture."""
        tokens = sum(self.model.image_tokens(image.size) for image in views.images)
        self.counts.views += len(views.images)
        self.counts.image_tokens += tokens
        self.counts.lines_left_out += views.left_out
        return tokens

    def _written(self, question: _Question, said: Said) -> Answer:
        """What the model wrote, through the shared postprocessor, and where it stands."""
        if said.text.strip() == self._empty:
            sure = None if said.log_prob is None else min(exp(said.log_prob), 1.0)
            return Answer(None, said.text, _says_none(sure), log_prob=said.log_prob)
        none = said.scores[-1] if said.scores else None
        share = None
        if said.log_prob is not None and none is not None:
            share = Posterior((said.log_prob,), none).shares()[0]
        reading = postprocess(said.text, question.entity)
        if reading.quantity is None:
            return Answer(None, said.text, reading.reason, log_prob=said.log_prob, score=share)
        evidence = _evidence(reading.quantity, question)
        return Answer(reading.quantity, said.text, "", evidence, said.log_prob, score=share)

    def _choice(self, question: _Question, said: Said) -> Choice:
        """The posterior over the page's candidates, the written value, and none."""
        *scores, none = said.scores or (None,)
        if none is None or said.log_prob is None or None in scores:
            raise InputError(f"{self.model.name} does not return log-probabilities of given answers; use --mode free")
        best: dict[Quantity, float] = {}
        for text, score in [*zip(question.texts, scores, strict=True), (said.text, said.log_prob)]:
            quantity = postprocess(text, question.entity).quantity
            if quantity is not None and score is not None:
                best[quantity] = max(score, best.get(quantity, score))
        return Choice(tuple(best), Posterior(tuple(best.values()), none) if best else None, none)

    def _chosen(self, question: _Question, said: Said) -> Answer:
        choice = self._choice(question, said)
        form, calibration = self.serving.form, self.serving.calibration
        if choice.posterior is None:  # it wrote 0, or was cut short
            present = calibration.unseen if calibration else None
            reason = _says_none(min(exp(choice.none), 1.0))
            absent = present and 1.0 - present
            return Answer(None, said.text, reason, log_prob=choice.none, p_correct=absent, p_present=present)
        judged = judge(choice.posterior, calibration)
        best = choice.quantities[judged.best]
        text = form.answer(best)
        if judged.given:
            return Answer(
                best, text, "", _evidence(best, question), choice.posterior.candidates[judged.best], judged.p_correct,
                judged.p_present, score=judged.share,
            )  # fmt: skip
        return Answer(
            None, form.empty, judged.withheld(text), log_prob=choice.none, p_correct=judged.p_absent,
            p_present=judged.p_present, score=judged.share,
        )  # fmt: skip


def _each(said: list[Said] | PictureError, questions: int) -> Sequence[Said | PictureError]:
    return [said] * questions if isinstance(said, PictureError) else said


def _unseen(error: PictureError) -> Answer:
    return Answer(None, reason=f"{PICTURE}{error}")


def _says_none(share: float | None) -> str:
    return "the model says none" if share is None else f"the model says none (p = {share:.2f})"


def _evidence(quantity: Quantity, question: _Question) -> Evidence:
    """Where the answer stands on the picture's page; nowhere where nothing has read the picture."""
    if question.page is None:
        return NO_EVIDENCE
    return ground(quantity, question.page, question.entity, question.quantities)
