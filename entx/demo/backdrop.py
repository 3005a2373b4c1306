"""What surrounds the product: background, and the wear of the finished picture (blur, noise, turning)."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from entx.core.types import Polygon
from entx.demo.canvas import Colour
from entx.demo.scene import Scene

PALE: tuple[Colour, ...] = (
    (245, 245, 243), (236, 240, 244), (243, 237, 228), (232, 240, 234), (246, 234, 236), (226, 228, 232),
)  # fmt: skip
DARK: tuple[Colour, ...] = ((28, 32, 40), (38, 30, 34), (18, 44, 58), (34, 46, 38))
VIVID: tuple[Colour, ...] = (
    (176, 42, 48), (24, 92, 150), (30, 116, 84), (224, 142, 30), (98, 54, 130), (58, 64, 74), (200, 84, 52),
    (16, 124, 140),
)  # fmt: skip


def generator(rng: random.Random) -> np.random.Generator:
    """A NumPy generator seeded by `rng`, for pixel noise."""
    return np.random.default_rng(rng.getrandbits(32))


def studio(rng: random.Random, width: int, height: int) -> Image.Image:
    """White in most pictures, else pale, a gradient, or paper."""
    choice = rng.random()
    if choice < 0.55:
        return Image.new("RGB", (width, height), (255, 255, 255))
    base = rng.choice(PALE)
    if choice < 0.7:
        return Image.new("RGB", (width, height), base)
    if choice < 0.88:
        return gradient(width, height, (252, 252, 252), base)
    return paper(rng, width, height, base)


def gradient(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    """From one colour at the top to another at the bottom."""
    rows = np.linspace(0, 1, height)[:, None]
    column = np.array(top) * (1 - rows) + np.array(bottom) * rows
    return Image.fromarray(column.astype(np.uint8)[:, None, :]).resize((width, height))


def paper(rng: random.Random, width: int, height: int, base: Colour) -> Image.Image:
    """A faint cloudy texture, as of paper or linen."""
    clouds = generator(rng).normal(0, 3.5, (max(2, height // 9), max(2, width // 9)))
    cloud = Image.fromarray((clouds + 128).clip(0, 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    shade = np.asarray(cloud, dtype=np.float32)[:, :, None] - 128
    return Image.fromarray((shade + np.array(base, dtype=np.float32)).clip(0, 255).astype(np.uint8))


def room(rng: random.Random, width: int, height: int) -> Image.Image:
    """A blurred room: wall, window light, table top."""
    wall, table = rng.choice(PALE), rng.choice([(150, 112, 78), (188, 158, 122), (120, 98, 84), (206, 198, 190)])
    image = gradient(width, height, wall, tuple(int(c * 0.86) for c in wall))  # type: ignore[arg-type]
    pen = ImageDraw.Draw(image)
    for _ in range(9):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height * 0.6), rng.uniform(0.04, 0.15) * width
        light = rng.uniform(0.92, 1.1)
        glow = tuple(min(255, int(c * light)) for c in wall)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=glow)
    edge = int(height * rng.uniform(0.62, 0.72))
    pen.rectangle((0, edge, width, height), fill=table)
    for i in range(6):
        y = edge + (i + 1) * (height - edge) / 7
        pen.line((0, y, width, y + rng.uniform(-4, 4)), fill=tuple(int(c * 0.94) for c in table), width=2)
    return image.filter(ImageFilter.GaussianBlur(width / 220))


def weathered(scene: Scene, rng: random.Random) -> Scene:
    """The picture with mild blur, sensor noise or dull light, as a careless seller's would have; one in six is also
    enlarged from about half its size, which makes small print hard to read."""
    image = scene.image
    if rng.random() < 1 / 6:
        share = rng.uniform(0.5, 0.65)
        small = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)
        image = small.resize(image.size, Image.Resampling.BICUBIC)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8) * max(1.0, min(image.size) / 900)))
    pixels = np.asarray(image, dtype=np.float64)
    if rng.random() < 0.5:
        pixels = pixels + generator(rng).normal(0, rng.uniform(1.5, 4), (*pixels.shape[:2], 1))
    if rng.random() < 0.5:
        pixels = pixels * rng.uniform(0.8, 0.95) + rng.uniform(0, 10)
    return replace(scene, image=Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def turned(scene: Scene, degrees: float) -> Scene:
    """The whole picture turned counter-clockwise, its texts' polygons and rotations with it.

    Only for scenes without dimension lines: turning those would change what they say.

    Raises:
        ValueError: the scene has dimension lines.
    """
    if scene.lines:
        raise ValueError(f"a {scene.kind} with dimension lines cannot be turned")
    old = scene.image
    fill = old.getpixel((2, 2))
    image = old.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def moved(polygon: Polygon) -> Polygon:
        points: list[float] = []
        for i in range(0, 8, 2):
            x, y = polygon[i] - old.width / 2, polygon[i + 1] - old.height / 2
            points += [x * cos + y * sin + image.width / 2, y * cos - x * sin + image.height / 2]
        return (points[0], points[1], points[2], points[3], points[4], points[5], points[6], points[7])

    texts = tuple(
        replace(text, polygon=moved(text.polygon), rotation=(text.rotation + degrees) % 360) for text in scene.texts
    )
    return replace(scene, image=image, texts=texts)
