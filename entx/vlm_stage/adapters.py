"""A vision-language model made ready for training: with a LoRA adapter, or with the weights of its scope open.

Two backends, as in the text stage: `transformers` (PEFT, bitsandbytes) runs everywhere and is the reference; `unsloth`
needs CUDA and is imported before all else, in the process of the training alone.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from entx.core.errors import InputError
from entx.neural.adapter import Trainable, lora_config
from entx.neural.model_folder import ModelFolder
from entx.neural.settings import LoraSettings
from entx.vlm_stage.families.base import Codec, Family, LoadOptions, family_of
from entx.vlm_stage.recipe import AdapterSettings, Recipe


@dataclass(frozen=True, slots=True)
class LoadedFamily:
    """A model to train and what feeds it."""

    trainable: Trainable
    family: Family
    codec: Codec


def load_trainable(recipe: Recipe, folder: ModelFolder, backend: str) -> LoadedFamily:
    """Loads the model from a checked folder.

    Raises:
        InputError: the folder holds an adapter only, a model of no known family, or the adapter's target layers are
            not in it.
    """
    if folder.is_adapter:
        raise InputError(f"{folder.path} holds an adapter; training starts from a whole model (entx merge-adapter)")
    family = family_of(folder.path)
    if backend == "unsloth":
        return _by_unsloth(recipe, folder, family)
    from entx.neural.quantise import keep_trainable

    loaded = family.load(folder.path, load_options(recipe))
    model = loaded.model
    keep_trainable(model)
    adapter = None
    if recipe.train.method == "lora" and recipe.lora is not None:
        targets = adapter_targets(recipe, family, model)
        adapter = lora_config(model, LoraSettings(recipe.lora.r, recipe.lora.alpha, recipe.lora.dropout, targets))
    elif recipe.model.scope == "language":
        family.vision_tower(model).requires_grad_(False)
    elif recipe.model.scope == "vision":
        family.language_model(model).requires_grad_(False)
        model.get_output_embeddings().requires_grad_(False)
    return LoadedFamily(Trainable(model, loaded.codec.tokenizer, adapter, backend), family, loaded.codec)


def load_options(recipe: Recipe) -> LoadOptions:
    """How the recipe wants its weights loaded."""
    import torch

    model = recipe.model
    return LoadOptions(
        dtype="float32" if model.load == "fp32" else "bfloat16",
        four_bit=model.load == "nf4",
        attention="" if model.attention == "auto" else model.attention,
        device="" if recipe.deepspeed else "cuda" if torch.cuda.is_available() else "cpu",
        remote_code=model.remote_code,
    )


def adapter_targets(recipe: Recipe, family: Family, model: Any) -> tuple[str, ...]:
    """Names of the layers that the recipe's adapter changes: its own list, or the family's of its scope."""
    assert recipe.lora is not None
    return recipe.lora.targets or family.lora_targets(model, recipe.model.scope)


def unsloth_load_arguments(recipe: Recipe, folder: ModelFolder) -> dict[str, Any]:
    """The arguments of `unsloth.FastVisionModel.from_pretrained`."""
    return {
        "model_name": str(folder.path),
        "max_seq_length": recipe.model.max_length,
        "dtype": None,
        "load_in_4bit": recipe.model.load == "nf4",
        "load_in_16bit": recipe.model.load == "bf16",
        "use_gradient_checkpointing": "unsloth" if recipe.train.checkpointing else False,
        "trust_remote_code": False,
        "use_exact_model_name": True,
        "random_state": recipe.train.seed,
    }


def unsloth_adapter_arguments(recipe: Recipe, lora: AdapterSettings) -> dict[str, Any]:
    """The arguments of `unsloth.FastVisionModel.get_peft_model`, beside the model."""
    return {
        "r": lora.r,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": list(lora.targets) or None,
        "bias": "none",
        "finetune_vision_layers": recipe.model.scope != "language",
        "finetune_language_layers": recipe.model.scope != "vision",
        "finetune_attention_modules": True,
        "finetune_mlp_modules": True,
        "use_gradient_checkpointing": "unsloth" if recipe.train.checkpointing else False,
        "random_state": recipe.train.seed,
    }


def _by_unsloth(recipe: Recipe, folder: ModelFolder, family: Family) -> LoadedFamily:
    loader = importlib.import_module("unsloth").FastVisionModel
    model, _ = loader.from_pretrained(**unsloth_load_arguments(recipe, folder))
    assert recipe.lora is not None  # `load_recipe` refuses unsloth without an adapter
    model = loader.get_peft_model(model, **unsloth_adapter_arguments(recipe, recipe.lora))
    codec = family.codec(folder.path)
    return LoadedFamily(Trainable(model, codec.tokenizer, None, "unsloth"), family, codec)
