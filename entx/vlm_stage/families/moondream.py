"""Moondream2 of 2024: one picture, seen as a whole and in up to four tiles; 729 tokens, whatever its size.

The revisions of July and August 2024, of which 2024-08-26 is the last: later ones have other weights and another
prompt. How a picture is prepared and a question put is that revision's own code; the folder's code itself never runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError
from entx.neural.backends.base import Size
from entx.neural.model_folder import load_config, load_tokenizer, read_json
from entx.vlm_stage.families.base import Codec, Family, ImageEmbeddings, Pixels

if TYPE_CHECKING:
    from PIL import Image

REVISION = "2024-08-26"
"""Of the hub's vikhyatk/moondream2: the last one of this form."""

UNCUT = 512
"""Pictures whose longer side is below so many pixels are not cut into tiles."""


class MoondreamCodec(Codec):
    """See `Codec`; `side` is that of the tower's square, `tokens` what each picture takes up."""

    lead = " "

    def __init__(self, tokenizer: Any, side: int, tokens: int):
        from entx.vlm_stage.families.moondream_model import IMAGE_TOKEN

        super().__init__(tokenizer)
        self.image_token = IMAGE_TOKEN
        self.ends: tuple[int, ...] = (int(tokenizer.eos_token_id),)
        self._side, self._tokens = side, tokens

    def view_size(self, size: Size, pixels: int) -> Size:
        """One to four squares of the tower, at most two high and two wide, by the nearest aspect; the budget is unused.

        The published rule with its slip: where two are as near, it compares heights with the width and widths with
        the height. It decides for pictures of 3:4 and 3:2, and the published weights have learnt with it.
        """
        width, height = size
        side, double = self._side, 2 * self._side
        if max(size) < UNCUT:
            return side, side
        grids = [(side, side), (double, side), (side, double), (double, double)]
        return min(
            grids,
            key=lambda grid: (abs(grid[0] / grid[1] - width / height), abs(grid[1] - width) + abs(grid[0] - height)),
        )

    def image_tokens(self, size: Size) -> int:
        """As many for every picture."""
        return self._tokens

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """The whole at the tower's size and the tiles, shape (1 + tiles, 3, side, side); rows and columns of tiles.

        Raises:
            InputError: there are several views.
        """
        import numpy as np
        import torch
        from torch.nn.functional import interpolate

        if len(views) != 1:
            raise InputError("Moondream2 sees one view of a picture; read it without close-ups")
        picture = torch.from_numpy(np.array(views[0].convert("RGB"))).permute(2, 0, 1) / 127.5 - 1
        rows, columns = (length // self._side for length in picture.shape[1:])
        seen = [interpolate(picture[None], (self._side, self._side), mode="bilinear")]
        if rows * columns > 1:
            tiles = picture.view(3, rows, self._side, columns, self._side).permute(1, 3, 0, 2, 4)
            seen.append(tiles.flatten(0, 1))
        return Pixels(
            {"pixel_values": torch.cat(seen), "grids": torch.tensor([[rows, columns]])}, (self._tokens,)
        )  # fmt: skip

    def prompt(self, pixels: Pixels, question: str) -> tuple[int, ...]:
        """Start of text, the picture, the question in the family's words."""
        asked = self.tokenizer(f"\n\nQuestion: {question}\n\nAnswer:", add_special_tokens=False)["input_ids"]
        return (self.tokenizer.bos_token_id, *[self.image_token] * pixels.tokens, *asked)


class Moondream(Family):
    """See `Family`."""

    name = "moondream"
    model_types = ("moondream1",)
    vision = ("vision_encoder",)

    def read_codec(self, folder: Path) -> MoondreamCodec:
        """The tokenizer and the tower's size. Raises InputError: another revision's configuration or weights."""
        from safetensors import safe_open

        import entx.vlm_stage.families.moondream_model  # noqa: F401 - makes the configuration known

        names: set[str] = set()
        for file in folder.glob("*.safetensors"):
            with safe_open(file, "np") as held:
                names.update(held.keys())
        ours = any(name.startswith("text_model.transformer.h.") for name in names) or not names
        if not ours or "text_config" not in read_json(folder / "config.json"):
            raise InputError(
                f"Moondream2 of another revision; the one that works: hf download vikhyatk/moondream2 "
                f"--revision {REVISION} --local-dir FOLDER"
            )
        vision = load_config(folder).vision_config
        side = int(vision.image_size)
        return MoondreamCodec(load_tokenizer(folder), side, (side // int(vision.patch_size)) ** 2)

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[ImageEmbeddings]:
        """The views of all pictures through the tower together."""
        import torch

        values, grids = (torch.cat([one.tensors[name] for one in pixels]) for name in ("pixel_values", "grids"))
        return [ImageEmbeddings(embeddings) for embeddings in self.vision_tower(model)(values, grids)]
