"""One picture's bytes to one `OcrPage`, inside a worker: decoding, one look or more, lines, geometry.

Three kinds of pictures are looked at again:

- Where a small picture has lines that were read with a low score, the part around them is read at twice its size: print
  of a few pixels becomes legible. Reading the whole picture twice finds hardly a number more (1 in 42) and takes four
  times as long.
- Where print covers next to nothing of a picture, it is read with print put below it. Networks that search for text
  weigh what they see by its mean over the picture, so that one small line on a blank ground drowns; beside other print
  they find it.
- Where nearly all print stands turned, the picture is read turned, so that the print stands upright.

Where two readings have the same place, the better one stands, whole: a line is never put together from two.

What becomes of a picture that kills the process is the pool's work.
"""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from entx.core.boxes import reading_order
from entx.core.images import Image, decode
from entx.core.types import OcrLine, OcrPage, PageStatus, Polygon
from entx.ocr_stage.engines.base import Engine, EngineSpec, RawLine, ReaderSettings, build_engine
from entx.ocr_stage.geometry import area, common_area, page_geometry
from entx.ocr_stage.worker import verdict

SECOND_LOOK_SIDE = 640  # no picture with a longer side than this is looked at again at twice its size
DOUBTFUL = 0.8
"""Lines read with a lower score are looked at again. Pictures without such lines gained no number (48 of 100)."""

ENLARGED = 2.0

SPARSE = 0.01
"""Share of a picture that its sure lines cover at most where it is read with print below it: of 54 drawn pictures of
1500 x 1500 with two lines, one of 12 to 20 pixels, the first look misses that line in 5 of 6 below this share and in 1
of 4 above it. One real picture in eight is so sparse."""

PRINT, CAPITAL = "Net weight 12345", 0.02
"""What is printed below a picture, and the height of its capitals as a share of the square root of the picture's area.
Two rows let 27 of 27 drawn lines of 9 to 20 pixels be found, one row 25, one of print nearly twice as high 22."""

TURNED = 0.75
"""Share of the surely read letters and digits that stand in one turn where the picture is read turned."""

MARGIN = 32  # pixels of the picture around the doubtful lines that the second reading sees as well
SAME_PLACE = 0.5  # two lines stand in the same place when their common area is this share of the smaller one
SNAP_DEGREES = 5.0
"""Text this near to an axis stands on it: corners are whole pixels, which turns short lines by some degrees."""

_NUMBER = re.compile(r"[0-9]+(?:[.,/][0-9]+)*")
# What dimension lines, their heads and leader dots are read as. No letter: H, W, D, L stand for dimensions.
_ARROWS = re.compile(r"[\s<>←→↑↓↔↕⟵⟶⟷⇐⇒⇔↖↗↘↙▲▼◀▶►◄△▽«»‹›^~|/\\_=+*.,:;'\"`·•°–—―‐‑−-]*")
_VULGAR_AFTER_DIGIT = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞↉])")


class PageReader:
    """Reads pictures with one engine (EngineError). Build one in each worker process; it is not shared."""

    def __init__(self, spec: EngineSpec) -> None:
        self._settings = spec.reader_settings()
        self._engine = build_engine(spec)

    def read(self, picture: str, data: bytes) -> OcrPage:
        """The page of a file with that sha256 and these bytes; what is wrong with it becomes a status and a reason."""
        start = time.perf_counter()
        width = height = 0
        try:
            image = decode(data, self._settings.max_pixels)
            height, width = image.shape[:2]
            lines = to_lines(read_scales(self._engine, image, self._settings))
            geometry = page_geometry(image, lines)
        except Exception as error:
            return OcrPage(picture, *verdict(error), width, height, (), time.perf_counter() - start)
        return OcrPage(picture, PageStatus.OK, "", width, height, lines, time.perf_counter() - start, geometry)


@dataclass(frozen=True, slots=True)
class ScaledLine:
    """A line in pixels of the picture, with the scale at which it was read."""

    line: RawLine
    scale: float


def read_scales(engine: Engine, image: Image, settings: ReaderSettings) -> list[ScaledLine]:
    """The lines of all looks at the picture, merged, in pixels of the picture."""
    if settings.passes == "single":
        return [ScaledLine(line, 1.0) for line in engine.read(image)]
    lines = _read_upright(engine, image)
    if turns := quarter_turns(lines):
        upright = _read_upright(engine, np.ascontiguousarray(np.rot90(image, -turns)))
        if worth(upright) >= TURNED * worth(lines):
            return [replace(item, line=turned(item.line, turns, image)) for item in upright]
    return lines


def _read_upright(engine: Engine, image: Image) -> list[ScaledLine]:
    lines = [ScaledLine(line, 1.0) for line in engine.read(image)]
    height, width = image.shape[:2]
    if covered(lines) <= SPARSE * height * width:
        more, printed = with_print(image)
        again = [line for line in engine.read(more, printed) if sum(line.polygon[1::2]) < 4 * height]
        lines = merge(lines, [ScaledLine(_moved(line, 1.0, 0.0, 0.0, height), 1.0) for line in again], letters)
    found = [item.line for item in lines]
    window = doubtful_window(found, width, height) if max(height, width) <= SECOND_LOOK_SIDE else None
    if window is None:
        return lines
    left, top, right, bottom = window
    part = cv2.resize(image[top:bottom, left:right], None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    known = [_moved(line, ENLARGED, -left * ENLARGED, -top * ENLARGED) for line in found]
    second = [_moved(line, 1 / ENLARGED, left, top) for line in engine.read(part, known, enlarge=False)]
    return merge(lines, [ScaledLine(line, ENLARGED) for line in second])


def covered(lines: Sequence[ScaledLine]) -> float:
    """Square pixels of the surely read lines; what is read as a single letter is often no print but a round body."""
    sure = (item.line for item in lines if item.line.score >= DOUBTFUL and letters([item]) > 1)
    return sum(area(line.polygon) for line in sure)


def with_print(image: Image) -> tuple[Image, list[RawLine]]:
    """The picture with two rows of print in a band below it, and that print's lines."""
    height, width = image.shape[:2]
    capital = CAPITAL * math.sqrt(height * width)
    font, scale, thickness = cv2.FONT_HERSHEY_DUPLEX, capital / 22, max(1, round(capital / 14))  # 22 pixels high at 1
    (length, _), _ = cv2.getTextSize(PRINT, font, scale, thickness)
    band = np.full((math.ceil(4 * capital), width, 3), 255, np.uint8)
    printed = []
    for foot in (round(1.5 * capital), round(3.5 * capital)):
        for left in range(round(capital), width - length, length + round(3 * capital)):
            cv2.putText(band, PRINT, (left, foot), font, scale, (0, 0, 0), thickness, cv2.LINE_AA)
            x1, x2 = left - 0.3 * capital, left + length + 0.3 * capital
            y1, y2 = height + foot - 1.5 * capital, height + foot + 0.5 * capital
            printed.append(RawLine(PRINT, 1.0, (x1, y1, x2, y1, x2, y2, x1, y2)))
    return np.vstack([image, band]), printed


def quarter_turns(lines: Sequence[ScaledLine]) -> int:
    """By how many quarters, counter-clockwise, nearly all print stands turned; 0 for upright print and for one line."""
    standing = [0, 0, 0, 0, 0]
    for item in lines:
        if item.line.score >= DOUBTFUL:
            quarter, rest = divmod(rotation(item.line.polygon), 90.0)
            standing[4 if rest else int(quarter)] += sum(map(str.isalnum, item.line.text))
    most = max(range(4), key=standing.__getitem__)
    return most if len(lines) > 1 and standing[most] >= TURNED * sum(standing) else 0


def turned(line: RawLine, quarters: int, image: Image) -> RawLine:
    """A line of the picture that was turned clockwise by so many quarters, back in pixels of this image."""
    height, width = image.shape[:2]
    wide, high = (height, width) if quarters % 2 else (width, height)
    points = np.array(line.polygon).reshape(4, 2) - np.array([wide, high]) / 2
    for _ in range(quarters):
        points = points[:, ::-1] * (1, -1)  # y grows downwards
    x1, y1, x2, y2, x3, y3, x4, y4 = (points + np.array([width, height]) / 2).ravel().tolist()
    return replace(line, polygon=(x1, y1, x2, y2, x3, y3, x4, y4))


def doubtful_window(lines: Sequence[RawLine], width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the part of the picture that holds all doubtful lines; None where there are none.

    A picture without any line is doubtful as a whole.
    """
    if not lines:
        return 0, 0, width, height
    corners = [value for line in lines if line.score < DOUBTFUL for value in line.polygon]
    if not corners:
        return None
    left, right = math.floor(min(corners[0::2])) - MARGIN, math.ceil(max(corners[0::2])) + MARGIN
    top, bottom = math.floor(min(corners[1::2])) - MARGIN, math.ceil(max(corners[1::2])) + MARGIN
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


def worth(lines: Sequence[ScaledLine]) -> float:
    """How much a reading says and how surely: letters and digits, each weighted by its line's score above 1/2.

    Fewer than half of the characters of a line with a score of 1/2 are right on fine print, so that more of them are
    worth nothing.
    """
    return sum(sum(map(str.isalnum, item.line.text)) * max(0.0, item.line.score - 0.5) for item in lines)


def letters(lines: Sequence[ScaledLine]) -> float:
    """How many letters and digits a reading holds in lines with a score of 1/2 or more: it does not tell how surely."""
    return sum(sum(map(str.isalnum, item.line.text)) for item in lines if item.line.score >= 0.5)


def merge(
    first: Sequence[ScaledLine],
    second: Sequence[ScaledLine],
    value: Callable[[Sequence[ScaledLine]], float] = worth,
) -> list[ScaledLine]:
    """Both readings' lines, each place once.

    Lines that stand in the same place, through any chain of overlaps, form a cluster; of each cluster the reading of
    more value stays, the first one on a draw. A line of the other reading stays beside it only where it was read with
    a score of 1/2 or more, is no piece of a better line, and holds a number that the better ones lack: which number is
    right is for the reader of the page to decide, who sees both scores.
    """
    areas = [[area(item.line.polygon) for item in side] for side in (first, second)]
    cluster = list(range(len(first) + len(second)))

    def root(node: int) -> int:
        while cluster[node] != node:
            node = cluster[node]
        return node

    for i, old in enumerate(first):
        for j, new in enumerate(second):
            smaller = min(areas[0][i], areas[1][j])
            if smaller > 0 and common_area(old.line.polygon, new.line.polygon) >= SAME_PLACE * smaller:
                cluster[root(len(first) + j)] = root(i)

    members: dict[int, tuple[list[ScaledLine], list[ScaledLine]]] = {}
    for node, item in enumerate([*first, *second]):
        members.setdefault(root(node), ([], []))[node >= len(first)].append(item)
    merged = []
    for old_lines, new_lines in members.values():
        newer = not old_lines or value(new_lines) > value(old_lines)
        better, other = (new_lines, old_lines) if newer else (old_lines, new_lines)
        texts = [item.line.text for item in better]
        numbers = {number for text in texts for number in numeric_strings(text)}
        merged += better
        merged += [
            item for item in other
            if item.line.score >= 0.5 and numeric_strings(item.line.text) - numbers
            and not any(item.line.text in text for text in texts)
        ]  # fmt: skip
    return merged


def numeric_strings(text: str) -> set[str]:
    """The runs of digits in a text, with decimal points, commas and fraction bars between digits."""
    return set(_NUMBER.findall(text))


def to_lines(raw: Iterable[ScaledLine]) -> tuple[OcrLine, ...]:
    """Lines in reading order, without those that are only an arrow.

    The order is the same whatever the order of `raw`.
    """
    lines = []
    for item in raw:
        text, polygon = clean(item.line.text), item.line.polygon
        if not is_stray(text):
            lines.append(OcrLine(text, item.line.score, polygon, rotation(polygon), item.scale))
    return tuple(reading_order(lines))


def clean(text: str) -> str:
    """NFKC with single spaces; mixed numbers keep their parts apart (5½ is "5 1/2", where plain NFKC says 51/2)."""
    text = unicodedata.normalize("NFKC", _VULGAR_AFTER_DIGIT.sub(" ", text)).replace("\N{FRACTION SLASH}", "/")
    return " ".join(text.split())


def is_stray(text: str) -> bool:
    """Whether a line says nothing: empty, only arrow-like marks, or one lone CJK character read from an arrowhead."""
    cjk = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO")
    return _ARROWS.fullmatch(text) is not None or (len(text) == 1 and unicodedata.name(text, "").startswith(cjk))


def rotation(polygon: Polygon) -> float:
    """Degrees counter-clockwise, 0 <= r < 360, by which text stands turned; on an axis where it is near one."""
    x1, y1, x2, y2, x3, y3, x4, y4 = polygon
    along_x, along_y = (x2 - x1) + (x3 - x4), (y2 - y1) + (y3 - y4)
    degrees = math.degrees(math.atan2(-along_y, along_x)) % 360.0
    nearest = round(degrees / 90.0) * 90.0
    return nearest % 360.0 if abs(degrees - nearest) <= SNAP_DEGREES else round(degrees, 1) % 360.0


def _moved(line: RawLine, factor: float, right: float, down: float, bottom: float = math.inf) -> RawLine:
    x1, y1, x2, y2, x3, y3, x4, y4 = (
        min(value * factor + down, bottom) if i % 2 else value * factor + right for i, value in enumerate(line.polygon)
    )
    return replace(line, polygon=(x1, y1, x2, y2, x3, y3, x4, y4))
