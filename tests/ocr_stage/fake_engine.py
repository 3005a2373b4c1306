"""A deterministic engine without a model: it "reads" rectangles that the test has described beforehand."""

from __future__ import annotations

from collections.abc import Sequence

from entx.core.images import Image
from entx.core.types import Polygon
from entx.ocr_stage.engines.base import RawLine


def box(x: float, y: float, width: float, height: float) -> Polygon:
    """An upright polygon."""
    return (x, y, x + width, y, x + width, y + height, x, y + height)


class FakeEngine:
    """Answers by the width of the image, and remembers what it was called with.

    Args:
        pages: image width -> the lines to answer with; other widths have no text.
        error: raised instead of answering.
    """

    def __init__(self, pages: dict[int, list[RawLine]] | None = None, error: Exception | None = None) -> None:
        self.pages = pages or {}
        self.error = error
        self.calls: list[tuple[tuple[int, ...], list[RawLine], bool]] = []

    def read(self, image: Image, known: Sequence[RawLine] = (), *, enlarge: bool = True) -> list[RawLine]:
        self.calls.append((image.shape, list(known), enlarge))
        if self.error is not None:
            raise self.error
        return list(self.pages.get(image.shape[1], []))
