"""Idefics3 and SmolVLM: a picture as square tiles of it and a small view of the whole, a chat form.

Up to where each picture is cut this is the family's own processor; how finely is cut is the budget's choice.
"""

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


class Idefics3Codec:
    """See `Codec`.

    Args:
        tokenizer: with the family's special tokens.
        images: its image processor, the one that works without torchvision.
        config: of the model.
    """

    def __init__(self, tokenizer: Any, images: Any, config: Any):
        self.tokenizer = tokenizer
        self.images = images
        self.image_token = special_token(tokenizer, IMAGE)
        self._around = special_token(tokenizer, AROUND)
        self._chat = ChatForm(tokenizer, CHAT, IMAGE)
        self.ends, self.lead = self._chat.ends, self._chat.lead
        vision = config.vision_config
        self._tile = int(images.max_image_size["longest_edge"])
        self._per_tile = (int(vision.image_size) // int(vision.patch_size)) ** 2 // int(config.scale_factor) ** 2

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
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

    def image_tokens(self, size: tuple[int, int]) -> int:
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

    def prompt(self, pixels: Pixels, question: str) -> Prompt:
        """All views and the question as one user message."""
        head, *behind = self._chat.text(len(pixels.views), question).split(IMAGE)
        views = [self._marks(*grid) for grid in pixels.tensors["grids"].tolist()]
        text = head + "".join(view + part for view, part in zip(views, behind, strict=True))
        tokens = self._tokens(text)
        shared = len(tokens) - tokens[::-1].index(self._around)
        return Prompt(tokens, shared)

    def completion(self, text: str) -> tuple[int, ...]:
        """Its tokens with what leads them."""
        return tuple(self.tokenizer(self.lead + text, add_special_tokens=False)["input_ids"]) if text else ()

    def batch(
        self,
        pixels: Sequence[Pixels],
        rows: Sequence[Sequence[int]],
        *,
        prompts: Sequence[int],  # noqa: ARG002 - all attention is causal
        left: bool,
    ) -> dict[str, torch.Tensor]:
        """pixel_values of shape (rows, most tiles, 3, side, side); the model leaves tiles of zeros out."""
        import torch

        made = pad_rows(rows, self.tokenizer.pad_token_id, left=left)
        tiles = [one.tensors["pixel_values"] for one in pixels]
        made["pixel_values"] = torch.nn.utils.rnn.pad_sequence(tiles, batch_first=True)
        return made

    def positions(self, pixels: Pixels, tokens: Sequence[int]) -> torch.Tensor:  # noqa: ARG002
        """One axis, counted from zero."""
        import torch

        return torch.arange(len(tokens))[None]

    def save(self, folder: Path) -> None:
        """tokenizer.json, chat_template.jinja, preprocessor_config.json and what belongs to them."""
        self.tokenizer.save_pretrained(folder)
        self.images.save_pretrained(folder)

    def _grid(self, size: tuple[int, int]) -> tuple[int, int]:
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
        return expand(plain, self.image_token, [self._per_tile] * plain.count(self.image_token))


class Idefics3:
    """See `Family`."""

    name = "idefics3"
    model_types = ("idefics3", "smolvlm")
    shares_prefix = True

    def load(self, folder: Path, options: LoadOptions) -> Loaded:
        """Loads the model, its tokenizer and its image processor."""
        with loading(folder):
            return Loaded(load_model(folder, options), self.codec(folder))

    def codec(self, folder: Path) -> Idefics3Codec:
        """Tokenizer and image processor."""
        from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
        from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

        with loading(folder):
            config = load_config(folder)
            tokenizer = load_tokenizer(folder)
            adopt_template(tokenizer, folder)
            kind: Any = SmolVLMImageProcessorPil if config.model_type == "smolvlm" else Idefics3ImageProcessorPil
            return Idefics3Codec(tokenizer, kind.from_pretrained(folder, **LOCAL), config)

    def lora_targets(self, model: Any, scope: str) -> tuple[str, ...]:
        """Attention and MLP of the language layers, of the vision tower (with its connector), or of both."""
        vision = ["vision_model", "connector"]
        parts = {"language": ["text_model"], "vision": vision, "all": [*vision, "text_model"]}[scope]
        return linear_layers(model, *(getattr(bare(model).model, part) for part in parts))

    def vision_tower(self, model: Any) -> Any:
        """The SigLIP tower, without the connector."""
        return bare(model).model.vision_model

    def language_model(self, model: Any) -> Any:
        """The decoder layers."""
        return bare(model).model.text_model

    def head(self, model: Any) -> Any:
        """The output head."""
        return bare(model).get_output_embeddings()

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[Seen]:
        """Tower and connector over the tiles of all pictures together."""
        import torch

        tower = self.vision_tower(model)
        tiles = [one.tensors["pixel_values"] for one in pixels]
        values = torch.cat(tiles)[None].to(tower.device, tower.dtype)
        found = bare(model).model.get_image_features(values).pooler_output
        return [Seen(embeddings.flatten(0, 1)) for embeddings in found.split([len(one) for one in tiles])]
