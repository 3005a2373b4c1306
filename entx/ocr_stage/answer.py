"""The `predict --stage rules` job: every open question of a run answered from the pages of the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from entx.core.entities import Schema
from entx.core.types import Answer, PageKey
from entx.ocr_stage.reader import READER_VERSION, RulesReader
from entx.ocr_stage.weights import shipped_weights
from entx.storage.answers import add_answers
from entx.storage.connection import Store
from entx.storage.habits import dimension_habits, habits_digest
from entx.storage.pages import unanswered_pages
from entx.storage.runs import begin_run, end_run

_BATCH = 2048


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
    habits = dimension_habits(store)
    settings = {
        "reader": READER_VERSION, "schema": schema.digest, "engine": key.engine, "model_hash": key.model_hash,
        "params_hash": key.params_hash, "weights": shipped_weights().digest, "habits": habits_digest(habits),
    }  # fmt: skip
    begin_run(store, run, "rules", settings)
    reader = RulesReader(schema)
    batch: list[tuple[int, Answer]] = []
    asked = 0
    for page, questions in unanswered_pages(store, key, run):
        names = [question.entity_name for question in questions]
        answers = reader.read(page, names, [habits.get((question.group_id, question.fold)) for question in questions])
        batch += [(question.index, answer) for question, answer in zip(questions, answers, strict=True)]
        asked += len(questions)
        advance(len(questions))
        if len(batch) >= _BATCH:
            add_answers(store, run, batch)
            batch = []
    if batch:
        add_answers(store, run, batch)
    seconds = time.monotonic() - started
    end_run(store, run, seconds, {"asked": asked})
    return AnswerReport(asked, seconds)
