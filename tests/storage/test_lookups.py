"""Look-ups for a table of rows, against a store made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from entx.core.types import Answer, OcrPage, PageKey, PageStatus, Quantity, Question
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions, find_labels, find_questions
from entx.storage.runs import add_answers, begin_run, end_run, load_arms, page_seconds, run_totals
from entx.storage.store import Store

KEY, OTHER = PageKey("rapidocr", "m", "p"), PageKey("paddleocr", "m", "p")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "s.duckdb", write=True) as opened:
        add_questions(
            opened,
            [
                Question(1, "a.jpg", "g1", "width"),
                Question(2, "a.jpg", "g1", "height"),
                Question(3, "b.jpg", "g2", "width", None, "5 inch"),
                Question(4, "b.jpg", "g2", "width", None, "6 inch"),
                Question(5, "c.jpg", "g2", "width", None, ""),
                Question(6, "d.jpg", "g2", "width"),
            ],
            "t.csv",
        )
        add_files(opened, [LinkedFile("a.jpg", "A", "old/a.jpg", 1, 1), LinkedFile("b.jpg", "B", "b.jpg", 1, 1)])
        add_files(opened, [LinkedFile("a.jpg", "A2", "new/a.jpg", 1, 2)])
        pages = [
            OcrPage(picture, PageStatus.OK, seconds=took) for picture, took in (("A", 9.0), ("A2", 0.5), ("B", 0.25))
        ]
        add_pages(opened, KEY, "ocr", pages)
        add_pages(opened, OTHER, "ocr", [OcrPage("A2", PageStatus.OK, seconds=70.0)])
        yield opened


def answered(text: str, seconds: float = 0.0) -> Answer:
    return Answer(Quantity(Decimal(1), "inch") if text else None, text, seconds=seconds)


def test_questions_by_index_with_the_newest_file_of_their_link(store: Store) -> None:
    found = find_questions(store, [6, 1, 77])
    assert list(found) == [1, 6]
    one = found[1]
    assert (one.entity_name, one.image_link, one.group_id) == ("width", "a.jpg", "g1")
    assert (one.picture, one.path) == ("A2", "new/a.jpg")
    assert (found[6].picture, found[6].path) == (None, None)
    assert find_questions(store, []) == {}


def test_folds_are_those_of_the_arms(store: Store) -> None:
    begin_run(store, "r", "rules", {})
    add_answers(store, "r", [(index, answered("x")) for index in range(1, 7)])
    folds = {row.index: row.fold for row in load_arms(store, ["r"])}
    assert {index: one.fold for index, one in find_questions(store, folds).items()} == folds
    assert folds[1] == folds[2]


def test_labels_of_the_same_picture_and_entity(store: Store) -> None:
    asked = [("b.jpg", "width"), ("c.jpg", "width"), ("d.jpg", "width"), ("b.jpg", "height")]
    assert find_labels(store, asked, []) == [
        ("b.jpg", "width", "5 inch"),
        ("b.jpg", "width", "6 inch"),
        ("c.jpg", "width", ""),
    ]
    assert find_labels(store, asked, [3, 5]) == [("b.jpg", "width", "6 inch")]
    assert find_labels(store, [], []) == []


def test_a_pair_that_is_asked_twice_finds_its_labels_once(store: Store) -> None:
    assert len(find_labels(store, [("c.jpg", "width")] * 3, [])) == 1


def test_totals_count_answers_and_only_calls_that_did_something(store: Store) -> None:
    begin_run(store, "r", "llm", {"model": "m"})
    add_answers(store, "r", [(1, answered("x", 0.5)), (2, answered("", 0.25)), (3, answered("y"))])
    end_run(store, "r", 3.0, {"asked": 3, "skipped": 0})
    end_run(store, "r", 50.0, {"asked": 0})
    totals = run_totals(store, "r")
    assert (totals.stage, totals.settings) == ("llm", {"model": "m"})
    assert (totals.asked, totals.answered) == (3, 2)
    assert (totals.answer_seconds, totals.wall_seconds) == (0.75, 3.0)


def test_totals_of_a_run_without_answers_or_end(store: Store) -> None:
    begin_run(store, "r", "rules", {})
    totals = run_totals(store, "r")
    assert (totals.asked, totals.answered, totals.answer_seconds, totals.wall_seconds) == (0, 0, 0.0, 0.0)


def test_pages_are_counted_once_a_picture_and_only_of_their_key(store: Store) -> None:
    begin_run(store, "r", "rules", {})
    add_answers(store, "r", [(1, answered("x")), (2, answered("x")), (6, answered(""))])
    assert page_seconds(store, "r", KEY) == 0.5  # a.jpg twice, its newest file only; d.jpg has no file
    assert page_seconds(store, "r", OTHER) == 70.0
    add_answers(store, "r", [(3, answered("x"))])
    assert page_seconds(store, "r", KEY) == 0.75
