"""What a training would take: parameters, memory and time, without beginning it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.neural.settings import TrainSettings

TIMED_PARAMETERS = 400_000_000
"""Above this a CPU's estimate comes from a matrix product instead of from the model."""

_BYTES = {"fp32": 4.0, "bf16": 2.0, "nf4": 0.52}  # of a parameter; nf4: 4 bits, and twice quantised scales (QLoRA, 3.2)
_OPTIMIZER_BYTES = {"adamw_torch": 8.0, "adamw_torch_fused": 8.0, "adamw_8bit": 2.0, "paged_adamw_8bit": 2.0}


@dataclass(frozen=True, slots=True)
class Weights:
    """What a model folder's weight files hold, from their headers.

    Args:
        shapes: of every tensor.
        parameters: all of them.
        embedded: those of embeddings and output head, which four bits leave alone.
    """

    shapes: dict[str, list[int]]
    parameters: int
    embedded: int


def read_weights(path: Path) -> Weights:
    """Reads the headers of a checked folder's weight files."""
    shapes: dict[str, list[int]] = {}
    for file in sorted(path.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        shapes |= {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    embedded = sum(size for name, size in sizes.items() if "embed" in name or "lm_head" in name)
    return Weights(shapes, sum(sizes.values()), embedded)


def adapter_parameters(weights: Weights, rank: int, targets: Sequence[str]) -> int:
    """r x (inputs + outputs) for each target layer."""
    total = 0
    for name, shape in weights.shapes.items():
        layer = name.removesuffix(".weight").rpartition(".")[2]
        if name.endswith(".weight") and layer in targets and len(shape) == 2:
            total += rank * sum(shape)
    return total


@dataclass(frozen=True, slots=True)
class Passes:
    """Forward and backward passes, as far as memory goes.

    Args:
        load: of the weights: fp32, bf16 or nf4.
        attention: sdpa or eager.
        tokens: of one pass, padded.
        longest: row.
        config: of the language model: hidden_size, num_attention_heads, num_hidden_layers.
    """

    load: str
    attention: str
    tokens: int
    longest: int
    config: dict[str, Any]


def memory_bytes(train: TrainSettings, weights: Weights, trained: int, passes: Passes) -> float:
    """Bytes: weights, 4 a gradient, the optimiser's state, and activations."""
    per_parameter = _BYTES[passes.load]
    loaded = (weights.parameters - weights.embedded) * per_parameter + weights.embedded * max(per_parameter, 2.0)
    return float(loaded + trained * (4.0 + _OPTIMIZER_BYTES[train.optimizer]) + activation_bytes(train, passes))


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
    """Seconds of one forward and backward pass, the shorter of two after a warm-up.

    Args:
        loss: a forward pass.
    """
    import torch

    from entx.neural.trainer import uses_bf16

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
