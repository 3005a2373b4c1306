"""Rows of like width share a pass, and a pass stays within its tokens."""

from __future__ import annotations

from entx.neural.passes import TOKENS_PER_PASS, passes
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(0, 500), max_size=40), st.integers(1, 1000))
def test_every_row_is_in_one_pass_that_fits(widths: list[int], most: int) -> None:
    found = list(passes(widths, most))
    assert sorted(number for some in found for number in some) == list(range(len(widths)))
    for some in found:
        assert len(some) == 1 or len(some) * max(widths[number] for number in some) <= most


def test_the_widest_come_first() -> None:
    assert list(passes([3, 9, 1, 8], 18)) == [[1, 3], [0, 2]]
    assert list(passes([3, 9], 1)) == [[1], [0]]


def test_a_row_is_not_put_off_where_it_fits() -> None:
    assert len(list(passes([10] * 7, 20))) == 4


def test_a_graphics_card_takes_more() -> None:
    assert TOKENS_PER_PASS["cuda"] > TOKENS_PER_PASS["cpu"]
