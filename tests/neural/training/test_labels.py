from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Entity
from entx.core.types import Quantity
from entx.core.units import BY_NAME
from entx.neural.labels import BOUNDS, Cleaned, Fault, RangePolicy, clean_label

ENTITIES = sorted(CHALLENGE.entities)


def _clean(label: str, entity: str, ranges: RangePolicy = RangePolicy.UPPER) -> Cleaned:
    return clean_label(label, CHALLENGE[entity], ranges)


@pytest.mark.parametrize(
    ("label", "entity", "value", "unit"),
    [
        ("500.0 gram", "item_weight", "500", "gram"),
        ("12 inch", "height", "12", "inch"),
        ("0.3333333333333333 kilogram", "item_weight", "0.3333333333333333", "kilogram"),
        ("8 fluid ounce", "item_volume", "8", "fluid ounce"),
        ("  5 volt ", "voltage", "5", "volt"),
        ("500g", "item_weight", "500", "gram"),
        ('12.5"', "height", "12.5", "inch"),
        ("1,500 ml", "item_volume", "1500", "millilitre"),
        ("2.5e+3 gram", "item_weight", "2500", "gram"),
    ],
)
def test_a_plain_label_is_its_quantity(label: str, entity: str, value: str, unit: str) -> None:
    assert _clean(label, entity) == Cleaned(Quantity(Decimal(value), unit))


@pytest.mark.parametrize("label", ["", "  ", "\n"])
def test_the_empty_label_says_that_there_is_none(label: str) -> None:
    assert _clean(label, "height") == Cleaned(None, None)


@pytest.mark.parametrize(
    ("label", "entity", "upper"),
    [
        ("[220.0, 240.0] volt", "voltage", Quantity(Decimal(240), "volt")),
        ("[240.0, 220.0] volt", "voltage", Quantity(Decimal(240), "volt")),
        ("10 kilogram to 15 kilogram", "item_weight", Quantity(Decimal(15), "kilogram")),
        ("500 gram to 1.5 kilogram", "item_weight", Quantity(Decimal("1.5"), "kilogram")),
        ("[8.0, 12.0] fluid ounce", "item_volume", Quantity(Decimal(12), "fluid ounce")),
    ],
)
def test_a_range_follows_its_policy(label: str, entity: str, upper: Quantity) -> None:
    assert _clean(label, entity) == Cleaned(upper, None, was_range=True)
    assert _clean(label, entity, RangePolicy.DROP) == Cleaned(None, Fault.RANGE, was_range=True)


@pytest.mark.parametrize(
    ("label", "entity", "fault"),
    [
        ("100 horsepower", "wattage", Fault.UNIT),
        ("12 ounce", "item_volume", Fault.UNIT),  # the challenge allows fluid ounces only
        ("10 volt", "width", Fault.UNIT),
        ("[1.0, 2.0] horsepower", "wattage", Fault.UNIT),
        ("5 person", "maximum_weight_recommendation", Fault.UNIT),
        ("a lot", "height", Fault.FORM),
        ("12 nits", "height", Fault.UNIT),
        ("0.0 gram", "item_weight", Fault.ABSURD),
        ("-3 inch", "height", Fault.ABSURD),
        ("2.2223333344444455e+20 gram", "item_weight", Fault.ABSURD),
        ("5.016481104150004 e+17 pound", "item_weight", Fault.ABSURD),
        ("900000 ton", "maximum_weight_recommendation", Fault.ABSURD),
        ("200 metre", "height", Fault.ABSURD),
    ],
)
def test_a_faulty_label_is_named(label: str, entity: str, fault: Fault) -> None:
    assert _clean(label, entity) == Cleaned(None, fault, was_range=label.startswith("["))


def test_the_bounds_themselves_are_sizes_of_products() -> None:
    assert _clean("100 metre", "height").fault is None
    assert _clean("100.1 metre", "height").fault is Fault.ABSURD
    assert _clean("1 microgram", "item_weight").fault is None
    assert _clean("0.9 microgram", "item_weight").fault is Fault.ABSURD
    assert set(BOUNDS) == {entity.kind for entity in CHALLENGE.entities.values()}


def test_a_users_own_unit_has_no_bounds_but_zero() -> None:
    entity = Entity("thread", "thread", ("stitch",))
    assert clean_label("90000000000 stitch", entity).quantity == Quantity(Decimal(90000000000), "stitch")
    assert clean_label("0 stitch", entity).fault is Fault.ABSURD
    assert clean_label("[3, 7] stitch", entity).quantity == Quantity(Decimal(7), "stitch")


NUMBERS = st.one_of(
    st.decimals(min_value=0, max_value=10**6, places=3).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.text("0123456789.,eE+- ", max_size=50),
)
FORMS = st.sampled_from(["{0} {2}", "[{0}, {1}] {2}", "{0} {2} to {1} {2}", "{0}{2}", "{2} {0}", "{0} {2} or {1}"])


@given(
    st.one_of(st.text(), st.builds(str.format, FORMS, NUMBERS, NUMBERS, st.sampled_from([*BY_NAME, "stitch", ""]))),
    st.sampled_from(ENTITIES),
    st.sampled_from(RangePolicy),
)
def test_it_never_raises_and_what_it_gives_is_legal(label: str, name: str, ranges: RangePolicy) -> None:
    cleaned = _clean(label, name, ranges)
    if cleaned.quantity is None:
        assert cleaned.fault is not None or not label.strip()
        return
    assert cleaned.fault is None
    assert cleaned.quantity.unit in CHALLENGE[name].units
    assert cleaned.quantity.value > 0
    assert _clean(cleaned.quantity.text, name).quantity == cleaned.quantity


@given(
    st.decimals(min_value=1, max_value=50, places=2), st.decimals(min_value=1, max_value=50, places=2),
    st.sampled_from(["{0} inch to {1} inch", "[{0}, {1}] inch"]),
)  # fmt: skip
def test_the_upper_end_is_the_larger_one(low: Decimal, high: Decimal, form: str) -> None:
    assert _clean(form.format(low, high), "width").quantity == Quantity(max(low, high), "inch")
