"""OCR pages made by hand, and how a Qwen2-VL sees sizes."""

from __future__ import annotations

from math import floor, sqrt

from entx.core.types import OcrLine, OcrPage, PageStatus


def line(text: str, left: float, top: float, width: float, height: float) -> OcrLine:
    right, bottom = left + width, top + height
    return OcrLine(text, 0.9, (left, top, right, top, right, bottom, left, bottom))


def page(size: tuple[int, int], *lines: OcrLine, picture: str = "p") -> OcrPage:
    return OcrPage(picture, PageStatus.OK, "", *size, lines)


def in_patches(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """Sides in whole patches of 28 pixels, no larger than needed, within the budget (at least one patch each way)."""
    scale = min(1.0, sqrt(pixels / (size[0] * size[1])))
    width, height = (max(28, 28 * floor(side * scale / 28)) for side in size)
    while width * height > pixels and max(width, height) > 28:
        width, height = (width - 28, height) if width >= height else (width, height - 28)
    return width, height
