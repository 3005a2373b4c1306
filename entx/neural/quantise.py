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
