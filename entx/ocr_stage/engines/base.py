"""What an OCR engine is to entx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from entx.core.types import Polygon

Image = np.ndarray[Any, np.dtype[np.uint8]]
"""Height x width x 3, BGR, 8 bits."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as the engine returns it: text as read, mean probability 0 to 1, polygon in pixels of the image given."""

    text: str
    score: float
    polygon: Polygon


class Engine(Protocol):
    """Reads one image. Built and used inside one worker process, never shared between threads or processes."""

    def read(self, image: Image) -> list[RawLine]:
        """All lines of the image, in any order; an image without text gives an empty list."""
        ...
