"""Axis labels, and numbers that say one thing together."""

import re

import pytest

from entx.core.expressions import label_at, labels_of_list
from entx.core.parser import find_quantities
from entx.core.types import Alignment


def labelled(text: str) -> str:
    """The label of the size in angle brackets."""
    start, end = text.index("<"), text.index(">") - 1
    plain = text.replace("<", "").replace(">", "")
    return label_at(plain, 0, start, end, len(plain))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Height: <10 cm>", "height"), ("Height <10 cm>", "height"), ("HEIGHT - <10 cm>", "height"),
        ("Height is <10 cm>", "height"), ("Width approx. <10 cm>", "width"), ("(H) <10 cm>", "h"), ("H<10cm>", "h"),
        ("H:<10cm>", "h"), ("h: <10cm>", "h"), ("L = <30cm>", "l"), ("Ø<30cm>", "ø"), ("Hauteur <10 cm>", "hauteur"),
        ("Breite: <10 cm>", "breite"), ("Seat Depth: <10 cm>", "depth"), ('<10">H', "h"), ('<10"> (H)', "h"),
        ('<10">-W', "w"), ("<10 cm> wide", "wide"), ("<10 cm> in height", "height"), ("<10 cm>) tall", "tall"),
        ("<10cm>(L)", "l"), ("<10 cm> high-quality", "high"), ("<10 cm>", ""), ("the <10 cm> box", ""),
        ("with <10 cm> handle", ""), ("<10 cm> wider", ""), ("<10 cm> Hook", ""), ("<10 cm> d'eau", ""),
        ("and <10 cm>", ""), ("model <10 cm>", ""),
    ],
)  # fmt: skip
def test_label_at_a_number(text: str, expected: str) -> None:
    assert labelled(text) == expected


def test_a_label_is_used_up_by_the_number_before() -> None:
    text = "10cm Height 5cm Width"
    first, floor = label_at(text, 0, 0, 4, 12)
    second, _ = label_at(text, floor, 12, 15, len(text))
    assert (first, floor, second) == ("height", 11, "width")


def test_the_next_numbers_text_is_not_looked_at() -> None:
    assert label_at("10cm 5cm Width", 0, 0, 4, 5)[0] == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L x W x H: 10 x 5 x 3 cm", ["l", "w", "h"]), ("LxWxH 10x5x3", ["l", "w", "h"]),
        ("(L*W*H) 10*5*3", ["l", "w", "h"]), ("Length x Width x Height: 10x5x3", ["length", "width", "height"]),
        ("W/H/D 10x5x3", ["w", "h", "d"]), ("10 x 5 x 3 (W x D x H)", ["w", "d", "h"]),
        ("10x5x3 LxWxH", ["l", "w", "h"]), ("Size (L x W): 10 x 5 x 3", []), ("10 x 5 x 3", []),
        ("box x 2, 10 x 5 x 3", []), ("L x W x H of the box and some more words 10 x 5 x 3", []),
    ],
)  # fmt: skip
def test_labels_of_a_list(text: str, expected: list[str]) -> None:
    listed = re.search(r"10 ?[x*] ?5 ?[x*] ?3", text)
    assert labels_of_list(text, listed.start(), listed.end(), 3) == expected


def numbers(text: str) -> list[str]:
    """Quantity and role of each number with a unit."""
    return [f"{one.quantity.text}{one.role and f' {one.role}'}" for one in find_quantities(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5'11\"", ["71.0 inch"]), ("5'11", ["71.0 inch"]), ("5' 14\"", ["5.0 foot", "14.0 inch"]),
        ("5.5' 2\"", ["5.5 foot", "2.0 inch"]), ("2 lb 8 oz", ["40.0 ounce"]),
        ("2 lb (32 oz)", ["2.0 pound", "32.0 ounce same"]), ('1\' 2" 3"', ["14.0 inch", "3.0 inch"]),
        ("5' x 2\"", ["5.0 foot axis", "2.0 inch axis"]),
    ],
)  # fmt: skip
def test_compounds(text: str, values: list[str]) -> None:
    assert numbers(text) == values


def test_a_compound_spans_both_parts_and_is_normalised() -> None:
    (one,) = find_quantities("5'11\"")
    assert (one.start, one.end, one.quantity.unit, one.alignment, one.group) == (0, 5, "inch", Alignment.NORMALISED, -1)


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("10 x 5 cm", ["10.0 centimetre axis", "5.0 centimetre axis"]),
        ("10cm x 5", ["10.0 centimetre axis", "5.0 centimetre axis"]),
        ("10 by 5 cm", ["10.0 centimetre axis", "5.0 centimetre axis"]), ("6 x 330 ml", ["330.0 millilitre"]),
        ("10 x 5 cm x 3 in", ["10.0 centimetre axis", "5.0 centimetre axis", "3.0 inch axis"]),  # the unit to its right
        ("5-7 cm", ["5.0 centimetre low", "7.0 centimetre high"]), ("7-5 cm", ["5.0 centimetre"]),
        ("5 cm-7 V", ["5.0 centimetre", "7.0 volt"]), ("110/220V", ["110.0 volt low", "220.0 volt high"]),
        ("1 in / 2.5 cm", ["1.0 inch", "2.5 centimetre same"]), ("1 in / 9 cm", ["1.0 inch", "9.0 centimetre"]),
        ("1 inch 2.5 cm", ["1.0 inch", "2.5 centimetre same"]), ("1 in\n2.5 cm", ["1.0 inch", "2.5 centimetre"]),
        ("5 cm and then 7 cm", ["5.0 centimetre", "7.0 centimetre"]),
    ],
)  # fmt: skip
def test_links(text: str, linked: list[str]) -> None:
    assert numbers(text) == linked
    roles = any(" " in one.partition(" ")[2] for one in linked)
    assert all((one.group == 0) is roles for one in find_quantities(text))


def test_sharing_a_unit_is_a_normalisation_and_keeps_a_worse_one() -> None:
    assert [one.alignment for one in find_quantities("10 x 5 cm")] == [Alignment.NORMALISED, Alignment.EXACT]
    assert [one.alignment for one in find_quantities("I0W x 20H x 5D cm")] == [
        Alignment.FUZZY,
        *[Alignment.NORMALISED] * 2,
    ]


def test_labels_go_to_lengths_only_and_spread_over_one_size() -> None:
    assert [one.label for one in find_quantities("W 5 V, 10 cm (4 in) tall")] == ["", "tall", "tall"]
