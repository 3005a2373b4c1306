from __future__ import annotations

import numpy as np
import pytest

from entx.ensemble.reliability import Bin, reliability


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
