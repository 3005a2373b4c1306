from __future__ import annotations

import pytest

from entx.rules.words import CAPACITY, LOOKALIKES, PERSON, axes_in, axis_of, letter_box


@pytest.mark.parametrize(
    ("label", "axis"),
    [
        ("h", "height"), ("H", "height"), ("hauteur", "height"), ("höhe", "height"), ("w", "width"),
        ("Breite", "width"), ("d", "depth"), ("tiefe", "depth"), ("l", "length"), ("largo", "length"),
        ("t", "thickness"), ("ø", "diameter"), ("dia", "diameter"), ("", ""), ("volume", ""),
    ],
)  # fmt: skip
def test_a_label_names_an_axis(label: str, axis: str) -> None:
    assert axis_of(label) == axis


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("Overall Height 40 inch", ("height",)),
        ("HÖHE: 30 cm", ("height",)),
        ("Breite x Tiefe", ("width", "depth")),
        ("COLLAR WIDTH:1CM", ("width",)),
        ("MIN LENGH:8.66 IN", ("length",)),
        ("Ø 20 cm", ("diameter",)),
        ("heighten your senses", ()),
        ("highlights of a longing", ()),
        ("H 40 cm", ()),  # letters count as labels only
    ],
)
def test_the_axis_words_of_a_text(text: str, axes: tuple[str, ...]) -> None:
    assert axes_in(text) == axes


@pytest.mark.parametrize(("text", "axis"), [("H", "height"), ("W:", "width"), ("(D)", "depth"), ("+W", "width")])
def test_a_box_with_a_letter_only(text: str, axis: str) -> None:
    assert letter_box(text) == axis


@pytest.mark.parametrize("text", ["Hi", "HW", "x", "A", "10", ""])
def test_other_boxes_are_no_letter(text: str) -> None:
    assert letter_box(text) == ""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("length", "Seat height"), ("length", "cable 1.5 m"), ("length", 'fits 24" grills'), ("length", "ID: 10 mm"),
        ("weight", "Protein 20 g"), ("weight", "per 100 g"), ("weight", "Serving size 30 g"),
        ("power", "60W equivalent"), ("volume", "per serving 250 ml"),
    ],
)  # fmt: skip
def test_lookalikes_are_told(kind: str, text: str) -> None:
    assert LOOKALIKES[kind].search(text)


@pytest.mark.parametrize(
    ("kind", "text"), [("length", "Height 40 cm"), ("weight", "NET WT 500 g"), ("power", "60W"), ("volume", "500 ml")]
)
def test_plain_statements_are_no_lookalikes(kind: str, text: str) -> None:
    assert not LOOKALIKES[kind].search(text)


def test_loads_and_people_have_their_words() -> None:
    assert CAPACITY.search("Holds up to 50 lb")
    assert CAPACITY.search("MAX. LOAD 120KG")
    assert not CAPACITY.search("Net weight 2 kg")
    assert PERSON.search("3-6 months")
    assert not PERSON.search("aged cheddar")
