"""Model folders: is one safe to load, which model is it, and how do its weights get into memory?

Checked before any library opens a folder. Allowed are safetensors weights with plain JSON and text beside them.
Refused: pickled weights (they run code when they are loaded), code or references to code (`auto_map`, kernels, `*.py`;
but for those of `REPLACED`, which nothing follows), links and special files, JSON that cannot be read, and numbers out
of all proportion to the weights, which a library would work on for hours. No hub is ever asked. What a library then
still says of the folder, whatever it is, becomes one line (`named_fault`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from entx.core.errors import EntxError, InputError
from entx.core.memory import memory_error

LOCAL = {"local_files_only": True, "trust_remote_code": False}
"""Options of every `from_pretrained` call."""

REPLACED = {"moondream1"}
"""Model types whose folders bring code of their own, which lies there and never runs: entx has classes for them."""

_PICKLED = {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth", ".h5", ".keras"}
_CODE = {".py", ".pyc", ".pyd", ".pyx", ".so", ".dll", ".dylib"}
_ARCHIVES = {".zip", ".tar", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".whl", ".egg"}
_CODE_KEYS = {"auto_map", "custom_generate", "custom_pipelines", "megatron_config", "trust_remote_code"}
_KERNEL = re.compile("_?(attn|experts)_implementation(_internal)?")  # a name with "/" is a repository of compiled code
_VOCABULARIES = ("tokenizer.json", "vocab.json")
_JSON_LIMIT = 64_000_000  # bytes; the largest tokenizer.json in use are about 35 MB. A quarter for any other JSON
_MOST_ENTRIES = 100_000  # of a JSON but for vocabularies, and of a weight file; Gemma 3's 6,400 added tokens are 45,000
_MOST_GROWTH = 10_000  # times that a normaliser may make a text longer: replacements in use are of one to three letters
_LAYERS = ("layers", "n_layer", "depth")  # what the families call their number
_MOST_LAYERS = 2_000  # of a configuration; the deepest models in use have about 200
_REPEAT, _REPEATED_GROUP = re.compile(r"[*+{]"), re.compile(r"\)[*+{]")
_MOST_REPEATS = 5  # of a regular expression over layers' names: its time grows with their power
_SAMPLE = 1 << 20  # bytes at either end of a weight file that its fingerprint covers
_HASHED = {".safetensors", ".model", ".jinja"}
_HASHED_STEMS = {
    "config", "generation_config", "tokenizer", "special_tokens_map", "added_tokens", "vocab", "adapter_config",
    "preprocessor_config", "processor_config", "tokenizer_config", "merges",
}  # fmt: skip
"""Names, without their ending, of the files beside the weights that decide what a model answers."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that passed the checks."""

    path: Path  # absolute
    is_adapter: bool  # it holds a LoRA adapter, to be loaded on top of a base model


def check_model_folder(path: Path) -> ModelFolder:
    """Checks the folder itself and its first level; nothing loads what lies deeper.

    Raises:
        InputError: no folder, no weights, or something in it that must not be loaded; all faults are named at once.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such model folder; models are given as a folder with config.json and safetensors")
    faults: list[str] = []
    weights: list[Path] = []
    configs: dict[str, Any] = {}
    replaced = _model_type(path) in REPLACED
    code, keys = (_CODE - {".py"}, _CODE_KEYS - {"auto_map"}) if replaced else (_CODE, _CODE_KEYS)
    for file in sorted(path.iterdir()):
        fault = _kind_fault(file, code)
        if fault:
            faults.append(f"{file.name} {fault}")
        elif file.suffix == ".safetensors":
            weights.append(file)
            faults += [f"{file.name} {one}" for one in _weight_faults(file)]
        elif file.suffix == ".json":
            content, problems = _json(file, keys)
            configs[file.name] = content
            faults += [f"{file.name} {one}" for one in problems]
    is_adapter = "adapter_config.json" in configs
    if not is_adapter and "config.json" not in configs:
        faults.append("there is neither config.json nor adapter_config.json")
    if not weights:
        faults.append("there are no .safetensors weights")
    for name, content in configs.items():
        if name.endswith(".safetensors.index.json") and isinstance(content, dict):
            faults += [f"{name} {one}" for one in _index_faults(path, content)]
    if is_adapter and not faults:  # what follows reads the files
        faults += [f"adapter_config.json {one}" for one in _adapter_faults(configs["adapter_config.json"], weights)]
    if faults:
        raise InputError(f"{path}: refused before loading: " + "; ".join(faults))
    return ModelFolder(path.resolve(), is_adapter)


def fingerprint(folder: ModelFolder) -> str:
    """A hash that tells one model's weights from another's without reading all of them.

    It covers every weight file's name, size, first and last mebibyte, and config.json.
    """
    hashed = hashlib.sha256()
    files = [*sorted(folder.path.glob("*.safetensors")), *sorted(folder.path.glob("*config.json"))]
    for file in files:
        size = file.stat().st_size
        hashed.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as stream:
            hashed.update(stream.read(_SAMPLE))
            stream.seek(max(0, size - _SAMPLE))
            hashed.update(stream.read(_SAMPLE))
    return hashed.hexdigest()[:16]


def model_hash(*folders: Path) -> str:
    """Hash over the weights, configurations and tokenizers of a model and perhaps its adapter.

    Left out: entx.json, whose parts a run records by themselves, and files that only describe the model.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if file.is_dir() or (file.suffix not in _HASHED and file.name.split(".")[0] not in _HASHED_STEMS):
                continue
            digest.update(f"{file.name} {file.stat().st_size}\n".encode())
            with file.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()[:16]


@contextmanager
def named_fault(folder: Path, doing: str = "the model cannot be loaded") -> Iterator[None]:
    """Makes whatever a library says of a folder that it cannot work with an InputError of one line that names it."""
    try:
        yield
    except BaseException as error:  # a panic of a library in Rust is no Exception
        told = isinstance(error, EntxError) and (not isinstance(error, InputError) or str(folder) in str(error))
        if told or isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        why = memory_error(error) or next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"{folder}: {why if isinstance(error, InputError) else f'{doing}: {why}'}") from error


def load_model(
    kind: str, folder: Path, *, dtype: str | None = None, four_bit: bool = False, attention: str = "",
    device: str | None = None,
) -> Any:  # fmt: skip
    """The model of a checked folder, in evaluation mode.

    Args:
        kind: name of one of the transformers library's Auto classes.
        dtype: "float32", "bfloat16" or "float16"; default: as `default_dtype` says.
        four_bit: nf4 weights by bitsandbytes.
        attention: sdpa or eager; "" for what fits the model, whatever its configuration asks for.
        device: of torch; default: cuda where there is one, else cpu; "" lets the library place the weights.

    Raises:
        InputError: GPTQ weights, and the libraries that read them are not installed.
        ValueError: the folder lacks weights of the model; the library would fill them with random numbers.
        OSError, KeyError, RuntimeError: as the library says.
    """
    import torch
    import transformers
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    device = default_device() if device is None else device
    config = load_config(folder)
    if is_gptq(folder):
        if four_bit:
            raise InputError(f"{folder}: its weights have few bits already (GPTQ); leave out --four-bit")
        if missing := [name for name in ("gptqmodel", "optimum") if find_spec(name) is None]:
            raise InputError(
                f"{folder}: its weights are quantised by GPTQ; without {' and '.join(missing)} they cannot be read: "
                "pip install 'entx-hybrid[llm]' 'gptqmodel<7.7' optimum"
            )
    # None: the library's choice, and none of the folder's, which may be a kernel that is not installed or of a hub
    options: dict[str, Any] = {"attn_implementation": attention or None, "experts_implementation": None}
    options["dtype"] = getattr(torch, dtype or default_dtype(device))
    if not attention and getattr(config.get_text_config(), "attn_logit_softcapping", None):
        options["attn_implementation"] = "eager"  # the fused kernel of torch leaves the cap out without a word
    if four_bit:
        options["quantization_config"] = transformers.BitsAndBytesConfig(  # as QLoRA (Dettmers et al. 2023)
            load_in_4bit=True, bnb_4bit_compute_dtype=options["dtype"], bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
        )  # fmt: skip
    if device:
        options["device_map"] = {"": device}
    model, found = getattr(transformers, kind).from_pretrained(
        folder, config=config, use_safetensors=True, output_loading_info=True, **LOCAL, **options
    )
    if missing := sorted(found["missing_keys"]):
        raise ValueError(f"its weights lack {missing[0]} ({len(missing)} in all), which would be random numbers")
    return model.eval()


def is_gptq(folder: Path) -> bool:
    """Whether the weights of a checked folder are quantised by GPTQ (Frantar et al. 2023), which its config says."""
    path = folder / "config.json"
    told = read_json(path).get("quantization_config") if path.exists() else None
    return isinstance(told, dict) and told.get("quant_method") == "gptq"


def default_device() -> str:
    """The GPU where there is one; of several processes by torchrun each has its own."""
    import torch

    own = os.environ.get("LOCAL_RANK")
    return (f"cuda:{own}" if own else "cuda") if torch.cuda.is_available() else "cpu"


def default_dtype(device: str) -> str:
    """Of weights on that device: 32 bits on a CPU, 16 on a GPU."""
    return "float32" if device == "cpu" else half_dtype()


def half_dtype() -> str:
    """The type of 16 bits to compute in: bfloat16, but float16 on a GPU that only emulates it (T4, older ones)."""
    import torch

    emulated = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False)
    return "float16" if emulated else "bfloat16"


def load_config(folder: Path) -> Any:
    """The configuration of a folder."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, **LOCAL)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder, padding set."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, **LOCAL)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def add_adapter(model: Any, adapter: Path | None, folder: Path) -> Any:
    """The model with a PEFT adapter on top; as it is for None. Raises InputError: an adapter of another model."""
    if adapter is None:
        return model
    with named_fault(adapter, f"the adapter cannot be loaded on {folder.name}"):
        from peft import PeftModel

        return PeftModel.from_pretrained(model, adapter, use_safetensors=True)


def _parts(content: Any) -> Iterator[dict[str, Any] | list[Any]]:
    """Every object and list of a JSON, at any depth."""
    stack = [content]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            yield one
            stack += one.values()
        elif isinstance(one, list):
            yield one
            stack += one


def _model_type(folder: Path) -> str:
    """What config.json says, "" where it cannot be read."""
    try:
        return str(read_json(folder / "config.json")["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def read_json(file: Path) -> Any:
    """A JSON of a folder that nobody has checked; OSError or ValueError where it is none of a configuration's size."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise ValueError("is no plain file")
    if file.stat().st_size > _JSON_LIMIT / (1 if file.name in _VOCABULARIES else 4):
        raise ValueError("is too large for a configuration")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no readable JSON: {error}") from None


def _kind_fault(file: Path, code: set[str]) -> str:
    mode = file.lstat().st_mode
    suffixes = {suffix.lower() for suffix in file.suffixes}
    if stat.S_ISLNK(mode):
        return "is a link; copy the file itself into the folder"
    if stat.S_ISDIR(mode):
        return "is a folder and has the name of a file" if suffixes & {*_HASHED, ".json"} else ""
    if not stat.S_ISREG(mode):
        return "is no plain file"
    if suffixes & _PICKLED:
        return "may hold pickled code; only safetensors weights are loaded"
    if suffixes & code:
        return "is code; models that bring their own code are not loaded"
    if suffixes & _ARCHIVES:
        return "is an archive; unpack it first"
    return ""


def _weight_faults(file: Path) -> list[str]:
    """Whether the library takes it for a whole safetensors file; only its header is read."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise InputError(f"model folders are read by safetensors ({error}): pip install 'entx-hybrid[llm]'") from None
    try:
        with safe_open(file, "np") as held:
            return _too_many([held.keys()])
    except (SafetensorError, OSError, ValueError) as error:
        return [f"is not a whole safetensors file: {' '.join(str(error).split())}"]


def _json(file: Path, code_keys: set[str]) -> tuple[Any, list[str]]:
    try:
        content = read_json(file)
    except (OSError, ValueError) as error:
        return None, [str(error)]
    stem = file.name.split(".")[0]
    if not isinstance(content, dict):
        return None, ["is no JSON object"] if stem in _HASHED_STEMS else []
    if file.name in _VOCABULARIES:
        return content, _tokenizer_faults(content)
    parts = list(_parts(content))
    pairs = [pair for one in parts if isinstance(one, dict) for pair in one.items()]
    faults = _too_many(parts) if stem in _HASHED_STEMS else []
    coded = {key for key, value in pairs if value and key in code_keys}
    coded |= {key for key, value in pairs if _KERNEL.fullmatch(key) and "/" in str(value)}
    faults += [f"asks for code of its own by {key!r}" for key in sorted(coded)]
    if stem == "config":
        layers = [
            one for one in pairs if one[0].endswith(_LAYERS) and isinstance(one[1], int) and one[1] > _MOST_LAYERS
        ]
        faults += [f"says {key} = {value}, which no model has" for key, value in layers]
    return content, faults


def _too_many(parts: Iterable[Sized]) -> list[str]:
    entries = sum(map(len, parts))
    return [f"has {entries} entries, the most that is loaded is {_MOST_ENTRIES}"] if entries > _MOST_ENTRIES else []


def _tokenizer_faults(content: dict[str, Any]) -> list[str]:
    """What the library would work on for hours, or die of; of all else it says so itself."""
    added = content.get("added_tokens")
    faults, growth = _too_many([added]) if isinstance(added, list) else [], 1
    for one in _parts(content.get("normalizer")):
        if isinstance(one, dict):
            growth *= max(len(str(one.get("content", ""))), 1)  # of one replacement after the other
            with suppress(ValueError, TypeError):
                table = b64decode(one.get("precompiled_charsmap") or "AAAAAA==")
                if len(table) < 4 + int.from_bytes(table[:4], "little"):
                    faults.append("has a normaliser whose table is cut off")
    return faults + (["has a normaliser that makes texts too long"] if growth > _MOST_GROWTH else [])


def _adapter_faults(config: Any, weights: list[Path]) -> list[str]:
    """What would make the adapter's library load other things, or work for hours."""
    from safetensors import safe_open

    faults = [] if config.get("peft_type", "LORA") == "LORA" else ["is of no LoRA adapter; entx loads no other kind"]
    if config.get("layer_replication"):
        faults.append("asks for copies of layers by 'layer_replication'; merge it into its base first")
    for text in (text for one in _parts(config) for text in (*one, *(one.values() if isinstance(one, dict) else ()))):
        if isinstance(text, str) and (len(_REPEAT.findall(text)) > _MOST_REPEATS or _REPEATED_GROUP.search(text)):
            faults.append(f"has a regular expression that may run for ever ({text[:40]}); name the layers instead")
    largest, stated = 0, config.get("rank_pattern")
    for file in weights:
        with safe_open(file, "np") as held:
            matrices = [name for name in held.keys() if "_A" in name]  # noqa: SIM118 - no dict
            largest = max([largest, *(held.get_slice(name).get_shape()[0] for name in matrices)])
    for rank in (config.get("r"), *(stated.values() if isinstance(stated, dict) else ())):
        if isinstance(rank, int) and rank > largest:
            faults.append(f"says a rank of {rank}, the largest of its matrices is of {largest}")
    return faults


def _index_faults(path: Path, index: dict[str, Any]) -> list[str]:
    parts = index.get("weight_map")
    if not isinstance(parts, dict):
        return ["has no weight_map"]
    wanted = {str(name) for name in parts.values()}
    return [
        f"names {name!r}, which is no safetensors file of this folder"
        for name in sorted(wanted)
        if Path(name).name != name or not name.endswith(".safetensors") or not (path / name).is_file()
    ]
