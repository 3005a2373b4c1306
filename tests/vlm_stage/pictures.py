"""Pictures and questions for tests of vision-language models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from entx.core.entities import CHALLENGE
from entx.neural.asking import Ask
from entx.neural.constrain import answer_pattern
from entx.vlm_stage.backends.base import PictureAsk
from entx.vlm_stage.backends.transformers import TransformersPictureModel
from entx.vlm_stage.families.base import Loaded, LoadOptions
from entx.vlm_stage.families.lookup import family_of
from tests.vlm_stage.tiny_vlms import tiny_vlm

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "paligemma", "paligemma2", "idefics3", "smolvlm")
BUDGET = 160 * 160

HEIGHT = answer_pattern(CHALLENGE["height"], "none")
WEIGHT = answer_pattern(CHALLENGE["item_weight"], "")


def noise(seed: int, width: int, height: int) -> Image.Image:
    """A picture of which no two are alike."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def tiny_loaded(kind: str, folder: Path) -> Loaded:
    """A tiny model of that kind, saved and loaded."""
    tiny_vlm(kind, folder)
    return family_of(folder).load(folder, LoadOptions())


def views(model: TransformersPictureModel, *pictures: Image.Image) -> tuple[Image.Image, ...]:
    """Pictures at the sizes at which the model sees them."""
    return tuple(picture.resize(model.view_size(picture.size, BUDGET)) for picture in pictures)


def asks(model: TransformersPictureModel) -> tuple[PictureAsk, ...]:
    """A batch of pictures of several shapes, several views, and several numbers of questions."""
    return (
        PictureAsk(
            views(model, noise(0, 200, 160)),
            (
                Ask("What is the height?", ("24.5 inch", "none", ""), HEIGHT),
                Ask("What is the item weight?", ("", "5 gram", "5 kilogram"), WEIGHT),
                Ask("What is the height of the box, if one is shown?", (), HEIGHT),
            ),
        ),
        PictureAsk(views(model, noise(1, 60, 300)), (Ask("What is the height?", ("1 foot", "none"), HEIGHT),)),
        PictureAsk(
            views(model, noise(2, 90, 90), noise(3, 40, 70)),
            (Ask("What is the item weight?", ("500 gram",), WEIGHT), Ask("Which?", ("none",), HEIGHT)),
        ),
    )
