from decimal import Decimal

import pytest

from entx.core.expressions import Found, label, link, merge_compounds, share
from entx.core.types import Alignment


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
