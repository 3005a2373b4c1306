"""How far stated probabilities can be believed: reliability table, expected calibration error, figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from entx.core.files import atomic_path


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of like stated probability.

    Args:
        rows: how many.
        stated: their mean stated probability.
        observed: share of them that came true.
    """

    rows: int
    stated: float
    observed: float


def reliability(stated: Sequence[float], truths: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Rows in `bins` groups of equal size by their stated probability; equal probabilities may be parted."""
    order = np.argsort(np.asarray(stated), kind="stable")
    p, y = np.asarray(stated, dtype=np.float64)[order], np.asarray(truths, dtype=np.float64)[order]
    parts = [part for part in np.array_split(np.arange(len(p)), bins) if len(part)]
    return [Bin(len(part), float(p[part].mean()), float(y[part].mean())) for part in parts]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean distance of stated from observed, weighted by rows (Naeini et al. 2015)."""
    rows = sum(one.rows for one in bins)
    return sum(one.rows * abs(one.stated - one.observed) for one in bins) / rows if rows else 0.0


def brier(stated: Sequence[float], truths: Sequence[bool]) -> float:
    """Mean squared distance of stated probability and outcome."""
    return float(np.mean((np.asarray(stated) - np.asarray(truths, dtype=np.float64)) ** 2))


def draw_reliability(curves: Mapping[str, Sequence[Bin]], path: Path, title: str) -> None:
    """The reliability diagram of several sets of bins, as PNG or SVG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, bins in curves.items():
        label = f"{name} (error {calibration_error(bins):.3f})"
        axes.plot([one.stated for one in bins], [one.observed for one in bins], marker="o", label=label)
    axes.set(xlabel="stated probability", ylabel="share that came true", title=title, xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    with atomic_path(path) as part:
        figure.savefig(part, format=path.suffix.lstrip(".") or "png", dpi=110)
    pyplot.close(figure)
