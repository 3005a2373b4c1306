"""The model card: README.md of a trained model, written from the record of its training and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CardWords:
    """What a card says that differs between stages.

    Args:
        stage: of `entx train` and `entx predict`.
        pipeline: of the hub's list of tasks.
        tags: for the hub.
        kind: "text model".
        reads: what it does, and from what; goes behind "that".
        asked: a sentence on its prompts.
        measured: how the answers of the dev questions were found.
    """

    stage: str
    pipeline: str
    tags: tuple[str, ...]
    kind: str
    reads: str
    asked: str
    measured: str


def model_card(record: Mapping[str, Any], words: CardWords) -> str:
    """The card as Markdown with the hub's front matter.

    Args:
        record: as a training writes it to training.json; its "by entity" is shown as a table where it has one.
    """
    merged = record.get("merge")
    adapter = record["method"] == "lora" and not merged
    base = record["base"]["name"]
    front = ["---", "library_name: " + ("peft" if adapter else "transformers"), f"pipeline_tag: {words.pipeline}"]
    front += [f"base_model: {base}"] if "/" in base else []
    front += [f"tags: [{', '.join(words.tags)}]", "---", ""]
    lines = [
        f"# {record['title']}",
        "",
        f"{'A LoRA adapter for' if adapter else f'A {words.kind} fine-tuned from'} `{base}` that {words.reads}. "
        f"Trained with `entx train --stage {words.stage}`, recipe `{record['recipe']['name']}` (settings "
        f"`{record['recipe']['digest']}`).",
        "",
        "## Use",
        "",
        "```",
        f"entx predict --stage {words.stage} --store s.duckdb --model "
        + ("BASE_FOLDER --adapter THIS_FOLDER" if adapter else "THIS_FOLDER"),
        "```",
        "",
        words.asked,
        "",
        "## Result",
        "",
        _result(record, words.measured),
        "",
        *_by_entity(record.get("by entity")),
        *(["![loss and F1 over the steps](curve.png)", ""] if not merged else _merge(merged)),
        "## Data",
        "",
        *_table({**record["data"], **record["rows"]}),
        "",
        "Rows with a weight are visited so many times an epoch on average (weights by sampling, not by loss).",
        "",
        "## Training",
        "",
        *_table(record["training"]),
        "",
        "Settings:",
        "",
        "```toml",
        *_toml(record["recipe"]["settings"]),
        "```",
        "",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(record["versions"].items())) + ".",
        "",
    ]
    return "\n".join(front + lines)


def _result(record: Mapping[str, Any], measured: str) -> str:
    dev = record["dev"]
    if dev is None:
        return "No dev rows were given: these are the weights of the last step, and nothing is known of their F1."
    return (
        f"F1 on {dev['questions']} dev questions {measured}: **{dev['f1']:.3f}** at step {dev['step']} "
        f"({dev['measurements']} measurements; the best one is kept, so the figure is a little optimistic)."
    )


def _by_entity(table: Mapping[str, Mapping[str, Any]] | None) -> list[str]:
    """F1, precision and recall of each entity on the dev questions, by the best weights."""
    if not table:
        return []
    head = ["entity", "questions", "F1", "precision", "recall", "TP", "FP", "FN", "TN"]
    rows = [
        f"| {name} | {one['questions']} | "
        + " | ".join(f"{one[key]:.3f}" for key in ("f1", "precision", "recall"))
        + " | "
        + " | ".join(str(one[key]) for key in ("tp", "fp", "fn", "tn"))
        + " |"
        for name, one in table.items()
    ]
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows, ""]


def _merge(merged: Mapping[str, Any]) -> list[str]:
    guard, quantised = merged["guard"], merged["against 4-bit weights"]
    lines = [
        "## Merge",
        "",
        f"The adapter was merged into the {merged['dtype']} weights. Of {guard['questions']} questions, adapter and "
        f"merged model chose differently in {guard['chosen']} and wrote differently in {guard['written']}.",
    ]
    if quantised:
        lines.append(
            f"Against the adapter on the 4-bit weights that it was trained on: {quantised['chosen']} and "
            f"{quantised['written']}."
        )
    return [*lines, ""]


def _table(cells: Mapping[str, Any]) -> list[str]:
    rows = [f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in cells.items()]
    return ["| | |", "|---|---|", *rows]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def _toml(settings: Mapping[str, Any], above: str = "") -> list[str]:
    """The settings as TOML; values are texts, numbers, truth values and lists of texts, all written as in JSON."""
    import json

    plain = [f"{key} = {json.dumps(value)}" for key, value in settings.items() if not isinstance(value, Mapping)]
    for name, table in settings.items():
        if isinstance(table, Mapping) and table:
            plain += ["", f"[{above}{name}]", *_toml(table, f"{above}{name}.")]
    return [line for line in plain if not line.endswith("= null")]
