"""Weights by sampling, and batches of like length."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.neural.visits import WINDOW, group_by_length, visits

WEIGHTS = st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=60)


def test_rows_of_weight_one_come_once_in_another_order_each_epoch() -> None:
    first, second = visits([1.0] * 50, seed=0), visits([1.0] * 50, seed=0, epoch=1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != sorted(first)


@given(WEIGHTS, st.integers(0, 5))
def test_every_count_is_within_one_of_its_weight(weights: list[float], seed: int) -> None:
    counts = Counter(visits(weights, seed=seed))
    for row, weight in enumerate(weights):
        assert np.floor(weight) <= counts[row] <= np.floor(weight) + 1
        assert counts[row] >= 1 or weight < 1


@given(WEIGHTS, st.integers(0, 5))
def test_an_epoch_has_as_many_visits_as_the_weights_sum_to(weights: list[float], seed: int) -> None:
    assert abs(len(visits(weights, seed=seed)) - sum(weights)) <= 1


def test_over_many_epochs_each_row_comes_as_often_as_it_weighs() -> None:
    weights = [0.1, 0.25, 0.5, 1.0, 1.5]
    counts = Counter(row for epoch in range(2000) for row in visits(weights, seed=3, epoch=epoch))
    for row, weight in enumerate(weights):
        assert counts[row] / 2000 == pytest.approx(weight, abs=0.04)


def test_neighbours_are_drawn_apart() -> None:
    """Without the shuffle, systematic sampling would take every second of equal rows, always the same pairs."""
    together = sum({0, 1} <= set(visits([0.5] * 10, seed=0, epoch=epoch)) for epoch in range(300))
    assert 30 < together < 110  # 300 x 2/9 = 67


def test_a_broken_epoch_takes_its_share_of_the_same_order() -> None:
    assert visits([1.0] * 40, seed=1, share=0.25) == visits([1.0] * 40, seed=1)[:10]


def test_equal_seeds_give_equal_orders_and_others_do_not() -> None:
    assert visits([0.5] * 30, seed=1, epoch=2) == visits([0.5] * 30, seed=1, epoch=2)
    assert visits([0.5] * 30, seed=1) != visits([0.5] * 30, seed=2)


@given(st.lists(st.integers(1, 500), max_size=400), st.integers(1, 9), st.integers(0, 3))
def test_grouping_visits_every_row_once(lengths: list[int], batch: int, seed: int) -> None:
    assert sorted(group_by_length(lengths, batch, seed)) == list(range(len(lengths)))


def test_grouping_spares_most_padding_and_keeps_the_order_of_windows() -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(50, 500, 1600).tolist()

    def padded(order: list[int]) -> int:
        batches = [order[at : at + 16] for at in range(0, len(order), 16)]
        return sum(len(one) * max(lengths[row] for row in one) for one in batches) - sum(lengths)

    order = group_by_length(lengths, 16, 0)
    assert padded(order) < 0.2 * padded(list(range(1600)))
    assert set(order[: 16 * WINDOW]) == set(range(16 * WINDOW))
    means = [np.mean([lengths[row] for row in order[at : at + 16]]) for at in range(0, 16 * WINDOW, 16)]
    assert means != sorted(means)


def test_the_short_batch_comes_last() -> None:
    order = group_by_length([5, 1, 4, 2, 3], 2, 0)
    assert order[-1] == 0
    assert {frozenset(order[:2]), frozenset(order[2:4])} == {frozenset({1, 3}), frozenset({4, 2})}
