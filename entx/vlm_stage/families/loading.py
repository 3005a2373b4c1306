"""What every family does to get a model and its tokenizer out of a local folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError
from entx.neural.loading import LOCAL, load_weights
from entx.neural.training.adapters import nf4_config
from entx.vlm_stage.families.base import LoadOptions

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Turns what the library says of a folder that it cannot load into one line.

    Raises:
        InputError: whatever went wrong inside.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, AttributeError) as error:
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"{folder}: the model cannot be loaded: {why}") from error


def load_config(folder: Path) -> Any:
    """The configuration of a folder."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, **LOCAL)


def load_model(folder: Path, options: LoadOptions) -> Any:
    """A model with an image side, in evaluation mode, on the device of the options."""
    import torch
    from transformers import AutoModelForImageTextToText
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    extra: dict[str, Any] = {"dtype": {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.dtype]}
    config = load_config(folder)
    if options.attention:
        extra["attn_implementation"] = options.attention
    elif getattr(config.get_text_config(), "attn_logit_softcapping", None):
        extra["attn_implementation"] = "eager"  # the fused kernel of torch leaves the cap out without a word
    if options.four_bit:
        extra["quantization_config"] = nf4_config(extra["dtype"])
    if options.device:
        extra["device_map"] = {"": options.device}
    return load_weights(AutoModelForImageTextToText, folder, config=config, **extra)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder, padding set."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, **LOCAL)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def linear_layers(model: nn.Module, *parts: nn.Module) -> tuple[str, ...]:
    """Full names of the linear layers inside of parts of a model, in the model's order.

    Full, because an adapter library takes a name for every layer whose own name ends in it: `gate_proj` would be one
    of the language part and of the vision tower at once.
    """
    from torch import nn

    inside = {id(module) for part in parts for module in part.modules()}
    return tuple(
        name for name, module in model.named_modules() if isinstance(module, nn.Linear) and id(module) in inside
    )


def bare(model: Any) -> Any:
    """The model itself inside of an adapter's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
