"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: pictures of any size, three-axis rotary positions, a chat form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.neural.loading import LOCAL
from entx.vlm_stage.families.base import Loaded, LoadOptions, Pixels, Prompt, Seen
from entx.vlm_stage.families.chat import ChatForm, adopt_template, expand, pad_rows, special_token
from entx.vlm_stage.families.loading import bare, linear_layers, load_config, load_model, load_tokenizer, loading

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


class QwenCodec:
    """See `Codec`.

    Args:
        tokenizer: with the family's special tokens.
        images: its image processor, the one that works without torchvision.
        config: of the model.
    """

    def __init__(self, tokenizer: Any, images: Any, config: Any):
        self.tokenizer = tokenizer
        self.images = images
        self.image_token = special_token(tokenizer, "<|image_pad|>")
        self._vision_end = special_token(tokenizer, "<|vision_end|>")
        self._chat = ChatForm(tokenizer, CHAT_3 if config.model_type == "qwen3_vl" else CHAT, "<|image_pad|>")
        self.ends, self.lead = self._chat.ends, self._chat.lead

    @property
    def factor(self) -> int:
        """Sides of a view are multiples of this."""
        return int(self.images.patch_size * self.images.merge_size)

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
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

    def image_tokens(self, size: tuple[int, int]) -> int:
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

    def prompt(self, pixels: Pixels, question: str) -> Prompt:
        """All views and the question as one user message."""
        plain = self.tokenizer(self._chat.text(len(pixels.views), question), add_special_tokens=False)["input_ids"]
        tokens = expand(plain, self.image_token, pixels.views)
        shared = len(tokens) - tokens[::-1].index(self.image_token)
        return Prompt(tokens, shared + (tokens[shared] == self._vision_end))

    def completion(self, text: str) -> tuple[int, ...]:
        """Its tokens; the prompt ends in a line break, with which no text merges."""
        return tuple(self.tokenizer(self.lead + text, add_special_tokens=False)["input_ids"]) if text else ()

    def batch(
        self,
        pixels: Sequence[Pixels],
        rows: Sequence[Sequence[int]],
        *,
        prompts: Sequence[int],  # noqa: ARG002 - all attention is causal
        left: bool,
    ) -> dict[str, torch.Tensor]:
        """With mm_token_type_ids, by which the model finds its pictures."""
        import torch

        made = pad_rows(rows, self.tokenizer.pad_token_id, left=left)
        for name in ("pixel_values", "image_grid_thw"):
            made[name] = torch.cat([one.tensors[name] for one in pixels])
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

    def save(self, folder: Path) -> None:
        """tokenizer.json, chat_template.jinja, preprocessor_config.json and what belongs to them."""
        self.tokenizer.save_pretrained(folder)
        self.images.save_pretrained(folder)


class QwenVl:
    """See `Family`."""

    name = "qwen-vl"
    model_types = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
    shares_prefix = True

    def load(self, folder: Path, options: LoadOptions) -> Loaded:
        """Loads the model, its tokenizer and its image processor."""
        with loading(folder):
            return Loaded(load_model(folder, options), self.codec(folder))

    def codec(self, folder: Path) -> QwenCodec:
        """Tokenizer and image processor."""
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        with loading(folder):
            tokenizer = load_tokenizer(folder)
            adopt_template(tokenizer, folder)
            images = Qwen2VLImageProcessorPil.from_pretrained(folder, **LOCAL)
            return QwenCodec(tokenizer, images, load_config(folder))

    def lora_targets(self, model: Any, scope: str) -> tuple[str, ...]:
        """Attention and MLP of the language layers, of the vision blocks (with their mergers), or of both."""
        parts = {"language": ["language_model"], "vision": ["visual"], "all": ["visual", "language_model"]}[scope]
        return linear_layers(model, *(getattr(bare(model).model, part) for part in parts))

    def vision_tower(self, model: Any) -> Any:
        """Patches to image tokens, merger included."""
        return bare(model).model.visual

    def language_model(self, model: Any) -> Any:
        """The decoder layers."""
        return bare(model).model.language_model

    def head(self, model: Any) -> Any:
        """The output head."""
        return bare(model).get_output_embeddings()

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[Seen]:
        """With the features of early vision layers, which Qwen3-VL adds behind its first decoder layers."""
        import torch

        tower = self.vision_tower(model)
        patches = torch.cat([one.tensors["pixel_values"] for one in pixels]).to(tower.device, tower.dtype)
        grids = torch.cat([one.tensors["image_grid_thw"] for one in pixels]).to(tower.device)
        found = tower(patches, grid_thw=grids)
        counts = [one.tokens for one in pixels]
        deeper = [layer.split(counts) for layer in getattr(found, "deepstack_features", None) or ()]
        return [
            Seen(embeddings, tuple(layer[number] for layer in deeper))
            for number, embeddings in enumerate(found.pooler_output.split(counts))
        ]
