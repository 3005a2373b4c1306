"""The text reader: answers from OCR lines by a text model, in one of two modes.

`candidates` scores every legal quantity of the page and "none": an exact posterior over what may be answered, and
whatever wins stands in the lines. `free` lets the model write, within "number allowed-unit" or "none": for models that
read better than the OCR; what it writes is looked for in the lines afterwards, and may stay ungrounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp

from entx.core.candidates import Candidate, find_candidates, ground, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.postprocess import postprocess
from entx.core.types import ALIGNMENTS, Answer, Evidence, OcrPage, PageStatus, Quantity
from entx.llm_stage.backends.base import PageAsk, TextModel
from entx.llm_stage.prompt import NONE, Hint, answer_text, page_prompt, question_prompt
from entx.llm_stage.serving import Serving
from entx.neural.asking import Ask, Generated
from entx.neural.confidence import Posterior, judge
from entx.neural.constrain import answer_pattern

READER_VERSION = 1
"""Raised with every change that can change an answer: a run is continued only by the reader that began it."""

NO_CANDIDATE = "no quantity with a legal unit in the text"


class Mode(StrEnum):
    """How the model answers."""

    CANDIDATES = "candidates"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Asked:
    """A page and the questions about it.

    Args:
        entities: one a question.
        hints: what another run answered to each; None where there is none.
    """

    page: OcrPage
    entities: tuple[str, ...]
    hints: tuple[Hint | None, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be answered to one question, and what the model thinks of it.

    Args:
        candidates: the distinct legal quantities, each where it stands best.
        posterior: over them and none; None where there is no candidate, so that the model was not asked.
    """

    candidates: tuple[Candidate, ...]
    posterior: Posterior | None


@dataclass
class ReaderCounts:
    """What a reader did.

    Args:
        asked: questions that the model saw.
        without_page: questions about pages that are not OK or hold no text.
        without_candidate: questions of candidates mode whose page has no legal quantity.
        lines_dropped: OCR lines that the budget left no room for.
    """

    asked: int = 0
    without_page: int = 0
    without_candidate: int = 0
    lines_dropped: int = 0


class TextReader:
    """Reads the answers to the questions of one schema.

    Args:
        model: scores or writes.
        serving: how it is asked, and the calibration of its scores.
        schema: entities and their units.
        mode: see `Mode`.
    """

    def __init__(self, model: TextModel, serving: Serving, schema: Schema, mode: Mode = Mode.CANDIDATES):
        self.model = model
        self.serving = serving
        self.mode = mode
        self.counts = ReaderCounts()
        self._schema = schema
        self._patterns = {name: answer_pattern(entity, NONE) for name, entity in schema.entities.items()}

    def read(self, batch: Sequence[Asked]) -> list[list[Answer]]:
        """For each page, one answer a question; pages are read side by side."""
        answers: list[list[Answer]] = [[_unread(asked.page)] * len(asked.entities) for asked in batch]
        legible = [number for number, asked in enumerate(batch) if _legible(asked.page)]
        self.counts.without_page += sum(len(asked.entities) for asked in batch if not _legible(asked.page))
        read = self._choose if self.mode is Mode.CANDIDATES else self._write
        for number, found in zip(legible, read([batch[number] for number in legible]), strict=True):
            answers[number] = found
        return answers

    def choices(self, batch: Sequence[Asked]) -> list[list[Choice]]:
        """For each legible page, what may be answered to each question, scored."""
        quantities = [page_quantities(asked.page) for asked in batch]
        found = [
            [distinct(find_candidates(asked.page, self._schema[name], parsed)) for name in asked.entities]
            for asked, parsed in zip(batch, quantities, strict=True)
        ]
        prompts, wanted = [], []
        for asked, parsed, of_page in zip(batch, quantities, found, strict=True):
            asks = [
                Ask(self._question(asked, place), (*(answer_text(one.quantity) for one in candidates), NONE))
                for place, candidates in enumerate(of_page)
                if candidates
            ]
            wanted.append(bool(asks))
            if asks:
                prompts.append(PageAsk(self._page(asked.page, parsed), tuple(asks)))
            self.counts.asked += len(asks)
            self.counts.without_candidate += len(of_page) - len(asks)
        scored = iter(self.model.score(prompts))
        made = []
        for of_page, some in zip(found, wanted, strict=True):
            scores = iter(next(scored) if some else ())
            made.append([
                Choice(candidates, _posterior(next(scores)) if candidates else None) for candidates in of_page
            ])  # fmt: skip
        return made

    def _choose(self, batch: Sequence[Asked]) -> list[list[Answer]]:
        return [[self._chosen(choice) for choice in of_page] for of_page in self.choices(batch)]

    def _chosen(self, choice: Choice) -> Answer:
        calibration = self.serving.calibration
        if choice.posterior is None:
            present = calibration.unseen if calibration else None
            return Answer(None, reason=NO_CANDIDATE, p_correct=present and 1.0 - present, p_present=present)
        judged = judge(choice.posterior, calibration)
        best = choice.candidates[judged.best]
        text = answer_text(best.quantity)
        if judged.given:
            evidence = Evidence(best.alignment, best.line_ids, best.polygon)
            return Answer(
                best.quantity, text, "", evidence, choice.posterior.candidates[judged.best], judged.p_correct,
                judged.p_present, score=judged.share,
            )  # fmt: skip
        return Answer(
            None, NONE, judged.withheld(text), log_prob=choice.posterior.none, p_correct=judged.p_absent,
            p_present=judged.p_present, score=judged.share,
        )  # fmt: skip

    def _write(self, batch: Sequence[Asked]) -> list[list[Answer]]:
        quantities = [page_quantities(asked.page) for asked in batch]
        prompts = [
            PageAsk(
                self._page(asked.page, parsed),
                tuple(
                    Ask(self._question(asked, place), pattern=self._patterns[name])
                    for place, name in enumerate(asked.entities)
                ),
            )
            for asked, parsed in zip(batch, quantities, strict=True)
        ]
        self.counts.asked += sum(len(asked.entities) for asked in batch)
        written = self.model.generate(prompts)
        return [
            [
                _written(generated, asked.page, self._schema[name], parsed)
                for name, generated in zip(asked.entities, of_page, strict=True)
            ]
            for asked, parsed, of_page in zip(batch, quantities, written, strict=True)
        ]

    def _page(self, page: OcrPage, quantities: Sequence[Candidate]) -> str:
        prompt = page_prompt(
            page, self._schema, self.serving.style, count_tokens=self.model.count_tokens, budget=self.serving.budget,
            quantities=quantities,
        )  # fmt: skip
        self.counts.lines_dropped += prompt.dropped
        return prompt.text

    def _question(self, asked: Asked, place: int) -> str:
        return question_prompt(self._schema[asked.entities[place]], self.serving.style, asked.hints[place])


def distinct(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """One candidate a quantity: the best aligned, the first in reading order among equals."""
    best: dict[Quantity, Candidate] = {}
    for one in candidates:
        known = best.get(one.quantity)
        if known is None or ALIGNMENTS[one.alignment] < ALIGNMENTS[known.alignment]:
            best[one.quantity] = one
    return tuple(best.values())


def _posterior(scores: Sequence[float]) -> Posterior:
    return Posterior(tuple(scores[:-1]), scores[-1])


def _legible(page: OcrPage) -> bool:
    return page.status is PageStatus.OK and bool(page.lines)


def _unread(page: OcrPage) -> Answer:
    if page.status is not PageStatus.OK:
        return Answer(None, reason=f"picture {page.status}: {page.reason}")
    return Answer(None, reason="no text in the picture")


def _written(generated: Generated, page: OcrPage, entity: Entity, quantities: Sequence[Candidate]) -> Answer:
    """A generated text through the shared postprocessor, and where it stands."""
    share = None if generated.log_prob is None else min(exp(generated.log_prob), 1.0)
    reading = postprocess(generated.text, entity)
    if reading.quantity is None:
        says = "the model says none" if generated.text.strip() == NONE else reading.reason
        reason = says if share is None else f"{says} (p = {share:.2f})"
        return Answer(None, generated.text, reason, log_prob=generated.log_prob, score=share)
    evidence = ground(reading.quantity, page, entity, quantities)
    return Answer(reading.quantity, generated.text, "", evidence, generated.log_prob, score=share)
