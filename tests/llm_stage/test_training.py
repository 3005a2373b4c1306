"""F1 of the dev rows: the most probable candidate, pages read once, lost values counted as lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from entx.llm_stage.training import DevQuestion, choose, measure_f1
from entx.neural.backends.base import Completion, Model, Request


class FakeModel(Model):
    """Scores a choice by how often it stands on the page; "none" gets a half."""

    name = "fake"

    def __init__(self) -> None:
        self.pages: list[str] = []

    def complete(self, batch: Sequence[Request], *, max_tokens: int = 32) -> list[list[Completion]]:
        assert max_tokens == 0
        pages = [str(request.shown) for request in batch]
        self.pages += pages
        return [
            [
                Completion(scores=tuple(0.5 if one == "none" else page.count(one) for one in query.choices))
                for query in request.queries
            ]
            for page, request in zip(pages, batch, strict=True)
        ]


QUESTIONS = [
    DevQuestion("5 inch 5 inch 3 gram", "width", ("5 inch", "4 inch", "none"), "5.0 inch"),
    DevQuestion("8 volt", "voltage", ("8 volt", "none"), "9 volt"),
    DevQuestion("5 inch 5 inch 3 gram", "weight", ("3 gram", "none"), ""),
    DevQuestion("nothing", "height", ("none",), ""),
    DevQuestion("nothing", "depth", ("2 inch", "none"), "2 inch"),
]


def test_the_most_probable_candidate_is_chosen_in_the_order_of_the_questions() -> None:
    assert choose(FakeModel(), QUESTIONS) == ["5 inch", "8 volt", "3 gram", "", ""]


def test_each_page_is_read_once() -> None:
    model = FakeModel()
    choose(model, QUESTIONS)
    assert model.pages == ["5 inch 5 inch 3 gram", "8 volt", "nothing"]


def test_the_counts_are_the_metric_s() -> None:
    """Numbers are compared, not texts; an answer to an empty truth is an FP, a missed value an FN."""
    counts = measure_f1(QUESTIONS, choose(FakeModel(), QUESTIONS))
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (1, 2, 1, 1)
    assert counts.f1 == pytest.approx(2 / 5)
