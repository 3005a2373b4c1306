"""Oracle, causes, audits, cost, curves and probabilities, reckoned by hand and for any answers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.core.evaluation import Counts, Outcome
from entx.core.types import Answer, Quantity, Question, parse_written
from entx.ensemble.job import run_ensemble
from entx.report import figures
from entx.report.columns import ARM, HYBRID, Column
from entx.storage.questions import add_questions
from entx.storage.runs import end_run, find_arms
from entx.storage.store import Store
from tests.report.ablations import (
    ROW,
    TABLE,
    TRUTHS,
    Said,
    ablation_of,
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


def test_oracle_takes_what_any_arm_has_right(small: dict[str, Any]) -> None:
    found = small["oracle"]
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
    assert figures.oracle_outcomes(gathered.columns).tolist() == [1] * 8  # FP everywhere, on empty rows too
    assert summary(tmp_path / "s.duckdb", tmp_path / "gold.csv")["oracle"]["parts"][""]["closed"]["qwen"] is None


def test_wrong_rows_by_cause(small: dict[str, Any]) -> None:
    found = small["causes"]
    rules = of(found, "rules")  # 2 on empty, 3 another arm has it, 6 and 7 no arm has
    assert rules == {
        "name": "rules", "wrong": 4, "no arm has it": 2, "abstained": 0, "wrong pick": 1, "answered on an empty row": 1,
        "in_text": 1,  # "7 oz" stands in every page; 7 ounce is the truth of row 6
    }  # fmt: skip
    every = of(found, "every arm")
    assert (every["wrong"], every["abstained"], every["no arm has it"]) == (2, 2, 0)


def test_abstaining_where_another_arm_is_right(tmp_path: Path) -> None:
    arms = {"rules": default_arms()["rules"], "mute": [said("")] * 8}
    found = summary(*make_store(tmp_path, arms), runs="rules,mute")
    mute = of(found["causes"], "mute")  # 0, 1, 4 the rules have; 3, 6, 7 nobody
    assert (mute["abstained"], mute["no arm has it"], mute["wrong"]) == (3, 3, 6)
    assert of(found["columns"], "mute")["scores"]["all"][""]["f1"] == 0.0


@given(TABLE)
def test_every_wrong_row_has_one_cause_that_fits_it(table: list[tuple[Any, ...]]) -> None:
    measured = ablation_of(table)
    arms = list(measured.columns[:2])
    for column in measured.columns:
        for place, row in enumerate(measured.gold.rows):
            cause, others = figures.cause_of(place, column, arms), any(bool(arm.right[place]) for arm in arms)
            assert (cause is None) == bool(column.right[place])
            assert (cause is figures.Cause.EMPTY) == (not row.truth and not column.right[place])
            if cause in (figures.Cause.PICK, figures.Cause.ABSTAINED):
                assert others
                assert (cause is figures.Cause.ABSTAINED) == (not column.texts[place])
            if cause is figures.Cause.NO_ARM:
                assert not others


@given(TABLE, st.booleans())
def test_causes_add_up_and_what_every_arm_has_wrong_no_column_can_have_less_of(
    table: list[tuple[Any, ...]], seen: bool
) -> None:
    measured = ablation_of(table)
    found = figures.causes(measured.columns, [seen] * len(table))
    *own, every = found
    assert every["name"] == "every arm"
    for told in found:
        assert told["wrong"] == sum(told[cause.value] for cause in figures.Cause)
        assert told["in_text"] <= (told["wrong"] if seen else 0)
    assert all(told["wrong"] >= every["wrong"] for told in own[:2])
    assert every["wrong"] == sum(
        not any(bool(arm.right[place]) for arm in measured.columns[:2]) for place in range(len(table))
    )


@given(TABLE)
def test_the_best_arm_closes_nothing_and_nobody_of_the_arms_more(table: list[tuple[Any, ...]]) -> None:
    measured = ablation_of(table)
    found = figures.oracle(measured.columns, 0)
    assert found is not None
    whole = found["parts"][""]
    scores = {column.name: Counts.of(column.outcomes).f1 for column in measured.columns}
    assert whole["best_f1"] == max(scores["a"], scores["b"])
    assert whole["f1"] >= whole["best_f1"] - 1e-12
    for name, closed in whole["closed"].items():
        if closed is not None:
            assert name == "c" or closed <= 1e-9  # a hybrid may give a form that no arm gave
            assert closed * (whole["f1"] - whole["best_f1"]) == pytest.approx(scores[name] - whole["best_f1"])


SAYS = st.sampled_from([None, gram(1), gram(2), gram(3)])


@given(st.lists(st.tuples(TRUTHS, SAYS, SAYS, SAYS), min_size=1, max_size=12))
def test_the_oracle_is_right_exactly_where_an_arm_is(rows: list[tuple[str, Any, Any, Any]]) -> None:
    gold = gold_of([row[0] for row in rows])
    arms = [Column(f"{place}", ARM, "vlm", tuple(Answer(row[place]) for row in rows), gold) for place in (1, 2, 3)]
    outcomes = figures.oracle_outcomes(arms)
    for place, row in enumerate(rows):
        any_right = any(arm.right[place] for arm in arms)
        assert any_right == (outcomes[place] in (Outcome.TP, Outcome.TN))
        assert (outcomes[place] == Outcome.FN) <= (bool(row[0]) and None in row[1:])
    assert figures.oracle_outcomes(arms[::-1]).tolist() == outcomes.tolist()  # whoever comes first


@pytest.mark.parametrize(
    ("answer", "rights", "how"),
    [
        ("500 gram", ["500.0 gram"], "equal"),
        ("0.5 kilogram", ["500 gram"], "converted"),
        ("11 pound", ["5 kilogram"], "rounded"),
        ("5.04 kilogram", ["5 kilogram"], ""),
        ("12 pound", ["5 kilogram"], ""),
        ("1 ton", ["1000 kilogram"], ""),
        ("11.02 pound", ["5 kilogram"], "rounded"),
        ("11.02 pound", ["5 kilogram", "11 pound"], ""),  # pounds are printed: 11.02 is a misreading
    ],
)
def test_relation_of_two_sizes(answer: str, rights: list[str], how: str) -> None:
    said, *others = (parse_written(text) for text in (answer, *rights))
    assert said is not None
    assert figures.relation(said, [other for other in others if other]) == how


units = st.sampled_from(["gram", "kilogram", "ounce", "pound", "ton", "milligram"])


@given(st.integers(1, 10_000), units, st.integers(1, 10_000), units)
def test_relation_is_the_same_both_ways_but_for_rounding(one: int, unit: str, other: int, other_unit: str) -> None:
    first, second = Quantity(Decimal(one), unit), Quantity(Decimal(other), other_unit)
    there, back = figures.relation(first, [second]), figures.relation(second, [first])
    if {there, back} & {"equal", "converted"}:
        assert there == back
    assert figures.relation(first, [first]) == "equal"
    assert figures.relation(first, []) == ""


def test_the_unit_audit_counts_only_wrong_answers_to_rows_with_a_truth_and_names_ten() -> None:
    truths = ["1000 gram", "5 kilogram", "", "7 gram", "8 gram", "1 kilogram"]
    said: list[Said] = [("1 kilogram", None), ("11 pound", None), ("3 gram", None), ("", None), (None, None)]
    gold = gold_of(truths, also=[(), (), (), (), (), ("2 gram",)])
    (told,) = figures.unit_audit([column_of(gold, [*said, ("2000 milligram", None)])])
    assert (told["wrong"], told["converted"], told["rounded"]) == (3, 2, 1)
    assert told["examples"] == [
        "0: 1.0 kilogram = 1000 gram", "1: 11.0 pound = 5 kilogram", "5: 2000.0 milligram = 1 kilogram",
    ]  # fmt: skip
    assert told["f1_converted"] == pytest.approx(2 * 2 / (2 * 2 + 2 + 2))  # TP 0 and 5, FP 1 and 2, FN 3 and 4
    (many,) = figures.unit_audit([column_of(gold_of(["1 kilogram"] * 30), [("1000 gram", None)] * 30)])
    assert (many["converted"], len(many["examples"]), many["f1_converted"]) == (30, 10, 1.0)


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
    assert figures.label_noise(labels, gold, "t") == {"source": "t", **counts, "entity_name": {"item_weight": counts}}
    assert figures.label_noise(labels[-2:], gold, "t") is None


def test_labels_of_the_store_against_gold(tmp_path: Path) -> None:
    path, table = make_store(tmp_path)
    labels = [("0.jpg", "500.0 gram"), ("1.jpg", "2000 gram"), ("2.jpg", "5 gram"), ("3.jpg", "9 pound"), ("6.jpg", "")]
    rows = [Question(100 + i, link, "g", "item_weight", None, label) for i, (link, label) in enumerate(labels)]
    with Store(path, write=True) as store:
        add_questions(store, [*rows, Question(200, "4.jpg", "g", "wattage", None, "5 watt")], "train.csv")
    found = summary(path, table)["labels"]
    assert found["source"] == "other labelled questions of the store"
    counts = {"n": 5, "equal": 1, "converted": 1, "other": 1, "empty": 1, "blank": 1, "agree_empty": 0}
    assert {key: found[key] for key in counts} == counts
    assert found["entity_name"] == {"item_weight": counts}


def test_labels_of_a_table_with_ranges_and_alternatives(tmp_path: Path) -> None:
    path, table = make_store(tmp_path)
    train = tmp_path / "train.csv"
    rows = ("4.jpg,voltage,24.0 volt", '7.jpg,voltage,"[9.0, 12.0] volt"', "5.jpg,voltage,", "e.jpg,voltage,1 volt")
    train.write_text("\n".join(["image_link,entity_name,entity_value", *rows, ""]), encoding="utf-8")
    found = summary(path, table, train=train)["labels"]
    assert (found["source"], found["n"]) == ("train.csv", 3)
    assert (found["equal"], found["other"], found["agree_empty"]) == (1, 1, 1)
    assert figures.label_noise([], measured(path, table).gold, "nothing") is None
    assert len(figures.table_labels(train, CHALLENGE)) == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image_link,entity_name\n0.jpg,voltage\n", "entity_value"),
        ("image_link,entity_name,entity_value\n0.jpg,colour,red\n", "unknown entity"),
        ("", "empty"),
        ('image_link,entity_name,entity_value\n"0.jpg,voltage,1 volt\n', "never closed"),
    ],
)
def test_a_training_table_that_is_none_is_told(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((InputError, TableError), match=says) as caught:
        figures.table_labels(path, CHALLENGE)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cost_from_the_times_of_the_runs(tiny: tuple[Path, Path]) -> None:
    columns = summary(*tiny, strategies=("vote",), price=3.6)["columns"]
    rules = of(columns, "rules")["cost"]
    # 4 s for 8 answers and 0.25 s for each of 8 pages: 500 and 250 seconds for 1,000 rows.
    assert (rules["answering_seconds"], rules["reading_seconds"], rules["seconds"]) == (500.0, 250.0, 750.0)
    assert rules["cost"] == pytest.approx(0.75)
    assert (rules["asked"], rules["answered"], rules["coverage"]) == (8, 5, 0.625)
    qwen = of(columns, "qwen")["cost"]  # imported: nobody timed it
    assert (qwen["seconds"], qwen["cost"]) == (None, None)
    assert of(columns, "vote")["cost"]["seconds"] is None
    assert of(columns, "vote")["cost"]["looked"] == {"rules": 1.0, "qwen": 0.875}


def test_tokens_that_a_server_counted_are_told_for_a_thousand_rows(tmp_path: Path) -> None:
    arms = {"rules": default_arms()["rules"], "served": default_arms()["rules"]}
    made = make_store(tmp_path, arms)
    with Store(made[0], write=True) as store:
        for prompt, cached in ((700, 0), (100, 60)):  # of two calls
            counts = {"answered": 4, "prompt_tokens": prompt, "cached_tokens": cached, "completion_tokens": 20}
            end_run(store, "served", 1.0, counts)
    columns = summary(*made, runs="rules,served", strategies=("vote",))["columns"]
    tokens = of(columns, "served")["cost"]["server_tokens"]
    assert tokens == {"prompt": 100_000, "cached": 7_500, "completion": 5_000}
    assert of(columns, "rules")["cost"]["server_tokens"] is None


def test_a_hybrid_costs_what_its_runs_cost_with_one_reading(tmp_path: Path) -> None:
    arms: dict[str, list[Answer | None]] = {"rules": default_arms()["rules"]}
    arms["slow"] = [Answer(gram(1), seconds=2.0) for _ in range(8)]
    columns = summary(*make_store(tmp_path, arms), runs="rules,slow", strategies=("vote",))["columns"]
    assert of(columns, "slow")["cost"]["seconds"] == 2000.0
    vote = of(columns, "vote")["cost"]
    assert (vote["answering_seconds"], vote["reading_seconds"]) == (2500.0, 250.0)


def _costs(path: Path, runs: list[str], price: float | None = None, **told: float) -> dict[str, dict[str, Any]]:
    with Store(path) as store:
        return figures.costs(store, find_arms(store, runs, CHALLENGE.digest), price, told)


def test_told_seconds_are_those_of_an_imported_run(tiny: tuple[Path, Path]) -> None:
    found = _costs(tiny[0], ["rules", "qwen"], 3600.0, qwen=1200.0)
    assert (found["qwen"]["answering_seconds"], found["qwen"]["seconds"]) == (1200.0, 1200.0)
    assert found["qwen"]["cost"] == pytest.approx(1200.0)  # 3600 an hour are 1 a second
    assert found["rules"] == _costs(tiny[0], ["rules"], 3600.0)["rules"]


@pytest.mark.parametrize("run", ["rules", "ghost"])
def test_seconds_of_a_run_that_was_timed_are_refused(tiny: tuple[Path, Path], run: str) -> None:
    with pytest.raises(InputError, match=rf"--seconds {run}: only imported runs brought no times \(qwen\)"):
        _costs(tiny[0], ["rules", "qwen"], **{run: 5.0})
    with pytest.raises(InputError, match=rf"--seconds {run}: .*\(none\)"):
        _costs(tiny[0], ["rules"], **{run: 5.0})


def test_a_stored_ensemble_costs_what_its_members_do_where_they_are_known(tmp_path: Path) -> None:
    path, _ = make_store(tmp_path)
    with Store(path, write=True) as store:
        run_ensemble(store, "vote", ["rules", "qwen"], CHALLENGE, "kept")
    assert _costs(path, ["rules", "qwen", "kept"])["kept"]["seconds"] is None  # qwen has no times
    found = _costs(path, ["rules", "qwen", "kept"], qwen=1000.0)
    assert found["kept"]["reading_seconds"] == found["rules"]["reading_seconds"] == 250.0
    own = found["kept"]["answering_seconds"] - found["rules"]["answering_seconds"] - 1000.0
    assert 0.0 <= own < 60_000.0  # its own time, which is real
    assert _costs(path, ["rules", "kept"])["kept"]["seconds"] is None  # a member is not in the report


RATE = st.fixed_dictionaries({
    "answering_seconds": st.one_of(st.none(), st.floats(0.0, 1e6)), "reading_seconds": st.floats(0.0, 1e4),
})  # fmt: skip


@given(runs=st.lists(RATE, min_size=1, max_size=4), share=st.floats(0.0, 1.0), price=st.floats(0.01, 100.0))
def test_looking_less_never_costs_more(runs: list[dict[str, Any]], share: float, price: float) -> None:
    of_runs = {f"{place}": own for place, own in enumerate(runs)}
    looked = {"some": {**dict.fromkeys(of_runs, share), "0": 1.0}, "all": dict.fromkeys(of_runs, 1.0)}
    looked["first"] = {**dict.fromkeys(of_runs, 0.0), "0": 1.0}
    found = figures.hybrid_costs(looked, of_runs, price)
    first, some, whole = (found[name]["seconds"] for name in ("first", "some", "all"))
    assert (first is None) == (runs[0]["answering_seconds"] is None)
    if whole is not None:
        assert first - 1e-6 <= some <= whole + 1e-6
        assert whole <= sum(own["answering_seconds"] + own["reading_seconds"] for own in runs) + 1e-6
        assert found["all"]["cost"] == pytest.approx(whole * price / 3600.0)
    assert (some is None) == any(
        own["answering_seconds"] is None for place, own in enumerate(runs) if share or place == 0
    )
    assert found["some"]["looked"] == looked["some"]


def test_a_curve_by_hand_and_equal_ones_are_given_together() -> None:
    gold = gold_of(["1 gram", "2 gram", "", "4 gram"])
    column = column_of(gold, [("1 gram", 0.9), ("3 gram", 0.5), ("5 gram", 0.5), ("", 0.1)])
    (curve,) = figures.coverage_curves([column], {})
    # First row 0: TP 1, rows 1 and 3 missed. Then 1 and 2 at once: two wrong, row 3 missed.
    assert curve["points"] == [[0.25, pytest.approx(2 / 4)], [0.75, pytest.approx(2 / 5)]]
    assert (curve["name"], curve["by"], curve["at"]) == ("a", "p_correct", [0.75, pytest.approx(2 / 5)])


def test_one_answer_that_states_no_probability_leaves_the_order_to_what_all_state() -> None:
    gold = gold_of(["1 gram", "2 gram"])
    scored = [Answer(parse_written("1 gram"), p_correct=0.9, score=0.2), Answer(parse_written("3 gram"), score=0.8)]
    (curve,) = figures.coverage_curves([Column("a", ARM, "rules", tuple(scored), gold)], {})
    assert curve["by"] == "score"
    assert curve["points"] == [[0.5, 0.0], [1.0, pytest.approx(2 / 3)]]  # the wrong one is the surest
    logged = tuple(replace(one, log_prob=-place) for place, one in enumerate(scored, 1))
    (curve,) = figures.coverage_curves([Column("a", ARM, "vlm", logged, gold)], {})
    assert (curve["by"], curve["points"][0]) == ("log_prob", [0.5, pytest.approx(2 / 3)])
    silent = Column("b", ARM, "vlm", (replace(scored[0], score=None, p_correct=None), scored[1]), gold)
    assert figures.coverage_curves([silent, column_of(gold, [("", None), (None, None)])], {}) == []


@given(st.lists(ROW, min_size=1, max_size=30))
def test_a_point_is_the_score_of_the_column_cut_at_it(rows: list[tuple[str, str | None, float]]) -> None:
    gold = gold_of([truth for truth, _, _ in rows])
    column = column_of(gold, [(text, sure) for _, text, sure in rows])
    given = sorted({sure for _, text, sure in rows if text}, reverse=True)
    curves = figures.coverage_curves([column], {})
    assert len(curves) == bool(given)
    for least, (coverage, f1) in zip(given, curves[0]["points"] if curves else (), strict=True):
        cut = column_of(gold, [(text if sure >= least else "", sure) for _, text, sure in rows])
        counts = Counts.of(cut.outcomes)
        assert (coverage, f1) == (pytest.approx(counts.coverage), pytest.approx(counts.f1))


@pytest.mark.parametrize("count", [figures.POINTS - 1, figures.POINTS, figures.POINTS + 1, 3 * figures.POINTS + 7])
def test_a_long_curve_is_thinned_and_keeps_its_end(count: int) -> None:
    gold = gold_of(["1 gram"] * count)
    column = column_of(gold, [("1 gram" if i % 2 else "2 gram", 1.0 - i / count) for i in range(count)])
    (curve,) = figures.coverage_curves([column], {})
    assert figures.POINTS / 2 <= len(curve["points"]) <= figures.POINTS
    assert curve["points"][-1] == [1.0, pytest.approx(Counts.of(column.outcomes).f1)]
    assert [point[0] for point in curve["points"]] == sorted({point[0] for point in curve["points"]})


def test_a_hybrids_curve_goes_on_where_it_gave_nothing() -> None:
    gold = gold_of(["1 gram", "2 gram"])
    own = replace(column_of(gold, [("1 gram", 0.9), ("", 0.2)], "h", "ensemble"), kind=HYBRID)
    more = replace(column_of(gold, [("1 gram", 0.9), ("2 gram", 0.2)], "h", "ensemble"), kind=HYBRID)
    (curve,) = figures.coverage_curves([own], {"h": more})
    assert curve["points"] == [[0.5, pytest.approx(2 / 3)], [1.0, 1.0]]
    assert curve["at"] == [0.5, pytest.approx(2 / 3)]  # the dot stays where it decided


def test_p_counts_answers_and_q_counts_rows_that_were_asked() -> None:
    gold = gold_of(["1 gram", "", "3 gram", "4 gram"])
    (told,) = figures.reliabilities([column_of(gold, [("1 gram", 0.75), ("2 gram", 0.75), ("", 0.35), (None, None)])])
    assert (told["p"]["rows"], told["q"]["rows"]) == (2, 3)
    assert told["p"]["error"] == pytest.approx(0.25)  # said .75, one of two came true
    assert told["q"]["error"] == pytest.approx((2 * 0.25 + 0.65) / 3)
    none = column_of(gold, [("1 gram", None)] * 4, "none")
    silent = column_of(gold, [("", 0.5)] * 4, "silent")
    assert [one["name"] for one in figures.reliabilities([none, silent])] == ["silent"]
    assert figures.reliabilities([silent])[0]["p"] is None


def test_reliability_and_curve_of_an_arm_with_probabilities(tmp_path: Path) -> None:
    texts = ["500 gram", "3 kilogram", "", "3 pound", "5 volt", "5 volt", "7 ounce", "9 volt"]
    sure = [0.95, 0.45, 0.5, 0.85, 0.35, 0.15, 0.75, 0.65]
    arms = {"rules": default_arms()["rules"], "p": [said(t, sure=s) for t, s in zip(texts, sure, strict=True)]}
    found = summary(*make_store(tmp_path, arms), runs="rules,p")
    told = of(found["reliability"], "p")["p"]
    assert told["rows"] == 7
    # Right with .95 .85 .75 .65, wrong with .45 .35 .15, each in a bin of its own.
    assert told["error"] == pytest.approx((0.05 + 0.15 + 0.25 + 0.35 + 0.45 + 0.35 + 0.15) / 7, abs=1e-6)
    assert of(found["reliability"], "p")["q"]["rows"] == 8
    curve = of(found["curves"], "p")
    assert curve["by"] == "p_correct"
    assert curve["points"][0] == [0.125, pytest.approx(2 / 7, abs=1e-6)]  # one right, five others missed
    assert curve["points"][3] == [0.5, pytest.approx(8 / 10)]  # four right; two that are wrong are missed
    assert curve["points"][-1][1] == pytest.approx(of(found["columns"], "p")["scores"]["all"][""]["f1"])
    rules = of(found["curves"], "rules")
    assert (rules["by"], rules["at"]) == ("score", [0.625, 0.6])
    assert rules["points"][-1] == [0.875, pytest.approx(8 / 11, abs=1e-6)]  # with its best candidates for rows 6 and 7
