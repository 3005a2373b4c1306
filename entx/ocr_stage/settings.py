"""How a picture is read, whatever the engine: the settings that become part of a page's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from entx.core.decode import MAX_PIXELS
from entx.core.errors import EngineError
from entx.ocr_stage.engines.base import Param

READER_VERSION = 1
"""Raised with every change of decoding, passes or lines that can change a page's text."""

GEOMETRY_VERSION = 1
"""Raised with every change that can change a page's geometry."""


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
