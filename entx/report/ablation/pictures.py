"""Small pictures for the gallery: reduced, without metadata, within one budget of bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from entx.core.errors import PictureError
from entx.core.images import Image, decode

SIDES = (720, 560, 440, 340, 260, 200)
"""Pixels of the longer side that are tried, the largest that fits its share of the budget being taken."""

JPEG_QUALITY = 60


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A reduced picture.

    Args:
        jpeg: the file's bytes.
        width, height: of `jpeg` in pixels.
    """

    jpeg: bytes
    width: int
    height: int


def thumbnails(files: Sequence[tuple[str, str | None]], budget: int) -> dict[str, Thumbnail]:
    """Reduced pictures by sha256; each gets an equal share of what is left, so that early ones do not take it all.

    A file that is gone, has changed since ingest, cannot be decoded or does not fit is left out.

    Args:
        files: (sha256, path) of each distinct picture; None where no file is known.
        budget: bytes of all of them as they stand in the page (base64: four for three).
    """
    found: dict[str, Thumbnail] = {}
    left = budget
    for place, (picture, path) in enumerate(files):
        image = _image(picture, path)
        small = None if image is None else _fitting(image, left // (len(files) - place))
        if small is not None:
            found[picture] = small
            left -= _inside(small.jpeg)
    return found


def _image(picture: str, path: str | None) -> Image | None:
    if path is None:
        return None
    try:
        data = Path(path).read_bytes()
        if hashlib.sha256(data).hexdigest() != picture:
            return None
        return decode(data, at_least=SIDES[0] // 2)
    except (OSError, PictureError):
        return None


def _fitting(image: Image, most: int) -> Thumbnail | None:
    height, width = image.shape[:2]
    for side in SIDES:
        factor = min(1.0, side / max(height, width))
        small = image
        if factor < 1.0:
            size = max(1, round(width * factor)), max(1, round(height * factor))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        jpeg = encoded.tobytes()
        if _inside(jpeg) <= most:
            return Thumbnail(jpeg, small.shape[1], small.shape[0])
    return None


def _inside(jpeg: bytes) -> int:
    return 4 * -(-len(jpeg) // 3)
