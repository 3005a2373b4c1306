"""What labels mean and what is surely none; which rows an epoch gets, in which order, and on which side of a split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE, Entity
from entx.core.tables import read_table
from entx.core.types import Quantity, parse_written
from entx.core.units import BY_NAME
from entx.llm_stage.data import Row
from entx.neural.training.rows import (
    BOUNDS,
    EXCLUSIVE,
    TEST_MIX,
    WINDOW,
    Cleaned,
    Dataset,
    Fault,
    Negative,
    RangePolicy,
    SampleSettings,
    certain_negatives,
    clean_label,
    coin,
    draw_rows,
    epoch_order,
    group_by_length,
    one_size,
    sample_rows,
    source_weight,
    split_rows,
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
        ("500.0 gram", "item_weight", "500", "gram"), ("12 inch", "height", "12", "inch"),
        ("0.3333333333333333 kilogram", "item_weight", "0.3333333333333333", "kilogram"),
        ("8 fluid ounce", "item_volume", "8", "fluid ounce"), ("  5 volt ", "voltage", "5", "volt"),
        ("500g", "item_weight", "500", "gram"), ('12.5"', "height", "12.5", "inch"),
        ("1,500 ml", "item_volume", "1500", "millilitre"), ("2.5e+3 gram", "item_weight", "2500", "gram"),
    ],
)  # fmt: skip
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
        ("100 horsepower", "wattage", Fault.UNIT), ("10 volt", "width", Fault.UNIT),
        ("12 ounce", "item_volume", Fault.UNIT),  # the challenge allows fluid ounces only
        ("[1.0, 2.0] horsepower", "wattage", Fault.UNIT), ("5 person", "maximum_weight_recommendation", Fault.UNIT),
        ("a lot", "height", Fault.FORM), ("12 nits", "height", Fault.UNIT), ("0.0 gram", "item_weight", Fault.ABSURD),
        ("-3 inch", "height", Fault.ABSURD), ("2.2223333344444455e+20 gram", "item_weight", Fault.ABSURD),
        ("5.016481104150004 e+17 pound", "item_weight", Fault.ABSURD),
        ("900000 ton", "maximum_weight_recommendation", Fault.ABSURD), ("200 metre", "height", Fault.ABSURD),
    ],
)  # fmt: skip
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


def test_labels_of_illegal_units_are_dropped_or_say_that_there_is_no_value() -> None:
    asks = [asked(0, "wattage", "2 horsepower"), asked(1, "width", "3.0 gram"), asked(2, "depth", "x")]
    tally: Counter[str] = Counter()
    assert usable_labels(asks, CHALLENGE, {}, RangePolicy.UPPER, tally) == []
    assert tally["dropped: unit not allowed"] == 2
    tally.clear()
    kept = usable_labels(asks, CHALLENGE, {}, RangePolicy.UPPER, tally, illegal="empty")
    assert [(question.index, truth) for question, truth in kept] == [(0, None), (1, None)]
    assert tally == {"emptied: unit not allowed": 2, "dropped: no quantity": 1}


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


WEIGHTS = st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=60)


def make(
    entity: str, picture: str, value: int | None, *, index: int | None = 0, group: str = "", weak: bool = False
) -> Row:
    truth = None if value is None else Quantity(Decimal(value), "inch")
    choices = ("none",) if value is None else (f"{value} inch", "none")
    source = "own.csv" if index is not None else "negative:absent"
    return Row(index, picture, group, entity, truth, 1.0, source, weak, "<page>", choices, 0)


def rows_of(counts: dict[str, int], generated: int = 0, empty: int = 0) -> list[Row]:
    rows = []
    for entity, count in counts.items():
        rows += [make(entity, f"{entity}{n}", n + 1, index=len(rows) + n) for n in range(count)]
        rows += [make(entity, f"{entity}e{n}", None, index=len(rows) + n) for n in range(empty)]
        rows += [make(entity, f"{entity}g{n}", None, index=None) for n in range(generated)]
    return rows


def share_of(rows: list[Row], test: Callable[[Row], bool]) -> float:
    return sum(map(test, rows)) / len(rows)


def test_without_a_mix_every_labelled_row_comes_once() -> None:
    rows = rows_of({"height": 70, "width": 35}, generated=500)
    drawn = sample_rows(rows, SampleSettings(negative_share=0.3))
    assert Counter(row.entity_name for row in drawn if not row.generated) == {"height": 70, "width": 35}
    assert Counter(row.entity_name for row in drawn if row.generated) == {"height": 30, "width": 15}


def test_labelled_empties_count_as_negatives() -> None:
    drawn = sample_rows(rows_of({"height": 60}, generated=500, empty=10), SampleSettings(negative_share=0.4))
    assert share_of(drawn, lambda row: row.truth is None) == pytest.approx(0.4, abs=0.01)
    assert sum(not row.generated for row in drawn) == 70
    drawn = sample_rows(rows_of({"height": 10}, generated=500, empty=30), SampleSettings(negative_share=0.4))
    assert not any(row.generated for row in drawn)


def test_what_there_is_not_enough_of_is_taken_whole() -> None:
    drawn = sample_rows(rows_of({"height": 70}, generated=5), SampleSettings(negative_share=0.3))
    assert Counter(row.generated for row in drawn) == {False: 70, True: 5}


def test_an_entity_without_labels_is_not_taught_to_say_none() -> None:
    rows = [*rows_of({"height": 7}), *[make("width", f"w{n}", None, index=None) for n in range(50)]]
    assert {row.entity_name for row in sample_rows(rows, SampleSettings(negative_share=0.5))} == {"height"}
    none_wanted = sample_rows(rows_of({"height": 7}, generated=50), SampleSettings(negative_share=0.0))
    assert len(none_wanted) == 7


def test_the_mix_is_that_of_the_test() -> None:
    rows = rows_of(dict.fromkeys(TEST_MIX, 400), generated=4000)
    drawn = sample_rows(rows, SampleSettings(TEST_MIX, negative_share=0.3))
    counts = Counter(row.entity_name for row in drawn)
    for entity, share in TEST_MIX.items():
        assert counts[entity] / len(drawn) == pytest.approx(share / sum(TEST_MIX.values()), abs=0.01), entity
    assert share_of(drawn, lambda row: row.truth is None) == pytest.approx(0.3, abs=0.02)


def test_a_rare_entity_is_repeated_but_not_endlessly() -> None:
    rows = rows_of({"height": 10, "item_weight": 990})
    drawn = sample_rows(rows, SampleSettings({"height": 0.5, "item_weight": 0.5}, negative_share=0.0, most_repeats=3))
    counts = Counter(row.entity_name for row in drawn)
    assert counts["height"] == 30
    assert max(Counter(row.index for row in drawn if row.entity_name == "height").values()) == 3
    assert counts["item_weight"] == 500
    assert max(Counter(row.index for row in drawn if row.entity_name == "item_weight").values()) == 1


def test_an_entity_outside_the_mix_is_left_out() -> None:
    rows = rows_of({"height": 10, "cable": 10})
    assert {row.entity_name for row in sample_rows(rows, SampleSettings(TEST_MIX))} == {"height"}
    assert sample_rows(rows_of({"cable": 10}), SampleSettings(TEST_MIX)) == []
    assert sample_rows([], SampleSettings()) == []


def test_draws_depend_on_seed_and_epoch_only() -> None:
    rows = rows_of({"height": 50, "width": 300}, generated=500)
    settings = SampleSettings({"height": 0.5, "width": 0.5}, seed=3)
    assert sample_rows(rows, settings, 1) == sample_rows(rows, settings, 1)
    assert sample_rows(rows, settings, 1) != sample_rows(rows, settings, 2)
    assert sample_rows(rows, settings, 1) != sample_rows(rows, SampleSettings(settings.mix, seed=4), 1)


def test_rows_of_a_page_stay_together() -> None:
    rows = [make(entity, f"p{n}", n) for n in range(1, 30) for entity in ("height", "width")]
    drawn = sample_rows(rows, SampleSettings())
    assert [row.picture for row in drawn] == [row.picture for row in rows]


ROWS = st.lists(
    st.builds(
        make,
        st.sampled_from(["height", "width", "depth"]),
        st.integers(0, 30).map("p{}".format),
        st.one_of(st.none(), st.integers(1, 4)),
        index=st.one_of(st.none(), st.integers(0, 10**6)),
        group=st.sampled_from(["", "a", "b", "c"]),
        weak=st.booleans(),
    ),
    max_size=60,
)


def _clusters(rows: list[Row]) -> set[tuple[str, str, str]]:
    return {(row.group_id, row.entity_name, row.truth.text) for row in rows if row.group_id and row.truth}


@given(ROWS, st.floats(0.0, 0.9), st.integers(0, 5))
def test_a_split_leaks_no_picture_and_no_cluster(rows: list[Row], dev_share: float, seed: int) -> None:
    train, dev = split_rows(rows, dev_share, seed)
    assert not {row.picture for row in train} & {row.picture for row in dev}
    assert not _clusters([row for row in train if not row.generated]) & _clusters(dev)
    assert not any(row.generated for row in dev)
    assert split_rows(rows, dev_share, seed) == (train, dev)


@given(ROWS, st.integers(2, 5))
def test_folds_leak_nothing_and_hold_every_trusted_label_once(rows: list[Row], folds: int) -> None:
    pairs = [(train.rows, dev.rows) for train, dev in Dataset(rows, SampleSettings(), {}).folds(folds)]
    assert len(pairs) == folds
    for train, dev in pairs:
        assert not {row.picture for row in train} & {row.picture for row in dev}
        assert not _clusters([row for row in train if not row.generated]) & _clusters(dev)
    trusted = [row for row in rows if not row.weak and not row.generated]
    if trusted:
        assert Counter(id(row) for _, dev in pairs for row in dev) == Counter(map(id, trusted))


def test_a_split_has_its_share_and_no_row_is_lost() -> None:
    rows = rows_of({"height": 600, "width": 300}, generated=50)
    train, dev = split_rows(rows, 0.1)
    assert Counter(row.entity_name for row in dev) == {"height": 60, "width": 30}
    assert len(train) + len(dev) == len(rows)  # the generated ones are on pictures of their own here
    assert split_rows(rows, 0.1, seed=1)[1] != dev
    assert split_rows(rows[:60], 0.0) == (rows[:60], [])


def test_weak_labels_measure_nothing_unless_there_are_no_others() -> None:
    weak = [make("height", f"w{n}", n, weak=True) for n in range(50)]
    trusted = [make("height", f"t{n}", 100 + n) for n in range(50)]
    _, dev = split_rows([*weak, *trusted], 0.2)
    assert dev
    assert not any(row.weak for row in dev)
    assert split_rows(weak, 0.2)[1]


def test_a_generated_row_goes_with_its_picture() -> None:
    rows = [row for n in range(50) for row in (make("height", f"p{n}", n), make("width", f"p{n}", None, index=None))]
    train, dev = split_rows(rows, 0.2)
    assert sum(row.generated for row in train) == sum(not row.generated for row in train) == 50 - len(dev)


def test_the_coin_is_fair_and_remembers() -> None:
    for share in (0.0, 0.2, 1.0):
        thrown = [coin(share, "seed", number) for number in range(5000)]
        assert sum(thrown) / 5000 == pytest.approx(share, abs=0.02)
    assert coin(0.5, 1, "a") == coin(0.5, 1, "a")


def test_the_mix_is_the_test_tables(shared_test_entities: list[str]) -> None:
    counts = Counter(shared_test_entities)
    for entity, share in TEST_MIX.items():
        assert counts[entity] / len(shared_test_entities) == pytest.approx(share, abs=0.0006)


@pytest.fixture
def shared_test_entities() -> list[str]:
    folder = Path(os.environ.get("ENTX_SHARED_DATA") or Path(__file__).parents[3].parent / "shared" / "data")
    if not (folder / "test.csv.gz").is_file():
        pytest.skip(f"the challenge's test table is not at {folder}")
    return read_table(folder / "test.csv.gz", ["entity_name"])["entity_name"]


def test_a_draw_keeps_the_shares_of_the_rows_or_those_that_are_wanted() -> None:
    drawn = rows_of({"height": 60, "voltage": 30, "wattage": 10})
    assert Counter(one.entity_name for one in draw_rows(drawn, 20)) == {"height": 12, "voltage": 6, "wattage": 2}
    equal = dict.fromkeys(("height", "voltage", "wattage"), 1.0)
    assert Counter(one.entity_name for one in draw_rows(drawn, 20, equal)) == {"height": 7, "voltage": 7, "wattage": 6}
    most = Counter(one.entity_name for one in draw_rows(drawn, 60, equal))
    assert most == {"height": 25, "voltage": 25, "wattage": 10}  # all there are, and the others share what is left
    assert {one.entity_name for one in draw_rows(drawn, 60, {"wattage": 1.0})} == {"wattage"}


def test_a_draw_is_repeatable_in_order_and_keeps_generated_rows() -> None:
    rows = [make("height", f"p{n}", n, index=n) for n in range(50)] + [make("height", "g", None, index=None)]
    drawn = draw_rows(rows, 10, seed=1)
    assert drawn == draw_rows(rows, 10, seed=1) != draw_rows(rows, 10, seed=2)
    assert [rows.index(one) for one in drawn] == sorted(rows.index(one) for one in drawn)
    assert sum(one.generated for one in drawn) == 1
    assert len(drawn) == 11
    assert draw_rows(rows, 1000) == rows


def test_rows_of_weight_one_come_once_in_another_order_each_epoch() -> None:
    first, second = epoch_order([1.0] * 50, seed=0), epoch_order([1.0] * 50, seed=0, epoch=1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != sorted(first)


@given(WEIGHTS, st.integers(0, 5))
def test_every_count_is_within_one_of_its_weight(weights: list[float], seed: int) -> None:
    counts = Counter(epoch_order(weights, seed=seed))
    for row, weight in enumerate(weights):
        assert np.floor(weight) <= counts[row] <= np.floor(weight) + 1
        assert counts[row] >= 1 or weight < 1


@given(WEIGHTS, st.integers(0, 5))
def test_an_epoch_has_as_many_visits_as_the_weights_sum_to(weights: list[float], seed: int) -> None:
    assert abs(len(epoch_order(weights, seed=seed)) - sum(weights)) <= 1


def test_over_many_epochs_each_row_comes_as_often_as_it_weighs() -> None:
    weights = [0.1, 0.25, 0.5, 1.0, 1.5]
    counts = Counter(row for epoch in range(2000) for row in epoch_order(weights, seed=3, epoch=epoch))
    for row, weight in enumerate(weights):
        assert counts[row] / 2000 == pytest.approx(weight, abs=0.04)


def test_neighbours_are_drawn_apart() -> None:
    """Without the shuffle, systematic sampling would take every second of equal rows, always the same pairs."""
    together = sum({0, 1} <= set(epoch_order([0.5] * 10, seed=0, epoch=epoch)) for epoch in range(300))
    assert 30 < together < 110  # 300 x 2/9 = 67


def test_equal_seeds_give_equal_orders_and_a_broken_epoch_its_share_of_it() -> None:
    assert epoch_order([1.0] * 40, seed=1, share=0.25) == epoch_order([1.0] * 40, seed=1)[:10]
    assert epoch_order([0.5] * 30, seed=1, epoch=2) == epoch_order([0.5] * 30, seed=1, epoch=2)
    assert epoch_order([0.5] * 30, seed=1) != epoch_order([0.5] * 30, seed=2)


@given(st.lists(st.integers(1, 500), max_size=400), st.integers(1, 9), st.integers(0, 3))
def test_grouping_visits_every_row_once(lengths: list[int], batch: int, seed: int) -> None:
    assert sorted(group_by_length(lengths, batch, seed)) == list(range(len(lengths)))


def test_grouping_spares_most_padding_and_keeps_the_order_of_windows() -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(50, 500, 1600).tolist()

    def padded(order: list[int]) -> int:
        batches = [order[at : at + 16] for at in range(0, len(order), 16)]
        return sum(len(one) * max(lengths[row] for row in one) for one in batches) - sum(lengths)

    order = group_by_length(lengths, 16, 0)
    assert padded(order) < 0.2 * padded(list(range(1600)))
    assert set(order[: 16 * WINDOW]) == set(range(16 * WINDOW))
    means = [np.mean([lengths[row] for row in order[at : at + 16]]) for at in range(0, 16 * WINDOW, 16)]
    assert means != sorted(means)


def test_the_short_batch_comes_last() -> None:
    order = group_by_length([5, 1, 4, 2, 3], 2, 0)
    assert order[-1] == 0
    assert {frozenset(order[:2]), frozenset(order[2:4])} == {frozenset({1, 3}), frozenset({4, 2})}
