"""`entx ensemble` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import run_entx
from tests.ensemble.arms import make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    arms = {"a": ["5 gram", "", "7 gram"], "b": ["6 gram", "", None], "c": ["6 gram", "2 gram", "3 volt"], "none": []}
    return make_store(tmp_path / "s.duckdb", arms)


def test_three_arms_become_a_prediction_file(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pred.csv"
    ended = run_entx(capsys, "ensemble", "--strategy", "vote", "--store", store, "--runs", "a,b, c", "--out", out)
    assert ended.code == 0
    assert out.read_text() == "index,prediction\n0,6.0 gram\n1,\n2,7.0 gram\n"
    assert "run vote(a,b,c): 3 of 3 questions asked, 2 answered" in ended.out
    assert "b was not asked 1 of these questions" in ended.err
    assert "1 answers name a unit" in ended.err


def test_json_and_a_table_of_rows(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("index,image_link\n2,2.jpg\n0,0.jpg\n")
    out = tmp_path / "pred.csv"
    ended = run_entx(
        capsys, "ensemble", "--store", store, "--runs", "a,b", "--run", "mine", "--for", table, "--out", out, "--json"
    )
    printed = json.loads(ended.out)
    assert (printed["run"], printed["decided"], printed["questions"], printed["answered"]) == ("mine", 3, 2, 2)
    assert printed["not_asked"] == {"a": 0, "b": 1}
    assert printed["alignments"] is None
    assert out.read_text() == "index,prediction\n2,7.0 gram\n0,5.0 gram\n"


def test_quiet_prints_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run_entx(capsys, "ensemble", "--store", store, "--runs", "a,b", "--quiet")
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
    store: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    ended = run_entx(capsys, "ensemble", "--store", store, *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert ended.err.count("\n") == 1
    assert "Traceback" not in ended.err


def test_a_store_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run_entx(capsys, "ensemble", "--store", tmp_path / "no.duckdb", "--runs", "a")
    assert ended.code == 2
