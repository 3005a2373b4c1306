from __future__ import annotations

from pathlib import Path

import pytest

from entx.core.types import OcrLine, OcrPage, PageKey, PageStatus, Question
from entx.storage import labels as training
from entx.storage.labels import LabelledQuestion, SourceCount, labelled_questions, labelled_sources, pictured_questions
from entx.storage.labels import pages_with_questions as join
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store

KEY = PageKey("rapidocr", "m", "p")
OTHER = PageKey("paddleocr", "m", "p")


def _page(picture: str, text: str = "5 kg", status: PageStatus = PageStatus.OK) -> OcrPage:
    line = OcrLine(text, 1.0, (0, 0, 9, 0, 9, 9, 0, 9))
    return OcrPage(picture, status, "", 100, 100, (line,) if status is PageStatus.OK else ())


def _file(link: str, picture: str) -> LinkedFile:
    return LinkedFile(link, picture, f"/nowhere/{link}", 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four pictures: one with two links, one that is broken, one that only the other engine has read."""
    store = Store(tmp_path / "s.duckdb", write=True)
    rows = [
        (0, "a.jpg", "5.0 kilogram", "train.csv"),
        (1, "b.jpg", "", "curated.csv"),
        (2, "a2.jpg", "6.0 kilogram", "train.csv"),
        (3, "broken.jpg", "7.0 kilogram", "train.csv"),
        (4, "unread.jpg", "8.0 kilogram", "train.csv"),
        (5, "nofile.jpg", "9.0 kilogram", "train.csv"),
        (6, "b.jpg", None, "test.csv"),
    ]
    for index, link, label, source in rows:
        add_questions(store, [Question(index, link, "g", "item_weight", None, label)], source)
    links = {"a.jpg": "A", "a2.jpg": "A", "b.jpg": "B", "broken.jpg": "X", "unread.jpg": "U"}
    add_files(store, [_file(link, picture) for link, picture in links.items()])
    add_pages(store, KEY, "r", [_page("B", "b"), _page("A", "a"), _page("X", status=PageStatus.FAILED)])
    add_pages(store, OTHER, "r", [_page("U"), _page("A", "other")])
    return store


def test_questions_with_a_label_and_an_ok_page_by_index(store: Store) -> None:
    assert labelled_questions(store, KEY) == [
        LabelledQuestion(0, "A", "g", "item_weight", "5.0 kilogram", "train.csv"),
        LabelledQuestion(1, "B", "g", "item_weight", "", "curated.csv"),
        LabelledQuestion(2, "A", "g", "item_weight", "6.0 kilogram", "train.csv"),
    ]


def test_pages_of_another_key_do_not_count(store: Store) -> None:
    assert [question.index for question in labelled_questions(store, OTHER)] == [0, 2, 4]


def test_only_the_named_tables(store: Store) -> None:
    assert [question.index for question in labelled_questions(store, KEY, ["curated.csv"])] == [1]
    assert [question.index for question in labelled_questions(store, KEY, ["train.csv", "x"])] == [0, 2]
    assert labelled_questions(store, KEY, []) == []


def test_tables_are_counted_with_and_without_a_page(store: Store) -> None:
    assert labelled_sources(store, KEY) == [SourceCount("curated.csv", 1, 1), SourceCount("train.csv", 5, 2)]


def test_a_replaced_picture_counts_by_its_newest_file(store: Store) -> None:
    add_files(store, [_file("a.jpg", "B")])
    assert {question.index: question.picture for question in labelled_questions(store, KEY)} == {0: "B", 1: "B", 2: "A"}


def test_a_page_read_twice_gives_each_question_once(store: Store) -> None:
    add_pages(store, KEY, "again", [_page("A", "a")])
    assert [question.index for question in labelled_questions(store, KEY)] == [0, 1, 2]
    assert labelled_sources(store, KEY)[1] == SourceCount("train.csv", 5, 2)


def test_each_page_comes_once_with_its_questions_in_the_order_of_the_questions(store: Store) -> None:
    joined = list(join(store, KEY, labelled_questions(store, KEY)))
    assert [page.lines[0].text for page, _ in joined] == ["a", "b"]
    assert [[question.index for question in questions] for _, questions in joined] == [[0, 2], [1]]


def test_the_order_does_not_depend_on_the_chunk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    more = [_page(f"P{n:03}", str(n)) for n in range(100)]
    add_pages(store, KEY, "r", more[::-1])
    add_files(store, [_file(f"{n}.jpg", page.picture) for n, page in enumerate(more)])
    asked = [Question(100 + n, f"{n}.jpg", "g", "height", None, "1 inch") for n in range(100)]
    add_questions(store, asked, "more.csv")
    orders = []
    for size in (1, 7, 1000):
        monkeypatch.setattr(training, "_PAGES_AT_ONCE", size)
        orders.append([page.lines[0].text for page, _ in join(store, KEY, labelled_questions(store, KEY))])
    assert orders[0] == orders[1] == orders[2] == ["a", "b", *map(str, range(100))]


def test_pictured_questions_need_a_file_and_no_page(store: Store) -> None:
    found = pictured_questions(store)
    assert [one.question.index for one in found] == sorted(one.question.index for one in found)
    labelled = sum(count.labelled for count in labelled_sources(store, KEY))
    assert len(found) == labelled  # those without a page and those without a file too
    assert all(bool(one.path) == bool(one.question.picture) for one in found)
    assert {one.question.index for one in found} >= {one.index for one in labelled_questions(store, KEY)}
    add_files(store, [_file("a.jpg", "Z")])
    assert {one.question.picture for one in pictured_questions(store) if one.question.index == 0} == {"Z"}
