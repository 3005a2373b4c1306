"""`entx ensemble` as a user calls it, and with labelled rows: learning, saving, using again."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entx.ensemble.fit import load_fitted
from entx.storage.store import Store
from tests.cli.runner import Entx
from tests.ensemble.arms import Said, make_store

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
        (["--runs", "a", "--store", "no.duckdb"], "run 'a' is not in no.duckdb; runs with answers: none"),
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
    """A store with two arms, and a table of truths: `a` is right where the index is no multiple of 3, `b` elsewhere.

    Every fourth row has no value: `b` says so, `a` never does.
    """
    folder = tmp_path_factory.mktemp("gold")
    truths = ["" if i % 4 == 0 else f"{i + 1} gram" for i in range(ROWS)]
    a: list[Said] = [truth if truth and i % 3 else "9999 gram" for i, truth in enumerate(truths)]
    b: list[Said] = [truth if not truth or i % 3 == 0 else "8888 gram" for i, truth in enumerate(truths)]
    make_store(folder / "s.duckdb", {"a": [*a, "7 gram"], "b": [*b, ""]})
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
