"""Wear of small pictures: size and mode stay, strength counts, equal seeds give equal pictures."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from scripts.small_vlm.prints import crop
from scripts.small_vlm.wear import coarse, jpeg, lit, slanted, worn


@pytest.fixture
def picture() -> Image.Image:
    return crop(random.Random(8), (168, 56), plain=True).views[0]


def _difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one).astype(int) - np.asarray(other)).mean())


def test_no_strength_is_no_wear(picture: Image.Image) -> None:
    assert all(worn(picture, random.Random(seed), 0) is picture for seed in range(20))


def test_worn_pictures_keep_size_and_mode_and_differ(picture: Image.Image) -> None:
    found = [worn(picture, random.Random(seed)) for seed in range(40)]
    assert {(one.size, one.mode) for one in found} == {(picture.size, "RGB")}
    assert sum(_difference(picture, one) > 1 for one in found) > 20


def test_equal_seeds_wear_alike(picture: Image.Image) -> None:
    assert _difference(worn(picture, random.Random(5)), worn(picture, random.Random(5))) == 0


def test_more_strength_is_more_wear(picture: Image.Image) -> None:
    def mean(strength: float) -> float:
        return float(np.mean([_difference(picture, worn(picture, random.Random(s), strength)) for s in range(60)]))

    assert mean(0.3) < mean(1.0)


def test_slant_moves_the_print_a_little(picture: Image.Image) -> None:
    assert 0 < _difference(picture, slanted(picture, random.Random(1), 0.06)) < 60
    assert _difference(picture, slanted(picture, random.Random(1), 0.0)) < 6


def test_coarse_pictures_lose_sharpness(picture: Image.Image) -> None:
    def edges(image: Image.Image) -> float:
        return float(np.abs(np.diff(np.asarray(image.convert("L")).astype(int), axis=1)).max())

    assert edges(coarse(picture, 0.3)) < edges(picture)
    assert coarse(picture, 0.001).size == picture.size


def test_light_changes_brightness_within_range(picture: Image.Image) -> None:
    means = [float(np.asarray(lit(picture, random.Random(seed))).mean()) for seed in range(30)]
    assert max(means) - min(means) > 20


def test_jpeg_loses_more_at_low_quality(picture: Image.Image) -> None:
    assert _difference(picture, jpeg(picture, 20)) > _difference(picture, jpeg(picture, 95))
