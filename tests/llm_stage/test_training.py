"""F1 of the dev rows: the most probable candidate, pages read once, lost values counted as lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from entx.llm_stage.backends.base import PageAsk
from entx.llm_stage.training import DevQuestion, choose, measure_f1
from entx.neural.asking import Generated


class FakeModel:
    """Scores a completion by how often it stands on the page; "none" gets a half."""

    name = "fake"

    def __init__(self) -> None:
        self.pages: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    def score(self, batch: Sequence[PageAsk]) -> list[list[tuple[float, ...]]]:
        self.pages += [asked.page for asked in batch]
        return [
            [tuple(0.5 if one == "none" else asked.page.count(one) for one in ask.completions) for ask in asked.asks]
            for asked in batch
        ]

    def generate(self, batch: Sequence[PageAsk], *, max_tokens: int = 32) -> list[list[Generated]]:
        raise NotImplementedError


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
    counts = measure_f1(FakeModel(), QUESTIONS)
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (1, 2, 1, 1)
    assert counts.f1 == pytest.approx(2 / 5)
