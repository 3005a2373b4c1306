"""Which pictures a run still has to look at: by file, with or without OCR."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entx.core.splits import Shard
from entx.core.types import Answer, Question
from entx.storage.pages import indices_in_shard, open_pictures
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers
from entx.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Links a and b name one picture; of d there is no file."""
    with Store(tmp_path / "s.duckdb", write=True) as store:
        asked = [(5, "a", "height"), (1, "b", "width"), (3, "c", "depth"), (2, "a", "depth"), (4, "d", "voltage")]
        add_questions(store, [Question(index, link, "g", name) for index, link, name in asked], "t.csv")
        add_files(store, [LinkedFile(link, f"sha-{name}", f"/old/{link}.jpg", 1, 1) for link, name in ("ax", "bx")])
        add_files(store, [LinkedFile("c", "sha-y", "/new/c.jpg", 1, 1), LinkedFile("b", "sha-x", "/new/b.jpg", 1, 2)])
        yield store


def test_questions_come_by_picture_whatever_their_link(store: Store) -> None:
    found = list(open_pictures(store, "vlm"))
    assert [(one.picture, str(one.path), [q.index for q in one.questions]) for one in found] == [
        ("sha-x", "/new/b.jpg", [1, 2, 5]), ("sha-y", "/new/c.jpg", [3]),
    ]  # fmt: skip
    assert [q.entity_name for q in found[0].questions] == ["width", "depth", "height"]


def test_only_what_the_run_has_not_answered(store: Store) -> None:
    add_answers(store, "vlm", [(1, Answer(None)), (3, Answer(None))])
    add_answers(store, "other", [(5, Answer(None))])
    assert [[q.index for q in one.questions] for one in open_pictures(store, "vlm")] == [[2, 5]]


def test_answers_that_are_added_meanwhile_change_nothing(store: Store) -> None:
    pictures = open_pictures(store, "vlm")
    first = next(pictures)
    add_answers(store, "vlm", [(q.index, Answer(None)) for q in first.questions] + [(3, Answer(None))])
    assert [one.picture for one in pictures] == ["sha-y"]


def test_shards_are_disjoint_and_complete(store: Store) -> None:
    parts = [[one.picture for one in open_pictures(store, "vlm", Shard(n, 3))] for n in (1, 2, 3)]
    assert sorted(picture for part in parts for picture in part) == ["sha-x", "sha-y"]
    dealt = [indices_in_shard(store, Shard(n, 3)) for n in (1, 2, 3)]
    assert sorted(index for part in dealt for index in part) == [1, 2, 3, 4, 5]
    for pictures, indices in zip(parts, dealt, strict=True):
        assert ("sha-x" in pictures) == ({1, 2, 5} <= set(indices))
        assert ("sha-y" in pictures) == (3 in indices)


def test_the_wanted_rows_of_a_shard_keep_their_order(store: Store) -> None:
    wanted = [5, 99, 4, 1]
    dealt = [indices_in_shard(store, Shard(n, 2), wanted) for n in (1, 2)]
    assert sorted(index for part in dealt for index in part) == [1, 4, 5]
    for part in dealt:
        assert part == [index for index in wanted if index in part]
    assert indices_in_shard(store, Shard(), wanted) == [5, 4, 1]
