"""Picture bytes to an upright array; what is too large is refused from the header."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from entx.core.errors import PictureError
from entx.ocr_stage.engines.base import Image

MAX_PIXELS = 40_000_000


class PictureRefused(PictureError):  # noqa: N818
    """Over a limit."""


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> Image:
    """The upright picture, BGR."""
    if not data:
        raise PictureError("empty file")
    try:
        with PillowImage.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > max_pixels:
                raise PictureRefused(f"{picture.width} x {picture.height} pixels, over the limit of {max_pixels}")
            rgb = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except PictureError:
        raise
    except Exception as error:
        raise PictureError(f"{type(error).__name__}: {error}") from None
    return np.ascontiguousarray(rgb[:, :, ::-1])
