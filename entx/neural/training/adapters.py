"""A model made ready for training: LoRA adapters and their place, weights of four bits, and which library does it.

Two backends. `transformers` (PEFT, bitsandbytes) runs everywhere and is the reference. `unsloth` patches the libraries
when it is imported and needs CUDA: it is imported before them, in the process of the training alone, and where it
cannot be, the training goes on with the reference and says so.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.neural.training.recipe import LoraSettings


@dataclass(frozen=True, slots=True)
class Trainable:
    """A model to train and what belongs to it.

    Args:
        model: with a LoRA adapter already in it where `adapter` is None but the recipe has one: Unsloth's own way.
        codec: what feeds it: a tokenizer with a padding token, or a family's codec of pictures, which has one.
        adapter: the adapter that the trainer is to put into the model (a PEFT configuration), or None.
    """

    model: Any
    codec: Any
    adapter: Any

    @property
    def tokenizer(self) -> Any:
        """The tokenizer alone."""
        return getattr(self.codec, "tokenizer", self.codec)

    def save_codec(self, folder: Path) -> None:
        """Writes what stands beside the weights: tokenizer, processor."""
        (self.codec.save if hasattr(self.codec, "tokenizer") else self.codec.save_pretrained)(folder)

    def adapted(self) -> Any:
        """The model with the adapter in it, as the trainer will make it."""
        if self.adapter is None:
            return self.model
        from peft import get_peft_model

        return get_peft_model(self.model, self.adapter)


def choose_backend(wanted: str, notice: Callable[[str], None]) -> str:
    """The backend that a recipe or an option wants, or "transformers" where Unsloth cannot be used.

    To be called before torch is imported.

    Args:
        notice: told in one line why the backend is another than the recipe's.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # PEFT looks its base model up on the hub whenever it saves
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells every user of an optional CPU kernel
    if wanted != "unsloth":
        return wanted
    try:
        importlib.import_module("unsloth")
    except (ImportError, NotImplementedError) as error:  # the second: no GPU that it knows
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        notice(f"unsloth cannot be used here ({why}); PEFT and bitsandbytes are used instead")
        return "transformers"
    return "unsloth"


def lora_config(model: Any, lora: LoraSettings, targets: Sequence[str]) -> Any:
    """The PEFT configuration of an adapter for that model.

    Args:
        targets: names of its layers, whole or from a dot on.

    Raises:
        InputError: a target layer that the model does not have.
    """
    from peft import LoraConfig

    names = [name for name, _ in model.named_modules()]
    ends = {".".join(name.split(".")[-depth:]) for name in names for depth in range(1, name.count(".") + 2)}
    missing = [name for name in targets if name not in ends]
    if missing:
        raise InputError(f"lora.targets: the model has no layers named {', '.join(missing)}")
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(targets), bias="none",
        task_type="CAUSAL_LM",
    )  # fmt: skip


def keep_trainable(model: Any) -> None:
    """Lets gradients pass 4-bit layers after a measurement.

    bitsandbytes re-packs weights for CPUs with AVX512-BF16 at the first evaluation, and no gradient passes them then.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
