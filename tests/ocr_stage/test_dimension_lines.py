"""Segments, whole lines from their fragments, and which of them belongs to a number."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from entx.core.types import Direction, OcrLine
from entx.ocr_stage.dimension_lines import (
    DIRECTIONS,
    Boxes,
    Strokes,
    distances,
    end_ticks,
    find_segments,
    find_strokes,
    join,
    lengths,
    profiles,
    sample,
    ways,
)
from tests.ocr_stage.sheets import Picture, box, dimension, drawn, number, sheet, write

NOTHING = np.zeros((600, 600), np.uint8)
LEVEL = np.array([[100, 300, 500, 300]], np.float32)


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def test_a_blank_sheet_has_no_segments() -> None:
    assert find_segments(grey(sheet())).shape == (0, 4)


@pytest.mark.parametrize(("start", "end"), [((100, 60), (100, 500)), ((60, 300), (500, 300)), ((80, 90), (400, 330))])
def test_a_line_is_found_by_its_two_edges(start: tuple[int, int], end: tuple[int, int]) -> None:
    picture = drawn(start, end)
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
    thin, thick = profiles(grey(line), LEVEL, NOTHING), profiles(grey(area), LEVEL, NOTHING)
    assert thin.thinness[0] > 0.9
    assert np.sign(thin.contrast[0]) == np.sign(ink - ground)
    assert abs(thin.contrast[0]) == pytest.approx(abs(ink - ground), abs=5)
    assert thick.thinness[0] < 0.1


def test_a_faint_difference_is_no_line() -> None:
    picture = drawn((100, 300), (500, 300), ink=247, ground=250)
    assert profiles(grey(picture), LEVEL, NOTHING).thinness[0] == 0


def test_the_middle_of_the_ink_is_found_from_its_edge() -> None:
    picture = drawn((100, 300), (500, 300), width=3)
    found = profiles(grey(picture), np.array([[100, 298, 500, 298]], np.float32), NOTHING)
    assert found.middle[0] == pytest.approx(2.0, abs=0.6)  # along (-dy, dx), which is downward here


def test_what_is_under_a_text_says_nothing_about_a_line() -> None:
    picture = drawn((100, 300), (500, 300))
    hidden = NOTHING.copy()
    picture[280:320, 100:420], hidden[280:320, 100:420] = 0, 255
    assert profiles(grey(picture), LEVEL, hidden).thinness[0] > 0.9
    assert profiles(grey(picture), LEVEL, NOTHING).thinness[0] == 0


@pytest.mark.parametrize(("heads", "ticks"), [("", 0), ("bar", 2), ("arrow", 2)])
@pytest.mark.parametrize(
    ("start", "end"), [((100, 300), (500, 300)), ((300, 80), (300, 480)), ((100, 100), (400, 380))]
)
def test_heads_are_counted(heads: str, ticks: int, start: tuple[int, int], end: tuple[int, int]) -> None:
    picture = drawn(start, end, heads)
    lines = np.array([[*start, *end]], np.float32)
    found = end_ticks(grey(picture), lines, profiles(grey(picture), lines, NOTHING))
    assert found.sum() == ticks


def test_the_corner_of_a_box_is_no_head() -> None:
    picture = sheet()
    cv2.rectangle(picture, (100, 100), (400, 400), (0, 0, 0), 2)
    lines = np.array([[100, 400, 400, 400]], np.float32)
    assert end_ticks(grey(picture), lines, profiles(grey(picture), lines, NOTHING)).sum() == 0


NO_TEXT = Boxes.of(np.zeros((0, 8), np.float32))


def boxes(*polygons: tuple[float, ...]) -> Boxes:
    return Boxes.of(np.array(polygons, np.float32).reshape(-1, 8))


def segments(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


def chain_from(found: np.ndarray, texts: Boxes = NO_TEXT, seed: int = 0) -> tuple[list[float], float, frozenset[int]]:
    """The one chain that runs through the seed."""
    chains = join(found, np.array([seed]), texts)
    middle = found[seed].reshape(2, 2).mean(axis=0)
    for ends, ink, parted in zip(chains.ends, chains.ink, chains.parted, strict=True):
        way = (ends[2:] - ends[:2]) / np.linalg.norm(ends[2:] - ends[:2])
        along = (middle - ends[:2]) @ way
        if 0 <= along <= np.linalg.norm(ends[2:] - ends[:2]):
            low, high = sorted([ends[:2].tolist(), ends[2:].tolist()])
            return [*low, *high], float(ink), parted
    raise AssertionError("no chain through the seed")


def test_a_turned_box_has_its_own_frame() -> None:
    turned = boxes(box((100, 200), 60, 20, 90))
    assert turned.centre[0].tolist() == pytest.approx([100, 200])
    assert turned.half[0].tolist() == pytest.approx([30, 10])
    assert turned.way[0].tolist() == pytest.approx([0, -1], abs=1e-6)
    assert turned.local(0, np.array([[100.0, 190.0], [110.0, 200.0]])).tolist() == [
        pytest.approx([10, 0], abs=1e-4),
        pytest.approx([0, 10], abs=1e-4),
    ]


def test_no_seed_is_no_chain() -> None:
    chains = join(segments((0, 0, 50, 0)), np.array([], np.intp), NO_TEXT)
    assert (chains.ends.shape, chains.drawn.shape, len(chains.ink), len(chains.parted)) == ((0, 4), (0, 4), 0, 0)


def test_two_edges_and_dashes_are_one_line_through_their_middle() -> None:
    found = segments((100, 99, 150, 99), (150, 101, 100, 101), (155, 99, 200, 99), (206, 101, 260, 101))
    ends, ink, parted = chain_from(found)
    assert ends == pytest.approx([100, 100, 260, 100], abs=0.6)
    assert ink == pytest.approx(149 / 160, abs=0.01)
    assert parted == frozenset()


@pytest.mark.parametrize(
    "other", [(180, 100, 260, 100), (155, 110, 260, 110), (155, 100, 260, 140), (155, 100, 155, 200)]
)
def test_what_is_apart_beside_or_turned_is_another_line(other: tuple[float, float, float, float]) -> None:
    ends, _, _ = chain_from(segments((100, 100, 150, 100), other))
    assert ends == pytest.approx([100, 100, 150, 100])


def test_halves_that_a_text_parts_are_one_line() -> None:
    found = segments((100, 100, 160, 100), (260, 100, 320, 100))
    ends, ink, parted = chain_from(found, boxes(box((210, 101), 80, 20)))
    assert ends == pytest.approx([100, 100, 320, 100])
    assert ink == pytest.approx(120 / 220)
    assert parted == frozenset({0})
    beside, _, nothing = chain_from(found, boxes(box((210, 130), 80, 20)))
    assert beside == pytest.approx([100, 100, 160, 100])
    assert nothing == frozenset()


def test_two_texts_above_each_other_part_a_vertical_line() -> None:
    found = segments((200, 50, 200, 130), (200, 190, 200, 300))
    ends, _, parted = chain_from(found, boxes(box((200, 148), 60, 20), box((202, 172), 60, 20)))
    assert ends == pytest.approx([200, 50, 200, 300])
    assert parted == frozenset({0, 1})


def test_far_halves_belong_together_only_if_they_mirror_each_other() -> None:
    text = boxes(box((300, 101), 60, 20))
    ends, _, parted = chain_from(segments((100, 100, 190, 100), (410, 100, 500, 100)), text)
    assert ends == pytest.approx([100, 100, 500, 100])
    assert parted == frozenset({0})
    for other in ((350, 100, 440, 100), (410, 100, 440, 100), (600, 100, 690, 100)):
        ends, _, parted = chain_from(segments((100, 100, 190, 100), other), text)
        assert ends == pytest.approx([100, 100, 190, 100]), other
        assert parted == frozenset()


def test_a_short_crooked_fragment_does_not_turn_a_long_line() -> None:
    found = segments((250, 101, 259, 99.5), (100, 100, 248, 100), (262, 100, 400, 100))
    chains = join(found, np.array([0]), NO_TEXT)
    longest = chains.ends[np.argmax(np.ptp(chains.ends[:, [0, 2]], axis=1))]
    assert abs(longest[3] - longest[1]) < 1.0


def test_every_line_is_found_once_whatever_the_seeds() -> None:
    found = segments((100, 99, 300, 99), (300, 101, 100, 101), (200, 20, 200, 80), (202, 80, 202, 20))
    for seeds in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 2]):
        chains = join(found, np.array(seeds), NO_TEXT)
        assert sorted(np.ptp(chains.ends.reshape(-1, 2, 2), axis=1).max(axis=1).tolist()) == [60, 200]


VERTICAL, HORIZONTAL, OBLIQUE = map(DIRECTIONS.index, (Direction.VERTICAL, Direction.HORIZONTAL, Direction.OBLIQUE))


def strokes_of(picture: Picture, *lines: OcrLine) -> Strokes:
    """All lines of the picture against all texts."""
    polygons = np.array([line.polygon for line in lines], np.float32).reshape(-1, 8)
    hidden = np.zeros(picture.shape[:2], np.uint8)
    for polygon in polygons:
        cv2.fillConvexPoly(hidden, np.rint(polygon.reshape(4, 2)).astype(np.int32), 255)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return find_strokes(grey, Boxes.of(polygons), np.arange(len(lines)), hidden)


def best(found: Strokes, row: int = 0) -> int:
    """The direction of the best line of a number."""
    return int(found.direction[np.argmax(found.score[row])])


def score(found: Strokes, direction: int, row: int = 0) -> float:
    """The highest score of a direction."""
    return float(np.where(found.direction == direction, found.score[row], 0.0).max(initial=0.0))


@pytest.mark.parametrize(
    ("segment", "gap"),
    [
        ((40, 100, 160, 100), 0),  # through it
        ((90, 95, 110, 105), 0),  # inside it
        ((0, 130, 200, 130), 20),  # below
        ((150, 0, 150, 200), 20),  # to its right
        ((140, 100, 200, 100), 10),  # points at it
        ((133, 114, 180, 200), 5),  # its corner is nearest
    ],
)
@pytest.mark.parametrize("turn", [0, 90, 37])
def test_distances_are_those_of_rectangle_and_segment(segment: tuple[int, ...], gap: float, turn: int) -> None:
    ends = np.array(segment, np.float64).reshape(2, 2) - 100
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    turned = ends @ np.array([[cos, -sin], [sin, cos]]) + 100  # counter-clockwise as seen
    boxes = Boxes.of(np.array([box((100, 100), 60, 20, turn)], np.float32))
    assert distances(boxes, 0, turned.reshape(1, 4))[0] == pytest.approx(gap, abs=1e-3)


def test_no_numbers_or_no_lines_give_no_strokes() -> None:
    assert strokes_of(sheet()).score.shape == (0, 0)
    assert strokes_of(sheet(), number((300, 300))).score.shape == (1, 0)


@pytest.mark.parametrize("heads", ["", "bar", "arrow"])
@pytest.mark.parametrize(
    ("start", "end", "at", "direction"),
    [
        ((100, 400), (500, 400), (300, 430), HORIZONTAL),
        ((100, 400), (500, 370), (300, 420), HORIZONTAL),
        ((400, 100), (400, 500), (450, 300), VERTICAL),
        ((400, 100), (430, 500), (470, 300), VERTICAL),
        ((200, 400), (400, 250), (340, 360), OBLIQUE),
    ],
)
def test_the_line_beside_a_number_is_its_line(
    heads: str, start: tuple[int, int], end: tuple[int, int], at: tuple[int, int], direction: int
) -> None:
    picture = drawn(start, end, heads)
    found = strokes_of(picture, number(at))
    column = int(np.argmax(found.score[0]))
    assert best(found) == direction
    assert found.score[0, column] > 0.15
    assert np.hypot(*(found.ends[column, 2:] - found.ends[column, :2])) == pytest.approx(
        np.hypot(end[0] - start[0], end[1] - start[1]), abs=40 if heads == "arrow" else 12
    )
    assert not found.broken[0, column]
    if heads:
        assert found.ticks[column] == 2


@pytest.mark.parametrize(
    ("start", "end", "gap", "direction"),
    [((100, 300), (500, 300), 90, HORIZONTAL), ((300, 90), (300, 510), 40, VERTICAL)],
)
def test_a_line_broken_by_its_number_is_whole(
    start: tuple[int, int], end: tuple[int, int], gap: int, direction: int
) -> None:
    picture = drawn(start, end, "bar", gap=gap)
    found = strokes_of(picture, number((300, 300)))
    column = int(np.argmax(found.score[0]))
    assert best(found) == direction
    assert found.broken[0, column]
    assert found.gap[0, column] == 0
    assert np.hypot(*(found.ends[column, 2:] - found.ends[column, :2])) == pytest.approx(max(end) - min(start), abs=9)


def test_nearer_longer_headed_and_centred_lines_score_higher() -> None:
    def scored(start: tuple[int, int], end: tuple[int, int], heads: str = "bar") -> float:
        picture = drawn(start, end, heads)
        return score(strokes_of(picture, number((300, 300))), HORIZONTAL)

    plain = scored((100, 330), (500, 330))
    assert plain > scored((100, 360), (500, 360))
    assert plain > scored((230, 330), (370, 330))
    assert plain > scored((100, 330), (500, 330), "")
    assert plain > scored((270, 330), (590, 330))
    assert plain > 2 * scored((380, 330), (590, 330))


def test_the_edge_of_the_product_yields_to_the_dimension_line() -> None:
    picture = sheet()
    cv2.rectangle(picture, (100, 100), (400, 400), (120, 120, 120), cv2.FILLED)
    dimension(picture, (470, 100), (470, 400), "bar")
    found = strokes_of(picture, number((435, 250), "9", 20, 22))
    assert found.ends[np.argmax(found.score[0])][0] == pytest.approx(470, abs=3)


def test_turned_text_belongs_to_the_line_that_it_runs_along() -> None:
    picture = drawn((300, 100), (300, 500))
    dimension(picture, (100, 300), (500, 300))
    upright = strokes_of(picture, number((270, 270), "9", 30, 22))
    turned = strokes_of(picture, number((270, 270), "9", 30, 22, 90))
    assert score(turned, VERTICAL) == pytest.approx(score(upright, VERTICAL), rel=0.3)
    assert score(turned, HORIZONTAL) < 0.5 * score(upright, HORIZONTAL)


def test_letters_and_underlines_are_no_dimension_lines() -> None:
    picture, line = sheet(), number((300, 300), "HELLO 25 cm", 200, 36)
    write(picture, line)
    assert strokes_of(picture, line).score.max(initial=0.0) < 0.1
    dimension(picture, (200, 326), (400, 326))
    underlined = score(strokes_of(picture, line), HORIZONTAL)
    dimension(picture, (100, 326), (500, 326), "bar")
    assert underlined < 0.5 * score(strokes_of(picture, line), HORIZONTAL)


def test_the_rules_of_a_table_score_low() -> None:
    single, table = sheet(), sheet()
    dimension(single, (60, 320), (540, 320))
    for y in range(80, 560, 60):
        dimension(table, (60, y), (540, y))
    line = number((300, 300))
    assert score(strokes_of(table, line), HORIZONTAL) < 0.6 * score(strokes_of(single, line), HORIZONTAL)


def test_a_badge_around_a_number_scores_low() -> None:
    badge, line = sheet(), sheet()
    cv2.rectangle(badge, (230, 270), (370, 330), (0, 0, 0), 2)
    dimension(line, (230, 330), (370, 330))
    text = number((300, 300))
    assert score(strokes_of(badge, text), HORIZONTAL) < 0.6 * score(strokes_of(line, text), HORIZONTAL)


def test_the_border_of_the_picture_is_no_line() -> None:
    picture = sheet()
    cv2.rectangle(picture, (2, 2), (597, 597), (0, 0, 0), 2)
    assert strokes_of(picture, number((300, 575))).score.shape == (1, 0)


def test_a_line_goes_to_the_number_that_suits_it_best() -> None:
    picture = drawn((100, 300), (500, 300), "bar")
    own, other, partner = number((300, 325)), number((480, 340)), number((300, 352), "9.8 in")
    alone = score(strokes_of(picture, other), HORIZONTAL)
    together = strokes_of(picture, own, other, partner)
    assert score(together, HORIZONTAL, 1) == pytest.approx(0.6 * alone, rel=0.05)
    assert score(together, HORIZONTAL, 2) == pytest.approx(
        score(strokes_of(picture, partner), HORIZONTAL), rel=0.05
    )  # the same size in another unit


def test_a_line_of_many_numbers_belongs_to_none() -> None:
    picture = drawn((300, 60), (300, 540))
    one = score(strokes_of(picture, number((340, 300), "9", 30)), VERTICAL)
    column = strokes_of(picture, *(number((340, y), "9", 30) for y in range(100, 520, 40)))
    assert column.score.max() < 0.5 * one
