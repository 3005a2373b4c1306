"""Pictures and questions for tests of vision-language models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.neural.backends.base import Query, Request
from entx.neural.decoding import answer_pattern
from entx.vlm_stage.families.base import Loaded, family_of
from entx.vlm_stage.model import PictureModel
from tests.vlm_stage.tiny_vlms import tiny_vlm

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "paligemma", "paligemma2", "idefics3", "smolvlm", "moondream1")
BUDGET = 160 * 160

HEIGHT = answer_pattern(CHALLENGE["height"], "none")
WEIGHT = answer_pattern(CHALLENGE["item_weight"], "")


def noise(seed: int, width: int, height: int) -> Image.Image:
    """A picture of which no two are alike."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def tiny_loaded(kind: str, folder: Path) -> Loaded:
    """A tiny model of that kind, saved and loaded."""
    tiny_vlm(kind, folder)
    return family_of(folder).load(folder, device="cpu")


def views(model: PictureModel, *pictures: Image.Image) -> tuple[Image.Image, ...]:
    """Pictures at the sizes at which the model sees them."""
    return tuple(picture.resize(model.view_size(picture.size, BUDGET)) for picture in pictures)


def asks(model: PictureModel) -> tuple[Request, ...]:
    """A batch of pictures of several shapes, several views, and several numbers of questions."""
    return (
        Request(
            views(model, noise(0, 200, 160)),
            (
                Query("What is the height?", ("24.5 inch", "none", ""), HEIGHT),
                Query("What is the item weight?", ("", "5 gram", "5 kilogram"), WEIGHT),
                Query("What is the height of the box, if one is shown?", (), HEIGHT),
            ),
        ),
        Request(views(model, noise(1, 60, 300)), (Query("What is the height?", ("1 foot", "none"), HEIGHT),)),
        Request(
            views(model, noise(2, 90, 90), *([] if model.family.name == "moondream" else [noise(3, 40, 70)])),
            (Query("What is the item weight?", ("500 gram",), WEIGHT), Query("Which?", ("none",), HEIGHT)),
        ),
    )
