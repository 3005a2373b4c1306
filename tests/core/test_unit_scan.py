import pytest

from entx.core.parser import unit_before, unit_behind
from entx.core.types import Alignment


def unit(text: str, position: int = 0) -> tuple[str, int] | None:
    """The unit behind `position` and where it ends."""
    found = unit_behind(text, position)
    return None if found is None else (found.unit, found.end)


@pytest.mark.parametrize(
    ("text", "name", "end"),
    [
        ("cm", "centimetre", 2), (" cm", "centimetre", 3), ("  cm", "centimetre", 4), ("-inch", "inch", 5),
        ("- inch", "inch", 6), (" in.", "inch", 4), (" lb. net", "pound", 4), ("'", "foot", 1), ("''", "inch", 2),
        ('"', "inch", 1), ('"x5', "inch", 1), ("fl oz", "fluid ounce", 5), (" fl. oz. (355", "fluid ounce", 8),
        (" FL.OZ", "fluid ounce", 6), (" US fl oz", "fluid ounce", 9), (" cubic feet", "cubic foot", 11),
        (" metric tons", "ton", 12), ("ft3", "cubic foot", 3), ("cm2", "square metre", 3), ("V AC", "volt", 4),
        ("V/Hz", "volt", 1), ("V2A", "volt", 1), ("V50Hz", "volt", 1), ("cmx5", "centimetre", 2),
        ("mmX 20", "millimetre", 2), ("g/bag", "gram", 1), ("kg/shelf", "kilogram", 2), ("lb/SSkg", "pound", 2),
        ("g/m", "gram per", 3), ("in/cm", "inch", 2), ("ml/h", "millilitre per", 4), ("g/0.5oz", "gram", 1),
        ("mg/serving", "milligram per", 10), ("g/100g", "gram per", 6), ("W/m2", "watt", 1), (" (kg)", "kilogram", 5),
        ("[cm]", "centimetre", 4), ("ml℮", "millilitre", 2), ("mle", "millilitre", 3), ("°C", "degree", 2),
        ("%", "per cent", 1), ("kg,", "kilogram", 2), ("厘米", "centimetre", 2),
    ],
)  # fmt: skip
def test_the_unit_behind_a_number(text: str, name: str, end: int) -> None:
    assert unit(text) == (name, end)


@pytest.mark.parametrize(
    "text",
    [
        "", "   cm", "x", "\ncm", "V2000", "cmabc", "in 1", "-in-1", " in China", " in the box", " in 2020", " in one",
        "'s", "G wifi", "G Network", "VEGAN ", " VEGAN", " VON", "gnetto", "(H)", "()", "/cm", "02", " 02", "1bs",
        ", cm", "th", "inline", "pcsx",
    ],
)  # fmt: skip
def test_no_unit_stands_here(text: str) -> None:
    assert unit(text) is None


@pytest.mark.parametrize(
    ("text", "label"),
    [("cmH", "h"), ("inW", "w"), ("mmL", "l"), ("H cm", "h"), ("W x 20H x 5D cm", "w"), ("cm", ""), ("W", "")],
)
def test_axis_letters_are_labels(text: str, label: str) -> None:
    found = unit_behind(text, 0)
    assert found is not None
    assert found.label == label


def test_a_letter_with_its_unit_still_to_come_has_no_unit_yet() -> None:
    found = unit_behind("10W x 20H x 5D cm", 2)
    assert found is not None
    assert (found.unit, found.label) == ("", "w")


@pytest.mark.parametrize(
    ("text", "position", "name"),
    [
        ("18VLXT", 2, "volt"), ("36.2 02", 4, "ounce"), ("5 02 (142g)", 1, "ounce"), ("5 1bs", 1, "pound"),
        ("5 |bs", 1, "pound"), ("8 f1 oz", 1, "fluid ounce"), ("16.9FL0Z", 4, "fluid ounce"), ("5 Ib", 1, "pound"),
        ("500gNet", 3, "gram"), ("5 m1", 1, "millilitre"), ("33.5im", 4, "inch"),
    ],
)  # fmt: skip
def test_slips_are_fuzzy(text: str, position: int, name: str) -> None:
    found = unit_behind(text, position)
    assert found is not None
    assert (found.unit, found.alignment) == (name, Alignment.FUZZY)


@pytest.mark.parametrize(
    ("text", "name", "start"),
    [
        ("Weight (kg): 5", "kilogram", 7), ("Power(W)100", "watt", 5), ("Kg 1,5", "kilogram", 0),
        ("mm 30", "millimetre", 0), ("Size [cm] 10", "centimetre", 5), ("Peso netto g 500", "gram", 11),
    ],
)  # fmt: skip
def test_a_unit_before_its_number(text: str, name: str, start: int) -> None:
    number = next(index for index, char in enumerate(text) if char.isdigit())
    found = unit_before(text, number, 0)
    assert found is not None
    assert (found.unit, found.end, found.alignment) == (name, start, Alignment.NORMALISED)


@pytest.mark.parametrize("text", ["V 220", "model 5", "(H) 10", "(see) 10", "in 2020", "10", "a 5", "(Hz) 50"])
def test_no_unit_before(text: str) -> None:
    number = next(index for index, char in enumerate(text) if char.isdigit())
    assert unit_before(text, number, 0) is None


def test_the_unit_of_the_number_before_is_not_taken_again() -> None:
    assert unit_before("5 kg 10", 5, floor=4) is None
