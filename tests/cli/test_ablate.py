"""`entx ablate` as a user calls it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.cli.app import run_names
from tests.cli.runner import Entx, call_entx
from tests.report.ablations import GOLD, default_arms, make_chance_store, make_store


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_store(tmp_path_factory.mktemp("tiny"), {**default_arms(), "none": []})


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
    store, gold = make_store(tmp_path)
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
        (["--runs", "rules", "--train", "none.csv"], "none.csv: no such file"),
        (["--runs", "rules", "--schema", "no.toml"], "no.toml"),
        (["--runs", "rules", "--store", "no.duckdb"], "no such store"),
        (["--runs", "rules", "--gold", "no.csv"], "no such file"),
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
    stray = ablate(*base, "--json", "stray")
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
