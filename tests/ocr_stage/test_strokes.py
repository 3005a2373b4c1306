from __future__ import annotations

import cv2
import numpy as np
import pytest

from entx.core.types import Direction, OcrLine
from entx.ocr_stage.dimension_lines import DIRECTIONS, Boxes, Strokes, distances, find_strokes
from tests.ocr_stage.sheets import Picture, box, dimension, number, sheet, write

VERTICAL, HORIZONTAL, OBLIQUE = range(3)


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
    picture = sheet()
    dimension(picture, start, end, heads)
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
    picture = sheet()
    dimension(picture, start, end, "bar", gap=gap)
    found = strokes_of(picture, number((300, 300)))
    column = int(np.argmax(found.score[0]))
    assert best(found) == direction
    assert found.broken[0, column]
    assert found.gap[0, column] == 0
    assert np.hypot(*(found.ends[column, 2:] - found.ends[column, :2])) == pytest.approx(max(end) - min(start), abs=9)


def test_nearer_longer_headed_and_centred_lines_score_higher() -> None:
    def scored(start: tuple[int, int], end: tuple[int, int], heads: str = "bar") -> float:
        picture = sheet()
        dimension(picture, start, end, heads)
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
    picture = sheet()
    dimension(picture, (300, 100), (300, 500))
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
    picture = sheet()
    dimension(picture, (100, 300), (500, 300), "bar")
    own, other, partner = number((300, 325)), number((480, 340)), number((300, 352), "9.8 in")
    alone = score(strokes_of(picture, other), HORIZONTAL)
    together = strokes_of(picture, own, other, partner)
    assert score(together, HORIZONTAL, 1) == pytest.approx(0.6 * alone, rel=0.05)
    assert score(together, HORIZONTAL, 2) == pytest.approx(
        score(strokes_of(picture, partner), HORIZONTAL), rel=0.05
    )  # the same size in another unit


def test_a_line_of_many_numbers_belongs_to_none() -> None:
    picture = sheet()
    dimension(picture, (300, 60), (300, 540))
    one = score(strokes_of(picture, number((340, 300), "9", 30)), VERTICAL)
    column = strokes_of(picture, *(number((340, y), "9", 30) for y in range(100, 520, 40)))
    assert column.score.max() < 0.5 * one


def test_directions_are_named_in_order() -> None:
    assert DIRECTIONS == (Direction.VERTICAL, Direction.HORIZONTAL, Direction.OBLIQUE)
