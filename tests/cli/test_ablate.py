"""`entx ablate` as a user calls it."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.cli.app import main, run_names
from tests.cli.runner import run_entx
from tests.report.ablations import GOLD, default_arms, make_chance_store, make_store


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_store(tmp_path_factory.mktemp("tiny"), {**default_arms(), "none": []})


def test_a_report_its_json_and_a_table_of_scores(
    tiny: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, gold = tiny
    out, figures = tmp_path / "r.html", tmp_path / "r.json"
    ended = run_entx(
        capsys, "ablate", "--store", store, "--gold", gold, "--runs", "rules, qwen", "--out", out,
        "--json-out", figures, "--strategies", "vote", "--price", "1.5",
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
    assert run_entx(capsys, *base, "--json-out", old).code == 0
    gold.write_text(GOLD.replace("3 pound", "4 pound"), encoding="utf-8")
    out = tmp_path / "new.html"
    ended = run_entx(capsys, *base, "--diff", old, "--out", out)
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


def test_where_and_common(tiny: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    store, gold = tiny
    base = ["ablate", "--store", store, "--gold", gold, "--runs", "rules,qwen", "--json", "--strategies", "none"]
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
        (["--runs", "rules", "--store", "no.duckdb"], "no such store"),
        (["--runs", "rules", "--gold", "no.csv"], "no such file"),
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


def test_json_is_a_switch_as_everywhere(
    tiny: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["ablate", "--store", tiny[0], "--gold", tiny[1], "--runs", "rules", "--strategies", "none"]
    printed = run_entx(capsys, *base, "--json")
    assert [column["name"] for column in json.loads(printed.out)["columns"]] == ["rules"]  # and nothing else
    file = tmp_path / "f.json"
    assert run_entx(capsys, *base, "--json-out", file).out.splitlines()[1].startswith("rules")
    both = run_entx(capsys, *base, "--json", "--json-out", tmp_path / "both.json")
    assert printed.out == both.out == file.read_text(encoding="utf-8")
    assert printed.out == (tmp_path / "both.json").read_text(encoding="utf-8")
    stray = run_entx(capsys, *base, "--json", "stray")
    assert (stray.code, stray.out) == (2, "")
    assert "stray" in stray.err


def test_seconds_of_an_imported_run_can_be_told(tiny: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    base = ["ablate", "--store", tiny[0], "--gold", tiny[1], "--runs", "rules,qwen", "--strategies", "vote", "--json"]
    unknown = json.loads(run_entx(capsys, *base).out)
    found = json.loads(run_entx(capsys, *base, "--seconds", "qwen=1940", "--price", "3.6").out)
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
        ended = run_entx(capsys, *base, "--seconds", wrong)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert says in ended.err


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A store with three arms, its gold table, and a stack of the first and the last of them."""
    folder = tmp_path_factory.mktemp("saved")
    store, gold = make_chance_store(folder)
    file = folder / "stack.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [
            "entx", "ensemble", "--store", str(store), "--runs", "good,poor", "--strategy", "stack", "--gold",
            str(gold), "--save", str(file), "--quiet",
        ])  # fmt: skip
        with contextlib.suppress(SystemExit):
            main()
    assert file.is_file()
    return store, gold, file


def test_a_saved_ensemble_is_decided_as_entx_ensemble_decides_it(
    saved: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    store, gold, file = saved
    base = ["ablate", "--store", store, "--gold", gold, "--strategies", "none", "--json"]
    found = json.loads(run_entx(capsys, *base, "--runs", "good,fair,poor", "--fitted", file).out)
    shown = "stack+challenge-f1 of stack.json"
    assert [column["name"] for column in found["columns"]] == ["good", "fair", "poor", shown]
    assert found["columns"][-1]["cost"]["looked"] == {"good": 1.0, "poor": 1.0}  # its own arms, among others
    stored = json.loads(run_entx(capsys, *base, "--runs", "good,poor,stack+challenge-f1(good,poor)").out)
    answers = [row["answers"] for row in stored["rows"]]
    assert [row["answers"][shown] for row in found["rows"]] == [row["stack+challenge-f1(good,poor)"] for row in answers]
    assert not [note for note in found["notes"] if "hybrid" in note]


def test_a_saved_ensemble_of_other_arms_is_refused(
    saved: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, gold, file = saved
    base = ["ablate", "--store", store, "--gold", gold, "--strategies", "none"]
    (tmp_path / "no.json").write_text("{}")
    for runs, one, says in (
        ("good,fair,poor", tmp_path / "gone.json", "gone.json: cannot be read"),
        ("good,fair,poor", tmp_path / "no.json", "not a fitted ensemble"),
        ("fair", file, "stack.json: fitted for arms of the stages vlm, vlm in this order, not vlm"),
    ):
        ended = run_entx(capsys, *base, "--runs", runs, "--fitted", one)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert says in ended.err


def test_the_frontier_stands_in_figures_and_page(
    saved: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, gold, _ = saved
    out = tmp_path / "r.html"
    base = ["ablate", "--store", store, "--gold", gold, "--runs", "good,poor", "--json"]
    ended = run_entx(capsys, *base, "--strategies", "cascade,stack", "--out", out)
    found = json.loads(ended.out)
    assert found["frontier"]["cheap"] == ["good"]
    ends = found["frontier"]["points"][0], found["frontier"]["points"][-1]
    assert [end["asked"] for end in ends] == [0.0, 1.0]
    stack = next(column for column in found["columns"] if column["name"] == "stack+challenge-f1")
    assert ends[1]["f1"] == pytest.approx(stack["scores"]["all"][""]["f1"], abs=0.02)
    page = out.read_text(encoding="utf-8")
    assert "What asking is worth" in page
    assert 'aria-label="F1 of the cascade"' in page
    assert json.loads(run_entx(capsys, *base, "--strategies", "stack").out)["frontier"] is None
