import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import EngineError
from entx.core.images import MAX_PIXELS
from entx.core.types import Polygon
from entx.ocr_stage.engines.base import RawLine, ReaderSettings
from entx.ocr_stage.page_reader import (
    SECOND_LOOK_SIDE,
    ScaledLine,
    common_area,
    doubtful_window,
    merge,
    numeric_strings,
    read_scales,
    worth,
)
from tests.ocr_stage.fake_engine import FakeEngine, box


def blank(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


def one(text: str, score: float = 0.9, polygon: Polygon | None = None) -> ScaledLine:
    return ScaledLine(RawLine(text, score, polygon or box(10, 10, 100, 20)), 1.0)


def two(text: str, score: float = 0.9, polygon: Polygon | None = None) -> ScaledLine:
    return ScaledLine(RawLine(text, score, polygon or box(10, 10, 100, 20)), 2.0)


def test_large_pictures_are_read_once() -> None:
    doubtful = RawLine("5 kg", 0.4, box(1, 2, 30, 10))
    engine = FakeEngine({SECOND_LOOK_SIDE + 1: [doubtful]})
    assert read_scales(engine, blank(SECOND_LOOK_SIDE + 1, 100), ReaderSettings()) == [ScaledLine(doubtful, 1.0)]
    assert engine.calls == [((100, SECOND_LOOK_SIDE + 1, 3), [], True)]


def test_surely_read_pictures_are_read_once() -> None:
    sure = RawLine("5 kg", 0.95, box(1, 2, 30, 10))
    engine = FakeEngine({300: [sure]})
    assert read_scales(engine, blank(300, 200), ReaderSettings()) == [ScaledLine(sure, 1.0)]
    assert len(engine.calls) == 1


def test_doubtful_lines_are_looked_at_again_at_twice_the_size() -> None:
    sure, doubtful = RawLine("5 kg", 0.95, box(10, 20, 30, 10)), RawLine("1I lh", 0.5, box(100, 100, 60, 20))
    # The window: 32 pixels around the doubtful line, 124 x 84 at (68, 68), seen by the engine at 248 x 168.
    again = RawLine("11 lb", 0.8, box(64, 64, 120, 40))
    engine = FakeEngine({300: [sure, doubtful], 248: [again]})
    lines = read_scales(engine, blank(300, 200), ReaderSettings())
    shape, known, enlarge = engine.calls[1]
    assert shape == (168, 248, 3)
    assert known == [
        RawLine("5 kg", 0.95, box(-116, -96, 60, 20)),
        RawLine("1I lh", 0.5, box(64, 64, 120, 40)),
    ]
    assert not enlarge
    assert lines == [
        ScaledLine(sure, 1.0),
        ScaledLine(RawLine("11 lb", 0.8, box(100, 100, 60, 20)), 2.0),
        ScaledLine(doubtful, 1.0),
    ]


def test_the_window_stays_in_the_picture() -> None:
    at = [
        RawLine("a", 0.1, box(-3, 5.5, 30, 10)),
        RawLine("b", 0.1, box(280, 180, 30, 30)),
        RawLine("c", 1.0, box(0, 0, 1, 1)),
    ]
    assert doubtful_window(at, 300, 200) == (0, 0, 300, 200)
    assert doubtful_window(at[:1], 300, 200) == (0, 0, 59, 48)
    assert doubtful_window(at[2:], 300, 200) is None
    assert doubtful_window([], 300, 200) == (0, 0, 300, 200)


def test_single_never_reads_twice() -> None:
    engine = FakeEngine({50: [RawLine("5 kg", 0.1, box(1, 2, 30, 10))]})
    assert len(read_scales(engine, blank(50, 50), ReaderSettings(passes="single"))) == 1
    assert len(engine.calls) == 1


def test_the_surer_reading_of_a_place_stands() -> None:
    assert merge([one("36.2 oy", 0.6)], [two("36.2 oz", 0.95)]) == [two("36.2 oz", 0.95)]
    assert merge([one("36.2 oz", 0.95)], [two("36.2 cz", 0.6)]) == [one("36.2 oz", 0.95)]


def test_a_draw_goes_to_the_first_pass() -> None:
    assert merge([one("5 kg")], [two("5 kg")]) == [one("5 kg")]


def test_other_places_are_added() -> None:
    far = box(10, 200, 100, 20)
    assert merge([one("5 kg")], [two("11 lb", 0.3, far)]) == [one("5 kg"), two("11 lb", 0.3, far)]
    assert merge([], [two("11 lb")]) == [two("11 lb")]
    assert merge([one("5 kg")], []) == [one("5 kg")]


def test_one_whole_line_beats_its_pieces_and_the_other_way_round() -> None:
    pieces = [one("NET", 0.9, box(10, 10, 40, 20)), one("5kg", 0.9, box(60, 10, 40, 20))]
    whole = two("NET WT 5kg", 0.9, box(10, 10, 95, 20))
    assert merge(pieces, [whole]) == [whole]
    fragment = two("5k", 0.9, box(60, 10, 30, 20))
    assert merge([one("NET WT 5kg")], [fragment]) == [one("NET WT 5kg")]


def test_a_number_that_only_the_lesser_reading_has_stays_beside_the_better_one() -> None:
    first, second = one("8477913", 0.78), two("8477613", 0.87)
    assert merge([first], [second]) == [second, first]
    assert merge([one("8477913", 0.45)], [second]) == [second]  # read too badly to count


def test_numeric_strings() -> None:
    assert numeric_strings("5 1/2 in (13.97cm) 1,000 x2") == {"5", "1/2", "13.97", "1,000", "2"}
    assert numeric_strings("none") == set()


def test_worth_grows_with_characters_and_score() -> None:
    assert worth([one("abc", 0.9)]) > worth([one("ab", 0.9)]) > worth([one("ab", 0.7)]) > worth([one("a b", 0.4)]) == 0
    assert worth([one("a-b", 0.9)]) == worth([one("ab", 0.9)])


def test_common_area() -> None:
    assert common_area(box(0, 0, 10, 10), box(5, 5, 10, 10)) == pytest.approx(25)
    assert common_area(box(0, 0, 10, 10), box(10, 0, 10, 10)) == 0
    diamond = (5.0, 0.0, 10.0, 5.0, 5.0, 10.0, 0.0, 5.0)
    assert common_area(box(0, 0, 10, 10), diamond) == pytest.approx(50)
    assert common_area((3, 3, 3, 3, 3, 3, 3, 3), box(0, 0, 10, 10)) == 0


LINES = st.lists(
    st.builds(
        lambda text, score, x, y, width: (text, score, box(x, y, width, 10)),
        st.text("ab1 5", max_size=6),
        st.floats(0, 1),
        st.integers(0, 50),
        st.integers(0, 50),
        st.integers(1, 60),
    ),
    max_size=6,
)


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
    assert ReaderSettings.from_params({}) == ReaderSettings("auto", MAX_PIXELS)
    assert ReaderSettings.from_params({"passes": "single", "max_pixels": 9}).max_pixels == 9
    with pytest.raises(EngineError, match="passes must be"):
        ReaderSettings.from_params({"passes": "three"})
    for wrong in (0, -1, True, "many", 1.5):
        with pytest.raises(EngineError, match="max_pixels"):
            ReaderSettings.from_params({"max_pixels": wrong})
