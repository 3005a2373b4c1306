"""`entx train --stage llm`: rows and a base model into a trained model folder that appears whole or not at all.

While it runs, everything lies in `OUT.part`: the plan (what this training is), checkpoints, at last the model. A killed
training goes on from its last whole checkpoint and ends with the same steps and losses as one that was never broken.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.core.model_folder import ModelFolder, check_model_folder, fingerprint
from entx.llm_stage.adapters import load_trainable
from entx.llm_stage.card import model_card
from entx.llm_stage.dev import DevQuestion, measure_f1
from entx.llm_stage.encode import TokenRow
from entx.llm_stage.prompt import PROMPT_VERSION, Style
from entx.llm_stage.recipe import Recipe
from entx.llm_stage.serving import SERVING
from entx.neural.checkpoints import last_whole, step_of
from entx.neural.curve import draw_curve
from entx.storage.runs import library_versions

RECORD = "training.json"
"""In a trained folder: the whole record of its training."""

_LIBRARIES = (
    "accelerate", "bitsandbytes", "entx-hybrid", "peft", "tokenizers", "torch", "transformers", "trl", "unsloth",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingData:
    """What is learnt and what is measured.

    Args:
        visits: a row for each visit, in order, all epochs behind each other.
        dev: questions whose f1 decides; none to train to the end without measuring.
        counts: for the record: what became of the store's rows.
        too_long: examples left out because they have more than `max_length` tokens.
    """

    visits: Sequence[TokenRow]
    dev: Sequence[DevQuestion]
    counts: Mapping[str, Any]
    too_long: int = 0

    @property
    def digest(self) -> str:
        """Hash of all tokens in their order, and of the dev questions."""
        hashed = hashlib.sha256()
        for row in self.visits:
            hashed.update(repr((row.prompt, row.tokens)).encode())
        for question in self.dev:
            hashed.update(repr(question).encode())
        return hashed.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training ended.

    Args:
        signal: number of the signal that stopped it before its end, 0 where it ended by itself.
        record: of a finished training, as in training.json; of a stopped one {"steps": ...}.
    """

    signal: int
    record: Mapping[str, Any]


def train(
    recipe: Recipe,
    name: str,
    folder: ModelFolder,
    data: TrainingData,
    out: Path,
    *,
    backend: str,
    restart: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> Trained:
    """Trains, or goes on with a training that was broken off.

    Args:
        name: of the recipe, for the record.
        folder: the base model, checked.
        out: the model folder to make.
        backend: as `neural.backend.choose_backend` said.
        restart: throw away what an unfinished training of the same `out` left.
        advance: told of optimiser steps.

    Raises:
        InputError: nothing to train on; `out` exists; an unfinished training of other settings, rows or base is in the
            way; the disk is full; the loss is no number any more.
    """
    if not data.visits:
        raise InputError("no rows to train on: the store has no labelled questions with a page, or all were left out")
    if out.exists():
        raise InputError(f"{out} exists already; choose another --out")
    part = out.with_name(out.name + ".part")
    plan = {
        "recipe": recipe.digest, "rows": data.digest, "base": fingerprint(folder), "backend": backend,
        "prompt_version": PROMPT_VERSION,
    }  # fmt: skip
    _claim(part, plan, restart=restart)

    from transformers import set_seed

    from entx.llm_stage.trainer import Interrupted, Progress, Stop, build_trainer

    set_seed(recipe.train.seed)  # before the adapter's random matrices are drawn
    trainable = load_trainable(recipe, folder, backend)
    began = time.monotonic()
    stop = Stop()
    trainer = build_trainer(
        trainable, recipe, data.visits, part / "checkpoints",
        measure=_measure(recipe, trainable.tokenizer, data.dev) if data.dev else None,
        callbacks=[Progress(recipe.train.patience, advance), stop],
    )  # fmt: skip
    checkpoint = last_whole(part / "checkpoints")
    try:
        with stop.listening():
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Interrupted:
        checkpoint = last_whole(part / "checkpoints")
        return Trained(stop.signal, {"steps": step_of(checkpoint)})
    if stop.signal:
        return Trained(stop.signal, {"steps": trainer.state.global_step})
    record = _record(recipe, name, folder, data, plan, trainer.state, backend)
    record["training"] |= {
        "seconds": round(time.monotonic() - began, 1),
        "resumed at step": step_of(checkpoint),
    }
    _write_folder(part / "model", recipe, trainer.model, trainable.tokenizer, record)
    (part / "model").replace(out)
    shutil.rmtree(part)
    return Trained(0, record)


def _claim(part: Path, plan: Mapping[str, Any], *, restart: bool) -> None:
    """Begins the folder of an unfinished training, or finds the one of this very plan."""
    if restart and part.exists():
        shutil.rmtree(part)
    shutil.rmtree(part / "model", ignore_errors=True)
    path = part / "plan.json"
    if not path.exists():
        with atomic_text(path) as stream:
            json.dump(plan, stream, indent=1)
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    changed = sorted(key for key in plan if known.get(key) != plan[key])
    if changed:
        raise InputError(
            f"{part} holds an unfinished training with another {' and '.join(changed)}; go on with the same, choose "
            "another --out, or throw it away with --restart"
        )


def _measure(recipe: Recipe, tokenizer: Any, dev: Sequence[DevQuestion]) -> Callable[[Any], dict[str, float]]:
    from entx.llm_stage.backends.transformers import TransformersModel

    def measure(model: Any) -> dict[str, float]:
        chat = Style(recipe.model.style) is Style.INSTRUCT
        counts = measure_f1(TransformersModel(model, tokenizer, chat=chat), dev)
        return {"f1": counts.f1, "precision": counts.precision or 0.0, "recall": counts.recall or 0.0}

    return measure


def _record(
    recipe: Recipe,
    name: str,
    folder: ModelFolder,
    data: TrainingData,
    plan: Mapping[str, Any],
    state: Any,
    backend: str,
) -> dict[str, Any]:
    history = [entry for entry in state.log_history if "loss" in entry or "eval_f1" in entry]
    measured = [entry for entry in history if "eval_f1" in entry]
    best = max(measured, key=lambda entry: (entry["eval_f1"], -entry["step"])) if measured else None
    return {
        "title": recipe.title,
        "method": recipe.train.method,
        "style": recipe.model.style,
        "budget": recipe.model.budget,
        "prompt_version": PROMPT_VERSION,
        "recipe": {"name": Path(name).name, "digest": recipe.digest, "settings": asdict(recipe)},
        "base": {"name": recipe.model.hub or folder.path.name, "fingerprint": plan["base"]},
        "data": dict(data.counts),
        "rows": {
            "visits": len(data.visits),
            "prompt tokens": sum(row.prompt for row in data.visits),
            "answer tokens": sum(len(row.tokens) - row.prompt for row in data.visits),
            "left out, too long": data.too_long,
            "digest": plan["rows"],
        },
        "dev": best
        and {
            "questions": len(data.dev),
            "f1": best["eval_f1"],
            "step": best["step"],
            "measurements": len(measured),
        },
        "training": {
            "backend": backend,
            "steps": state.global_step,
            "steps planned": state.max_steps,
            "last loss": next((entry["loss"] for entry in reversed(history) if "loss" in entry), None),
        },
        "history": history,
        "versions": library_versions(_LIBRARIES),
    }


def _write_folder(folder: Path, recipe: Recipe, model: Any, tokenizer: Any, record: Mapping[str, Any]) -> None:
    """The model with its card, curve and record, checked as any folder is before it is loaded."""
    options: dict[str, Any] = {}
    if recipe.train.method == "lora":
        model.peft_config["default"].base_model_name_or_path = record["base"]["name"]  # not this machine's path
        options["save_embedding_layers"] = False  # they are not trained; "auto" would ask the hub
    try:
        model.save_pretrained(folder, **options)
        tokenizer.save_pretrained(folder)
    except OSError as error:
        raise InputError(f"{folder}: the model cannot be written: {error.strerror or error}") from None
    write_about(folder, record)
    draw_curve(record["history"], folder / "curve.png", str(record["title"]))
    check_model_folder(folder)


def write_about(folder: Path, record: Mapping[str, Any]) -> None:
    """Record, card and serving settings beside the weights of a model.

    A base model's calibration is not taken over: it is not this model's.
    """
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # the library makes them readable to their owner only
    serving = {key: record[key] for key in ("style", "budget", "prompt_version", "base")}
    for name, content in ((SERVING, serving), (RECORD, record)):
        with atomic_text(folder / name) as stream:
            json.dump(content, stream, indent=1)
    with atomic_text(folder / "README.md") as stream:
        stream.write(model_card(record))
