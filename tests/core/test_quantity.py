from decimal import Decimal

import pytest

from entx.core.types import Quantity, parse_written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("500", "500.0 gram"), ("8.250", "8.25 gram"), ("1E+3", "1000.0 gram"), ("0.5", "0.5 gram"),
        ("1e-7", "0.0000001 gram"),
    ],
)  # fmt: skip
def test_written_form_has_a_decimal_and_no_exponent(value: str, text: str) -> None:
    assert Quantity(Decimal(value), "gram").text == text


def test_equality_is_of_number_and_unit() -> None:
    assert Quantity(Decimal("5"), "gram") == Quantity(Decimal("5.0"), "gram")
    assert Quantity(Decimal("500"), "gram") != Quantity(Decimal("0.5"), "kilogram")


def test_written_form_round_trips() -> None:
    quantity = Quantity(Decimal("3.5"), "fluid ounce")
    assert parse_written(quantity.text) == quantity


@pytest.mark.parametrize(
    "text",
    ["", "gram", "500", "1,000 gram", "[1, 2] gram", "5 gram to 6 gram", ".5 gram", "１ gram", "9" * 400 + " gram"],
)
def test_anything_else_is_not_written_form(text: str) -> None:
    assert parse_written(text) is None
