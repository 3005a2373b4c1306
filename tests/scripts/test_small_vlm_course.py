"""The course of the small vision-language model: every kind of picture can be drawn, equal seeds give equal batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from entx.core.entities import CHALLENGE
from entx.core.types import OcrLine, OcrPage, PageStatus
from entx.storage.training import LabelledQuestion
from scripts.small_vlm import course
from scripts.small_vlm.prints import FACES

NAMES = ("plain", "line", "tall", "sheet", "large sheet", "close-up", "scene", "large scene")
WORDS = {entity.words for entity in CHALLENGE.entities.values()}


def test_shares_add_up_to_one_and_name_kinds() -> None:
    assert set(course.KINDS) == set(NAMES)
    for _, shares in (*course.COURSE, (0, course.REAL_SHARES)):
        assert sum(shares.values()) == pytest.approx(1.0)
        assert shares.keys() <= {*course.KINDS, "real"}
    assert [start for start, _ in course.COURSE] == sorted(start for start, _ in course.COURSE)
    assert course.shares_at(0.0) == {"plain": 1.0}
    assert course.shares_at(1.0) == course.COURSE[-1][1]
    assert course.shares_at(0.5, real=True) == course.REAL_SHARES
    assert set().union(*(shares for _, shares in course.COURSE)) == set(course.KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_has_one_layout_and_answers_in_the_models_form(name: str) -> None:
    kind = course.KINDS[name]
    batch, heights = course.make_batch(kind, f"test/{name}", FACES, most=3)
    assert 1 <= len(batch.asks) == len(heights) <= 3
    sizes = tuple((view.shape[2], view.shape[1]) for view in batch.views)
    assert sizes in kind.layouts
    assert all(width % 28 == 0 and height % 28 == 0 for width, height in sizes)
    assert all(view.shape[0] == len(heights) and view.dtype == np.uint8 for view in batch.views)
    units = CHALLENGE.units
    for asks in batch.asks:
        assert len(asks) == kind.asks + kind.every
        for question, answer in asks:
            assert question in WORDS or (kind.every and question == course.EVERY)
            for one in answer.split(", "):
                assert one == "none" or one.partition(" ")[2] in units
    assert len(batch.characters) == (0 if name == "tall" else len(sizes))
    for (width, height), found in zip(sizes, batch.characters, strict=False):
        assert found.shape[1] == width * height // 14**2
    if batch.characters:
        assert any((found > 0).any() for found in batch.characters) or "scene" in name


@pytest.mark.parametrize("name", ["line", "close-up", "scene"])
def test_equal_seeds_give_equal_batches(name: str) -> None:
    one, other, another = (
        course.make_batch(course.KINDS[name], seed, FACES, most=2)[0] for seed in ("a/1", "a/1", "a/2")
    )
    assert one.asks == other.asks
    assert all(np.array_equal(a, b) for a, b in zip(one.views, other.views, strict=True))
    assert one.asks != another.asks or one.views[0].shape != another.views[0].shape


def test_batches_are_filled_up_to_the_budget_of_image_tokens() -> None:
    batch, _ = course.make_batch(course.KINDS["line"], "budget", FACES)
    tokens = sum(view.shape[0] * view.shape[1] * view.shape[2] for view in batch.views) // 784
    assert course.KINDS["line"].tokens * 0.7 < tokens <= course.KINDS["line"].tokens


def _page() -> OcrPage:
    def line(text: str, y: float, rotation: float = 0.0) -> OcrLine:
        return OcrLine(text, 0.99, (10.0, y, 90.0, y, 90.0, y + 20, 10.0, y + 20), rotation)

    lines = (line("NET WT 500 g", 10), line("Premium", 40), line("12 cm", 70, 90.0), line("24 pcs", 100))
    return OcrPage("sha", PageStatus.OK, "", 200, 200, lines)


def test_labels_that_a_line_holds_are_kept_and_others_left_out() -> None:
    from scripts.small_vlm.real import labelled_picture

    asked = [
        LabelledQuestion(0, "sha", "g", "item_weight", "500 gram", "confirmed.csv"),
        LabelledQuestion(1, "sha", "g", "height", "99 inch", "train.csv"),
        LabelledQuestion(2, "sha", "g", "voltage", "", "abstained.csv"),
    ]
    made = labelled_picture(Path("x.jpg"), _page(), asked)
    truths = dict(made.truths)
    assert truths["item_weight"] is not None
    assert truths["item_weight"].text == "500.0 gram"
    assert truths["voltage"] is None
    assert "height" not in truths
    assert "wattage" in made.absent
    assert not {"item_weight", "height"} & set(made.absent)
