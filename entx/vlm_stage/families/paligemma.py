"""PaliGemma: one square size, a prompt that is read in both directions, no chat form.

The published docvqa models answer prompts of the form "answer en <question>".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.neural.backends.base import Size
from entx.neural.model_folder import LOCAL, load_config, load_tokenizer
from entx.vlm_stage.families import base
from entx.vlm_stage.families.base import Codec, Family, ImageEmbeddings, Pixels

if TYPE_CHECKING:
    import torch
    from PIL import Image

IMAGE = "<image>"


class PaliGemmaCodec(Codec):
    """See `Codec`; `config` is the model's."""

    def __init__(self, tokenizer: Any, images: Any, config: Any):
        super().__init__(tokenizer, images)
        self.image_token = base.special_token(tokenizer, IMAGE)
        self.ends: tuple[int, ...] = (int(tokenizer.eos_token_id),)
        side = int(config.vision_config.image_size)
        self._size = side, side
        self._tokens = (side // int(config.vision_config.patch_size)) ** 2

    def view_size(self, size: Size, pixels: int) -> Size:
        """Always the tower's square, as the family's processor does it: the aspect is lost, the budget unused."""
        return self._size

    def image_tokens(self, size: Size) -> int:
        """One for each patch of the square."""
        return self._tokens

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """Shape (views, 3, side, side)."""
        found = self.images(images=list(views), do_resize=False, return_tensors="pt")
        return Pixels({"pixel_values": found["pixel_values"]}, (self._tokens,) * len(views))

    def prompt(self, pixels: Pixels, question: str) -> tuple[int, ...]:
        """Pictures, start of text, question, and a line break, with which no answer merges."""
        if IMAGE in question:
            base.refuse_placeholder(question)
        text = IMAGE * len(pixels.views) + self.tokenizer.bos_token + question + "\n"
        return base.expand(self.tokenizer(text, add_special_tokens=False)["input_ids"], self.image_token, pixels.views)

    def batch(
        self, pixels: Sequence[Pixels], rows: Sequence[Sequence[int]], *, prompts: Sequence[int], left: bool
    ) -> dict[str, torch.Tensor]:
        """With token_type_ids: 0 for what sees its whole prompt, 1 for the answer, which sees what is before it."""
        import torch

        made = super().batch(pixels, rows, prompts=prompts, left=left)
        made["token_type_ids"] = torch.zeros_like(made["input_ids"])
        width = made["input_ids"].shape[1]
        for number, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
            first = width - len(row) if left else 0
            made["token_type_ids"][number, first + prompt : first + len(row)] = 1
        return made

    def positions(self, pixels: Pixels, tokens: Sequence[int]) -> torch.Tensor:
        """One axis, counted from one."""
        import torch

        return torch.arange(1, len(tokens) + 1)[None]


class PaliGemma(Family):
    """See `Family`."""

    name = "paligemma"
    model_types = ("paligemma",)
    shares_prefix = False
    vision = ("vision_tower", "multi_modal_projector")

    def read_codec(self, folder: Path) -> PaliGemmaCodec:
        """Tokenizer and image processor."""
        from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

        images = SiglipImageProcessorPil.from_pretrained(folder, **LOCAL)
        return PaliGemmaCodec(load_tokenizer(folder), images, load_config(folder))

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[ImageEmbeddings]:
        """Tower and projector over all views together."""
        import torch

        tower = self.vision_tower(model)
        values = torch.cat([one.tensors["pixel_values"] for one in pixels]).to(tower.device, tower.dtype)
        found = base.bare(model).model.get_image_features(values).pooler_output.flatten(0, 1)
        return [ImageEmbeddings(embeddings) for embeddings in found.split([one.tokens for one in pixels])]
