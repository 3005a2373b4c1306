"""What a training would take, before it is begun: rows, tokens, steps, memory and time."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.model_folder import ModelFolder
from entx.llm_stage.encode import TokenRow
from entx.llm_stage.recipe import Recipe
from entx.llm_stage.train import TrainingData

_BYTES = {"fp32": 4.0, "bf16": 2.0, "nf4": 0.52}  # of a parameter; nf4: 4 bits, and twice quantised scales (QLoRA, 3.2)
_OPTIMIZER_BYTES = {"adamw_torch": 8.0, "adamw_torch_fused": 8.0, "adamw_8bit": 2.0, "paged_adamw_8bit": 2.0}
_TIMED_PARAMETERS = 400_000_000  # above this a CPU's estimate comes from a matrix product instead of from the model


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
    tokens = sum(lengths)
    config = json.loads((folder.path / "config.json").read_text(encoding="utf-8"))
    parameters, embedded = _parameters(folder.path)
    trained = parameters if recipe.train.method == "full" else _adapter_parameters(folder.path, recipe)
    gpu = torch.cuda.is_available()
    seconds, basis = _time(recipe, folder, data, parameters, tokens, gpu)
    steps = whole = optimiser_steps(recipe, lengths)
    if recipe.train.max_steps:
        steps = min(whole, recipe.train.max_steps)
    return Plan(
        rows=len(rows),
        tokens=tokens,
        answer_tokens=sum(len(row.tokens) - row.prompt for row in rows),
        longest=max(lengths, default=0),
        steps=steps,
        parameters=parameters,
        trained=trained,
        memory_bytes=_memory(recipe, config, parameters, embedded, trained, max(lengths, default=0)),
        seconds=seconds * steps / max(1, whole),
        basis=basis,
        device=torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads",
    )


def optimiser_steps(recipe: Recipe, lengths: Sequence[int]) -> int:
    """Steps of all visits; packs are counted as if they were filled to the brim."""
    units = math.ceil(sum(lengths) / recipe.model.max_length) if recipe.train.packing else len(lengths)
    return math.ceil(math.ceil(units / recipe.train.batch) / recipe.train.accumulation)


def _shapes(path: Path) -> dict[str, list[int]]:
    """The shape of every tensor, from the headers of the weight files."""
    shapes: dict[str, list[int]] = {}
    for file in sorted(path.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        shapes |= {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    return shapes


def _parameters(path: Path) -> tuple[int, int]:
    """All parameters, and those of embeddings and output head."""
    sizes = {name: math.prod(shape) for name, shape in _shapes(path).items()}
    embedded = sum(size for name, size in sizes.items() if "embed" in name or "lm_head" in name)
    return sum(sizes.values()), embedded


def _adapter_parameters(path: Path, recipe: Recipe) -> int:
    """r x (inputs + outputs) for each target layer."""
    assert recipe.lora is not None
    total = 0
    for name, shape in _shapes(path).items():
        layer = name.removesuffix(".weight").rpartition(".")[2]
        if name.endswith(".weight") and layer in recipe.lora.targets and len(shape) == 2:
            total += recipe.lora.r * sum(shape)
    return total


def _memory(
    recipe: Recipe, config: dict[str, Any], parameters: int, embedded: int, trained: int, longest: int
) -> float:
    """Bytes: weights, 4 a gradient, the optimiser's state, and activations.

    Activations per layer and token: 34 hidden + 5 heads x length bytes (Korthikanti et al. 2022, 16 bits, attention
    matrices kept), 2 hidden where they are recomputed; doubled where the passes compute in 32 bits.
    """
    per_parameter = _BYTES[recipe.model.load]
    weights = (parameters - embedded) * per_parameter + embedded * max(per_parameter, 2.0)
    hidden = config.get("hidden_size", 0)
    heads = config.get("num_attention_heads", 0)
    layers = config.get("num_hidden_layers", 0)
    tokens = recipe.train.batch * (recipe.model.max_length if recipe.train.packing else longest)
    layer = tokens * (34 * hidden + (5 * heads * longest if recipe.model.attention == "eager" else 0))
    kept = 2 * tokens * hidden * layers + layer if recipe.train.checkpointing else layer * layers
    wide = 2.0 if recipe.model.load == "fp32" and recipe.train.autocast == "none" else 1.0
    return float(weights + trained * (4.0 + _OPTIMIZER_BYTES[recipe.train.optimizer]) + kept * wide)


def _time(
    recipe: Recipe, folder: ModelFolder, data: TrainingData, parameters: int, tokens: int, gpu: bool
) -> tuple[float, str]:
    if not data.visits:
        return 0.0, "no rows"
    if gpu or parameters <= _TIMED_PARAMETERS:
        batch = _median_batch(data.visits, recipe.train.batch)
        seconds = _timed_pass(recipe, folder, batch)
        return seconds * tokens / sum(len(row.tokens) for row in batch), "timed forward and backward passes"
    flops: float = (6.0 if recipe.train.method == "full" else 4.0) + (2.0 if recipe.train.checkpointing else 0.0)
    return flops * parameters * tokens / _flops_per_second(), "parameters x tokens, and a timed matrix product"


def _median_batch(rows: Sequence[TokenRow], size: int) -> list[TokenRow]:
    """Rows around the median length."""
    ordered = sorted(rows, key=lambda row: len(row.tokens))
    start = max(0, (len(ordered) - size) // 2)
    return ordered[start : start + size]


def _timed_pass(recipe: Recipe, folder: ModelFolder, batch: Sequence[TokenRow]) -> float:
    """Seconds of one forward and backward pass, the shorter of two after a warm-up."""
    import torch

    from entx.llm_stage.adapters import load_trainable
    from entx.llm_stage.trainer import uses_bf16

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
    model.train()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        with torch.autocast(model.device.type, torch.bfloat16, enabled=uses_bf16(recipe.train.autocast)):
            logits = model(input_ids=tokens, logits_to_keep=keep).logits
            loss = logits.float().logsumexp(-1).mean()
        loss.backward()
        model.zero_grad()
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times[1:])


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
