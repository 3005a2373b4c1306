"""Bootstrap intervals against the plain procedure: draw pictures one by one, add up, take percentiles."""

import numpy as np
import pytest

from entx.core.evaluation import Counts, Interval, Outcome, Paired, bootstrap_f1, group_numbers, paired_f1


def table(pictures: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of pictures with 1 to 4 rows each, right or wrong mostly together."""
    draw = np.random.default_rng(seed)
    groups = np.repeat(np.arange(pictures), draw.integers(1, 5, pictures))
    quality = draw.beta(0.7, 0.5, pictures)[groups]
    stated = draw.random(len(groups)) < 0.75
    answered = draw.random(len(groups)) < 0.85
    right = draw.random(len(groups)) < quality
    outcome = np.where(
        answered,
        np.where(stated & right, Outcome.TP, Outcome.FP),
        np.where(stated, Outcome.FN, Outcome.TN),
    )
    return outcome, groups


def direct(outcome: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    rows_of = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    scores = []
    for _ in range(resamples):
        rows = np.concatenate([rows_of[pick] for pick in draw.integers(0, len(rows_of), len(rows_of))])
        scores.append(Counts.of(outcome[rows]).f1)
    return np.quantile(scores, [0.025, 0.975])


@pytest.mark.parametrize("pictures", [12, 150])
def test_bounds_are_those_of_the_plain_bootstrap(pictures: int) -> None:
    outcome, groups = table(pictures, seed=1)
    fast = bootstrap_f1(outcome, groups, resamples=6_000)
    low, high = direct(outcome, groups, resamples=3_000, seed=2)
    tolerance = 0.1 * (high - low)  # Monte Carlo error of both; row-wise resampling misses by more (below)
    assert fast.low == pytest.approx(low, abs=tolerance)
    assert fast.high == pytest.approx(high, abs=tolerance)


def test_rows_of_one_picture_widen_the_interval() -> None:
    outcome = np.repeat(np.tile([Outcome.TP, Outcome.FP], 30), 8)
    together = bootstrap_f1(outcome, np.repeat(np.arange(60), 8))
    apart = bootstrap_f1(outcome, np.arange(len(outcome)))
    ratio = (together.high - together.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(8**0.5, rel=0.15)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    big, big_groups = table(40_000, seed=5)
    truth = Counts.of(big).f1
    start = np.searchsorted(big_groups, np.arange(0, 40_000, 200))
    hits = 0
    for first, last in zip(start, np.append(start[1:], len(big)), strict=True):  # 200 samples of 200 pictures
        found = bootstrap_f1(big[first:last], big_groups[first:last], resamples=400)
        hits += found.low <= truth <= found.high
    assert 0.89 <= hits / 200 <= 0.99


def test_the_seed_decides() -> None:
    outcome, groups = table(100, seed=3)
    assert bootstrap_f1(outcome, groups, seed=4) == bootstrap_f1(outcome, groups, seed=4)
    assert bootstrap_f1(outcome, groups, seed=4) != bootstrap_f1(outcome, groups, seed=5)


def test_order_of_rows_and_numbers_of_groups_do_not_matter() -> None:
    outcome, groups = table(80, seed=6)
    shuffled = np.random.default_rng(0).permutation(len(outcome))
    expected = bootstrap_f1(outcome, groups)
    assert bootstrap_f1(outcome[shuffled], groups[shuffled]) == expected
    assert bootstrap_f1(outcome, groups * 7 + 3) == expected


def test_a_wider_level_is_a_wider_interval() -> None:
    outcome, groups = table(100, seed=3)
    narrow, wide = bootstrap_f1(outcome, groups, level=0.5), bootstrap_f1(outcome, groups, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(("outcome", "f1"), [(Outcome.TP, 1.0), (Outcome.FP, 0.0), (Outcome.TN, 0.0)])
def test_equal_rows_leave_no_doubt(outcome: Outcome, f1: float) -> None:
    assert bootstrap_f1(np.full(50, outcome), np.arange(50)) == Interval(f1, f1)


def test_one_picture_and_no_row() -> None:
    one = bootstrap_f1(np.array([Outcome.TP, Outcome.FP]), np.array([0, 0]))
    assert one.low == one.high == pytest.approx(2 / 3)
    assert bootstrap_f1(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) == Interval(0.0, 0.0)


def test_many_different_pictures_are_drawn_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, groups = table(200, seed=9)
    whole = bootstrap_f1(outcome, groups)
    monkeypatch.setattr("entx.core.evaluation._CELLS", 500)  # a memory bound of a few resamples at a time
    assert bootstrap_f1(outcome, groups) == whole


def test_group_numbers_follow_appearance() -> None:
    assert group_numbers(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


def test_an_interval_prints_three_digits() -> None:
    assert str(Interval(0.12345, 0.9)) == "[0.123, 0.900]"


def _paired(first: list[Outcome], second: list[Outcome], groups: list[int] | None = None) -> Paired:
    numbers = np.array(groups if groups is not None else range(len(first)), dtype=np.int64)
    return paired_f1(np.array(first, dtype=np.int64), np.array(second, dtype=np.int64), numbers)


def test_an_arm_against_itself_does_not_differ() -> None:
    rows = [Outcome.TP, Outcome.FP, Outcome.FN, Outcome.TN] * 20
    found = _paired(rows, rows)
    assert (found.difference, found.interval.low, found.interval.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not found.separable


def test_a_small_but_steady_gain_is_separable_though_the_intervals_overlap() -> None:
    second = [Outcome.TP] * 300 + [Outcome.FP] * 100
    first = [Outcome.TP] * 312 + [Outcome.FP] * 88
    found = _paired(first, second)
    assert found.difference == pytest.approx(624 / 712 - 600 / 700)
    assert found.separable
    assert found.p_value < 0.01
    groups = np.arange(400, dtype=np.int64)
    one = bootstrap_f1(np.array(first, dtype=np.int64), groups)
    other = bootstrap_f1(np.array(second, dtype=np.int64), groups)
    assert one.low < other.high
    back = _paired(second, first)
    assert back.difference == -found.difference


def test_rows_of_one_picture_count_as_one() -> None:
    second = [Outcome.TP] * 300 + [Outcome.FP] * 100
    first = [Outcome.TP] * 312 + [Outcome.FP] * 88
    found = _paired(first, second, [*range(300), *[300] * 12, *range(301, 389)])
    assert not found.separable
    assert found.p_value > 0.5
