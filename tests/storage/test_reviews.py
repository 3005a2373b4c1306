from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.types import OcrPage, PageKey, PageStatus, Question
from entx.storage.labels import (
    Review,
    SourceCount,
    add_reviews,
    labelled_questions,
    labelled_sources,
    load_reviews,
    pictured_questions,
    settle,
)
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.store import Store

KEY = PageKey("rapidocr", "m", "p")
FIRST = Review(
    4, ("5.0 gram", "0.2 ounce"), "review", "ann", "2026-11-20T10:00:00.000000Z", False, 2.5, "12/34",
    {"decided": "6.0 gram", "arms": {"rules": "6.0 gram", "=qwen": "nothing"}}, "project.json", "abc",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.duckdb", write=True)


def test_a_review_comes_back_as_it_was_given(store: Store) -> None:
    bare = Review(5, (), "review", "", "2026-11-20T10:00:00.000000Z")
    assert add_reviews(store, [FIRST, bare]) == 2
    assert load_reviews(store) == [FIRST, bare]


def test_the_same_again_adds_nothing(store: Store) -> None:
    add_reviews(store, [FIRST])
    later = replace(FIRST, reviewed="2026-11-21T10:00:00.000000Z", sha256="other")
    assert add_reviews(store, [FIRST]) == 0
    assert add_reviews(store, [later]) == 0
    assert load_reviews(store) == [FIRST]


def test_a_reviewer_may_think_again_and_an_old_export_changes_nothing(store: Store) -> None:
    add_reviews(store, [FIRST])
    later = replace(FIRST, rights=(), reviewed="2026-11-21T10:00:00.000000Z")
    between = replace(FIRST, rights=("7.0 gram",), reviewed="2026-11-20T18:00:00.000000Z")
    assert add_reviews(store, [later]) == 1
    assert add_reviews(store, [between, FIRST]) == 0
    assert load_reviews(store) == [later]
    assert store.connection.execute("select count(*) from reviews").fetchall() == [(2,)]  # nothing is overwritten


def test_of_one_file_the_latest_counts_whatever_its_order(store: Store) -> None:
    later = replace(FIRST, rights=("7.0 gram",), reviewed="2026-11-21T10:00:00.000000Z")
    assert add_reviews(store, [later, FIRST]) == 2
    assert load_reviews(store) == [later]


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
        labels, disputed = settle(order)
        if rights is None:
            assert not labels
            counting = [one for one in order if one.final] or order
            assert disputed == {1: tuple(counting)}
        else:
            assert not disputed
            assert labels[1].rights[:1] == rights[:1]
            assert set(labels[1].rights) == set(rights)


@given(st.lists(st.lists(st.sampled_from("xyz"), unique=True, max_size=3), min_size=1, max_size=4), st.randoms())
def test_agreement_does_not_depend_on_who_comes_first(rights: list[list[str]], shuffled: random.Random) -> None:
    reviews = [_by(str(number), *forms) for number, forms in enumerate(rights)]
    mixed = list(reviews)
    shuffled.shuffle(mixed)
    labels, disputed = settle(reviews)
    again, again_disputed = settle(mixed)
    assert labels.keys() == again.keys()
    assert disputed.keys() == again_disputed.keys()
    for index, label in labels.items():
        assert set(label.rights) == set(again[index].rights)
        assert not label.rights or all(label.rights[0] in review.rights for review in reviews)
        assert label.annotators == again[index].annotators


def test_the_newest_labelling_names_the_label(store: Store) -> None:
    add_reviews(store, [_by("a", "5.0 gram", at=1), replace(_by("b", "5.0 gram", at=2), source="second")])
    labels, _ = settle(load_reviews(store))
    assert (labels[1].source, labels[1].annotators) == ("second", ("a", "b"))


def test_training_reads_reviews_before_the_table(store: Store) -> None:
    """0: the table is corrected; 1: taken back; 2: had no label; 3: people disagree, the table stands; 4: untouched."""
    labels: list[str | None] = ["1.0 gram", "2.0 gram", None, "4.0 gram", "5.0 gram", None]
    for index, label in enumerate(labels):
        add_questions(store, [Question(index, f"{index}.jpg", "g", "item_weight", None, label)], "train.csv")
    add_files(store, [LinkedFile(f"{index}.jpg", f"P{index}", "/nowhere", 1, 1) for index in range(6)])
    add_pages(store, KEY, "r", [OcrPage(f"P{index}", PageStatus.OK, "", 9, 9) for index in range(6)])
    at = "2026-11-20T10:00:00.000000Z"
    add_reviews(store, [
        Review(0, ("1.5 gram", "0.05 ounce"), "review", "ann", at),
        Review(1, (), "review", "ann", at),
        Review(2, ("3.0 gram",), "second", "bob", at),
        Review(3, (), "review", "ann", at),
        Review(3, ("4.5 gram",), "review", "bob", at),
    ])  # fmt: skip
    found = [(one.index, one.label, one.source) for one in labelled_questions(store, KEY)]
    assert found == [
        (0, "1.5 gram", "review"), (1, "", "review"), (2, "3.0 gram", "second"), (3, "4.0 gram", "train.csv"),
        (4, "5.0 gram", "train.csv"),
    ]  # fmt: skip
    assert labelled_sources(store, KEY) == [
        SourceCount("review", 2, 2), SourceCount("second", 1, 1), SourceCount("train.csv", 2, 2),
    ]  # fmt: skip
    assert [one.index for one in labelled_questions(store, KEY, ["second"])] == [2]
    pictured = [one.question for one in pictured_questions(store)]  # a vision model learns from the same labels
    assert [(one.index, one.label, one.source) for one in pictured] == found


def test_a_store_that_is_only_read_gives_reviewed_labels_too(store: Store) -> None:
    add_questions(store, [Question(1, "1.jpg", "g", "item_weight", None, None)], "test.csv")
    add_reviews(store, [_by("a", "5.0 gram")])
    path = store.path
    store.close()
    with Store(path) as opened:
        assert labelled_sources(opened, KEY) == [SourceCount("review", 1, 0)]
