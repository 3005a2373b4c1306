from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import parse_written
from entx.ensemble.decision import Objective
from entx.report.review.decided import StoredRun, vote_chances
from entx.report.review.gain import expected_counts, expected_f1, expected_gains, f1_after
from tests.ensemble.arms import answer, ballot

SHARE = st.floats(0.0, 1.0)
ROWS = st.lists(st.tuples(SHARE, SHARE, st.booleans()), min_size=1, max_size=12)


def _arrays(rows: list[tuple[float, float, bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = np.array([min(one, two) for one, two, _ in rows])
    q = np.array([max(one, two) for one, two, _ in rows])
    return p, q, np.array([given for _, _, given in rows])


def test_a_hand_worked_example() -> None:
    # two given answers and one withheld: N = 2 (.9 + .5) = 2.8; D = 1.9 + 1.5 + .6 = 4; F = .7
    p, q, gives = np.array([0.9, 0.5, 0.2]), np.array([1.0, 0.6, 0.6]), np.array([True, True, False])
    assert expected_counts(p, q, gives) == pytest.approx((2.8, 4.0))
    assert expected_f1(p, q, gives) == pytest.approx(0.7)
    # .1 (1.3) / 4; (.1 (1.3) + .4 (.7)) / 4; .6 (1.3) / 4
    assert expected_gains(p, q, gives) == pytest.approx([0.0325, 0.1025, 0.195])
    # the last one made right: N = 2.8 + 1.2, D = 3.4 + 1.2
    assert f1_after(p, q, gives, np.array([False, False, True])) == pytest.approx(4.0 / 4.6)


@given(ROWS)
def test_a_gain_is_the_derivative_of_f1(rows: list[tuple[float, float, bool]]) -> None:
    """Replace a small share of a question by its truth and see how F1 moves."""
    p, q, gives = _arrays(rows)
    top, bottom = expected_counts(p, q, gives)
    if bottom < 0.01:
        return
    step = 1e-7
    for place, gain in enumerate(expected_gains(p, q, gives)):
        own_top = 2 * p[place] if gives[place] else 0.0
        own_bottom = 1 + p[place] if gives[place] else q[place]
        moved = (top + step * (2 * q[place] - own_top)) / (bottom + step * (2 * q[place] - own_bottom))
        assert (moved - top / bottom) / step == pytest.approx(gain, abs=1e-3)


@given(ROWS)
def test_no_truth_makes_it_worse_and_all_truths_make_it_perfect(rows: list[tuple[float, float, bool]]) -> None:
    p, q, gives = _arrays(rows)
    assert (expected_gains(p, q, gives) >= -1e-12).all()
    before = expected_f1(p, q, gives)
    for place in range(len(rows)):
        one = np.arange(len(rows)) == place
        assert f1_after(p, q, gives, one) >= before - 1e-9
    everything = np.ones(len(rows), dtype=bool)
    assert f1_after(p, q, gives, everything) == (pytest.approx(1.0) if q.sum() > 0 else 0.0)
    assert f1_after(p, q, gives, ~everything) == pytest.approx(before)


@given(SHARE, SHARE, SHARE)
def test_the_decision_rule_takes_the_side_that_leaves_less_to_gain(one: float, two: float, reached: float) -> None:
    """`decision.py` gives an answer exactly where what a label would then gain is less than where it is withheld."""
    p, q = min(one, two), max(one, two)
    given, withheld = (q - p) * (2 - reached) + (1 - q) * reached, q * (2 - reached)
    if abs(given - withheld) > 1e-9:
        assert Objective.parse("challenge-f1").gives(p, q, reached) == (given < withheld)


def test_a_wrong_value_weighs_more_than_a_superfluous_one() -> None:
    # equally likely to be wrong: the one's picture surely shows a value, the other's perhaps none
    p, q, gives = np.array([0.5, 0.5, 0.9]), np.array([1.0, 0.5, 0.9]), np.array([True, True, True])
    wrong, superfluous, _ = expected_gains(p, q, gives)
    assert wrong > superfluous > 0


def test_nothing_decided_is_worth_nothing() -> None:
    none = np.zeros(0)
    assert expected_f1(none, none, none.astype(bool)) == 0.0
    assert len(expected_gains(none, none, none.astype(bool))) == 0
    silent = np.zeros(2), np.zeros(2), np.zeros(2, dtype=bool)
    assert expected_gains(*silent).tolist() == [0.0, 0.0]
    assert f1_after(*silent, np.ones(2, dtype=bool)) == 0.0


@pytest.mark.parametrize(
    ("said", "decided", "right", "present"),
    [
        (["5 gram", "5 gram", "5 gram"], "5 gram", 3 / 4, 3.5 / 4),
        (["5 gram", "6 gram", "7 gram"], "5 gram", 1 / 4, 3.5 / 4),
        (["5 gram", "", ""], "", 0.0, 1.5 / 4),
        (["5 gram", "", ""], "5 gram", 1 / 4, 1.5 / 4),
        (["", "", ""], "", 0.0, 0.5 / 4),
        (["5 gram"], "5 gram", 1 / 2, 1.5 / 2),
        (["5 gram", None, None], "5 gram", 1 / 2, 1.5 / 2),
        (["500 gram", "0.5 kilogram"], "0.5 kilogram", 2 / 3, 2.5 / 3),
        (["5 gram", "6 gram"], "9 gram", 0.0, 2.5 / 3),
    ],
)
def test_votes_stand_for_probabilities(said: list[str | None], decided: str, right: float, present: float) -> None:
    found = vote_chances(ballot(*said), parse_written(decided))
    assert found == pytest.approx((right, present))


@given(
    st.lists(
        st.sampled_from(["5 gram", "6 gram", "", "500 gram", "0.5 kilogram", "3 horsepower"]), min_size=1, max_size=5
    )
)
def test_votes_never_make_right_likelier_than_present(said: list[str]) -> None:
    made = ballot(*said)
    for option in made.options:
        p, q = vote_chances(made, option.quantity)
        assert 0.0 <= p <= q < 1.0


def test_a_stored_run_brings_its_own_probabilities_and_votes_fill_the_gaps() -> None:
    made = [ballot("5 gram", "", index=number) for number in range(4)]
    sure, silent = answer(("5 gram", 0.8)), answer(("", 0.7))
    plain = answer("5 gram")
    assert sure is not None
    assert silent is not None
    assert plain is not None
    stated, abstained, voted, missing = StoredRun({0: sure, 1: silent, 2: plain}).decide(made)
    assert stated is not None
    assert (stated.right, stated.present, stated.estimated) == (0.8, 0.8, True)  # q from votes, at least p
    assert abstained is not None
    assert (abstained.right, abstained.present, abstained.estimated) == (0.0, pytest.approx(0.3), False)
    assert voted is not None
    assert (voted.right, voted.present, voted.estimated) == (pytest.approx(1 / 3), pytest.approx(0.5), True)
    assert missing is None
    assert CHALLENGE["item_weight"].name == made[0].entity.name
