"""What the stages hand to each other: quantities, questions, OCR pages with their geometry, answers and evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

_WRITTEN = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s+([a-zA-Z]+(?: [a-zA-Z]+)*)")
_MAX_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit. Equal when both are equal: 5 gram = 5.0 gram, but 500 gram is not 0.5 kilogram."""

    value: Decimal  # exact decimal, finite
    unit: str  # canonical singular name, for example "fluid ounce"

    @property
    def text(self) -> str:
        """The written form: at least one decimal, no exponent, no other trailing zero ("500.0 gram", "8.25 inch")."""
        digits = format(self.value, "f")
        whole, _, fraction = digits.partition(".")
        return f"{whole}.{fraction.rstrip('0') or '0'} {self.unit}"

    def __str__(self) -> str:
        return self.text


def parse_written(text: str) -> Quantity | None:
    """Reads the written form "number unit" of truth and prediction files; None for anything else.

    Strict on purpose: it does not know units, repair spelling or read ranges (that is `postprocess`).
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or len(match[1]) > _MAX_DIGITS:
        return None
    return Quantity(Decimal(match[1]), match[2])


Polygon = tuple[float, float, float, float, float, float, float, float]
"""x1 y1 x2 y2 x3 y3 x4 y4 in pixels of the upright picture, clockwise from the text's own top left."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of a table of questions."""

    index: int  # the table's index, unique in a store
    image_link: str  # as given: a URL, or a file name
    group_id: str  # the table's product group, "" where the table has none
    entity_name: str  # a name of the schema
    picture: str | None = None  # sha256 of the picture file, None while the file is missing
    label: str | None = None  # the table's entity_value, None for a table without labels


@dataclass(frozen=True, slots=True)
class OcrLine:
    """One line of text that an engine read."""

    text: str  # NFKC-normalised
    score: float  # the recogniser's mean probability, 0 to 1
    polygon: Polygon
    rotation: float = 0.0  # degrees counter-clockwise: 0, 90, 180, 270 along an axis, any in [0, 360) for slanted text
    scale: float = 1.0  # of the picture in which it was read: 1.0 as it is, 2.0 enlarged twice


@dataclass(frozen=True, slots=True)
class PageKey:
    """What made a page: pages of different keys never mix."""

    engine: str  # the engine's entry-point name
    model_hash: str  # over the bytes of its model files
    params_hash: str  # over every setting that can change the text or the geometry

    def as_dict(self) -> dict[str, str]:
        """For the parameters of a query and the settings of a run."""
        return {"engine": self.engine, "model_hash": self.model_hash, "params_hash": self.params_hash}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> PageKey | None:
        """The pages that a run's settings name; None for a run that read none."""
        engine, model_hash, params_hash = (settings.get(name) for name in NO_PAGES)
        return cls(engine, model_hash, params_hash) if engine and model_hash and params_hash else None


NO_PAGES = dict.fromkeys(("engine", "model_hash", "params_hash"))
"""`PageKey.as_dict` for a run that reads no pages but says so in its settings."""


class PageStatus(StrEnum):
    """How the reading of one picture ended."""

    OK = "ok"
    UNREADABLE = "unreadable"  # the file is no picture that can be decoded
    REFUSED = "refused"  # over a limit: pixels, bytes
    QUARANTINED = "quarantined"  # it killed or outlasted its worker too often
    FAILED = "failed"  # the engine raised
    UNAVAILABLE = "unavailable"  # a state of the machine: no store keeps such a page, the picture stays pending


class Direction(StrEnum):
    """How a straight line runs in the picture."""

    VERTICAL = "vertical"
    HORIZONTAL = "horizontal"
    OBLIQUE = "oblique"


class Place(StrEnum):
    """Where something stands to the product's box; the side that it lies farthest beyond, in the box's own size."""

    INSIDE = "inside"
    LEFT = "left"
    RIGHT = "right"
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Stroke:
    """A drawn line that may be the dimension line of a number."""

    direction: Direction
    start: tuple[float, float]  # x and y in pixels of the upright picture: the upper end, the left one of a horizontal
    end: tuple[float, float]
    length: float  # of the whole line in pixels, between its heads, with a gap that the text breaks into it
    gap: float  # pixels from the text's polygon to the line, 0 where the line runs through it
    score: float  # 0 to 1, how much it looks like this number's dimension line; comparable between directions
    broken: bool = False  # two halves on either side of the text
    ticks: int = 0  # number of its ends, 0 to 2, that carry an arrow head, a tick or a bar


@dataclass(frozen=True, slots=True)
class LineGeometry:
    """What stands around one OCR line that holds a digit."""

    line: int  # position in `OcrPage.lines`
    vertical: Stroke | None = None  # the best stroke of each direction, None where there is none
    horizontal: Stroke | None = None
    oblique: Stroke | None = None
    across: float | None = None  # the text's centre against the product's box: 0 is its left edge, 1 its right one,
    down: float | None = None  # and 0 its upper edge, 1 its lower one; less or more is outside; None without a box

    @property
    def best(self) -> Stroke | None:
        """The stroke with the highest score."""
        strokes = [stroke for stroke in (self.vertical, self.horizontal, self.oblique) if stroke is not None]
        return max(strokes, key=lambda stroke: stroke.score, default=None)

    @property
    def place(self) -> Place | None:
        """Where the text's centre stands to the product's box; None without a box."""
        if self.across is None or self.down is None:
            return None
        beyond = {
            Place.LEFT: -self.across, Place.RIGHT: self.across - 1.0, Place.ABOVE: -self.down,
            Place.BELOW: self.down - 1.0,
        }  # fmt: skip
        side = max(beyond, key=beyond.__getitem__)
        return side if beyond[side] > 0.0 else Place.INSIDE


@dataclass(frozen=True, slots=True)
class PageGeometry:
    """What one picture shows besides its text, computed once and stored with the page."""

    # x1 y1 x2 y2 in pixels of the upright picture, of what stands on a plain background without its text and dimension
    # lines; None where the background is not plain (a photograph of a room)
    product: tuple[float, float, float, float] | None = None
    white: float = 0.0  # share of nearly white pixels, 0 to 1
    parts: int = 0  # number of separate things on the plain background; 0 where it is not plain
    lines: tuple[LineGeometry, ...] = ()  # of the OCR lines that hold a digit, in their order
    # positions in `OcrPage.lines` of one-letter lines that lie on a stroke: an arrow `|-|` read as H
    marks: tuple[int, ...] = ()
    # 0 to 1, the probability that the product is a round body on its axis (a jar); None: it cannot be told
    roundness: float | None = None

    def of(self, line: int) -> LineGeometry | None:
        """The geometry of the OCR line at that position; None for a line without a digit."""
        return next((found for found in self.lines if found.line == line), None)


@dataclass(frozen=True, slots=True)
class OcrPage:
    """All lines of one picture, in reading order; a line's id is its position in `lines`."""

    picture: str  # sha256 of the file
    status: PageStatus  # anything but OK comes with a reason and no lines
    reason: str = ""
    width: int = 0  # of the upright picture in pixels; 0 where it was never decoded
    height: int = 0
    lines: tuple[OcrLine, ...] = ()
    seconds: float = 0.0  # wall time of decoding, reading and geometry in the worker
    geometry: PageGeometry | None = None  # None for a page that is not OK, and for one read before geometry was stored


class Alignment(StrEnum):
    """How an answer was found in the OCR lines."""

    EXACT = "exact"  # number and unit stand there as answered
    NORMALISED = "normalised"  # after unit spelling, fractions, separators, a unit shared by several numbers
    FUZZY = "fuzzy"  # after repairing an OCR slip or a misspelt unit
    NONE = "none"  # not found: the answer stays ungrounded


ALIGNMENTS = {alignment: rank for rank, alignment in enumerate(Alignment)}
"""The surest first."""


def least_sure(*alignments: Alignment) -> Alignment:
    """The alignment of what was read in several steps."""
    return max(alignments, key=ALIGNMENTS.__getitem__)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where an answer was read."""

    alignment: Alignment
    line_ids: tuple[int, ...] = ()  # positions in `OcrPage.lines`, empty with Alignment.NONE
    polygon: Polygon | None = None  # around those lines; None with Alignment.NONE


NO_EVIDENCE = Evidence(Alignment.NONE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One stage's answer to one question."""

    quantity: Quantity | None  # None when the stage abstains or could not answer
    text: str = ""  # the raw text that the stage produced, before the postprocessor
    reason: str = ""  # why there is no quantity; "" when there is one
    evidence: Evidence = NO_EVIDENCE  # where it was read
    log_prob: float | None = None  # the model's log-probability of the answer; None for stages without one
    p_correct: float | None = None  # calibrated probability that the answer is right; None until calibrated
    p_present: float | None = None  # and that the picture shows a value at all
    seconds: float = 0.0  # wall time spent on this answer
    score: float | None = None  # of the rules' best candidate, given or not: 0 to 1 within an entity, no probability
