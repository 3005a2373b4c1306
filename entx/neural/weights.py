"""The hash of a model's weights and of all that decides how it reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

_WEIGHTS = (".safetensors", ".model", ".jinja")
_CHUNK = 1 << 20
_PARTS = (
    "config",
    "generation_config",
    "tokenizer",
    "special_tokens_map",
    "added_tokens",
    "vocab",
    "adapter_config",
    "preprocessor_config",
    "processor_config",
    "tokenizer_config",
    "merges",
)
"""Names, without their ending, of the files beside the weights that decide what a model answers."""


def model_hash(*folders: Path) -> str:
    """Hash over the weights, configurations and tokenizers of a model and perhaps its adapter.

    Left out: entx.json, whose parts the run records by themselves, and files that only describe the model.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if file.suffix not in _WEIGHTS and file.name.split(".")[0] not in _PARTS:
                continue
            digest.update(f"{file.name} {file.stat().st_size}\n".encode())
            with file.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()[:16]
