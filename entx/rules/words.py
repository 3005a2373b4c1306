"""What printed words say about a number: the cue words of one line of text, and the captions around a number's line.

The vocabulary is axis words in several languages, and for each kind of quantity the words of its look-alikes: numbers
of that kind that are no answer. `Layout` is the page as the rules reader sees it, computed once whatever number of
questions is asked of it. What the words are worth stands in `features` and `lengths`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from entx.core.boxes import Frame, frame_of
from entx.core.candidates import Candidate, page_quantities
from entx.core.expressions import AXIS_WORDS
from entx.core.types import LineGeometry, OcrPage, PageGeometry, Polygon

_LETTERS = {"h": "height", "w": "width", "d": "depth", "l": "length", "t": "thickness", "b": "width", "p": "depth"}
_AXIS_OF = {word: axis for axis, words in AXIS_WORDS.items() for word in words} | _LETTERS


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_AXIS_IN_TEXT = re.compile(
    "|".join(
        rf"(?P<{axis}>(?<![^\W\d_])(?:{_any(words)})(?![^\W\d_]){'|[øØφΦ⌀∅]' if axis == 'diameter' else ''})"
        for axis, words in AXIS_WORDS.items()
    ),
    re.IGNORECASE,
)
_LETTER_BOX = re.compile(r"[(\[+<-]?[ ]?(?P<letter>[HWDLThwdl])[ ]?[)\]>:=.-]{0,2}", re.ASCII)


def axis_of(label: str) -> str:
    """The axis that a label at a number names ("h", "breite"), "" for none."""
    return _AXIS_OF.get(label.lower(), "")


def axes_in(text: str) -> tuple[str, ...]:
    """The axes that the words of a text name, each once, in order."""
    return tuple(dict.fromkeys(match.lastgroup or "" for match in _AXIS_IN_TEXT.finditer(text)))


def letter_box(text: str) -> str:
    """The axis of a box that holds nothing but an axis letter ("H", "W:"), "" for any other."""
    match = _LETTER_BOX.fullmatch(text.strip())
    return _LETTERS[match["letter"].lower()] if match else ""


# A number of the right kind that is no answer, by what is printed on its line or beside it. One pattern for each kind.
LOOKALIKES = {
    "length": re.compile(
        r"seat|sitz|arm ?rest|leg ?room|clearance|cable|cord|kabel|wire|hose|screen|display|monitor"
        r"|diagonal|\bfits?\b|compatible|suitable|\bfor\b|up to|inner|inside|interior|internal|\bi\.?d\b|handle|strap"
        r"|blade|stroke|inseam|waist|chest|bust|hips?\b|person|child|\bage|circumf|drop|distance|range|gap\b|hole|pitch|thread|spacing"
        r"|adjust|packag|package|folded|box size|font|lens|focal|radius|mesh|pile|frame size|print size|photo|insert",
        re.IGNORECASE,
    ),
    "weight": re.compile(
        r"protein|carb|sugar|\bfats?\b|\bsat\b|fib(?:er|re)|sodium|calori|serving|portion|\bper\b|\bpro\b|vitamin|dose"
        r"|\beach\b|amount|daily|calcium|iron|potassium|caffeine|collagen|creatine|amino|bcaa|extract|omega|\bepa\b|\bdha\b"
        r"|\bmg\b|trans|cholest|kcal|energy|added|salt|capsule|tablet|scoop|\bof\b|gsm|/m2|g/m|denier|contains",
        re.IGNORECASE,
    ),
    "voltage": re.compile(r"hi-?pot|surge|dielectric|insulation|\bup to\b|withstand|compatible", re.IGNORECASE),
    "power": re.compile(
        r"equivalent|equal|replac|ersetzt|remplace|\bvs\b|compar|standby|\bup to\b|saves?|kwh|peak|surge|per\b|/m|each",
        re.IGNORECASE,
    ),
    "volume": re.compile(r"serving|portion|\bper\b|dose|daily|water|makes?|/ ?min|\bfor\b|displacement", re.IGNORECASE),
}  # fmt: skip
CAPACITY = re.compile(
    r"capacit|\bload|hold|support|bear|\bmax|limit|up to|strong|withstand|heavy|traglast|belast"
    r"|tr[aä]gt|bis zu|jusqu|hasta|soporta|sopporta|carga|charge|portata"
    r"|weight rec|accommodat|recommended|user weight|suspension|tragf|rated",
    re.IGNORECASE,
)
"""Words of a load or a capacity: what a weight is then a maximum of, not the item's own."""

PERSON = re.compile(r"\b(?:months?|years?|yrs?|age|child|baby|kids?|boy|girl|person|user|rider|model)\b", re.IGNORECASE)
"""Words of a chart about people: their heights and weights are nobody's product."""


_REACH = 1.6  # text heights that a caption may lie above or below its number
_ROW_FACTOR = 20.0  # in a row of a table the number may stand farther to the right: (1.6 - 0.8) x 20 = 16 text heights


@dataclass(frozen=True)
class Layout:
    """A page with what the features need of it."""

    page: OcrPage  # with or without geometry
    quantities: tuple[Candidate, ...]  # all of the page (`page_quantities`)
    # for the position of a number's line the positions of the lines without a quantity that stand nearest to it: above,
    # below or to the left, each line a caption of one number only
    captions: dict[int, tuple[int, ...]]
    geometry: dict[int, LineGeometry]  # the geometry of a line by its position; empty for a page without
    heights: tuple[float, ...]  # text height of each line in pixels
    tallest: float  # the largest height of a number's line, at least 1

    @classmethod
    def of(cls, page: OcrPage) -> Layout:
        """The layout of a page."""
        quantities = page_quantities(page)
        numbers = sorted({line for one in quantities for line in one.line_ids})
        frames = [frame_of(line.polygon) for line in page.lines]
        drawn = page.geometry or PageGeometry()
        captions = _captions(page, numbers, frames, frozenset(drawn.marks))
        heights = tuple(frame.height for frame in frames)
        tallest = max((heights[line] for line in numbers), default=1.0)
        return cls(page, quantities, captions, {one.line: one for one in drawn.lines}, heights, tallest)

    def around(self, one: Candidate) -> list[str]:
        """The texts of a candidate's captions."""
        return [self.page.lines[number].text for line in one.line_ids for number in self.captions.get(line, ())]


def _captions(
    page: OcrPage, numbers: list[int], frames: list[Frame], marks: frozenset[int]
) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    taken = marks.union(numbers)
    letters = {number: axis for number, line in enumerate(page.lines) if (axis := letter_box(line.text))}
    several = len({axis for number, axis in letters.items() if number not in marks}) > 1
    by_top = sorted(numbers, key=lambda number: frames[number].y)
    tops = [frames[number].y for number in by_top]
    widest = max((frames[number].width for number in numbers), default=0.0)
    for index, line in enumerate(page.lines):
        if index in taken or not any(map(str.isalpha, line.text)):
            continue
        if len(line.text.strip()) == 1 and not (several and index in letters):
            continue  # an H on its own is an arrow |-| more often than a height
        best, nearest = _REACH, -1
        caption = frames[index]
        reach = _within(caption, max(caption.height, 1.0), widest)
        first, last = bisect_left(tops, caption.y - reach), bisect_right(tops, caption.y + reach)
        for number in sorted(by_top[first:last]):  # of two that are equally near, the first in reading order
            distance = _distance(caption, frames[number], page.lines[number].polygon)
            if distance < best:
                best, nearest = distance, number
        if nearest >= 0:
            found.setdefault(nearest, []).append(index)
    return {number: tuple(lines) for number, lines in found.items()}


def _within(caption: Frame, unit: float, width: float) -> float:
    """How far the corner of a number of this width may lie from its caption's at most, pixels."""
    return 4 * _REACH * unit + 2 * (caption.width + width)


def _distance(caption: Frame, number: Frame, number_polygon: Polygon) -> float:
    """How far a caption lies from a number, in text heights; infinite where it does not belong to it.

    A number to the right of its caption or below it is the rule; one above it is taken a little less readily.
    """
    unit = max(min(caption.height, number.height), 1.0)
    if abs(caption.x - number.x) + abs(caption.y - number.y) > _within(caption, unit, number.width):
        return float("inf")
    left, top, right, bottom = caption.box(number_polygon)
    if min(bottom, caption.height) - max(top, 0.0) >= 0.5 * min(caption.height, bottom - top):
        gap = left - caption.width
        if gap >= -0.5 * unit:
            return max(gap, 0.0) / unit / 1.5 if gap <= 2.0 * unit else 0.8 + gap / unit / _ROW_FACTOR
        gap = -right
        return max(gap, 0.0) / unit + 0.4 if gap >= -0.5 * unit else float("inf")
    if min(right, caption.width) - max(left, 0.0) < 0.3 * min(right - left, caption.width):
        return float("inf")
    if top >= 0.5 * caption.height:
        return max(top - caption.height, 0.0) / unit + 0.1
    return max(-bottom, 0.0) / unit + 0.4
