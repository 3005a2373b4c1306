"""Code that a model folder brings with it: is it that of the revision that a user has read and named?

A folder that huggingface_hub has downloaded says of each file which commit it is of and, of text, its git blob id
(`.cache/huggingface/download/NAME.metadata`). That tells a mistaken or changed folder from the named revision. It is no
signature: who can write the folder can write these files, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

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
