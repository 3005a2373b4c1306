from __future__ import annotations

import cv2
import numpy as np
import pytest

from entx.ocr_stage.dimension_lines import Strokes
from entx.ocr_stage.geometry import Product, find_product
from tests.ocr_stage.sheets import Picture, box, dimension, sheet

NO_TEXT = np.zeros((0, 8), np.float32)


def strokes(*lines: tuple[float, float, float, float], score: float = 0.5) -> Strokes:
    """Lines of one number, all with this score."""
    count = len(lines)
    return Strokes(
        np.array(lines, np.float32).reshape(-1, 4),
        np.zeros(count, np.intp),
        np.zeros(count, np.intp),
        np.zeros((1, count), np.float32),
        np.full((1, count), score, np.float32),
        np.zeros((1, count), bool),
    )


NO_LINES = strokes()


def jar(rim: float, foot: float) -> Picture:
    """A body 200 wide and 300 high whose upper and lower edges are half ellipses this high."""
    picture = sheet()
    cv2.rectangle(picture, (200, 150), (400, 450), (90, 60, 40), cv2.FILLED)
    for y, high in ((150, rim), (450, foot)):
        if high:
            cv2.ellipse(picture, (300, y), (100, round(high)), 0, 0, 360, (90, 60, 40), cv2.FILLED)
    return picture


@pytest.mark.parametrize("ground", [255, 235, 128, 20])
def test_the_product_is_found_on_any_plain_ground(ground: int) -> None:
    picture = sheet(ground=ground)
    cv2.rectangle(picture, (150, 100), (420, 500), (60, 140, 90), cv2.FILLED)
    product = find_product(picture, 1.0, NO_TEXT, NO_LINES)
    assert product.box == pytest.approx((150, 100, 421, 501), abs=4)
    assert product.parts == 1


def test_boxes_are_in_the_scale_of_the_text() -> None:
    picture = sheet(1600, 1600)
    cv2.rectangle(picture, (400, 400), (1200, 800), (60, 140, 90), cv2.FILLED)
    product = find_product(picture, 0.5, NO_TEXT, NO_LINES)
    assert product.box == pytest.approx((200, 200, 600, 400), abs=5)


def test_text_and_dimension_lines_are_no_product() -> None:
    picture = sheet()
    cv2.rectangle(picture, (200, 150), (400, 400), (60, 140, 90), cv2.FILLED)
    dimension(picture, (440, 150), (440, 400), "bar", width=7)
    cv2.rectangle(picture, (210, 480), (390, 540), (0, 0, 0), cv2.FILLED)
    text = np.array([box((300, 510), 190, 70)], np.float32)
    alone = find_product(picture, 1.0, text, strokes((440, 150, 440, 400)))
    assert alone.box == pytest.approx((200, 150, 401, 401), abs=4)
    assert alone.parts == 1
    assert find_product(picture, 1.0, NO_TEXT, NO_LINES).parts == 2


def test_a_wire_drawing_is_a_product() -> None:
    picture = sheet()
    cv2.rectangle(picture, (150, 100), (420, 500), (0, 0, 0), 1)
    assert find_product(picture, 1.0, NO_TEXT, NO_LINES).box == pytest.approx((150, 100, 421, 501), abs=5)


def test_parts_are_counted_and_specks_and_banners_are_not() -> None:
    picture = sheet()
    for x in (60, 240, 420):
        cv2.rectangle(picture, (x, 200), (x + 120, 400), (60, 140, 90), cv2.FILLED)
    cv2.circle(picture, (300, 550), 6, (0, 0, 0), cv2.FILLED)
    picture[:90] = (200, 100, 30)
    product = find_product(picture, 1.0, NO_TEXT, NO_LINES)
    assert product.parts == 3
    assert product.box is not None
    assert product.box[1] == pytest.approx(200, abs=4)


def test_a_photograph_of_a_room_has_no_product_box() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    picture = cv2.resize(noise, (600, 600), interpolation=cv2.INTER_CUBIC)
    product = find_product(picture, 1.0, NO_TEXT, NO_LINES)
    assert (product.box, product.parts, product.roundness) == (None, 0, None)
    assert product.place(np.array([10.0, 10.0])) == (None, None)


def test_an_empty_sheet_has_no_product() -> None:
    product = find_product(sheet(), 1.0, NO_TEXT, NO_LINES)
    assert product == Product((), 1.0, None)


def test_white_is_the_share_of_nearly_white_pixels() -> None:
    picture = sheet()
    picture[:150] = (255, 255, 230)
    assert find_product(picture, 1.0, NO_TEXT, NO_LINES).white == pytest.approx(0.75, abs=0.01)


def test_the_place_is_against_the_nearest_part() -> None:
    product = Product(((0, 0, 100, 200), (300, 0, 400, 50)), 1.0, None)
    assert product.place(np.array([50.0, 100.0])) == (0.5, 0.5)
    assert product.place(np.array([-50.0, 220.0])) == (-0.5, pytest.approx(1.1))
    assert product.place(np.array([350.0, 75.0])) == (0.5, 1.5)


def test_arcs_at_rim_and_foot_look_round_and_straight_edges_do_not() -> None:
    round_body, half, flat = (
        find_product(picture, 1.0, NO_TEXT, NO_LINES).roundness for picture in (jar(30, 30), jar(0, 30), jar(0, 0))
    )
    assert round_body is not None
    assert half is not None
    assert flat is not None
    assert round_body > 0.8
    assert 0.3 < half < 0.7
    assert flat < 0.1


def test_the_corner_of_a_box_is_less_round_than_an_arc() -> None:
    picture = sheet()
    corner = [(150, 200), (300, 150), (450, 200), (450, 420), (300, 500), (150, 420)]
    cv2.fillPoly(picture, [np.array(corner, np.int32)], (90, 60, 40))
    pointed = find_product(picture, 1.0, NO_TEXT, NO_LINES).roundness
    arc = find_product(jar(30, 30), 1.0, NO_TEXT, NO_LINES).roundness
    assert pointed is not None
    assert arc is not None
    assert pointed < arc - 0.1
