"""Invented quantities and the texts that print them: the rules reader of entx.core must read them back."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest

from entx.core.entities import CHALLENGE
from entx.core.quantities import find_quantities
from entx.core.quantity import Quantity
from entx.core.units import BY_NAME
from scripts.small_vlm.values import PRINTED, invented, invented_unit, line, of_kind, plain_line, second, spelled

KINDS = ("length", "weight", "voltage", "power", "volume")


@pytest.mark.parametrize("kind", KINDS)
def test_invented_quantities_are_positive_and_of_their_kind(kind: str) -> None:
    found = [invented(random.Random(seed), kind) for seed in range(400)]
    assert all(one.value > 0 for one in found)
    assert {BY_NAME[one.unit].kind for one in found} == {kind}
    assert len({one.value for one in found}) > 60


@pytest.mark.parametrize("kind", KINDS)
def test_every_unit_that_is_drawn_has_a_spelling_and_is_allowed(kind: str) -> None:
    units = {invented_unit(random.Random(seed), kind) for seed in range(2000)}
    assert units <= PRINTED.keys()
    allowed = {unit for one in CHALLENGE.entities.values() if one.kind == kind for unit in one.units}
    assert units <= allowed


def test_a_wanted_unit_is_taken() -> None:
    assert {invented(random.Random(seed), "length", "foot").unit for seed in range(20)} == {"foot"}


def test_numbers_have_no_exponent_and_no_trailing_zeros() -> None:
    for seed in range(300):
        text = spelled(random.Random(seed), invented(random.Random(seed), "length"))
        assert "E+" not in text
        number = text.split(" ")[0]
        assert not ("." in number and number.rstrip('abcdefghijklmnopqrstuvwxyzCM"').endswith("0"))


@pytest.mark.parametrize("kind", KINDS)
def test_print_reads_back_as_the_value(kind: str) -> None:
    """A spelling that means another unit to a reader would teach the model nonsense."""
    wrong = []
    for seed in range(250):
        rng = random.Random(seed)
        value = invented(rng, kind)
        text = spelled(rng, value)
        read = {(one.quantity.value, one.quantity.unit) for one in find_quantities(text)}
        if (value.value, value.unit) not in read:
            wrong.append((text, value, read))
    assert not wrong


def test_large_numbers_may_be_grouped_and_small_ones_may_lose_their_nought() -> None:
    large = {spelled(random.Random(seed), Quantity(Decimal(1500), "gram")) for seed in range(60)}
    small = {spelled(random.Random(seed), Quantity(Decimal("0.5"), "litre")) for seed in range(60)}
    assert any(text.startswith("1,500") for text in large)
    assert any(text.startswith("1500") for text in large)
    assert any(text.startswith(".5") for text in small)
    assert any(text.startswith("0.5") for text in small)


def test_a_second_unit_states_about_the_same_size() -> None:
    checked = 0
    for seed in range(200):
        rng = random.Random(seed)
        value = Quantity(Decimal(rng.randint(20, 90)), rng.choice(("inch", "centimetre", "ounce", "gram")))
        found = find_quantities(second(rng, value))
        if found:
            other = found[0].quantity
            ratio = float(other.value) * float(BY_NAME[other.unit].factor or 1)
            ratio /= float(value.value) * float(BY_NAME[value.unit].factor or 1)
            assert ratio == pytest.approx(1.0, abs=0.25)  # rounded to a tenth of the other unit
            assert other.unit != value.unit
            checked += 1
    assert checked > 100


def test_units_without_a_neighbour_have_no_second() -> None:
    assert second(random.Random(1), Quantity(Decimal(5), "volt")) == ""


def test_a_bare_line_answers_every_entity_of_its_kind() -> None:
    said = plain_line(random.Random(3), CHALLENGE["height"])
    assert said.answers == {"height", "width", "depth"}
    assert of_kind("voltage") == {"voltage"}


def test_a_line_with_a_cue_answers_its_entity_alone() -> None:
    for name, entity in CHALLENGE.entities.items():
        for seed in range(30):
            said = line(random.Random(seed), entity, cued=True)
            assert said.answers == {name}
            assert len(said.text) > len(spelled(random.Random(0), said.value)) - 8


def test_cues_differ_between_entities_of_one_kind() -> None:
    words = {
        name: {line(random.Random(seed), CHALLENGE[name], cued=True).text.split(" ")[0] for seed in range(200)}
        for name in ("height", "width", "depth")
    }
    letters = {name: {word for word in found if word.isalpha()} for name, found in words.items()}
    assert not letters["height"] & letters["width"]
    assert not letters["width"] & letters["depth"]


def test_some_lines_carry_two_units() -> None:
    found = Counter(
        len(find_quantities(line(random.Random(seed), CHALLENGE["width"], cued=False).text)) > 1 for seed in range(300)
    )
    assert 10 < found[True] < 100


def test_equal_seeds_give_equal_lines() -> None:
    one, other = (line(random.Random("a"), CHALLENGE["width"], cued=True) for _ in range(2))
    assert one == other
