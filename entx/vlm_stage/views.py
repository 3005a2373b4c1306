"""One picture file to what a model sees of it: decoded once, the whole picture and perhaps crops, each in its size."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Protocol

from PIL import Image

from entx.core.errors import PictureError
from entx.core.images import MAX_PIXELS, decode_rgb
from entx.core.types import OcrPage, PageStatus
from entx.vlm_stage.crops import CropSettings, Size, plan_crops

VIEWS_VERSION = 1
"""Raised with every change that can change what a model sees of a picture."""

_SMALLEST_SIDE = 8  # pixels; no print is readable below it
_LONGEST = 100  # times the shorter side; vision towers refuse 200, and round the shorter side up to some 28 pixels
_PATCH = 28  # pixels; side of an image token of the Qwen models


class Sizes(Protocol):
    """As much of a model as decides how large a picture is seen: a `PictureModel`, or a family's `Codec`."""

    def view_size(self, size: Size, pixels: int) -> Size:
        """The size at which a picture of that size is seen for a budget of so many pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are looked at.

    Args:
        pixels: budget of a picture, all its views together.
        crops: of the lines with numbers, where OCR of the picture is at hand; None for the whole picture alone.
        max_pixels: larger pictures are refused from their header, as by OCR. A JPEG could be reduced while it is
            decoded, but a progressive one of 69 megapixels takes more than 200 MB all the same.
    """

    pixels: int
    crops: CropSettings | None = None
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Views:
    """What a model sees of a picture.

    Args:
        images: RGB; the whole picture first, then crops in reading order.
        left_out: lines with numbers that neither view shows large enough; 0 without crops.
    """

    images: tuple[Image.Image, ...]
    left_out: int = 0


def see_file(path: Path, sizes: Sizes, look: Look, page: OcrPage | None = None) -> Views:
    """Reads and decodes a picture file, once.

    Raises:
        PictureError: no such file, no picture, over a limit, too narrow; `str(error)` is the reason.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path.name}: cannot be read: {error.strerror or type(error).__name__}") from None
    return see(decode_rgb(data, look.max_pixels), sizes, look, page)


def see(picture: Image.Image, sizes: Sizes, look: Look, page: OcrPage | None = None) -> Views:
    """The views of an upright RGB picture.

    Args:
        page: its OCR, for crops; one that is not OK, or of another size, guides none.

    Raises:
        PictureError: too narrow for a vision tower.
    """
    short, long = sorted(picture.size)
    if short < _SMALLEST_SIDE or long > _LONGEST * short:
        raise PictureError(f"{picture.width} x {picture.height} pixels: too narrow to show anything")
    guided = page is not None and page.status is PageStatus.OK and (page.width, page.height) == picture.size
    if look.crops is None or page is None or not guided:
        return Views((_resized(picture, sizes.view_size(picture.size, look.pixels)),))
    plan = plan_crops(page, look.pixels, sizes.view_size, look.crops)
    close = tuple(_resized(picture, crop.size, crop.box) for crop in plan.crops)
    return Views((_resized(picture, plan.whole), *close), len(plan.left_out))


def reduced_size(size: Size, pixels: int) -> Size:
    """The picture's own size, or the largest of its aspect that has no more pixels: for a model that resizes itself."""
    scale = min(1.0, sqrt(pixels / (size[0] * size[1])))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def rough_tokens(size: Size) -> int:
    """Image tokens of a view as Qwen models count them, to tell pictures apart where the real rule is not known."""
    return -(-size[0] // _PATCH) * -(-size[1] // _PATCH)


def _resized(picture: Image.Image, size: Size, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """The picture or a part of it in that size; bicubic, as the processors of the models do."""
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)
