from math import cos, radians, sin

import pytest

from entx.core.boxes import around, frame_of
from entx.core.types import Polygon


def turned(degrees: float, box: tuple[float, float, float, float]) -> Polygon:
    """A box (left, top, right, bottom) turned counter-clockwise about the origin as the picture shows it."""
    c, s = cos(radians(degrees)), -sin(radians(degrees))
    left, top, right, bottom = box
    points = [(x * c - y * s, x * s + y * c) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points
    return x1, y1, x2, y2, x3, y3, x4, y4


@pytest.mark.parametrize("degrees", [0, 17, 90, 180, 270])
def test_a_frame_sees_its_own_line_upright_at_any_rotation(degrees: float) -> None:
    frame = frame_of(turned(degrees, (10, 20, 110, 50)))
    assert (frame.width, frame.height) == pytest.approx((100, 30))
    assert frame.box(turned(degrees, (10, 20, 110, 50))) == pytest.approx((0, 0, 100, 30), abs=1e-9)
    assert frame.box(turned(degrees, (120, 25, 150, 50))) == pytest.approx((110, 5, 140, 30), abs=1e-9)


@pytest.mark.parametrize("degrees", [0, 33, 90])
def test_around_holds_both_boxes_in_the_first_ones_direction(degrees: float) -> None:
    union = around(turned(degrees, (0, 0, 50, 20)), turned(degrees, (60, 2, 90, 24)))
    assert union == pytest.approx(turned(degrees, (0, 0, 90, 24)), abs=1e-9)


def test_a_polygon_without_extent_still_has_a_frame() -> None:
    frame = frame_of((5, 5, 5, 5, 5, 5, 5, 5))
    assert (frame.dx, frame.dy, frame.width, frame.height) == (1, 0, 1, 1)
