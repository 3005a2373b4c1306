from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.core.splits import Shard


@given(st.text(min_size=1), st.integers(1, 50))
def test_everything_is_in_exactly_one_part(picture: str, of: int) -> None:
    assert sum(Shard(number, of).holds(picture) for number in range(1, of + 1)) == 1


def test_parts_are_of_about_equal_size() -> None:
    counts = [sum(Shard(number, 4).holds(f"picture {n}") for n in range(4000)) for number in range(1, 5)]
    assert sum(counts) == 4000
    assert all(900 < count < 1100 for count in counts)


def test_the_part_of_a_picture_never_changes() -> None:
    """These were computed once: another hash would deal the pictures of a half-done job anew."""
    assert [next(n for n in (1, 2, 3) if Shard(n, 3).holds(name)) for name in ("a", "b", "c", "d", "é")] == [
        3, 3, 1, 3, 1,
    ]  # fmt: skip


def test_the_one_part_of_one_holds_all() -> None:
    assert Shard().holds("anything")
    assert str(Shard()) == "1/1"


@pytest.mark.parametrize("text", ["1/4", "4/4", "1/1", "007/999999"])
def test_parts_are_written_as_they_are_read(text: str) -> None:
    assert Shard.parse(text) == Shard(*map(int, text.split("/")))


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1 / 4", "１/4", "1/1000000"])
def test_anything_else_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match="expected PART/PARTS, for example 1/4 to 4/4"):
        Shard.parse(text)
