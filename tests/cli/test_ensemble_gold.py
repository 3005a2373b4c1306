"""`entx ensemble` with labelled rows: learning, saving, using again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from entx.ensemble.fit import load_fitted
from tests.cli.runner import run_entx
from tests.ensemble.arms import Said, make_store

ROWS = 120


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


def _ensemble(capsys: pytest.CaptureFixture[str], gold: Path, *arguments: object) -> dict[str, object]:
    ended = run_entx(
        capsys,
        "ensemble",
        "--store",
        gold / "s.duckdb",
        "--runs",
        "a,b",
        "--json",
        "--out",
        gold / "out.csv",
        *arguments,
    )
    assert ended.code == 0, ended.err
    return dict(json.loads(ended.out))


def test_what_was_learned_is_saved_and_gives_the_same_again(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learned = gold / "stack.json"
    first = _ensemble(
        capsys, gold, "--strategy", "stack", "--gold", gold / "gold.csv", "--save", learned, "--run", "first"
    )
    answers = (gold / "out.csv").read_text()
    again = _ensemble(capsys, gold, "--strategy", "stack", "--fitted", learned, "--run", "again")
    assert (gold / "out.csv").read_text() == answers
    assert again["reliability"] == first["reliability"]
    assert load_fitted(learned).rows == ROWS
    assert first["decided"] == ROWS + 1
    # b's silence says that there is no value, and is heeded
    given = {int(row["index"]): row["prediction"] for row in csv.DictReader(answers.splitlines())}
    assert not any(given[i] for i in range(0, ROWS, 4))
    assert sum(bool(answer) for answer in given.values()) > ROWS // 2


def test_the_run_is_named_after_its_policy(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    always = _ensemble(capsys, gold, "--always-answer")
    assert always["run"] == "vote+always(a,b)"
    assert always["answered"] == ROWS + 1
    assert _ensemble(capsys, gold)["run"] == "vote(a,b)"
    precise = _ensemble(capsys, gold, "--gold", gold / "gold.csv", "--optimise", "precision@0.9")
    assert precise["run"] == "vote+precision@0.9(a,b)"
    assert int(str(precise["answered"])) < ROWS


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
def test_wrong_use_is_one_line(gold: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    (gold / "short.csv").write_text("index,value\n1,2 gram\n2,3 gram\n9999,1 gram\n")
    paths = {"GOLD": gold / "gold.csv", "SHORT": gold / "short.csv"}
    given = [paths.get(argument, argument) for argument in arguments]
    ended = run_entx(capsys, "ensemble", "--store", gold / "s.duckdb", "--runs", "a,b", "--run", "wrong", *given)
    assert ended.code == 2
    assert says in ended.err
    assert ended.err.count("\n") == 1


def test_a_cascade_tells_whom_it_spared(gold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _ensemble(
        capsys, gold, "--strategy", "cascade", "--gold", gold / "gold.csv", "--param", "cost=9", "--run", "dear"
    )
    assert found["looked_at"] == {"a": ROWS + 1, "b": 0}
    ended = run_entx(
        capsys, "ensemble", "--store", gold / "s.duckdb", "--runs", "a,b", "--strategy", "cascade", "--gold",
        gold / "gold.csv", "--param", "cost=9", "--run", "dear again",
    )  # fmt: skip
    assert f"b: asked 0 questions, {ROWS + 1} spared" in ended.out
