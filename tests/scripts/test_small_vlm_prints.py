"""Single printed lines: what is asked is what is drawn, and where it is said to stand, it stands."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from entx.core.entities import CHALLENGE
from scripts.small_vlm.prints import FACES, NAMES, backdrop, colours, crop, face_at

SIZES = ((56, 28), (112, 28), (224, 28), (168, 56))


def test_equal_seeds_give_equal_pictures() -> None:
    one, other = (crop(random.Random("x"), (112, 28)) for _ in range(2))
    assert one.asks == other.asks
    assert np.array_equal(np.asarray(one.views[0]), np.asarray(other.views[0]))
    another = crop(random.Random("y"), (112, 28))
    assert not np.array_equal(np.asarray(one.views[0]), np.asarray(another.views[0]))


@pytest.mark.parametrize("size", SIZES)
def test_pictures_have_the_wanted_size(size: tuple[int, int]) -> None:
    for seed in range(10):
        (view,) = crop(random.Random(seed), size).views
        assert view.size == size
        assert view.mode == "RGB"


def test_truths_are_legal_and_some_are_empty() -> None:
    empty = Counter()
    for seed in range(300):
        ((name, value),) = crop(random.Random(seed), (140, 28)).asks
        empty[value is None] += 1
        if value is not None:
            assert value.unit in CHALLENGE[name].units
    assert 20 < empty[True] < 110


def test_a_line_never_answers_another_kind() -> None:
    for seed in range(200):
        sample = crop(random.Random(seed), (140, 28), asks=4)
        (stated,) = sample.every
        for name, value in sample.asks:
            if stated.unit not in CHALLENGE[name].units:
                assert value is None


def test_plain_pictures_are_one_ground_and_one_ink() -> None:
    for seed in range(20):
        sample = crop(random.Random(seed), (112, 28), plain=True)
        pixels = np.asarray(sample.views[0]).reshape(-1, 3)
        ground = Counter(map(tuple, pixels.tolist())).most_common(1)[0]
        assert ground[1] > len(pixels) * 0.3


def test_glyphs_stand_on_ink() -> None:
    """Of a plain picture, the pixels under the glyphs differ from the ground; those beside do not."""
    for seed in range(40):
        sample = crop(random.Random(seed), (140, 56), plain=True)
        pixels = np.asarray(sample.views[0]).astype(int)
        ground = np.median(pixels.reshape(-1, 3), axis=0)
        ink = np.abs(pixels - ground).sum(2) > 40
        columns = np.flatnonzero(ink.any(0))
        first, last = sample.glyphs[0][0].x0, sample.glyphs[0][-1].x1
        assert columns.min() >= first - 2.5
        assert columns.max() <= last + 2.5
        inside = ink[:, max(0, int(first)) : int(last) + 1]
        assert inside.sum() >= ink.sum() * 0.97
        rows = np.flatnonzero(ink.any(1))
        assert rows.min() >= sample.glyphs[0][0].y0 - 3
        assert rows.max() <= sample.glyphs[0][0].y1 + 4


def test_glyphs_follow_each_other_and_spell_the_text() -> None:
    sample = crop(random.Random(5), (168, 28))
    assert all(one.x1 == other.x0 for one, other in zip(sample.glyphs[0], sample.glyphs[0][1:], strict=False))
    text = "".join(one.character for one in sample.glyphs[0])
    digits = format(sample.every[0].value, "f").replace(".", "").strip("0")
    assert digits in text.replace(".", "").replace(",", "")


def test_print_is_large_enough_to_read() -> None:
    heights = [crop(random.Random(seed), random.Random(seed).choice(SIZES)).print_height for seed in range(200)]
    assert min(heights) > 5.5
    assert max(heights) > 15


def test_ground_and_ink_differ() -> None:
    for seed in range(200):
        ground, ink = colours(random.Random(seed))
        assert ground != ink
        assert sum(abs(a - b) for a, b in zip(ground, ink, strict=True)) > 75


def test_backdrops_are_of_the_wanted_size_and_of_several_kinds() -> None:
    deviations = []
    for seed in range(40):
        image = backdrop(random.Random(seed), 90, 40, (120, 160, 90))
        assert image.size == (90, 40)
        deviations.append(float(np.asarray(image).std(axis=(0, 1)).max()))
    assert min(deviations) == 0
    assert max(deviations) > 8
    assert np.asarray(backdrop(random.Random(1), 8, 8, (1, 2, 3), plain=True)).std(axis=(0, 1)).max() == 0


def test_font_files_are_faces_too(tmp_path: object) -> None:
    path = face_at("roboto Regular", 20).path
    assert face_at(str(path), 20).getlength("12 cm") == face_at("roboto Regular", 20).getlength("12 cm")
    sample = crop(random.Random(1), (112, 28), faces=(str(path),))
    assert sample.every


def test_all_entities_are_asked() -> None:
    asked = {name for seed in range(250) for name, _ in crop(random.Random(seed), (168, 28)).asks}
    assert asked == set(NAMES)
    assert len(FACES) > 8
