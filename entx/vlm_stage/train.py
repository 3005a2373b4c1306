"""`entx train --stage vlm`: pictures with questions, and a base model, into a trained model folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.neural.card import CardWords, model_card
from entx.neural.model_folder import ModelFolder, fingerprint
from entx.neural.predict import write_serving
from entx.neural.training import Schedule, Trained, course, run_training, write_model, write_record
from entx.vlm_stage.dev import measure_f1
from entx.vlm_stage.prompt import PROMPT_VERSION, PromptForm, Serving
from entx.vlm_stage.recipe import Recipe
from entx.vlm_stage.training_data import TrainingData

BROKEN = "broken_pictures.txt"
"""In the folder of a training: pictures that turned out damaged when their turn came."""

_WORKERS = 4  # processes that decode ahead of a GPU; beside a CPU that trains they would only be in its way


def train(
    recipe: Recipe,
    name: str,
    folder: ModelFolder,
    data: TrainingData,
    schema: Schema,
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
        InputError: nothing to train on, DeepSpeed is wanted and not here, or as `run_training`.
    """
    if not data.visits:
        raise InputError(
            "no rows to train on: the store has no labelled questions with a picture file, or all were left out"
        )
    check_deepspeed(recipe)
    plan = {
        "recipe": recipe.digest, "rows": data.digest, "base": fingerprint(folder), "backend": backend,
        "prompt_version": PROMPT_VERSION,
    }  # fmt: skip
    codecs = []
    broken = out.with_name(out.name + ".part") / BROKEN

    def build(checkpoints: Path, callbacks: Sequence[Any]) -> Any:
        import datasets

        from entx.neural.trainer import build_trainer
        from entx.vlm_stage.adapters import load_trainable
        from entx.vlm_stage.collate import Collator

        config = trainer_config(
            recipe, checkpoints, backend, measured=bool(data.dev)
        )  # ZeRO-3 must precede the weights
        loaded = load_trainable(recipe, folder, backend)
        codecs.append(loaded.codec)
        rows = datasets.Dataset.from_dict({"visit": list(range(len(data.visits)))})
        return build_trainer(
            loaded.trainable, config, rows, measure=_measure(recipe, schema, loaded, data) if data.dev else None,
            callbacks=callbacks, collate=Collator(loaded.codec, data.visits, recipe.model.pixels, broken),
        )  # fmt: skip

    def finish(made: Path, trainer: Any, spent: Mapping[str, Any]) -> dict[str, Any]:
        from entx.vlm_stage.collate import broken_pictures

        record = _record(recipe, name, folder, data, plan)
        record["rows"]["pictures found damaged"] = broken_pictures(broken)
        record |= course(trainer.state, backend, len(data.dev), spent)
        if record["dev"]:
            record["by entity"] = next(
                entry["eval_by_entity"]
                for entry in record["history"]
                if entry["step"] == record["dev"]["step"] and "eval_by_entity" in entry
            )
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if recipe.deepspeed else None
        write_model(made, trainer.model, codecs[0].save, write_about, record, weights)
        return record

    return run_training(out, Schedule(plan, recipe.train.seed, recipe.train.patience, restart, advance), build, finish)


def check_deepspeed(recipe: Recipe) -> None:
    """Refuses what a recipe with DeepSpeed cannot run.

    Raises:
        InputError: it is not installed, or several processes were launched.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("entx trains in one process; launch it with torchrun --nproc-per-node 1")
    if recipe.deepspeed and find_spec("deepspeed") is None:
        raise InputError(
            "the recipe trains by DeepSpeed, which is not installed: pip install deepspeed, or train without it by "
            "--set deepspeed={}"
        )


def trainer_config(recipe: Recipe, checkpoints: Path, backend: str, *, measured: bool) -> Any:
    """The recipe in TRL's terms; rows stay numbers until they are collated."""
    import torch

    from entx.neural.trainer import sft_config

    return sft_config(
        recipe.train, checkpoints, backend=backend, measured=measured, deepspeed=recipe.deepspeed or None,
        dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False,
        dataloader_num_workers=_WORKERS if torch.cuda.is_available() else 0,
    )  # fmt: skip


def _measure(recipe: Recipe, schema: Schema, loaded: Any, data: TrainingData) -> Callable[[Any], dict[str, Any]]:
    from entx.vlm_stage.model import PictureModel

    serving = Serving(recipe.prompt.form, recipe.model.pixels)

    def measure(model: Any) -> dict[str, Any]:
        reader = PictureModel(loaded.family, model, loaded.codec)
        return measure_f1(reader, data.dev, serving, schema)

    return measure


def _record(
    recipe: Recipe, name: str, folder: ModelFolder, data: TrainingData, plan: Mapping[str, Any]
) -> dict[str, Any]:
    visits = data.visits
    return {
        "title": recipe.title,
        "method": recipe.train.method,
        "stage": "vlm",
        "prompt_version": PROMPT_VERSION,
        "recipe": {"name": Path(name).name, "digest": recipe.digest, "settings": recipe.settings},
        "base": {"name": recipe.model.hub or folder.path.name, "fingerprint": plan["base"]},
        "data": dict(data.counts),
        "rows": {
            "visits": len(visits),
            "image tokens": sum(row.image_tokens for row in visits),
            "prompt tokens": sum(row.tokens - row.answer_tokens for row in visits),
            "answer tokens": sum(row.answer_tokens for row in visits),
            "left out, too long": data.too_long,
            "digest": plan["rows"],
        },
    }


def write_about(folder: Path, record: Mapping[str, Any]) -> None:
    """Record, card and serving settings beside the weights of a model.

    A base model's calibration is not taken over: it is not this model's.
    """
    settings = record["recipe"]["settings"]
    words = CardWords(
        stage="vlm",
        pipeline="image-text-to-text",
        tags=("entx", "quantity-extraction", "vision"),
        kind="vision-language model",
        reads="answers questions about quantities (weight, size, voltage, ...) from a product picture",
        asked=f"It is asked, with pictures of at most {settings['model']['pixels']:,} pixels: "
        + settings["prompt"]["question"].replace("\n", " / "),
        measured="by free reading within the legal answers",
    )
    write_record(folder, record, model_card(record, words))
    write_serving(folder, Serving(PromptForm(**settings["prompt"]), settings["model"]["pixels"]).as_dict())
