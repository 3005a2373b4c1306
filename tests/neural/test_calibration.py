"""Posteriors, the decision rule, fits on drawn rows whose true probabilities are known, and reliability by hand."""

from __future__ import annotations

from decimal import Decimal
from math import exp, log
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.evaluation import Truth
from entx.core.types import Quantity
from entx.neural.calibration import (
    Bin,
    Calibration,
    GoldRow,
    Labelled,
    Platt,
    Posterior,
    cross_fit,
    f1,
    fit,
    fit_gold,
    judge,
    reliability,
)


def drawn(count: int, *, temperature: float, offset: float = 0.0, missed: float = 0.0, seed: int = 0) -> list[Labelled]:
    """Rows whose truth is drawn from their posterior at that temperature and offset; a share has its truth missed."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        logits = random.normal(0.0, 3.0, size=int(random.integers(2, 6)))
        posterior = Posterior(tuple(logits[:-1]), float(logits[-1]))
        truth = random.choice(len(logits), p=posterior.shares(temperature, offset))
        none = truth == len(logits) - 1
        lost = not none and random.random() < missed
        rows.append(Labelled(posterior, frozenset() if none or lost else frozenset([int(truth)]), not none))
    return rows


def test_shares_are_normalised_and_none_is_last() -> None:
    shares = Posterior((log(0.2), log(0.1)), log(0.3)).shares()
    assert shares == pytest.approx((2 / 6, 1 / 6, 3 / 6))


def test_shares_of_extreme_scores_do_not_overflow() -> None:
    assert Posterior((-2000.0, -1.0), -3000.0).shares(0.1) == pytest.approx((0.0, 1.0, 0.0))


def test_a_high_temperature_levels_and_an_offset_favours_none() -> None:
    posterior = Posterior((0.0,), -2.0)
    assert posterior.shares(100.0)[0] == pytest.approx(0.505, abs=1e-3)
    assert posterior.shares(1.0, 2.0) == pytest.approx((0.5, 0.5))


def test_without_a_calibration_the_larger_share_wins() -> None:
    assert judge(Posterior((-1.0, -0.5), -0.6), None).given
    judged = judge(Posterior((-1.0, -0.6), -0.5), None)
    assert not judged.given
    assert judged.best == 1
    assert judged.p_correct is None


def test_the_first_of_equal_candidates_is_the_best() -> None:
    assert Posterior((-1.0, -1.0), -9.0).best == 0


def test_with_a_calibration_the_answer_is_given_where_it_raises_the_expected_f1() -> None:
    posterior = Posterior((log(0.45),), log(0.55))
    strict, mild = (Calibration(f1=f1) for f1 in (1.0, 0.6))
    assert not judge(posterior, strict).given  # 0.45 (2 - 1) < 1 (1 - 0.45)
    assert judge(posterior, mild).given  # 0.45 (2 - 0.6) > 0.6 (1 - 0.45)
    judged = judge(posterior, mild)
    assert judged.p_correct == pytest.approx(0.45)
    assert judged.p_present == pytest.approx(0.45)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_rows_is_found(temperature: float) -> None:
    found = fit(drawn(4000, temperature=temperature))
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.none_offset == pytest.approx(0.0, abs=0.2)
    assert found.correct.slope == pytest.approx(1.0, abs=0.15)


def test_the_offset_of_none_that_made_the_rows_is_found() -> None:
    found = fit(drawn(4000, temperature=1.5, offset=1.2))
    assert found.none_offset == pytest.approx(1.2, abs=0.2)
    assert found.temperature == pytest.approx(1.5, rel=0.1)


def test_truths_that_ocr_missed_lower_p_correct_and_not_p_present() -> None:
    whole, lossy = fit(drawn(4000, temperature=1.0)), fit(drawn(4000, temperature=1.0, missed=0.3))
    sure = Posterior((0.0,), -6.0)
    assert judge(sure, whole).p_correct == pytest.approx(0.99, abs=0.02)
    p_correct, p_present = judge(sure, lossy).p_correct, judge(sure, lossy).p_present
    assert p_correct is not None
    assert p_present is not None
    assert p_correct < 0.87
    assert p_present > 0.97


def test_calibration_lowers_the_calibration_error_on_other_rows() -> None:
    calibration = fit(drawn(3000, temperature=3.0, seed=1))
    rows = drawn(3000, temperature=3.0, seed=2)
    truths = [row.posterior.best in row.right for row in rows]
    before = reliability([row.posterior.shares()[row.posterior.best] for row in rows], truths)
    after = reliability([judge(row.posterior, calibration).p_correct or 0.0 for row in rows], truths)
    assert before.error > 0.15
    assert after.error < 0.04
    assert after.brier < before.brier


def test_the_decision_beats_the_larger_share_on_other_rows() -> None:
    calibration = fit(drawn(4000, temperature=2.0, missed=0.1, seed=3))
    rows = drawn(4000, temperature=2.0, missed=0.1, seed=4)

    def f1(given: list[bool]) -> float:
        pairs = list(zip(rows, given, strict=True))
        tp = sum(one and row.posterior.best in row.right for row, one in pairs)
        fn = sum(row.present and not one for row, one in pairs)
        return 2 * tp / (tp + sum(given) + fn)

    ours = f1([judge(row.posterior, calibration).given for row in rows])
    assert ours > f1([judge(row.posterior, None).given for row in rows])
    assert ours == pytest.approx(calibration.f1, abs=0.03)


def test_pages_without_candidates_give_the_share_of_values_there() -> None:
    assert fit(drawn(50, temperature=1.0), [True] * 19 + [False] * 79).unseen == pytest.approx(0.2)


def test_rows_of_one_kind_only_do_not_break_the_fit() -> None:
    rows = [Labelled(Posterior((0.0,), -3.0), frozenset([0]), True)] * 20
    found = fit(rows)
    assert 0.9 < (judge(rows[0].posterior, found).p_correct or 0.0) < 1.0
    assert judge(rows[0].posterior, found).given


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="labelled rows"):
        fit([])


def test_a_calibration_survives_its_json_and_its_digest_tells_it_apart() -> None:
    found = fit(drawn(200, temperature=2.0))
    assert Calibration.from_dict(found.as_dict()) == found
    assert found.digest == Calibration.from_dict(found.as_dict()).digest
    assert found.digest != Calibration().digest


def test_platt_is_the_logistic_map_and_bounded() -> None:
    assert Platt()(0.3) == pytest.approx(0.3)
    assert Platt(2.0, 1.0)(0.5) == pytest.approx(1 / (1 + exp(-1)))
    assert 0.0 < Platt()(0.0) < Platt()(1.0) < 1.0


def gold_rows(count: int) -> list[GoldRow]:
    """Drawn rows, two of each picture; each fifth had nothing to choose from."""
    quantities = tuple(Quantity(Decimal(n + 1), "gram") for n in range(5))
    rows = []
    for number, row in enumerate(drawn(count, temperature=2.0, seed=7)):
        candidates = row.posterior.candidates
        truth = quantities[min(row.right)].text if row.right else "9.0 gram" if row.present else ""
        posterior = Posterior(candidates, row.posterior.none, quantities[: len(candidates)])
        asked = None if number % 10 == 0 else Posterior((), -1.0) if number % 10 == 5 else posterior
        rows.append(GoldRow(f"{number // 2:08x}", Truth(number, truth), asked))
    return rows


def test_a_cross_fit_judges_each_picture_by_the_others() -> None:
    rows = gold_rows(400)
    found = cross_fit(rows)
    assert len(found.stated) == len(found.fitted) == len(found.right) == 320
    fold = [row for row in rows if int(row.picture, 16) % 5 == 0]
    others = fit_gold([row for row in rows if int(row.picture, 16) % 5])
    number = next(n for n, row in enumerate(rows) if row in fold and row.labelled is not None)
    posterior = rows[number].posterior
    assert posterior is not None
    judged = judge(posterior, others)
    assert found.after[number] == (posterior.quantities[judged.best].text if judged.given else "")
    assert found.fitted[0] == judged.p_correct
    assert found.before[0] == ""
    assert f1(rows, found.after) > 0.5
    assert reliability(found.fitted, found.right).error < reliability(found.stated, found.right).error


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
