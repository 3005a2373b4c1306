"""The witness of shape, on drawn things: what is round on its axis, what is a box, what is flat."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.types import OcrLine
from entx.ocr_stage.geometry import page_geometry
from entx.ocr_stage.shape import FOLDER, MODEL, SIDE, roundness, squared
from lab.drawings.draw import draw_scene
from tests.ocr_stage.pictures import array
from tests.ocr_stage.sheets import Picture, sheet


def can() -> Picture:
    """A shaded cylinder seen from slightly above."""
    picture = sheet()
    light = 60 + 150 * np.sin(np.pi * np.arange(200) / 200)
    picture[150:450, 200:400] = (light[None, :, None] * np.array([1, 0.9, 0.8])).astype(np.uint8)
    cv2.ellipse(picture, (300, 450), (100, 28), 0, 0, 180, (110, 100, 90), cv2.FILLED)
    cv2.ellipse(picture, (300, 150), (100, 28), 0, 0, 360, (200, 190, 180), cv2.FILLED)
    return picture


def crate() -> Picture:
    """A box seen from above and from the left: three faces."""
    picture = sheet()
    for colour, face in (
        ((150, 120, 90), [(150, 200), (350, 260), (350, 480), (150, 420)]),
        ((90, 70, 50), [(350, 260), (460, 200), (460, 420), (350, 480)]),
        ((200, 170, 140), [(150, 200), (350, 260), (460, 200), (260, 150)]),
    ):
        cv2.fillPoly(picture, [np.array(face, np.int32)], colour)
    return picture


def of_scenes(kind: str) -> list[float]:
    """The roundness of some drawn scenes that have a product on a plain ground."""
    found = []
    for seed in range(6):
        scene = draw_scene(kind, f"shape/{seed}", size=640)
        lines = [OcrLine(text.text, 1.0, text.polygon, text.rotation) for text in scene.texts]
        found.append(page_geometry(array(scene.image), lines).roundness)
    return [value for value in found if value is not None]


@pytest.mark.parametrize("silhouette", [0.0, 0.5, 1.0])
def test_a_can_is_round_and_a_crate_is_not_whatever_their_outlines_say(silhouette: float) -> None:
    assert roundness(can(), silhouette) > 0.8
    assert roundness(crate(), silhouette) < 0.2


def test_the_colour_and_the_mirror_image_matter_little() -> None:
    for picture in (can(), crate()):
        plain = roundness(picture, 0.3)
        for other in (picture[:, ::-1], picture[..., ::-1]):
            assert roundness(np.ascontiguousarray(other), 0.3) == pytest.approx(plain, abs=0.15)


@pytest.mark.parametrize("kind", ["furniture", "cabinet", "panel"])
def test_drawn_round_bodies_are_rounder_than_drawn_furniture_and_flat_things(kind: str) -> None:
    bodies, others = of_scenes("round_body"), of_scenes(kind)
    assert min(len(bodies), len(others)) >= 4
    assert max(others) < 0.2
    assert np.median(bodies) > 0.5


def test_it_is_asked_only_where_there_is_a_product() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    assert page_geometry(cv2.resize(noise, (600, 600), interpolation=cv2.INTER_CUBIC), []).roundness is None
    assert page_geometry(sheet(), []).roundness is None
    assert page_geometry(can(), []).roundness == pytest.approx(roundness(can(), 1.0), abs=0.1)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 900), height=st.integers(1, 900), seed=st.integers(0, 99), one=st.floats(0, 1))
def test_any_picture_has_a_probability_that_grows_with_the_silhouette(
    width: int, height: int, seed: int, one: float
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    square = squared(picture)
    assert square.shape == (SIDE, SIDE, 3)
    assert square.dtype == np.uint8
    low, some, high = (roundness(picture, silhouette) for silhouette in (0.0, one, 1.0))
    assert 0 <= low <= some <= high <= 1
    assert low < high


def test_proportions_are_kept_and_the_rest_is_white() -> None:
    square = squared(np.zeros((300, 600, 3), np.uint8))
    assert not square[SIDE // 4 : 3 * SIDE // 4].any()
    assert (square[: SIDE // 4] == 255).all()
    assert (square[3 * SIDE // 4 :] == 255).all()


def test_the_file_is_small_and_says_how_good_it_is() -> None:
    assert (FOLDER / MODEL).stat().st_size < 3_000_000
    facts = json.loads((FOLDER / "training.json").read_text(encoding="utf-8"))
    assert facts["auc_both"] > facts["auc_eyes"] > facts["auc_silhouette"]
    held = [facts[f"from_{low}"]["round"] for low in ("0.0", "0.2", "0.4", "0.6", "0.8")]
    assert held == sorted(held)
