"""What a vision-language model is asked about a picture, and how it is to answer.

The words are data: the published systems each have their own, and a recipe carries them. `OWN` is entx's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from string import Formatter
from typing import Any

from entx.core.entities import Entity
from entx.core.errors import InputError
from entx.core.types import Quantity
from entx.neural.calibration import Calibration
from entx.neural.predict import read_serving as read_described

PROMPT_VERSION = 1
"""Raised with every change of how a form becomes a prompt: a model answers only prompts of its own version."""

_FIELDS = {"entity_name", "entity", "allowed_units"}


@dataclass(frozen=True, slots=True)
class PromptForm:
    """How a question is put.

    Args:
        question: with {entity_name} ("item_weight"), {entity} ("item weight") and {allowed_units} ("gram, ounce").
        empty: what the model answers where the picture does not show the value; "" for nothing at all.
        decimal_point: write "500.0 gram", as the challenge's tables do, instead of "500 gram".

    Raises:
        InputError: a field that no question has.
    """

    question: str
    empty: str = ""
    decimal_point: bool = False

    def __post_init__(self) -> None:
        fields = {name for _, name, _, _ in Formatter().parse(self.question) if name is not None}
        if unknown := sorted(fields - _FIELDS):
            known = ", ".join(f"{{{name}}}" for name in sorted(_FIELDS))
            raise InputError(f"prompt.question has {{{unknown[0]}}}; it may have {known}")

    def ask(self, entity: Entity) -> str:
        """The question about an entity; the picture goes before it."""
        return self.question.format(
            entity_name=entity.name, entity=entity.words, allowed_units=", ".join(entity.units)
        )  # fmt: skip

    def answer(self, quantity: Quantity | None) -> str:
        """What the model is to write: "12.5 inch", or the form's word for a value that is not shown."""
        if quantity is None:
            return self.empty
        return quantity.text if self.decimal_point else quantity.text.replace(".0 ", " ")


OWN = PromptForm(
    'What is the {entity}? Answer with one number and one of these units: {allowed_units}; or with "none" where the '
    "picture does not show it.",
    "none",
)
"""Of models that entx trains by itself, and of any other model that no entx.json describes."""

DEFAULT_PIXELS = 512 * 512


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is asked; the defaults are those of any published one that entx has not trained.

    Args:
        form: of the prompt.
        pixels: budget of a picture, all its views together.
        calibration: of its answers' log-probabilities; None for a model that was never calibrated.
    """

    form: PromptForm = OWN
    pixels: int = DEFAULT_PIXELS
    calibration: Calibration | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a model folder's entx.json."""
        return {
            "stage": "vlm", "prompt_version": PROMPT_VERSION, "prompt": asdict(self.form), "pixels": self.pixels,
            "calibration": self.calibration.as_dict() if self.calibration else None,
        }  # fmt: skip


def read_serving(folder: Path | None) -> Serving:
    """How a folder's model is asked, by its entx.json.

    Raises:
        InputError: not readable, of a text model, or trained on prompts of another version.
    """
    found: Serving = read_described(
        folder, "vlm", PROMPT_VERSION, Serving(), lambda raw: Serving(PromptForm(**raw["prompt"]), int(raw["pixels"]))
    )
    return found
