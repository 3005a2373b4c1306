from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from entx.core.errors import InputError
from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, OcrLine, OcrPage, PageStatus
from entx.report.page_png import LONGER_SIDE, PANEL_WIDTH, draw_page, picture_scale, write_page_png
from entx.report.page_view import ShownAnswer
from tests.report.views import HEIGHT, HEIGHT_ANSWER, TALL, WIDTH, page, picture_bytes, view

RED, BLUE, GREEN = (205, 25, 45), (40, 110, 200), (20, 140, 60)
SCALE = LONGER_SIDE[0] / WIDTH


def coloured(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Where the picture's part of the drawing has the colour."""
    found: np.ndarray[Any, Any] = (np.asarray(image)[:, : round(WIDTH * SCALE)] == colour).all(axis=2)
    return found


def drawn_box(mask: np.ndarray[Any, Any]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_a_small_picture_is_enlarged_and_a_large_one_reduced() -> None:
    assert picture_scale(450, 300) == 2.0
    assert picture_scale(1000, 1200) == 1.0
    assert picture_scale(3600, 10) == 0.5


def test_the_evidence_stands_where_it_was_read_at_the_pictures_scale() -> None:
    shown = replace(page(geometry=None), lines=page().lines[1:2])
    answer = replace(HEIGHT_ANSWER, evidence=Evidence(Alignment.EXACT, (0,), TALL))
    image = draw_page(view(ShownAnswer("", "height", answer), shown=shown))
    assert image.size == (round(WIDTH * SCALE) + PANEL_WIDTH, round(HEIGHT * SCALE))
    left, top, right, bottom = drawn_box(coloured(image, RED))
    expected = np.array([min(TALL[0::2]), min(TALL[1::2]), max(TALL[0::2]), max(TALL[1::2])]) * SCALE
    assert np.abs(np.array([left, top, right, bottom]) - expected).max() <= 3


def test_lines_are_thin_and_the_answer_bold() -> None:
    image = draw_page(view())
    red, blue = coloured(image, RED), coloured(image, BLUE)
    across = slice(round(100 * SCALE), round(200 * SCALE))  # along the upper edge of the brand's box
    assert blue[round(30 * SCALE) - 2 : round(30 * SCALE) + 3, across].sum(axis=0).max() == 1
    middle = round(180 * SCALE)  # across the left edge of the answer's box
    assert red[middle, round(20 * SCALE) - 5 : round(20 * SCALE) + 6].sum() >= 4
    inside = blue[round(40 * SCALE) : round(70 * SCALE), round(60 * SCALE) : round(220 * SCALE)]
    assert not inside.any()  # a box, not a filled area


def test_dimension_lines_and_product_are_drawn_where_the_page_has_geometry() -> None:
    with_geometry = coloured(draw_page(view()), GREEN)
    assert with_geometry[round(175 * SCALE) : round(225 * SCALE), round(50 * SCALE)].all()
    assert with_geometry[round(150 * SCALE), round(320 * SCALE) - 1 : round(320 * SCALE) + 2].any()
    assert not coloured(draw_page(view(shown=page(geometry=None))), GREEN).any()


def test_an_answer_without_evidence_gets_no_box() -> None:
    image = draw_page(view(ShownAnswer("vlm", "height", replace(HEIGHT_ANSWER, evidence=NO_EVIDENCE))))
    assert not coloured(image, RED).any()
    assert coloured(image, BLUE).any()


def test_shapes_show_on_black() -> None:
    image = draw_page(view(data=picture_bytes(colour=(0, 0, 0))))
    white = coloured(image, (255, 255, 255))
    edge = white[round(30 * SCALE) - 3 : round(30 * SCALE) + 4, round(100 * SCALE) : round(200 * SCALE)]
    assert edge.any(axis=0).all()


def test_the_panel_beside_the_picture_is_written_on() -> None:
    image = np.asarray(draw_page(view()))
    panel = image[:, round(WIDTH * SCALE) :]
    assert (panel < 100).all(axis=2).sum() > 500
    assert (panel[:, -10:] == 255).all()


def test_long_and_foreign_text_stays_in_the_panel() -> None:
    texts = ["重量 " + "500 g " * 80, "\u202e\x00\ud800 <b>", ""] + [f"row {i}" for i in range(200)]
    image = np.asarray(draw_page(view(ShownAnswer("run " * 99, "height", Answer(None)), shown=page(*texts))))
    assert (image[:, -10:] == 255).all()
    assert image.shape[0] <= 1400
    assert (image[-4:, round(WIDTH * SCALE) :] == 255).all()


def test_a_page_without_lines_is_drawn() -> None:
    empty = OcrPage("0" * 64, PageStatus.OK, "", WIDTH, HEIGHT)
    image = draw_page(view(ShownAnswer("rules", "height", Answer(None, reason="no text")), shown=empty))
    assert (np.asarray(image)[:, : round(WIDTH * SCALE)] == 255).all()


def test_polygons_that_leave_the_picture_are_drawn_as_far_as_it_goes() -> None:
    outside = OcrPage(
        "0" * 64, PageStatus.OK, "", WIDTH, HEIGHT, (OcrLine("x", 1.0, (-50, -9, 900, -9, 900, 40, -50, 40)),)
    )
    assert coloured(draw_page(view(ShownAnswer("rules", "height", Answer(None)), shown=outside)), BLUE).any()


def test_the_file_is_a_png_that_differs_from_the_picture(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "page.png"
    write_page_png(view(), out)
    with Image.open(out) as image:
        assert image.format == "PNG"
        again = io.BytesIO()
        draw_page(view()).save(again, "PNG")
        assert out.read_bytes() == again.getvalue()  # the same every time
        assert not (np.asarray(image)[:, : round(WIDTH * SCALE)] == 255).all()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_page_png(view(), tmp_path / "file" / "page.png")
