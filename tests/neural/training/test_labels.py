"""What labels mean, which of a picture's questions are learnt from, and which answers are surely "none"."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE, Entity
from entx.core.types import Quantity, parse_written
from entx.core.units import BY_NAME
from entx.neural.training.labels import (
    BOUNDS,
    EXCLUSIVE,
    Cleaned,
    Fault,
    Negative,
    RangePolicy,
    certain_negatives,
    clean_label,
    one_size,
    source_weight,
    usable_labels,
)
from entx.storage.labels import LabelledQuestion
from tests.llm_stage.stores import page_of

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
    assert _clean(label, entity) == Cleaned(upper)
    assert _clean(label, entity, RangePolicy.DROP) == Cleaned(None, Fault.RANGE)


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
    assert _clean(label, entity) == Cleaned(None, fault)


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


def asked(index: int, entity_name: str, label: str, source: str = "train.csv") -> LabelledQuestion:
    return LabelledQuestion(index, "picture", "g", entity_name, label, source)


def usable(*questions: LabelledQuestion, **sources: float) -> tuple[list[tuple[int, str]], Counter[str]]:
    tally: Counter[str] = Counter()
    patterns = {name.replace("_star", "*"): weight for name, weight in sources.items()}
    found = usable_labels(questions, CHALLENGE, patterns, RangePolicy.UPPER, tally)
    return [(question.index, truth.text if truth else "") for question, truth in found], tally


def test_the_first_pattern_that_fits_is_the_weight() -> None:
    sources = {"train*/depth": 0.1, "train*": 0.5, "cur*": 1.0}
    assert source_weight(sources, "train.csv", "depth") == 0.1
    assert source_weight(sources, "train.csv", "width") == 0.5
    assert source_weight(sources, "other.csv", "width") == 1.0


def test_labels_are_cleaned_and_faults_counted() -> None:
    found, tally = usable(
        asked(0, "voltage", "[220.0, 240.0] volt"), asked(1, "width", "3.0 gram"), asked(2, "height", ""),
        asked(3, "loudness", "3 dB"), asked(4, "depth", "x"),
    )  # fmt: skip
    assert found == [(0, "240.0 volt"), (2, "")]
    assert tally == {"dropped: unit not allowed": 1, "dropped: unknown entity": 1, "dropped: no quantity": 1}


def test_of_two_labels_the_one_of_higher_weight_counts() -> None:
    found, tally = usable(
        asked(0, "width", "3.0 inch"), asked(1, "width", "4.0 inch", "curated.csv"), train_star=0.25
    )  # fmt: skip
    assert found == [(1, "4.0 inch")]
    assert tally == {"dropped: asked of this picture before": 1}


def test_contradictions_of_equal_weight_fall_away_and_agreements_do_not() -> None:
    found, tally = usable(asked(0, "width", "3.0 inch"), asked(1, "width", "4.0 inch"), asked(2, "height", "1 inch"))
    assert found == [(2, "1.0 inch")]
    assert tally == {"dropped: asked of this picture before": 1, "dropped: contradicted": 1}
    found, _ = usable(asked(5, "width", "3.0 inch"), asked(4, "width", "3 inch"))
    assert found == [(4, "3.0 inch")]


def test_weight_0_leaves_out() -> None:
    found, tally = usable(asked(0, "width", "3.0 inch"), **{"train.csv/width": 0.0})
    assert found == []
    assert tally == {"dropped: weight 0": 1}


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
