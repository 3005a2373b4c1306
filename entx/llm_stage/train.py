"""`entx train --stage llm`: rows and a base model into a trained model folder that appears whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.llm_stage.adapters import load_trainable
from entx.llm_stage.dev import DevQuestion, measure_f1
from entx.llm_stage.encode import TokenRow
from entx.llm_stage.prompt import PROMPT_VERSION, Style
from entx.llm_stage.recipe import Recipe
from entx.neural.card import CardWords, model_card
from entx.neural.model_folder import ModelFolder, fingerprint
from entx.neural.predict import SERVING
from entx.neural.training import Schedule, Trained, course, run_training, write_model, write_record


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
        InputError: nothing to train on, or as `run_training`.
    """
    if not data.visits:
        raise InputError("no rows to train on: the store has no labelled questions with a page, or all were left out")
    plan = {
        "recipe": recipe.digest, "rows": data.digest, "base": fingerprint(folder), "backend": backend,
        "prompt_version": PROMPT_VERSION,
    }  # fmt: skip

    def build(checkpoints: Path, callbacks: Sequence[Any]) -> Any:
        import datasets

        from entx.neural.trainer import build_trainer, sft_config

        trainable = load_trainable(recipe, folder, backend)
        rows = datasets.Dataset.from_dict({
            "input_ids": [list(row.tokens) for row in data.visits],
            "labels": [row.labels for row in data.visits],
        })  # fmt: skip
        config = sft_config(
            recipe.train, checkpoints, backend=backend, measured=bool(data.dev), max_length=recipe.model.max_length
        )
        measure = _measure(recipe, trainable.tokenizer, data.dev) if data.dev else None
        return build_trainer(trainable, config, rows, measure=measure, callbacks=callbacks)

    def finish(made: Path, trainer: Any, spent: Mapping[str, Any]) -> dict[str, Any]:
        record = _record(recipe, name, folder, data, plan)
        record |= course(trainer.state, backend, len(data.dev), spent)
        write_model(made, trainer.model, trainer.processing_class.save_pretrained, write_about, record)
        return record

    return run_training(out, Schedule(plan, recipe.train.seed, recipe.train.patience, restart, advance), build, finish)


def _measure(recipe: Recipe, tokenizer: Any, dev: Sequence[DevQuestion]) -> Callable[[Any], dict[str, float]]:
    from entx.neural.backends.transformers import TransformersModel

    def measure(model: Any) -> dict[str, float]:
        chat = Style(recipe.model.style) is Style.INSTRUCT
        counts = measure_f1(TransformersModel(model, tokenizer, chat=chat), dev)
        return {"f1": counts.f1, "precision": counts.precision or 0.0, "recall": counts.recall or 0.0}

    return measure


def _record(
    recipe: Recipe, name: str, folder: ModelFolder, data: TrainingData, plan: Mapping[str, Any]
) -> dict[str, Any]:
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
    }


def write_about(folder: Path, record: Mapping[str, Any]) -> None:
    """Record, card and serving settings beside the weights of a model.

    A base model's calibration is not taken over: it is not this model's.
    """
    words = CardWords(
        stage="llm",
        pipeline="text-generation",
        tags=("entx", "quantity-extraction", "ocr"),
        kind="text model",
        reads="answers questions about quantities (weight, size, voltage, ...) from the OCR lines of a product picture",
        asked=f"It reads prompts of version {record['prompt_version']} in the {record['style']} style only; entx makes "
        "them.",
        measured="by candidate scoring",
    )
    write_record(folder, record, model_card(record, words))
    serving = {key: record[key] for key in ("style", "budget", "prompt_version", "base")}
    with atomic_text(folder / SERVING) as stream:
        json.dump(serving, stream, indent=1)
