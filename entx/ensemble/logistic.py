"""Logistic regression with few features: fitted by scikit-learn (extra `ensemble`), kept as JSON, applied by numpy.

A fitted model needs neither scikit-learn nor a pickle to be used: it is a name, a mean, a scale and a weight for each
feature. Rows are mappings from feature to value; a feature that a row lacks is 0, one that the model lacks is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from entx.core.errors import InputError
from entx.core.metric import FloatArray

Features = Mapping[str, float]

PENALTY = 0.1
"""Inverse strength of the L2 penalty on standardised features: a few hundred rows carry some fifty weak ones. Between
0.02 and 0.5 the F1 out of fold on 868 rows moves by 0.003; weaker penalties than this cost calibration of q."""


@dataclass(frozen=True)
class Logistic:
    """A fitted model.

    Args:
        names: of the features, sorted.
        mean, scale: of each feature in the fitted rows.
        weights: of the standardised features.
        intercept: log-odds of the average row.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def probabilities(self, rows: Sequence[Features]) -> FloatArray:
        """The probability of each row, shape (rows,)."""
        if not rows:
            return np.zeros(0)
        steepness = np.array(self.weights) / np.array(self.scale) if self.names else np.zeros(0)
        odds = _matrix(rows, self.names) @ steepness + (self.intercept - float(np.dot(self.mean, steepness)))
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))), dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Logistic:
        """From JSON. Raises KeyError, TypeError or ValueError where it is none."""
        names = tuple(map(str, plain["names"]))
        mean, scale, weights = (_plain(plain[column]) for column in ("mean", "scale", "weights"))
        if not len(names) == len(mean) == len(scale) == len(weights):
            raise ValueError("a logistic model with columns of unequal length")
        return cls(names, mean, scale, weights, float(plain["intercept"]))


def fit_logistic(rows: Sequence[Features], labels: Sequence[bool], penalty: float = PENALTY) -> Logistic:
    """Fits a model; deterministic. Without rows of both labels, or a feature that varies, it is a smoothed share.

    Raises:
        InputError: scikit-learn is not installed.
    """
    names = tuple(sorted({name for row in rows for name in row}))
    matrix = _matrix(rows, names)
    varying = matrix.std(axis=0) > 1e-9 if rows else np.zeros(0, dtype=bool)
    if not varying.any() or len(set(labels)) < 2:
        share = (sum(labels) + 0.5) / (len(labels) + 1.0)
        return Logistic((), (), (), (), float(np.log(share / (1.0 - share))))
    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits  # scikit-learn's own requirement
    except ImportError:
        raise InputError(
            "scikit-learn is needed to fit an ensemble: pip install 'entx-hybrid[ensemble]'; a fitted one (--fitted) "
            "is used without it"
        ) from None
    names = tuple(name for name, varies in zip(names, varying, strict=True) if varies)
    matrix = matrix[:, varying]
    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    model = LogisticRegression(C=penalty, max_iter=2000)
    with threadpool_limits(1):  # the problem is tiny; threads that wait for a busy core cost a hundred times its time
        model.fit((matrix - mean) / scale, np.array(labels, dtype=bool))
    return Logistic(names, _plain(mean), _plain(scale), _plain(model.coef_[0]), float(model.intercept_[0]))


def _matrix(rows: Sequence[Features], names: Sequence[str]) -> FloatArray:
    column = {name: position for position, name in enumerate(names)}
    matrix = np.zeros((len(rows), len(names)))
    for place, row in enumerate(rows):
        for name, value in row.items():
            position = column.get(name)
            if position is not None:
                matrix[place, position] = value
    return matrix


def _plain(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
