"""`entx show`, with the real engine where a picture is read on the spot, and `entx review`."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from entx.cli.app import run_names
from entx.core.errors import InputError
from entx.core.types import Question
from entx.report.forms import NOT_SHOWN, labelling_config
from entx.storage.questions import add_questions
from entx.storage.store import Store
from tests.cli.runner import Ended, Entx
from tests.ensemble.arms import make_learnable_store
from tests.report.label_studio import annotation, exported, write_json
from tests.report.reviewed import TRUTH, labels_of, make_reviewed

PICTURES = Path(str(files("entx") / "demo")) / "pictures"
CABINET = PICTURES / "02_cabinet.jpg"


@pytest.mark.engine
def test_a_picture_is_read_and_shown_as_page_and_picture(tmp_path: Path, entx: Entx) -> None:
    html, png = tmp_path / "a.html", tmp_path / "a.png"
    ended = entx("show", CABINET, "--entity", "height", "--entity", "voltage", "--out", html, "--out", png, "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    assert found["files"] == [str(html), str(png)]
    assert [(said["run"], said["entity"], said["answer"]) for said in found["answers"]] == [
        ("rules", "height", "54.3 centimetre"), ("rules", "voltage", ""),
    ]  # fmt: skip
    assert found["answers"][1]["reason"]
    page = html.read_text(encoding="utf-8")
    assert "54.3 centimetre" in page
    assert "data:image/jpeg;base64," in page
    with Image.open(png) as drawn, Image.open(CABINET) as original:
        assert drawn.format == "PNG"
        assert drawn.width > original.width
        shrunk = drawn.crop((0, 0, 900, 900)).resize(original.size)
        assert np.abs(np.asarray(shrunk).astype(int) - np.asarray(original).astype(int)).max() > 100


@pytest.mark.engine
def test_a_question_of_a_store_is_shown_with_its_runs(
    tmp_path: Path, entx: Entx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = tmp_path / "s.duckdb"
    (tmp_path / "t.csv").write_text(f"index,image_link,entity_name\n7,{CABINET.name},height\n")
    (tmp_path / "v.csv").write_text("index,prediction\n7,about 54.3 cm\n")
    for command in (
        ["ingest", "t.csv", "--images", PICTURES, "--store", store],
        ["ocr-cache", "--store", store, "--workers", "1"],
        ["predict", "--stage", "rules", "--store", store],
        ["import-predictions", "v.csv", "--stage", "vlm", "--run", "vlm", "--store", store],
    ):
        assert entx(*command).code == 0
    ended = entx("show", "7", "--store", store)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[:2] == ["rules  height  54.3 centimetre", "vlm  height  54.3 centimetre"]
    assert "Question 7: height" in (tmp_path / "7.entx.html").read_text(encoding="utf-8")
    one = entx("show", "7", "--store", store, "--run", "vlm", "--out", "v.png", "--json")
    assert [said["run"] for said in one.json["answers"]] == ["vlm"]
    assert sorted(path.name for path in tmp_path.glob("*.entx.*")) == ["7.entx.html"]


def test_what_is_no_picture_is_one_line_and_no_file(tmp_path: Path, entx: Entx) -> None:
    (tmp_path / "x.jpg").write_text("<html>not found</html>")
    ended = entx("show", tmp_path / "x.jpg", "--entity", "height", "--out", tmp_path / "x.html")
    assert ended.code == 2
    assert ended.err.splitlines() == [f"entx: {tmp_path}/x.jpg: unreadable: not a picture: an HTML page"]
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.jpg"], "gone.jpg: cannot be read: No such file"),
        (["12"], "12: no such file; for a question's index name its store with --store"),
        (["a.jpg", "--store", "s.duckdb"], "a.jpg: with --store give a question's index"),
        (["12", "--store", "s.duckdb", "--entity", "height"], "--entity is for a picture file"),
        (["a.jpg", "--run", "rules"], "--run needs --store"),
        (["a.jpg", "--out", "a.pdf"], "--out a.pdf: write .html or .png"),
        (["a.jpg", "--entity", "hight"], "unknown entity 'hight'"),
        (["12", "--store", "none.duckdb"], "none.duckdb: no such store"),
        (["9" * 60, "--store", "s.duckdb"], f"no question {'9' * 60} in s.duckdb"),
        (["12", "--store", "s.duckdb"], "no question 12 in s.duckdb; it holds questions 3 to 5"),
    ],
)
def test_wrong_use_of_show_is_one_line(
    tmp_path: Path,
    entx: Entx,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(tmp_path / "s.duckdb", write=True) as store:
        add_questions(store, [Question(i, "a.jpg", "", "height") for i in (3, 5)], "t.csv")
    ended = entx("show", *arguments)
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.duckdb"]


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
    store = tmp_path / "s.duckdb"
    truths = make_learnable_store(store, 80)
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
