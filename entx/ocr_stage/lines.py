"""Raw lines to `OcrLine`: clean text, rotation, reading order."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from entx.core.types import OcrLine
from entx.ocr_stage.engines.base import RawLine


def to_lines(raw: Iterable[tuple[RawLine, float]]) -> tuple[OcrLine, ...]:
    """Lines in reading order."""
    lines = [
        OcrLine(unicodedata.normalize("NFKC", line.text).strip(), line.score, line.polygon, scale=scale)
        for line, scale in raw
    ]
    return tuple(sorted((line for line in lines if line.text), key=lambda line: (line.polygon[1], line.polygon[0])))
