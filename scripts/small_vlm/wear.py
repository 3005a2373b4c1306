"""What happens to a small picture between the seller and the reader: slant, blur, noise, dull light, JPEG."""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, ImageFilter

from entx.demo.backdrop import generator


def worn(image: Image.Image, rng: random.Random, strength: float = 1.0, slant: float = 0.06) -> Image.Image:
    """A picture of the same size, after some of those.

    Args:
        image: RGB.
        rng: decides which, and how much.
        strength: 0 leaves the picture as it is, 1 is what careless sellers do.
        slant: how far a corner moves at most, as a share of the shorter side.
    """
    if rng.random() < 0.3 * strength:
        image = slanted(image, rng, slant)
    if rng.random() < 0.25 * strength:
        image = coarse(image, rng.uniform(0.55, 0.9))
    if rng.random() < 0.25 * strength:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8)))
    if rng.random() < 0.6 * strength:
        image = lit(image, rng)
    if rng.random() < 0.5 * strength:
        image = jpeg(image, rng.randint(30, 92))
    return image


def slanted(image: Image.Image, rng: random.Random, most: float) -> Image.Image:
    """Seen from another side: each corner moved inwards by up to `most` of the shorter side."""
    width, height = image.size
    reach = most * min(width, height)

    def moved(x: float, y: float) -> tuple[float, float]:
        return x + rng.uniform(-reach, reach), y + rng.uniform(-reach, reach)

    corners = (*moved(0, 0), *moved(0, height), *moved(width, height), *moved(width, 0))
    fill = image.getpixel((1, 1))
    return image.transform(image.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=fill)


def coarse(image: Image.Image, share: float) -> Image.Image:
    """Enlarged again from `share` of its size."""
    width, height = image.size
    small = image.resize((max(1, round(width * share)), max(1, round(height * share))), Image.Resampling.BILINEAR)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def lit(image: Image.Image, rng: random.Random) -> Image.Image:
    """Other contrast and brightness, and the noise of a sensor."""
    pixels = np.asarray(image, dtype=np.float32)
    pixels = (pixels - 128) * rng.uniform(0.7, 1.1) + 128 + rng.uniform(-25, 25)
    if rng.random() < 0.5:
        pixels = pixels + generator(rng).normal(0, rng.uniform(1, 8), pixels.shape).astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Compressed and decoded again."""
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=quality)
    return Image.open(io.BytesIO(stream.getvalue())).convert("RGB")
