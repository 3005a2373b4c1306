from decimal import Decimal

import pytest

from entx.core.parser import read_number, repair_number
from entx.core.types import Alignment


@pytest.mark.parametrize(
    ("text", "value", "end", "alignment"),
    [
        ("500 g", "500", 3, "exact"), ("8.25 in", "8.25", 4, "exact"), (".5 lb", "0.5", 2, "exact"),
        ("8,25", "8.25", 4, "normalised"), ("1,250", "1250", 5, "normalised"), ("0,250", "0.25", 5, "normalised"),
        ("1,250.5", "1250.5", 7, "normalised"), ("1.250,5", "1250.5", 7, "normalised"),
        ("1.234.567 g", "1234567", 9, "normalised"), ("2 500 W", "2500", 5, "normalised"), ("2 501 W", "2", 1, "exact"),
        ("12 500 g", "12", 2, "exact"), ("8 1/4", "8.25", 5, "normalised"), ("8-1/4", "8.25", 5, "normalised"),
        ("3/8", "0.375", 3, "normalised"), ("1/3", "0.333333", 3, "normalised"), ("4/8", "4", 1, "exact"),
        ("12/24V", "12", 2, "exact"), ("8 10/12", "8", 1, "exact"), ("½", "0.5", 1, "normalised"),
        ("8½", "8.5", 2, "normalised"), ("8 ¼", "8.25", 3, "normalised"), ("1,2,3", "1", 1, "exact"),
        ("5.", "5", 1, "exact"), ("1.5.2", "1.5", 3, "exact"),
    ],
)  # fmt: skip
def test_read_number(text: str, value: str, end: int, alignment: str) -> None:
    number = read_number(text, 0)
    assert number is not None
    assert (number.value, number.end, number.alignment) == (Decimal(value), end, Alignment(alignment))


@pytest.mark.parametrize("text", ["1234567890123", "9" * 400, "x", "", "-", "/2"])
def test_no_number_here(text: str) -> None:
    assert read_number(text, 0) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("I5", "15"), ("1O", "10"), ("37.S", "37.5"), ("O.5", "0.5"), ("|2", "12"), ("2B5", "285"), ("1OO", "100"),
    ("4l.2", "41.2")],
)  # fmt: skip
def test_letters_among_digits_are_repaired(text: str, value: str) -> None:
    number = repair_number(text, 0)
    assert number is not None
    assert (number.value, number.alignment, number.end) == (Decimal(value), Alignment.FUZZY, len(text))


@pytest.mark.parametrize("text", ["15", "1.5", "Oil", "", "x1", "O" * 30 + "1", "3.In Wasser", "6.Im Anschluss"])
def test_nothing_to_repair(text: str) -> None:
    assert repair_number(text, 0) is None
