"""What an OCR engine is to entx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from entx.core.decode import Image
from entx.core.types import Polygon

Param = str | int | float | bool
"""A value of an engine's parameter: plain, so that it pickles and hashes the same everywhere."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as the engine returns it: text as read, mean probability 0 to 1, polygon in pixels of the image given.

    The polygon starts at the text's own top left and goes clockwise, so that it also says how the text stands.
    """

    text: str
    score: float
    polygon: Polygon


class Engine(Protocol):
    """Reads one image. Built and used inside one worker process, never shared between threads or processes."""

    def read(self, image: Image, known: Sequence[RawLine] = (), *, enlarge: bool = True) -> list[RawLine]:
        """All lines of the image, in any order; an image without text gives an empty list.

        Args:
            image: upright picture, or a part of one.
            known: lines of another pass, in this image's pixels. An engine may leave out what they hold already.
            enlarge: whether the engine may enlarge a small image to search it; False where the caller has done so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What decides an engine's text, told without loading a model.

    Args:
        model_files: the files whose bytes are the model, in a fixed order.
        settings: every setting and version that can change the text.
    """

    model_files: tuple[Path, ...]
    settings: Mapping[str, Param]


class EngineFactory(Protocol):
    """What an entry point of the group `entx.engines` names: usually a class, called with the engine's parameters."""

    def __call__(self, **params: Param) -> Engine:
        """Builds the engine. Raises EngineError where a package, a model file or a parameter is wrong."""
        ...

    def fingerprint(self, **params: Param) -> Fingerprint:
        """The same parameters' fingerprint, in a tenth of a second. Raises EngineError as building does."""
        ...
