"""What a training would take, before it is begun: rows, tokens, steps, memory and time."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from entx.llm_stage.encode import TokenRow
from entx.llm_stage.recipe import Recipe
from entx.llm_stage.train import TrainingData
from entx.neural import estimate
from entx.neural.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class Plan:
    """The estimate.

    Args:
        rows, tokens: visits of all epochs, and their tokens.
        steps: of the optimiser, if nothing stops it early.
        parameters, trained: of the model, and those that the optimiser changes.
        memory_bytes: weights, gradients, optimiser and activations of one pass.
        seconds: of all steps, without the measurements in between.
        basis: what the time was estimated from.
        device: where it would run.
    """

    rows: int
    tokens: int
    answer_tokens: int
    longest: int
    steps: int
    parameters: int
    trained: int
    memory_bytes: float
    seconds: float
    basis: str
    device: str


def plan_training(recipe: Recipe, folder: ModelFolder, data: TrainingData) -> Plan:
    """Estimates without training; a small model is loaded and a few of its passes are timed."""
    import torch

    rows = data.visits
    lengths = [len(row.tokens) for row in rows]
    tokens, longest = sum(lengths), max(lengths, default=0)
    weights = estimate.read_weights(folder.path)
    trained = weights.parameters
    if recipe.lora is not None and recipe.train.method == "lora":
        trained = estimate.adapter_parameters(weights, recipe.lora.r, recipe.lora.targets)
    gpu = torch.cuda.is_available()
    seconds, basis = _time(recipe, folder, data, weights.parameters, tokens, gpu)
    steps = whole = optimiser_steps(recipe, lengths)
    if recipe.train.max_steps:
        steps = min(whole, recipe.train.max_steps)
    passes = estimate.Passes(
        recipe.model.load, recipe.model.attention,
        recipe.train.batch * (recipe.model.max_length if recipe.train.packing else longest), longest,
        json.loads((folder.path / "config.json").read_text(encoding="utf-8")),
    )  # fmt: skip
    return Plan(
        rows=len(rows),
        tokens=tokens,
        answer_tokens=sum(len(row.tokens) - row.prompt for row in rows),
        longest=longest,
        steps=steps,
        parameters=weights.parameters,
        trained=trained,
        memory_bytes=estimate.memory_bytes(recipe.train, weights, trained, passes),
        seconds=seconds * steps / max(1, whole),
        basis=basis,
        device=torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads",
    )


def optimiser_steps(recipe: Recipe, lengths: Sequence[int]) -> int:
    """Steps of all visits; packs are counted as if they were filled to the brim."""
    units = math.ceil(sum(lengths) / recipe.model.max_length) if recipe.train.packing else len(lengths)
    return math.ceil(math.ceil(units / recipe.train.batch) / recipe.train.accumulation)


def _time(
    recipe: Recipe, folder: ModelFolder, data: TrainingData, parameters: int, tokens: int, gpu: bool
) -> tuple[float, str]:
    if not data.visits:
        return 0.0, "no rows"
    if gpu or parameters <= estimate.TIMED_PARAMETERS:
        batch = _median_batch(data.visits, recipe.train.batch)
        seconds = _timed_pass(recipe, folder, batch)
        return seconds * tokens / sum(len(row.tokens) for row in batch), "timed forward and backward passes"
    return estimate.computed_seconds(
        recipe.train, parameters, tokens
    ), "parameters x tokens, and a timed matrix product"


def _median_batch(rows: Sequence[TokenRow], size: int) -> list[TokenRow]:
    """Rows around the median length."""
    ordered = sorted(rows, key=lambda row: len(row.tokens))
    start = max(0, (len(ordered) - size) // 2)
    return ordered[start : start + size]


def _timed_pass(recipe: Recipe, folder: ModelFolder, batch: Sequence[TokenRow]) -> float:
    import torch

    from entx.llm_stage.adapters import load_trainable

    trainable = load_trainable(recipe, folder, "transformers")
    model = trainable.model
    if trainable.adapter is not None:
        from peft import get_peft_model

        model = get_peft_model(model, trainable.adapter)
    width = max(len(row.tokens) for row in batch)
    tokens = torch.zeros((len(batch), width), dtype=torch.long, device=model.device)
    for place, row in enumerate(batch):
        tokens[place, : len(row.tokens)] = torch.tensor(row.tokens)
    keep = max(len(row.tokens) - row.prompt for row in batch)

    def loss() -> torch.Tensor:
        logits: torch.Tensor = model(input_ids=tokens, logits_to_keep=keep).logits
        return logits.float().logsumexp(-1).mean()

    return estimate.timed_pass(model, recipe.train, loss)
