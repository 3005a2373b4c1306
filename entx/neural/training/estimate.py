"""What a training would take, before it is begun: rows, tokens, steps, parameters, memory and time.

A small model is loaded and a few of its passes are timed; of a large one on a CPU no weight is read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.neural.model_folder import load_config
from entx.neural.training.adapters import Trainable
from entx.neural.training.recipe import Recipe, TrainSettings
from entx.neural.training.rows import TrainingData
from entx.neural.training.stage import Stage

TIMED_PARAMETERS = 400_000_000
"""Above this a CPU's estimate comes from a matrix product instead of from the model."""

_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "nf4": 0.52}  # of a parameter; nf4: 4 bits, twice quantised scales
_OPTIMIZER_BYTES = {"adamw_torch": 8.0, "adamw_torch_fused": 8.0, "adamw_8bit": 2.0, "paged_adamw_8bit": 2.0}


@dataclass(frozen=True, slots=True)
class Parameters:
    """How many parameters a model has."""

    all: int
    embedded: int  # those of embeddings and output head, which four bits leave alone
    trained: int  # those that the optimiser changes


def empty_model(stage: Stage[Any]) -> Any:
    """The stage's model without weights."""
    import torch
    import transformers

    with torch.device("meta"):
        return getattr(transformers, stage.AUTO_MODEL).from_config(load_config(stage.folder.path))


def count_parameters(stage: Stage[Any], model: Any) -> Parameters:
    """Of a model without weights, which then has the stage's adapter in it and what does not learn frozen."""
    import torch

    sizes = {name: one.numel() for name, one in model.named_parameters()}
    embedded = sum(size for name, size in sizes.items() if "embed" in name or "lm_head" in name)
    with torch.device("meta"):
        adapted = Trainable(model, None, stage.prepare(model)).adapted()
    trained = sum(one.numel() for one in adapted.parameters() if one.requires_grad)
    return Parameters(sum(sizes.values()), embedded, trained)


@dataclass(frozen=True, slots=True)
class Passes:
    """Forward and backward passes, as far as memory goes."""

    load: str  # of the weights: fp32, bf16 or nf4
    attention: str  # sdpa or eager
    tokens: int  # of one pass, padded
    longest: int  # row
    config: dict[str, Any]  # of the language model or vision tower: hidden_size, num_attention_heads, num_hidden_layers


def memory_bytes(train: TrainSettings, parameters: Parameters, *passes: Passes) -> float:
    """Bytes: weights, 4 a gradient, the optimiser's state, and activations of all passes."""
    per_parameter = _BYTES[passes[0].load]
    loaded = (parameters.all - parameters.embedded) * per_parameter + parameters.embedded * max(per_parameter, 2.0)
    kept = sum(activation_bytes(train, one) for one in passes)
    return float(loaded + parameters.trained * (4.0 + _OPTIMIZER_BYTES[train.optimizer]) + kept)


def activation_bytes(train: TrainSettings, passes: Passes) -> float:
    """What a forward pass keeps for the backward pass.

    Per layer and token: 34 hidden + 5 heads x length bytes (Korthikanti et al. 2022, 16 bits, attention matrices
    kept), 2 hidden where they are recomputed; doubled where the passes compute in 32 bits.
    """
    hidden = passes.config.get("hidden_size", 0)
    heads = passes.config.get("num_attention_heads", 0)
    layers = passes.config.get("num_hidden_layers", 0)
    layer = passes.tokens * (34 * hidden + (5 * heads * passes.longest if passes.attention == "eager" else 0))
    kept = 2 * passes.tokens * hidden * layers + layer if train.checkpointing else layer * layers
    return float(kept * (2.0 if passes.load == "fp32" and train.autocast == "none" else 1.0))


def timed_pass(model: Any, train: TrainSettings, loss: Callable[[], Any]) -> float:
    """Seconds of one forward pass (`loss`) and its backward pass, the shorter of two after a warm-up."""
    import torch

    from entx.neural.training.trainer import uses_bf16

    model.train()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        with torch.autocast(model.device.type, torch.bfloat16, enabled=uses_bf16(train.autocast)):
            value = loss()
        value.backward()
        model.zero_grad()
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def computed_seconds(train: TrainSettings, parameters: int, tokens: int) -> float:
    """Seconds of all passes: floating-point operations of each parameter and token, at this machine's rate."""
    flops: float = (6.0 if train.method == "full" else 4.0) + (2.0 if train.checkpointing else 0.0)
    return flops * parameters * tokens / _flops_per_second()


def _flops_per_second() -> float:
    """Of a matrix product in bfloat16 or 32 bits, whichever this machine does faster."""
    import torch

    size, best = 1024, 0.0
    for dtype in (torch.float32, torch.bfloat16):
        left = torch.ones((size, size), dtype=dtype)
        left @ left
        began = time.perf_counter()
        for _ in range(3):
            left @ left
        best = max(best, 3 * 2 * size**3 / (time.perf_counter() - began))
    return best


@dataclass(frozen=True, slots=True)
class Plan:
    """The estimate."""

    # rows, tokens: visits of all epochs, and their tokens
    rows: int
    tokens: int
    answer_tokens: int  # of these learnt
    longest: int  # tokens of the longest row
    left_out: int  # rows with more tokens than the model may read
    steps: int  # of the optimiser, if nothing stops it early
    # parameters, trained: of the model, and those that the optimiser changes
    parameters: int
    trained: int
    memory_bytes: float  # weights, gradients, optimiser and activations of one pass
    peak_bytes: int  # measured on a GPU while the timed passes ran, without the optimiser's state; 0 where none was
    seconds: float  # of all steps, without the measurements in between
    basis: str  # what the time was estimated from
    device: str  # where it would run
    # what the stage tells beside it; of pictures: pixels, image_tokens, text_tokens, most_image_tokens
    sizes: Mapping[str, float]


def plan_training(stage: Stage[Any], data: TrainingData, scratch: Path) -> Plan:
    """Estimates without training, with notes in `scratch`; InputError where there is nothing to train on."""
    import torch

    data.require_rows()
    recipe, train = stage.recipe, stage.recipe.train
    lengths = data.lengths
    tokens, longest = sum(lengths), max(lengths)
    empty = empty_model(stage)
    parameters, config = count_parameters(stage, empty), empty.config
    gpu = torch.cuda.is_available()
    if gpu or parameters.all <= TIMED_PARAMETERS:
        batch = _median_batch(data.rows, train.batch)
        trainable = stage.load("transformers", offload=False)  # nothing of offloading is timed
        model = trainable.adapted()
        seconds = timed_pass(model, train, lambda: stage.loss(trainable, model, batch, scratch))
        seconds, basis = seconds * tokens / sum(row.length for row in batch), "timed forward and backward passes"
    else:
        seconds = computed_seconds(train, parameters.all, tokens)
        basis = "parameters x tokens, and a timed matrix product"
    whole, steps = optimiser_steps(recipe, lengths, limited=False), optimiser_steps(recipe, lengths)
    row = recipe.model.max_length if train.packing else longest
    text = Passes(
        recipe.model.load, recipe.model.attention, train.batch * row, longest, config.get_text_config().to_dict()
    )
    return Plan(
        rows=len(data.rows),
        tokens=tokens,
        answer_tokens=sum(row.learnt for row in data.rows),
        longest=longest,
        left_out=data.too_long,
        steps=steps,
        parameters=parameters.all,
        trained=parameters.trained,
        memory_bytes=memory_bytes(train, parameters, text, *stage.more_passes(config, data.rows)),
        peak_bytes=torch.cuda.max_memory_allocated() if gpu else 0,
        seconds=seconds * steps / whole,
        basis=basis,
        device=torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads",
        sizes=stage.sizes(data.rows),
    )


def optimiser_steps(recipe: Recipe, lengths: Sequence[int], *, limited: bool = True) -> int:
    """Steps of all rows, `limited` to the recipe's max_steps; packs are counted as if filled to the brim."""
    units = math.ceil(sum(lengths) / recipe.model.max_length) if recipe.train.packing else len(lengths)
    steps = math.ceil(math.ceil(units / recipe.train.batch) / recipe.train.accumulation)
    return min(steps, recipe.train.max_steps) if limited and recipe.train.max_steps else steps


def _median_batch(rows: Sequence[Any], size: int) -> list[Any]:
    """Rows around the median length."""
    ordered = sorted(rows, key=lambda row: row.length)
    start = max(0, (len(ordered) - size) // 2)
    return ordered[start : start + size]
