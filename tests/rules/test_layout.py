from __future__ import annotations

from entx.rules.words import Layout
from tests.rules.pages import Text, page


def test_a_caption_belongs_to_the_nearest_number_only() -> None:
    layout = Layout.of(page(Text("Height", 0, 0), Text("40 cm", 0, 24), Text("30 cm", 0, 100)))
    assert layout.captions == {1: (0,)}


def test_captions_stand_left_above_or_below() -> None:
    left = Layout.of(page(Text("Height", 0, 0), Text("40 cm", 80, 0)))
    above = Layout.of(page(Text("Height", 0, 0), Text("40 cm", 0, 30)))
    below = Layout.of(page(Text("Height", 0, 30), Text("40 cm", 0, 0)))
    assert left.captions == above.captions == {1: (0,)}
    assert below.captions == {1: (0,)}


def test_what_is_far_off_is_no_caption() -> None:
    assert Layout.of(page(Text("Height", 0, 0), Text("40 cm", 0, 200))).captions == {}
    assert Layout.of(page(Text("Height", 0, 0), Text("40 cm", 500, 0))).captions == {}


def test_the_first_column_of_a_table_captions_its_row() -> None:
    rows = [
        (Text(name, 0, y), Text(value, 250, y)) for name, value, y in (("Height", "40 cm", 0), ("Width", "30 cm", 60))
    ]
    assert Layout.of(page(*(text for row in rows for text in row))).captions == {1: (0,), 3: (2,)}


def test_a_caption_just_above_wins_over_one_in_the_row() -> None:
    layout = Layout.of(page(Text("Size", 0, 30), Text("Height", 200, 0), Text("40 cm", 200, 30), Text("5 kg", 600, 30)))
    assert layout.captions[2] == (0, 1)
    assert Layout.of(page(Text("Height", 0, 0), Text("40 cm", 0, 24), Text("30 cm", 200, 0))).captions == {1: (0,)}


def test_a_caption_of_turned_text_is_found_in_its_own_direction() -> None:
    # both read upwards; the caption stands on the left of the number, which is above in its own sense
    layout = Layout.of(page(Text("Height", 100, 100, turned=True), Text("40 cm", 124, 105, turned=True)))
    assert layout.captions == {1: (0,)}


def test_a_lone_letter_is_an_arrow_and_no_caption() -> None:
    assert Layout.of(page(Text("H", 0, 0), Text("40 cm", 20, 0))).captions == {}


def test_letters_are_captions_where_several_axes_have_one() -> None:
    layout = Layout.of(page(Text("H", 0, 0), Text("40 cm", 20, 0), Text("W", 0, 300), Text("30 cm", 20, 300)))
    assert layout.captions == {1: (0,), 3: (2,)}


def test_a_letter_that_lies_on_a_stroke_is_never_a_caption() -> None:
    texts = (Text("H", 0, 0), Text("40 cm", 20, 0), Text("W", 0, 300), Text("30 cm", 20, 300))
    assert Layout.of(page(*texts, marks=(0,))).captions == {}


def test_around_gives_the_texts() -> None:
    layout = Layout.of(page(Text("Net weight", 0, 0), Text("500 g", 0, 24), Text("12 V", 400, 400)))
    assert layout.around(layout.quantities[0]) == ["Net weight"]
    assert layout.around(layout.quantities[1]) == []


def test_a_page_without_geometry_has_none() -> None:
    layout = Layout.of(page(Text("40 cm"), geometry=False))
    assert layout.geometry == {}
    assert layout.tallest == 20.0
