"""Weights in four bits."""

from __future__ import annotations

from typing import Any

import torch


def nf4_config(compute: torch.dtype) -> Any:
    """nf4 weights, quantised twice, as QLoRA (Dettmers et al. 2023); `compute` is what they are multiplied in."""
    from transformers import BitsAndBytesConfig

    settings: dict[str, Any] = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    make: Any = BitsAndBytesConfig
    return make(load_in_4bit=True, bnb_4bit_compute_dtype=compute, **settings)


def keep_trainable(model: Any) -> None:
    """Lets gradients pass 4-bit layers after a measurement.

    bitsandbytes re-packs weights for CPUs with AVX512-BF16 at the first evaluation, and no gradient passes them then.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
