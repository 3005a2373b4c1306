"""Which passes a picture gets, and how their lines are merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import cv2

from entx.core.errors import EngineError
from entx.ocr_stage.decode import MAX_PIXELS
from entx.ocr_stage.engines.base import Engine, Image, Param, RawLine

READER_VERSION = 1
"""Raised with every change of decoding, passes or lines that can change a page's text."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How a picture is read, whatever the engine.

    Args:
        passes: "auto" reads small pictures at 2x as well, "single" never.
        max_pixels: pictures with more are refused from their header.
    """

    passes: str = "auto"
    max_pixels: int = MAX_PIXELS

    NAMES: ClassVar[frozenset[str]] = frozenset({"passes", "max_pixels"})

    @classmethod
    def from_params(cls, params: Mapping[str, Param]) -> ReaderSettings:
        """Checked settings. Raises EngineError for a value that is not allowed."""
        passes, max_pixels = params.get("passes", "auto"), params.get("max_pixels", MAX_PIXELS)
        if passes not in ("auto", "single"):
            raise EngineError(f"passes must be 'auto' or 'single', not {passes!r}")
        if not isinstance(max_pixels, int) or isinstance(max_pixels, bool) or max_pixels < 1:
            raise EngineError(f"max_pixels must be a positive whole number, not {max_pixels!r}")
        return cls(str(passes), max_pixels)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for hashing."""
        return asdict(self)


SMALL_SIDE = 640
"""Pictures whose longer side is at most this get a second pass at 2x: it lifts their candidate recall."""


def read_passes(engine: Engine, image: Image, settings: ReaderSettings) -> list[tuple[RawLine, float]]:
    """All lines of all passes in pixels of `image`, each with the scale that read it."""
    lines = [(line, 1.0) for line in engine.read(image)]
    if settings.passes == "auto" and max(image.shape[:2]) <= SMALL_SIDE:
        enlarged = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        for line in engine.read(enlarged):
            x1, y1, x2, y2, x3, y3, x4, y4 = (value / 2 for value in line.polygon)
            lines.append((RawLine(line.text, line.score, (x1, y1, x2, y2, x3, y3, x4, y4)), 2.0))
    return lines
