"""Pictures as a model sees them with guided crops: the whole, small, and views of its print; where characters stand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image

from entx.demo.fonts import load_face
from entx.demo.scene import PrintedText, Scene
from scripts.small_vlm.prints import Glyph, Sample
from scripts.small_vlm.sheets import SLANT, across, asked, sheet, smallest_print, truths_of, values_in_order
from scripts.small_vlm.wear import worn

_READABLE = 5.0  # pixels of ink

_Box = tuple[float, float, float, float]


def sheet_sample(rng: random.Random, size: tuple[int, int], asks: int = 2) -> Sample:
    """One sheet with print of about 15 to 30 pixels, worn."""
    made = sheet(rng, size, (15 / min(size), 30 / min(size)))
    return Sample(
        (worn(made.image, rng, slant=SLANT),), asked(rng, truths_of(made), asks), values_in_order(made),
        smallest_print(made), (glyphs_of(made),),
    )  # fmt: skip


def close_up_sample(
    rng: random.Random, sizes: Sequence[tuple[int, int]], scene: Scene | None = None, asks: int = 2
) -> Sample:
    """A sheet, or a given scene, as the whole picture and crops of it; see `close_ups`.

    Args:
        rng: decides.
        sizes: of the views; the whole picture first.
        scene: None for a sheet with print of 3.5 to 8.5 hundredths of its side.
        asks: questions.
    """
    scene = scene or sheet(rng, (sizes[0][0] * 9 // 4, sizes[0][1] * 9 // 4), (0.035, 0.085))
    views, boxes, height = close_ups(rng, sizes, scene)
    known = glyphs_of(scene)
    glyphs = tuple(moved(known, box, size) for box, size in zip(boxes, sizes, strict=True))
    return Sample(tuple(views), asked(rng, truths_of(scene), asks), values_in_order(scene), height, glyphs)


def glyphs_of(scene: Scene) -> tuple[Glyph, ...]:
    """Where the characters of level texts stand; places of other texts as unknown.

    Which face a text has is not recorded: widths are those of one face, stretched to the text's own.
    """
    found = []
    for text in scene.texts:
        xs, ys = text.polygon[0::2], text.polygon[1::2]
        if 12 < text.rotation < 348:
            found.append(Glyph("", min(xs), min(ys), max(xs), max(ys)))
            continue
        widths = [_width(character) for character in text.text]
        scale, at = (max(xs) - min(xs)) / sum(widths), min(xs)
        for character, width in zip(text.text, widths, strict=True):
            found.append(Glyph(character, at, min(ys), at + width * scale, max(ys)))
            at += width * scale
    return tuple(found)


@lru_cache(maxsize=512)
def _width(character: str) -> float:
    return load_face("roboto Regular", 40).getlength(character)


def moved(glyphs: Sequence[Glyph], box: _Box, size: tuple[int, int]) -> tuple[Glyph, ...]:
    """Glyphs of a picture as they stand in a view of one of its parts; those outside of it are left out.

    Those that are too low to be read become unknown ones.
    """
    across, down = size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])
    found = (
        Glyph(
            one.character if (one.y1 - one.y0) * down >= _READABLE else "",
            (one.x0 - box[0]) * across, (one.y0 - box[1]) * down,
            (one.x1 - box[0]) * across, (one.y1 - box[1]) * down,
        )
        for one in glyphs
    )  # fmt: skip
    return tuple(one for one in found if one.x1 > 0 and one.y1 > 0 and one.x0 < size[0] and one.y0 < size[1])


def close_ups(
    rng: random.Random, sizes: Sequence[tuple[int, int]], scene: Scene
) -> tuple[list[Image.Image], list[_Box], float]:
    """A scene as a model sees it with guided crops: the whole picture, small, and crops around print.

    Args:
        rng: decides which print, and how exactly it is cut.
        sizes: (width, height) of the views. The first is the whole picture's, the others are of crops: tall ones show
            text that runs upwards, wide ones other text. Prints that answer something come before others, and places
            without print are shown where there are too few.
        scene: of the whole picture's aspect, about.

    Returns:
        the views in the order of `sizes`; which part of the picture each shows; height of the lowest print that a crop
        shows, 0 for none.
    """
    image = scene.image
    boxes: list[_Box] = [(0.0, 0.0, float(image.width), float(image.height))]
    texts = sorted(scene.texts, key=lambda text: (not text.entities, rng.random()))
    heights = []
    for crop in sizes[1:]:
        upwards = crop[1] > crop[0]
        text = next((one for one in texts if (45 < one.rotation % 180 < 135) == upwards), None)
        if text is not None:
            texts.remove(text)
            box = _cut(rng, text, crop, image.size)
            heights.append(across(text) * crop[1] / (box[3] - box[1]))
        else:
            wide, high = min(crop[0], image.width), min(crop[1], image.height)
            x, y = rng.uniform(0, image.width - wide), rng.uniform(0, image.height - high)
            box = (x, y, x + wide, y + high)
        boxes.append(box)
    views = [
        worn(image.resize(size, Image.Resampling.BICUBIC, box=box), rng, 0.5, SLANT)
        for size, box in zip(sizes, boxes, strict=True)
    ]
    return views, boxes, min(heights, default=0.0)


def _cut(rng: random.Random, text: PrintedText, crop: tuple[int, int], size: tuple[int, int]) -> _Box:
    """A box of the crop's aspect around a text: its print a third of the crop high, lower for a long text."""
    xs, ys = text.polygon[0::2], text.polygon[1::2]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    lengthwise, across = rng.uniform(0.2, 1.5) * min(wide, high), rng.uniform(1.5, 3)
    if crop[0] >= crop[1]:
        scale = max((wide + lengthwise) / crop[0], high * across / crop[1])
    else:
        scale = max(wide * across / crop[0], (high + lengthwise) / crop[1])
    width, height = min(scale * crop[0], size[0]), min(scale * crop[1], size[1])
    slack_x, slack_y = max(0.0, width - wide), max(0.0, height - high)
    x = min(max(0.0, min(xs) - slack_x * rng.uniform(0.3, 0.7)), size[0] - width)
    y = min(max(0.0, min(ys) - slack_y * rng.uniform(0.3, 0.7)), size[1] - height)
    return (x, y, x + width, y + height)
