import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.boxes import reading_order
from entx.core.types import OcrLine, Polygon
from entx.ocr_stage.engines.base import RawLine
from entx.ocr_stage.page_reader import ScaledLine, clean, is_stray, rotation, to_lines
from tests.ocr_stage.fake_engine import box


def scaled(text: str, polygon: Polygon, score: float = 0.9, scale: float = 1.0) -> ScaledLine:
    return ScaledLine(RawLine(text, score, polygon), scale)


def texts(*placed: tuple[str, Polygon]) -> list[str]:
    lines = [scaled(text, polygon) for text, polygon in placed]
    random.Random(1).shuffle(lines)
    return [line.text for line in to_lines(lines)]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        ("１２．５ｃｍ", "12.5cm"),
        ("（３ｉｎ）", "(3in)"),
        ("5½ in", "5 1/2 in"),
        ("½ cup", "1/2 cup"),
        ("2⅜", "2 3/8"),
        ("  Net   weight ", "Net weight"),
        ("10㎏", "10kg"),
        ("220Ｖ～", "220V~"),
    ],
)
def test_text_is_normalised(read: str, text: str) -> None:
    assert clean(read) == text


@pytest.mark.parametrize("text", ["", ">", "<", "→", "<-->", "—", "| |", "..", "长", "ト", "°", "''"])
def test_arrows_and_specks_are_stray(text: str) -> None:
    assert is_stray(clean(text))


@pytest.mark.parametrize("text", ["K", "H", "W", "5", "<5", "1.", "25°", "cm", "长度", '5"', "%", "Ω", "#", "®"])
def test_letters_and_digits_stay(text: str) -> None:
    assert not is_stray(clean(text))


@given(st.text(max_size=30))
def test_nothing_with_a_digit_is_dropped_and_cleaning_settles(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    if re.search("[0-9]", cleaned):
        assert not is_stray(cleaned)


def turned(polygon: Polygon, turns: int) -> Polygon:
    """The same rectangle, starting at another corner."""
    points = list(zip(polygon[0::2], polygon[1::2], strict=True))
    points = points[turns:] + points[:turns]
    x1, y1, x2, y2, x3, y3, x4, y4 = (value for point in points for value in point)
    return x1, y1, x2, y2, x3, y3, x4, y4


@pytest.mark.parametrize(("turns", "degrees"), [(0, 0.0), (1, 270.0), (2, 180.0), (3, 90.0)])
def test_rotation_says_how_the_text_stands(turns: int, degrees: float) -> None:
    # Text that starts at the box's top right runs downwards: it is turned clockwise, which is 270 counter-clockwise.
    assert rotation(turned(box(10, 10, 100, 20), turns)) == degrees


def test_slight_slant_is_none_and_real_slant_is_kept() -> None:
    assert rotation((0, 0, 100, 6, 99, 26, -1, 20)) == 0.0
    assert rotation((0, 6, 100, 0, 101, 20, 1, 26)) == 0.0  # from the other side of zero
    assert rotation((0, 100, 100, 0, 114, 14, 14, 114)) == 45.0
    assert rotation((0, 0, 100, 100, 86, 114, -14, 14)) == 315.0


def test_line_keeps_score_polygon_and_scale() -> None:
    (line,) = to_lines([scaled("５ｋｇ", box(1, 2, 30, 10), 0.75, 2.0)])
    assert line == OcrLine("5kg", 0.75, box(1, 2, 30, 10), 0.0, 2.0)


def test_rows_from_top_to_bottom_left_to_right() -> None:
    assert texts(
        ("c", box(10, 60, 50, 20)),
        ("b", box(200, 14, 50, 20)),
        ("a", box(10, 10, 50, 20)),
        ("d", box(200, 57, 50, 20)),
    ) == ["a", "b", "c", "d"]


def test_a_table_is_read_row_by_row() -> None:
    rows = [("Weight", "5 kg"), ("Height", "10 cm"), ("Width", "3 cm"), ("Power", "60 W")]
    placed = []
    for number, (name, value) in enumerate(rows):
        placed += [(name, box(10, 30 * number, 80, 20)), (value, box(400, 30 * number + 2, 60, 20))]
    assert texts(*placed) == [cell for row in rows for cell in row]


def test_two_paragraphs_are_read_one_after_the_other() -> None:
    left = [(f"left {row}", box(10, 40 * row, 150, 20)) for row in range(4)]
    right = [(f"right {row}", box(400, 40 * row + 20, 150, 20)) for row in range(4)]
    assert texts(*left, *right) == [text for text, _ in left + right]


def test_a_headline_over_two_columns_keeps_them_together() -> None:
    """A line that crosses the gap belongs to both columns, so there are none."""
    left = [(f"left {row}", box(10, 60 + 40 * row, 150, 20)) for row in range(3)]
    right = [(f"right {row}", box(400, 80 + 40 * row, 150, 20)) for row in range(3)]
    assert texts(("head", box(10, 0, 540, 30)), *left, *right)[0] == "head"


def test_upright_text_beside_a_column_does_not_swallow_its_rows() -> None:
    tall = turned(box(500, 0, 20, 300), 1)
    order = texts(("tall", tall), *[(f"row {row}", box(10, 50 * row, 200, 20)) for row in range(6)])
    assert [text for text in order if text != "tall"] == [f"row {row}" for row in range(6)]


@given(st.permutations(range(12)), st.integers(0, 5))
def test_order_does_not_depend_on_the_engine(order: list[int], seed: int) -> None:
    chance = random.Random(seed)
    lines = [
        OcrLine(f"line {i}", 0.9, box(chance.randrange(500), chance.randrange(500), chance.randrange(20, 90), 15))
        for i in range(12)
    ]
    assert reading_order([lines[i] for i in order]) == reading_order(lines)
    assert sorted(line.text for line in reading_order(lines)) == sorted(line.text for line in lines)


def test_no_lines() -> None:
    assert to_lines([]) == ()
    assert to_lines([scaled(">", box(0, 0, 5, 5))]) == ()
