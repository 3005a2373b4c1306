"""What holds for any answers: on a store of 120 rows with four arms that are right, silent or wrong by chance."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.evaluation import Outcome, evaluate
from entx.core.types import Answer, Quantity
from entx.report.ablation.audit import relation
from entx.report.ablation.causes import Cause, oracle_outcomes
from entx.report.ablation.columns import ARM, Column
from entx.report.ablation.diff import diff
from entx.report.ablation.gold import Gold, GoldRow
from entx.storage.store import Store
from entx.storage.transfer import write_predictions
from tests.report.ablations import gram, of, summary
from tests.report.chance import RIGHT, ROWS, make_chance_store


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_chance_store(tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="module")
def found(many: tuple[Path, Path]) -> dict[str, Any]:
    return summary(*many, ",".join(RIGHT), strategies=("vote", "weighted", "stack"))


def test_learned_hybrids_stand_beside_the_vote(found: dict[str, Any]) -> None:
    hybrids = [column["name"] for column in found["columns"] if column["kind"] == "hybrid"]
    assert hybrids == ["vote", "vote+challenge-f1", "weighted+challenge-f1", "stack+challenge-f1"]
    assert not [note for note in found["notes"] if "learns nothing" in note]


def test_scores_are_those_of_entx_evaluate(many: tuple[Path, Path], found: dict[str, Any], tmp_path: Path) -> None:
    for run in RIGHT:
        out = tmp_path / f"{run}.csv"
        with Store(many[0]) as store:
            write_predictions(store, run, out)
        same = evaluate(out, many[1], CHALLENGE)
        scores = of(found["columns"], run)["scores"]
        rounded = {key: round(value, 6) for key, value in same.overall.as_dict().items() if value is not None}
        assert scores["all"][""] == rounded
        for part, own in same.parts.items():
            assert {name: score["f1"] for name, score in scores[part].items()} == {
                name: round(score.counts.f1, 6) for name, score in own.items()
            }


def test_nobody_beats_the_oracle(found: dict[str, Any]) -> None:
    for part, whole in found["oracle"]["parts"].items():
        for column in found["columns"]:
            score = column["scores"]["slice"][part] if part else column["scores"]["all"][""]
            assert score["f1"] <= whole["f1"] + 1e-6, (part, column["name"])
        assert max(value for value in whole["closed"].values()) <= 1.0
        assert whole["closed"][whole["best"]] == 0.0


def test_causes_of_a_column_add_up_to_its_wrong_rows(found: dict[str, Any]) -> None:
    rows = found["rows"]
    for told in found["causes"]:
        assert sum(told[cause.value] for cause in Cause) == told["wrong"]
        if told["name"] == "every arm":
            wrong = sum(all(row["outcomes"][run] in ("FP", "FN") for run in RIGHT) for row in rows)
        else:
            wrong = sum(row["outcomes"][told["name"]] in ("FP", "FN") for row in rows)
            assert wrong == sum(told["name"] in row["causes"] for row in rows)
        assert told["wrong"] == wrong


def test_perfect_abstention_never_loses(found: dict[str, Any]) -> None:
    for one in found["variants"]:
        assert one["perfect"] >= one["f1"]
        if one["always"] is not None:
            assert one["perfect_always"] >= one["always"]["f1"]
            assert one["perfect_always"] >= one["perfect"] or one["always"]["changed"] > 0


def test_always_answering_covers_at_least_as_much(found: dict[str, Any]) -> None:
    for one in found["variants"]:
        if one["always"] is not None:
            covered = of(found["columns"], one["name"])["scores"]["all"][""]["coverage"]
            assert one["always"]["coverage"] >= covered - 1e-6


def test_a_pair_is_the_difference_of_the_scores_where_both_were_asked(found: dict[str, Any]) -> None:
    for test in found["pairs"]:
        assert test["low"] <= test["difference"] <= test["high"]
        assert 0.0 <= test["p"] <= 1.0
        assert test["separable"] == (test["low"] > 0 or test["high"] < 0)
        if test["part"] == "" and "rare" not in (test["first"], test["second"]):
            first, second = (of(found["columns"], test[one])["scores"]["all"][""]["f1"] for one in ("first", "second"))
            assert test["n"] == ROWS
            assert test["difference"] == pytest.approx(first - second, abs=2e-6)
    assert {test["n"] for test in found["pairs"] if "rare" in (test["first"], test["second"]) and not test["part"]} == {
        40
    }


def test_a_good_and_a_poor_arm_are_separable(found: dict[str, Any]) -> None:
    test = next(test for test in found["pairs"] if (test["first"], test["second"]) == ("good", "poor"))
    assert test["separable"]
    assert test["p"] < 0.05


def test_curves_rise_in_coverage_and_end_at_all_answers(found: dict[str, Any]) -> None:
    for curve in found["curves"]:
        coverage = [point[0] for point in curve["points"]]
        assert coverage == sorted(set(coverage))
        assert all(0.0 <= point[1] <= 1.0 for point in curve["points"])
        score = of(found["columns"], curve["name"])["scores"]["all"][""]
        assert curve["at"] == [score["coverage"], score["f1"]]
        always = of(found["variants"], curve["name"])["always"]
        assert curve["points"][-1][1] == pytest.approx(always["f1"] if always else score["f1"])


def test_reliability_counts_every_answer_once(found: dict[str, Any]) -> None:
    for told in found["reliability"]:
        column = of(found["columns"], told["name"])
        score = column["scores"]["all"][""]
        assert told["p"]["rows"] == score["tp"] + score["fp"]
        assert sum(one["rows"] for one in told["p"]["bins"]) == told["p"]["rows"]
        assert 0.0 <= told["p"]["error"] <= 1.0


def test_seconds_of_a_hybrid_are_those_of_what_it_looks_at(found: dict[str, Any]) -> None:
    own = {run: of(found["columns"], run)["cost"]["answering_seconds"] for run in RIGHT}
    looked = of(found["columns"], "vote")["cost"]["looked"]
    assert looked == {"good": 1.0, "fair": 1.0, "poor": 1.0, "rare": pytest.approx(1 / 3, abs=1e-6)}
    expected = sum(share * own[run] for run, share in looked.items())
    assert of(found["columns"], "vote")["cost"]["answering_seconds"] == pytest.approx(expected, rel=1e-4)


def test_the_order_of_rows_in_the_gold_table_changes_no_score(many: tuple[Path, Path], tmp_path: Path) -> None:
    head, *lines = many[1].read_text(encoding="utf-8").splitlines()
    turned = tmp_path / "gold.csv"
    turned.write_text("\n".join([head, *reversed(lines)]) + "\n", encoding="utf-8")
    one, other = (summary(many[0], table, "good,fair") for table in (many[1], turned))
    for name in ("good", "fair"):
        first, second = (of(found["columns"], name)["scores"]["all"][""] for found in (one, other))
        assert {key: first[key] for key in ("tp", "fp", "fn", "tn", "f1")} == {
            key: second[key] for key in ("tp", "fp", "fn", "tn", "f1")
        }
    assert diff(one, other)["rows"]["compared"] == ROWS
    assert all(not column["changed"] for column in diff(one, other)["columns"])


def test_diff_backwards_is_the_diff_turned_round(many: tuple[Path, Path]) -> None:
    one = summary(*many, "good,fair")
    other = summary(*many, "good,fair", where=(("slice", "small"),))
    for row in other["rows"][:5]:
        row["answers"]["good"], row["outcomes"]["good"] = "1.0 gram", "FP"
    there, back = diff(one, other), diff(other, one)
    assert there["rows"]["only_old"] == back["rows"]["only_new"] == ROWS // 3
    for ahead, behind in zip(there["columns"], back["columns"], strict=True):
        assert (ahead["old_f1"], ahead["new_f1"]) == (behind["new_f1"], behind["old_f1"])
        assert [(row["index"], row["old"]) for row in ahead["changed"]] == [
            (row["index"], row["new"]) for row in behind["changed"]
        ]


def _gold(truths: Sequence[str]) -> Gold:
    rows = tuple(
        GoldRow(i, "item_weight", "", truth, (), f"{i}.jpg", "g", 0, None, None) for i, truth in enumerate(truths)
    )
    return Gold(Path("gold.csv"), rows, (), np.arange(len(rows), dtype=np.int64))


said = st.sampled_from([None, gram(1), gram(2), gram(3)])


@given(st.lists(st.tuples(st.sampled_from(["", "1 gram", "2 gram"]), said, said, said), min_size=1, max_size=12))
def test_the_oracle_is_right_exactly_where_an_arm_is(rows: list[tuple[str, Any, Any, Any]]) -> None:
    gold = _gold([row[0] for row in rows])
    arms = [Column(f"{place}", ARM, "vlm", tuple(Answer(row[place]) for row in rows), gold) for place in (1, 2, 3)]
    outcomes = oracle_outcomes(arms)
    for place, row in enumerate(rows):
        any_right = any(arm.right[place] for arm in arms)
        assert any_right == (outcomes[place] in (Outcome.TP, Outcome.TN))
        assert (outcomes[place] == Outcome.FN) <= (bool(row[0]) and None in row[1:])
    assert oracle_outcomes(arms[::-1]).tolist() == outcomes.tolist()  # whoever comes first


units = st.sampled_from(["gram", "kilogram", "ounce", "pound", "ton", "milligram"])


@given(st.integers(1, 10_000), units, st.integers(1, 10_000), units)
def test_relation_is_the_same_both_ways_but_for_rounding(one: int, unit: str, other: int, other_unit: str) -> None:
    first, second = Quantity(Decimal(one), unit), Quantity(Decimal(other), other_unit)
    there, back = relation(first, [second]), relation(second, [first])
    if {there, back} & {"equal", "converted"}:
        assert there == back
    assert relation(first, [first]) == "equal"
    assert relation(first, []) == ""
