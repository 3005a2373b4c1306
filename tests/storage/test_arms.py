from __future__ import annotations

from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.storage.questions import FOLDS
from entx.storage.runs import begin_run, count_asked, find_arms, load_arms
from entx.storage.store import Store
from tests.ensemble.arms import KEY, PAGES, make_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    arms = {"a": ["5 gram", "", None, None], "b": [None, "2 gram", "3 gram", None], "empty": [None]}
    settings = {"b": {"schema": CHALLENGE.digest, **PAGES}}
    return Store(make_store(tmp_path / "s.duckdb", arms, ["item_weight"] * 4, settings=settings), write=True)


def _said(store: Store, *runs: str, without: str | None = None) -> dict[int, list[str | None]]:
    return {
        row.index: [None if one is None else (one.quantity.text if one.quantity else "") for one in row.answers]
        for row in load_arms(store, runs, without=without)
    }


def test_answers_stand_side_by_side_in_the_order_asked_for(store: Store) -> None:
    assert _said(store, "a", "b") == {0: ["5.0 gram", None], 1: ["", "2.0 gram"], 2: [None, "3.0 gram"]}
    assert _said(store, "b", "a") == {0: [None, "5.0 gram"], 1: ["2.0 gram", ""], 2: ["3.0 gram", None]}
    assert _said(store, "a") == {0: ["5.0 gram"], 1: [""]}
    assert count_asked(store, ["a", "b"]) == 3
    assert count_asked(store, ["b"]) == 2


def test_questions_that_a_run_has_are_left_out(store: Store) -> None:
    assert set(_said(store, "a", "b", without="a")) == {2}
    assert set(_said(store, "a", "b", without="nobody")) == {0, 1, 2}


def test_a_row_tells_entity_picture_and_fold(store: Store) -> None:
    rows = list(load_arms(store, ["a"]))
    assert {(row.entity_name, row.picture) for row in rows} == {("item_weight", None)}
    assert all(0 <= row.fold < FOLDS for row in rows)
    assert [row.fold for row in load_arms(store, ["a"])] == [row.fold for row in rows]


def test_an_arm_is_told_with_its_rows_and_pages(store: Store) -> None:
    first, second = find_arms(store, ["b", "a"], CHALLENGE.digest)
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
def test_wrong_runs_are_one_line(store: Store, runs: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        find_arms(store, runs, CHALLENGE.digest)


def test_a_run_of_another_schema_is_refused(store: Store) -> None:
    begin_run(store, "other", "vlm", {"schema": "another"})
    store.connection.execute("insert into answers select 'other', columns(* exclude run) from answers where run = 'a'")
    with pytest.raises(InputError, match="another schema"):
        find_arms(store, ["a", "other"], CHALLENGE.digest)
    find_arms(store, ["a", "other"], "another")
