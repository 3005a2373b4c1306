"""Code that a model folder brings with it: is it that of the revision that a user has read and named?

A folder that huggingface_hub has downloaded says of each file which commit it is of and, of text, its git blob id
(`.cache/huggingface/download/NAME.metadata`). That tells a mistaken or changed folder from the named revision. It is no
signature: who can write the folder can write these files, too.

Is a model folder safe to load? Checked before any library opens it; needs no tensor library itself.

Allowed are safetensors weights with plain JSON and text beside them. Refused: pickled weights (they run code when they
are loaded), code or references to code (`auto_map`, `*.py`; but for one revision that the user names), links and
special files, and JSON that cannot be read.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_METADATA = Path(".cache", "huggingface", "download")


def code_faults(folder: Path, revision: str) -> list[str]:
    """What speaks against running the code files of a folder as those of a revision; empty for nothing.

    Args:
        revision: 40 hexadecimal digits of a commit: branches and tags move.
    """
    if not _COMMIT.fullmatch(revision):
        return [f"the revision {revision!r} is no commit of 40 hexadecimal digits, and a branch or a tag may move"]
    faults = [
        f"{name} asks for code of another place: {reference}"
        for name, reference in _references(folder)
        if "--" in reference
    ]
    config = _read(folder / "config.json")
    configured = config.get("_commit_hash") if isinstance(config, dict) else None
    for file in sorted(folder.glob("*.py")):
        downloaded, blob = _downloaded(folder, file.name)
        of = downloaded or configured
        if of is None:
            faults.append(f"{file.name} does not say of which revision it is; download the folder by `hf download`")
        elif of != revision:
            faults.append(f"{file.name} is of revision {of}, not {revision}")
        elif blob is not None and blob != _blob_id(file):
            faults.append(f"{file.name} was changed after it was downloaded")
    return faults


def _downloaded(folder: Path, name: str) -> tuple[str | None, str | None]:
    """A file's commit and git blob id, as huggingface_hub noted them."""
    try:
        lines = (folder / _METADATA / f"{name}.metadata").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None, None
    if len(lines) < 2:
        return None, None
    return lines[0].strip(), lines[1].strip()


def _blob_id(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _references(folder: Path) -> list[tuple[str, str]]:
    """What the folder's `auto_map`s name: "module.Class" of its own, "owner/name--module.Class" of another place."""
    found = []
    for file in sorted(folder.glob("*.json")):
        stack: list[Any] = [_read(file)]
        while stack:
            one = stack.pop()
            if isinstance(one, list):
                stack += one
            elif isinstance(one, dict):
                stack += one.values()
                listed = one.get("auto_map")
                for value in listed.values() if isinstance(listed, dict) else ():
                    found += [(file.name, str(each)) for each in (value if isinstance(value, list) else [value])]
    return found


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


_PICKLED = {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth", ".h5", ".keras"}
_CODE = {".py", ".pyc", ".pyd", ".pyx", ".so", ".dll", ".dylib"}
_ARCHIVES = {".zip", ".tar", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".whl", ".egg"}
_CODE_KEYS = {"auto_map", "custom_pipelines", "trust_remote_code"}
_HEADER_LIMIT = 100_000_000  # bytes; the limit of the safetensors library itself
_JSON_LIMIT = 200_000_000  # bytes; the largest tokenizer.json in use are about 35 MB
_SAMPLE = 1 << 20  # bytes at either end of a weight file that its fingerprint covers


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that passed the checks.

    Args:
        path: absolute.
        is_adapter: it holds a LoRA adapter, to be loaded on top of a base model.
        weight_bytes: size of its safetensors files.
    """

    path: Path
    is_adapter: bool
    weight_bytes: int


def check_model_folder(path: Path, *, remote_code: str = "") -> ModelFolder:
    """Checks the folder itself and its first level; nothing loads what lies deeper.

    Args:
        remote_code: commit of which the user has read the code and lets it run: Python files of it, and references to
            them, are allowed (see `entx.neural.model_folder`). "" refuses all code.

    Raises:
        InputError: no folder, no weights, or something in it that must not be loaded; all faults are named at once.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such model folder; models are given as a folder with config.json and safetensors")
    faults: list[str] = []
    weights: list[Path] = []
    configs: dict[str, Any] = {}
    for file in sorted(path.iterdir()):
        fault = _kind_fault(file, _CODE - {".py"} if remote_code else _CODE)
        if fault:
            faults.append(f"{file.name} {fault}")
        elif file.suffix == ".safetensors":
            weights.append(file)
            faults += [f"{file.name} {one}" for one in _weight_faults(file)]
        elif file.suffix == ".json":
            content, problems = _json(file, _CODE_KEYS - {"auto_map"} if remote_code else _CODE_KEYS)
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
    if remote_code:
        faults += code_faults(path, remote_code)
    if faults:
        raise InputError(f"{path}: refused before loading: " + "; ".join(faults))
    return ModelFolder(path.resolve(), is_adapter, sum(file.stat().st_size for file in weights))


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


def _kind_fault(file: Path, code: set[str]) -> str:
    mode = file.lstat().st_mode
    suffixes = {suffix.lower() for suffix in file.suffixes}
    if stat.S_ISLNK(mode):
        return "is a link; copy the file itself into the folder"
    if stat.S_ISDIR(mode):
        return ""
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
    """Whether it is a safetensors file at all: 8 bytes of header length, then a JSON object of that length."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _HEADER_LIMIT):
            return ["is not a whole safetensors file"]
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError):
            return ["is not a safetensors file: its header is no JSON"]
    if not isinstance(header, dict):
        return ["is not a safetensors file: its header is no object"]
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return ["is cut off"] if max(ends, default=0) > size - 8 - length else []


def _json(file: Path, code_keys: set[str]) -> tuple[Any, list[str]]:
    if file.stat().st_size > _JSON_LIMIT:
        return None, ["is too large for a configuration"]
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        return None, [f"is no readable JSON: {error}"]
    keys = sorted(code_keys & _keys(content)) if file.name != "tokenizer.json" else []
    return content, [f"asks for code of its own by {key!r}" for key in keys]


def _keys(content: Any) -> set[str]:
    """Every key that holds something, at any depth."""
    found: set[str] = set()
    stack = [content]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            found |= {key for key, value in one.items() if value}
            stack += one.values()
        elif isinstance(one, list):
            stack += one
    return found


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
