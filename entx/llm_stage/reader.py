"""The text reader: answers from OCR lines by a text model, in one of two modes.

`candidates` scores every legal quantity of the page and "none": an exact posterior over what may be answered, and
whatever wins stands in the lines. `free` lets the model write, within "number allowed-unit" or "none": for models that
read better than the OCR; what it writes is looked for in the lines afterwards, and may stay ungrounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from itertools import islice
from math import exp
from pathlib import Path
from typing import Any

from entx.core.candidates import Candidate, find_candidates, ground, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.errors import InputError
from entx.core.postprocess import postprocess
from entx.core.types import ALIGNMENTS, Answer, Evidence, OcrPage, PageStatus, Quantity
from entx.llm_stage import prompt
from entx.neural.backends.base import MAX_TOKENS, Completion, Model, Query, Request
from entx.neural.calibration import Posterior, decide, unseen_answer
from entx.neural.decoding import answer_pattern
from entx.neural.predict import Mode, ModelOptions, Reader, Task, open_model
from entx.storage.pages import unanswered_pages
from entx.storage.runs import run_settings, settings_hash
from entx.storage.store import Store

READER_VERSION = 2
"""Raised with every change that can change an answer: a run is continued only by the reader that began it."""

BACKENDS = ("transformers", "vllm", "openai")
SHIPPED = "entx-small"

PAGES_PER_COMMIT = 64
"""Pages read side by side and committed together: enough to sort by length, few enough to lose in a crash."""

NO_CANDIDATE = "no quantity with a legal unit in the text"


@dataclass(frozen=True, slots=True)
class PageQuestions:
    """A page and the questions about it."""

    page: OcrPage
    entities: tuple[str, ...]  # one a question
    # what another run answered to each, None where it has no answer; () for none at all
    hints: tuple[prompt.Hint | None, ...] = ()


@dataclass(frozen=True, slots=True)
class _Question:
    """A question as it is put to the model."""

    entity: Entity
    page: OcrPage
    quantities: Sequence[Candidate]  # all of its page
    candidates: tuple[Candidate, ...]  # the distinct legal ones, in candidates mode, each where it stands best
    query: Query | None  # None where the model is not asked: a page without text, or without a candidate


@dataclass
class ReaderCounts:
    """What a reader did."""

    asked: int = 0  # questions that the model saw
    without_page: int = 0  # questions about pages that are not OK or hold no text
    without_candidate: int = 0  # questions of candidates mode whose page has no legal quantity
    lines_dropped: int = 0  # OCR lines that the budget left no room for


class TextReader(Reader):
    """Reads the answers to the questions of one schema off pages, by a model that scores or writes."""

    stage = "llm"
    serving: prompt.Serving
    counts: ReaderCounts

    def __init__(self, model: Model, serving: prompt.Serving, schema: Schema, mode: Mode = Mode.CANDIDATES):
        super().__init__(model, serving, schema, mode, ReaderCounts())

    def settings(self, store: Store, task: Task) -> dict[str, Any]:
        """See `Reader`; a run of hints that is not there is an error."""
        hints = run_settings(store, task.hint_run) if task.hint_run else None
        return {
            "reader": READER_VERSION, "prompt_version": prompt.PROMPT_VERSION, "style": self.serving.style.value,
            "budget": self.serving.budget, "mode": self.mode.value, "hint_run": task.hint_run,
            "hint_settings": settings_hash(hints) if hints is not None else None,
        }  # fmt: skip

    def work(self, store: Store, run: str, task: Task) -> Iterator[list[tuple[list[int], PageQuestions]]]:
        """Pages with open questions, in batches."""
        if task.key is None:
            raise InputError("--stage llm reads OCR pages, and the store has none: run entx ocr-cache")
        hints = prompt.load_hints(store, task.hint_run) if task.hint_run else {}
        pages = (
            (
                [one.index for one in asked],
                PageQuestions(
                    page, tuple(one.entity_name for one in asked), tuple(hints.get(one.index) for one in asked)
                ),
            )
            for page, questions in unanswered_pages(store, task.key, run)
            if (asked := [one for one in questions if task.only is None or one.index in task.only])
        )
        while batch := list(islice(pages, task.size or PAGES_PER_COMMIT)):
            yield batch

    def _ask(self, batch: Sequence[PageQuestions]) -> list[list[tuple[_Question, Completion | None]]]:
        """What the model makes of each question; None of those that it is not asked."""
        questions = [self._questions(asked) for asked in batch]
        requests = []
        for asked, of_page in zip(batch, questions, strict=True):
            queries = tuple(one.query for one in of_page if one.query is not None)
            if queries:
                shown = prompt.page_prompt(
                    asked.page, self.schema, self.serving.style, count_tokens=self.model.count_tokens,
                    budget=self.serving.budget, quantities=of_page[0].quantities,
                )  # fmt: skip
                requests.append(Request(shown.text, queries))
                self.counts.lines_dropped += shown.dropped
            self.counts.asked += len(queries)
            if _legible(asked.page):
                self.counts.without_candidate += len(of_page) - len(queries)
            else:
                self.counts.without_page += len(of_page)
        completed = self.model.complete(requests, max_tokens=0 if self.mode is Mode.CANDIDATES else MAX_TOKENS)
        made = (one for of_page in completed for one in of_page)
        return [[(one, next(made) if one.query is not None else None) for one in of_page] for of_page in questions]

    def _questions(self, asked: PageQuestions) -> list[_Question]:
        legible = _legible(asked.page)
        quantities = page_quantities(asked.page) if legible else ()
        made = []
        for place, entity in enumerate(map(self.schema.__getitem__, asked.entities)):
            text = prompt.question_prompt(entity, self.serving.style, asked.hints[place] if asked.hints else None)
            candidates: tuple[Candidate, ...] = ()
            query = None
            if legible and self.mode is Mode.FREE:
                query = Query(text, pattern=answer_pattern(entity, prompt.NONE))
            elif legible and (candidates := distinct(find_candidates(asked.page, entity, quantities))):
                query = Query(text, (*(prompt.answer_text(one.quantity) for one in candidates), prompt.NONE))
            made.append(_Question(entity, asked.page, quantities, candidates, query))
        return made

    def _answer(self, question: _Question, made: Completion | None) -> Answer:
        if question.page.status is not PageStatus.OK:
            return Answer(None, reason=f"picture {question.page.status}: {question.page.reason}")
        if not question.page.lines:
            return Answer(None, reason="no text in the picture")
        return (self._chosen if self.mode is Mode.CANDIDATES else self._written)(question, made)

    def _posterior(self, question: _Question, made: Completion) -> Posterior:
        *scores, none = made.all_scores(self.model.name)
        return Posterior(tuple(scores), none, tuple(one.quantity for one in question.candidates))

    def _chosen(self, question: _Question, made: Completion | None) -> Answer:
        """The best candidate, where it stands, or none."""
        if made is None:
            return unseen_answer(self.serving.calibration, "", NO_CANDIDATE)

        def evidence(place: int) -> Evidence:
            one = question.candidates[place]
            return Evidence(one.alignment, one.line_ids, one.polygon)

        return decide(self._posterior(question, made), self.serving.calibration, prompt.answer_text, evidence)

    def _written(self, question: _Question, made: Completion | None) -> Answer:
        """A written text through the shared postprocessor, and where it stands."""
        assert made is not None  # a legible page is asked about in free mode
        share = None if made.log_prob is None else min(exp(made.log_prob), 1.0)
        reading = postprocess(made.text, question.entity)
        if reading.quantity is None:
            says = "the model says none" if made.text.strip() == prompt.NONE else reading.reason
            reason = says if share is None else f"{says} (p = {share:.2f})"
            return Answer(None, made.text, reason, log_prob=made.log_prob, score=share)
        evidence = ground(reading.quantity, question.page, question.entity, question.quantities)
        return Answer(reading.quantity, made.text, "", evidence, made.log_prob, score=share)


def open_reader(
    options: ModelOptions, schema: Schema, notice: Callable[[str], None] = lambda _: None
) -> tuple[TextReader, dict[str, Any]]:
    """Loads the model, by default the one that ships; returns its reader and what the run has to record of it.

    Raises:
        InputError: an option does not fit the backend, or the model cannot be loaded or reached.
    """
    options.check(BACKENDS)
    if options.model is None and options.backend != "openai":
        options = replace(options, model=str(shipped_model()))
    serving: prompt.Serving = prompt.read_serving(options.described)
    chat = serving.style.chat

    def load(folder: Path, **how: Any) -> Model:
        from entx.neural.backends.transformers import TransformersModel

        return TransformersModel.load(folder, chat=chat, **how)

    model, settings = open_model(options, "llm", load, chat=chat, notice=notice)
    return TextReader(model, serving, schema, Mode(options.mode or Mode.CANDIDATES)), settings


def shipped_model() -> Path:
    """The folder of the model that ships with entx. Raises InputError: this installation has none."""
    folder = Path(str(resources.files("entx"))) / "models" / SHIPPED
    if not folder.is_dir():
        raise InputError(f"this installation ships no text model ({SHIPPED}); name a model folder: --model DIR")
    return folder


def distinct(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """One candidate a quantity: the best aligned, the first in reading order among equals."""
    best: dict[Quantity, Candidate] = {}
    for one in candidates:
        known = best.get(one.quantity)
        if known is None or ALIGNMENTS[one.alignment] < ALIGNMENTS[known.alignment]:
            best[one.quantity] = one
    return tuple(best.values())


def _legible(page: OcrPage) -> bool:
    return page.status is PageStatus.OK and bool(page.lines)
