"""Sheets with several prints: truths, print sizes, directions of dimension lines, crops that show the print."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from entx.core.entities import CHALLENGE
from entx.core.quantities import find_quantities
from entx.core.types import Direction
from entx.demo.scene import Role, Scene
from scripts.small_vlm.close_ups import close_up_sample, close_ups, glyphs_of, moved, sheet_sample
from scripts.small_vlm.prints import NAMES, Glyph
from scripts.small_vlm.sheets import asked, sheet, smallest_print, values_in_order


@pytest.fixture(scope="module")
def made() -> list[Scene]:
    return [sheet(random.Random(seed), (224, 224), (0.07, 0.13)) for seed in range(80)]


def test_sheets_are_of_the_wanted_size_and_of_all_kinds(made: list[Scene]) -> None:
    assert {one.image.size for one in made} == {(224, 224)}
    assert {one.kind for one in made} == {"drawing", "label", "list", "banner"}


def test_every_truth_is_printed(made: list[Scene]) -> None:
    for one in made:
        for name, truth in one.truth.items():
            texts = [text.text for text in one.texts if name in text.entities]
            assert bool(texts) == (truth.value is not None)
            if truth.value is not None:
                read = {(found.quantity.value, found.quantity.unit) for found in find_quantities(texts[0])}
                assert (truth.value.value, truth.value.unit) in read
                assert truth.value.unit in CHALLENGE[name].units


def test_words_state_nothing(made: list[Scene]) -> None:
    assert all(not text.entities for one in made for text in one.texts if text.role is Role.WORDS)


def test_heights_stand_at_upright_lines_and_widths_at_level_ones(made: list[Scene]) -> None:
    wanted = {"height": Direction.VERTICAL, "width": Direction.HORIZONTAL, "depth": Direction.OBLIQUE}
    checked = Counter()
    for one in made:
        for text in one.texts:
            if text.line >= 0:
                (name,) = text.entities
                assert one.lines[text.line].direction is wanted[name]
                checked[name] += 1
    assert min(checked[name] for name in wanted) > 3


def test_print_is_as_large_as_wanted(made: list[Scene]) -> None:
    heights = [smallest_print(one) for one in made if any(text.entities for text in one.texts)]
    assert min(heights) > 8  # ink of print of 15 pixels
    assert max(heights) < 45


def test_values_are_in_reading_order(made: list[Scene]) -> None:
    for one in made:
        values = values_in_order(one)
        assert set(values) == {truth.value for truth in one.truth.values() if truth.value is not None}
        if one.kind == "list":
            printed = sorted((text for text in one.texts), key=lambda text: text.polygon[1])
            assert values[0] == one.truth[printed[0].entities[0]].value


def test_questions_are_mostly_of_what_is_stated() -> None:
    truth = dict.fromkeys(NAMES)
    some = sheet(random.Random(3), (224, 224), (0.07, 0.12))
    stated = {name: one.value for name, one in some.truth.items()}
    counts = Counter()
    for seed in range(200):
        for name, value in asked(random.Random(seed), stated, 2):
            assert value == stated[name]
            counts[value is None] += 1
        assert all(value is None for _, value in asked(random.Random(seed), truth, 2))
    assert 60 < counts[True] < 140


def test_two_questions_are_of_two_entities_where_there_are_two() -> None:
    stated = {"height": None, "width": None}
    for seed in range(50):
        first, second = asked(random.Random(seed), stated, 2)
        assert first[0] != second[0]


def test_equal_seeds_give_equal_sheets() -> None:
    one, other = (sheet_sample(random.Random("s"), (196, 252)) for _ in range(2))
    assert one.asks == other.asks
    assert one.every == other.every
    assert np.array_equal(np.asarray(one.views[0]), np.asarray(other.views[0]))


@pytest.mark.parametrize("count", [1, 3])
def test_close_ups_have_their_sizes(count: int) -> None:
    sample = close_up_sample(random.Random(1), ((196, 140), *[(168, 56)] * count))
    assert [view.size for view in sample.views] == [(196, 140), *[(168, 56)] * count]


def test_crops_show_the_print_larger_than_the_whole_picture() -> None:
    """Of a level text the crop holds its ink, enlarged."""
    checked = 0
    for seed in range(30):
        rng = random.Random(seed)
        scene = sheet(rng, (600, 600), (0.03, 0.06))
        level = [text for text in scene.texts if text.entities and not text.rotation]
        if len(level) != 1 or len([text for text in scene.texts if text.entities]) != 1:
            continue
        views, _, height = close_ups(rng, ((168, 168), (168, 56)), scene)
        x1, y1, _, _, _, _, _, y4 = level[0].polygon
        assert height > (y4 - y1) * 168 / 600
        crop = np.asarray(views[1].convert("L")).astype(int)
        assert crop.max() - crop.min() > 40
        checked += 1
        assert x1 >= 0
    assert checked > 4


def test_a_scene_without_print_gives_crops_too() -> None:
    drawn = (sheet(random.Random(seed), (300, 300), (0.06, 0.1)) for seed in range(400))
    blank = next(one for one in drawn if not any(text.entities for text in one.texts))
    views, _, height = close_ups(random.Random(0), ((84, 84), (84, 56), (28, 84)), blank)
    assert len(views) == 3
    assert height >= 0
    assert close_up_sample(random.Random(0), ((84, 84), (84, 56)), blank).every == ()


def test_tall_crops_show_text_that_runs_upwards() -> None:
    """A crop of a height is tall: its print stands across the crop as wide print does in a wide one."""
    checked = 0
    for seed in range(80):
        rng = random.Random(seed)
        scene = sheet(rng, (450, 450), (0.04, 0.06))
        if any(85 < text.rotation < 95 for text in scene.texts):
            views, _, height = close_ups(rng, ((168, 168), (56, 168)), scene)
            assert views[1].size == (56, 168)
            assert 8 < height < 45
            checked += 1
        else:
            assert close_ups(rng, ((84, 84), (28, 84)), scene)[2] == 0
    assert checked > 3


def test_glyphs_spell_level_texts_and_leave_others_unknown(made: list[Scene]) -> None:
    turned = 0
    for one in made:
        level = "".join(text.text for text in one.texts if not 12 < text.rotation < 348)
        glyphs = glyphs_of(one)
        assert "".join(glyph.character for glyph in glyphs) == level
        unknown = [glyph for glyph in glyphs if not glyph.character]
        assert len(unknown) == sum(12 < text.rotation < 348 for text in one.texts)
        turned += len(unknown)
        assert all(0 <= glyph.x0 < glyph.x1 <= 224 and 0 <= glyph.y0 < glyph.y1 <= 224 for glyph in glyphs)
    assert turned > 10


def test_glyphs_stand_on_the_ink_of_their_text() -> None:
    """Each glyph of a list on a plain ground holds ink; the gaps between rows hold none."""
    checked = 0
    for seed in range(60):
        one = sheet(random.Random(seed), (300, 300), (0.07, 0.12))
        if one.kind != "list":
            continue
        pixels = np.asarray(one.image.convert("L")).astype(int)
        if pixels.std(axis=1).min() > 0:
            continue  # not one ground colour
        ink = np.abs(pixels - np.median(pixels)) > 30
        for glyph in glyphs_of(one):
            if glyph.character.isalnum():
                assert ink[int(glyph.y0) : int(glyph.y1) + 1, int(glyph.x0) - 1 : int(glyph.x1) + 2].any()
                checked += 1
    assert checked > 40


def test_glyphs_move_with_a_crop() -> None:
    glyphs = (Glyph("7", 10, 10, 20, 30), Glyph("x", 200, 10, 210, 30), Glyph("i", 40, 10, 44, 12))
    found = moved(glyphs, (0.0, 0.0, 100.0, 50.0), (200, 100))
    assert found == (Glyph("7", 20, 20, 40, 60), Glyph("", 80, 20, 88, 24))  # the last is too low to be read


def test_samples_tell_the_glyphs_of_every_view() -> None:
    sizes = ((168, 168), (168, 56), (56, 112))
    sample = close_up_sample(random.Random(4), sizes)
    assert len(sample.glyphs) == 3
    for glyphs, (width, height) in zip(sample.glyphs, sizes, strict=True):
        assert all(one.x0 < width and one.y0 < height and one.x1 > 0 and one.y1 > 0 for one in glyphs)
    assert len(sheet_sample(random.Random(4), (168, 168)).glyphs) == 1
