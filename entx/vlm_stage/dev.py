"""F1 of a model on the dev rows, by the answers that it writes: what the early stop and the best checkpoint go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.errors import PictureError
from entx.core.metric import Counts, outcomes
from entx.core.postprocess import postprocess
from entx.neural.asking import Ask
from entx.neural.constrain import answer_pattern
from entx.vlm_stage.backends.base import PictureAsk, PictureModel
from entx.vlm_stage.prompt import PromptForm
from entx.vlm_stage.rows import Row
from entx.vlm_stage.views import Look, see_file

_PICTURES_AT_ONCE = 8  # that wait decoded for the model


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


@dataclass(frozen=True, slots=True)
class Asking:
    """How a model is asked.

    Args:
        pixels: budget of a picture.
        constrained: only legal answers may be written.
    """

    schema: Schema
    form: PromptForm
    pixels: int
    constrained: bool = True


def dev_questions(rows: Sequence[Row], most: int) -> list[DevQuestion]:
    """Questions for a measurement: at most so many, evenly from all."""
    most = min(most, len(rows))
    chosen = [rows[number * len(rows) // most] for number in range(most)]
    return [DevQuestion(one.path, one.entity_name, one.truth.text if one.truth else "") for one in chosen]


def measure_f1(model: PictureModel, questions: Sequence[DevQuestion], asking: Asking) -> dict[str, Any]:
    """The challenge's metric of the written answers: f1, precision, recall, and "by_entity" the same with counts."""
    answers = []
    for question, text in zip(questions, write(model, questions, asking), strict=True):
        found = postprocess(text, asking.schema[question.entity_name]).quantity if text != asking.form.empty else None
        answers.append(found.text if found else "")
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


def write(model: PictureModel, questions: Sequence[DevQuestion], asking: Asking) -> list[str]:
    """What the model writes to each question, each picture seen once; nothing for a picture that cannot be read."""
    by_path: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        by_path.setdefault(question.path, []).append(number)
    answers = [asking.form.empty] * len(questions)
    for chunk in _chunks(list(by_path.items())):
        numbers, batch = [], []
        for path, asked in chunk:
            try:
                views = see_file(Path(path), model, Look(asking.pixels)).views
            except PictureError:
                continue
            numbers.append(asked)
            batch.append(PictureAsk(views, tuple(_ask(questions[number], asking) for number in asked)))
        for asked, said in zip(numbers, model.read(batch), strict=True):
            for number, one in zip(asked, said, strict=True):
                answers[number] = one.text
    return answers


def _ask(question: DevQuestion, asking: Asking) -> Ask:
    entity = asking.schema[question.entity_name]
    pattern = answer_pattern(entity, asking.form.empty) if asking.constrained else ""
    return Ask(asking.form.ask(entity), (), pattern)


def _chunks(items: Sequence[tuple[str, list[int]]]) -> Iterator[Sequence[tuple[str, list[int]]]]:
    for start in range(0, len(items), _PICTURES_AT_ONCE):
        yield items[start : start + _PICTURES_AT_ONCE]
