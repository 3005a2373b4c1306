"""An ablation as a whole: by hand on a tiny store, by what holds of 120 rows by chance, and against an older one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.evaluation import Counts, Outcome, evaluate
from entx.core.types import LineGeometry, OcrLine, PageGeometry, Question
from entx.report.figures import Cause
from entx.report.page import make_gallery, write_html
from entx.report.summary import diff, load_summary, write_json
from entx.rules.reader import answer_questions
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store
from entx.storage.transfer import write_predictions
from tests.report.ablations import KEY, RIGHT, ROWS, default_arms, make_store, measured, of, said, summary
from tests.report.views import HORIZONTAL, VERTICAL, WIDE, page


def _counts(found: dict[str, Any], name: str, part: str = "all", key: str = "") -> list[int]:
    score = of(found["columns"], name)["scores"][part][key]
    return [score[outcome] for outcome in ("tp", "fp", "fn", "tn")]


def test_counts_and_f1_of_each_arm_and_part(small: dict[str, Any]) -> None:
    rules, qwen = (of(small["columns"], name)["scores"]["all"][""] for name in ("rules", "qwen"))
    assert (_counts(small, "rules"), _counts(small, "qwen")) == ([3, 2, 2, 1], [2, 3, 2, 1])
    assert (rules["f1"], rules["precision"], rules["coverage"]) == pytest.approx((6 / 10, 3 / 5, 5 / 8))
    assert qwen["f1"] == pytest.approx(4 / 9, abs=1e-6)
    assert rules["f1_low"] <= rules["f1"] <= rules["f1_high"]
    scores = of(small["columns"], "rules")["scores"]
    assert {name: part["n"] for name, part in scores["slice"].items()} == {"small": 4, "large": 4}
    assert {name: part["n"] for name, part in scores["entity_name"].items()} == {"item_weight": 5, "voltage": 3}
    assert _counts(small, "rules", "slice", "small") == [2, 2, 0, 0]  # 0 and 1 right, 2 on empty, 3 wrong
    assert scores["slice"]["small"]["f1"] == pytest.approx(4 / 6, abs=1e-6)


def test_every_answer_stands_in_the_rows_and_who_was_not_asked_is_told(small: dict[str, Any]) -> None:
    row = small["rows"][0]
    assert (row["truth"], row["answers"]) == ("500 gram", {"rules": "500.0 gram", "qwen": "0.5 kilogram"})
    assert (row["outcomes"], row["causes"]) == ({"rules": "TP", "qwen": "FP"}, {"qwen": "wrong pick"})
    assert of(small["columns"], "qwen")["asked"] == 7
    assert "qwen was not asked 1 of 8 rows; they count as not answered" in small["notes"]


def test_common_keeps_rows_that_all_were_asked_and_where_those_named(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny, common=True)
    assert ([row["index"] for row in found["rows"]], found["notes"]) == ([0, 1, 2, 3, 4, 5, 6], [])
    assert _counts(found, "rules") == [3, 2, 1, 1]
    assert [row["index"] for row in summary(*tiny, where=(("slice", "small"),))["rows"]] == [0, 1, 2, 3]
    assert len(summary(*tiny, where=(("slice", "small"), ("slice", "large")))["rows"]) == 8


def test_runs_that_are_not_there_or_hold_nothing(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, {**default_arms(), "none": []})
    for run, says in (("x", "run 'x' is not in"), ("none", "'none' holds no answers"), ("rules", "names rules twice")):
        with pytest.raises(InputError, match=says):
            measured(path, table, f"rules,{run}")


def test_no_row_that_all_were_asked(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, {"rules": [said("1 gram"), None], "qwen": [None, said("1 gram")]})
    with pytest.raises(InputError, match="none of its rows was asked of every one"):
        measured(path, table, common=True)
    assert summary(path, table)["oracle"]["parts"][""]["n"] == 8


def test_pages_of_the_key_are_those_of_the_first_arm_that_read_some(tiny: tuple[Path, Path]) -> None:
    gathered = measured(*tiny)
    assert gathered.key == KEY
    assert len(gathered.pages) == 8
    assert gathered.printed == [False, False, False, False, False, False, True, False]


def _read_by_rules(folder: Path) -> tuple[Path, Path]:
    """A store with a drawing whose two numbers only geometry tells apart, read by the real rules reader."""
    path, table = folder / "s.duckdb", folder / "gold.csv"
    table.write_text("index,value\n0,24 centimetre\n1,30 centimetre\n", encoding="utf-8")
    with Store(path, write=True) as store:
        add_questions(store, [Question(0, "a.jpg", "g", "height"), Question(1, "a.jpg", "g", "width")], "t.csv")
        beside = LineGeometry(0, vertical=replace(VERTICAL, score=0.9))
        below = LineGeometry(1, None, replace(HORIZONTAL, score=0.9))
        lines = (OcrLine("24 cm", 0.9, (20, 150, 70, 150, 70, 170, 20, 170)), OcrLine("30 cm", 0.9, WIDE))
        drawn = replace(page(), lines=lines, geometry=PageGeometry(lines=(beside, below)))
        add_files(store, [LinkedFile("a.jpg", drawn.picture, "a.jpg", 1, 1)])
        add_pages(store, KEY, "ocr", [drawn])
        answer_questions(store, KEY, CHALLENGE, "rules")
    return path, table


def test_rules_without_geometry_read_the_same_pages_again_and_another_reader_does_not(
    tmp_path: Path, tiny: tuple[Path, Path]
) -> None:
    path, table = _read_by_rules(tmp_path)
    rules = of(summary(path, table, runs="rules")["variants"], "rules")
    assert rules["f1"] == 1.0
    assert rules["flat"]["f1"] < 1.0
    assert rules["flat"]["changed"] > 0
    assert of(summary(*tiny)["variants"], "rules")["flat"] is None  # its settings name no reader
    with Store(path, write=True) as store:  # a new label: other habits than those the run was made with
        names = enumerate(("depth", "width"), 9)
        add_questions(store, [Question(i, "b.jpg", "h", name, None, "3 inch") for i, name in names], "u.csv")
    assert of(summary(path, table, runs="rules")["variants"], "rules")["flat"] is None


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


def test_perfect_abstention_never_loses_and_always_answering_covers_as_much(found: dict[str, Any]) -> None:
    for one in found["variants"]:
        assert one["perfect"] >= one["f1"]
        if one["always"] is not None:
            assert one["perfect_always"] >= one["always"]["f1"]
            assert one["perfect_always"] >= one["perfect"] or one["always"]["changed"] > 0
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
    rare = [test["n"] for test in found["pairs"] if "rare" in (test["first"], test["second"]) and not test["part"]]
    assert set(rare) == {40}
    clear = next(test for test in found["pairs"] if (test["first"], test["second"]) == ("good", "poor"))
    assert clear["separable"]
    assert clear["p"] < 0.05


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
    assert all(_counts(one, name) == _counts(other, name) for name in ("good", "fair"))
    assert diff(one, other)["rows"]["compared"] == ROWS
    assert all(not own["changed"] and own["old_f1"] == own["new_f1"] for own in diff(one, other)["columns"])


def test_diff_backwards_is_the_diff_turned_round(many: tuple[Path, Path]) -> None:
    one = summary(*many, "good,fair")
    other = summary(*many, "good,fair", where=(("slice", "small"),))
    for row in other["rows"][:5]:
        row["answers"]["good"], row["outcomes"]["good"] = "1.0 gram", "FP"
    there, back = diff(one, other), diff(other, one)
    assert there["rows"]["only_old"] == back["rows"]["only_new"] == ROWS // 3
    for ahead, behind in zip(there["columns"], back["columns"], strict=True):
        assert (ahead["old_f1"], ahead["new_f1"]) == (behind["new_f1"], behind["old_f1"])
        turned = [(row["index"], row["new"]) for row in behind["changed"]]
        assert [(row["index"], row["old"]) for row in ahead["changed"]] == turned


def test_diff_lists_changed_rows_and_f1(small: dict[str, Any], tmp_path: Path) -> None:
    better = default_arms()
    better["rules"][3] = said("3 pound")
    better["more"] = better.pop("qwen")
    found = diff(small, summary(*make_store(tmp_path, better), runs="rules,more"))
    assert (found["added"], found["removed"]) == (["more"], ["qwen"])
    rules = of(found["columns"], "rules")
    assert (rules["old_f1"], rules["new_f1"]) == (0.6, pytest.approx(8 / 11, abs=1e-6))  # TP 4, FP 1, FN 2
    assert [(row["index"], row["old"], row["new"], row["new_outcome"]) for row in rules["changed"]] == [
        (3, "4.0 pound", "3.0 pound", "TP")
    ]


def test_diff_compares_common_rows_only(tiny: tuple[Path, Path], small: dict[str, Any]) -> None:
    found = diff(small, summary(*tiny, where=(("slice", "small"),)))
    assert found["rows"] == {"compared": 4, "only_old": 4, "only_new": 0, "truth_changed": 0}
    assert of(found["columns"], "rules")["old_f1"] == pytest.approx(4 / 6, abs=1e-6)


CHANGES = st.lists(
    st.tuples(st.integers(0, ROWS - 1), st.sampled_from(["", "1.0 gram"]), st.sampled_from(["FP", "FN"]))
)


@given(changes=CHANGES, gone=st.sets(st.integers(0, ROWS - 1), max_size=20))
def test_a_diff_finds_exactly_what_was_changed(found: dict[str, Any], changes: list[Any], gone: set[int]) -> None:
    rows = [
        {**row, "answers": dict(row["answers"]), "outcomes": dict(row["outcomes"])}
        for row in found["rows"]
        if row["index"] not in gone
    ]
    by_index = {row["index"]: row for row in rows}
    for index, text, outcome in changes:
        if index in by_index:
            by_index[index]["answers"]["good"], by_index[index]["outcomes"]["good"] = text, outcome
    told = diff(found, {**found, "rows": rows})
    assert (told["added"], told["removed"]) == ([], [])
    assert told["rows"] == {
        "compared": len(rows), "only_old": ROWS - len(rows), "only_new": 0, "truth_changed": 0,
    }  # fmt: skip
    before = {row["index"]: row for row in found["rows"]}
    parts = ("answers", "outcomes")
    differ = [i for i, row in by_index.items() if any(row[of]["good"] != before[i][of]["good"] for of in parts)]
    assert [row["index"] for row in of(told["columns"], "good")["changed"]] == differ
    assert all(not one["changed"] for one in told["columns"] if one["name"] != "good")
    for one in told["columns"]:
        now = Counts.of(np.array([Outcome[row["outcomes"][one["name"]]] for row in rows], dtype=np.int64)).f1
        assert one["new_f1"] == pytest.approx(now, abs=1e-6)


DAMAGED = r"old\.json: a damaged ablation report: "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", r"old\.json: not the JSON of an ablation report"),
        ("[" * 100_000, "not the JSON"),
        ("[]", r"not an ablation report of format 1 \(found None\)"),
        ("3", "found None"),
        ('{"format": 99}', "found 99"),
        ('{"format": 1}', DAMAGED),
        ('{"format": 1, "rows": [{"index": "0"}], "columns": []}', DAMAGED),
        ('{"format": 1, "rows": [{"index": 1}], "columns": []}', DAMAGED + "KeyError"),
        ('{"format": 1, "rows": [], "columns": [{"name": 3}]}', DAMAGED + "TypeError"),
        ('{"format": 1, "rows": [{"index": 0, "truth": "", "outcomes": {"a": "TP"}, "answers": {}}], "columns": []}',
         "different names"),
        (None, "cannot be read"),
    ],
)  # fmt: skip
def test_files_that_are_no_report(text: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        load_summary(path)
    assert "\n" not in str(caught.value)


def test_an_older_report_that_could_not_be_compared_is_refused(small: dict[str, Any], tmp_path: Path) -> None:
    rows, columns, path = small["rows"], small["columns"], tmp_path / "old.json"
    part = {name: {"rules": rows[-1][name]["rules"]} for name in ("answers", "outcomes")}
    for damage in (
        {"columns": [*columns, {"name": "ghost"}]},  # a name that no row has
        {"rows": [*rows[:-1], {**rows[-1], **part}]},  # a row without a column
        {"rows": [{**rows[0], "answers": {**rows[0]["answers"], "qwen": 5}}, *rows[1:]]},
        {"rows": [{**rows[0], "outcomes": {"rules": "XX"}}]},
        {"columns": None},
    ):
        path.write_text(json.dumps({**small, **damage}), encoding="utf-8")
        with pytest.raises(InputError, match=DAMAGED + "(ValueError|TypeError|KeyError)") as caught:
            load_summary(path)
        assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(
    key=st.sampled_from(["rows", "columns"]),
    value=JSON,
    inside=st.sampled_from(["", "index", "truth", "answers", "outcomes", "name"]),
)
def test_whatever_stands_in_an_older_report_it_is_read_or_refused(
    small: dict[str, Any], tiny: tuple[Path, Path], key: str, value: Any, inside: str
) -> None:
    wrong = [{**small[key][0], inside: value}, *small[key][1:]] if inside else value
    path = tiny[0].with_name("old.json")
    path.write_text(json.dumps({**small, key: wrong}), encoding="utf-8")
    told = ""
    try:
        assert {"rows", "columns"} <= diff(load_summary(path), small).keys()  # what is let in can be compared
    except InputError as error:
        told = str(error)
    assert not told or told.startswith(f"{path}: a damaged ablation report: ")


def test_what_was_written_is_read_as_it_was(tiny: tuple[Path, Path], small: dict[str, Any], tmp_path: Path) -> None:
    write_json(small, tmp_path / "r.json")
    assert load_summary(tmp_path / "r.json") == small
    write_html(small, make_gallery(measured(*tiny), most=1, picture_bytes=0), tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!")
    with pytest.raises(InputError, match=r"r\.html"):
        write_json(small, tmp_path / "r.html" / "r.json")  # a file is no folder
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json"]
