"""What a model folder says about how its model is to be asked (`entx.json`), and the hash of its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.llm_stage.prompt import PROMPT_VERSION, Style
from entx.neural.confidence import Calibration

SERVING = "entx.json"


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is asked.

    Args:
        style: of the prompt.
        budget: tokens that the page part may have.
        calibration: of the mode that scores candidates; None for a model that was never calibrated.
    """

    style: Style = Style.INSTRUCT
    budget: int = 2048
    calibration: Calibration | None = None


def read_serving(folder: Path) -> Serving:
    """Reads a model folder's entx.json; without one the model is any instruction-tuned one, not trained by entx.

    Raises:
        InputError: not readable, or trained on prompts of another version.
    """
    path = folder / SERVING
    if not path.exists():
        return Serving()
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(raw["prompt_version"])
        calibration = Calibration.from_dict(raw["calibration"]) if raw.get("calibration") else None
        found = Serving(Style(raw["style"]), int(raw["budget"]), calibration)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not readable: {type(error).__name__} {error}") from None
    if version != PROMPT_VERSION:
        raise InputError(
            f"{folder}: trained on prompts of version {version}, this entx writes version {PROMPT_VERSION}; train again"
        )
    return found


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Puts a calibration into a model folder's entx.json; all else in it stays.

    Raises:
        InputError: the folder has no entx.json, or it cannot be written.
    """
    path = folder / SERVING
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable: {error}") from None
    with atomic_text(path) as stream:
        json.dump({**raw, "calibration": calibration.as_dict()}, stream, indent=1)
