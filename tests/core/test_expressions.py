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


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("100±5 g", ["100.0 gram"]), ("10 (±1) cm", ["10.0 centimetre"]), ("230 V ± 10 %", ["230.0 volt"]),
        ("W 30±2 x H 20±2 cm", ["30.0 centimetre axis", "20.0 centimetre axis"]), ("±2 mm", []),
        ("± 4.5 kg", ["4.5 kilogram"]), ("10 cm, weight: ± 4.5 kg", ["10.0 centimetre", "4.5 kilogram"]),
        ("Tolerance: ± 2 mm", []), ("100 g±\n5 g", ["100.0 gram", "5.0 gram"]), ("100 - 5 g", ["5.0 gram"]),
    ],
)  # fmt: skip
def test_tolerances(text: str, values: list[str]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("per 100 g", ["100.0 gram per"]), ("je 100 g", ["100.0 gram per"]), ("je 500 g", ["500.0 gram"]),
        ("PRO 490 g", ["490.0 gram"]), ("pro 30 g", ["30.0 gram per"]), ("每30克", ["30.0 gram per"]),
        ("1 kg = 5,98 €", ["1.0 kilogram per"]), ("2 kg = 4.4 lb", ["2.0 kilogram", "4.4 pound same"]),
        ("€5.99 / 1 kg", ["1.0 kilogram per"]), ("€5.99 / 500 g", ["500.0 gram"]), ("kcal/100g", ["100.0 gram per"]),
        ("39 in/100 cm", ["39.0 inch", "100.0 centimetre same"]), ("upper 12 cm", ["12.0 centimetre"]),
    ],
)  # fmt: skip
def test_amounts_that_others_are_told_of(text: str, values: list[str]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 PT 9.4 FL OZ", ["25.4 fluid ounce"]), ("1 QT 1.8 OZ", ["33.8 fluid ounce"]), ("1 GAL 1 QT", ["5.0 quart"]),
        ("1 PT (16 FL OZ)", ["1.0 pint", "16.0 fluid ounce same"]), ("1 PT 20 FL OZ", ["1.0 pint", "20.0 fluid ounce"]),
        ("3.4 OZ / 100 ML", ["3.4 fluid ounce", "100.0 millilitre same"]),
        ("8 oz (227 g)", ["8.0 ounce", "227.0 gram same"]),
        ("8 oz 500 ml", ["8.0 ounce", "500.0 millilitre"]), ("12' (30.5 cm)", ["12.0 inch", "30.5 centimetre same"]),
        ("12' (3.66 m)", ["12.0 foot", "3.66 metre same"]), ('12° x 8"', ["12.0 inch axis", "8.0 inch axis"]),
    ],
)  # fmt: skip
def test_what_the_neighbour_says_of_a_unit(text: str, values: list[str]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("L x P x H: 30 x 20 x 10 cm", ["w", "p", "h"]), ("A x L x P: 1 x 2 x 3 cm", ["h", "w", "p"]),
        ("L x l x H: 30 x 20 x 10 cm", ["l", "w", "h"]), ("长*宽*高 30*20*10cm", ["长", "宽", "高"]),
        ("长宽高: 30x20x10cm", ["长", "宽", "高"]), ("20 x 10 (W x H) cm", ["w", "h"]), ("B20xT10 cm", ["b", "t"]),
        ("产品高度约10厘米", ["高度"]), ("身高约10厘米", [""]), ("4 in gusset", ["gusset"]), ("Dicke: 5 mm", ["dicke"]),
        ("L(30) x W(20) cm", ["l", "w"]), ("Rozmiar B: 30 cm", [""]),
    ],
)  # fmt: skip
def test_axes_in_other_languages(text: str, labels: list[str]) -> None:
    assert [one.label for one in find_quantities(text)] == labels
