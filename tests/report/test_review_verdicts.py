from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Entity
from entx.core.types import parse_written
from entx.report.review.verdicts import Problem, storable, utc, written_form

WEIGHT, VOLUME, LENGTH = CHALLENGE["item_weight"], CHALLENGE["item_volume"], CHALLENGE["height"]


@pytest.mark.parametrize(
    ("text", "entity", "form"),
    [
        ("500.0 gram", WEIGHT, "500.0 gram"),
        ("500 gram", WEIGHT, "500.0 gram"),
        (" 500 g ", WEIGHT, "500.0 gram"),
        ("500g", WEIGHT, "500.0 gram"),
        ("5,5 kg", WEIGHT, "5.5 kilogram"),
        ("1 1/2 lb", WEIGHT, "1.5 pound"),
        ("0.50 Kilograms", WEIGHT, "0.5 kilogram"),
        ("12 fl. oz.", VOLUME, "12.0 fluid ounce"),
        ("12 oz", VOLUME, "12.0 fluid ounce"),
        ("12 oz", WEIGHT, "12.0 ounce"),
        ("5'11\"", LENGTH, "71.0 inch"),
    ],
)
def test_what_people_type(text: str, entity: Entity, form: str) -> None:
    assert written_form(text, entity) == form


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5 cm", "the unit centimetre is not allowed for item_weight (gram, kilogram"),
        ("500", "is no quantity"),
        ("unsure", "is no quantity"),
        ("", "is no quantity"),
        ("10-12 kg", "more than one number and its unit"),
        ("500 g / 1.1 lb", "put other right forms into `also`"),
        ("about 500 g", "more than one number and its unit"),
        ("500 g?", "more than one number and its unit"),
        ("=1+1", "is no quantity"),
    ],
)
def test_what_is_no_label(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        written_form(text, WEIGHT)


def test_a_unit_of_ones_own_schema() -> None:
    power = Entity("power", "power", ("horsepower", "flux"), ())
    assert written_form("3 horsepower", power) == "3.0 horsepower"
    assert written_form("3 flux", power) == "3.0 flux"


@given(st.text(max_size=60))
def test_a_form_is_a_legal_quantity_and_stands_still(text: str) -> None:
    try:
        form = written_form(text, WEIGHT)
    except ValueError:
        return
    quantity = parse_written(form)
    assert quantity is not None
    assert quantity.unit in WEIGHT.units
    assert written_form(form, WEIGHT) == form


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T10:00:00.123456Z", "2026-11-20T10:00:00.123456Z"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000000Z"),
        ("2026-11-20T10:00:00+05:30", "2026-11-20T04:30:00.000000Z"),
        ("2026-11-20 10:00", "2026-11-20T10:00:00.000000Z"),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
        (17, ""),
    ],
)
def test_times_sort_as_texts(text: object, moment: str) -> None:
    assert utc(text) == moment


def test_what_a_database_cannot_hold_is_marked() -> None:
    assert storable("a\0b\ud800c é") == "a?b?c é"


def test_a_problem_in_words() -> None:
    assert str(Problem("line 5", 7, "ann", "no")) == "line 5 (question 7): no"
    assert str(Problem("task 1", None, "", "no")) == "task 1: no"
