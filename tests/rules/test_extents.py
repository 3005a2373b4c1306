from __future__ import annotations

import pytest

from entx.core.types import OcrPage, Place
from entx.rules.features import Layout
from entx.rules.lengths import Extent, extents_of
from tests.rules.pages import Text, page

TALL = (100.0, 100.0, 100.0, 700.0)
WIDE = (100.0, 900.0, 700.0, 900.0)
INTO = (700.0, 700.0, 800.0, 600.0)


def _extents(*texts: Text) -> list[Extent]:
    return extents_of(Layout.of(page(*texts)))


FLAT, STEEP = (300.0, 900.0, 700.0, 800.0), (100.0, 700.0, 280.0, 900.0)
FIRST, SECOND, THIRD = (0.0, 0.0), (0.0, 200.0), (0.0, 400.0)


@pytest.mark.parametrize(
    ("texts", "guesses"),
    [
        pytest.param(
            (Text("40 cm", *FIRST, TALL), Text("30 cm", *SECOND, WIDE), Text("20 cm", *THIRD, INTO)),
            ["height", "width", "depth"],
            id="the direction of the dimension line",
        ),
        pytest.param((Text("Width 40 cm", *FIRST, TALL),), ["width"], id="words win over lines"),
        pytest.param((Text("40 cm", *FIRST, TALL, score=0.05),), [""], id="a faint line says nothing"),
        pytest.param((Text("40 cm", turned=True),), ["height"], id="turned text"),
        pytest.param((Text("40 cm", across=-0.3, down=0.5),), ["height"], id="beside the product"),
        pytest.param((Text("40 cm", across=0.5, down=1.2),), ["width"], id="below the product"),
        pytest.param((Text("20cmH", 300, 890, WIDE),), ["width"], id="H is the arrow that the number interrupts"),
        pytest.param((Text("20cmH", 300, 890, TALL),), ["height"], id="H on an upright line is a label"),
        pytest.param((Text("20cmH", 300, 890),), ["height"], id="H without a line is a label"),
        pytest.param(
            (Text("12 x 108 inch", *FIRST), Text("W: 12 inch", *SECOND), Text("L: 108 inch", *THIRD)),
            ["width", "length", "width", "length"],
            id="words hold for the same size elsewhere",
        ),
        pytest.param((Text("41 cm x 21 cm x 5 cm"),), ["width", "height", "depth"], id="a list without labels"),
        pytest.param(
            (Text("3 ft x 5 ft", *FIRST), Text("3 ft", *SECOND, TALL)),
            ["height", "", "height"],
            id="a list yields to the drawing",
        ),
        pytest.param(
            (Text("40 cm", *FIRST, TALL), Text("30 cm", *SECOND, FLAT), Text("20 cm", *THIRD, STEEP)),
            ["height", "width", "depth"],
            id="in perspective the flattest line is the width",
        ),
        pytest.param(
            (Text("40 cm", *FIRST, WIDE), Text("30 cm", *SECOND, FLAT)),
            ["width", "depth"],
            id="a level line leaves the oblique one to depth",
        ),
        pytest.param((Text("28 cm", *FIRST, (100.0, 100.0, 500.0, 300.0)),), ["depth"], id="one oblique line alone"),
    ],
)
def test_what_tells_the_axis(texts: tuple[Text, ...], guesses: list[str]) -> None:
    assert [one.guess for one in _extents(*texts)] == guesses


def test_the_place_to_the_product_is_kept() -> None:
    (one,) = _extents(Text("40 cm", across=0.5, down=1.2))
    assert one.place is Place.BELOW


def test_a_leading_zero_is_a_misread_diameter_sign() -> None:
    (one,) = _extents(Text("076cm", 0, 0, WIDE))
    assert one.words == {"diameter": 0.8}
    assert one.candidate.quantity.text == "76.0 centimetre"


def test_both_units_of_a_size_share_its_words() -> None:
    assert [one.words for one in _extents(Text("Height: 10 cm / 3.94 in"))] == [{"height": 1.0}] * 2


def test_askew_the_steepest_line_is_the_height() -> None:
    steep, flat = (300.0, 700.0, 380.0, 300.0), (100.0, 700.0, 500.0, 760.0)
    said = [one.guess for one in _extents(Text("40 cm", *FIRST, steep), Text("30 cm", *SECOND, flat))]
    assert said == ["height", "width"]
    said = [one.guess for one in _extents(Text("40 cm", *FIRST, steep), Text("50 cm", *SECOND, TALL))]
    assert said == ["depth", "height"]


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
    (beside,) = _extents(Text("Seat", 0, 0), Text("40 cm", 0, 24))
    assert (beside.lookalike, beside.lookalike_beside) == (False, True)


def test_other_quantities_are_no_extents() -> None:
    assert _extents(Text("12V"), Text("500 g"), Text("3 miles")) == []
    assert extents_of(Layout.of(OcrPage("0" * 64, page().status))) == []
