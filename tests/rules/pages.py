"""Pages made by hand: lines of text, and dimension lines drawn at them."""

from __future__ import annotations

from dataclasses import dataclass

from entx.core.types import (
    Direction,
    LineGeometry,
    OcrLine,
    OcrPage,
    PageGeometry,
    PageStatus,
    Polygon,
    Stroke,
)

HEIGHT = 20.0
LETTER = 10.0


@dataclass(frozen=True)
class Text:
    """A line of text, 20 pixels high and 10 a letter, and the dimension line drawn at it.

    Args:
        drawn: x1 y1 x2 y2 of its dimension line; None for none.
        score: of that line.
        turned: reads upwards.
        across, down: its place against the product's box.
    """

    text: str
    x: float = 0.0
    y: float = 0.0
    drawn: tuple[float, float, float, float] | None = None
    score: float = 0.8
    turned: bool = False
    across: float | None = None
    down: float | None = None
    gap: float = 0.0


def page(*texts: Text, roundness: float | None = None, marks: tuple[int, ...] = (), geometry: bool = True) -> OcrPage:
    """A page of 1000 x 1000 pixels with these lines; without geometry if it is False."""
    lines = tuple(OcrLine(one.text, 0.99, _polygon(one), 90.0 if one.turned else 0.0) for one in texts)
    found = PageGeometry(
        product=(200, 200, 800, 800), white=0.8, parts=1,
        lines=tuple(_geometry(number, one) for number, one in enumerate(texts) if any(map(str.isdigit, one.text))),
        marks=marks, roundness=roundness,
    )  # fmt: skip
    return OcrPage("0" * 64, PageStatus.OK, "", 1000, 1000, lines, geometry=found if geometry else None)


def _polygon(one: Text) -> Polygon:
    length = LETTER * len(one.text)
    if one.turned:
        return one.x, one.y + length, one.x, one.y, one.x + HEIGHT, one.y, one.x + HEIGHT, one.y + length
    return one.x, one.y, one.x + length, one.y, one.x + length, one.y + HEIGHT, one.x, one.y + HEIGHT


def _geometry(number: int, one: Text) -> LineGeometry:
    strokes: dict[str, Stroke] = {}
    if one.drawn is not None:
        x1, y1, x2, y2 = one.drawn
        direction = Direction.VERTICAL if x1 == x2 else Direction.HORIZONTAL if y1 == y2 else Direction.OBLIQUE
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        strokes[direction.value] = Stroke(direction, (x1, y1), (x2, y2), length, one.gap, one.score, ticks=2)
    return LineGeometry(
        number, strokes.get("vertical"), strokes.get("horizontal"), strokes.get("oblique"), one.across, one.down
    )
