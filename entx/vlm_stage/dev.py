"""F1 of a model on the dev rows, by the answers that it writes: what the early stop and the best checkpoint go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.evaluation import Counts, outcomes
from entx.neural.backends.base import Model, Query, Request
from entx.vlm_stage.prompt import Serving
from entx.vlm_stage.reader import PICTURES_PER_COMMIT, PictureQuestions, VisionReader
from entx.vlm_stage.rows import Row
from entx.vlm_stage.views import Views


@dataclass(frozen=True, slots=True)
class DevQuestion:
    """A question with a known truth.

    Args:
        path: of the picture file.
        truth: as a written answer, "" where the picture does not show it.
    """

    path: str
    entity_name: str
    truth: str


def dev_questions(rows: Sequence[Row], most: int) -> list[DevQuestion]:
    """Questions for a measurement: at most so many, evenly from all."""
    most = min(most, len(rows))
    chosen = [rows[number * len(rows) // most] for number in range(most)]
    return [DevQuestion(one.path, one.entity_name, one.truth.text if one.truth else "") for one in chosen]


def measure_f1(model: Model, questions: Sequence[DevQuestion], serving: Serving, schema: Schema) -> dict[str, Any]:
    """The challenge's metric of the written answers: f1, precision, recall, and "by_entity" the same with counts."""
    answers = read_answers(model, questions, serving, schema)
    by_quantity, _ = outcomes(answers, [question.truth for question in questions])
    names = [question.entity_name for question in questions]
    by_entity = {}
    for name in sorted(set(names)):
        counts = Counts.of(by_quantity[[place for place, one in enumerate(names) if one == name]])
        by_entity[name] = {
            "questions": counts.rows, **_scores(counts), "tp": counts.tp, "fp": counts.fp, "fn": counts.fn,
            "tn": counts.tn,
        }  # fmt: skip
    return {**_scores(Counts.of(by_quantity)), "by_entity": by_entity}


def _scores(counts: Counts) -> dict[str, float]:
    return {"f1": counts.f1, "precision": counts.precision or 0.0, "recall": counts.recall or 0.0}


def read_answers(model: Model, questions: Sequence[DevQuestion], serving: Serving, schema: Schema) -> list[str]:
    """The answers as `entx predict --mode free` gives them; "" for none, and for a picture that cannot be read."""
    reader = VisionReader(model, serving, schema)
    answers = [""] * len(questions)
    for chunk in _by_picture(questions):
        asked = [
            PictureQuestions(reader.view(Path(path)), tuple(questions[number].entity_name for number in numbers))
            for path, numbers in chunk
        ]
        for (_, numbers), read in zip(chunk, reader.read(asked), strict=True):
            for number, answer in zip(numbers, read, strict=True):
                answers[number] = answer.quantity.text if answer.quantity else ""
    return answers


def write_freely(model: Model, questions: Sequence[DevQuestion], serving: Serving, schema: Schema) -> list[str]:
    """What the model writes when nothing constrains it; "" for a picture that cannot be read."""
    texts = [""] * len(questions)
    reader = VisionReader(model, serving, schema)
    for chunk in _by_picture(questions):
        seen = [(reader.view(Path(path)), numbers) for path, numbers in chunk]
        sound = [(views, numbers) for views, numbers in seen if isinstance(views, Views)]
        batch = [
            Request(
                views.images,
                tuple(Query(serving.form.ask(schema[questions[number].entity_name])) for number in numbers),
            )
            for views, numbers in sound
        ]
        for (_, numbers), completions in zip(sound, model.complete(batch), strict=True):
            for number, one in zip(numbers, completions, strict=True):
                texts[number] = one.text
    return texts


def _by_picture(questions: Sequence[DevQuestion]) -> Iterator[list[tuple[str, list[int]]]]:
    """Pictures with the numbers of their questions, a few at once."""
    numbers: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        numbers.setdefault(question.path, []).append(number)
    pictures = list(numbers.items())
    for start in range(0, len(pictures), PICTURES_PER_COMMIT):
        yield pictures[start : start + PICTURES_PER_COMMIT]
