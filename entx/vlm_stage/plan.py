"""What a training would take, before it is begun: rows, image and text tokens, steps, memory and time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from entx.neural import estimate
from entx.neural.model_folder import ModelFolder, load_config
from entx.vlm_stage.adapters import adapter_targets, load_trainable
from entx.vlm_stage.encode import PictureRow
from entx.vlm_stage.families.base import Family, family_of
from entx.vlm_stage.recipe import Recipe
from entx.vlm_stage.train import BROKEN
from entx.vlm_stage.training_data import TrainingData

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Plan:
    """The estimate.

    Args:
        pixels: budget of a picture.
        rows, tokens: visits of all epochs, and their tokens.
        answer_tokens: of these learnt.
        image_tokens, text_tokens: of a row in the middle.
        most_image_tokens, longest: of the row with the most.
        left_out: visits with more tokens than the model may read.
        steps: of the optimiser, if nothing stops it early.
        parameters, trained: of the model, and those that the optimiser changes.
        memory_bytes: weights, gradients, optimiser and activations of one pass.
        peak_bytes: measured on a GPU while the timed passes ran, without the optimiser's state; 0 where none was.
        seconds: of all steps, without the measurements in between.
        basis: what the time was estimated from.
        device: where it would run.
    """

    pixels: int
    rows: int
    tokens: int
    answer_tokens: int
    image_tokens: float
    text_tokens: float
    most_image_tokens: int
    longest: int
    left_out: int
    steps: int
    parameters: int
    trained: int
    memory_bytes: float
    peak_bytes: int
    seconds: float
    basis: str
    device: str


def plan_training(recipe: Recipe, folder: ModelFolder, data: TrainingData, scratch: Path) -> Plan:
    """Estimates without training; a small model is loaded and a few of its passes over real pictures are timed.

    Args:
        scratch: a folder to leave notes in.
    """
    import torch

    rows = data.visits
    family = family_of(folder.path)
    config = load_config(folder.path)
    weights = estimate.read_weights(folder.path)
    gpu = torch.cuda.is_available()
    seconds, basis = _time(recipe, folder, data, weights.parameters, gpu, scratch)
    peak = torch.cuda.max_memory_allocated() if gpu else 0
    trained = _trained(recipe, family, config, weights)
    longest = max((row.tokens for row in rows), default=0)
    most = max((row.image_tokens for row in rows), default=0)
    load, attention, batch = recipe.model.load, recipe.model.attention, recipe.train.batch
    text = config.get_text_config().to_dict()
    memory = estimate.memory_bytes(
        recipe.train, weights, trained, estimate.Passes(load, attention, batch * longest, longest, text)
    )
    memory += estimate.activation_bytes(recipe.train, _vision_passes(recipe, config, most))
    return Plan(
        pixels=recipe.model.pixels,
        rows=len(rows),
        tokens=sum(row.tokens for row in rows),
        answer_tokens=sum(row.answer_tokens for row in rows),
        image_tokens=median([row.image_tokens for row in rows]) if rows else 0,
        text_tokens=median([row.tokens - row.image_tokens for row in rows]) if rows else 0,
        most_image_tokens=most,
        longest=longest,
        left_out=data.too_long,
        steps=optimiser_steps(recipe, len(rows)),
        parameters=weights.parameters,
        trained=trained,
        memory_bytes=memory,
        peak_bytes=peak,
        seconds=seconds,
        basis=basis,
        device=torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads",
    )


def optimiser_steps(recipe: Recipe, visits: int) -> int:
    """Steps of so many visits."""
    return math.ceil(math.ceil(visits / recipe.train.batch) / recipe.train.accumulation)


def _vision_passes(recipe: Recipe, config: Any, image_tokens: int) -> estimate.Passes:
    """The vision tower's: it sees `spatial_merge_size` squared (or `scale_factor` squared) patches an image token."""
    vision = config.vision_config.to_dict()
    merged = vision.get("spatial_merge_size") or getattr(config, "scale_factor", 1)
    patches = image_tokens * merged**2
    shape = {
        "hidden_size": vision.get("embed_dim") or vision.get("hidden_size", 0),
        "num_attention_heads": vision.get("num_heads") or vision.get("num_attention_heads", 0),
        "num_hidden_layers": vision.get("depth") or vision.get("num_hidden_layers", 0),
    }
    return estimate.Passes(recipe.model.load, recipe.model.attention, recipe.train.batch * patches, patches, shape)


def _trained(recipe: Recipe, family: Family, config: Any, weights: estimate.Weights) -> int:
    """Parameters that the optimiser changes, from a model without weights."""
    import torch
    from transformers import AutoModelForImageTextToText

    auto: Any = AutoModelForImageTextToText
    with torch.device("meta"):
        model = auto.from_config(config)
    if recipe.lora is not None and recipe.train.method == "lora":
        targets = set(adapter_targets(recipe, family, model))
        return sum(
            recipe.lora.r * sum(module.weight.shape)
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and (name in targets or name.rpartition(".")[2] in targets)
        )
    if recipe.model.scope == "language":
        return weights.parameters - _size(family.vision_tower(model))
    if recipe.model.scope == "vision":
        head = model.get_output_embeddings()
        tied = head.weight is model.get_input_embeddings().weight
        return weights.parameters - _size(family.language_model(model)) - (0 if tied else _size(head))
    return weights.parameters


def _size(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


def _time(
    recipe: Recipe, folder: ModelFolder, data: TrainingData, parameters: int, gpu: bool, scratch: Path
) -> tuple[float, str]:
    if not data.visits:
        return 0.0, "no rows"
    tokens = sum(row.tokens for row in data.visits)
    if gpu or parameters <= estimate.TIMED_PARAMETERS:
        batch = _median_batch(data.visits, recipe.train.batch)
        seconds = _timed_pass(recipe, folder, batch, scratch)
        return seconds * tokens / sum(row.tokens for row in batch), "timed forward and backward passes"
    return estimate.computed_seconds(
        recipe.train, parameters, tokens
    ), "parameters x tokens, and a timed matrix product"


def _median_batch(rows: Sequence[PictureRow], size: int) -> list[PictureRow]:
    """Rows around the median length."""
    ordered = sorted(rows, key=lambda row: row.tokens)
    start = max(0, (len(ordered) - size) // 2)
    return ordered[start : start + size]


def _timed_pass(recipe: Recipe, folder: ModelFolder, batch: Sequence[PictureRow], scratch: Path) -> float:
    from entx.vlm_stage.collate import Collator

    loaded = load_trainable(replace(recipe, deepspeed={}), folder, "transformers")  # which times nothing of offloading
    model = loaded.trainable.model
    if loaded.trainable.adapter is not None:
        from peft import get_peft_model

        model = get_peft_model(model, loaded.trainable.adapter)
    collate = Collator(loaded.codec, batch, recipe.model.pixels, scratch / BROKEN)

    def loss() -> Any:
        inputs = collate([{"visit": number} for number in range(len(batch))])
        return model(**{name: value.to(model.device) for name, value in inputs.items()}).loss

    return estimate.timed_pass(model, recipe.train, loss)
