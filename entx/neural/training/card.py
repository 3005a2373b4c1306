"""What stands beside the weights of a trained model: its record, the card made from it, and the curve.

The card (README.md) is written from the record and nothing else; its text is `card.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from entx.core.files import atomic_text

RECORD = "training.json"
"""In a trained folder: the whole record of its training."""


_WORDS = {
    "llm": {
        "pipeline": "text-generation",
        "tags": "entx, quantity-extraction, ocr",
        "kind": "text model",
        "source": "the OCR lines of a product picture",
        "measured": "by candidate scoring",
    },
    "vlm": {
        "pipeline": "image-text-to-text",
        "tags": "entx, quantity-extraction, vision",
        "kind": "vision-language model",
        "source": "a product picture",
        "measured": "by free reading within the legal answers",
    },
}
"""What a card says that differs between stages."""


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Record and card beside the weights of a model, which everybody may read."""
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # the library makes them readable to their owner only
    with atomic_text(folder / RECORD) as stream:
        json.dump(record, stream, indent=1)
    with atomic_text(folder / "README.md") as stream:
        stream.write(model_card(record))


def model_card(record: Mapping[str, Any]) -> str:
    """The card as Markdown with the hub's front matter.

    Args:
        record: as a training writes it to training.json; its "by entity" is shown as a table where it has one.
    """
    from jinja2 import Environment, FileSystemLoader

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=False, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    pages.filters |= {"shown": _shown, "toml": _toml}
    merged, stage = record.get("merge"), record.get("stage", "llm")
    return pages.get_template("card.md").render(
        record=record, stage=stage, **_WORDS[stage], base=record["base"]["name"], dev=record["dev"], merged=merged,
        adapter=record["method"] == "lora" and not merged,
    )  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def _toml(settings: Mapping[str, Any], above: str = "") -> str:
    """The settings as TOML; values are texts, numbers, truth values and lists of texts, all written as in JSON."""
    plain = {key: value for key, value in settings.items() if value is not None and not isinstance(value, Mapping)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for name, table in settings.items():
        if isinstance(table, Mapping) and table:
            lines.append(f"\n[{above}{name}]\n" + _toml(table, f"{above}{name}."))
    return "\n".join(lines)


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
