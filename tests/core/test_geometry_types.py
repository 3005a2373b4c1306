from __future__ import annotations

import pytest

from entx.core.types import Direction, LineGeometry, OcrPage, PageGeometry, PageStatus, Place, Stroke


def stroke(direction: Direction, score: float) -> Stroke:
    return Stroke(direction, (0.0, 0.0), (10.0, 0.0), 10.0, 2.0, score)


def test_the_best_stroke_is_the_one_with_the_highest_score() -> None:
    vertical, horizontal = stroke(Direction.VERTICAL, 0.3), stroke(Direction.HORIZONTAL, 0.5)
    assert LineGeometry(0, vertical, horizontal, None).best is horizontal
    assert LineGeometry(0, vertical, None, stroke(Direction.OBLIQUE, 0.31)).best == stroke(Direction.OBLIQUE, 0.31)
    assert LineGeometry(0).best is None


@pytest.mark.parametrize(
    ("across", "down", "place"),
    [
        (0.5, 0.5, Place.INSIDE), (0.0, 1.0, Place.INSIDE), (-0.1, 0.5, Place.LEFT), (1.1, 0.5, Place.RIGHT),
        (0.5, -0.1, Place.ABOVE), (0.5, 1.1, Place.BELOW), (1.1, 1.3, Place.BELOW), (-0.4, -0.1, Place.LEFT),
        (None, None, None),
    ],
)  # fmt: skip
def test_the_place_is_the_side_farthest_beyond(across: float | None, down: float | None, place: Place | None) -> None:
    assert LineGeometry(0, across=across, down=down).place is place


def test_a_line_is_found_by_its_id() -> None:
    page = PageGeometry(lines=(LineGeometry(2), LineGeometry(5, across=0.5, down=0.5)))
    assert page.of(5) == LineGeometry(5, across=0.5, down=0.5)
    assert page.of(3) is None


def test_a_page_has_no_geometry_unless_it_is_given() -> None:
    assert OcrPage("s", PageStatus.OK).geometry is None
    assert OcrPage("s", PageStatus.OK, "", 1, 1, (), 0.1, PageGeometry(white=1.0)).geometry == PageGeometry(white=1.0)
