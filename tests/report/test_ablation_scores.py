"""The figures of an ablation against those reckoned by hand (the rows are told in `ablations.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from entx.core.errors import InputError, TableError
from entx.report.ablation.causes import oracle_outcomes
from tests.report.ablations import GOLD, default_arms, make_store, measured, of, said, summary


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_store(tmp_path_factory.mktemp("tiny"))


def test_counts_and_f1_of_each_arm(tiny: tuple[Path, Path]) -> None:
    columns = summary(*tiny)["columns"]
    rules, qwen = (of(columns, name)["scores"]["all"][""] for name in ("rules", "qwen"))
    assert [rules[key] for key in ("tp", "fp", "fn", "tn")] == [3, 2, 2, 1]
    assert [qwen[key] for key in ("tp", "fp", "fn", "tn")] == [2, 3, 2, 1]
    assert rules["f1"] == pytest.approx(6 / 10)
    assert qwen["f1"] == pytest.approx(4 / 9, abs=1e-6)
    assert rules["precision"] == pytest.approx(3 / 5)
    assert rules["coverage"] == pytest.approx(5 / 8)
    assert rules["f1_low"] <= rules["f1"] <= rules["f1_high"]


def test_parts_by_slice_and_entity_with_their_n(tiny: tuple[Path, Path]) -> None:
    scores = of(summary(*tiny)["columns"], "rules")["scores"]
    assert {name: part["n"] for name, part in scores["slice"].items()} == {"small": 4, "large": 4}
    assert {name: part["n"] for name, part in scores["entity_name"].items()} == {"item_weight": 5, "voltage": 3}
    small = scores["slice"]["small"]  # 0 and 1 right, 2 on empty, 3 wrong
    assert (small["tp"], small["fp"], small["fn"], small["tn"]) == (2, 2, 0, 0)
    assert small["f1"] == pytest.approx(4 / 6, abs=1e-6)


def test_an_arm_that_was_not_asked_counts_as_not_answered_and_is_told(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny)
    assert of(found["columns"], "qwen")["asked"] == 7
    assert "qwen was not asked 1 of 8 rows; they count as not answered" in found["notes"]


def test_common_keeps_the_rows_that_all_were_asked(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny, common=True)
    assert [row["index"] for row in found["rows"]] == [0, 1, 2, 3, 4, 5, 6]
    assert found["notes"] == []
    rules = of(found["columns"], "rules")["scores"]["all"][""]
    assert [rules[key] for key in ("tp", "fp", "fn", "tn")] == [3, 2, 1, 1]


def test_where_keeps_rows_and_pairs_of_one_column_are_alternatives(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny, where=(("slice", "small"),))
    assert [row["index"] for row in found["rows"]] == [0, 1, 2, 3]
    both = summary(*tiny, where=(("slice", "small"), ("slice", "large")))
    assert len(both["rows"]) == 8


def test_a_pair_is_tested_on_the_rows_that_both_were_asked(tiny: tuple[Path, Path]) -> None:
    tests = summary(*tiny)["pairs"]
    assert [(test["part"], test["n"]) for test in tests] == [("", 7), ("small", 4), ("large", 3)]
    whole = tests[0]
    # On rows 0 to 6 rules have TP 3, FP 2, FN 1 (6/9) and qwen TP 2, FP 3, FN 1 (4/8).
    assert whole["difference"] == pytest.approx(6 / 9 - 4 / 8, abs=1e-6)
    assert whole["low"] < 0 < whole["high"]
    assert whole["separable"] is False


def test_an_arm_is_not_separable_from_itself(tmp_path: Path) -> None:
    arms = {"rules": default_arms()["rules"], "again": default_arms()["rules"]}
    test = summary(*make_store(tmp_path, arms), runs="rules,again")["pairs"][0]
    assert (test["difference"], test["low"], test["high"], test["p"]) == (0.0, 0.0, 0.0, 1.0)
    assert test["separable"] is False


def test_a_clear_difference_is_separable(tmp_path: Path) -> None:
    right = [said(text) for text in ("500 gram", "2 kilogram", "", "3 pound", "12 volt", "", "7 ounce", "9 volt")]
    wrong = [said("1 microgram") for _ in range(4)] + [said("1 kilovolt") for _ in range(4)]
    test = summary(*make_store(tmp_path, {"rules": right, "wrong": wrong}), runs="rules,wrong")["pairs"][0]
    assert (test["difference"], test["p"], test["separable"]) == (1.0, 0.0, True)


def test_oracle_takes_what_any_arm_has_right(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny)["oracle"]
    # Right by some arm: 0, 1, 2 (empty), 3, 4, 5 (empty); 6 and 7 are missed by a silent arm. TP 4, TN 2, FN 2.
    whole = found["parts"][""]
    assert whole["f1"] == pytest.approx(8 / 10)
    assert (whole["best"], whole["best_f1"]) == ("rules", 0.6)
    assert whole["closed"]["rules"] == 0.0
    assert whole["closed"]["qwen"] == pytest.approx((4 / 9 - 0.6) / 0.2, abs=1e-5)
    assert found["parts"]["small"]["f1"] == 1.0


def test_oracle_of_wrong_answers_only_is_a_wrong_answer(tmp_path: Path) -> None:
    arms = {"rules": [said("1 gram")] * 8, "qwen": [said("2 gram")] * 8}
    gathered = measured(*make_store(tmp_path, arms))
    assert oracle_outcomes(gathered.columns).tolist() == [1] * 8  # FP everywhere, on empty rows too
    assert summary(tmp_path / "s.duckdb", tmp_path / "gold.csv")["oracle"]["parts"][""]["closed"]["qwen"] is None


def test_wrong_rows_by_cause(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny)["causes"]
    rules = of(found, "rules")  # 2 on empty, 3 another arm has it, 6 and 7 no arm has
    assert rules["wrong"] == 4
    assert rules["answered on an empty row"] == 1
    assert rules["wrong pick"] == 1
    assert rules["no arm has it"] == 2
    assert rules["abstained"] == 0
    assert rules["in_text"] == 1  # "7 oz" stands in every page; 7 ounce is the truth of row 6
    every = of(found, "every arm")
    assert (every["wrong"], every["abstained"], every["no arm has it"]) == (2, 2, 0)


def test_abstaining_where_another_arm_is_right(tmp_path: Path) -> None:
    silent = [said("")] * 8
    found = summary(*make_store(tmp_path, {"rules": default_arms()["rules"], "mute": silent}), runs="rules,mute")
    mute = of(found["causes"], "mute")  # 0, 1, 4 the rules have; 3, 6, 7 nobody
    assert (mute["abstained"], mute["no arm has it"], mute["wrong"]) == (3, 3, 6)
    assert of(found["columns"], "mute")["scores"]["all"][""]["f1"] == 0.0


def test_every_answer_stands_in_the_rows(tiny: tuple[Path, Path]) -> None:
    row = summary(*tiny)["rows"][0]
    assert row["answers"] == {"rules": "500.0 gram", "qwen": "0.5 kilogram"}
    assert row["outcomes"] == {"rules": "TP", "qwen": "FP"}
    assert row["causes"] == {"qwen": "wrong pick"}
    assert row["truth"] == "500 gram"


def test_same_input_same_figures(tiny: tuple[Path, Path]) -> None:
    assert summary(*tiny, strategies=("vote",)) == summary(*tiny, strategies=("vote",))


def test_rows_that_the_store_lacks_are_told(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, gold=GOLD + "99,voltage,large,9.jpg,9 volt,\n")
    found = summary(path, table)
    assert len(found["rows"]) == 8
    assert found["gold"]["left_out"] == 1
    assert "1 rows of gold.csv are no questions of the store; they are left out" in found["notes"]


def test_a_gold_table_of_index_and_value_alone(tmp_path: Path) -> None:
    found = summary(*make_store(tmp_path, gold="index,entity_value\n0,500 gram\n4,12 volt\n"))
    assert list(found["columns"][0]["scores"]) == ["all", "entity_name"]
    assert [row["entity_name"] for row in found["rows"]] == ["item_weight", "voltage"]


@pytest.mark.parametrize(
    ("gold", "says"),
    [
        (GOLD.replace("4,voltage", "4,wattage"), "index 4 is 'wattage', in the store 'voltage'"),
        (GOLD.replace("0.jpg", "00.jpg"), "index 0 is '00.jpg', in the store '0.jpg'"),
        ("index,value\n77,1 gram\n", "has a question of none of its 1 rows"),
        ("index,entity_name\n0,voltage\n", "neither entity_value nor value"),
        ("index,value\n", "has a header and no rows"),
        ("index,value,entity_name\n0,1 gram,weigth\n", "unknown entity"),
    ],
)
def test_gold_tables_that_do_not_fit(tmp_path: Path, gold: str, says: str) -> None:
    path, table = make_store(tmp_path, gold=gold)
    with pytest.raises((InputError, TableError), match=says) as caught:
        measured(path, table)
    assert "\n" not in str(caught.value)


def test_runs_that_are_not_there_or_hold_nothing(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, {**default_arms(), "none": []})
    with pytest.raises(InputError, match="run 'x' is not in"):
        measured(path, table, "rules,x")
    with pytest.raises(InputError, match="run 'none' holds no answers"):
        measured(path, table, "rules,none")
    with pytest.raises(InputError, match="names rules twice"):
        measured(path, table, "rules,rules")


def test_no_row_that_all_were_asked(tmp_path: Path) -> None:
    arms = {"rules": [said("1 gram"), *[None] * 7], "qwen": [None, said("1 gram"), *[None] * 6]}
    path, table = make_store(tmp_path, arms)
    with pytest.raises(InputError, match="none of its rows was asked of every one"):
        measured(path, table, common=True)
    assert summary(path, table)["oracle"]["parts"][""]["n"] == 8
