"""Quantities and their written form; what geometry says of a line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from entx.core.types import (
    Direction,
    LineGeometry,
    OcrPage,
    PageGeometry,
    PageStatus,
    Place,
    Quantity,
    Stroke,
    parse_written,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("500", "500.0 gram"), ("8.250", "8.25 gram"), ("1E+3", "1000.0 gram"), ("0.5", "0.5 gram"),
        ("1e-7", "0.0000001 gram"),
    ],
)  # fmt: skip
def test_written_form_has_a_decimal_and_no_exponent_and_is_read_back(value: str, text: str) -> None:
    assert Quantity(Decimal(value), "gram").text == text
    assert parse_written(text) == Quantity(Decimal(value), "gram")


def test_equality_is_of_number_and_unit() -> None:
    assert Quantity(Decimal("5"), "gram") == Quantity(Decimal("5.0"), "gram")
    assert Quantity(Decimal("500"), "gram") != Quantity(Decimal("0.5"), "kilogram")
    assert parse_written("3.5 fluid ounce") == Quantity(Decimal("3.5"), "fluid ounce")


@pytest.mark.parametrize(
    "text",
    ["", "gram", "500", "1,000 gram", "[1, 2] gram", "5 gram to 6 gram", ".5 gram", "１ gram", "9" * 400 + " gram"],
)
def test_anything_else_is_not_written_form(text: str) -> None:
    assert parse_written(text) is None


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
