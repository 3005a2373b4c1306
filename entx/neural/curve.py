"""The picture of a training: loss of the rows and f1 of the dev rows over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def draw_curve(history: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Writes a PNG.

    Args:
        history: the trainer's log: entries with "step" and "loss" or "eval_f1".
        path: where to.
        title: above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    losses = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    scores = [(entry["step"], entry["eval_f1"]) for entry in history if "eval_f1" in entry]
    figure = Figure(figsize=(8, 5 if scores else 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 if scores else 1, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].plot(*_columns(losses), color="tab:blue")
    axes[0].set_ylabel("loss of the answers (nats a token)")
    axes[0].set_title(title)
    if scores:
        best = max(scores, key=lambda point: (point[1], -point[0]))
        axes[1].plot(*_columns(scores), color="tab:green", marker="o", markersize=3)
        axes[1].axvline(best[0], color="tab:grey", linewidth=1, linestyle="--")
        axes[1].annotate(f"best: {best[1]:.3f} at step {best[0]}", best, xytext=(5, -12), textcoords="offset points")
        axes[1].set_ylabel("F1 of the dev rows")
        axes[1].set_ylim(0, 1)
    axes[-1].set_xlabel("optimiser step")
    for one in axes:
        one.grid(alpha=0.3)
    figure.savefig(path, dpi=100, metadata={"Software": None})  # no version in the file: equal runs, equal bytes


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
