"""Moondream2, which has no class in transformers: its folder's own code, run for a named revision only.

The interface is that of the revisions of 2024-07-23 to 2024-08-26 (a `vision_encoder`, a `text_model` of the Phi
architecture, one picture of 729 tokens between the start of text and the question). It has been exercised against a
stand-in of that interface, never against the published weights: those revisions ask for torchvision and einops, and
were written for transformers 4. It is read, not trained.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from entx.core.errors import InputError
from entx.neural.backends.base import Model, Size
from entx.neural.model_folder import check_model_folder, default_device, default_dtype, load_tokenizer, named_fault
from entx.vlm_stage.families.base import Codec, Family, ImageEmbeddings, Loaded, Pixels, bare

if TYPE_CHECKING:
    import torch
    from PIL import Image

IMAGE_TOKENS = 729
"""27 x 27 patches of 14 pixels."""

_PLACEHOLDER = 1 << 30  # of no vocabulary: the family has no token for a picture


class MoondreamCodec(Codec):
    """See `Codec`."""

    lead = " "
    image_token = _PLACEHOLDER

    def __init__(self, tokenizer: Any):
        super().__init__(tokenizer)
        self.ends: tuple[int, ...] = (int(tokenizer.eos_token_id),)

    def view_size(self, size: Size, pixels: int) -> Size:
        """The picture's own size within the budget; the folder's code makes one to five squares of it."""
        return Model().view_size(size, max(pixels, 1))

    def image_tokens(self, size: Size) -> int:
        """As many for every picture."""
        return IMAGE_TOKENS

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """The one view as it is, shape (height, width, 3): the folder's code prepares it. More are an InputError."""
        import numpy as np
        import torch

        if len(views) != 1:
            raise InputError("Moondream2 sees one view of a picture; read it without close-ups")
        return Pixels({"picture": torch.from_numpy(np.array(views[0].convert("RGB")))}, (IMAGE_TOKENS,))

    def prompt(self, pixels: Pixels, question: str) -> tuple[int, ...]:
        """Start of text, the picture, the question in the family's words."""
        asked = self.tokenizer(f"\n\nQuestion: {question}\n\nAnswer:", add_special_tokens=False)["input_ids"]
        return (self.tokenizer.bos_token_id, *[_PLACEHOLDER] * pixels.tokens, *asked)

    def batch(
        self, pixels: Sequence[Pixels], rows: Sequence[Sequence[int]], *, prompts: Sequence[int], left: bool
    ) -> dict[str, torch.Tensor]:
        """Always refused: the folder's code has no forward pass over a picture and its question."""
        _untrained()

    def save(self, folder: Path) -> None:
        """Always refused."""
        _untrained()


class Moondream(Family):
    """See `Family`."""

    name = "moondream"
    model_types = ("moondream1", "moondream2")

    def load(self, folder: Path, *, remote_code: str = "", **options: Any) -> Loaded:
        """Runs the folder's own code, of the named revision, and warns that it does."""
        if not remote_code:
            raise InputError(
                f"{folder}: Moondream2 is loaded by code of its own, and entx runs no code of a model folder unless "
                "its revision is named: read the folder's *.py, then --remote-code COMMIT (40 hexadecimal digits)"
            )
        check_model_folder(folder, remote_code=remote_code)
        warnings.warn(f"running the Python code of {folder}, revision {remote_code}", RuntimeWarning, stacklevel=2)
        with named_fault(folder):
            model = _load(folder, options.get("dtype"), options.get("device"), four_bit=options.get("four_bit", False))
            return Loaded(model, self.codec(folder))

    def read_codec(self, folder: Path) -> MoondreamCodec:
        """The tokenizer; needs none of the folder's code."""
        return MoondreamCodec(load_tokenizer(folder))

    def lora_targets(self, model: Any, scope: str) -> tuple[str, ...]:
        """Always refused."""
        _untrained()

    def vision_tower(self, model: Any) -> Any:
        """Tower and projection."""
        return bare(model).vision_encoder

    def language_model(self, model: Any) -> Any:
        """The Phi layers, called `transformer` by the family and `model` by the library."""
        text = bare(model).text_model
        return text.transformer if hasattr(text, "transformer") else text.model

    def head(self, model: Any) -> Any:
        """The output head, which normalises by itself."""
        return bare(model).text_model.lm_head

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[ImageEmbeddings]:
        """All pictures in one call of the folder's code."""
        from PIL import Image

        pictures = [Image.fromarray(one.tensors["picture"].numpy()) for one in pixels]
        return [ImageEmbeddings(embeddings) for embeddings in self.vision_tower(model)(pictures)]


def _load(folder: Path, dtype: str | None, device: str | None, *, four_bit: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if four_bit:
        raise ValueError("Moondream2's own code is not loaded in four bits")
    auto: Any = AutoModelForCausalLM
    device = device or default_device()
    model = auto.from_pretrained(
        folder, dtype=getattr(torch, dtype or default_dtype(device)), use_safetensors=True, device_map={"": device},
        local_files_only=True, trust_remote_code=True,
    ).eval()  # fmt: skip
    if not hasattr(model, "vision_encoder") or not hasattr(model, "text_model"):
        raise ValueError("its code has no vision_encoder and text_model: entx reads the revisions of July, August 2024")
    return model


def _untrained() -> NoReturn:
    raise InputError("entx reads Moondream2 but does not train it: its own code has no forward pass to train")
