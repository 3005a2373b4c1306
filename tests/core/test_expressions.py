"""Axis labels, and numbers that say one thing together."""

import re
from decimal import Decimal

import pytest

from entx.core.expressions import Found, label, label_at, labels_of_list, link, merge_compounds, share
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
    assert listed is not None
    assert labels_of_list(text, listed.start(), listed.end(), 3) == expected


def found(*parts: tuple[str, str, int, int]) -> list[Found]:
    """Scanned numbers: value, unit, start, end."""
    return [Found(Decimal(value), start, end, Alignment.EXACT, unit) for value, unit, start, end in parts]


def test_sharing_a_unit_is_a_normalisation_and_keeps_a_worse_one() -> None:
    bare, slipped = found(("5", "", 0, 1), ("6", "", 2, 3))
    slipped.alignment = Alignment.FUZZY
    share(bare, "inch")
    share(slipped, "inch")
    assert (bare.unit, bare.alignment, slipped.alignment) == ("inch", Alignment.NORMALISED, Alignment.FUZZY)


@pytest.mark.parametrize(
    ("text", "parts", "values"),
    [
        ("5'11\"", [("5", "foot", 0, 2), ("11", "inch", 2, 5)], ["71"]),
        ("5'11", [("5", "foot", 0, 2), ("11", "", 2, 4)], ["71"]),
        ("5' 14\"", [("5", "foot", 0, 2), ("14", "inch", 3, 6)], ["5", "14"]),
        ("5.5' 2\"", [("5.5", "foot", 0, 4), ("2", "inch", 5, 7)], ["5.5", "2"]),
        ("5' x 2\"", [("5", "foot", 0, 2), ("2", "inch", 5, 7)], ["5", "2"]),
        ("2 lb 8 oz", [("2", "pound", 0, 4), ("8", "ounce", 5, 9)], ["40"]),
        ("2 lb (32 oz)", [("2", "pound", 0, 4), ("32", "ounce", 6, 11)], ["2", "32"]),
        ('1\' 2" 3"', [("1", "foot", 0, 2), ("2", "inch", 3, 5), ("3", "inch", 6, 8)], ["14", "3"]),
    ],
)
def test_compounds(text: str, parts: list[tuple[str, str, int, int]], values: list[str]) -> None:
    merged = merge_compounds(text, found(*parts))
    assert [one.value for one in merged] == [Decimal(value) for value in values]
    assert all(one.group == -1 for one in merged)


def test_a_compound_spans_both_parts_and_is_normalised() -> None:
    (one,) = merge_compounds("5'11\"", found(("5", "foot", 0, 2), ("11", "inch", 2, 5)))
    assert (one.start, one.end, one.unit, one.alignment) == (0, 5, "inch", Alignment.NORMALISED)


@pytest.mark.parametrize(
    ("text", "parts", "roles"),
    [
        ("10 x 5 cm", [("10", "", 0, 2), ("5", "centimetre", 5, 9)], ["axis", "axis"]),
        ("10cm x 5", [("10", "centimetre", 0, 4), ("5", "", 7, 8)], ["axis", "axis"]),
        ("10 by 5 cm", [("10", "", 0, 2), ("5", "centimetre", 6, 10)], ["axis", "axis"]),
        ("6 x 330 ml", [("6", "", 0, 1), ("330", "millilitre", 4, 10)], ["", ""]),
        ("5-7 cm", [("5", "", 0, 1), ("7", "centimetre", 2, 6)], ["low", "high"]),
        ("7-5 cm", [("7", "", 0, 1), ("5", "centimetre", 2, 6)], ["", ""]),
        ("5 cm-7 V", [("5", "centimetre", 0, 4), ("7", "volt", 5, 8)], ["", ""]),
        ("110/220V", [("110", "", 0, 3), ("220", "volt", 4, 8)], ["low", "high"]),
        ("1 in / 2.5 cm", [("1", "inch", 0, 4), ("2.5", "centimetre", 7, 13)], ["", "same"]),
        ("1 in / 9 cm", [("1", "inch", 0, 4), ("9", "centimetre", 7, 11)], ["", ""]),
        ("1 in 2.5 cm", [("1", "inch", 0, 4), ("2.5", "centimetre", 5, 11)], ["", "same"]),
        ("1 in\n2.5 cm", [("1", "inch", 0, 4), ("2.5", "centimetre", 5, 11)], ["", ""]),
        ("5 cm and then 7 cm", [("5", "centimetre", 0, 4), ("7", "centimetre", 14, 18)], ["", ""]),
    ],
)
def test_links(text: str, parts: list[tuple[str, str, int, int]], roles: list[str]) -> None:
    numbers = found(*parts)
    link(text, numbers)
    assert [one.role for one in numbers] == roles
    assert all((one.group == 0) == any(roles) for one in numbers)


def test_a_bare_number_takes_the_unit_to_its_right_first() -> None:
    text = "10 x 5 cm x 3 in"
    numbers = found(("10", "", 0, 2), ("5", "centimetre", 5, 9), ("3", "inch", 12, 16))
    link(text, numbers)
    assert [one.unit for one in numbers] == ["centimetre", "centimetre", "inch"]


def test_a_list_keeps_its_multiplicity_bare() -> None:
    numbers = found(("6", "", 0, 1), ("330", "millilitre", 4, 10))
    link("6 x 330 ml", numbers)
    assert [one.unit for one in numbers] == ["", "millilitre"]


def test_labels_go_to_lengths_only_and_spread_over_one_size() -> None:
    text = "W 5 V, 10 cm (4 in) tall"
    numbers = found(("5", "volt", 2, 5), ("10", "centimetre", 7, 12), ("4", "inch", 14, 18))
    link(text, numbers)
    label(text, numbers)
    assert [one.label for one in numbers] == ["", "tall", "tall"]
