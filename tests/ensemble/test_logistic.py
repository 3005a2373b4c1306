from __future__ import annotations

import builtins
import json
import math
from typing import Any

import numpy as np
import pytest

from entx.core.errors import InputError
from entx.ensemble.judge import Logistic, fit_logistic


def _rows(count: int = 400) -> tuple[list[dict[str, float]], list[bool]]:
    """Labels follow x alone, with odds of 2x; z says nothing, c never changes."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=count)
    rows = [
        {"x": float(one), "z": float(other), "c": 1.0} for one, other in zip(x, draw.normal(size=count), strict=True)
    ]
    return rows, [bool(u < 1 / (1 + math.exp(-2 * one))) for one, u in zip(x, draw.random(count), strict=True)]


def test_it_finds_what_the_labels_follow() -> None:
    rows, labels = _rows()
    model = fit_logistic(rows, labels, penalty=10.0)
    assert model.names == ("x", "z")  # a constant says nothing
    assert model.weights[0] / model.scale[0] == pytest.approx(2.0, abs=0.4)
    assert abs(model.weights[1]) < 0.3
    low, middle, high = model.probabilities([{"x": -1.0}, {"x": 0.0}, {"x": 1.0, "unknown": 99.0}])
    assert low < 0.25 < middle < 0.75 < high
    assert middle == pytest.approx(model.probabilities([{}])[0])


def test_applied_by_hand() -> None:
    model = Logistic(("a", "b"), (1.0, 0.0), (2.0, 1.0), (3.0, -1.0), 0.5)
    odds = 0.5 + 3.0 * (5.0 - 1.0) / 2.0 - 1.0 * 4.0
    assert model.probabilities([{"a": 5.0, "b": 4.0}])[0] == pytest.approx(1 / (1 + math.exp(-odds)))
    assert len(model.probabilities([])) == 0


def test_fitting_again_gives_the_same_and_json_keeps_it() -> None:
    rows, labels = _rows(100)
    model = fit_logistic(rows, labels)
    assert fit_logistic(rows, labels) == model
    assert Logistic.of(json.loads(json.dumps(model.as_dict()))) == model


@pytest.mark.parametrize(("labels", "share"), [([True] * 9, 9.5 / 10), ([False] * 9, 0.5 / 10), ([], 0.5)])
def test_without_rows_of_both_labels_it_is_a_share(labels: list[bool], share: float) -> None:
    model = fit_logistic([{"x": 1.0}] * len(labels), labels)
    assert model.probabilities([{"x": 5.0}])[0] == pytest.approx(share)


def test_without_a_feature_that_varies_it_is_a_share() -> None:
    model = fit_logistic([{"x": 1.0}] * 4, [True, True, True, False])
    assert model.probabilities([{"x": 5.0}])[0] == pytest.approx(3.5 / 5)


def test_far_odds_stay_finite() -> None:
    model = Logistic(("a",), (0.0,), (1.0,), (1e6,), 0.0)
    assert list(model.probabilities([{"a": 1.0}, {"a": -1.0}])) == pytest.approx([1.0, 0.0])


def test_columns_of_unequal_length_are_refused() -> None:
    plain = {"names": ["a"], "mean": [], "scale": [1], "weights": [1], "intercept": 0}
    with pytest.raises(ValueError, match="unequal length"):
        Logistic.of(plain)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"entx-hybrid\[ensemble\]"):
        fit_logistic([{"x": 1.0}, {"x": 2.0}], [True, False])
