from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from entx.cli.app import run_names
from entx.core.errors import InputError
from entx.report.review.forms import NOT_SHOWN, labelling_config
from tests.cli.runner import Ended, Entx
from tests.ensemble.arms import Said, make_store
from tests.report.label_studio import annotation, exported, write_json
from tests.report.reviewed import TRUTH, labels_of, make_reviewed


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_reviewed(tmp_path / "s.duckdb")


def _export(entx: Entx, store: Path, *more: object, runs: str = "picked(a,b)") -> Ended:
    return entx("review", "export", "--store", store, "--runs", runs, *more)


def _tasks(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8")))


def _answered(tasks: list[dict[str, Any]]) -> list[Any]:
    annotations = []
    for number, task in enumerate(tasks):
        choices = [choice["value"] for choice in task["data"]["choices"]]
        annotations.append([annotation(number, TRUTH[task["data"]["index"]], choices=choices)])
    return exported(tasks, annotations)


def test_there_and_back(store: Path, tmp_path: Path, entx: Entx) -> None:
    out, sheet, config, labels = (tmp_path / name for name in ("t.json", "q.csv", "l.xml", "labels.csv"))
    ended = _export(entx, store, "--out", out, "--csv", sheet, "--config-out", config)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "6 answers decided by picked(a,b)\n6 questions queued; expected F1 0.623 now, 1.000 when they are made right\n"
    )
    assert config.read_text() == labelling_config()
    assert [task["data"]["index"] for task in _tasks(out)] == [2, 1, 5, 3, 4, 0]
    with sheet.open(newline="") as stream:
        assert [row["index"] for row in csv.DictReader(stream)] == list("215340")

    project = write_json(tmp_path / "project.json", _answered(_tasks(out)))
    ended = entx("review", "import", project, "--store", store, "--out", labels)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("6 answers read (3 accepted, ")
    assert ended.out.endswith(f"6 new in the store\n6 labels written to {labels}\n")
    assert labels_of(labels) == TRUTH

    ended = _export(entx, store, "--out", out, "--json")
    assert ended.json["left_out"] == {"reviewed already": 6}
    assert _tasks(out) == []
    assert _export(entx, store, "--out", out, "--again", "--json").json["queued"] == 6


def test_the_labels_serve_evaluate_and_ablate(store: Path, tmp_path: Path, entx: Entx) -> None:
    out, labels = tmp_path / "t.json", tmp_path / "labels.csv"
    _export(entx, store, "--out", out)
    project = write_json(tmp_path / "project.json", _answered(_tasks(out)))
    entx("review", "import", project, "--store", store, "--out", labels)
    predictions = tmp_path / "pred.csv"
    predictions.write_text("index,prediction\n" + "".join(f"{index},{text}\n" for index, text in TRUTH.items()))
    ended = entx("evaluate", predictions, "--gold", labels, "--json")
    assert ended.json["overall"]["f1"] == 1.0
    ended = entx("ablate", "--store", store, "--gold", labels, "--runs", "a,b", "--strategies", "none", "--json")
    assert ended.code == 0, ended.err
    assert [column["scores"]["all"][""]["n"] for column in ended.json["columns"]] == [6, 6]


def test_problems_end_with_code_3_and_a_line_each(store: Path, tmp_path: Path, entx: Entx) -> None:
    sheet = tmp_path / "q.csv"
    sheet.write_text("index,answer\n1,5 cm\n2,9 g\n99,1 g\n3,\n")
    labels = tmp_path / "labels.csv"
    ended = entx("review", "import", sheet, "--store", store, "--out", labels, "--annotator", "ann")
    assert ended.code == 3
    assert ended.err.splitlines() == [
        "entx: line 2 (question 1): '5 cm': the unit centimetre is not allowed for item_weight (gram, kilogram, "
        "microgram, milligram, ounce, pound, ton)",
        "entx: line 4 (question 99): the store has no question of this index",
    ]
    assert ended.out == (
        "1 answers read (1 answered): 1 new in the store\n0 skipped by their annotator, 1 not answered yet\n"
        f"1 labels written to {labels}\n"
    )
    assert labels_of(labels) == {2: "9.0 gram"}
    ended = entx("review", "import", sheet, "--store", store, "--json")
    plain = ended.json
    assert (ended.code, plain["read"], plain["added"], plain["labels"]) == (3, 1, 1, None)  # somebody else: no name
    assert [problem["index"] for problem in plain["problems"]] == [1, 99]


def test_many_problems_are_counted(store: Path, tmp_path: Path, entx: Entx) -> None:
    sheet = tmp_path / "q.csv"
    sheet.write_text("index,answer\n1,5 g\n" + "".join(f"{index},1 g\n" for index in range(50, 80)))
    ended = entx("review", "import", sheet, "--store", store)
    assert len(ended.err.splitlines()) == 21
    assert ended.err.splitlines()[-1] == "entx: and 10 more; --json lists all"


def test_votes_are_told_to_be_no_calibrated_figures(store: Path, tmp_path: Path, entx: Entx) -> None:
    ended = _export(entx, store, "--out", tmp_path / "t.json", "--disagree", "--most", 2, runs="a,b")
    assert ended.code == 0
    assert "6 of 6 answers have no calibrated probabilities" in ended.err
    assert "3 left out: the runs agree" in ended.out
    assert ended.out.endswith("2 questions queued\n")  # and no F1
    assert "1 left out: worth less than those handed out" in ended.out
    assert all(choice["value"] != "" for task in _tasks(tmp_path / "t.json") for choice in task["data"]["choices"])


def test_local_pictures(store: Path, tmp_path: Path, entx: Entx) -> None:
    ended = _export(entx, store, "--out", tmp_path / "t.json", "--local-root", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert _tasks(tmp_path / "t.json")[0]["data"]["image"] == "/data/local-files/?d=p%202.jpg"
    (tmp_path / "other").mkdir()
    ended = _export(entx, store, "--out", tmp_path / "t.json", "--local-root", tmp_path / "other", "--json")
    assert "pictures of 6 questions are not under --local-root" in ended.err
    assert ended.json["without_picture"] == 6


def test_gold_is_learned_from_and_left_out(tmp_path: Path, entx: Entx) -> None:
    truths = ["" if i % 4 == 0 else f"{i + 1} gram" for i in range(80)]
    a: list[Said] = [truth if truth and i % 3 else "9999 gram" for i, truth in enumerate(truths)]
    b: list[Said] = [truth if not truth or i % 3 == 0 else "8888 gram" for i, truth in enumerate(truths)]
    store = make_store(tmp_path / "s.duckdb", {"a": a, "b": b})
    gold = tmp_path / "gold.csv"
    with gold.open("w", newline="") as stream:
        csv.writer(stream).writerows([["index", "value"], *([i, truths[i]] for i in range(60))])
    out = tmp_path / "t.json"
    ended = _export(entx, store, "--gold", gold, "--out", out, runs="a,b")
    assert ended.code == 0, ended.err
    assert "80 answers decided by stack (fitted)" in ended.out
    assert {task["data"]["index"] for task in _tasks(out)} == set(range(60, 80))
    assert all(task["data"]["p_present"] is not None for task in _tasks(out))
    # what was learned can be saved by `entx ensemble`, and given instead
    saved = tmp_path / "stack.json"
    learning = ["--strategy", "stack", "--gold", gold, "--save", saved, "--run", "e"]
    assert entx("ensemble", "--store", store, "--runs", "a,b", *learning).code == 0
    for more in (["--fitted", saved, "--gold", gold], ["--gold", gold]):
        other = tmp_path / "other.json"
        runs = "a,b" if "--fitted" in more else "a,b,e"
        assert _export(entx, store, *more, "--out", other, runs=runs).code == 0
        assert [task["data"] for task in _tasks(other)] == [task["data"] for task in _tasks(out)]


@pytest.mark.parametrize(
    ("more", "runs", "says"),
    [
        ([], "a,b", "nothing to write; give --out TASKS.json, --csv QUEUE.csv, or both"),
        (["--out", "t.json"], "a,,b", "names no run between two commas"),
        (["--out", "t.json"], "a,nobody", "run 'nobody' is not in"),
        (["--out", "t.json", "--entity", "hight"], "a,b", "unknown entity 'hight'"),
        (["--out", "t.json", "--local-root", "nowhere"], "a,b", "--local-root nowhere: no such folder"),
        (["--out", "t.json", "--fitted", "none.json"], "a,b", "none.json: cannot be read"),
    ],
)
def test_wrong_use_is_one_line(
    more: list[str], runs: str, says: str, store: Path, entx: Entx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)
    _export(entx, store, *more, runs=runs).assert_refused(says)
    assert not Path("t.json").exists()


def test_the_interface_is_printed(entx: Entx) -> None:
    ended = entx("review", "config")
    assert ended.code == 0
    assert ElementTree.fromstring(ended.out).tag == "View"
    assert entx("review", "config", "--json").json["config"] == labelling_config()


def test_accepting_is_submitting(store: Path, tmp_path: Path, entx: Entx) -> None:
    """The prediction as it stands, boxes included, is a valid annotation."""
    out = tmp_path / "t.json"
    _export(entx, store, "--out", out)
    tasks = _tasks(out)
    accepted = [
        [{**annotation(number, None), "result": task["predictions"][0]["result"]}] for number, task in enumerate(tasks)
    ]
    project = write_json(tmp_path / "project.json", exported(tasks, accepted))
    ended = entx("review", "import", project, "--store", store, "--out", tmp_path / "labels.csv", "--json")
    assert ended.json["outcomes"] == {"accepted": 6}
    decided = {task["data"]["index"]: task["data"]["decided"] for task in tasks}
    assert {i: text or "nothing" for i, text in labels_of(tmp_path / "labels.csv").items()} == decided
    assert NOT_SHOWN in out.read_text()


@pytest.mark.parametrize("text", ["", ",", "a,,b", "a,b,", " "])
def test_no_name_between_commas(text: str) -> None:
    with pytest.raises(InputError, match="names no run between two commas"):
        run_names(text)
