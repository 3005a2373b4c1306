"""`entx ablate` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import run_entx
from tests.report.ablations import GOLD, default_arms, make_store


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_store(tmp_path_factory.mktemp("tiny"), {**default_arms(), "none": []})


def test_a_report_its_json_and_a_table_of_scores(
    tiny: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, gold = tiny
    out, figures = tmp_path / "r.html", tmp_path / "r.json"
    ended = run_entx(
        capsys, "ablate", "--store", store, "--gold", gold, "--runs", "rules, qwen", "--out", out, "--json", figures,
        "--strategies", "vote", "--price", "1.5",
    )  # fmt: skip
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


def test_json_on_stdout_and_nothing_else(tiny: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    store, gold = tiny
    ended = run_entx(
        capsys, "ablate", "--store", store, "--gold", gold, "--runs", "rules", "--json", "-", "--strategies", "none"
    )
    assert ended.code == 0
    assert [column["name"] for column in json.loads(ended.out)["columns"]] == ["rules"]


def test_quiet_prints_nothing(tiny: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, gold = tiny
    ended = run_entx(
        capsys, "ablate", "--store", store, "--gold", gold, "--runs", "rules,qwen", "--out", tmp_path / "q.html",
        "--strategies", "vote", "--quiet",
    )  # fmt: skip
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_diff_tells_the_changed_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, gold = make_store(tmp_path)
    base = ["ablate", "--store", store, "--gold", gold, "--runs", "rules,qwen", "--strategies", "none"]
    old = tmp_path / "old.json"
    assert run_entx(capsys, *base, "--json", old).code == 0
    gold.write_text(GOLD.replace("3 pound", "4 pound"), encoding="utf-8")
    out = tmp_path / "new.html"
    ended = run_entx(capsys, *base, "--diff", old, "--out", out)
    assert ended.code == 0
    assert "rules: F1 0.600 -> 0.727, 1 rows changed" in ended.out
    assert "qwen: F1 0.444 -> 0.250, 1 rows changed" in ended.out
    page = out.read_text(encoding="utf-8")
    assert "Changes since old.json" in page
    assert "1 with another truth" in page


def test_where_and_common(tiny: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    store, gold = tiny
    base = ["ablate", "--store", store, "--gold", gold, "--runs", "rules,qwen", "--json", "-", "--strategies", "none"]
    found = json.loads(run_entx(capsys, *base, "--where", "slice=large", "--common").out)
    assert [row["index"] for row in found["rows"]] == [4, 5, 6]
    assert (found["gold"]["where"], found["gold"]["common"]) == ([["slice", "large"]], True)


def test_no_pictures(tiny: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, gold = tiny
    sizes = []
    for option in ((), ("--no-pictures",)):
        out = tmp_path / "r.html"
        base = ["ablate", "--store", store, "--gold", gold, "--runs", "rules", "--out", out, "--strategies", "none"]
        assert run_entx(capsys, *base, *option).code == 0
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
        (["--runs", "rules", "--train", "none.csv"], "none.csv: no such file"),
        (["--runs", "rules", "--schema", "no.toml"], "no.toml"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    tiny: tuple[Path, Path], arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run_entx(capsys, "ablate", "--store", tiny[0], "--gold", tiny[1], *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""


def test_a_store_and_a_table_that_are_not_there(
    tiny: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for store, gold, says in [
        (tmp_path / "no.duckdb", tiny[1], "no such store"),
        (tiny[0], tmp_path / "no.csv", "no such file"),
    ]:
        ended = run_entx(capsys, "ablate", "--store", store, "--gold", gold, "--runs", "rules")
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert says in ended.err
