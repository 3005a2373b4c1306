"""From the options of a command to a reader: which model, run by what, asked how, and how pictures are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.neural.model_folder import check_model_folder
from entx.neural.training.adapters import choose_backend
from entx.neural.weights import model_hash
from entx.vlm_stage.backends.base import PictureModel
from entx.vlm_stage.crops import DEFAULT_CROPS
from entx.vlm_stage.reader import Mode, VisionReader
from entx.vlm_stage.serving import Serving, read_serving
from entx.vlm_stage.views import Look

BACKENDS = ("transformers", "unsloth", "vllm", "openai")
DTYPES = ("float32", "bfloat16")
LEAST_PIXELS = 56 * 56
"""Of a budget: what the Qwen models enlarge the smallest picture to."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a user chose; None is the model's or the backend's default.

    Args:
        model: a model folder; for the backend openai the name that the server knows it by.
        adapter: folder of a LoRA adapter on top.
        backend: one of `BACKENDS`.
        mode: one of `Mode`; by default candidates for a calibrated model, else free.
        dtype: of the weights, one of `DTYPES`: float32 on a CPU and bfloat16 on a GPU by default.
        four_bit: nf4 weights.
        threads: of torch.
        base_url: of an OpenAI-compatible server, "http://localhost:8000/v1".
        pixels: budget of a picture, all its views together.
        crops: close-ups of the lines with numbers, where the store has OCR of a picture.
        remote_code: commit of which the user has read the code in the folder, and lets it run; "" refuses.
    """

    model: str | None = None
    adapter: Path | None = None
    backend: str = "transformers"
    mode: str | None = None
    dtype: str | None = None
    four_bit: bool = False
    threads: int | None = None
    base_url: str | None = None
    pixels: int | None = None
    crops: bool = False
    remote_code: str = ""


def open_reader(
    options: ModelOptions, schema: Schema, notice: Callable[[str], None] = lambda _: None
) -> tuple[VisionReader, Look, dict[str, Any]]:
    """Loads the model; returns its reader, how pictures are looked at, and what the run has to record of the model.

    Args:
        notice: told in one line what the user should know.

    Raises:
        InputError: an option does not fit the backend, or the model cannot be loaded or reached.
    """
    _check(options)
    if options.backend == "openai":
        model, serving, settings = _served(options)
    else:
        model, serving, settings = _local(options, notice)
    mode = options.mode or (Mode.CANDIDATES if serving.calibration else Mode.FREE)
    look = Look(options.pixels or serving.pixels, DEFAULT_CROPS if options.crops else None)
    return VisionReader(model, serving, schema, Mode(mode)), look, settings


def _check(options: ModelOptions) -> None:
    if options.backend not in BACKENDS:
        raise InputError(f"--backend {options.backend}: known are {', '.join(BACKENDS)}")
    if options.mode not in (None, *Mode):
        raise InputError(f"--mode {options.mode}: known are {', '.join(Mode)}")
    if options.dtype not in (None, *DTYPES):
        raise InputError(f"--dtype {options.dtype}: known are {', '.join(DTYPES)}")
    if options.pixels is not None and options.pixels < LEAST_PIXELS:
        raise InputError(f"--pixels {options.pixels}: a picture takes at least {LEAST_PIXELS}")
    if options.backend == "openai":
        if options.base_url is None:
            raise InputError("--backend openai needs --base-url, for example http://localhost:8000/v1")
        if options.adapter is not None or options.four_bit or options.dtype is not None or options.remote_code:
            raise InputError(
                "--adapter, --four-bit, --dtype and --remote-code are for a model that is loaded here; the server has "
                "its own"
            )
        if options.mode == Mode.CANDIDATES:
            raise InputError("--mode candidates: no server scores given answers to a picture; use --mode free")
    elif options.backend == "vllm" and options.remote_code:
        raise InputError("--remote-code is for the backends transformers and unsloth")
    elif options.base_url is not None:
        raise InputError("--base-url is for --backend openai")
    elif options.model is None:
        raise InputError("--stage vlm needs a model folder: --model DIR (entx ships none)")


def _local(
    options: ModelOptions, notice: Callable[[str], None]
) -> tuple[PictureModel, Serving, dict[str, Any]]:  # fmt: skip
    folder = Path(str(options.model))
    if check_model_folder(folder, remote_code=options.remote_code).is_adapter:
        raise InputError(f"{folder} holds an adapter: name its base by --model and the adapter by --adapter")
    if options.adapter is not None and not check_model_folder(options.adapter).is_adapter:
        raise InputError(f"--adapter {options.adapter}: holds a whole model, not an adapter; name it by --model")
    folders = [folder, *([options.adapter] if options.adapter else [])]
    serving = read_serving(folders[-1])
    backend = choose_backend(options.backend, notice)  # Unsloth changes transformers, so it is imported before it
    settings = {
        "backend": backend, "weights": model_hash(*folders), "dtype": options.dtype, "four_bit": options.four_bit,
        "remote_code": options.remote_code,
    }  # fmt: skip
    return _load(options, folder), serving, settings


def _load(options: ModelOptions, folder: Path) -> PictureModel:
    if options.backend == "vllm":
        from entx.vlm_stage.backends.vllm import VllmPictureModel

        return VllmPictureModel.load(
            folder, adapter=options.adapter, four_bit=options.four_bit, dtype=options.dtype
        )  # fmt: skip
    try:
        import torch

        from entx.vlm_stage.backends.transformers import TransformersPictureModel
    except ImportError as error:
        raise InputError(
            f"--stage vlm needs torch and transformers ({error}): pip install torch, then "
            "pip install 'entx-hybrid[vlm]'"
        ) from None
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    return TransformersPictureModel.load(
        folder, adapter=options.adapter, four_bit=options.four_bit, dtype=options.dtype,
        remote_code=options.remote_code,
    )  # fmt: skip


def _served(options: ModelOptions) -> tuple[PictureModel, Serving, dict[str, Any]]:
    from entx.vlm_stage.backends.openai import ServedPictureModel

    local = Path(options.model) if options.model else None  # `transformers serve` knows a model by its folder
    serving = read_serving(local) if local is not None and local.is_dir() else Serving()
    model = ServedPictureModel(str(options.base_url), options.model)
    settings = {
        "backend": "openai", "base_url": options.base_url, "weights": None, "dtype": None, "four_bit": False,
        "remote_code": "",
    }  # fmt: skip
    return model, serving, settings
