"""The `predict --stage llm` job: every open question of a run answered by a text model from the pages of the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from entx.core.entities import Schema
from entx.core.types import OcrPage, PageKey
from entx.llm_stage.data import Hints
from entx.llm_stage.prompt import PROMPT_VERSION, Hint
from entx.llm_stage.reader import READER_VERSION, Asked, TextReader
from entx.storage.pages import AskedQuestion, unanswered_pages
from entx.storage.runs import add_answers, begin_run, end_run, run_settings, settings_hash
from entx.storage.store import Store

STAGE = "llm"
PAGES_PER_COMMIT = 64
"""Pages read side by side and committed together: enough to sort by length, few enough to lose in a crash."""


@dataclass(frozen=True, slots=True)
class InferReport:
    """What one call did.

    Args:
        answered: questions answered or abstained from.
        counts: of the reader, by name.
    """

    answered: int
    seconds: float
    counts: Mapping[str, int]


def load_hints(store: Store, run: str | None) -> Mapping[int, Hint]:
    """What another run of the store said to each question; empty for None.

    Raises:
        InputError: no such run.
    """
    if run is None:
        return {}
    run_settings(store, run)
    return Hints.of_run(store, run).answers


def answer_questions(
    store: Store,
    key: PageKey,
    schema: Schema,
    reader: TextReader,
    run: str,
    settings: Mapping[str, Any],
    *,
    hint_run: str | None = None,
    pages_per_commit: int = PAGES_PER_COMMIT,
    advance: Callable[[int], None] = lambda _: None,
) -> InferReport:
    """Answers the questions that have a page of this key and no answer in this run yet.

    Questions whose picture has no page stay open: the same call takes them up once it is read.

    Args:
        settings: what decides the model's answers: its hash, backend, adapter, numeric type.
        hint_run: a run whose answers are put into the questions.

    Raises:
        InputError: the run stands in the store with other settings, or there is no run of the hints.
    """
    started = time.monotonic()
    hints = load_hints(store, hint_run)
    begin_run(store, run, STAGE, {**job_settings(store, key, schema, reader, hint_run), **settings})
    answered = 0
    batch: list[tuple[OcrPage, list[AskedQuestion]]] = []

    def flush() -> None:
        nonlocal answered, batch
        began = time.monotonic()
        read = reader.read([_asked(page, questions, hints) for page, questions in batch])
        indices = [question.index for _, questions in batch for question in questions]
        share = (time.monotonic() - began) / max(len(indices), 1)
        answers = [replace(answer, seconds=share) for of_page in read for answer in of_page]
        add_answers(store, run, list(zip(indices, answers, strict=True)))
        answered += len(indices)
        advance(len(indices))
        batch = []

    for page, questions in unanswered_pages(store, key, run):
        batch.append((page, questions))
        if len(batch) >= pages_per_commit:
            flush()
    if batch:
        flush()
    seconds = time.monotonic() - started
    counts = asdict(reader.counts)
    end_run(store, run, seconds, {"answered": answered, **counts})
    return InferReport(answered, seconds, counts)


def job_settings(
    store: Store, key: PageKey, schema: Schema, reader: TextReader, hint_run: str | None
) -> dict[str, Any]:
    """All that decides a run's answers beside the model itself."""
    calibration = reader.serving.calibration
    return {
        "reader": READER_VERSION, "prompt_version": PROMPT_VERSION, "style": reader.serving.style.value,
        "budget": reader.serving.budget, "mode": reader.mode.value, "model": reader.model.name,
        "calibration": calibration.digest if calibration else None, "hint_run": hint_run,
        "hint_settings": settings_hash(run_settings(store, hint_run)) if hint_run else None,
        "schema": schema.digest, "engine": key.engine, "model_hash": key.model_hash, "params_hash": key.params_hash,
    }  # fmt: skip


def _asked(page: OcrPage, questions: Sequence[AskedQuestion], hints: Mapping[int, Hint]) -> Asked:
    return Asked(
        page,
        tuple(question.entity_name for question in questions),
        tuple(hints.get(question.index) for question in questions),
    )
