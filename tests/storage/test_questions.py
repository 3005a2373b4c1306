"""Questions by index and by picture, their labels, and what the labels say about a product group."""

from __future__ import annotations

import pytest

from entx.core.errors import InputError
from entx.core.types import Answer, Question
from entx.storage.questions import (
    FOLDS,
    GroupPrior,
    LinkedFile,
    add_files,
    add_questions,
    find_labels,
    find_questions,
    group_priors,
    load_questions,
    priors_digest,
)  # fmt: skip
from entx.storage.runs import add_answers, load_arms
from entx.storage.store import Store

Rows = list[tuple[str, str, str, str | None]]
"""Of (image_link, group_id, entity_name, label)."""


def _ask(store: Store, rows: Rows) -> None:
    add_questions(store, [Question(n, *row[:3], None, row[3]) for n, row in enumerate(rows)], "t.csv")


def _height(index: int, entity: str = "height") -> Question:
    return Question(index, "a.jpg", "g1", entity)


def test_ingesting_twice_adds_nothing_and_a_taken_index_is_refused(store: Store) -> None:
    assert add_questions(store, [_height(1), _height(2)], "t.csv") == 2
    assert add_questions(store, [_height(1), _height(2), _height(3)], "t.csv") == 1
    with pytest.raises(InputError, match=r"u.csv: index 2 is already .* as height of a.jpg"):
        add_questions(store, [_height(2, "width"), _height(9)], "u.csv")
    assert [q.index for q in load_questions(store)] == [1, 2, 3]


@pytest.fixture
def asked(store: Store) -> Store:
    _ask(store, [
        ("a.jpg", "g1", "width", None), ("a.jpg", "g1", "height", None), ("b.jpg", "g2", "width", "5 inch"),
        ("b.jpg", "g2", "width", "6 inch"), ("c.jpg", "g2", "width", ""), ("d.jpg", "g2", "width", None),
    ])  # fmt: skip
    add_files(store, [LinkedFile("a.jpg", "A", "old/a.jpg", 1, 1), LinkedFile("b.jpg", "B", "b.jpg", 1, 1)])
    add_files(store, [LinkedFile("a.jpg", "A2", "new/a.jpg", 1, 2)])
    return store


def test_questions_by_index_with_the_newest_file_of_their_link(asked: Store) -> None:
    found = find_questions(asked, [5, 0, 77])
    assert list(found) == [0, 5]
    one = found[0]
    assert (one.entity_name, one.image_link, one.group_id) == ("width", "a.jpg", "g1")
    assert (one.picture, one.path) == ("A2", "new/a.jpg")
    assert (found[5].picture, found[5].path) == (None, None)
    assert find_questions(asked, []) == {}


def test_folds_are_those_of_the_arms(asked: Store) -> None:
    add_answers(asked, "r", [(index, Answer(None)) for index in range(6)])
    folds = {row.index: row.fold for row in load_arms(asked, ["r"])}
    assert {index: one.fold for index, one in find_questions(asked, folds).items()} == folds
    assert folds[0] == folds[1]


def test_labels_of_the_same_picture_and_entity(asked: Store) -> None:
    pairs = [("b.jpg", "width"), ("c.jpg", "width"), ("d.jpg", "width"), ("b.jpg", "height")]
    first, second, none = ("b.jpg", "width", "5 inch"), ("b.jpg", "width", "6 inch"), ("c.jpg", "width", "")
    assert find_labels(asked, pairs, []) == [first, second, none]
    assert find_labels(asked, pairs, [2, 4]) == [second]
    assert find_labels(asked, [], []) == []
    assert find_labels(asked, [("c.jpg", "width")] * 3, []) == [none]  # asked twice, found once


def _pictures(group: str, number: int, width: str, depth: str) -> Rows:
    links = [f"{group}-{n}.jpg" for n in range(number)]
    return [(link, group, entity, label) for link in links for entity, label in (("width", width), ("depth", depth))]


CUPS = _pictures("cups", 40, "8.0 centimetre", "8.0 centimetre")
MATS = _pictures("mats", 40, "60.0 centimetre", "1.0 centimetre")
ONE = _pictures("one", 1, "8.0 centimetre", "8.0 centimetre")


def test_round_groups_are_told_from_flat_ones(store: Store) -> None:
    _ask(store, CUPS + MATS)
    priors = group_priors(store)
    for fold in range(FOLDS):
        assert priors["cups", fold].depth_is_width > 0.3
        assert priors["mats", fold].depth_is_width < -0.3
        assert priors["cups", fold].depth_share == pytest.approx(0.5)


def test_few_pictures_say_little_and_a_picture_never_its_own_answer(store: Store) -> None:
    _ask(store, ONE + MATS)
    priors = group_priors(store)
    assert all(abs(priors["one", fold].depth_is_width) < 0.25 for fold in range(FOLDS))
    own = find_questions(store, [0])[0].fold
    assert priors["one", own].depth_is_width == pytest.approx(0.0)
    assert min(priors["one", other].depth_is_width for other in range(FOLDS) if other != own) > 0.1


def test_depth_asked_alone_is_a_prior_too(store: Store) -> None:
    _ask(store, [
        *((f"c{n}.jpg", "cables", "depth", "2.0 metre") for n in range(30)),
        *((f"b{n}.jpg", "boxes", "height", "2.0 metre") for n in range(30)),
    ])  # fmt: skip
    priors = group_priors(store)
    assert priors["cables", 0].depth_share > 0.85
    assert priors["boxes", 0].depth_share < 0.15


def test_a_store_without_labels_has_no_priors(store: Store) -> None:
    _ask(store, [("a.jpg", "g", "width", None), ("b.jpg", "g", "depth", "")])
    assert group_priors(store) == {}
    assert priors_digest({}) == ""


def test_the_digest_follows_the_priors_and_not_their_order() -> None:
    one, two = GroupPrior(0.1, 0.2), GroupPrior(-0.1, 0.4)
    assert priors_digest({("a", 0): one, ("b", 1): two}) == priors_digest({("b", 1): two, ("a", 0): one})
    assert priors_digest({("a", 0): one}) != priors_digest({("a", 0): two})
    assert priors_digest({("a", 0): one}) != priors_digest({("a", 1): one})
