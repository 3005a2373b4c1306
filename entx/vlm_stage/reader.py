"""The vision reader: answers to the questions about a picture by a vision-language model, in one of two modes.

`free` lets the model write, within "number allowed-unit" or its word for "not shown"; that is how the published systems
answer. `candidates` has it write the value that it would give if it had to, and weighs that, the quantities that OCR
found in the picture, and "not shown": a posterior for every question, which a calibration can turn into probabilities.
Neither needs OCR. Where there is a page of the picture, it says where the answer stands, and guides crops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from math import exp
from pathlib import Path
from typing import Any

from entx.core.candidates import Candidate, find_candidates, ground, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.errors import InputError, PictureError, PictureUnavailable
from entx.core.postprocess import postprocess
from entx.core.types import NO_EVIDENCE, Answer, Evidence, OcrPage, PageStatus, Quantity
from entx.neural.backends.base import Completion, Model, Query, Request
from entx.neural.calibration import Posterior, decide, unseen_answer
from entx.neural.decoding import answer_pattern, value_pattern
from entx.neural.predict import Mode, ModelOptions, Reader, Task, open_model
from entx.storage.pages import load_pages, open_pictures
from entx.storage.runs import forget_answers
from entx.storage.store import Store
from entx.vlm_stage.prompt import (
    DEFAULT_CROPS,
    PROMPT_VERSION,
    VIEWS_VERSION,
    Look,
    Serving,
    Views,
    read_serving,
    see_file,
)

READER_VERSION = 2
"""Raised with every change that can change an answer: a run is continued only by the reader that began it."""

BACKENDS = ("transformers", "unsloth", "vllm", "openai")
LEAST_PIXELS = 56 * 56
"""Of a budget: what the Qwen models enlarge the smallest picture to."""

PICTURES_PER_COMMIT = 32
"""Pictures read side by side and committed together: enough to sort by size, few enough to lose in a crash."""

PICTURE = "picture: "
"""How the reason begins where a picture could not be shown to the model."""

_REFUSALS = 8  # so many pictures refused, and none taken, are the model's or the server's fault


@dataclass(frozen=True, slots=True)
class PictureQuestions:
    """A picture and the questions about it."""

    views: Views | PictureError  # what the model is to see of it; the reason why there is nothing to see
    entities: tuple[str, ...]  # one a question
    page: OcrPage | None = None  # OCR of the picture, where the store has it


@dataclass(frozen=True, slots=True)
class _Question:
    """A question as it is put to the model."""

    entity: Entity
    page: OcrPage | None
    quantities: tuple[Candidate, ...]  # all of the picture's page; empty without one
    texts: tuple[str, ...]  # answers that are scored beside what the model writes, without the one for "none"

    def evidence(self, quantity: Quantity) -> Evidence:
        """Where an answer stands on the picture's page; nowhere where nothing has read the picture."""
        if self.page is None:
            return NO_EVIDENCE
        return ground(quantity, self.page, self.entity, self.quantities)


@dataclass
class ReaderCounts:
    """What a reader did."""

    pictures: int = 0  # that the model saw
    views: int = 0  # of them, crops included
    image_tokens: int = 0  # of all views
    asked: int = 0  # questions that the model saw
    without_picture: int = 0  # questions about pictures that could not be shown to it
    left_open: int = 0  # questions about pictures whose file, or memory for it, was not there: the next call asks them
    lines_left_out: int = 0  # lines with numbers that no view shows large enough, where crops are on


class VisionReader(Reader):
    """Reads the answers to the questions of one schema off pictures; a calibration counts in candidates mode.

    Args:
        look: how pictures are looked at; None for the whole picture in the budget of `serving`.
    """

    stage = "vlm"
    serving: Serving
    counts: ReaderCounts

    def __init__(
        self, model: Model, serving: Serving, schema: Schema, mode: Mode = Mode.FREE, look: Look | None = None
    ):
        super().__init__(model, serving, schema, mode, ReaderCounts())
        self.look = look or Look(serving.pixels)
        self._empty = serving.form.empty
        self._refused = 0
        self._weighs = mode is Mode.CANDIDATES

    def settings(self, store: Store, task: Task) -> dict[str, Any]:  # noqa: ARG002 - of the text stage's hints
        """See `Reader`."""
        look = self.look
        return {
            "reader": READER_VERSION, "views": VIEWS_VERSION, "prompt_version": PROMPT_VERSION,
            "prompt": asdict(self.serving.form), "mode": self.mode.value, "pixels": look.pixels,
            "crops": asdict(look.crops) if look.crops else None, "max_pixels": look.max_pixels,
        }  # fmt: skip

    def work(self, store: Store, run: str, task: Task) -> Iterator[list[tuple[list[int], PictureQuestions]]]:
        """Pictures that have a file and open questions, in batches, each decoded once for all of its questions.

        A file that cannot be shown to the model is handed on with the reason; one that is not there now is left open.
        """
        if task.retry_failed:
            forget_answers(store, run, PICTURE)
        pictures = (
            (one, asked)
            for one in open_pictures(store, run)
            if (asked := [each for each in one.questions if task.only is None or each.index in task.only])
        )
        while batch := list(islice(pictures, task.size or PICTURES_PER_COMMIT)):
            found = load_pages(store, task.key, [one.picture for one, _ in batch]) if task.key else ()
            pages = {page.picture: page for page in found}
            shown = []
            for one, asked in batch:
                page = pages.get(one.picture)
                views = self.view(one.path, page, one.picture)
                if isinstance(views, PictureUnavailable):
                    self.counts.left_open += len(asked)
                else:
                    entities = tuple(each.entity_name for each in asked)
                    shown.append(([each.index for each in asked], PictureQuestions(views, entities, page)))
            if shown:
                yield shown

    def view(self, path: Path, page: OcrPage | None = None, sha256: str = "") -> Views | PictureError:
        """What the model sees of a picture file (see `see_file`), or why it sees nothing."""
        try:
            return see_file(path, self.model.view_size, self.look, page, sha256)
        except PictureError as error:
            return error

    def _ask(self, batch: Sequence[PictureQuestions]) -> list[list[tuple[_Question, Completion | PictureError]]]:
        """What the model makes of each question, or why it was not asked."""
        questions = [self._questions(asked) for asked in batch]
        shown: list[tuple[int, int, Request]] = []  # image tokens, place in the batch
        found: list[list[Completion] | PictureError] = []
        for place, asked in enumerate(batch):
            found.append(asked.views if isinstance(asked.views, PictureError) else [])
            if isinstance(asked.views, PictureError):
                self.counts.without_picture += len(asked.entities)
            else:
                queries = tuple(
                    Query(
                        self.serving.form.ask(one.entity),
                        (*one.texts, self._empty),
                        value_pattern(one.entity) if self._weighs else answer_pattern(one.entity, self._empty),
                    )
                    for one in questions[place]
                )
                shown.append((self._count(asked.views), place, Request(asked.views.images, queries)))
        shown.sort(key=lambda one: one[:2])  # so that pictures of like size share a forward pass
        for (_, place, _), made in zip(shown, self._complete([one for _, _, one in shown]), strict=True):
            found[place] = made
        return [
            [
                (question, made if isinstance(made, PictureError) else made[number])
                for number, question in enumerate(of_picture)
            ]
            for of_picture, made in zip(questions, found, strict=True)
        ]

    def _questions(self, asked: PictureQuestions) -> list[_Question]:
        page = asked.page if asked.page is not None and asked.page.status is PageStatus.OK else None
        quantities = page_quantities(page) if page is not None else ()
        made = []
        for entity in map(self.schema.__getitem__, asked.entities):
            weighed = find_candidates(page, entity, quantities) if page is not None and self._weighs else ()
            texts = dict.fromkeys(self.serving.form.answer(one.quantity) for one in weighed)
            made.append(_Question(entity, page, quantities, tuple(texts)))
        return made

    def _complete(self, requests: Sequence[Request]) -> list[list[Completion] | PictureError]:
        """The model's answers; a picture that makes it refuse a batch is found by asking one by one."""
        found: list[list[Completion] | PictureError] = []
        try:
            found += self.model.complete(requests) if requests else []
        except PictureError:
            for request in requests:
                try:
                    found += self.model.complete([request])
                except PictureError as error:
                    found.append(error)
        for request, made in zip(requests, found, strict=True):
            if isinstance(made, PictureError):
                self.counts.without_picture += len(request.queries)
            else:
                self.counts.pictures += 1
                self.counts.asked += len(request.queries)
        refused = [made for made in found if isinstance(made, PictureError)]
        self._refused += len(refused)
        if refused and self._refused >= _REFUSALS and self.counts.pictures == 0:
            raise InputError(f"{self.model.name} takes no picture; it says: {refused[0]}")
        return found

    def _count(self, views: Views) -> int:
        """Image tokens of a picture."""
        tokens = sum(self.model.image_tokens(image.size) for image in views.images)
        self.counts.views += len(views.images)
        self.counts.image_tokens += tokens
        self.counts.lines_left_out += views.left_out
        return tokens

    def _written(self, question: _Question, made: Completion) -> Answer:
        """What the model wrote, through the shared postprocessor, and where it stands."""
        if made.text.strip() == self._empty:
            return Answer(None, made.text, _says_none(made.log_prob), log_prob=made.log_prob)
        none = made.scores[-1] if made.scores else None
        share = None
        if made.log_prob is not None and none is not None:
            share = Posterior((made.log_prob,), none).shares()[0]
        reading = postprocess(made.text, question.entity)
        if reading.quantity is None:
            return Answer(None, made.text, reading.reason, log_prob=made.log_prob, score=share)
        return Answer(
            reading.quantity, made.text, "", question.evidence(reading.quantity), made.log_prob, score=share
        )  # fmt: skip

    def _answer(self, question: _Question, made: Completion | PictureError) -> Answer:
        if isinstance(made, PictureError):
            return Answer(None, reason=f"{PICTURE}{made}")
        return self._chosen(question, made) if self._weighs else self._written(question, made)

    def _posterior(self, question: _Question, made: Completion) -> Posterior:
        """Over the page's candidates, the written value, and none; without any where it wrote 0 or was cut short."""
        *scores, none = made.scores or (None,)
        if none is None or made.log_prob is None or None in scores:
            raise InputError(f"{self.model.name} does not return log-probabilities of given answers; use --mode free")
        best: dict[Quantity, float] = {}
        for text, score in [*zip(question.texts, scores, strict=True), (made.text, made.log_prob)]:
            quantity = postprocess(text, question.entity).quantity
            if quantity is not None and score is not None:
                best[quantity] = max(score, best.get(quantity, score))
        return Posterior(tuple(best.values()), none, tuple(best))

    def _chosen(self, question: _Question, made: Completion) -> Answer:
        posterior = self._posterior(question, made)
        if not posterior.candidates:
            return unseen_answer(self.serving.calibration, made.text, _says_none(posterior.none), posterior.none)
        return decide(
            posterior, self.serving.calibration, self.serving.form.answer,
            lambda place: question.evidence(posterior.quantities[place]),
        )  # fmt: skip


def open_reader(
    options: ModelOptions, schema: Schema, notice: Callable[[str], None] = lambda _: None
) -> tuple[VisionReader, dict[str, Any]]:
    """Loads the model; returns its reader and what the run has to record of it.

    Args:
        options: without a mode candidates for a calibrated model that can score, else free.
        notice: told in one line what the user should know.

    Raises:
        InputError: an option does not fit the backend, or the model cannot be loaded or reached.
    """
    options.check(BACKENDS)
    served = options.backend == "openai"
    if options.pixels is not None and options.pixels < LEAST_PIXELS:
        raise InputError(f"--pixels {options.pixels}: a picture takes at least {LEAST_PIXELS}")
    if served and options.mode == Mode.CANDIDATES:
        raise InputError("--mode candidates: no server scores given answers to a picture; use --mode free")
    if not served and options.model is None:
        raise InputError("--stage vlm needs a model folder: --model DIR (entx ships none)")
    serving: Serving = read_serving(options.described)

    def load(folder: Path, **how: Any) -> Model:
        from entx.vlm_stage.model import PictureModel

        return PictureModel.load(folder, **how)

    model, settings = open_model(options, "vlm", load, chat=served, notice=notice)
    mode = options.mode or (Mode.CANDIDATES if serving.calibration and not served else Mode.FREE)
    look = Look(options.pixels or serving.pixels, DEFAULT_CROPS if options.crops else None)
    return VisionReader(model, serving, schema, Mode(mode), look), settings


def _says_none(log_prob: float | None) -> str:
    return "the model says none" if log_prob is None else f"the model says none (p = {min(exp(log_prob), 1.0):.2f})"
