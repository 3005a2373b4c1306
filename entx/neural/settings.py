"""The parts of a recipe that both model stages have: the adapter and the optimisation."""

from __future__ import annotations

from dataclasses import dataclass

from entx.core.settings import setting

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All linear layers of a Llama, Mistral, Gemma or Qwen block; the output head is left as it is."""


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """A LoRA adapter (Hu et al. 2021): each target layer gets alpha / r times a product of two matrices of rank r."""

    r: int = setting(least=1)
    alpha: float = setting(above=0)
    dropout: float = setting(0.0, least=0, most=0.9)
    targets: tuple[str, ...] = LINEAR_LAYERS


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The optimisation.

    Args:
        method: lora trains an adapter (table [lora]), full every weight.
        backend: transformers, or unsloth (CUDA only; falls back to transformers with a notice).
        epochs: visits of each row of weight 1; a row of weight w is visited w times an epoch on average.
        max_steps: ends earlier; 0 for no limit.
        batch, accumulation: rows (packs, if packed) of a forward pass, and passes of an optimiser step.
        warmup: share of the steps during which the rate rises from 0.
        group_by_length: rows of like length share a batch; saves padding where rows are not packed.
        packing: several rows in one sequence of max_length, each seeing itself only; saves padding.
        autocast: bf16 computes in bfloat16 beside fp32 weights; auto: on a GPU that has it.
        checkpointing: recompute activations in the backward pass; slower, less memory.
        evaluate_every: steps between two measurements of f1 on the dev rows, each followed by a checkpoint.
        patience: measurements without a better f1 after which the training stops; 0: never.
        dev_rows: at most so many of the dev rows are measured.
    """

    method: str = setting(choices=("lora", "full"))
    lr: float = setting(above=0)
    epochs: float = setting(above=0)
    batch: int = setting(least=1)
    accumulation: int = setting(1, least=1)
    backend: str = setting("transformers", choices=("transformers", "unsloth"))
    scheduler: str = setting("cosine", choices=("cosine", "linear", "constant", "constant_with_warmup"))
    warmup: float = setting(0.05, least=0, most=0.9)
    weight_decay: float = setting(0.0, least=0)
    max_grad_norm: float = setting(1.0, least=0)
    optimizer: str = setting(
        "adamw_torch", choices=("adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit")
    )
    max_steps: int = setting(0, least=0)
    group_by_length: bool = True
    packing: bool = False
    autocast: str = setting("auto", choices=("auto", "bf16", "none"))
    checkpointing: bool = False
    evaluate_every: int = setting(100, least=1)
    patience: int = setting(5, least=0)
    dev_rows: int = setting(500, least=0)
    seed: int = setting(0, least=0)


def method_faults(train: TrainSettings, lora: object | None, load: str) -> list[str]:
    """What of a recipe does not go together: its method, its adapter, and how its weights are loaded."""
    faults = []
    if train.method == "lora" and lora is None:
        faults.append('train.method = "lora" needs a table [lora]')
    if train.method == "full" and load == "nf4":
        faults.append('model.load = "nf4" can only train an adapter: train.method = "lora"')
    if train.method == "full" and train.backend == "unsloth":
        faults.append('train.backend = "unsloth" is for adapters here: train.method = "lora"')
    return faults
