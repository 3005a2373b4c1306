"""Idefics3 and SmolVLM: a picture as square tiles of it and a small view of the whole, a chat form.

Up to where each picture is cut this is the family's own processor; how finely is cut is the budget's choice.
"""

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

IMAGE = "<image>"
AROUND = "<fake_token_around_image>"
WHOLE = "<global-img>"

CHAT = (
    "<|im_start|>{% for message in messages %}{{ message.role | capitalize }}"
    "{% if message.content[0].type == 'image' %}:{% else %}: {% endif %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""The form of SmolVLM-Instruct, for a folder without a template."""


class Idefics3Codec(Codec):
    """See `Codec`; `config` is the model's."""

    def __init__(self, tokenizer: Any, images: Any, config: Any):
        super().__init__(tokenizer, images)
        self.image_token = base.special_token(tokenizer, IMAGE)
        base.special_token(tokenizer, AROUND)
        self._chat = base.ChatForm(tokenizer, CHAT, IMAGE)
        self.ends, self.lead = self._chat.ends, self._chat.lead
        vision = config.vision_config
        self._tile = int(images.max_image_size["longest_edge"])
        self._per_tile = (int(vision.image_size) // int(vision.patch_size)) ** 2 // int(config.scale_factor) ** 2

    def view_size(self, size: Size, pixels: int) -> Size:
        """A grid of tiles, as fine as the budget allows for it and the view of the whole, not finer than the picture.

        The family's processor enlarges every picture to its finest grid; a small one shows no more by that.
        """
        wide, high = 1, 1
        finest = min(int(self.images.size["longest_edge"]), -(-max(size) // self._tile) * self._tile) // self._tile
        for many in range(2, finest + 1):
            across, down = (max(1, -(-many * side // max(size))) for side in size)
            if (across * down + 1) * self._tile**2 <= pixels:
                wide, high = across, down
        return wide * self._tile, high * self._tile

    def image_tokens(self, size: Size) -> int:
        """Those of all tiles, and the marks around them."""
        return len(self._view(*self._grid(size)))

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """All tiles of all views, shape (tiles, 3, side, side), each view's rows and columns (0, 0: not cut)."""
        import torch

        found = self.images(
            images=[list(views)], do_resize=False, do_image_splitting=True, return_row_col_info=True,
            return_tensors="pt",
        )  # fmt: skip
        grids = [tuple(grid) for grid in zip(found["rows"][0], found["cols"][0], strict=True)]
        return Pixels(
            {"pixel_values": found["pixel_values"][0], "grids": torch.tensor(grids)},
            tuple(len(self._view(*grid)) for grid in grids),
        )  # fmt: skip

    def prompt(self, pixels: Pixels, question: str) -> tuple[int, ...]:
        """All views and the question as one user message."""
        head, *behind = self._chat.text(len(pixels.views), question).split(IMAGE)
        views = [self._marks(*grid) for grid in pixels.tensors["grids"].tolist()]
        return self._tokens(head + "".join(view + part for view, part in zip(views, behind, strict=True)))

    def batch(
        self, pixels: Sequence[Pixels], rows: Sequence[Sequence[int]], *, prompts: Sequence[int], left: bool
    ) -> dict[str, torch.Tensor]:
        """pixel_values of shape (rows, most tiles, 3, side, side); the model leaves tiles of zeros out."""
        import torch

        made = base.pad_rows(rows, self.tokenizer.pad_token_id, left=left)
        tiles = [one.tensors["pixel_values"] for one in pixels]
        made["pixel_values"] = torch.nn.utils.rnn.pad_sequence(tiles, batch_first=True)
        return made

    def _grid(self, size: Size) -> tuple[int, int]:
        """Rows and columns of a view; (0, 0) where it is not cut."""
        wide, high = (side // self._tile for side in size)
        return (high, wide) if high * wide > 1 else (0, 0)

    def _marks(self, rows: int, columns: int) -> str:
        """What stands for a view in a prompt, with one placeholder a tile; after Idefics3Processor."""
        lines = [
            "".join(f"{AROUND}<row_{row + 1}_col_{column + 1}>{IMAGE}" for column in range(columns)) + "\n"
            for row in range(rows)
        ]
        return "".join([*lines, "\n"] if lines else []) + f"{AROUND}{WHOLE}{IMAGE}{AROUND}"

    def _view(self, rows: int, columns: int) -> tuple[int, ...]:
        return self._tokens(self._marks(rows, columns))

    def _tokens(self, text: str) -> tuple[int, ...]:
        plain = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return base.expand(plain, self.image_token, [self._per_tile] * plain.count(self.image_token))


class Idefics3(Family):
    """See `Family`."""

    name = "idefics3"
    model_types = ("idefics3", "smolvlm")
    vision = ("vision_model", "connector")
    language = "text_model"

    def read_codec(self, folder: Path) -> Idefics3Codec:
        """Tokenizer and image processor."""
        from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
        from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

        config = load_config(folder)
        kind: Any = SmolVLMImageProcessorPil if config.model_type == "smolvlm" else Idefics3ImageProcessorPil
        return Idefics3Codec(base.chat_tokenizer(folder), kind.from_pretrained(folder, **LOCAL), config)

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[ImageEmbeddings]:
        """Tower and connector over the tiles of all pictures together."""
        import torch

        tower = self.vision_tower(model)
        tiles = [one.tensors["pixel_values"] for one in pixels]
        values = torch.cat(tiles)[None].to(tower.device, tower.dtype)
        found = base.bare(model).model.get_image_features(values).pooler_output
        return [ImageEmbeddings(embeddings.flatten(0, 1)) for embeddings in found.split([len(one) for one in tiles])]
