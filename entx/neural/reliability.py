"""How far stated probabilities can be believed: bins, expected calibration error, Brier score, figure.

Bins are of equal width and close on the left, a probability of 1 belongs to the last. (scikit-learn's
`calibration_curve` closes them on the right, keeps no counts, and is not there where a fitted model is applied.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.files import atomic_path

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
        bins: those that hold rows. Naeini, Cooper, Hauskrecht (2015), Guo et al. (2017).
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


def draw_reliability(curves: Mapping[str, Reliability], path: Path, title: str) -> None:
    """The reliability diagram, as PNG or SVG; curves are named."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, one in curves.items():
        said, true = [own.said for own in one.bins], [own.true for own in one.bins]
        axes.plot(said, true, marker="o", label=f"{name} (error {one.error:.3f})")
    axes.set(xlabel="stated probability", ylabel="share that came true", title=title, xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    with atomic_path(path) as part:
        figure.savefig(part, format=path.suffix.lstrip(".") or "png", dpi=110)
    pyplot.close(figure)
