import random
from decimal import Decimal

import pytest

from entx.core.entities import CHALLENGE
from lab.drawings.wording import (
    SPELLINGS,
    Wording,
    digits,
    length_wording,
    plain_statement,
    quantity,
    range_statement,
    volume_statement,
    weight_statement,
)


def test_two_units_give_the_first_as_value_and_the_second_beside_it() -> None:
    words = Wording(("inch", "centimetre"), (" in", "cm"), "{} ({})")
    statement = words.state(254)
    assert statement.text == "10 in (25.4cm)"
    assert statement.value == quantity(10, "inch")
    assert statement.also == (quantity("25.4", "centimetre"),)


def test_one_unit_leaves_nothing_beside_it() -> None:
    statement = Wording(("gram",), (" g",)).state(340)
    assert (statement.text, statement.value, statement.also) == ("340 g", quantity(340, "gram"), ())


@pytest.mark.parametrize(
    ("millimetres", "text", "inches"),
    [(209.55, '8 1/4"', "8.25"), (203.2, '8"', "8"), (12.7, '1/2"', "0.5"), (1, '1/4"', "0.25")],
)
def test_fractions_are_quarters_and_never_nothing(millimetres: float, text: str, inches: str) -> None:
    statement = Wording(("inch",), ('"',), fractions=True).state(Decimal(str(millimetres)))
    assert statement.text == text
    assert statement.value == quantity(inches, "inch")


def test_a_decimal_comma_is_print_only() -> None:
    statement = Wording(("centimetre",), (" cm",), comma=True).state(178)
    assert statement.text == "17,8 cm"
    assert statement.value.text == "17.8 centimetre"


def test_the_printed_number_is_the_true_number() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        statement = rng.choice([weight_statement, volume_statement])(rng, rng.randint(20, 3000))
        for said in (statement.value, *statement.also):
            assert digits(said.value) in statement.text.replace(",", ".")


def test_both_units_of_a_length_are_the_same_length() -> None:
    metres = {"millimetre": 1, "centimetre": 10, "metre": 1000, "inch": 25.4, "foot": 304.8}
    for seed in range(200):
        rng = random.Random(seed)
        size = rng.randint(100, 2000)
        statement = length_wording(rng, size).state(size)
        for said in (statement.value, *statement.also):
            assert float(said.value) * metres[said.unit] == pytest.approx(size, abs=metres[said.unit] * 0.126)


def test_a_range_answers_with_its_upper_end() -> None:
    statement = range_statement(random.Random(1), 100, 240, "volt")
    assert statement.value == quantity(240, "volt")
    assert statement.also == (quantity(100, "volt"),)
    assert statement.text.index("100") < statement.text.index("240")


def test_a_range_never_writes_two_tildes_or_loses_its_unit() -> None:
    for seed in range(50):
        text = range_statement(random.Random(seed), 220, 240, "volt").text
        assert text.endswith(("240V", "240 V"))


def test_spellings_are_of_units_that_exist() -> None:
    assert set(SPELLINGS) <= CHALLENGE.units


@pytest.mark.parametrize(("number", "text"), [("1.50", "1.5"), ("300", "300"), ("0.10", "0.1"), ("20.0", "20")])
def test_digits_drop_only_trailing_zeros_of_fractions(number: str, text: str) -> None:
    assert digits(Decimal(number)) == text


def test_a_plain_statement_is_number_then_unit() -> None:
    assert plain_statement(random.Random(3), 750, "watt").text.startswith("750")
    assert plain_statement(random.Random(3), "1.5", "litre").value == quantity("1.5", "litre")
