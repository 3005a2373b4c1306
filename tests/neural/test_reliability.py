from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.neural.reliability import Bin, draw_reliability, reliability


def test_by_hand() -> None:
    found = reliability([0.12, 0.18, 0.95, 1.0], [False, True, True, True])
    assert found.bins == (Bin(2, pytest.approx(0.15), 0.5), Bin(2, pytest.approx(0.975), 1.0))
    assert found.error == pytest.approx((2 * 0.35 + 2 * 0.025) / 4)
    assert found.brier == pytest.approx((0.12**2 + 0.82**2 + 0.05**2) / 4)
    assert found.rows == 4


def test_true_probabilities_have_a_small_error_and_bold_ones_a_large_one() -> None:
    draw = np.random.default_rng(3)
    chances = draw.random(20_000)
    came = list(draw.random(20_000) < chances)
    assert reliability(list(chances), came).error < 0.01
    assert reliability(list(np.where(chances > 0.5, 0.99, 0.01)), came).error > 0.2


def test_no_rows() -> None:
    assert reliability([], []).as_dict() == {"rows": 0, "error": 0.0, "brier": 0.0, "bins": ()}


PAIRS = st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=60)


@given(PAIRS)
def test_every_row_is_in_one_bin_and_the_error_is_that_of_the_bins(pairs: list[tuple[float, bool]]) -> None:
    found = reliability([said for said, _ in pairs], [true for _, true in pairs])
    assert found.rows == sum(one.rows for one in found.bins) == len(pairs)
    assert found.error == pytest.approx(sum(one.rows * abs(one.said - one.true) for one in found.bins) / found.rows)
    assert 0.0 <= found.error <= 1.0
    assert 0.0 <= found.brier <= 1.0
    said = [one.said for one in found.bins]
    assert said == sorted(said)
    mean, share = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    assert abs(mean - share) <= found.error + 1e-9  # bins can only find more than the whole does


@given(PAIRS, st.randoms())
def test_the_order_of_rows_says_nothing(pairs: list[tuple[float, bool]], draw: Random) -> None:
    turned = draw.sample(pairs, len(pairs))
    one, other = (reliability([said for said, _ in rows], [true for _, true in rows]) for rows in (pairs, turned))
    assert (one.error, one.brier) == (pytest.approx(other.error), pytest.approx(other.brier))


@given(st.lists(st.booleans(), min_size=1))
def test_certainty_that_comes_true_has_no_error_and_its_opposite_all(came: list[bool]) -> None:
    sure = [float(true) for true in came]
    assert (reliability(sure, came).error, reliability(sure, came).brier) == (0.0, 0.0)
    wrong = [1.0 - value for value in sure]
    assert (reliability(wrong, came).error, reliability(wrong, came).brier) == (1.0, 1.0)


def test_the_figure_is_written_whole(tmp_path: Path) -> None:
    one = reliability([0.1, 0.6, 0.9], [False, True, True])
    draw_reliability({"before": one, "after": one}, tmp_path / "r.png", "test")
    assert (tmp_path / "r.png").read_bytes()[:4] == b"\x89PNG"
