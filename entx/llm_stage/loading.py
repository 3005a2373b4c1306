"""From the options of a command to a reader: which model, run by what, asked how."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.llm_stage.backends.base import TextModel
from entx.llm_stage.prompt import Style
from entx.llm_stage.reader import Mode, TextReader
from entx.llm_stage.serving import Serving, read_serving
from entx.neural.model_folder import check_model_folder
from entx.neural.weights import model_hash

BACKENDS = ("transformers", "vllm", "openai")
DTYPES = ("float32", "bfloat16")
SHIPPED = "entx-small"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a user chose; None is the default of the backend.

    Args:
        model: a model folder; for the backend openai the name that the server knows it by.
        adapter: folder of a LoRA adapter on top.
        backend: one of `BACKENDS`.
        mode: one of `Mode`.
        dtype: of the weights, one of `DTYPES`: float32 on a CPU and bfloat16 on a GPU by default.
        four_bit: nf4 weights.
        threads: of torch.
        base_url: of an OpenAI-compatible server, "http://localhost:8000/v1".
    """

    model: str | None = None
    adapter: Path | None = None
    backend: str = "transformers"
    mode: str = Mode.CANDIDATES
    dtype: str | None = None
    four_bit: bool = False
    threads: int | None = None
    base_url: str | None = None


def open_reader(options: ModelOptions, schema: Schema) -> tuple[TextReader, dict[str, Any]]:
    """Loads the model; returns its reader and what the run has to record of it.

    Raises:
        InputError: an option does not fit the backend, or the model cannot be loaded or reached.
    """
    if options.backend not in BACKENDS:
        raise InputError(f"--backend {options.backend}: known are {', '.join(BACKENDS)}")
    if options.mode not in tuple(Mode):
        raise InputError(f"--mode {options.mode}: known are {', '.join(Mode)}")
    if options.dtype not in (None, *DTYPES):
        raise InputError(f"--dtype {options.dtype}: known are {', '.join(DTYPES)}")
    if options.backend == "openai":
        return _served(options, schema)
    if options.base_url is not None:
        raise InputError("--base-url is for --backend openai")
    folder = Path(options.model) if options.model else shipped_model()
    if check_model_folder(folder).is_adapter:
        raise InputError(f"{folder} holds an adapter: name its base by --model and the adapter by --adapter")
    if options.adapter is not None and not check_model_folder(options.adapter).is_adapter:
        raise InputError(f"--adapter {options.adapter}: holds a whole model, not an adapter; name it by --model")
    folders = [folder, *([options.adapter] if options.adapter else [])]
    serving = read_serving(folders[-1])
    settings = {
        "backend": options.backend, "weights": model_hash(*folders), "dtype": options.dtype,
        "four_bit": options.four_bit,
    }  # fmt: skip
    return TextReader(_load(options, folder, serving), serving, schema, Mode(options.mode)), settings


def shipped_model() -> Path:
    """The folder of the model that ships with entx.

    Raises:
        InputError: this installation has none.
    """
    folder = Path(str(resources.files("entx"))) / "models" / SHIPPED
    if not folder.is_dir():
        raise InputError(f"this installation ships no text model ({SHIPPED}); name a model folder: --model DIR")
    return folder


def _load(options: ModelOptions, folder: Path, serving: Serving) -> TextModel:
    chat = serving.style is Style.INSTRUCT
    if options.backend == "vllm":
        from entx.llm_stage.backends.vllm import VllmModel

        return VllmModel.load(
            folder, adapter=options.adapter, four_bit=options.four_bit, chat=chat, dtype=options.dtype
        )  # fmt: skip
    try:
        import torch

        from entx.llm_stage.backends.transformers import TransformersModel
    except ImportError as error:
        raise InputError(
            f"--stage llm needs torch and transformers ({error}): pip install torch, then "
            "pip install 'entx-hybrid[llm]'"
        ) from None
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    return TransformersModel.load(
        folder, adapter=options.adapter, four_bit=options.four_bit, chat=chat, dtype=options.dtype
    )  # fmt: skip


def _served(options: ModelOptions, schema: Schema) -> tuple[TextReader, dict[str, Any]]:
    from entx.llm_stage.backends.openai import ServedModel

    if options.base_url is None:
        raise InputError("--backend openai needs --base-url, for example http://localhost:8000/v1")
    if options.adapter is not None or options.four_bit or options.dtype is not None:
        raise InputError(
            "--adapter, --four-bit and --dtype are for a model that is loaded here; the server has its own"
        )
    local = Path(options.model) if options.model else None  # `transformers serve` knows a model by its folder
    serving = read_serving(local) if local is not None and local.is_dir() else Serving()
    model = ServedModel(options.base_url, options.model, chat=serving.style is Style.INSTRUCT)
    settings = {"backend": "openai", "base_url": options.base_url, "weights": None, "dtype": None, "four_bit": False}
    return TextReader(model, serving, schema, Mode(options.mode)), settings
