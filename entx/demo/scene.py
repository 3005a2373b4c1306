"""What a drawn picture is: the image, what is printed where, and the truth about all eight entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

from entx.core.quantity import Quantity
from entx.core.types import Direction, Polygon

Point = tuple[float, float]


class Role(StrEnum):
    """What a printed text is to the questions."""

    ANSWER = "answer"  # it states the value of one or more entities
    DECOY = "decoy"  # a number that answers nothing that is asked
    WORDS = "words"  # brand, title, slogan, unit note


@dataclass(frozen=True, slots=True)
class PrintedText:
    """One line of text in the picture.

    Args:
        text: as printed.
        polygon: around its ink, in pixels of the picture; the same order as an OCR line's.
        rotation: degrees counter-clockwise, in [0, 360).
        role: what it is to the questions.
        entities: those whose value it states; empty unless role is ANSWER.
        line: position in `Scene.lines` of the dimension line it belongs to, -1 for none.
    """

    text: str
    polygon: Polygon
    rotation: float
    role: Role
    entities: tuple[str, ...] = ()
    line: int = -1


@dataclass(frozen=True, slots=True)
class DimensionLine:
    """One dimension line: its two ends in pixels, and the direction it was drawn in."""

    start: Point
    end: Point
    direction: Direction


@dataclass(frozen=True, slots=True)
class Truth:
    """What the picture says about one entity.

    Args:
        value: as printed; None where the picture does not state it.
        also: equally right answers (the same size in the second printed unit, the lower end of a range).
        tempting: the picture invites the question, so an empty value is worth asking for.
    """

    value: Quantity | None = None
    also: tuple[Quantity, ...] = ()
    tempting: bool = True


NOT_STATED = Truth()
"""An entity that the picture tempts one to answer but does not state."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One drawn picture.

    Args:
        kind: name of the scene function.
        image: RGB.
        truth: of every entity of the challenge.
        texts: every printed text, once.
        lines: every dimension line.
    """

    kind: str
    image: Image.Image
    truth: Mapping[str, Truth]
    texts: tuple[PrintedText, ...] = ()
    lines: tuple[DimensionLine, ...] = ()
