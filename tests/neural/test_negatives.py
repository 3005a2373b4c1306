from __future__ import annotations

from decimal import Decimal

import pytest

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.types import Quantity, parse_written
from entx.neural.negatives import EXCLUSIVE, Negative, certain_negatives, one_size
from tests.llm_stage.stores import page_of


def _negatives(lines: list[str], asked: list[str], trusted: dict[str, str]) -> dict[str, Negative]:
    page = page_of("p", lines)
    quantities = page_quantities(page)
    truths = {name: parse_written(value) for name, value in trusted.items()}
    found = certain_negatives(CHALLENGE, lambda entity: find_candidates(page, entity, quantities), asked, truths)
    return {entity.name: kind for entity, kind in found}


def test_what_has_no_candidate_is_absent() -> None:
    found = _negatives(["Dried mango", "Net weight 100 g"], ["item_weight"], {"item_weight": "100 gram"})
    assert {name for name, kind in found.items() if kind is Negative.ABSENT} == {
        "width", "depth", "height", "voltage", "wattage", "item_volume",
    }  # fmt: skip


def test_one_weight_is_not_both_weights() -> None:
    found = _negatives(["Net weight 100 g (3.5 oz)"], ["item_weight"], {"item_weight": "100 gram"})
    assert found["maximum_weight_recommendation"] is Negative.SWAPPED
    found = _negatives(
        ["holds up to 5 kg"], ["maximum_weight_recommendation"], {"maximum_weight_recommendation": "5 kilogram"}
    )
    assert found["item_weight"] is Negative.SWAPPED


def test_a_height_alone_is_no_width_but_may_be_a_depth() -> None:
    found = _negatives(["24.5 cm"], ["height"], {"height": "24.5 centimetre"})
    assert found["width"] is Negative.SWAPPED
    assert "depth" not in found


@pytest.mark.parametrize(
    ("lines", "trusted"),
    [
        (["24.5 cm", "18 cm"], {"height": "24.5 centimetre"}),  # the other may be the width
        (["10 x 10 cm"], {"height": "10 centimetre"}),  # printed twice: one number each
        (["24.5 cm"], {"height": "24 centimetre"}),  # the label is not what is printed
        (["24.5 cm"], {"depth": "24.5 centimetre"}),  # a depth may be a diameter, and so a width
        (["24.5 cm"], {}),
    ],
)
def test_what_is_not_certain_is_not_asked(lines: list[str], trusted: dict[str, str]) -> None:
    assert "width" not in _negatives(lines, ["height"], trusted)


def test_an_empty_truth_says_nothing_of_others() -> None:
    page = page_of("p", ["24.5 cm"])
    found = certain_negatives(CHALLENGE, lambda entity: find_candidates(page, entity), ["height"], {"height": None})
    assert "width" not in {entity.name for entity, _ in found}


def test_what_a_table_asks_is_never_generated() -> None:
    found = _negatives(["Dried mango"], ["voltage", "height"], {})
    assert "voltage" not in found
    assert "height" not in found
    assert "wattage" in found


def test_one_size_may_be_said_in_two_units() -> None:
    page = page_of("p", ["100 g (3.5 oz)"])
    candidates = find_candidates(page, CHALLENGE["item_weight"])
    assert len(candidates) == 2
    assert one_size(candidates, Quantity(Decimal(100), "gram"))
    assert one_size(candidates, Quantity(Decimal("3.5"), "ounce"))
    assert not one_size(candidates, Quantity(Decimal(101), "gram"))
    assert not one_size([], Quantity(Decimal(100), "gram"))


def test_exclusive_entities_are_of_one_kind() -> None:
    assert all(len({CHALLENGE[name].kind for name in pair}) == 1 for pair in EXCLUSIVE)
