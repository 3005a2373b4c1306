"""PaliGemma: one square size, a prompt that is read in both directions, no chat form.

The published docvqa models answer prompts of the form "answer en <question>".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError
from entx.neural.loading import LOCAL
from entx.vlm_stage.families.base import Loaded, LoadOptions, Pixels, Prompt, Seen
from entx.vlm_stage.families.chat import expand, pad_rows, special_token
from entx.vlm_stage.families.loading import bare, linear_layers, load_config, load_model, load_tokenizer, loading

if TYPE_CHECKING:
    import torch
    from PIL import Image

IMAGE = "<image>"


class PaliGemmaCodec:
    """See `Codec`.

    Args:
        tokenizer: with the family's placeholder.
        images: its image processor, the one that works without torchvision.
        config: of the model.
    """

    lead = ""

    def __init__(self, tokenizer: Any, images: Any, config: Any):
        self.tokenizer = tokenizer
        self.images = images
        self.image_token = special_token(tokenizer, IMAGE)
        self.ends: tuple[int, ...] = (int(tokenizer.eos_token_id),)
        side = int(config.vision_config.image_size)
        self._size = side, side
        self._tokens = (side // int(config.vision_config.patch_size)) ** 2

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:  # noqa: ARG002
        """Always the tower's square, as the family's processor does it: the aspect is lost, the budget unheard."""
        return self._size

    def image_tokens(self, size: tuple[int, int]) -> int:  # noqa: ARG002
        """One for each patch of the square."""
        return self._tokens

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """Shape (views, 3, side, side)."""
        found = self.images(images=list(views), do_resize=False, return_tensors="pt")
        return Pixels({"pixel_values": found["pixel_values"]}, (self._tokens,) * len(views))

    def prompt(self, pixels: Pixels, question: str) -> Prompt:
        """Pictures, start of text, question, line break; nothing is shared, as every token sees the question.

        Raises:
            InputError: the question holds a placeholder.
        """
        if IMAGE in question:
            raise InputError(f"the question {question!r} holds the model's placeholder of a picture")
        text = IMAGE * len(pixels.views) + self.tokenizer.bos_token + question + "\n"
        plain = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return Prompt(expand(plain, self.image_token, pixels.views), 0)

    def completion(self, text: str) -> tuple[int, ...]:
        """Its tokens; the prompt ends in a line break, with which no text merges."""
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def batch(
        self, pixels: Sequence[Pixels], rows: Sequence[Sequence[int]], *, prompts: Sequence[int], left: bool
    ) -> dict[str, torch.Tensor]:
        """With token_type_ids: 0 for what sees its whole prompt, 1 for the answer, which sees what is before it."""
        import torch

        made = pad_rows(rows, self.tokenizer.pad_token_id, left=left)
        made["pixel_values"] = torch.cat([one.tensors["pixel_values"] for one in pixels])
        made["token_type_ids"] = torch.zeros_like(made["input_ids"])
        width = made["input_ids"].shape[1]
        for number, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
            first = width - len(row) if left else 0
            made["token_type_ids"][number, first + prompt : first + len(row)] = 1
        return made

    def positions(self, pixels: Pixels, tokens: Sequence[int]) -> torch.Tensor:  # noqa: ARG002
        """One axis, counted from one."""
        import torch

        return torch.arange(1, len(tokens) + 1)[None]

    def save(self, folder: Path) -> None:
        """tokenizer.json, preprocessor_config.json and what belongs to them."""
        self.tokenizer.save_pretrained(folder)
        self.images.save_pretrained(folder)


class PaliGemma:
    """See `Family`."""

    name = "paligemma"
    model_types = ("paligemma",)
    shares_prefix = False

    def load(self, folder: Path, options: LoadOptions) -> Loaded:
        """Loads the model, its tokenizer and its image processor."""
        with loading(folder):
            return Loaded(load_model(folder, options), self.codec(folder))

    def codec(self, folder: Path) -> PaliGemmaCodec:
        """Tokenizer and image processor."""
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

        with loading(folder):
            images = SiglipImageProcessorPil.from_pretrained(folder, **LOCAL)
            return PaliGemmaCodec(load_tokenizer(folder), images, load_config(folder))

    def lora_targets(self, model: Any, scope: str) -> tuple[str, ...]:
        """Attention and MLP of the language layers, of the vision tower (with its projector), or of both."""
        vision = ["vision_tower", "multi_modal_projector"]
        parts = {"language": ["language_model"], "vision": vision, "all": [*vision, "language_model"]}[scope]
        return linear_layers(model, *(getattr(bare(model).model, part) for part in parts))

    def vision_tower(self, model: Any) -> Any:
        """The SigLIP tower, without the projector."""
        return bare(model).model.vision_tower

    def language_model(self, model: Any) -> Any:
        """The decoder layers."""
        return bare(model).model.language_model

    def head(self, model: Any) -> Any:
        """The output head."""
        return bare(model).get_output_embeddings()

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[Seen]:
        """Tower and projector over all views together."""
        import torch

        tower = self.vision_tower(model)
        values = torch.cat([one.tensors["pixel_values"] for one in pixels]).to(tower.device, tower.dtype)
        found = bare(model).model.get_image_features(values).pooler_output.flatten(0, 1)
        return [Seen(embeddings) for embeddings in found.split([one.tokens for one in pixels])]
