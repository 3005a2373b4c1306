"""What a model folder says about how its vision-language model is to be asked (`entx.json`)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.neural.confidence import Calibration
from entx.vlm_stage.prompt import OWN, PROMPT_VERSION, PromptForm

SERVING = "entx.json"
DEFAULT_PIXELS = 512 * 512


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is asked.

    Args:
        form: of the prompt.
        pixels: budget of a picture, all its views together.
        calibration: of its answers' log-probabilities; None for a model that was never calibrated.
    """

    form: PromptForm = OWN
    pixels: int = DEFAULT_PIXELS
    calibration: Calibration | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stage": "vlm", "prompt_version": PROMPT_VERSION, "prompt": asdict(self.form), "pixels": self.pixels,
            "calibration": self.calibration.as_dict() if self.calibration else None,
        }  # fmt: skip


def read_serving(folder: Path) -> Serving:
    """Reads a model folder's entx.json; without one the model is any published one, not trained by entx.

    Raises:
        InputError: not readable, of a text model, or trained on prompts of another version.
    """
    path = folder / SERVING
    if not path.exists():
        return Serving()
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if raw.get("stage") != "vlm":
            raise InputError(f"{folder}: its entx.json is of a text model; ask it by --stage llm")
        version = int(raw["prompt_version"])
        calibration = Calibration.from_dict(raw["calibration"]) if raw.get("calibration") else None
        found = Serving(PromptForm(**raw["prompt"]), int(raw["pixels"]), calibration)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not readable: {type(error).__name__} {error}") from None
    if version != PROMPT_VERSION:
        raise InputError(
            f"{folder}: trained on prompts of version {version}, this entx writes version {PROMPT_VERSION}; train again"
        )
    return found


def write_serving(folder: Path, serving: Serving) -> None:
    """Writes entx.json beside a model's weights."""
    with atomic_text(folder / SERVING) as stream:
        json.dump(serving.as_dict(), stream, indent=1)
