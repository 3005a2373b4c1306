"""`entx ensemble` and `entx ablate` as a user calls them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.cli.app import run_names
from entx.ensemble.fit import load_fitted
from entx.storage.store import Store
from tests.cli.runner import Entx, call_entx
from tests.ensemble.arms import make_learnable_store, make_store
from tests.report.ablations import GOLD, default_arms, make_chance_store
from tests.report.ablations import make_store as make_sliced_store

ROWS = 120


@pytest.fixture
def store(tmp_path: Path) -> Path:
    arms = {"a": ["5 gram", "", "7 gram"], "b": ["6 gram", "", None], "c": ["6 gram", "2 gram", "3 volt"], "none": []}
    return make_store(tmp_path / "s.duckdb", arms)


def test_three_arms_become_a_prediction_file(store: Path, tmp_path: Path, entx: Entx) -> None:
    out = tmp_path / "pred.csv"
    ended = entx("ensemble", "--strategy", "vote", "--store", store, "--runs", "a,b, c", "--out", out)
    assert ended.code == 0
    assert out.read_text() == "index,prediction\n0,6.0 gram\n1,\n2,7.0 gram\n"
    assert "run vote(a,b,c): 3 of 3 questions asked, 2 answered" in ended.out
    assert "b was not asked 1 of these questions" in ended.err
    assert "1 answers name a unit" in ended.err


def test_json_and_a_table_of_rows(store: Path, tmp_path: Path, entx: Entx) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("index,image_link\n2,2.jpg\n0,0.jpg\n")
    out = tmp_path / "pred.csv"
    ended = entx("ensemble", "--store", store, "--runs", "a,b", "--run", "mine", "--for", table, "--out", out, "--json")
    printed = ended.json
    assert (printed["run"], printed["decided"], printed["questions"], printed["answered"]) == ("mine", 3, 2, 2)
    assert printed["not_asked"] == {"a": 0, "b": 1}
    assert printed["alignments"] is None
    assert out.read_text() == "index,prediction\n2,7.0 gram\n0,5.0 gram\n"
    ended = entx("ensemble", "--store", store, "--runs", "a,b", "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--runs", "a,x"], "run 'x' is not in"),
        (["--runs", "a,none"], "run 'none' holds no answers"),
        (["--runs", "a,,b"], "names no run between two commas"),
        (["--runs", "a,b,a"], "names a twice"),
        (["--runs", "a,b", "--strategy", "coin"], "unknown strategy 'coin'"),
        (["--runs", "a,b", "--run", "c"], "run 'c' stands in"),
        (["--runs", "a,b", "--schema", "no.toml"], "no.toml"),
    ],
)
def test_wrong_use_is_one_line(
    store: Path, entx: Entx, arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)
    entx("ensemble", "--store", store, *arguments).assert_refused(says)


@pytest.mark.parametrize(
    "command",
    [
        ["ensemble", "--runs", "a,b", "--run", "new"],
        ["predict", "--stage", "rules", "--run", "new"],
        ["import-predictions", "pred.csv", "--stage", "vlm", "--run", "new"],
    ],
)
def test_an_ending_that_predictions_cannot_have_is_refused_before_the_work(
    store: Path, entx: Entx, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)
    Path("pred.csv").write_text("index,prediction\n0,5 gram\n")
    entx(*command, "--store", store, "--out", "pred.xlsx").assert_refused("pred.xlsx: predictions are written as .csv")
    with Store(store) as opened:
        assert "new" not in set(opened.runs()["run"])


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of two arms, a table of truths, and one question more."""
    folder = tmp_path_factory.mktemp("gold")
    truths = make_learnable_store(folder / "s.duckdb", ROWS, ("7 gram", ""))
    with (folder / "gold.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["index", "value"], *([i, truth] for i, truth in enumerate(truths))])
    return folder


@pytest.fixture
def learn(gold: Path, entx: Entx) -> Callable[..., dict[str, Any]]:
    """Runs `entx ensemble` on that store; gives the object that it prints."""

    def run(*arguments: object) -> dict[str, Any]:
        files = ("--store", gold / "s.duckdb", "--out", gold / "out.csv")
        ended = entx("ensemble", *files, "--runs", "a,b", "--json", *arguments)
        assert ended.code == 0, ended.err
        return dict(ended.json)

    return run


def test_what_was_learned_is_saved_and_gives_the_same_again(gold: Path, learn: Callable[..., dict[str, Any]]) -> None:
    learned = gold / "stack.json"
    first = learn("--strategy", "stack", "--gold", gold / "gold.csv", "--save", learned, "--run", "first")
    answers = (gold / "out.csv").read_text()
    again = learn("--strategy", "stack", "--fitted", learned, "--run", "again")
    assert (gold / "out.csv").read_text() == answers
    assert again["reliability"] == first["reliability"]
    assert load_fitted(learned).rows == ROWS
    assert first["decided"] == ROWS + 1
    # b's silence says that there is no value, and is heeded
    given = {int(row["index"]): row["prediction"] for row in csv.DictReader(answers.splitlines())}
    assert not any(given[i] for i in range(0, ROWS, 4))
    assert sum(bool(answer) for answer in given.values()) > ROWS // 2


def test_the_run_is_named_after_its_policy(gold: Path, learn: Callable[..., dict[str, Any]]) -> None:
    always = learn("--always-answer")
    assert always["run"] == "vote+always(a,b)"
    assert always["answered"] == ROWS + 1
    assert learn()["run"] == "vote(a,b)"
    precise = learn("--gold", gold / "gold.csv", "--optimise", "precision@0.9")
    assert precise["run"] == "vote+precision@0.9(a,b)"
    assert precise["answered"] < ROWS


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--strategy", "weighted"], "--strategy weighted learns from labelled rows; give --gold"),
        (["--optimise", "challenge-f1"], "needs probabilities"),
        (["--optimise", "accuracy", "--gold", "GOLD"], "expected challenge-f1"),
        (["--gold", "GOLD", "--fitted", "x.json"], "give one of them"),
        (["--save", "x.json"], "--save keeps what is learned from --gold"),
        (["--fitted", "x.json"], "x.json: cannot be read"),
        (["--gold", "no.csv"], "no.csv"),
        (["--gold", "SHORT"], "2 labelled rows"),
        (["--gold", "GOLD", "--param", "ask=0.4"], "--param ask: strategy vote has none"),
        (["--gold", "GOLD", "--param", "ask=much"], "is not NAME=NUMBER"),
        (["--param", "ask=0.4"], "--param is of what is learned from --gold"),
    ],
)
def test_wrong_learning_is_one_line(gold: Path, entx: Entx, arguments: list[str], says: str) -> None:
    (gold / "short.csv").write_text("index,value\n1,2 gram\n2,3 gram\n9999,1 gram\n")
    paths = {"GOLD": gold / "gold.csv", "SHORT": gold / "short.csv"}
    given = [paths.get(argument, argument) for argument in arguments]
    entx("ensemble", "--store", gold / "s.duckdb", "--runs", "a,b", "--run", "wrong", *given).assert_refused(says)


def test_a_cascade_tells_whom_it_spared(gold: Path, entx: Entx) -> None:
    base = ("ensemble", "--store", gold / "s.duckdb", "--runs", "a,b", "--strategy", "cascade")
    dear = ("--gold", gold / "gold.csv", "--param", "cost=9", "--run", "dear")
    assert entx(*base, *dear, "--json").json["looked_at"] == {"a": ROWS + 1, "b": 0}
    assert f"b: asked 0 questions, {ROWS + 1} spared" in entx(*base, *dear[:-1], "dear again").out


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_sliced_store(tmp_path_factory.mktemp("tiny"), {**default_arms(), "none": []})


@pytest.fixture
def ablate(tiny: tuple[Path, Path], entx: Entx) -> Entx:
    """Runs `entx ablate` on the tiny store."""
    return partial(entx, "ablate", "--store", tiny[0], "--gold", tiny[1])


def test_a_report_its_json_and_a_table_of_scores(ablate: Entx, tmp_path: Path) -> None:
    out, figures = tmp_path / "r.html", tmp_path / "r.json"
    files = ("--out", out, "--json-out", figures)
    ended = ablate("--runs", "rules, qwen", *files, "--strategies", "vote", "--price", "1.5")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[1].split() == ["rules", "8", "0.600", *lines[1].split()[3:]]
    assert lines[1].endswith("0.600   0.600     0.625")
    assert lines[3].startswith("vote")
    assert any(line.startswith("rules less vote on 8 rows: not separable: +0.000") for line in lines)
    assert any(line.startswith("perfect pick among the arms: 0.800 [") for line in lines)
    assert "qwen was not asked 1 of 8 rows" in ended.err
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert [column["name"] for column in found["columns"]] == ["rules", "qwen", "vote"]
    assert found["price"] == 1.5
    ended = ablate("--runs", "rules,qwen", "--out", tmp_path / "q.html", "--strategies", "vote", "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_diff_tells_the_changed_rows(tmp_path: Path, entx: Entx) -> None:
    store, gold = make_sliced_store(tmp_path)
    base = ["ablate", "--store", store, "--gold", gold, "--runs", "rules,qwen", "--strategies", "none"]
    old = tmp_path / "old.json"
    assert entx(*base, "--json-out", old).code == 0
    gold.write_text(GOLD.replace("3 pound", "4 pound"), encoding="utf-8")
    out = tmp_path / "new.html"
    ended = entx(*base, "--diff", old, "--out", out)
    assert ended.code == 0
    assert "rules: F1 0.600 -> 0.727, 1 rows changed" in ended.out
    assert "qwen: F1 0.444 -> 0.250, 1 rows changed" in ended.out
    page = out.read_text(encoding="utf-8")
    assert "Changes since old.json" in page
    assert "1 with another truth" in page


@given(
    st.lists(
        st.from_regex(r"[a-z]{1,4}([+][a-z]-f1)?(\([a-z](,[a-z]){0,2}\))?", fullmatch=True), min_size=1, max_size=4
    )
)
def test_names_of_runs_are_told_apart_by_commas_outside_brackets(names: list[str]) -> None:
    assert run_names(",".join(names)) == names
    assert run_names(" , ".join(names)) == names


def test_where_and_common(ablate: Entx) -> None:
    asked = ("--where", "slice=large", "--common")
    found = ablate("--runs", "rules,qwen", "--json", "--strategies", "none", *asked).json
    assert [row["index"] for row in found["rows"]] == [4, 5, 6]
    assert (found["gold"]["where"], found["gold"]["common"]) == ([["slice", "large"]], True)


def test_no_pictures(ablate: Entx, tmp_path: Path) -> None:
    sizes = []
    for option in ((), ("--no-pictures",)):
        out = tmp_path / "r.html"
        assert ablate("--runs", "rules", "--out", out, "--strategies", "none", *option).code == 0
        sizes.append(out.read_text(encoding="utf-8").count("data:image/jpeg"))
    assert sizes == [4, 0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--runs", "rules,x"], "run 'x' is not in"),
        (["--runs", "none"], "run 'none' holds no answers"),
        (["--runs", "rules,,qwen"], "names no run between two commas"),
        (["--runs", "rules,rules"], "names rules twice"),
        (["--runs", "rules", "--strategies", "coin"], "unknown strategy 'coin'"),
        (["--runs", "rules", "--where", "slice"], "is not COLUMN=VALUE"),
        (["--runs", "rules", "--where", "slice=tiny"], "no row is left with slice"),
        (["--runs", "rules", "--where", "colour=red"], "column colour"),
        (["--runs", "rules", "--diff", "none.json"], "none.json: cannot be read"),
        (["--runs", "rules", "--train", "none.csv"], "none.csv: cannot be read: no such file"),
        (["--runs", "rules", "--schema", "no.toml"], "no.toml"),
        (["--runs", "rules", "--gold", "no.csv"], "--gold is given 2 times"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(ablate: Entx, arguments: list[str], says: str) -> None:
    ended = ablate(*arguments)
    ended.assert_refused(says)
    assert ended.out == ""


def test_json_is_a_switch_as_everywhere(ablate: Entx, tmp_path: Path) -> None:
    base = ("--runs", "rules", "--strategies", "none")
    printed = ablate(*base, "--json")
    assert [column["name"] for column in printed.json["columns"]] == ["rules"]  # and nothing else
    file = tmp_path / "f.json"
    assert ablate(*base, "--json-out", file).out.splitlines()[1].startswith("rules")
    both = ablate(*base, "--json", "--json-out", tmp_path / "both.json")
    assert printed.out == both.out == file.read_text(encoding="utf-8")
    assert printed.out == (tmp_path / "both.json").read_text(encoding="utf-8")
    for more in ((), ("--json",)):
        stray = ablate(*base, *more, "stray")
        assert (stray.code, stray.out) == (2, "")
        assert "stray" in stray.err


def test_seconds_of_an_imported_run_can_be_told(ablate: Entx) -> None:
    base = ("--runs", "rules,qwen", "--strategies", "vote", "--json")
    unknown = ablate(*base).json
    found = ablate(*base, "--seconds", "qwen=1940", "--price", "3.6").json
    cost = {column["name"]: column["cost"] for column in found["columns"]}
    assert [column["cost"]["seconds"] is None for column in unknown["columns"]] == [False, True, True]
    assert (cost["qwen"]["seconds"], cost["qwen"]["cost"]) == (1940.0, 1.94)
    assert cost["vote"]["answering_seconds"] == pytest.approx(
        cost["rules"]["answering_seconds"] + 1940.0 * cost["vote"]["looked"]["qwen"], abs=1e-4
    )
    assert found["seconds"] == {"qwen": 1940.0}
    for wrong, says in (
        ("rules=3", "--seconds rules: only imported runs brought no times (qwen)"),
        ("x=3", "--seconds x: only imported runs"),
        ("qwen", "is not RUN=SECONDS"),
        ("qwen=-1", "is not RUN=SECONDS"),
        ("qwen=inf", "is not RUN=SECONDS"),
    ):
        ablate(*base, "--seconds", wrong).assert_refused(says)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A store with three arms, its gold table, and a stack of the first and the last of them."""
    folder = tmp_path_factory.mktemp("saved")
    store, gold = make_chance_store(folder)
    file = folder / "stack.json"
    learned = ("--strategy", "stack", "--gold", gold, "--save", file)
    assert call_entx("ensemble", "--store", store, "--runs", "good,poor", *learned, "--quiet") == 0
    assert file.is_file()
    return store, gold, file


def test_a_saved_ensemble_is_decided_as_entx_ensemble_decides_it(saved: tuple[Path, Path, Path], entx: Entx) -> None:
    store, gold, file = saved
    base = ["ablate", "--store", store, "--gold", gold, "--strategies", "none", "--json"]
    found = entx(*base, "--runs", "good,fair,poor", "--fitted", file).json
    shown = "stack+challenge-f1 of stack.json"
    assert [column["name"] for column in found["columns"]] == ["good", "fair", "poor", shown]
    assert found["columns"][-1]["cost"]["looked"] == {"good": 1.0, "poor": 1.0}  # its own arms, among others
    stored = entx(*base, "--runs", "good,poor,stack+challenge-f1(good,poor)").json
    answers = [row["answers"] for row in stored["rows"]]
    assert [row["answers"][shown] for row in found["rows"]] == [row["stack+challenge-f1(good,poor)"] for row in answers]
    assert not [note for note in found["notes"] if "hybrid" in note]


def test_a_saved_ensemble_of_other_arms_is_refused(saved: tuple[Path, Path, Path], tmp_path: Path, entx: Entx) -> None:
    store, gold, file = saved
    base = ["ablate", "--store", store, "--gold", gold, "--strategies", "none"]
    (tmp_path / "no.json").write_text("{}")
    for runs, one, says in (
        ("good,fair,poor", tmp_path / "gone.json", "gone.json: cannot be read"),
        ("good,fair,poor", tmp_path / "no.json", "not a fitted ensemble"),
        ("fair", file, "stack.json: fitted for arms of the stages vlm, vlm in this order, not vlm"),
    ):
        entx(*base, "--runs", runs, "--fitted", one).assert_refused(says)


def test_the_frontier_stands_in_figures_and_page(saved: tuple[Path, Path, Path], tmp_path: Path, entx: Entx) -> None:
    store, gold, _ = saved
    out = tmp_path / "r.html"
    base = ["ablate", "--store", store, "--gold", gold, "--runs", "good,poor", "--json"]
    ended = entx(*base, "--strategies", "cascade,stack", "--out", out)
    found = ended.json
    assert found["frontier"]["cheap"] == ["good"]
    ends = found["frontier"]["points"][0], found["frontier"]["points"][-1]
    assert [end["asked"] for end in ends] == [0.0, 1.0]
    stack = next(column for column in found["columns"] if column["name"] == "stack+challenge-f1")
    assert ends[1]["f1"] == pytest.approx(stack["scores"]["all"][""]["f1"], abs=0.02)
    page = out.read_text(encoding="utf-8")
    assert "What asking is worth" in page
    assert 'aria-label="F1 of the cascade"' in page
    assert entx(*base, "--strategies", "stack").json["frontier"] is None
