"""What is asked of one polygon or of two, and the frames of text lines; reading order is tested on OCR pages."""

from math import cos, radians, sin

import pytest

from entx.core.boxes import around, bounds, centre, corners, frame_of, print_height
from entx.core.types import Polygon

Box = tuple[float, float, float, float]


def polygon(box: Box, degrees: float = 0.0) -> Polygon:
    """A box (left, top, right, bottom) turned counter-clockwise about the origin as the picture shows it."""
    c, s = cos(radians(degrees)), -sin(radians(degrees))
    left, top, right, bottom = box
    points = [(x * c - y * s, x * s + y * c) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points
    return x1, y1, x2, y2, x3, y3, x4, y4


@pytest.mark.parametrize("degrees", [0, 17, 90, 180, 270])
def test_corners_bounds_centre_and_height_of_print(degrees: float) -> None:
    turned = polygon((10, 20, 110, 50), degrees)
    assert [value for corner in corners(turned) for value in corner] == list(turned)
    left, top, right, bottom = bounds(turned)
    assert all(left <= x <= right and top <= y <= bottom for x, y in corners(turned))
    assert {left, right} <= set(turned[0::2])
    assert {top, bottom} <= set(turned[1::2])
    assert centre(turned) == pytest.approx(polygon((60, 35, 60, 35), degrees)[:2])
    assert print_height(turned) == pytest.approx(30)


@pytest.mark.parametrize("degrees", [0, 17, 90, 180, 270])
def test_a_frame_sees_its_own_line_upright_at_any_rotation(degrees: float) -> None:
    frame = frame_of(polygon((10, 20, 110, 50), degrees))
    assert (frame.width, frame.height) == pytest.approx((100, 30))
    assert frame.box(polygon((10, 20, 110, 50), degrees)) == pytest.approx((0, 0, 100, 30), abs=1e-9)
    assert frame.box(polygon((120, 25, 150, 50), degrees)) == pytest.approx((110, 5, 140, 30), abs=1e-9)


@pytest.mark.parametrize("degrees", [0, 33, 90])
def test_around_holds_both_boxes_in_the_first_ones_direction(degrees: float) -> None:
    union = around(polygon((0, 0, 50, 20), degrees), polygon((60, 2, 90, 24), degrees))
    assert union == pytest.approx(polygon((0, 0, 90, 24), degrees), abs=1e-9)


def test_a_polygon_without_extent_still_has_a_frame() -> None:
    frame = frame_of((5, 5, 5, 5, 5, 5, 5, 5))
    assert (frame.dx, frame.dy, frame.width, frame.height) == (1, 0, 1, 1)
