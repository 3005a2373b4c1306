"""How well probabilities keep their word: expected calibration error and the bins behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows with probabilities of one tenth: how many, what was said on average, what came true."""

    rows: int
    said: float
    true: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of some probabilities against what came true.

    Args:
        rows: counted.
        error: expected calibration error: the mean over rows of |said - true| of the row's bin.
        brier: mean squared error.
        bins: of equal width, those that hold rows. Naeini, Cooper, Hauskrecht (2015), Guo et al. (2017).
    """

    rows: int
    error: float
    brier: float
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def reliability(probabilities: Sequence[float], came_true: Sequence[bool]) -> Reliability:
    """Measures it; no rows give an error of 0."""
    said, true = np.asarray(probabilities, dtype=np.float64), np.asarray(came_true, dtype=np.float64)
    if not len(said):
        return Reliability(0, 0.0, 0.0, ())
    number = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    bins = tuple(
        Bin(int(own.sum()), float(said[own].mean()), float(true[own].mean()))
        for one in range(BINS)
        if (own := number == one).any()
    )
    error = sum(one.rows * abs(one.said - one.true) for one in bins) / len(said)
    return Reliability(len(said), float(error), float(((said - true) ** 2).mean()), bins)
