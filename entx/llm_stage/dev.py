"""F1 of a model on the dev rows, by scoring candidates: what the early stop and the best checkpoint go by.

Loss is no measure for it: it keeps falling on the easy tokens of an answer while the choice between numbers gets worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entx.core.evaluation import Counts, outcomes
from entx.llm_stage.prompt import NONE
from entx.neural.backends.base import Model, Query, Request


@dataclass(frozen=True, slots=True)
class DevQuestion:
    """A question with a known truth.

    Args:
        page, question: the parts of its prompt.
        candidates: texts that may be answered, `NONE` among them.
        truth: the right one as a written answer, "" where the picture does not show it. It need not be among the
            candidates: a value that OCR missed is a question lost, not one left out.
    """

    page: str
    question: str
    candidates: tuple[str, ...]
    truth: str


def measure_f1(model: Model, questions: Sequence[DevQuestion]) -> Counts:
    """Counts of the challenge's metric when each question gets its most probable candidate."""
    answers = choose(model, questions)
    by_quantity, _ = outcomes(answers, [question.truth for question in questions])
    return Counts.of(by_quantity)


def choose(model: Model, questions: Sequence[DevQuestion]) -> list[str]:
    """The most probable candidate of each question, "" for `NONE`; each page is read once for all of its questions."""
    by_page: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        by_page.setdefault(question.page, []).append(number)
    batch = [
        Request(page, tuple(Query(questions[number].question, questions[number].candidates) for number in numbers))
        for page, numbers in by_page.items()
    ]
    answers = [""] * len(questions)
    for numbers, completions in zip(by_page.values(), model.complete(batch, max_tokens=0), strict=True):
        for number, completion in zip(numbers, completions, strict=True):
            scores = completion.all_scores(model.name)
            best = questions[number].candidates[scores.index(max(scores))]
            answers[number] = "" if best == NONE else best
    return answers
