"""Variants, hybrids, units, labels, cost, probabilities and differences of an ablation, reckoned by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer, LineGeometry, OcrLine, PageGeometry, Quantity, Question
from entx.report.ablation.audit import label_noise, relation, table_labels
from entx.report.ablation.diff import diff, load_summary
from entx.report.ablation.variants import best_candidate, strict_form
from entx.rules.reader import answer_questions
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions, find_labels, find_questions, run_totals
from entx.storage.store import Store
from tests.report.ablations import KEY, default_arms, gram, make_store, measured, of, said, summary
from tests.report.views import HORIZONTAL, VERTICAL, WIDE, page


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_store(tmp_path_factory.mktemp("tiny"))


def test_always_answering_gives_the_best_candidate(tiny: tuple[Path, Path]) -> None:
    rules = of(summary(*tiny)["variants"], "rules")
    # Row 6 becomes right, row 7 wrong: TP 4, FP 3, FN 0.
    assert rules["always"]["f1"] == pytest.approx(8 / 11, abs=1e-6)
    assert rules["always"]["difference"] == pytest.approx(8 / 11 - 6 / 10, abs=1e-6)
    assert rules["always"]["changed"] == 2
    assert rules["always"]["coverage"] == pytest.approx(7 / 8)
    # Perfect abstention: row 2 becomes TN. TP 3, FP 1, FN 2; with all answers TP 4, FP 2, FN 0.
    assert rules["perfect"] == pytest.approx(6 / 9, abs=1e-6)
    assert rules["perfect_always"] == pytest.approx(8 / 10)
    assert rules["strict"] is None  # a printed line is no answer


def test_an_arm_without_a_known_candidate_cannot_always_answer(tiny: tuple[Path, Path]) -> None:
    assert of(summary(*tiny)["variants"], "qwen")["always"] is None


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
        ("5 gram", "5.0 gram"),
        (" 5.50  meter ", "5.5 metre"),
        ("3 feet", "3.0 foot"),
        ("10 volt", "10.0 volt"),
        ("5 grams", None),
        ("5 Gram", None),
        ("5g", None),
        ("", None),
        ("it is 5 gram", None),
    ],
)
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


def test_hybrids_of_two_arms_and_the_first_arm_wins_ties(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny, strategies=("vote",))
    vote = of(found["columns"], "vote")
    assert (vote["kind"], vote["asked"]) == ("hybrid", 8)
    answers = [row["answers"]["vote"] for row in found["rows"]]
    assert answers == ["500.0 gram", "2.0 kilogram", "1.0 gram", "4.0 pound", "24.0 volt", "", "", ""]
    assert any(note.startswith("vote learns nothing here: 8 labelled rows") for note in found["notes"])


def test_a_stored_ensemble_has_no_vote_in_hybrids(tmp_path: Path) -> None:
    path, table = make_store(tmp_path)
    from entx.ensemble.job import run_ensemble  # a real run, as `entx ensemble` makes it

    with Store(path, write=True) as store:
        run_ensemble(store, "vote", ["rules", "qwen"], CHALLENGE, "kept")
    found = summary(path, table, "rules,qwen,kept", strategies=("vote",))
    assert [row["answers"]["kept"] == row["answers"]["vote"] for row in found["rows"]] == [True] * 8
    assert found["oracle"]["arms"] == ["rules", "qwen"]
    assert of(found["variants"], "kept")["strict"] is None


def test_fewer_than_two_arms_make_no_hybrid(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny, runs="rules", strategies=("vote",))
    assert [column["name"] for column in found["columns"]] == ["rules"]
    assert "no hybrids: fewer than two arms" in found["notes"]
    assert found["pairs"] == []


def test_an_unknown_strategy_and_a_run_with_a_hybrids_name(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, {**default_arms(), "vote": default_arms()["qwen"]})
    with pytest.raises(InputError, match="unknown strategy 'coin'"):
        measured(path, table, strategies=("coin",))
    with pytest.raises(InputError, match="run 'vote' has the name of a hybrid"):
        measured(path, table, "rules,vote", strategies=("vote",))


def test_unit_audit_finds_exact_conversions(tiny: tuple[Path, Path]) -> None:
    qwen = of(summary(*tiny)["units"], "qwen")
    assert (qwen["wrong"], qwen["converted"], qwen["rounded"]) == (2, 1, 0)  # rows 0 and 1
    assert qwen["examples"] == ["0: 0.5 kilogram = 500 gram"]
    assert qwen["f1_converted"] == pytest.approx(6 / 10)  # TP 3, FP 2, FN 2


@pytest.mark.parametrize(
    ("answer", "right", "how"),
    [
        ("500 gram", "500.0 gram", "equal"),
        ("0.5 kilogram", "500 gram", "converted"),
        ("11 pound", "5 kilogram", "rounded"),
        ("5.04 kilogram", "5 kilogram", ""),
        ("12 pound", "5 kilogram", ""),
        ("1 ton", "1000 kilogram", ""),
    ],
)
def test_relation_of_two_sizes(answer: str, right: str, how: str) -> None:
    def read(text: str) -> Quantity:
        number, unit = text.split(" ", 1)
        return Quantity(Decimal(number), unit)

    assert relation(read(answer), [read(right)]) == how


def test_labels_of_the_store_against_gold(tmp_path: Path) -> None:
    path, table = make_store(tmp_path)
    labels = [("0.jpg", "500.0 gram"), ("1.jpg", "2000 gram"), ("2.jpg", "5 gram"), ("3.jpg", "9 pound"), ("6.jpg", "")]
    with Store(path, write=True) as store:
        add_questions(
            store,
            [Question(100 + i, link, "g", "item_weight", None, label) for i, (link, label) in enumerate(labels)]
            + [Question(200, "4.jpg", "g", "wattage", None, "5 watt")],
            "train.csv",
        )
    found = summary(path, table)["labels"]
    assert found["source"] == "other labelled questions of the store"
    counts = {"n": 5, "equal": 1, "converted": 1, "other": 1, "empty": 1, "blank": 1, "agree_empty": 0}
    assert {key: found[key] for key in counts} == counts
    assert found["entity_name"] == {"item_weight": counts}


def test_the_golds_own_questions_are_no_labels(tmp_path: Path) -> None:
    path, _ = make_store(tmp_path)
    with Store(path, write=True) as store:
        add_questions(store, [Question(50, "50.jpg", "g", "voltage", None, "5 volt")], "own.csv")
        assert find_labels(store, [("50.jpg", "voltage")], [50]) == []
        assert find_labels(store, [("50.jpg", "voltage")], []) == [("50.jpg", "voltage", "5 volt")]


def test_labels_of_a_table_with_ranges_and_alternatives(tmp_path: Path) -> None:
    path, table = make_store(tmp_path)
    train = tmp_path / "train.csv"
    train.write_text(
        'image_link,entity_name,entity_value\n4.jpg,voltage,24.0 volt\n7.jpg,voltage,"[9.0, 12.0] volt"\n'
        "5.jpg,voltage,\nelsewhere.jpg,voltage,1 volt\n",
        encoding="utf-8",
    )
    found = summary(path, table, train=train)["labels"]
    assert (found["source"], found["n"]) == ("train.csv", 3)
    assert (found["equal"], found["other"], found["agree_empty"]) == (1, 1, 1)
    assert label_noise([], measured(path, table).gold, "nothing") is None
    assert len(table_labels(train, CHALLENGE)) == 4


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


def test_a_hybrid_costs_what_its_runs_cost_with_one_reading(tmp_path: Path) -> None:
    arms: dict[str, list[Answer | None]] = {"rules": default_arms()["rules"]}
    arms["slow"] = [Answer(gram(1), seconds=2.0) for _ in range(8)]
    columns = summary(*make_store(tmp_path, arms), runs="rules,slow", strategies=("vote",))["columns"]
    assert of(columns, "slow")["cost"]["seconds"] == 2000.0
    vote = of(columns, "vote")["cost"]
    assert (vote["answering_seconds"], vote["reading_seconds"]) == (2500.0, 250.0)


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


def test_look_ups(tiny: tuple[Path, Path]) -> None:
    with Store(tiny[0]) as store:
        assert list(find_questions(store, [7, 3, 99])) == [3, 7]
        assert find_questions(store, [3])[3].entity_name == "item_weight"
        totals = run_totals(store, "qwen")
        assert (totals.stage, totals.asked, totals.answered, totals.wall_seconds) == ("vlm", 7, 5, 4.0)


def test_diff_of_a_report_with_itself_is_empty(tiny: tuple[Path, Path]) -> None:
    one = summary(*tiny)
    found = diff(one, one)
    assert found["rows"] == {"compared": 8, "only_old": 0, "only_new": 0, "truth_changed": 0}
    assert all(not column["changed"] and column["old_f1"] == column["new_f1"] for column in found["columns"])


def test_diff_lists_changed_rows_and_f1(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = summary(*make_store(tmp_path / "old"))
    better = default_arms()
    better["rules"][3] = said("3 pound")
    better["more"] = better.pop("qwen")
    new = summary(*make_store(tmp_path / "new", better), runs="rules,more")
    found = diff(old, new)
    assert (found["added"], found["removed"]) == (["more"], ["qwen"])
    rules = of(found["columns"], "rules")
    assert (rules["old_f1"], rules["new_f1"]) == (0.6, pytest.approx(8 / 11, abs=1e-6))  # TP 4, FP 1, FN 2
    assert [(row["index"], row["old"], row["new"], row["new_outcome"]) for row in rules["changed"]] == [
        (3, "4.0 pound", "3.0 pound", "TP")
    ]


def test_diff_compares_common_rows_only(tiny: tuple[Path, Path]) -> None:
    whole, part = summary(*tiny), summary(*tiny, where=(("slice", "small"),))
    found = diff(whole, part)["rows"]
    assert (found["compared"], found["only_old"], found["only_new"]) == (4, 4, 0)
    assert of(diff(whole, part)["columns"], "rules")["old_f1"] == pytest.approx(4 / 6, abs=1e-6)


def _damaged(good: dict[str, Any], **changes: Any) -> str:
    return json.dumps({**good, **changes})


def test_files_that_are_no_report(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    good = summary(*tiny)
    file = tmp_path / "old.json"
    for text, says in [
        ("{", "not the JSON of an ablation report"),
        ("[]", r"not an ablation report of format 1 \(found None\)"),
        (_damaged(good, format=99), r"found 99"),
        (_damaged(good, rows=[{"index": 1}]), "a damaged ablation report: KeyError"),
        (_damaged(good, rows=[{**good["rows"][0], "outcomes": {"rules": "XX"}}]), "a damaged ablation report"),
        (_damaged(good, columns=None), "a damaged ablation report"),
    ]:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=says) as caught:
            load_summary(file)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        load_summary(tmp_path / "none.json")
    file.write_text(json.dumps(good), encoding="utf-8")
    assert load_summary(file) == good


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


def test_rules_without_geometry_read_the_same_pages_again(tmp_path: Path) -> None:
    path, table = _read_by_rules(tmp_path)
    rules = of(summary(path, table, runs="rules")["variants"], "rules")
    assert rules["f1"] == 1.0
    assert rules["flat"]["f1"] < 1.0
    assert rules["flat"]["changed"] > 0


def test_a_run_of_another_reader_is_not_read_again(tmp_path: Path, tiny: tuple[Path, Path]) -> None:
    assert of(summary(*tiny)["variants"], "rules")["flat"] is None  # its settings name no reader
    path, table = _read_by_rules(tmp_path)
    with Store(path, write=True) as store:  # a new label: other habits than those the run was made with
        labels = [
            Question(9, "b.jpg", "h", "depth", None, "3 inch"), Question(10, "b.jpg", "h", "width", None, "3 inch"),
        ]  # fmt: skip
        add_questions(store, labels, "u.csv")
    assert of(summary(path, table, runs="rules")["variants"], "rules")["flat"] is None
