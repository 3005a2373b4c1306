"""A model made ready for training: loaded as the recipe says, with a LoRA adapter or with every weight open.

Two backends. `transformers` (PEFT, bitsandbytes) runs everywhere and is the reference. `unsloth` patches the libraries
when it is imported and needs CUDA: it is imported before them, in the process of the training alone, and where it
cannot be, the training goes on with the reference and says so.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError
from entx.llm_stage.prompt import Style
from entx.llm_stage.recipe import Recipe
from entx.neural.adapter import Trainable, lora_config
from entx.neural.model_folder import LOCAL, ModelFolder, load_weights
from entx.neural.settings import LoraSettings

if TYPE_CHECKING:
    from entx.neural.backends.base import PromptTokenizer


def load_trainable(recipe: Recipe, folder: ModelFolder, backend: str) -> Trainable:
    """Loads the model from a checked folder.

    Raises:
        InputError: the folder holds an adapter only, a model that no installed library knows, or the adapter's target
            layers are not in it.
    """
    if folder.is_adapter:
        raise InputError(f"{folder.path} holds an adapter; training starts from a whole model (entx merge-adapter)")
    if backend == "unsloth":
        return _by_unsloth(recipe, folder)
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    from entx.neural.quantise import keep_trainable, nf4_config

    disable_progress_bar()
    settings = recipe.model
    options: dict[str, Any] = {
        "dtype": torch.float32 if settings.load == "fp32" else torch.bfloat16,
        "attn_implementation": settings.attention,
        "device_map": {"": "cuda" if torch.cuda.is_available() else "cpu"},
    }
    if settings.load == "nf4":
        options["quantization_config"] = nf4_config(torch.bfloat16)
    try:
        model = load_weights(AutoModelForCausalLM, folder.path, **options)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder.path}: cannot be loaded: {str(error).strip().splitlines()[0]}") from None
    keep_trainable(model)
    if model.config.get_text_config().__dict__.get("attn_logit_softcapping") and settings.attention != "eager":
        raise InputError('this model caps its attention logits, which only model.attention = "eager" computes')
    lora = recipe.lora if recipe.train.method == "lora" else None
    return Trainable(model, load_tokenizer(folder), lora_config(model, lora) if lora else None, backend)


def load_tokenizer(folder: ModelFolder) -> Any:
    """The folder's tokenizer, with a padding token.

    Raises:
        InputError: there is none, or no installed library knows it.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder.path, **LOCAL)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder.path}: no tokenizer: {str(error).strip().splitlines()[0]}") from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def prompt_tokenizer(recipe: Recipe, folder: ModelFolder) -> PromptTokenizer:
    """The folder's tokenizer as prompts of the recipe's style need it.

    Raises:
        InputError: as `load_tokenizer`; or the style needs a chat template and there is none.
    """
    from entx.neural.backends.base import PromptTokenizer

    chat = Style(recipe.model.style) is Style.INSTRUCT
    return PromptTokenizer(load_tokenizer(folder), chat=chat, name=folder.path.name)


def unsloth_load_arguments(recipe: Recipe, folder: ModelFolder) -> dict[str, Any]:
    """The arguments of `unsloth.FastLanguageModel.from_pretrained`."""
    return {
        "model_name": str(folder.path),
        "max_seq_length": recipe.model.max_length,
        "dtype": None,
        "load_in_4bit": recipe.model.load == "nf4",
        "load_in_16bit": recipe.model.load == "bf16",
        "trust_remote_code": False,
        "use_exact_model_name": True,
        "random_state": recipe.train.seed,
    }


def unsloth_adapter_arguments(recipe: Recipe, lora: LoraSettings) -> dict[str, Any]:
    """The arguments of `unsloth.FastLanguageModel.get_peft_model`, beside the model."""
    return {
        "r": lora.r,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": list(lora.targets),
        "bias": "none",
        "use_gradient_checkpointing": "unsloth" if recipe.train.checkpointing else False,
        "random_state": recipe.train.seed,
    }


def _by_unsloth(recipe: Recipe, folder: ModelFolder) -> Trainable:
    loader = importlib.import_module("unsloth").FastLanguageModel
    model, tokenizer = loader.from_pretrained(**unsloth_load_arguments(recipe, folder))
    assert recipe.lora is not None  # `load_recipe` refuses unsloth without an adapter
    model = loader.get_peft_model(model, **unsloth_adapter_arguments(recipe, recipe.lora))
    return Trainable(model, tokenizer, None, "unsloth")
