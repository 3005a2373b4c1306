"""Raw lines to `OcrLine`: clean text, how the text stands, reading order."""

from __future__ import annotations

import math
import re
import statistics
import unicodedata
from collections.abc import Iterable, Sequence

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


def reading_order(lines: Iterable[OcrLine]) -> list[OcrLine]:
    """Columns left to right, rows top to bottom in each, lines left to right in each row.

    A wide vertical gap divides columns only where the lines beside it do not share rows: a table of names and values is
    read row by row, two paragraphs one after the other.
    """
    ordered = sorted(lines, key=lambda line: (line.polygon, line.text, line.scale, line.score))
    if len(ordered) < 2:
        return ordered
    height = statistics.median(_text_height(line.polygon) for line in ordered)
    return _by_columns(ordered, max(height, 1.0))


def _by_columns(lines: list[OcrLine], height: float) -> list[OcrLine]:
    cut = _column_cut(lines, height)
    if cut is None:
        return _by_rows(lines)
    left = [line for line in lines if _centre(line.polygon)[0] < cut]
    right = [line for line in lines if _centre(line.polygon)[0] >= cut]
    return _by_columns(left, height) + _by_columns(right, height)


def _column_cut(lines: Sequence[OcrLine], height: float) -> float | None:
    """The middle of the widest gap of at least two text heights that no line crosses and whose sides are columns."""
    spans = sorted((min(line.polygon[0::2]), max(line.polygon[0::2])) for line in lines)
    best, cut, reach = 2.0 * height, None, spans[0][1]
    for start, end in spans[1:]:
        if start - reach > best:
            middle = (start + reach) / 2
            left = [line for line in lines if _centre(line.polygon)[0] < middle]
            right = [line for line in lines if _centre(line.polygon)[0] >= middle]
            if min(len(left), len(right)) >= 3 and _shared_rows(left, right) < 0.5:
                best, cut = start - reach, middle
        reach = max(reach, end)
    return cut


def _shared_rows(left: Sequence[OcrLine], right: Sequence[OcrLine]) -> float:
    """The share of the shorter column's lines that have a line of the other column at their side."""
    few, many = sorted((left, right), key=len)
    beside = sum(any(_same_row(one, other) for other in many) for one in few)
    return beside / len(few)


def _by_rows(lines: Sequence[OcrLine]) -> list[OcrLine]:
    rows: list[list[OcrLine]] = []
    for line in sorted(lines, key=lambda line: _centre(line.polygon)[1]):
        if rows and _same_row(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: _centre(line.polygon)[0])]


def _same_row(one: OcrLine, other: OcrLine) -> bool:
    """Whether two lines stand on one row: their centres are nearer in height than half the lower text."""
    height = min(_text_height(one.polygon), _text_height(other.polygon))
    return abs(_centre(one.polygon)[1] - _centre(other.polygon)[1]) < 0.5 * max(height, 1.0)


def _centre(polygon: Polygon) -> tuple[float, float]:
    return sum(polygon[0::2]) / 4, sum(polygon[1::2]) / 4


def _text_height(polygon: Polygon) -> float:
    x1, y1, x2, y2, x3, y3, x4, y4 = polygon
    return (math.hypot(x4 - x1, y4 - y1) + math.hypot(x3 - x2, y3 - y2)) / 2


def _is_cjk(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"))
