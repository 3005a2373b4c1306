"""One or two readings of a picture, its lines, and its page."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from entx.core.boxes import reading_order
from entx.core.errors import EngineError
from entx.core.images import MAX_PIXELS
from entx.core.types import OcrLine, OcrPage, PageStatus, Polygon
from entx.ocr_stage.engines.base import BUILT_IN, EngineSpec, RawLine, ReaderSettings
from entx.ocr_stage.page_reader import (
    SECOND_LOOK_SIDE,
    PageReader,
    ScaledLine,
    clean,
    covered,
    doubtful_window,
    is_stray,
    merge,
    numeric_strings,
    quarter_turns,
    read_scales,
    rotation,
    to_lines,
    turned,
    with_print,
    worth,
)
from tests.core.test_images import mutations
from tests.ocr_stage.fake_engine import FakeEngine, box
from tests.ocr_stage.pictures import encoded, label


def blank(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


def one(text: str, score: float = 0.9, polygon: Polygon | None = None) -> ScaledLine:
    return ScaledLine(RawLine(text, score, polygon or box(10, 10, 100, 20)), 1.0)


def two(text: str, score: float = 0.9, polygon: Polygon | None = None) -> ScaledLine:
    return replace(one(text, score, polygon), scale=2.0)


def turned_box(polygon: Polygon, turns: int) -> Polygon:
    """The same rectangle, starting at another corner."""
    points = list(zip(polygon[0::2], polygon[1::2], strict=True))
    points = points[turns:] + points[:turns]
    x1, y1, x2, y2, x3, y3, x4, y4 = (value for point in points for value in point)
    return x1, y1, x2, y2, x3, y3, x4, y4


@pytest.mark.parametrize(
    ("width", "score", "passes"),
    [(SECOND_LOOK_SIDE + 1, 0.95, "auto"), (300, 0.95, "auto"), (50, 0.1, "single"), (5000, 0.1, "single")],
    ids=["large", "surely read", "single", "single and large"],
)
def test_these_pictures_are_read_once(width: int, score: float, passes: str) -> None:
    line = RawLine("5 kg", score, box(1, 2, 100, 10))
    engine = FakeEngine({width: [line]})
    assert read_scales(engine, blank(width, 100), ReaderSettings(passes)) == [ScaledLine(line, 1.0)]
    assert engine.calls == [((100, width, 3), [], True)]


def test_doubtful_lines_are_looked_at_again_at_twice_the_size() -> None:
    sure, doubtful = RawLine("5 kg", 0.95, box(10, 20, 60, 12)), RawLine("1I lh", 0.5, box(100, 100, 60, 20))
    # The window: 32 pixels around the doubtful line, 124 x 84 at (68, 68), seen by the engine at 248 x 168.
    again = RawLine("11 lb", 0.8, box(64, 64, 120, 40))
    engine = FakeEngine({300: [sure, doubtful], 248: [again]})
    lines = read_scales(engine, blank(300, 200), ReaderSettings())
    shape, known, enlarge = engine.calls[1]
    assert shape == (168, 248, 3)
    assert known == [RawLine("5 kg", 0.95, box(-116, -96, 120, 24)), RawLine("1I lh", 0.5, box(64, 64, 120, 40))]
    assert not enlarge
    found = ScaledLine(RawLine("11 lb", 0.8, box(100, 100, 60, 20)), 2.0)
    assert lines == [ScaledLine(sure, 1.0), found, ScaledLine(doubtful, 1.0)]


def test_a_large_picture_with_little_print_is_read_again_with_print_below_it() -> None:
    part, whole = RawLine("5 k", 0.9, box(10, 20, 30, 10)), RawLine("5 kg", 0.9, box(10, 20, 40, 10))
    touching, below = RawLine("10 g", 0.9, box(200, 335, 40, 20)), RawLine("Net", 0.9, box(10, 360, 200, 20))
    looks = iter(([part], [whole, touching, below]))

    class Engine(FakeEngine):
        def read(self, image: np.ndarray, known: Sequence[RawLine] = (), *, enlarge: bool = True) -> list[RawLine]:
            super().read(image, known, enlarge=enlarge)
            return next(looks)

    engine = Engine()
    lines = read_scales(engine, blank(800, 350), ReaderSettings())
    assert lines == [ScaledLine(whole, 1.0), ScaledLine(replace(touching, polygon=box(200, 335, 40, 15)), 1.0)]
    (shape, known, enlarge) = engine.calls[1]
    assert (shape[1], enlarge) == (800, True)
    assert shape[0] > 350
    assert known
    assert all(min(line.polygon[1::2]) > 350 and max(line.polygon[1::2]) < shape[0] + 5 for line in known)


def test_what_covers_a_picture() -> None:
    sure, doubtful = (one("5 kg", score, box(0, 0, 40, 10)) for score in (0.8, 0.79))
    assert covered([sure, doubtful, one("O", 0.99, box(0, 0, 500, 500))]) == pytest.approx(400)


@pytest.mark.parametrize("size", [(700, 700), (3000, 400), (400, 3000), (10, 2000), (2000, 10)])
def test_any_picture_gets_print_below_it_and_keeps_its_pixels(size: tuple[int, int]) -> None:
    width, height = size
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    more, printed = with_print(image)
    assert np.array_equal(more[:height], image)
    assert bool(printed) == (width > 0.1 * height)
    for line in printed:
        x1, y1, x2, _, _, y2, _, _ = map(int, line.polygon)
        assert more[y1:y2, x1:x2].min() == 0
        assert width >= x2


def stood(*turns: int, texts: Sequence[str] = ("5 kg", "12 cm", "a")) -> list[ScaledLine]:
    return [one(text, 0.9, turned_box(box(9, 9, 90, 20), turn)) for text, turn in zip(texts, turns, strict=False)]


@pytest.mark.parametrize(
    ("lines", "quarters"),
    [
        (stood(3, 3), 1), (stood(1, 1), 3), (stood(2, 2), 2), (stood(0, 0), 0), (stood(3, 0), 0), (stood(3, 1), 0),
        (stood(3, 3, 0), 1), (stood(3), 0), ([], 0), ([one("5 kg", 0.7)] * 2, 0),
    ],
)  # fmt: skip
def test_the_turn_of_most_print(lines: list[ScaledLine], quarters: int) -> None:
    assert quarter_turns(lines) == quarters


@given(st.integers(0, 3), st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_line_of_a_turned_picture_comes_back_to_its_place(
    quarters: int, width: int, height: int, data: st.DataObject
) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    image = np.zeros((height, width, 3), np.uint8)
    image[top:bottom, left:right] = 1
    rows, columns = np.nonzero(np.rot90(image, -quarters)[..., 0])
    seen = box(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    back = turned(RawLine("5 kg", 0.9, seen), quarters, image).polygon
    assert back == turned_box(box(left, top, right - left, bottom - top), -quarters % 4)


def test_a_picture_whose_print_stands_turned_is_read_upright() -> None:
    sideways = [
        RawLine("Net weight 500", 0.9, turned_box(box(100, 20, 20, 160), 1)),
        RawLine("6", 0.9, box(100, 182, 20, 15)),
    ]
    upright = [RawLine("Net weight 500 g", 0.9, box(20, 180, 177, 20))]
    for again, stands in ((upright, True), ([RawLine("NetW", 0.6, box(1, 1, 50, 9))], False)):
        engine = FakeEngine({300: sideways, 200: again})
        lines = to_lines(read_scales(engine, blank(300, 200), ReaderSettings()))
        assert engine.calls[1][0] == (300, 200, 3)
        found = OcrLine("Net weight 500 g", 0.9, (120, 20, 120, 197, 100, 197, 100, 20), 270.0, 1.0)
        assert (lines == (found,)) is stands
        assert (len(lines) == 2) is not stands


def test_the_window_stays_in_the_picture() -> None:
    placed = ((0.1, (-3, 5.5, 30, 10)), (0.1, (280, 180, 30, 30)), (1.0, (0, 0, 1, 1)))
    at = [RawLine("a", score, box(*place)) for score, place in placed]
    assert doubtful_window(at, 300, 200) == (0, 0, 300, 200)
    assert doubtful_window(at[:1], 300, 200) == (0, 0, 59, 48)
    assert doubtful_window(at[2:], 300, 200) is None
    assert doubtful_window([], 300, 200) == (0, 0, 300, 200)


PIECES = [one("NET", 0.9, box(10, 10, 40, 20)), one("5kg", 0.9, box(60, 10, 40, 20))]
WHOLE, FRAGMENT = two("NET WT 5kg", 0.9, box(10, 10, 95, 20)), two("5k", 0.9, box(60, 10, 30, 20))
FAR, SURER = two("11 lb", 0.3, box(10, 200, 100, 20)), two("8477613", 0.87)
MERGES = {
    "the surer reading of a place stands": ([one("36.2 oy", 0.6)], [two("36.2 oz", 0.95)], [two("36.2 oz", 0.95)]),
    "be it the first": ([one("36.2 oz", 0.95)], [two("36.2 cz", 0.6)], [one("36.2 oz", 0.95)]),
    "a draw goes to the first reading": ([one("5 kg")], [two("5 kg")], [one("5 kg")]),
    "other places are added": ([one("5 kg")], [FAR], [one("5 kg"), FAR]),
    "only the second": ([], [two("11 lb")], [two("11 lb")]),
    "only the first": ([one("5 kg")], [], [one("5 kg")]),
    "one whole line beats its pieces": (PIECES, [WHOLE], [WHOLE]),
    "and its fragment": ([one("NET WT 5kg")], [FRAGMENT], [one("NET WT 5kg")]),
    "a number that the better one lacks stays": ([one("8477913", 0.78)], [SURER], [SURER, one("8477913", 0.78)]),
    "unless it was read too badly to count": ([one("8477913", 0.45)], [SURER], [SURER]),
}


@pytest.mark.parametrize("case", MERGES)
def test_two_readings_are_merged(case: str) -> None:
    first, second, merged = MERGES[case]
    assert merge(first, second) == merged


def test_numeric_strings() -> None:
    assert numeric_strings("5 1/2 in (13.97cm) 1,000 x2") == {"5", "1/2", "13.97", "1,000", "2"}
    assert numeric_strings("none") == set()


def test_worth_grows_with_characters_and_score() -> None:
    assert worth([one("abc", 0.9)]) > worth([one("ab", 0.9)]) > worth([one("ab", 0.7)]) > worth([one("a b", 0.4)]) == 0
    assert worth([one("a-b", 0.9)]) == worth([one("ab", 0.9)])


PLACE = st.builds(lambda x, y, width: box(x, y, width, 10), *[st.integers(0, 50)] * 2, st.integers(1, 60))
LINES = st.lists(st.tuples(st.text("ab1 5", max_size=6), st.floats(0, 1), PLACE), max_size=6)


@given(LINES, LINES)
def test_merging_invents_nothing_and_loses_no_surely_read_number(first: list, second: list) -> None:
    old = [one(*line) for line in first]
    new = [two(*line) for line in second]
    merged = merge(old, new)
    assert all(item in old + new for item in merged)
    assert len(merged) <= len(old) + len(new)
    sure = {n for item in old + new if item.line.score >= 0.5 for n in numeric_strings(item.line.text)}
    assert sure <= {n for item in merged for n in numeric_strings(item.line.text)}


def test_settings_are_checked() -> None:
    assert EngineSpec().reader_settings() == ReaderSettings("auto", MAX_PIXELS)
    assert EngineSpec.of(passes="single", max_pixels=9, threads=2).reader_settings() == ReaderSettings("single", 9)
    with pytest.raises(EngineError, match="passes must be"):
        EngineSpec.of(passes="three").reader_settings()
    for wrong in (0, -1, True, "many", 1.5):
        with pytest.raises(EngineError, match="max_pixels"):
            EngineSpec.of(max_pixels=wrong).reader_settings()


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


STRAY = ["", ">", "<", "→", "<-->", "—", "| |", "..", "长", "ト", "°", "''"]
KEPT = ["K", "H", "W", "5", "<5", "1.", "25°", "cm", "长度", '5"', "%", "Ω", "#", "®"]


@pytest.mark.parametrize("text", [*STRAY, *KEPT])
def test_arrows_and_specks_are_stray_and_letters_and_digits_are_not(text: str) -> None:
    assert is_stray(clean(text)) is (text in STRAY)


@given(st.text(max_size=30))
def test_nothing_with_a_digit_is_dropped_and_cleaning_settles(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    if re.search("[0-9]", cleaned):
        assert not is_stray(cleaned)


@pytest.mark.parametrize(("turns", "degrees"), [(0, 0.0), (1, 270.0), (2, 180.0), (3, 90.0)])
def test_rotation_says_how_the_text_stands(turns: int, degrees: float) -> None:
    # Text that starts at the box's top right runs downwards: it is turned clockwise, which is 270 counter-clockwise.
    assert rotation(turned_box(box(10, 10, 100, 20), turns)) == degrees


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
    tall = turned_box(box(500, 0, 20, 300), 1)
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


def read(reader: PageReader, data: bytes) -> OcrPage:
    picture = hashlib.sha256(data).hexdigest()
    page = reader.read(picture, data)
    assert page.picture == picture
    assert page.seconds > 0
    assert (page.status is PageStatus.OK) == (page.reason == "")
    return page


@pytest.fixture(scope="module")
def reader() -> PageReader:
    return PageReader(EngineSpec())


@pytest.fixture(scope="module")
def single() -> PageReader:
    return PageReader(EngineSpec.of(passes="single"))


@pytest.mark.engine
def test_a_picture_becomes_a_page(reader: PageReader) -> None:
    page = read(reader, encoded(label(["NET WT 12.5 kg", "Height 30.4 cm"]), "JPEG"))
    assert page.status is PageStatus.OK
    assert (page.width, page.height) == (560, 204)
    assert [line.text for line in page.lines] == ["NET WT 12.5 kg", "Height 30.4 cm"]
    assert all(line.rotation == 0.0 for line in page.lines)


@pytest.mark.engine
def test_exif_is_applied_before_reading(reader: PageReader) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned counter-clockwise by 90 degrees
    page = read(reader, encoded(label(["NET WT 12.5 kg"], turn=90), "JPEG", exif=exif))
    assert [(line.text, line.rotation) for line in page.lines] == [("NET WT 12.5 kg", 0.0)]
    assert page.width > page.height


@pytest.mark.engine
def test_small_print_is_read_better_at_twice_the_size(reader: PageReader, single: PageReader) -> None:
    picture = label(["Net weight 18.25 oz", "Made of 100% steel"], size=8, width=640)
    both, once = read(reader, encoded(picture)), read(single, encoded(picture))
    assert {line.scale for line in once.lines} == {1.0}
    assert sum(line.score for line in both.lines) >= sum(line.score for line in once.lines)


LARGE = {
    "24 pixels on 1500 x 1500": ((1500, 1500), 24, (400, 900), "white", "black", False),
    "34 pixels on 2000 x 2000, beside a product": ((2000, 2000), 34, (60, 1900), "white", "#404040", True),
    "50 pixels on 3000 x 3000": ((3000, 3000), 50, (2400, 300), "white", "#c00000", False),
    "14 pixels on 1400 x 1000, on dark ground": ((1400, 1000), 14, (1200, 500), "#101010", "white", True),
}


@pytest.mark.engine
@pytest.mark.parametrize("case", LARGE)
def test_one_small_line_in_a_large_picture_is_read(reader: PageReader, case: str) -> None:
    size, height, place, ground, ink, product = LARGE[case]
    picture = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(picture)
    if product:
        draw.rounded_rectangle([side * share for share in (0.25, 0.75) for side in size], 60, "#b08040")
    font = ImageFont.load_default(size=height)
    draw.text(place, "Net weight 500 g", ink, font)
    page = read(reader, encoded(picture))
    (line,) = [line for line in page.lines if line.text == "Net weight 500 g"]
    drawn = draw.textbbox(place, "Net weight 500 g", font)
    found = *line.polygon[0:2], *line.polygon[4:6]
    assert found == pytest.approx(drawn, abs=height / 2)
    assert sum(line.score for line in page.lines) < line.score + 0.8  # nothing of what was printed below


@pytest.mark.engine
def test_the_first_look_misses_that_line(single: PageReader) -> None:
    picture = Image.new("RGB", (1500, 1500), "white")
    ImageDraw.Draw(picture).text((400, 900), "Net weight 500 g", "black", ImageFont.load_default(size=14))
    assert read(single, encoded(picture)).lines == ()


@pytest.mark.engine
@pytest.mark.parametrize("ink", ["white", "black"])
def test_print_on_transparency_is_read(reader: PageReader, ink: str) -> None:
    picture = Image.new("RGBA", (600, 200), (0, 0, 0, 0))
    ImageDraw.Draw(picture).text((40, 60), "Net weight 500 g", ink, ImageFont.load_default(size=36))
    assert [line.text for line in read(reader, encoded(picture)).lines] == ["Net weight 500 g"]


@pytest.mark.engine
def test_a_larger_max_side_finds_finer_print(reader: PageReader) -> None:
    picture = Image.new("RGB", (3600, 300), "white")
    ImageDraw.Draw(picture).text((2500, 200), "Net weight 500 g", "black", ImageFont.load_default(size=9))
    larger = PageReader(EngineSpec.of(max_side=3600))
    lines = [[line.text for line in read(one, encoded(picture)).lines] for one in (reader, larger)]
    assert lines[0] != lines[1] == ["Net weight 500 g"]


@pytest.mark.engine
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_label_photographed_sideways_is_read_whole(reader: PageReader, turn: int) -> None:
    """The first look takes the last letter there for a line of its own, which stands upright."""
    texts = ["Net weight 500  g", "Height 30.4 cm"]
    picture = label(texts, width=600, turn=turn)
    page = read(reader, encoded(picture, "JPEG"))
    assert sorted((line.text, line.rotation) for line in page.lines) == [
        ("Height 30.4 cm", turn), ("Net weight 500 g", turn),
    ]  # fmt: skip
    ink = np.argwhere(np.asarray(picture)[..., 0] < 128)[:, ::-1]
    corners = np.array([line.polygon for line in page.lines]).reshape(-1, 2)
    assert corners.min(axis=0) == pytest.approx(ink.min(axis=0), abs=16)
    assert corners.max(axis=0) == pytest.approx(ink.max(axis=0), abs=16)


@pytest.mark.engine
def test_a_picture_without_text_is_ok_and_empty(reader: PageReader) -> None:
    page = read(reader, encoded(Image.new("RGB", (300, 200), "white")))
    assert (page.status, page.lines) == (PageStatus.OK, ())
    assert (page.width, page.height) == (300, 200)


@pytest.mark.engine
def test_what_is_wrong_with_a_picture_is_its_status(reader: PageReader) -> None:
    whole = encoded(label(["12.5 kg"]), "JPEG")
    assert read(reader, b"").status is PageStatus.UNREADABLE
    assert read(reader, b"<html>").status is PageStatus.UNREADABLE
    assert read(reader, whole[: len(whole) // 2]).status is PageStatus.UNREADABLE
    assert read(reader, encoded(Image.new("1", (9000, 9000)))).status is PageStatus.REFUSED


@pytest.mark.engine
def test_broken_pictures_all_get_a_page(reader: PageReader) -> None:
    statuses = {read(reader, data).status for data in mutations(60, seed=8)}
    assert PageStatus.UNREADABLE in statuses
    assert PageStatus.FAILED not in statuses


def with_engine(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine, **params: int) -> PageReader:
    """A reader whose engine is this one, found as any plug-in of a source tree would be."""
    monkeypatch.setattr("tests.ocr_stage.test_page_reader.CURRENT", engine, raising=False)
    monkeypatch.setitem(BUILT_IN, "fake", "tests.ocr_stage.test_page_reader:current")
    return PageReader(EngineSpec.of("fake", **params))


def current() -> FakeEngine:
    return CURRENT  # noqa: F821 - set by with_engine


def test_lines_come_cleaned_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    placed = (("１２ｃｍ", (10, 80, 50, 10)), (">", (70, 80, 10, 10)), ("Height", (10, 20, 50, 10)))
    raw = [RawLine(text, 0.95, box(*place)) for text, place in placed]
    page = read(with_engine(monkeypatch, FakeEngine({100: raw})), encoded(Image.new("RGB", (100, 100))))
    assert [line.text for line in page.lines] == ["Height", "12cm"]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (RuntimeError("shape\nmismatch"), PageStatus.FAILED, "RuntimeError: shape mismatch"),
        (MemoryError(), PageStatus.UNAVAILABLE, "not enough memory to read it"),
        (RuntimeError("x.cpp:12: std::bad_alloc"), PageStatus.UNAVAILABLE, "not enough memory to read it"),
    ],
)
def test_an_engine_that_raises_fails_the_page_and_keeps_the_size(
    monkeypatch: pytest.MonkeyPatch, error: Exception, status: PageStatus, reason: str
) -> None:
    page = read(with_engine(monkeypatch, FakeEngine(error=error)), encoded(Image.new("RGB", (100, 90))))
    assert (page.status, page.reason) == (status, reason)
    assert (page.width, page.height, page.lines) == (100, 90, ())


def test_the_limit_of_pixels_is_a_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    page = read(with_engine(monkeypatch, FakeEngine(), max_pixels=8999), encoded(Image.new("RGB", (100, 90))))
    assert page.status is PageStatus.REFUSED
    assert "100 x 90" in page.reason
