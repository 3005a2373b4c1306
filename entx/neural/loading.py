"""Weights out of a local folder: nothing is asked of a hub, nothing runs code, nothing is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LOCAL = {"local_files_only": True, "trust_remote_code": False}
"""Options of every `from_pretrained` call."""


def load_weights(kind: Any, folder: Path, **options: Any) -> Any:
    """The model of a checked folder, in evaluation mode.

    Args:
        kind: one of the transformers library's Auto classes.
        options: of its `from_pretrained`.

    Raises:
        ValueError: the folder lacks weights of the model; the library would fill them with random numbers.
        OSError, KeyError, RuntimeError: as the library says.
    """
    model, found = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **LOCAL, **options)
    if missing := sorted(found["missing_keys"]):
        raise ValueError(f"its weights lack {missing[0]} ({len(missing)} in all), which would be random numbers")
    return model.eval()
