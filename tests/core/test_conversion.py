from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import Quantity, parse_written
from entx.core.units import exact_size, same_in_print


def _size(text: str) -> object:
    quantity = parse_written(text)
    assert quantity is not None
    return exact_size(quantity)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("500 gram", "0.5 kilogram"), ("500.0 gram", "500 gram"), ("1 inch", "2.54 centimetre"), ("6 foot", "2 yard"),
        ("1 foot", "12.0 inch"), ("1 pound", "16 ounce"), ("0.1 kilogram", "100000000 microgram"),
        ("1500 watt", "1.5 kilowatt"), ("0.23 kilovolt", "230 volt"), ("1 gallon", "4 quart"), ("2 cup", "1 pint"),
        ("1 gallon", "128 fluid ounce"), ("1 gallon", "231 cubic inch"), ("1 cubic foot", "1728 cubic inch"),
        ("33 centilitre", "330 millilitre"),
    ],
)  # fmt: skip
def test_one_size_in_two_units(one: str, other: str) -> None:
    assert _size(one) == _size(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 kilogram", "11 pound"),  # as packs print it: rounded
        ("11 inch", "28 centimetre"), ("5 gram", "5 kilogram"), ("16 ounce", "16 fluid ounce"),
        ("1 litre", "1 kilogram"), ("1 volt", "1 watt"), ("1 ton", "1000 kilogram"),  # a short ton is not
        ("1 gallon", "1 imperial gallon"), ("1 metre", "1 litre"), ("3 smoot", "3 metre"),
    ],
)  # fmt: skip
def test_not_one_size(one: str, other: str) -> None:
    assert _size(one) != _size(other)


def test_an_unknown_unit_equals_itself() -> None:
    assert _size("3 smoot") == _size("3.0 smoot")
    assert _size("1 ton") == _size("1.0 ton")


UNITS = sorted(CHALLENGE.units - {"ton"})


@given(st.decimals("0.001", "100000", places=3), st.integers(-4, 4), st.sampled_from(UNITS))
def test_a_power_of_ten_of_a_unit_is_exact_to_any_length(value: Decimal, power: int, unit: str) -> None:
    scaled = Quantity(value.scaleb(power), unit)
    kind, size = exact_size(Quantity(value, unit))
    assert exact_size(scaled) == (kind, size * 10**power if power >= 0 else size / 10**-power)


def _same_in_print(one: str, other: str) -> bool:
    first, second = parse_written(one), parse_written(other)
    assert first is not None
    assert second is not None
    assert same_in_print(first, second) == same_in_print(second, first)
    return same_in_print(first, second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 kilogram", "11 pound"), ("11 inch", "28 centimetre"), ("8.2 centimetre", "3.23 inch"),
        ("16.9 fluid ounce", "500 millilitre"), ("340 gram", "12.0 ounce"), ("0.5 kilogram", "500 gram"),
        ("250 millilitre", "8.45 fluid ounce"),
    ],
)  # fmt: skip
def test_one_size_printed_twice(one: str, other: str) -> None:
    assert _same_in_print(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 kilogram", "800 gram"),  # 800 g round to 1 kg, but 1 kg is 1000 g
        ("1 metre", "80 centimetre"), ("11 inch", "27 centimetre"), ("5 gram", "5.0 gram"),  # one unit: no conversion
        ("5 gram", "5.2 gram"), ("16 ounce", "473 millilitre"), ("1 ton", "1000 kilogram"), ("3 smoot", "3 metre"),
    ],
)  # fmt: skip
def test_not_one_size_printed_twice(one: str, other: str) -> None:
    assert not _same_in_print(one, other)
