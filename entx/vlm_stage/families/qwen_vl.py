"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: pictures of any size, three-axis rotary positions, a chat form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.neural.backends.base import Size
from entx.neural.model_folder import LOCAL, load_config
from entx.vlm_stage.families import base
from entx.vlm_stage.families.base import Codec, Family, ImageEmbeddings, Pixels

if TYPE_CHECKING:
    import torch
    from PIL import Image

MAX_ASPECT = 200
"""The family's own processor refuses pictures that are longer than this many times their width."""

_BODY = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHAT = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" + _BODY
"""The form of Qwen2-VL-Instruct and Qwen2.5-VL-Instruct, for a folder without a template."""

CHAT_3 = _BODY
"""The form of Qwen3-VL-Instruct: no system message."""


class QwenCodec(Codec):
    """See `Codec`; `config` is the model's."""

    def __init__(self, tokenizer: Any, images: Any, config: Any):
        super().__init__(tokenizer, images)
        self.image_token = base.special_token(tokenizer, "<|image_pad|>")
        self._chat = base.ChatForm(tokenizer, CHAT_3 if config.model_type == "qwen3_vl" else CHAT, "<|image_pad|>")
        self.ends, self.lead = self._chat.ends, self._chat.lead

    @property
    def factor(self) -> int:
        """Sides of a view are multiples of this."""
        return int(self.images.patch_size * self.images.merge_size)

    def view_size(self, size: Size, pixels: int) -> Size:
        """The family's rule (whole patches, about the picture's aspect), within the budget for every shape.

        Pictures below the processor's smallest size are seen at that, as the family does; lines of a few pixels
        width, which its processor refuses, are widened, and shortened where one row of patches would pass the budget.
        """
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

        width, height = (max(side, -(-max(size) // MAX_ASPECT)) for side in size)
        most = max(min(pixels, self.images.size["longest_edge"]), self.factor**2)
        least = min(self.images.size["shortest_edge"], most)
        tall, wide = smart_resize(height, width, self.factor, min_pixels=least, max_pixels=most)
        if wide * tall > most:
            short = min(wide, tall)
            if short > self.factor:  # rounding up to the smallest size went over it
                short -= self.factor
            long = max(most // short // self.factor * self.factor, self.factor)
            wide, tall = (min(wide, long), short) if wide >= tall else (short, min(tall, long))
        return wide, tall

    def image_tokens(self, size: Size) -> int:
        """One for each square of merged patches."""
        width, height = size
        return (width // self.factor) * (height // self.factor)

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """Flat patches of all views, and each view's grid of patches."""
        found = self.images(images=list(views), do_resize=False, return_tensors="pt")
        return Pixels(
            {"pixel_values": found["pixel_values"], "image_grid_thw": found["image_grid_thw"]},
            tuple(self.image_tokens(view.size) for view in views),
        )  # fmt: skip

    def prompt(self, pixels: Pixels, question: str) -> tuple[int, ...]:
        """All views and the question as one user message; ends in a line break, with which no answer merges."""
        plain = self.tokenizer(self._chat.text(len(pixels.views), question), add_special_tokens=False)["input_ids"]
        return base.expand(plain, self.image_token, pixels.views)

    def batch(
        self, pixels: Sequence[Pixels], rows: Sequence[Sequence[int]], *, prompts: Sequence[int], left: bool
    ) -> dict[str, torch.Tensor]:
        """With mm_token_type_ids, by which the model finds its pictures."""
        made = super().batch(pixels, rows, prompts=prompts, left=left)
        made["mm_token_type_ids"] = (made["input_ids"] == self.image_token).int()
        return made

    def positions(self, pixels: Pixels, tokens: Sequence[int]) -> torch.Tensor:
        """Time, height and width of each token: text on the diagonal, a picture as a plane of its own.

        After Qwen2VLModel.get_rope_index; the text behind a view goes on after its longer side.
        """
        import torch

        grids = iter((pixels.tensors["image_grid_thw"][:, 1:] // self.images.merge_size).tolist())
        parts, at, place = [], 0, 0
        while place < len(tokens):
            if tokens[place] == self.image_token:
                high, wide = next(grids)
                rows = torch.arange(high).repeat_interleave(wide)
                columns = torch.arange(wide).repeat(high)
                parts.append(torch.stack([torch.zeros_like(rows), rows, columns]) + at)
                at, place = at + max(high, wide), place + high * wide
            else:
                parts.append(torch.full((3, 1), at))
                at, place = at + 1, place + 1
        return torch.cat(parts, dim=1)


class QwenVl(Family):
    """See `Family`."""

    name = "qwen-vl"
    model_types = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
    vision = ("visual",)

    def read_codec(self, folder: Path) -> QwenCodec:
        """Tokenizer and image processor."""
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        images = Qwen2VLImageProcessorPil.from_pretrained(folder, **LOCAL)
        return QwenCodec(base.chat_tokenizer(folder), images, load_config(folder))

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[ImageEmbeddings]:
        """With the features of early vision layers, which Qwen3-VL adds behind its first decoder layers."""
        import torch

        tower = self.vision_tower(model)
        patches = torch.cat([one.tensors["pixel_values"] for one in pixels]).to(tower.device, tower.dtype)
        grids = torch.cat([one.tensors["image_grid_thw"] for one in pixels]).to(tower.device)
        found = tower(patches, grid_thw=grids)
        counts = [one.tokens for one in pixels]
        layers = [layer.split(counts) for layer in getattr(found, "deepstack_features", None) or ()]
        return [
            ImageEmbeddings(embeddings, tuple(layer[number] for layer in layers))
            for number, embeddings in enumerate(found.pooler_output.split(counts))
        ]
