"""F1 of the dev rows: read as `predict` reads, each picture once, counted by entity."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import Quantity
from entx.neural.backends.base import Completion, Query
from entx.vlm_stage.dev import DevQuestion, dev_questions, measure_f1, read_answers, write_freely
from entx.vlm_stage.prompt import PromptForm, Serving
from entx.vlm_stage.rows import Row
from tests.neural.fake_model import FakeModel
from tests.vlm_stage.training import draw, valued

SERVING = Serving(PromptForm("{entity_name}?", "none"), 12544)


@pytest.fixture
def questions(tmp_path: Path) -> list[DevQuestion]:
    """Two pictures with two questions each, and one that is no picture."""
    drawn = valued(2)
    folder = draw(tmp_path, drawn)
    (tmp_path / "broken.png").write_bytes(b"x")
    first, second = (str(folder / one.name) for one in drawn)
    return [
        DevQuestion(first, "item_weight", "5.0 gram"), DevQuestion(second, "item_weight", ""),
        DevQuestion(first, "maximum_weight_recommendation", "7.0 gram"),
        DevQuestion(str(tmp_path / "broken.png"), "item_weight", "5.0 gram"),
        DevQuestion(second, "maximum_weight_recommendation", "5.0 gram"),
    ]  # fmt: skip


def test_counts_by_entity_follow_the_metric(questions: list[DevQuestion]) -> None:
    model = FakeModel("5 gram")
    measured = measure_f1(model, questions, SERVING, CHALLENGE)
    weight, most = measured["by_entity"]["item_weight"], measured["by_entity"]["maximum_weight_recommendation"]
    assert [weight[key] for key in ("questions", "tp", "fp", "fn", "tn")] == [3, 1, 1, 1, 0]
    assert [most[key] for key in ("questions", "tp", "fp", "fn", "tn")] == [2, 1, 1, 0, 0]
    assert (measured["precision"], measured["recall"]) == (2 / 4, 2 / 3)
    assert measured["f1"] == pytest.approx(4 / 7)
    assert weight["f1"] == 0.5


def test_each_picture_is_seen_once_for_all_of_its_questions(questions: list[DevQuestion]) -> None:
    model = FakeModel("5 gram")
    answers = read_answers(model, questions, SERVING, CHALLENGE)
    assert answers == ["5.0 gram", "5.0 gram", "5.0 gram", "", "5.0 gram"]
    assert sorted(len(one.queries) for one in model.seen) == [2, 2]
    assert {ask.question for one in model.seen for ask in one.queries} == {
        "item_weight?", "maximum_weight_recommendation?",
    }  # fmt: skip


def test_an_abstaining_model_and_one_without_any_answer(questions: list[DevQuestion]) -> None:
    measured = measure_f1(FakeModel("none"), questions, SERVING, CHALLENGE)
    assert (measured["f1"], measured["precision"], measured["recall"]) == (0.0, 0.0, 0.0)
    assert measured["by_entity"]["item_weight"]["tn"] == 1


def test_free_writing_is_not_constrained(questions: list[DevQuestion]) -> None:
    class Free(FakeModel):
        def completion(self, query: Query, max_tokens: int) -> Completion:
            assert query.pattern == ""
            return Completion("about 5 grams", -1.0)

    texts = write_freely(Free(), questions, SERVING, CHALLENGE)
    assert texts == ["about 5 grams"] * 3 + [""] + ["about 5 grams"]


def test_questions_are_taken_evenly() -> None:
    def row(number: int) -> Row:
        truth = Quantity(Decimal(number), "inch") if number % 2 else None
        return Row(number, f"p{number}", f"{number}.png", (9, 9), "g", "width", truth, 1.0, "own", False)

    chosen = dev_questions([row(number) for number in range(10)], 5)
    assert [one.path for one in chosen] == ["0.png", "2.png", "4.png", "6.png", "8.png"]
    assert [one.truth for one in dev_questions([row(0), row(1)], 99)] == ["", "1.0 inch"]
    assert dev_questions([], 5) == []
