"""The decision rule against brute force, and against the simulation it was derived with."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.ensemble.judge import CHALLENGE_F1, MICRO_F1, Objective

ROWS = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=8
)


def _best(objective: Objective, p: np.ndarray, q: np.ndarray) -> float:
    return max(
        objective.expected_f1(p, q, np.array(given, dtype=np.float64)) for given in product((0.0, 1.0), repeat=len(p))
    )


@pytest.mark.parametrize("name", [CHALLENGE_F1, MICRO_F1])
@given(rows=ROWS)
def test_no_other_set_of_answers_has_a_higher_expected_f1(name: str, rows: list[tuple[float, float]]) -> None:
    objective = Objective.parse(name)
    p, q = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    threshold = objective.threshold(list(p), list(q))
    given = np.array([objective.gives(*row, threshold) for row in rows], dtype=np.float64)
    best = _best(objective, p, q)
    assert objective.expected_f1(p, q, given) == pytest.approx(best, abs=1e-9)
    assert threshold == pytest.approx(best, abs=1e-9)


def test_expected_f1_by_hand() -> None:
    p, q, given = np.array([0.8, 0.5, 0.3]), np.array([0.9, 0.5, 0.6]), np.array([1.0, 1.0, 0.0])
    # TP 1.3, FP .2 + .5, FN .6: 2.6 / (2.6 + .7 + .6)
    assert Objective.parse(CHALLENGE_F1).expected_f1(p, q, given) == pytest.approx(2.6 / 3.9)
    # two given, two present: 2.6 / (2 + 2)
    assert Objective.parse(MICRO_F1).expected_f1(p, q, given) == pytest.approx(2.6 / 4.0)
    assert Objective.parse(CHALLENGE_F1).expected_f1(p, q, np.zeros(3)) == 0.0


def test_where_a_value_is_sure_to_be_there_always_answer() -> None:
    objective = Objective.parse(CHALLENGE_F1)
    assert objective.gives(0.01, 1.0, 0.99)
    assert not objective.gives(0.01, 0.9, 0.99)
    assert not Objective.parse(MICRO_F1).gives(0.01, 1.0, 0.99)


def test_the_rule_beats_always_and_half_of_f_on_simulated_rows() -> None:
    draw = np.random.default_rng(0)
    present = draw.random(200_000) < 0.69
    q = np.clip(np.where(present, draw.beta(5, 2, 200_000), draw.beta(2, 3, 200_000)), 0.01, 0.99)
    bins = (q * 50).astype(int)  # q calibrated by construction: the share of present rows of its bin
    q = np.array([present[bins == b].mean() if (bins == b).any() else 0.0 for b in range(51)])[bins]
    p = q * draw.beta(4, 2, len(q))
    right = draw.random(len(q)) < p / np.maximum(q, 1e-9)
    right &= present

    def f1(given: np.ndarray) -> float:
        tp = (right & given).sum()
        return float(2 * tp / (2 * tp + (given & ~right).sum() + (present & ~given).sum()))

    ours = Objective.parse(CHALLENGE_F1)
    threshold = ours.threshold(list(p[:5000]), list(q[:5000]))
    rule = f1(p * (2 - threshold) > threshold * (1 - q))
    half = f1(p > threshold / 2)
    always = f1(np.ones(len(q), dtype=bool))
    assert rule > half
    assert rule > always
    assert rule == pytest.approx(threshold, abs=0.02)


@given(rows=ROWS, precision=st.sampled_from([0.5, 0.8, 0.95]))
def test_precision_is_kept_and_nothing_more_could_be_given(rows: list[tuple[float, float]], precision: float) -> None:
    objective = Objective.parse(f"precision@{precision}")
    p = [row[0] for row in rows]
    threshold = objective.threshold(p, [row[1] for row in rows])
    given = sorted((one for one in p if objective.gives(one, 1.0, threshold)), reverse=True)
    rest = sorted((one for one in p if not objective.gives(one, 1.0, threshold)), reverse=True)
    if given:
        assert np.mean(given) >= precision - 1e-9
    if rest:
        assert np.mean([*given, *(one for one in rest if one == rest[0])]) < precision + 1e-9


@pytest.mark.parametrize("text", ["f1", "precision", "precision@0", "precision@1.2", "precision@x", "own", ""])
def test_an_unknown_objective_is_told(text: str) -> None:
    with pytest.raises(InputError, match="expected challenge-f1, micro-f1 or precision@X"):
        Objective.parse(text)


def test_objectives_are_read() -> None:
    assert Objective.parse("precision@.9") == Objective("precision", 0.9)
    assert Objective.parse("precision@1").precision == 1.0
    assert Objective.parse("micro-f1").name == MICRO_F1


def test_no_rows_and_no_chances() -> None:
    assert Objective.parse(CHALLENGE_F1).threshold([], []) == 0.0
    assert Objective.parse(CHALLENGE_F1).threshold([0.0], [0.5]) == 0.0
    assert Objective.parse("precision@0.9").threshold([], []) > 1.0


@given(
    name=st.sampled_from([CHALLENGE_F1, MICRO_F1, "precision@0.9"]), p=st.floats(0.0, 1.0), q=st.floats(0.0, 1.0),
    more=st.floats(0.0, 1.0), threshold=st.floats(0.0, 1.0),
)  # fmt: skip
def test_a_likelier_answer_is_given_wherever_a_less_likely_one_is(
    name: str, p: float, q: float, more: float, threshold: float
) -> None:
    objective = Objective.parse(name)
    low, high = sorted((p, more))
    assert objective.gives(low, q, threshold) <= objective.gives(high, q, threshold)
    assert objective.gives(low, min(q, more), threshold) <= objective.gives(low, max(q, more), threshold)


@given(rows=ROWS, copies=st.integers(2, 4))
def test_the_threshold_is_a_property_of_the_mix_not_of_the_number_of_rows(
    rows: list[tuple[float, float]], copies: int
) -> None:
    for name in (CHALLENGE_F1, MICRO_F1, "precision@0.8"):
        objective = Objective.parse(name)
        once, often = (objective.threshold(*zip(*rows * times, strict=True)) for times in (1, copies))
        assert often == pytest.approx(once, abs=1e-9)
        assert objective.threshold(*zip(*rows[::-1], strict=True)) == pytest.approx(once, abs=1e-9)
