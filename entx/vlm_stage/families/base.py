"""What differs between families of vision-language models: processor, prompt form, LoRA targets, image budget.

A family loads a model with its `Codec` (what turns pictures and questions into the model's inputs); the trainer and the
local backend see nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Pixels:
    """One picture (all its views) as a vision tower takes it.

    Args:
        tensors: the processor's, for example {"pixel_values": (patches, features), "image_grid_thw": (views, 3)}.
        views: tokens that each view takes up in the prompt.
    """

    tensors: Mapping[str, torch.Tensor]
    views: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Tokens of all views."""
        return sum(self.views)


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture (all its views) as the language model takes it.

    Args:
        embeddings: in place of its image tokens, shape (tokens, width).
        deeper: added to the image tokens' states behind the first layers, one tensor of the same shape a layer; () but
            for families that look at pictures there again (DeepStack).
    """

    embeddings: torch.Tensor
    deeper: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A whole prompt.

    Args:
        tokens: with one placeholder for each image token; ends where the answer begins.
        shared: how many of the first ones are the same for every question about the picture.
    """

    tokens: tuple[int, ...]
    shared: int


class Codec(Protocol):
    """Pictures and questions into a model's inputs.

    Attributes:
        tokenizer: a fast one, with a padding token.
        ends: tokens that end an answer; the first is the one that a trainer puts there.
        image_token: the placeholder.
        lead: what the family's form puts before an answer that is not empty (" "); no part of the answer's text.
    """

    tokenizer: Any
    ends: tuple[int, ...]
    image_token: int
    lead: str

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
        """The (width, height) at which a picture of that size is seen for a budget of so many pixels.

        Never larger than the picture needs, always what the vision tower takes without resizing it again.
        """
        ...

    def image_tokens(self, size: tuple[int, int]) -> int:
        """Tokens that a view of (width, height) pixels takes up in a prompt; known without decoding the picture."""
        ...

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """One picture's RGB views, each resized to its `view_size` before."""
        ...

    def prompt(self, pixels: Pixels, question: str) -> Prompt:
        """The picture first, then the question, in the family's own form (a chat template where it has one)."""
        ...

    def completion(self, text: str) -> tuple[int, ...]:
        """Tokens of an answer as they stand directly behind a prompt, without the end; () for an empty one."""
        ...

    def batch(
        self, pixels: Sequence[Pixels], rows: Sequence[Sequence[int]], *, prompts: Sequence[int], left: bool
    ) -> dict[str, torch.Tensor]:
        """Inputs of the model's forward pass for rows of tokens, each with its picture.

        Args:
            pixels: one a row.
            rows: tokens, prompts perhaps with their answers.
            prompts: how many first tokens of each row are its prompt: families differ in who sees whom there.
            left: pad at the left (to generate) instead of the right (to train).

        Returns:
            input_ids, attention_mask, the vision tower's tensors, and whatever else the family's forward pass takes of
            each token (mm_token_type_ids, token_type_ids).
        """
        ...

    def positions(self, pixels: Pixels, tokens: Sequence[int]) -> torch.Tensor:
        """Where tokens stand for the rotary embedding, as the model itself would say of a row that begins with them.

        Args:
            tokens: a prompt, or its beginning with all of its image tokens.

        Returns:
            Shape (axes, tokens); the text behind them counts on from their largest position.
        """
        ...

    def save(self, folder: Path) -> None:
        """Writes tokenizer and processor files beside a model, as `Family.load` reads them."""
        ...


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How weights are put into memory.

    Args:
        dtype: "float32" or "bfloat16".
        four_bit: nf4 by bitsandbytes.
        attention: sdpa or eager; "" for the family's own choice.
        device: of torch; "" lets the library place the weights, as DeepSpeed wants it.
        remote_code: revision whose code from the folder may run, for a family without a native class; "" refuses.
    """

    dtype: str = "float32"
    four_bit: bool = False
    attention: str = ""
    device: str = "cpu"
    remote_code: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model and what feeds it."""

    model: Any
    codec: Codec


class Family(Protocol):
    """A family of models.

    Attributes:
        name: "qwen-vl", "paligemma", "idefics3", ...
        model_types: `model_type` of the configurations that belong to it.
        shares_prefix: tokens of the picture do not see the question, so that their keys and values serve all of its
            questions; False where the prompt is read in both directions.
    """

    name: str
    model_types: tuple[str, ...]
    shares_prefix: bool

    def load(self, folder: Path, options: LoadOptions) -> Loaded:
        """Loads a checked local folder; works without torchvision.

        Raises:
            InputError: the folder cannot be loaded; nothing of another folder or of a hub is ever asked for.
        """
        ...

    def codec(self, folder: Path) -> Codec:
        """The codec of a checked local folder alone: what a training plans with, before any weight is read.

        Raises:
            InputError: as `load`.
        """
        ...

    def lora_targets(self, model: Any, scope: str) -> tuple[str, ...]:
        """Names of the linear layers that an adapter changes.

        Args:
            scope: "all", "language" or "vision".
        """
        ...

    def vision_tower(self, model: Any) -> Any:
        """The module that encodes pictures: called once a picture, and frozen where only the language part learns."""
        ...

    def language_model(self, model: Any) -> Any:
        """The layers that read embeddings, below the output head; its input embeddings are the model's."""
        ...

    def head(self, model: Any) -> Any:
        """The output head: states to logits."""
        ...

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[Seen]:
        """Passes pictures through the vision tower together, and through what joins it to the language model."""
        ...
