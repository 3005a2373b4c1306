"""Raw lines to `OcrLine`: clean text, how the text stands, reading order."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable

from entx.core.reading_order import reading_order
from entx.core.types import OcrLine, Polygon
from entx.ocr_stage.passes import ScaledLine

SNAP_DEGREES = 5.0
"""Text this near to an axis stands on it: corners are whole pixels, which turns short lines by some degrees."""

_ARROWS = re.compile(r"[\s<>←→↑↓↔↕⟵⟶⟷⇐⇒⇔↖↗↘↙▲▼◀▶►◄△▽«»‹›^~|/\\_=+*.,:;'\"`·•°–—―‐‑−-]*")
"""What dimension lines, their heads and leader dots are read as. No letter: H, W, D, L stand for dimensions."""

_VULGAR_AFTER_DIGIT = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞↉])")


def to_lines(raw: Iterable[ScaledLine]) -> tuple[OcrLine, ...]:
    """Lines in reading order, without those that are only an arrow.

    The order is the same whatever the order of `raw`.
    """
    lines = []
    for item in raw:
        text = clean(item.line.text)
        if not is_stray(text):
            polygon = item.line.polygon
            lines.append(OcrLine(text, item.line.score, polygon, rotation(polygon), item.scale))
    return tuple(reading_order(lines))


def clean(text: str) -> str:
    """NFKC with single spaces; mixed numbers keep their parts apart (5½ is "5 1/2", where plain NFKC says 51/2)."""
    text = unicodedata.normalize("NFKC", _VULGAR_AFTER_DIGIT.sub(" ", text)).replace("\N{FRACTION SLASH}", "/")
    return " ".join(text.split())


def is_stray(text: str) -> bool:
    """Whether a line says nothing: empty, only arrow-like marks, or one lone CJK character read from an arrowhead."""
    return _ARROWS.fullmatch(text) is not None or (len(text) == 1 and _is_cjk(text))


def rotation(polygon: Polygon) -> float:
    """Degrees counter-clockwise, 0 <= r < 360, by which text stands turned; on an axis where it is near one."""
    x1, y1, x2, y2, x3, y3, x4, y4 = polygon
    along_x, along_y = (x2 - x1) + (x3 - x4), (y2 - y1) + (y3 - y4)
    degrees = math.degrees(math.atan2(-along_y, along_x)) % 360.0
    nearest = round(degrees / 90.0) * 90.0
    return nearest % 360.0 if abs(degrees - nearest) <= SNAP_DEGREES else round(degrees, 1) % 360.0


def _is_cjk(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"))
