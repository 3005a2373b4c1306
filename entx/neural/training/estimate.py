"""What a training would take, before it is begun: rows, tokens, steps, parameters, memory, time and money.

Memory is reckoned from shapes alone, before a weight is read. A few passes of a small model, or on a GPU, are timed
only where they fit into what is free; all other times are reckoned from operations. A plan for a machine that is not
here loads nothing: it is made from published figures (`entx/recipes/plan.toml`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.memory import available_memory
from entx.core.settings import parse_toml
from entx.neural.model_folder import load_config
from entx.neural.training.adapters import Trainable
from entx.neural.training.recipe import Recipe, TrainSettings
from entx.neural.training.rows import TrainingData
from entx.neural.training.stage import Stage

TIMED_PARAMETERS = 400_000_000
"""Above this a CPU's estimate comes from a matrix product instead of from the model."""

BUSY, STARVED = 0.4, 0.05
"""Shares of a GPU's operations that a training reaches: where large batches keep it busy, and where small ones and the
decoding of pictures leave it waiting. The first is what large trainings report (PaLM, Chowdhery et al. 2022: .46); the
second is what the five hours of published system 1 come to (Qwen2-VL-2B, 10,000 rows, 3 epochs, an L4)."""

_SPARE = 2**30  # bytes that CUDA and its libraries take for themselves
_TIMED_SHARE = 0.8  # of what is free that a timed pass may take: the estimate may be off by some
_CHUNK = 256  # answer tokens whose logits TRL's chunked loss holds at once
_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "nf4": 0.52}  # of a parameter; nf4: and twice quantised scales (QLoRA)
_OPTIMIZER_BYTES = {"adamw_torch": 8.0, "adamw_torch_fused": 8.0, "adamw_8bit": 2.0, "paged_adamw_8bit": 2.0}


@dataclass(frozen=True, slots=True)
class Shape:
    """A language model, or a vision tower with what joins it to one."""

    parameters: int
    layers: int
    width: int
    mlp: int  # width within the MLP of a layer
    heads: int
    linear: int = 0  # parameters of an adapter of rank 1 on all linear layers; of a published one

    @classmethod
    def of(cls, config: Mapping[str, Any], parameters: int) -> Shape:
        """Of a part of a configuration of transformers."""

        names = ("depth", "num_hidden_layers"), ("embed_dim", "hidden_size"), ("num_heads", "num_attention_heads")
        layers, width, heads = (int(next(config[name] for name in pair if config.get(name))) for pair in names)
        return cls(
            parameters, layers, width, config.get("intermediate_size") or int(width * config["mlp_ratio"]), heads
        )


@dataclass(frozen=True, slots=True)
class Base:
    """A base model by its shape."""

    text: Shape
    trained: int  # parameters that the optimiser changes
    embedded: int  # parameters of embeddings and output head, which four bits leave alone
    vocabulary: int
    vision: Shape | None = None
    patches: int = 1  # that the vision tower sees for an image token
    tokens: int = 0  # of every picture; 0 for as many as its size asks for

    @property
    def parameters(self) -> int:
        """All of them."""
        return sum(part.parameters for part in (self.text, self.vision) if part)

    @classmethod
    def of_model(cls, stage: Stage[Any]) -> Base:
        """Of the stage's model, made without weights and with the stage's adapter in it."""
        import torch
        import transformers

        with torch.device("meta"):
            model = getattr(transformers, stage.AUTO_MODEL).from_config(load_config(stage.folder.path))
            sizes = {name: one.numel() for name, one in model.named_parameters()}
            adapted = Trainable(model, None, stage.prepare(model)).adapted()
        text, vision = model.config.get_text_config(), getattr(model.config, "vision_config", None)
        merged = getattr(vision, "spatial_merge_size", None) or getattr(model.config, "scale_factor", None)
        sees = sum(size for name, size in sizes.items() if any(one in name for one in ("vis", "project", "connector")))
        return cls(
            Shape.of(text.to_dict(), sum(sizes.values()) - sees),
            trained=sum(one.numel() for one in adapted.parameters() if one.requires_grad),
            embedded=sum(size for name, size in sizes.items() if "embed_tokens" in name or "lm_head" in name),
            vocabulary=text.vocab_size,
            vision=vision and Shape.of(vision.to_dict(), sees),
            patches=int(merged or 1) ** 2,
        )

    @classmethod
    def published(cls, recipe: Recipe) -> Base:
        """Of the model that the recipe names. Raises InputError: its figures are not known; lists those that are."""
        known = published("base")
        if recipe.model.hub not in known:
            raise InputError(
                f"the size of {recipe.model.hub or 'a model of your own'} is not known here (known: "
                f"{', '.join(known)}); plan with its folder: --model FOLDER"
            )
        found: dict[str, Any] = known[recipe.model.hub]
        parts: dict[str, Any] = {name: Shape(**found[name]) for name in ("text", "vision") if name in found}
        scope, lora = getattr(recipe.model, "scope", "all"), recipe.lora if recipe.train.method == "lora" else None
        learn = [one for name, one in parts.items() if scope in ("all", "language" if name == "text" else name)]
        trained = sum(lora.r * one.linear if lora else one.parameters for one in learn)
        return cls(**{**found, **parts, "trained": trained})


def published(kind: str) -> dict[str, dict[str, Any]]:
    """Sizes of base models ("base") or GPUs ("gpu"), by name."""
    path = resources.files("entx") / "recipes" / "plan.toml"
    return dict(parse_toml(path.read_text(encoding="utf-8"), path.name)[kind])


def memory_bytes(recipe: Recipe, base: Base, rows: Sequence[Any]) -> float:
    """Bytes of a training whose passes all hold the longest of the rows.

    Weights, 4 bytes a gradient, the optimiser's state, the logits of one chunk of answers (value, logarithm,
    probability, entropy and gradient in 32 bits), and what the forward pass keeps for the backward pass.
    """
    train, per_parameter = recipe.train, _BYTES[recipe.model.load]
    loaded = (base.parameters - base.embedded) * per_parameter + base.embedded * max(per_parameter, 2.0)
    longest = recipe.model.max_length if train.packing else max(row.length for row in rows)
    kept = activation_bytes(recipe, base.text, longest)
    if base.vision is not None:
        patches = max(row.image_tokens for row in rows) * base.patches
        kept += activation_bytes(recipe, base.vision, patches)
    logits = min(train.batch * longest, _CHUNK) * base.vocabulary * 20.0
    return float(loaded + base.trained * (4.0 + _OPTIMIZER_BYTES[train.optimizer]) + logits + kept)


def activation_bytes(recipe: Recipe, shape: Shape, longest: int) -> float:
    """What a forward pass of a batch of rows with so many tokens (patches) keeps for the backward pass.

    Per layer and token 40 width + 16 mlp bytes; 64 width where an adapter's 32-bit inputs and its dropout come on top
    of 16-bit layers; 6 heads x length where attention matrices are kept. Counted by autograd's hooks for saved tensors
    in Llama, Qwen2 and Phi of transformers 5.17 with PEFT 0.21 (Gemma 2: 72 width). Where layers are recomputed, 2 to
    4 bytes a width and token are kept of all but one.
    """
    train, wide = recipe.train, recipe.model.load == "fp32"
    per_token = (40 if wide else 64) * shape.width + 16 * shape.mlp
    if getattr(recipe.model, "attention", "") == "eager":
        per_token += 6 * shape.heads * longest
    again = per_token + (4 if wide else 2) * shape.width * shape.layers
    return float(train.batch * longest * (again if train.checkpointing else per_token * shape.layers))


def what_fits(recipe: Recipe, needed: Callable[[Recipe], float], free: float) -> str:
    """The mildest settings by which a training would need less than the free bytes, as options; "" for none."""
    train = recipe.train
    for again in dict.fromkeys((train.checkpointing, True)):
        batch, accumulation = train.batch, train.accumulation
        while batch:
            changed = {"batch": batch, "accumulation": accumulation, "checkpointing": again}
            if needed(recipe.model_copy(update={"train": train.model_copy(update=changed)})) <= free:
                told = {key: str(value).lower() for key, value in changed.items() if value != getattr(train, key)}
                return " ".join(f"--set train.{key}={value}" for key, value in told.items())
            batch, accumulation = batch // 2, accumulation * 2
    return ""


def operations(recipe: Recipe, base: Base, rows: Sequence[Any]) -> float:
    """Floating-point operations of all visits, without those of attention matrices and output head.

    2 a parameter and token forwards, 2 backwards, 2 more where the weights learn, and 2 where layers are recomputed
    (Kaplan et al. 2020, 2.1); a part that stands before all that learns is only passed forwards.
    """
    train, scope = recipe.train, getattr(recipe.model, "scope", "all")
    both = 4.0 + 2.0 * (train.method == "full") + 2.0 * train.checkpointing
    done = both * (base.text.parameters - base.embedded) * sum(row.length for row in rows)
    if base.vision is not None:
        patches = sum(row.image_tokens for row in rows) * base.patches
        done += (2.0 if scope == "language" else both) * base.vision.parameters * patches
    return float(done)


def timed_pass(model: Any, train: TrainSettings, loss: Callable[[], Any]) -> float:
    """Seconds of one forward pass (`loss`) and its backward pass, the shorter of two after a warm-up."""
    import torch

    from entx.neural.training.trainer import autocast_dtype

    computing = getattr(torch, autocast_dtype(train.autocast))
    model.train()
    if train.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    times = []
    for _ in range(3):
        began = time.perf_counter()
        with torch.autocast(model.device.type, computing, enabled=computing != torch.float32):
            value = loss()
        value.backward()
        model.zero_grad()
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times[1:])


def _flops_per_second() -> float:
    """Of a matrix product in bfloat16 or 32 bits, whichever this machine does faster."""
    import torch
    from torch.utils.benchmark import Timer

    ones = [torch.ones((1024, 1024), dtype=dtype) for dtype in (torch.float32, torch.bfloat16)]
    timers = [Timer("one @ one", globals={"one": one}, num_threads=torch.get_num_threads()) for one in ones]
    return float(2 * 1024**3 / min(timer.timeit(3).mean for timer in timers))


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
    free_bytes: float  # that the training may take
    remedy: str  # options by which it fits, where it does not; "" for none
    peak_bytes: int  # measured on a GPU while the timed passes ran, without the optimiser's state; 0 where none was
    # seconds, most_seconds: of all steps, without the measurements in between; equal where passes were timed
    seconds: float
    most_seconds: float
    basis: str  # what the time was estimated from
    device: str  # where it would run
    # what the stage tells beside it; of pictures: pixels, image_tokens, text_tokens, most_image_tokens
    sizes: Mapping[str, float]

    @property
    def shortage(self) -> str:
        """What to say where the training would not fit; "" where it does."""
        if self.memory_bytes <= self.free_bytes:
            return ""
        needed, free = (f"{one / 2**30:.1f} GiB" for one in (self.memory_bytes, self.free_bytes))
        mended = f"it would with {self.remedy}" if self.remedy else "nor would single rows with recomputed activations"
        return f"the training does not fit: it needs about {needed}, {self.device} has {free}; {mended}"


def plan_training(stage: Stage[Any], data: TrainingData, scratch: Path, gpu: str | None = None) -> Plan:
    """Estimates without training, with notes in `scratch`, for this machine or a `gpu` that is not here.

    Raises:
        InputError: there is nothing to train on, or the GPU is not known.
    """
    data.require_rows()
    base, recipe, lengths = stage.published or Base.of_model(stage), stage.recipe, data.lengths
    free, seconds, basis, device, peak = _there(recipe, data, base, gpu) if gpu else _here(stage, data, base, scratch)
    steps, needed = optimiser_steps(recipe, lengths), memory_bytes(recipe, base, data.rows)
    share = steps / optimiser_steps(recipe, lengths, limited=False)
    return Plan(
        rows=len(data.rows), tokens=sum(lengths), answer_tokens=sum(row.learnt for row in data.rows),
        longest=max(lengths), left_out=data.too_long, steps=steps, parameters=base.parameters, trained=base.trained,
        memory_bytes=needed, free_bytes=free, peak_bytes=peak,
        remedy=what_fits(recipe, lambda one: memory_bytes(one, base, data.rows), free) if needed > free else "",
        seconds=min(seconds) * share, most_seconds=max(seconds) * share, basis=basis, device=device,
        sizes=stage.sizes(data.rows),
    )  # fmt: skip


_Machine = tuple[float, tuple[float, ...], str, str, int]  # free bytes, seconds, what they come from, name, peak bytes


def _here(stage: Stage[Any], data: TrainingData, base: Base, scratch: Path) -> _Machine:
    import torch

    recipe, gpu = stage.recipe, torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if gpu else available_memory()
    batch = _median_batch(data.rows, recipe.train.batch)
    fits = memory_bytes(recipe, base, batch) <= _TIMED_SHARE * free
    if fits and (gpu or base.parameters <= TIMED_PARAMETERS):
        trainable = stage.load("transformers", offload=False)  # nothing of offloading is timed
        model = trainable.adapted()
        seconds = timed_pass(model, recipe.train, lambda: stage.loss(trainable, model, batch, scratch))
        seconds *= sum(data.lengths) / sum(row.length for row in batch)
        basis = "timed passes of a median batch"
    else:
        seconds = operations(recipe, base, data.rows) / _flops_per_second()
        basis = "parameters x tokens, and a timed matrix product"
    device = torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads"
    return free, (seconds,), basis, device, torch.cuda.max_memory_allocated() if gpu else 0


def _there(recipe: Recipe, data: TrainingData, base: Base, name: str) -> _Machine:
    known = published("gpu")
    if name not in known:
        raise InputError(f"--gpu {name}: known are {', '.join(known)}")
    flops = known[name]["flops"]
    done = operations(recipe, base, data.rows) / flops
    basis = (
        f"operations at {BUSY:.0%} of the {flops / 1e12:g} TFLOPS of its data sheet, which large batches reach, to "
        f"{STARVED:.0%}, as published system 1 had it"
    )
    return known[name]["memory"] * 2**30 - _SPARE, (done / BUSY, done / STARVED), basis, name, 0


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
