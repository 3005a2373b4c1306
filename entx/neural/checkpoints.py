"""Checkpoints that count only when they are whole: a manifest, written last, lists every file with its size."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from entx.core.files import atomic_text

MANIFEST = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")


def seal(checkpoint: Path) -> None:
    """Writes the manifest of a checkpoint that is otherwise written."""
    sizes = {str(file.relative_to(checkpoint)): file.stat().st_size for file in _files(checkpoint)}
    with atomic_text(checkpoint / MANIFEST) as stream:
        json.dump(sizes, stream, indent=1, sort_keys=True)


def is_whole(checkpoint: Path) -> bool:
    """Whether all files of the manifest are there in their sizes."""
    try:
        sizes = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        return isinstance(sizes, dict) and all(
            (checkpoint / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError):
        return False


def last_whole(folder: Path) -> Path | None:
    """The whole checkpoint of the highest step; broken ones are removed, since the training will write them again."""
    found = None
    for _, checkpoint in sorted(_numbered(folder), reverse=True):
        if not is_whole(checkpoint):
            shutil.rmtree(checkpoint)
        elif found is None:
            found = checkpoint
    return found


def step_of(checkpoint: Path | None) -> int:
    """The step that a checkpoint was written after; 0 without one."""
    return int(checkpoint.name.partition("-")[2]) if checkpoint else 0


def keep_only(folder: Path, steps: set[int]) -> None:
    """Removes the checkpoints of all other steps."""
    for step, checkpoint in _numbered(folder):
        if step not in steps:
            shutil.rmtree(checkpoint)


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = ((_NAME.fullmatch(one.name), one) for one in folder.iterdir())
    return [(int(match.group(1)), one) for match, one in found if match]


def _files(checkpoint: Path) -> list[Path]:
    return sorted(file for file in checkpoint.rglob("*") if file.is_file() and file.name != MANIFEST)
