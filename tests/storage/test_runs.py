"""Runs: whether one may be continued, what it took, and several of them side by side."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer, OcrPage, PageKey, PageStatus, Quantity, Question
from entx.storage import runs as runs_module
from entx.storage.pages import add_pages
from entx.storage.questions import FOLDS, LinkedFile, add_files, add_questions
from entx.storage.runs import (
    RunTotals,
    add_answers,
    begin_run,
    count_asked,
    end_run,
    find_arms,
    load_arms,
    page_seconds,
    run_settings,
    run_totals,
)  # fmt: skip
from entx.storage.store import Store
from tests.ensemble.arms import KEY, PAGES, make_store

OTHER = PageKey("other", "m", "p")


def _answered(text: str, seconds: float = 0.0) -> Answer:
    return Answer(Quantity(Decimal(1), "inch") if text else None, text, seconds=seconds)


def test_a_run_is_continued_only_with_the_same_settings(store: Store) -> None:
    assert begin_run(store, "rules", "rules", {"reader": 1}) is False
    assert begin_run(store, "rules", "rules", {"reader": 1}) is True
    add_answers(store, "rules", [(1, _answered(""))])
    assert begin_run(store, "rules", "rules", {"reader": 1}) is True
    with pytest.raises(InputError, match=r"reader was 1, is 2.*choose another --run"):
        begin_run(store, "rules", "rules", {"reader": 2})
    with pytest.raises(InputError, match="stage rules"):
        begin_run(store, "rules", "vlm", {"reader": 1})
    end_run(store, "rules", 1.5, {"answered": 3})
    assert run_settings(store, "rules") == {"reader": 1}
    with pytest.raises(InputError, match=r"no run 'x' .* holds: rules"):
        run_settings(store, "x")


@pytest.mark.parametrize(("stage", "settings"), [("llm", {"batch": 8}), ("vlm", {"batch": 64})])
def test_a_run_that_holds_no_answers_does_not_block_its_name(
    store: Store, stage: str, settings: dict[str, int]
) -> None:
    begin_run(store, "mine", "llm", {"batch": 64})  # and crashed before its first batch was committed
    end_run(store, "mine", 9.0, {"asked": 1})
    assert begin_run(store, "mine", stage, settings) is False
    assert run_settings(store, "mine") == settings
    totals = run_totals(store, "mine")
    assert (totals.stage, totals.wall_seconds) == (stage, 0.0)
    assert store.connection.execute("select count(*) from runs").fetchall() == [(1,)]


def test_a_run_that_holds_pages_keeps_its_name(store: Store) -> None:
    begin_run(store, "ocr-1", "ocr", {"workers": 1})
    add_pages(store, KEY, "ocr-1", [OcrPage("s1", PageStatus.OK)])
    with pytest.raises(InputError, match="stage ocr"):
        begin_run(store, "ocr-1", "rules", {})


def test_totals_count_answers_and_only_calls_that_did_something(store: Store) -> None:
    begin_run(store, "r", "llm", {"model": "m"})
    assert run_totals(store, "r") == RunTotals("llm", {"model": "m"}, 0, 0, 0.0, 0.0, {})
    add_answers(store, "r", [(1, _answered("x", 0.5)), (2, _answered("", 0.25)), (3, _answered("y"))])
    end_run(store, "r", 3.0, {"asked": 3, "skipped": 0})
    end_run(store, "r", 50.0, {"asked": 0})
    assert run_totals(store, "r") == RunTotals("llm", {"model": "m"}, 3, 2, 0.75, 3.0, {"asked": 3})


def test_pages_are_counted_once_a_picture_and_only_of_their_key(store: Store) -> None:
    links = {1: "a.jpg", 2: "a.jpg", 3: "b.jpg", 6: "d.jpg"}
    add_questions(store, [Question(index, link, "g", "width") for index, link in links.items()], "t.csv")
    add_files(store, [LinkedFile("a.jpg", "A", "old/a.jpg", 1, 1), LinkedFile("b.jpg", "B", "b.jpg", 1, 1)])
    add_files(store, [LinkedFile("a.jpg", "A2", "new/a.jpg", 1, 2)])
    took = {"A": 9.0, "A2": 0.5, "B": 0.25}
    add_pages(store, KEY, "ocr", [OcrPage(name, PageStatus.OK, seconds=seconds) for name, seconds in took.items()])
    add_pages(store, OTHER, "ocr", [OcrPage("A2", PageStatus.OK, seconds=70.0)])
    add_answers(store, "r", [(1, _answered("x")), (2, _answered("x")), (6, _answered(""))])
    assert page_seconds(store, "r", KEY) == 0.5  # a.jpg twice, its newest file only; d.jpg has no file
    assert page_seconds(store, "r", OTHER) == 70.0
    add_answers(store, "r", [(3, _answered("x"))])
    assert page_seconds(store, "r", KEY) == 0.75


@pytest.fixture
def arms(path: Path) -> Store:
    runs = {"a": ["5 gram", "", None, None], "b": [None, "2 gram", "3 gram", None], "empty": [None]}
    settings = {"b": {"schema": CHALLENGE.digest, **PAGES}}
    return Store(make_store(path, runs, ["item_weight"] * 4, settings=settings), write=True)


def _said(store: Store, *runs: str, without: str | None = None) -> dict[int, list[str | None]]:
    return {
        row.index: [None if one is None else (one.quantity.text if one.quantity else "") for one in row.answers]
        for row in load_arms(store, runs, without=without)
    }


@pytest.mark.parametrize("at_once", [1 << 17, 2])  # questions in a stretch
def test_answers_stand_side_by_side_in_the_order_asked_for(
    arms: Store, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "_AT_ONCE", at_once)
    assert _said(arms, "a", "b") == {0: ["5.0 gram", None], 1: ["", "2.0 gram"], 2: [None, "3.0 gram"]}
    assert _said(arms, "b", "a") == {0: [None, "5.0 gram"], 1: ["2.0 gram", ""], 2: ["3.0 gram", None]}
    assert _said(arms, "a") == {0: ["5.0 gram"], 1: [""]}
    assert [row.index for row in load_arms(arms, ["a", "b"], only=[2, 1, 3], without="a")] == [2]
    assert count_asked(arms, ["a", "b"]) == 3
    assert count_asked(arms, ["b"]) == 2


def test_questions_that_a_run_has_are_left_out(arms: Store) -> None:
    assert [list(_said(arms, "a", "b", without=run)) for run in ("a", "nobody")] == [[2], [0, 1, 2]]


def test_a_row_tells_entity_picture_and_fold(arms: Store) -> None:
    rows = list(load_arms(arms, ["a"]))
    assert {(row.entity_name, row.picture) for row in rows} == {("item_weight", None)}
    assert all(0 <= row.fold < FOLDS for row in rows)
    assert list(load_arms(arms, ["a"])) == rows


def test_an_arm_is_told_with_its_rows_and_pages(arms: Store) -> None:
    first, second = find_arms(arms, ["b", "a"], CHALLENGE.digest)
    assert (first.run, first.stage, first.rows, first.pages) == ("b", "vlm", 2, KEY)
    assert (second.run, second.rows, second.pages) == ("a", 2, None)
    assert first.settings_hash != second.settings_hash


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        (["a", "x"], "run 'x' is not in .*; runs with answers: a, b"),
        (["empty"], "run 'empty' holds no answers"),
        (["a", "b", "a"], "names a twice"),
    ],
)
def test_wrong_runs_are_one_line(arms: Store, runs: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        find_arms(arms, runs, CHALLENGE.digest)


def test_a_run_of_another_schema_is_refused(arms: Store) -> None:
    begin_run(arms, "other", "vlm", {"schema": "another"})
    arms.connection.execute("insert into answers select 'other', columns(* exclude run) from answers where run = 'a'")
    with pytest.raises(InputError, match="another schema"):
        find_arms(arms, ["a", "other"], CHALLENGE.digest)
    find_arms(arms, ["a", "other"], "another")
