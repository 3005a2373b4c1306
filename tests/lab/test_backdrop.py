import random

import numpy as np
import pytest
from PIL import Image

from entx.core.types import Direction
from lab.drawings.canvas import Canvas, Scene
from lab.drawings.shapes import gradient, paper, room, studio, turned, weathered


def scene(text: str = "500 g") -> Scene:
    canvas = Canvas(Image.new("RGB", (400, 300), (255, 255, 255)))
    canvas.text((500, 400), text, "roboto Bold", 90)
    return canvas.finish("test", {})


def ink_box(image: Image.Image) -> tuple[int, int, int, int]:
    rows, columns = np.where(np.asarray(image.convert("L")) < 128)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize("degrees", [90.0, 180.0, 270.0, 7.5, -9.0])
def test_texts_turn_with_the_picture(degrees: float) -> None:
    result = turned(scene(), degrees)
    polygon = result.texts[0].polygon
    assert result.texts[0].rotation == pytest.approx(degrees % 360)
    box = (min(polygon[0::2]), min(polygon[1::2]), max(polygon[0::2]), max(polygon[1::2]))
    assert ink_box(result.image) == pytest.approx(box, abs=2.5 if degrees % 90 == 0 else 8)


def test_a_quarter_turn_swaps_the_sides() -> None:
    assert turned(scene(), 90).image.size == (300, 400)


def test_turning_and_turning_back_keeps_the_polygon() -> None:
    before, after = scene(), turned(turned(scene(), 180), 180)
    assert after.texts[0].polygon == pytest.approx(before.texts[0].polygon, abs=0.01)
    assert after.texts[0].rotation == 0


def test_dimension_lines_are_never_turned() -> None:
    canvas = Canvas(Image.new("RGB", (400, 300)))
    canvas.remember_line((100, 100), (400, 100), Direction.HORIZONTAL)
    with pytest.raises(ValueError, match="test with dimension lines cannot be turned"):
        turned(canvas.finish("test", {}), 90)


def test_wear_changes_pixels_but_not_what_is_printed() -> None:
    changed = 0
    for seed in range(12):
        before = scene()
        after = weathered(before, random.Random(seed))
        assert (after.texts, after.truth, after.image.size) == (before.texts, before.truth, before.image.size)
        changed += after.image.tobytes() != before.image.tobytes()
        assert weathered(before, random.Random(seed)).image.tobytes() == after.image.tobytes()
    assert changed >= 8


def test_wear_is_mild() -> None:
    before = scene()
    for seed in range(12):
        after = weathered(before, random.Random(seed)).image
        difference = np.abs(np.asarray(after, dtype=int) - np.asarray(before.image, dtype=int))
        assert difference.mean() < 60


@pytest.mark.parametrize("make", [studio, room])
def test_backgrounds_have_their_size_and_repeat(make) -> None:  # type: ignore[no-untyped-def]
    for seed in range(8):
        image = make(random.Random(seed), 320, 200)
        assert (image.size, image.mode) == ((320, 200), "RGB")
        assert make(random.Random(seed), 320, 200).tobytes() == image.tobytes()


def test_studio_is_mostly_white() -> None:
    white = sum(np.asarray(studio(random.Random(seed), 40, 40)).min() == 255 for seed in range(100))
    assert 40 <= white <= 70


def test_a_gradient_runs_from_top_to_bottom() -> None:
    pixels = np.asarray(gradient(4, 100, (200, 100, 50), (0, 0, 0)))
    assert tuple(pixels[0, 0]) == (200, 100, 50)
    assert tuple(pixels[-1, -1]) == (0, 0, 0)
    assert (np.diff(pixels[:, 0, 0].astype(int)) <= 0).all()


def test_paper_is_faint() -> None:
    pixels = np.asarray(paper(random.Random(1), 300, 300, (220, 220, 220)), dtype=int)
    assert 0.5 < pixels.std() < 8
