"""Reviews and what follows from them; the labelled questions that models learn from."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.types import OcrLine, OcrPage, PageKey, PageStatus, Question
from entx.storage import labels
from entx.storage.labels import (
    LabelledQuestion,
    Review,
    add_reviews,
    labelled_questions,
    load_reviews,
    pages_with_questions,
    settle,
)  # fmt: skip
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store

KEY, OTHER = PageKey("rapidocr", "m", "p"), PageKey("paddleocr", "m", "p")
AT, LATER = "2026-11-20T10:00:00.000000Z", "2026-11-21T10:00:00.000000Z"
FIRST = Review(
    4, ("5.0 gram", "0.2 ounce"), "review", "ann", AT, False, 2.5, "12/34",
    {"decided": "6.0 gram", "arms": {"rules": "6.0 gram", "=qwen": "nothing"}}, "project.json", "abc",
)  # fmt: skip


BARE = Review(5, (), "review", "", AT)
SAME, EMPTY = replace(FIRST, reviewed=LATER, sha256="other"), replace(FIRST, reviewed=LATER, rights=())
OTHERWISE = replace(FIRST, reviewed=LATER, rights=("7.0 gram",))
BETWEEN = replace(FIRST, rights=("7.0 gram",), reviewed="2026-11-20T18:00:00.000000Z")


@pytest.mark.parametrize(
    ("imports", "loaded"),
    [
        ([([FIRST, BARE], 2)], [FIRST, BARE]),  # each comes back as it was given
        ([([FIRST], 1), ([FIRST], 0), ([SAME], 0)], [FIRST]),  # the same again adds nothing
        (
            [([FIRST], 1), ([EMPTY], 1), ([BETWEEN, FIRST], 0)],
            [EMPTY],
        ),  # one may think again, not an old export
        ([([OTHERWISE, FIRST], 2)], [OTHERWISE]),  # of one file the latest counts whatever its order
    ],
)
def test_the_newest_review_of_a_reviewer_counts_and_nothing_is_overwritten(
    store: Store, imports: list[tuple[list[Review], int]], loaded: list[Review]
) -> None:
    for reviews, added in imports:
        assert add_reviews(store, reviews) == added
    assert load_reviews(store) == loaded
    number = sum(added for _, added in imports)
    assert store.connection.execute("select count(*) from reviews").fetchall() == [(number,)]


def test_one_name_in_two_labellings_is_two_people(store: Store) -> None:
    other = replace(FIRST, source="second", rights=())
    assert add_reviews(store, [FIRST, other]) == 2
    assert set(settle(load_reviews(store))[1]) == {4}


def _by(name: str, *rights: str, final: bool = False, at: int = 0) -> Review:
    return Review(1, rights, "review", name, f"2026-11-20T10:00:00.00000{at}Z", final)


@pytest.mark.parametrize(
    ("reviews", "rights"),
    [
        ([_by("a", "5.0 gram")], ("5.0 gram",)),
        ([_by("a")], ()),
        ([_by("a"), _by("b")], ()),
        ([_by("a", "5.0 gram"), _by("b", "5.0 gram")], ("5.0 gram",)),
        ([_by("a", "5.0 gram", "0.2 ounce"), _by("b", "0.2 ounce")], ("0.2 ounce", "5.0 gram")),
        ([_by("a", "5.0 gram", "x"), _by("b", "5.0 gram", "y")], ("5.0 gram", "x", "y")),
        ([_by("a", "5.0 gram"), _by("b")], None),
        ([_by("a"), _by("b", "5.0 gram")], None),
        ([_by("a", "5.0 gram"), _by("b", "6.0 gram")], None),
        ([_by("a", "x", "y"), _by("b", "y", "z"), _by("c", "z", "x")], None),  # no form that all named
        ([_by("a", "5.0 gram"), _by("b", "6.0 gram", final=True)], ("6.0 gram",)),
        ([_by("a", "5.0 gram", final=True), _by("b", "6.0 gram", final=True)], None),
        ([_by("a", "5.0 gram"), _by("b", final=True)], ()),
    ],
)
def test_who_agrees(reviews: list[Review], rights: tuple[str, ...] | None) -> None:
    for order in (reviews, reviews[::-1]):
        settled, disputed = settle(order)
        if rights is None:
            assert not settled
            counting = [one for one in order if one.final] or order
            assert disputed == {1: tuple(counting)}
        else:
            assert not disputed
            assert settled[1].rights[:1] == rights[:1]
            assert set(settled[1].rights) == set(rights)


@given(st.lists(st.lists(st.sampled_from("xyz"), unique=True, max_size=3), min_size=1, max_size=4), st.randoms())
def test_agreement_does_not_depend_on_who_comes_first(rights: list[list[str]], shuffled: random.Random) -> None:
    reviews = [_by(str(number), *forms) for number, forms in enumerate(rights)]
    mixed = list(reviews)
    shuffled.shuffle(mixed)
    (settled, disputed), (again, again_disputed) = settle(reviews), settle(mixed)
    assert (settled.keys(), disputed.keys()) == (again.keys(), again_disputed.keys())
    for index, label in settled.items():
        assert set(label.rights) == set(again[index].rights)
        assert not label.rights or all(label.rights[0] in review.rights for review in reviews)
        assert label.annotators == again[index].annotators


def test_the_newest_labelling_names_the_label(store: Store) -> None:
    add_reviews(store, [_by("a", "5.0 gram", at=1), replace(_by("b", "5.0 gram", at=2), source="second")])
    settled, _ = settle(load_reviews(store))
    assert (settled[1].source, settled[1].annotators) == ("second", ("a", "b"))


def test_training_reads_reviews_before_the_table(store: Store) -> None:
    """0: the table is corrected; 1: taken back; 2: had no label; 3: people disagree, the table stands; 4: untouched."""
    table: list[str | None] = ["1.0 gram", "2.0 gram", None, "4.0 gram", "5.0 gram", None]
    for index, label in enumerate(table):
        add_questions(store, [Question(index, f"{index}.jpg", "g", "item_weight", None, label)], "train.csv")
    add_files(store, [LinkedFile(f"{index}.jpg", f"P{index}", "/nowhere", 1, 1) for index in range(6)])
    add_pages(store, KEY, "r", [OcrPage(f"P{index}", PageStatus.OK, "", 9, 9) for index in range(6)])
    add_reviews(store, [
        Review(0, ("1.5 gram", "0.05 ounce"), "review", "ann", AT),
        Review(1, (), "review", "ann", AT),
        Review(2, ("3.0 gram",), "second", "bob", AT),
        Review(3, (), "review", "ann", AT),
        Review(3, ("4.5 gram",), "review", "bob", AT),
    ])  # fmt: skip
    found = [(one.index, one.label, one.source) for one in labelled_questions(store, KEY)]
    assert found == [
        (0, "1.5 gram", "review"), (1, "", "review"), (2, "3.0 gram", "second"), (3, "4.0 gram", "train.csv"),
        (4, "5.0 gram", "train.csv"),
    ]  # fmt: skip
    pictured = labelled_questions(store)  # a vision model learns from the same labels
    assert [(one.index, one.label, one.source) for one in pictured] == found


def test_a_store_that_is_only_read_gives_reviewed_labels_too(store: Store) -> None:
    add_questions(store, [Question(1, "1.jpg", "g", "item_weight", None, None)], "test.csv")
    add_reviews(store, [_by("a", "5.0 gram")])
    store.close()
    with Store(store.path) as opened:
        assert [(one.index, one.label, one.source) for one in labelled_questions(opened)] == [(1, "5.0 gram", "review")]


def _page(picture: str, text: str = "5 kg", status: PageStatus = PageStatus.OK) -> OcrPage:
    line = OcrLine(text, 1.0, (0, 0, 9, 0, 9, 9, 0, 9))
    return OcrPage(picture, status, "", 100, 100, (line,) if status is PageStatus.OK else ())


def _file(link: str, picture: str) -> LinkedFile:
    return LinkedFile(link, picture, f"/nowhere/{link}", 1, 1)


@pytest.fixture
def labelled(store: Store) -> Store:
    """Four pictures: one with two links, one that is broken, one that only the other engine has read."""
    rows = [
        ("a.jpg", "5.0 kilogram", "train.csv"), ("b.jpg", "", "curated.csv"), ("a2.jpg", "6.0 kilogram", "train.csv"),
        ("broken.jpg", "7.0 kilogram", "train.csv"), ("unread.jpg", "8.0 kilogram", "train.csv"),
        ("nofile.jpg", "9.0 kilogram", "train.csv"), ("b.jpg", None, "test.csv"),
    ]  # fmt: skip
    for index, (link, label, source) in enumerate(rows):
        add_questions(store, [Question(index, link, "g", "item_weight", None, label)], source)
    links = {"a.jpg": "A", "a2.jpg": "A", "b.jpg": "B", "broken.jpg": "X", "unread.jpg": "U"}
    add_files(store, [_file(link, picture) for link, picture in links.items()])
    add_pages(store, KEY, "r", [_page("B", "b"), _page("A", "a"), _page("X", status=PageStatus.FAILED)])
    add_pages(store, OTHER, "r", [_page("U"), _page("A", "other")])
    return store


def test_questions_with_a_label_and_an_ok_page_by_index(labelled: Store) -> None:
    assert labelled_questions(labelled, KEY) == [
        LabelledQuestion(0, "A", "g", "item_weight", "5.0 kilogram", "train.csv", "/nowhere/a.jpg"),
        LabelledQuestion(1, "B", "g", "item_weight", "", "curated.csv", "/nowhere/b.jpg"),
        LabelledQuestion(2, "A", "g", "item_weight", "6.0 kilogram", "train.csv", "/nowhere/a2.jpg"),
    ]


def test_pages_of_another_key_do_not_count(labelled: Store) -> None:
    assert [question.index for question in labelled_questions(labelled, OTHER)] == [0, 2, 4]


def test_a_replaced_picture_counts_by_its_newest_file(labelled: Store) -> None:
    add_files(labelled, [_file("a.jpg", "B")])
    assert [question.picture for question in labelled_questions(labelled, KEY)] == ["B", "B", "A"]


def test_a_page_read_twice_gives_each_question_once(labelled: Store) -> None:
    add_pages(labelled, KEY, "again", [_page("A", "a")])
    assert [question.index for question in labelled_questions(labelled, KEY)] == [0, 1, 2]


def test_each_page_comes_once_with_its_questions_in_the_order_of_the_questions(labelled: Store) -> None:
    joined = list(pages_with_questions(labelled, KEY, labelled_questions(labelled, KEY)))
    assert [page.lines[0].text for page, _ in joined] == ["a", "b"]
    assert [[question.index for question in questions] for _, questions in joined] == [[0, 2], [1]]


def test_the_order_does_not_depend_on_the_chunk(labelled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    more = [_page(f"P{n:03}", str(n)) for n in range(100)]
    add_pages(labelled, KEY, "r", more[::-1])
    add_files(labelled, [_file(f"{n}.jpg", page.picture) for n, page in enumerate(more)])
    asked = [Question(100 + n, f"{n}.jpg", "g", "height", None, "1 inch") for n in range(100)]
    add_questions(labelled, asked, "more.csv")
    questions = labelled_questions(labelled, KEY)
    for size in (1, 7, 1000):
        monkeypatch.setattr(labels, "_PAGES_AT_ONCE", size)
        texts = [page.lines[0].text for page, _ in pages_with_questions(labelled, KEY, questions)]
        assert texts == ["a", "b", *map(str, range(100))]


def test_without_a_key_no_page_and_no_file_is_needed(labelled: Store) -> None:
    found = labelled_questions(labelled)
    assert [one.index for one in found] == sorted(one.index for one in found)
    assert Counter(one.source for one in found) == {"curated.csv": 1, "train.csv": 5}  # with or without a page, a file
    assert all(bool(one.path) == bool(one.picture) for one in found)
    assert {one.index for one in found} >= {one.index for one in labelled_questions(labelled, KEY)}
    add_files(labelled, [_file("a.jpg", "Z")])
    assert {one.picture for one in labelled_questions(labelled) if one.index == 0} == {"Z"}
