from __future__ import annotations

import cv2
import numpy as np
import pytest

from entx.ocr_stage.dimension_lines import end_ticks, find_segments, lengths, profiles, sample, ways
from tests.ocr_stage.sheets import dimension, sheet

NOTHING = np.zeros((600, 600), np.uint8)


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def test_a_blank_sheet_has_no_segments() -> None:
    assert find_segments(grey(sheet())).shape == (0, 4)


@pytest.mark.parametrize(("start", "end"), [((100, 60), (100, 500)), ((60, 300), (500, 300)), ((80, 90), (400, 330))])
def test_a_line_is_found_by_its_two_edges(start: tuple[int, int], end: tuple[int, int]) -> None:
    picture = sheet()
    dimension(picture, start, end)
    segments = find_segments(grey(picture))
    assert len(segments) >= 2
    truth = np.hypot(end[0] - start[0], end[1] - start[1])
    assert lengths(segments).max() == pytest.approx(truth, abs=8)
    way = np.array([end[0] - start[0], end[1] - start[1]]) / truth
    longest = ways(segments)[np.argmax(lengths(segments))]
    assert abs(longest @ way) == pytest.approx(1.0, abs=1e-3)


def test_a_soft_shadow_is_no_segment() -> None:
    shade = np.tile(np.linspace(150, 255, 600).astype(np.uint8), (600, 1))
    assert len(find_segments(cv2.GaussianBlur(shade, (0, 0), 9))) == 0


def test_samples_beyond_the_image_are_those_of_its_border() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    points = np.array([[[0.0, 0.0], [2.4, 1.4]], [[-5.0, 0.0], [9.0, 9.0]]], np.float32)
    assert sample(image, points).tolist() == [[0, 5], [0, 5]]


@pytest.mark.parametrize(("ground", "ink"), [(255, 0), (30, 250), (200, 120)])
def test_a_line_is_thin_and_the_edge_of_an_area_is_not(ground: int, ink: int) -> None:
    line, area = sheet(ground=ground), sheet(ground=ground)
    dimension(line, (100, 300), (500, 300), ink=ink)
    area[300:] = ink
    segment = np.array([[100, 300, 500, 300]], np.float32)
    thin, thick = profiles(grey(line), segment, NOTHING), profiles(grey(area), segment, NOTHING)
    assert thin.thinness[0] > 0.9
    assert np.sign(thin.contrast[0]) == np.sign(ink - ground)
    assert abs(thin.contrast[0]) == pytest.approx(abs(ink - ground), abs=5)
    assert thick.thinness[0] < 0.1


def test_a_faint_difference_is_no_line() -> None:
    picture = sheet(ground=250)
    dimension(picture, (100, 300), (500, 300), ink=247)
    assert profiles(grey(picture), np.array([[100, 300, 500, 300]], np.float32), NOTHING).thinness[0] == 0


def test_the_middle_of_the_ink_is_found_from_its_edge() -> None:
    picture = sheet()
    dimension(picture, (100, 300), (500, 300), width=3)
    found = profiles(grey(picture), np.array([[100, 298, 500, 298]], np.float32), NOTHING)
    assert found.middle[0] == pytest.approx(2.0, abs=0.6)  # along (-dy, dx), which is downward here


def test_what_is_under_a_text_says_nothing_about_a_line() -> None:
    picture = sheet()
    dimension(picture, (100, 300), (500, 300))
    hidden = NOTHING.copy()
    picture[280:320, 100:420], hidden[280:320, 100:420] = 0, 255
    segment = np.array([[100, 300, 500, 300]], np.float32)
    assert profiles(grey(picture), segment, hidden).thinness[0] > 0.9
    assert profiles(grey(picture), segment, NOTHING).thinness[0] == 0


@pytest.mark.parametrize(("heads", "ticks"), [("", 0), ("bar", 2), ("arrow", 2)])
@pytest.mark.parametrize(
    ("start", "end"), [((100, 300), (500, 300)), ((300, 80), (300, 480)), ((100, 100), (400, 380))]
)
def test_heads_are_counted(heads: str, ticks: int, start: tuple[int, int], end: tuple[int, int]) -> None:
    picture = sheet()
    dimension(picture, start, end, heads)
    lines = np.array([[*start, *end]], np.float32)
    found = end_ticks(grey(picture), lines, profiles(grey(picture), lines, NOTHING))
    assert found.sum() == ticks


def test_the_corner_of_a_box_is_no_head() -> None:
    picture = sheet()
    cv2.rectangle(picture, (100, 100), (400, 400), (0, 0, 0), 2)
    lines = np.array([[100, 400, 400, 400]], np.float32)
    assert end_ticks(grey(picture), lines, profiles(grey(picture), lines, NOTHING)).sum() == 0
