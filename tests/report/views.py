"""A page with everything on it: two passes, turned and slanted text, dimension lines, candidates, answers."""

from __future__ import annotations

import io
from decimal import Decimal

from PIL import Image

from entx.core.entities import CHALLENGE
from entx.core.types import (
    Alignment,
    Answer,
    Direction,
    Evidence,
    LineGeometry,
    OcrLine,
    OcrPage,
    PageGeometry,
    PageStatus,
    Polygon,
    Quantity,
    Stroke,
)
from entx.report.marks import PageView, ShownAnswer
from entx.report.show import show_page

WIDTH, HEIGHT = 400, 300
BRAND: Polygon = (40, 30, 240, 30, 240, 80, 40, 80)
TALL: Polygon = (20, 200, 20, 120, 40, 120, 40, 200)  # read from below
WIDE: Polygon = (150, 250, 260, 250, 260, 270, 150, 270)
LINES = (
    OcrLine("Nordhaven", 0.99, BRAND),
    OcrLine("24 cm", 0.875, TALL, 90.0),
    OcrLine("30 cm / 11.8 in", 0.93, WIDE, 0.0, 2.0),
)
VERTICAL = Stroke(Direction.VERTICAL, (50.0, 90.0), (50.0, 230.0), 140.0, 4.0, 0.75, True, 2)
OBLIQUE = Stroke(Direction.OBLIQUE, (60.0, 90.0), (90.0, 60.0), 42.0, 20.0, 0.125)
HORIZONTAL = Stroke(Direction.HORIZONTAL, (120.0, 240.0), (300.0, 240.0), 180.0, 8.0, 0.5, False, 2)
GEOMETRY = PageGeometry(
    product=(100.0, 90.0, 320.0, 230.0),
    white=0.625,
    parts=1,
    lines=(
        LineGeometry(1, vertical=VERTICAL, oblique=OBLIQUE, across=-0.3, down=0.5),
        LineGeometry(2, None, HORIZONTAL),
    ),
    roundness=0.25,
)
HEIGHT_ANSWER = Answer(
    Quantity(Decimal(24), "centimetre"), "24 cm", "", Evidence(Alignment.EXACT, (1,), TALL), p_correct=0.84, score=0.75
)


def picture_bytes(width: int = WIDTH, height: int = HEIGHT, colour: tuple[int, int, int] = (255, 255, 255)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(stream, "PNG")
    return stream.getvalue()


def page(*texts: str, geometry: PageGeometry | None = GEOMETRY, scale: float = 1.0) -> OcrPage:
    """The page; with texts, those instead of its own, one above the other."""
    if not texts:
        return OcrPage("0" * 64, PageStatus.OK, "", WIDTH, HEIGHT, LINES, 0.1, geometry)
    lines = tuple(OcrLine(text, 0.9, (10, y, 200, y, 200, y + 8, 10, y + 8)) for y, text in enumerate(texts, 10))
    return OcrPage("0" * 64, PageStatus.OK, "", round(WIDTH * scale), round(HEIGHT * scale), lines)


def view(*answers: ShownAnswer, shown: OcrPage | None = None, title: str = "box.png", data: bytes = b"") -> PageView:
    given = answers or (
        ShownAnswer("rules", "height", HEIGHT_ANSWER, "24.0 centimetre"),
        ShownAnswer("rules", "item_weight", Answer(None, reason="no quantity with a legal unit in the text")),
    )
    return show_page(
        title, data or picture_bytes(), shown or page(), CHALLENGE, given, facts=[("picture", "box.png")]
    )  # fmt: skip
