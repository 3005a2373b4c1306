"""Gold rows, columns, paired tests and variants, on columns made by hand and by chance."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.core.evaluation import Outcome
from entx.core.types import Answer, Quantity, parse_written
from entx.report.columns import (
    ARM,
    Column,
    always_answering,
    arm_columns,
    best_candidate,
    pair_tests,
    paired_difference,
    read_gold,
    strict_form,
    variants,
)
from entx.storage.runs import ArmsRow
from entx.storage.store import Store
from tests.report.ablations import (
    GOLD,
    ROW,
    answer_of,
    column_of,
    default_arms,
    gold_of,
    gram,
    make_store,
    measured,
    of,
    said,
    summary,
)


def test_gold_rows_are_those_of_the_table_in_its_order(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_text("value,also,index,image\n 9 volt ,,7,a\n,x,2,b\n1 gram,2 gram |  | 3 gram ,0,a\n", encoding="utf-8")
    with Store(tiny[0]) as store:
        gold = read_gold(path, store, CHALLENGE)
    assert [(row.index, row.entity_name, row.truth) for row in gold.rows] == [
        (7, "voltage", "9 volt"), (2, "item_weight", ""), (0, "item_weight", "1 gram"),
    ]  # fmt: skip
    assert gold.groups.tolist() == [0, 1, 0]  # the table's own pictures, not the store's links
    assert [row.also for row in gold.rows] == [(), ("x",), ("2 gram", "3 gram")]
    assert {quantity.text for quantity in gold.rows[2].rights} == {"1.0 gram", "2.0 gram", "3.0 gram"}
    assert gold.rows[1].rights == frozenset()
    assert list(gold.parts) == ["all", "entity_name"]
    assert {name: rows.tolist() for name, rows in gold.parts["entity_name"].items()} == {
        "item_weight": [1, 2], "voltage": [0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("gold", "where", "says"),
    [
        (GOLD, [("colour", "red")], "colour"),
        (GOLD, [("slice", "none")], "it holds 'small', 'large'"),
        (GOLD, [("slice", "small"), ("entity_name", "voltage")], "no row is left"),
        (GOLD + GOLD.splitlines()[1] + "\n", [], r"gold\.csv.*0"),  # one row twice
        (GOLD.replace("4,voltage", "4,wattage"), [], "index 4 is 'wattage', in the store 'voltage'"),
        (GOLD.replace("0.jpg", "00.jpg"), [], "index 0 is '00.jpg', in the store '0.jpg'"),
        ("index,value\n77,1 gram\n", [], "has a question of none of its 1 rows"),
        ("index,entity_name\n0,voltage\n", [], "neither entity_value nor value"),
        ("index,value\n", [], "has a header and no rows"),
        ("index,value,entity_name\n0,1 gram,weigth\n", [], "unknown entity"),
    ],
)
def test_gold_tables_that_do_not_fit(tmp_path: Path, gold: str, where: list[tuple[str, str]], says: str) -> None:
    path, table = make_store(tmp_path, gold=gold)
    with pytest.raises((InputError, TableError), match=says) as caught:
        measured(path, table, where=where)
    assert "\n" not in str(caught.value)


def test_a_run_of_the_store_is_the_same_column_alone_and_beside_others(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, {**default_arms(), "again": default_arms()["qwen"]})
    alone, beside = summary(path, table, "qwen"), summary(path, table, "again,rules,qwen")
    for part in ("scores", "asked", "cost"):
        assert of(alone["columns"], "qwen")[part] == of(beside["columns"], "qwen")[part]
    assert of(beside["columns"], "again")["scores"] == of(beside["columns"], "qwen")["scores"]
    assert of(alone["units"], "qwen") == of(beside["units"], "qwen")


def test_rows_that_the_store_lacks_are_told(tmp_path: Path) -> None:
    found = summary(*make_store(tmp_path, gold=GOLD + "99,voltage,large,9.jpg,9 volt,\n"))
    assert (len(found["rows"]), found["gold"]["left_out"]) == (8, 1)
    assert "1 rows of gold.csv are no questions of the store; they are left out" in found["notes"]


def test_a_gold_table_of_index_and_value_alone(tmp_path: Path) -> None:
    found = summary(*make_store(tmp_path, gold="index,entity_value\n0,500 gram\n4,12 volt\n"))
    assert list(found["columns"][0]["scores"]) == ["all", "entity_name"]
    assert [row["entity_name"] for row in found["rows"]] == ["item_weight", "voltage"]


def test_columns_of_a_store_hold_none_where_a_run_or_a_row_was_not_asked() -> None:
    gold = gold_of(["1 gram", "2 gram", ""])
    one = answer_of(("1 gram", None))
    rows = [ArmsRow(0, "item_weight", None, 0, (one, None)), ArmsRow(2, "item_weight", None, 0, (None, one))]
    first, second = arm_columns([("a", "rules"), ("b", "vlm")], rows, gold)
    assert (first.texts, second.texts) == (["1.0 gram", "", ""], ["", "", "1.0 gram"])
    assert (first.asked.tolist(), second.asked.tolist()) == ([1, 0, 0], [0, 0, 1])
    assert first.outcomes.tolist() == [Outcome.TP, Outcome.FN, Outcome.TN]
    assert (first.stage, second.name) == ("rules", "b")


@given(st.sets(st.integers(0, 9)))
def test_some_rows_of_a_gold_table_are_these_rows(places: set[int]) -> None:
    some = gold_of(["1 gram"] * 10).only(sorted(places))
    assert [row.index for row in some.rows] == some.groups.tolist() == sorted(places)
    assert len(some.parts["all"][""]) == len(places)


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
    assert paired_difference(first, first, 0)["changed"] == 0
    differ = sum(one != other for one, other in zip(first.texts, second.texts, strict=True))
    assert paired_difference(first, second, 0)["changed"] == differ


def test_a_pair_is_tested_on_the_rows_that_both_were_asked(tiny: tuple[Path, Path]) -> None:
    tests = summary(*tiny)["pairs"]
    assert [(test["part"], test["n"]) for test in tests] == [("", 7), ("small", 4), ("large", 3)]
    whole = tests[0]
    # On rows 0 to 6 rules have TP 3, FP 2, FN 1 (6/9) and qwen TP 2, FP 3, FN 1 (4/8).
    assert whole["difference"] == pytest.approx(6 / 9 - 4 / 8, abs=1e-6)
    assert whole["low"] < 0 < whole["high"]
    assert whole["separable"] is False


RIGHT = [said(text) for text in ("500 gram", "2 kilogram", "", "3 pound", "12 volt", "", "7 ounce", "9 volt")]
WRONG = [said(text) for text in ["1 microgram"] * 4 + ["1 kilovolt"] * 4]


@pytest.mark.parametrize(
    ("first", "second", "difference", "p", "separable"),
    [(default_arms()["rules"], default_arms()["rules"], 0.0, 1.0, False), (RIGHT, WRONG, 1.0, 0.0, True)],
    ids=["of itself", "clear"],
)
def test_a_clear_difference_is_separable_and_none_is_not(
    tmp_path: Path, first: Any, second: Any, difference: float, p: float, separable: bool
) -> None:
    test = summary(*make_store(tmp_path, {"rules": first, "other": second}), runs="rules,other")["pairs"][0]
    assert (test["difference"], test["low"], test["high"], test["p"]) == (difference, difference, difference, p)
    assert test["separable"] is separable


def test_always_answering_gives_the_best_candidate(tiny: tuple[Path, Path]) -> None:
    rules, qwen = (of(summary(*tiny)["variants"], name) for name in ("rules", "qwen"))
    # Row 6 becomes right, row 7 wrong: TP 4, FP 3, FN 0.
    assert rules["always"]["f1"] == pytest.approx(8 / 11, abs=1e-6)
    assert rules["always"]["difference"] == pytest.approx(8 / 11 - 6 / 10, abs=1e-6)
    assert rules["always"]["changed"] == 2
    assert rules["always"]["coverage"] == pytest.approx(7 / 8)
    # Perfect abstention: row 2 becomes TN. TP 3, FP 1, FN 2; with all answers TP 4, FP 2, FN 0.
    assert rules["perfect"] == pytest.approx(6 / 9, abs=1e-6)
    assert rules["perfect_always"] == pytest.approx(8 / 10)
    assert rules["strict"] is None  # a printed line is no answer
    assert qwen["always"] is None  # it names no candidate


def test_the_postprocessor_is_what_lies_between_raw_text_and_answer(tmp_path: Path) -> None:
    sentences = [Answer(gram(500), "It weighs 500 g."), Answer(Quantity(Decimal(2), "kilogram"), "2 kilogram")]
    found = summary(*make_store(tmp_path, {**default_arms(), "talks": sentences}), runs="rules,talks", common=True)
    talks = of(found["variants"], "talks")
    assert talks["f1"] == 1.0
    assert talks["strict"]["f1"] == pytest.approx(2 / 3, abs=1e-6)  # TP 1, FN 1
    assert talks["strict"]["changed"] == 1


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("5 gram", "5.0 gram"), (" 5.50  meter ", "5.5 metre"), ("3 feet", "3.0 foot"), ("10 volt", "10.0 volt"),
        ("5 grams", None), ("5 Gram", None), ("5g", None), ("", None), ("it is 5 gram", None),
    ],
)  # fmt: skip
def test_the_official_form(text: str, reads: str | None) -> None:
    found = strict_form(text, CHALLENGE)
    assert (found.text if found else None) == reads


@pytest.mark.parametrize(
    ("reason", "reads"),
    [
        ("no number is sure enough (best: 2.63 inch, score 0.24)", "2.63 inch"),
        ("the model says none (p = 0.60; best: 5.0 fluid ounce, p = 0.30)", "5.0 fluid ounce"),
        ("the model is not sure enough (best: 5.0 gram, p = 0.30; none: p = 0.20)", "5.0 gram"),
        ("no quantity with a legal unit in the text", None),
        ("the best: nothing, really", None),
    ],
)
def test_best_candidate_named_in_a_reason(reason: str, reads: str | None) -> None:
    found = best_candidate(Answer(None, reason=reason))
    assert (found.text if found else None) == reads


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
