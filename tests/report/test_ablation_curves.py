"""Curves, probabilities, variants and the unit audit on columns made by hand and by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.evaluation import Counts, Outcome
from entx.core.types import Answer, parse_written
from entx.report.ablation.audit import label_noise, relation, unit_audit
from entx.report.ablation.columns import ARM, HYBRID, Column, arm_columns
from entx.report.ablation.curves import POINTS, coverage_curves, reliabilities
from entx.report.ablation.gold import Gold, GoldRow
from entx.report.ablation.pairs import compared, pair_tests
from entx.report.ablation.variants import always_answering, best_candidate, strict_form, variants
from entx.storage.runs import ArmsRow

Told = tuple[str | None, float | None]
"""A text ("" abstains, None was not asked) and how sure the arm says to be."""


def gold_of(truths: Sequence[str], slices: Sequence[str] = (), also: Sequence[tuple[str, ...]] = ()) -> Gold:
    rows = tuple(
        GoldRow(i, "item_weight", slices[i] if slices else "", truth, also[i] if also else (), f"{i}.jpg", "g", 0,
                None, None)
        for i, truth in enumerate(truths)
    )  # fmt: skip
    return Gold(Path("gold.csv"), rows, (), np.arange(len(rows), dtype=np.int64))


def answer_of(told: Told) -> Answer | None:
    text, sure = told
    if text is None:
        return None
    return Answer(parse_written(text) if text else None, text, p_correct=sure, p_present=sure)


def column_of(gold: Gold, told: Sequence[Told], name: str = "a", stage: str = "vlm") -> Column:
    return Column(name, ARM, stage, tuple(map(answer_of, told)), gold)


def test_a_curve_by_hand_and_equal_ones_are_given_together() -> None:
    gold = gold_of(["1 gram", "2 gram", "", "4 gram"])
    column = column_of(gold, [("1 gram", 0.9), ("3 gram", 0.5), ("5 gram", 0.5), ("", 0.1)])
    (curve,) = coverage_curves([column], {})
    # First row 0: TP 1, rows 1 and 3 missed. Then 1 and 2 at once: two wrong, row 3 missed.
    assert curve["points"] == [[0.25, pytest.approx(2 / 4)], [0.75, pytest.approx(2 / 5)]]
    assert (curve["name"], curve["by"], curve["at"]) == ("a", "p_correct", [0.75, pytest.approx(2 / 5)])


def test_one_answer_that_states_no_probability_leaves_the_order_to_what_all_state() -> None:
    gold = gold_of(["1 gram", "2 gram"])
    scored = [Answer(parse_written("1 gram"), p_correct=0.9, score=0.2), Answer(parse_written("3 gram"), score=0.8)]
    (curve,) = coverage_curves([Column("a", ARM, "rules", tuple(scored), gold)], {})
    assert curve["by"] == "score"
    assert curve["points"] == [[0.5, 0.0], [1.0, pytest.approx(2 / 3)]]  # the wrong one is the surest
    logged = tuple(replace(one, log_prob=-place) for place, one in enumerate(scored, 1))
    (curve,) = coverage_curves([Column("a", ARM, "vlm", logged, gold)], {})
    assert (curve["by"], curve["points"][0]) == ("log_prob", [0.5, pytest.approx(2 / 3)])
    silent = Column("b", ARM, "vlm", (replace(scored[0], score=None, p_correct=None), scored[1]), gold)
    assert coverage_curves([silent, column_of(gold, [("", None), (None, None)])], {}) == []


ROW = st.tuples(
    st.sampled_from(["", "1 gram", "2 gram"]), st.sampled_from(["", "1 gram", "2 gram", None]),
    st.integers(0, 10).map(lambda tenth: tenth / 10),
)  # fmt: skip


@given(st.lists(ROW, min_size=1, max_size=30))
def test_a_point_is_the_score_of_the_column_cut_at_it(rows: list[tuple[str, str | None, float]]) -> None:
    gold = gold_of([truth for truth, _, _ in rows])
    column = column_of(gold, [(text, sure) for _, text, sure in rows])
    given = sorted({sure for _, text, sure in rows if text}, reverse=True)
    curves = coverage_curves([column], {})
    assert len(curves) == bool(given)
    for least, (coverage, f1) in zip(given, curves[0]["points"] if curves else (), strict=True):
        cut = column_of(gold, [(text if sure >= least else "", sure) for _, text, sure in rows])
        counts = Counts.of(cut.outcomes)
        assert (coverage, f1) == (pytest.approx(counts.coverage), pytest.approx(counts.f1))


@pytest.mark.parametrize("count", [POINTS - 1, POINTS, POINTS + 1, 3 * POINTS + 7])
def test_a_long_curve_is_thinned_and_keeps_its_end(count: int) -> None:
    gold = gold_of(["1 gram"] * count)
    column = column_of(gold, [("1 gram" if i % 2 else "2 gram", 1.0 - i / count) for i in range(count)])
    (curve,) = coverage_curves([column], {})
    assert POINTS / 2 <= len(curve["points"]) <= POINTS
    assert curve["points"][-1] == [1.0, pytest.approx(Counts.of(column.outcomes).f1)]
    assert [point[0] for point in curve["points"]] == sorted({point[0] for point in curve["points"]})


def test_a_hybrids_curve_goes_on_where_it_gave_nothing() -> None:
    gold = gold_of(["1 gram", "2 gram"])
    own = replace(column_of(gold, [("1 gram", 0.9), ("", 0.2)], "h", "ensemble"), kind=HYBRID)
    more = replace(column_of(gold, [("1 gram", 0.9), ("2 gram", 0.2)], "h", "ensemble"), kind=HYBRID)
    (curve,) = coverage_curves([own], {"h": more})
    assert curve["points"] == [[0.5, pytest.approx(2 / 3)], [1.0, 1.0]]
    assert curve["at"] == [0.5, pytest.approx(2 / 3)]  # the dot stays where it decided


def test_p_counts_answers_and_q_counts_rows_that_were_asked() -> None:
    gold = gold_of(["1 gram", "", "3 gram", "4 gram"])
    (told,) = reliabilities([column_of(gold, [("1 gram", 0.75), ("2 gram", 0.75), ("", 0.35), (None, None)])])
    assert (told["p"]["rows"], told["q"]["rows"]) == (2, 3)
    assert told["p"]["error"] == pytest.approx(0.25)  # said .75, one of two came true
    assert told["q"]["error"] == pytest.approx((2 * 0.25 + 0.65) / 3)
    none = column_of(gold, [("1 gram", None)] * 4, "none")
    silent = column_of(gold, [("", 0.5)] * 4, "silent")
    assert [one["name"] for one in reliabilities([none, silent])] == ["silent"]
    assert reliabilities([silent])[0]["p"] is None


def test_columns_of_a_store_hold_none_where_a_run_or_a_row_was_not_asked() -> None:
    gold = gold_of(["1 gram", "2 gram", ""])
    one = answer_of(("1 gram", None))
    rows = [ArmsRow(0, "item_weight", None, 0, (one, None)), ArmsRow(2, "item_weight", None, 0, (None, one))]
    first, second = arm_columns([("a", "rules"), ("b", "vlm")], rows, gold)
    assert (first.texts, second.texts) == (["1.0 gram", "", ""], ["", "", "1.0 gram"])
    assert (first.asked.tolist(), second.asked.tolist()) == ([1, 0, 0], [0, 0, 1])
    assert first.outcomes.tolist() == [Outcome.TP, Outcome.FN, Outcome.TN]
    assert (first.stage, second.name) == ("rules", "b")


@given(st.lists(ROW, min_size=1, max_size=12), st.data())
def test_some_rows_of_a_column_score_as_they_did(
    rows: list[tuple[str, str | None, float]], data: st.DataObject
) -> None:
    gold = gold_of([truth for truth, _, _ in rows])
    column = column_of(gold, [(text, sure) for _, text, sure in rows])
    places = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1))))
    some = column.only(places, gold.only(places))
    assert some.outcomes.tolist() == column.outcomes[places].tolist()
    assert [row.index for row in some.gold.rows] == places
    assert some.gold.groups.tolist() == places
    assert len(some.gold.parts["all"][""]) == len(places)


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=20))
def test_parts_share_out_the_rows_and_the_empty_slice_is_no_named_one(slices: list[str]) -> None:
    gold = gold_of(["1 gram"] * len(slices), slices)
    assert gold.named_parts[""].tolist() == list(range(len(slices)))
    assert set(gold.named_parts) == {"", *slices}
    for name in set(slices) - {""}:
        assert gold.named_parts[name].tolist() == [i for i, own in enumerate(slices) if own == name]
    sizes = [len(rows) for rows in gold.parts.get("slice", {"": slices}).values()]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == len(slices)


@settings(max_examples=25)  # each draws the bootstrap four times
@given(st.lists(ROW, min_size=2, max_size=12), st.lists(ROW, min_size=12, max_size=12))
def test_a_pair_turned_round_is_the_same_test(
    rows: list[tuple[str, str | None, float]], more: list[tuple[str, str | None, float]]
) -> None:
    gold = gold_of([truth for truth, _, _ in rows])
    first = column_of(gold, [(text, sure) for _, text, sure in rows], "a")
    second = column_of(gold, [(text, sure) for _, text, sure in more[: len(rows)]], "b")
    there, back = pair_tests([first, second], 0), pair_tests([second, first], 0)
    assert len(there) == len(back) == bool((first.asked & second.asked).any())
    for one, other in zip(there, back, strict=True):
        assert (one["first"], one["second"], one["n"]) == (other["second"], other["first"], other["n"])
        assert one["difference"] == pytest.approx(-other["difference"])
        assert one["low"] - 1e-9 <= one["difference"] <= one["high"] + 1e-9  # of other draws: not to the digit
    assert compared(first, first, 0)["changed"] == 0
    differ = sum(one != other for one, other in zip(first.texts, second.texts, strict=True))
    assert compared(first, second, 0)["changed"] == differ


def test_always_answering_leaves_answers_and_what_was_not_asked() -> None:
    gold = gold_of(["1 gram", "2 gram", "3 gram"])
    named = Answer(None, reason="not sure enough (best: 2.0 gram, score 0.10)")
    column = Column("a", ARM, "rules", (answer_of(("1 gram", None)), named, None), gold)
    always = always_answering(column, {})
    assert always is not None
    assert always.texts == ["1.0 gram", "2.0 gram", ""]
    assert always.answers[2] is None
    assert best_candidate(named) == parse_written("2 gram")
    assert always_answering(replace(column, answers=(None, None, None)), {}) is None


def test_a_column_without_raw_text_has_no_strict_form() -> None:
    gold = gold_of(["1 gram", ""])
    bare = Column("a", ARM, "vlm", (Answer(parse_written("1 gram")), Answer(None)), gold)
    assert variants([bare], {}, {}, CHALLENGE, 0)[0]["strict"] is None
    worded = replace(bare, answers=(Answer(parse_written("1 gram"), "1 g"), Answer(None, "2 gram")))
    (told,) = variants([worded], {}, {"a": bare}, CHALLENGE, 0)
    assert told["strict"]["f1"] == 0.0  # the first is not of the form, the second answers an empty row
    assert told["strict"]["changed"] == 2
    assert (told["flat"]["changed"], told["flat"]["difference"]) == (0, 0.0)
    assert (told["perfect"], told["perfect_always"]) == (1.0, None)


@given(st.sampled_from(sorted(CHALLENGE.units)), st.integers(0, 10**6))
def test_the_official_form_of_a_written_answer_is_itself(unit: str, thousandths: int) -> None:
    quantity = parse_written(f"{thousandths / 1000:.3f} {unit}")
    assert quantity is not None
    assert strict_form(quantity.text, CHALLENGE) == quantity
    assert strict_form(quantity.text + "s", CHALLENGE) is None


def test_the_unit_audit_counts_only_wrong_answers_to_rows_with_a_truth() -> None:
    truths = ["1000 gram", "5 kilogram", "", "7 gram", "8 gram", "1 kilogram"]
    said: list[Told] = [("1 kilogram", None), ("11 pound", None), ("3 gram", None), ("", None), (None, None)]
    gold = gold_of(truths, also=[(), (), (), (), (), ("2 gram",)])
    (told,) = unit_audit([column_of(gold, [*said, ("2000 milligram", None)])])
    assert (told["wrong"], told["converted"], told["rounded"]) == (3, 2, 1)
    assert told["examples"] == [
        "0: 1.0 kilogram = 1000 gram", "1: 11.0 pound = 5 kilogram", "5: 2000.0 milligram = 1 kilogram",
    ]  # fmt: skip
    assert told["f1_converted"] == pytest.approx(2 * 2 / (2 * 2 + 2 + 2))  # TP 0 and 5, FP 1 and 2, FN 3 and 4


def test_at_most_ten_examples() -> None:
    (told,) = unit_audit([column_of(gold_of(["1 kilogram"] * 30), [("1000 gram", None)] * 30)])
    assert (told["converted"], len(told["examples"]), told["f1_converted"]) == (30, 10, 1.0)


def test_a_rounded_conversion_needs_other_units_than_all_right_ones() -> None:
    rights = [quantity for text in ("5 kilogram", "11 pound") if (quantity := parse_written(text))]
    said = parse_written("11.02 pound")
    assert said is not None
    assert relation(said, rights) == ""  # pounds are printed: 11.02 is a misreading
    assert relation(said, rights[:1]) == "rounded"


def test_a_label_is_worth_what_its_row_says() -> None:
    gold = gold_of(["500 gram", "", "[1.0, 2.0] gram"], also=[("1.1 pound",), (), ()])
    labels = [
        ("0.jpg", "item_weight", " 500.0 gram "), ("0.jpg", "item_weight", "1.1 pound"),
        ("0.jpg", "item_weight", "0.5 kilogram"), ("0.jpg", "item_weight", "half a kilo"),
        ("0.jpg", "item_weight", " "), ("1.jpg", "item_weight", ""), ("1.jpg", "item_weight", "1 gram"),
        ("2.jpg", "item_weight", "[1.0, 2.0] gram"), ("2.jpg", "item_weight", "1 gram"),
        ("0.jpg", "height", "1 metre"), ("9.jpg", "item_weight", "1 gram"),
    ]  # fmt: skip
    counts = {"n": 9, "equal": 3, "converted": 1, "other": 2, "empty": 1, "blank": 1, "agree_empty": 1}
    assert label_noise(labels, gold, "t") == {"source": "t", **counts, "entity_name": {"item_weight": counts}}
    assert label_noise(labels[-2:], gold, "t") is None
