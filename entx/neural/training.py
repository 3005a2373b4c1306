"""A training whose model folder appears whole or not at all.

While it runs, everything lies in `OUT.part`: the plan (what this training is), checkpoints, at last the model. A killed
training goes on from its last whole checkpoint and ends with the same steps and losses as one that was never broken.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.neural.adapter import RECORD
from entx.neural.checkpoints import last_whole, step_of
from entx.neural.curve import draw_curve
from entx.neural.model_folder import check_model_folder
from entx.storage.runs import library_versions

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from entx.neural.trainer import EntxTrainer

_LIBRARIES = (
    "accelerate", "bitsandbytes", "deepspeed", "entx-hybrid", "peft", "tokenizers", "torch", "transformers", "trl",
    "unsloth",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training ended.

    Args:
        signal: number of the signal that stopped it before its end, 0 where it ended by itself.
        record: of a finished training, as in training.json; of a stopped one {"steps": ...}.
    """

    signal: int
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What decides how a training runs, beside its model and rows.

    Args:
        plan: what this training is; an unfinished one of another plan is not continued.
        seed: set before the adapter's random matrices are drawn.
        patience: measurements without a better f1 after which it stops; 0: never.
        restart: throw away what an unfinished training of the same `out` left.
        advance: told of optimiser steps.
    """

    plan: Mapping[str, Any]
    seed: int
    patience: int
    restart: bool = False
    advance: Callable[[int], None] = lambda _: None


def run_training(
    out: Path,
    schedule: Schedule,
    build: Callable[[Path, Sequence[TrainerCallback]], EntxTrainer],
    finish: Callable[[Path, EntxTrainer, Mapping[str, Any]], Mapping[str, Any]],
) -> Trained:
    """Trains, or goes on with a training that was broken off.

    Args:
        out: the model folder to make.
        build: the trainer, from the folder for its checkpoints and callbacks; loads the model.
        finish: writes the trained model into a folder; is told how long it took and returns the record.

    Raises:
        InputError: `out` exists; an unfinished training of another plan is in the way; the disk is full; the loss is no
            number any more.
    """
    if out.exists():
        raise InputError(f"{out} exists already; choose another --out")
    part = out.with_name(out.name + ".part")
    _claim(part, schedule.plan, restart=schedule.restart)

    from transformers import set_seed

    from entx.neural.trainer import Interrupted, Progress, Stop

    set_seed(schedule.seed)
    stop = Stop()
    trainer = build(part / "checkpoints", [Progress(schedule.patience, schedule.advance), stop])
    began = time.monotonic()
    checkpoint = last_whole(part / "checkpoints")
    try:
        with stop.listening():
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Interrupted:
        checkpoint = last_whole(part / "checkpoints")
        return Trained(stop.signal, {"steps": step_of(checkpoint)})
    if stop.signal:
        return Trained(stop.signal, {"steps": trainer.state.global_step})
    spent = {"seconds": round(time.monotonic() - began, 1), "resumed at step": step_of(checkpoint)}
    record = finish(part / "model", trainer, spent)
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


def course(state: Any, backend: str, dev_questions: int, spent: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that tells how the training went: dev, training, history, versions.

    Args:
        state: the trainer's.
        dev_questions: how many f1 was measured on.
        spent: as `run_training` tells it.
    """
    history = [entry for entry in state.log_history if "loss" in entry or "eval_f1" in entry]
    measured = [entry for entry in history if "eval_f1" in entry]
    best = max(measured, key=lambda entry: (entry["eval_f1"], -entry["step"])) if measured else None
    return {
        "dev": best
        and {
            "questions": dev_questions,
            "f1": best["eval_f1"],
            "step": best["step"],
            "measurements": len(measured),
        },
        "training": {
            "backend": backend,
            "steps": state.global_step,
            "steps planned": state.max_steps,
            "last loss": next((entry["loss"] for entry in reversed(history) if "loss" in entry), None),
            **spent,
        },
        "history": history,
        "versions": library_versions(_LIBRARIES),
    }


def write_model(
    folder: Path,
    model: Any,
    save_inputs: Callable[[Path], None],
    write_about: Callable[[Path, Mapping[str, Any]], None],
    record: Mapping[str, Any],
    weights: Mapping[str, Any] | None = None,
) -> None:
    """The model with its card, curve and record, checked as any folder is before it is loaded.

    Args:
        save_inputs: writes tokenizer and processor files.
        write_about: writes what describes the model.
        weights: its state where it is parted among devices, gathered; None to take the model's own.

    Raises:
        InputError: the disk is full.
    """
    options: dict[str, Any] = {} if weights is None else {"state_dict": weights}
    if record["method"] == "lora":
        model.peft_config["default"].base_model_name_or_path = record["base"]["name"]  # not this machine's path
        options["save_embedding_layers"] = False  # they are not trained; "auto" would ask the hub
    try:
        model.save_pretrained(folder, **options)
        save_inputs(folder)
    except OSError as error:
        raise InputError(f"{folder}: the model cannot be written: {error.strerror or error}") from None
    write_about(folder, record)
    draw_curve(record["history"], folder / "curve.png", str(record["title"]))
    check_model_folder(folder)


def write_record(folder: Path, record: Mapping[str, Any], card: str) -> None:
    """Record and card beside the weights of a model, which everybody may read."""
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # the library makes them readable to their owner only
    with atomic_text(folder / RECORD) as stream:
        json.dump(record, stream, indent=1)
    with atomic_text(folder / "README.md") as stream:
        stream.write(card)
