"""Pictures with known text, drawn by the tests themselves."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def label(lines: list[str], *, width: int = 560, size: int = 36, turn: int = 0) -> Image.Image:
    """Black lines on white, one below the other, the whole turned counter-clockwise by `turn` degrees."""
    picture = Image.new("RGB", (width, 60 + len(lines) * 2 * size), "white")
    draw = ImageDraw.Draw(picture)
    for row, text in enumerate(lines):
        draw.text((40, 30 + row * 2 * size), text, font=ImageFont.load_default(size=size), fill="black")
    return picture.rotate(turn, expand=True)


def array(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """BGR, as engines take it."""
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file of this kind."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
