from __future__ import annotations

import pytest

from entx.core.types import OcrPage, Place
from entx.rules.lengths import Extent, extents_of
from entx.rules.words import Layout
from tests.rules.pages import Text, page

TALL = (100.0, 100.0, 100.0, 700.0)
WIDE = (100.0, 900.0, 700.0, 900.0)
INTO = (700.0, 700.0, 800.0, 600.0)


def _extents(*texts: Text) -> list[Extent]:
    return extents_of(Layout.of(page(*texts)))


def _guesses(*texts: Text) -> dict[str, str]:
    return {one.candidate.quantity.text: one.guess for one in _extents(*texts)}


def test_the_direction_of_the_dimension_line_is_the_axis() -> None:
    said = _guesses(Text("40 cm", 0, 0, TALL), Text("30 cm", 0, 200, WIDE), Text("20 cm", 0, 400, INTO))
    assert said == {"40.0 centimetre": "height", "30.0 centimetre": "width", "20.0 centimetre": "depth"}


def test_words_win_over_lines() -> None:
    assert _guesses(Text("Width 40 cm", 0, 0, TALL)) == {"40.0 centimetre": "width"}


def test_a_faint_line_says_nothing() -> None:
    assert _guesses(Text("40 cm", 0, 0, TALL, score=0.05)) == {"40.0 centimetre": ""}


def test_turned_text_and_place_help_where_no_line_is() -> None:
    assert _guesses(Text("40 cm", turned=True)) == {"40.0 centimetre": "height"}
    assert _guesses(Text("40 cm", across=-0.3, down=0.5)) == {"40.0 centimetre": "height"}
    assert _guesses(Text("40 cm", across=0.5, down=1.2)) == {"40.0 centimetre": "width"}
    (one,) = _extents(Text("40 cm", across=0.5, down=1.2))
    assert one.place is Place.BELOW


def test_the_arrow_that_a_number_interrupts_is_no_height() -> None:
    assert _guesses(Text("20cmH", 300, 890, WIDE)) == {"20.0 centimetre": "width"}
    assert _guesses(Text("20cmH", 300, 890, TALL)) == {"20.0 centimetre": "height"}
    assert _guesses(Text("20cmH", 300, 890)) == {"20.0 centimetre": "height"}


def test_a_leading_zero_is_a_misread_diameter_sign() -> None:
    (one,) = _extents(Text("076cm", 0, 0, WIDE))
    assert one.words == {"diameter": 0.8}
    assert one.candidate.quantity.text == "76.0 centimetre"


def test_words_hold_for_the_same_size_elsewhere() -> None:
    named = (Text("W: 12 inch", 0, 200), Text("L: 108 inch", 0, 400))
    said = [one.guess for one in _extents(Text("12 x 108 inch", 0, 0), *named)]
    assert said == ["width", "length", "width", "length"]


def test_both_units_of_a_size_share_its_words() -> None:
    assert [one.words for one in _extents(Text("Height: 10 cm / 3.94 in"))] == [{"height": 1.0}] * 2


def test_a_list_without_labels_is_width_by_height_by_depth() -> None:
    said = _guesses(Text("41 cm x 21 cm x 5 cm"))
    assert said == {"41.0 centimetre": "width", "21.0 centimetre": "height", "5.0 centimetre": "depth"}


def test_a_list_yields_to_the_drawing() -> None:
    said = [one.guess for one in _extents(Text("3 ft x 5 ft", 0, 0), Text("3 ft", 0, 200, TALL))]
    assert said == ["height", "", "height"]


def test_in_perspective_the_flattest_line_is_the_width() -> None:
    flat, steep = (300.0, 900.0, 700.0, 800.0), (100.0, 700.0, 280.0, 900.0)
    said = _guesses(Text("40 cm", 0, 0, TALL), Text("30 cm", 0, 200, flat), Text("20 cm", 0, 400, steep))
    assert said == {"40.0 centimetre": "height", "30.0 centimetre": "width", "20.0 centimetre": "depth"}


def test_a_level_line_leaves_the_oblique_one_to_depth() -> None:
    flat = (300.0, 900.0, 700.0, 800.0)
    said = _guesses(Text("40 cm", 0, 0, WIDE), Text("30 cm", 0, 200, flat))
    assert said == {"40.0 centimetre": "width", "30.0 centimetre": "depth"}


def test_askew_the_steepest_line_is_the_height() -> None:
    steep, flat = (300.0, 700.0, 380.0, 300.0), (100.0, 700.0, 500.0, 760.0)
    said = _guesses(Text("40 cm", 0, 0, steep), Text("30 cm", 0, 200, flat))
    assert said == {"40.0 centimetre": "height", "30.0 centimetre": "width"}
    said = _guesses(Text("40 cm", 0, 0, steep), Text("50 cm", 0, 200, TALL))
    assert said["50.0 centimetre"] == "height"
    assert said["40.0 centimetre"] == "depth"


def test_one_oblique_line_alone_stays_what_it_is() -> None:
    assert _guesses(Text("28 cm", 0, 0, (100.0, 100.0, 500.0, 300.0))) == {"28.0 centimetre": "depth"}


@pytest.mark.parametrize(
    ("texts", "second"),
    [
        ((Text("10 cm / 3.94 in"),), [False, True]),
        ((Text("10 cm", 0, 0), Text("3.94 in", 0, 24)), [False, True]),
        ((Text("4.2cm/11.65in"),), [False, True]),
        ((Text("10 cm", 0, 0), Text("3.94 in", 0, 800)), [False, False]),
        ((Text("10 cm", 0, 0), Text("5 in", 0, 24)), [False, False]),
    ],
)
def test_the_second_spelling_of_a_size(texts: tuple[Text, ...], second: list[bool]) -> None:
    assert [one.second for one in _extents(*texts)] == second


def test_parts_and_packages_are_lookalikes() -> None:
    assert [one.lookalike for one in _extents(Text("Cable 1.5 m", 0, 0), Text("40 cm", 0, 300))] == [True, False]
    assert [one.lookalike for one in _extents(Text("Seat", 0, 0), Text("40 cm", 0, 24))] == [True]


def test_other_quantities_are_no_extents() -> None:
    assert _extents(Text("12V"), Text("500 g"), Text("3 miles")) == []
    assert extents_of(Layout.of(OcrPage("0" * 64, page().status))) == []
