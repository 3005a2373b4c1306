"""A line of text: its plain characters, numbers, units and quantities."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.parser import (
    QuantityMatch,
    find_own_quantities,
    find_quantities,
    plain,
    read_number,
    repair_number,
    unit_before,
    unit_behind,
)
from entx.core.types import Alignment
from entx.core.units import BY_NAME


def test_plain_ascii_is_left_alone() -> None:
    text, positions = plain('10" x 5 cm')
    assert (text, list(positions)) == ('10" x 5 cm', list(range(10)))


def test_quotes_dashes_signs_and_widths_become_plain() -> None:
    assert plain("１０″ × 5′ – ５㎝ 8½ µg ﬂ")[0] == "10\" x 5' - 5cm 8½ ug fl"


def test_a_span_leads_back_to_the_given_text() -> None:
    text = "Größe ４０㎝ hoch"
    shown, positions = plain(text)
    start = shown.index("40cm")
    assert text[positions[start] : positions[start + 3] + 1] == "４０㎝"


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_positions_lie_in_the_given_text_in_order(text: str) -> None:
    shown, positions = plain(text)
    assert len(shown) == len(positions)
    assert list(positions) == sorted(positions)
    assert all(0 <= position < len(text) for position in positions)


@pytest.mark.parametrize(
    ("text", "value", "end", "alignment"),
    [
        ("500 g", "500", 3, "exact"), ("8.25 in", "8.25", 4, "exact"), (".5 lb", "0.5", 2, "exact"),
        ("8,25", "8.25", 4, "normalised"), ("1,250", "1250", 5, "normalised"), ("0,250", "0.25", 5, "normalised"),
        ("1,250.5", "1250.5", 7, "normalised"), ("1.250,5", "1250.5", 7, "normalised"),
        ("1.234.567 g", "1234567", 9, "normalised"), ("2 501 W", "2", 1, "exact"), ("1'500 g", "1500", 5, "normalised"),
        ("12 500 g", "12", 2, "exact"), (",25 l", "0.25", 3, "normalised"), ("1·5 kg", "1.5", 3, "normalised"),
        ("1·5·3", "1", 1, "exact"), ("1 and 1/4", "1.25", 9, "normalised"), ("2 & ½", "2.5", 5, "normalised"),
        ("5'11", "5", 1, "exact"), ("8 1/4", "8.25", 5, "normalised"), ("8-1/4", "8.25", 5, "normalised"),
        ("3/8", "0.375", 3, "normalised"), ("1/3", "0.333333", 3, "normalised"), ("4/8", "4", 1, "exact"),
        ("12/24V", "12", 2, "exact"), ("8 10/12", "8", 1, "exact"), ("½", "0.5", 1, "normalised"),
        ("8½", "8.5", 2, "normalised"), ("8 ¼", "8.25", 3, "normalised"), ("1,2,3", "1", 1, "exact"),
        ("5.", "5", 1, "exact"), ("1.5.2", "1.5", 3, "exact"),
    ],
)  # fmt: skip
def test_read_number(text: str, value: str, end: int, alignment: str) -> None:
    number = read_number(text, 0)
    assert (number.value, number.end, number.alignment) == (Decimal(value), end, Alignment(alignment))


@pytest.mark.parametrize("text", ["1234567890123", "9" * 400, "x", "", "-", "/2"])
def test_no_number_here(text: str) -> None:
    assert read_number(text, 0) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("I5", "15"), ("1O", "10"), ("37.S", "37.5"), ("O.5", "0.5"), ("|2", "12"), ("2B5", "285"), ("1OO", "100"),
    ("4l.2", "41.2")],
)  # fmt: skip
def test_letters_among_digits_are_repaired(text: str, value: str) -> None:
    number = repair_number(text, 0)
    assert (number.value, number.alignment, number.end) == (Decimal(value), Alignment.FUZZY, len(text))


@pytest.mark.parametrize("text", ["15", "1.5", "Oil", "", "x1", "O" * 30 + "1", "3.In Wasser", "6.Im Anschluss"])
def test_nothing_to_repair(text: str) -> None:
    assert repair_number(text, 0) is None


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
        ("mg/serving", "milligram per", 10), ("g/100g", "gram per", 6), ("W/m2", "watt per", 4),
        ("g / 100 ml", "gram per", 10), ("g/cm3", "gram per", 5), ("mg/kg", "milligram per", 5), ("g/17oz", "gram", 1),
        ("mg / 5 ml", "milligram per", 9), ("W per meter", "watt per", 11), ("lbs per shelf", "pound", 3),
        ("K.G.", "kilogram", 4), ("F.T. long", "foot", 4), ("gal (imp)", "imperial gallon", 9), ("'F", "degree", 2),
        ("kW·h/24h", "kilowatt hour", 4), ("毫克每片", "milligram", 2), ("(LxW)cm", "centimetre", 0),
        (" (kg)", "kilogram", 5),
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
    assert unit_behind(text, 0).label == label


def test_a_letter_with_its_unit_still_to_come_has_no_unit_yet() -> None:
    found = unit_behind("10W x 20H x 5D cm", 2)
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
    assert (found.unit, found.alignment) == (name, Alignment.FUZZY)


@pytest.mark.parametrize(
    ("text", "name", "start"),
    [
        ("Weight (kg): 5", "kilogram", 7), ("Power(W)100", "watt", 5), ("Kg 1,5", "kilogram", 0),
        ("mm 30", "millimetre", 0), ("Size [cm] 10", "centimetre", 5), ("Peso netto g 500", "gram", 11),
        ("V 220", "volt", 0), ("Power W 1500", "watt", 6), ("Volts: 220", "volt", 0), ("Gramos 500", "gram", 0),
    ],
)  # fmt: skip
def test_a_unit_before_its_number(text: str, name: str, start: int) -> None:
    number = next(index for index, char in enumerate(text) if char.isdigit())
    found = unit_before(text, number, 0)
    assert (found.unit, found.end, found.alignment) == (name, start, Alignment.NORMALISED)


@pytest.mark.parametrize(
    "text",
    [
        "Version V 22",
        "V 220 x 3",
        "W 30 L 32",
        "per kg 5",
        "model 5",
        "(H) 10",
        "(see) 10",
        "in 2020",
        "10",
        "a 5",
        "(Hz) 50",
    ],
)
def test_no_unit_before(text: str) -> None:
    number = next(index for index, char in enumerate(text) if char.isdigit())
    assert unit_before(text, number, 0) is None


def test_the_unit_of_the_number_before_is_not_taken_again() -> None:
    assert unit_before("5 kg 10", 5, floor=4) is None


@pytest.mark.parametrize(
    ("text", "units", "expected"),
    [
        ("62.5 decibel(A)", ("decibel(A)",), ["62.5 decibel(A)"]), ("5 sone, 6 sones", ("sone",), ["5.0 sone"]),
        ("5sone", ("sone",), ["5.0 sone"]),
        ("5 big sone and 6 sone", ("sone", "big sone"), ["5.0 big sone", "6.0 sone"]), ("x5 sone", ("sone",), []),
        ("1.2.3 sone", ("sone",), []), ("5 gram", ("gram",), []),  # the table knows it: not a unit of the user's own
        ("5 sone", (), []),
    ],
)  # fmt: skip
def test_units_of_a_schema_are_found_as_written(text: str, units: tuple[str, ...], expected: list[str]) -> None:
    matches = find_own_quantities(text, units)
    assert [match.quantity.text for match in matches] == expected
    assert all(text[match.start : match.end].endswith(match.quantity.unit) for match in matches)


def texts(text: str, default_unit: str | None = None) -> list[str]:
    return [match.quantity.text for match in find_quantities(text, default_unit)]


def only(text: str) -> QuantityMatch:
    (match,) = find_quantities(text)
    return match


EXACT = [
    ("500 g", "500.0 gram"), ("500g", "500.0 gram"), ("NET WT 500G", "500.0 gram"), ("Net Wt. 12 OZ", "12.0 ounce"),
    ("5lbs", "5.0 pound"), ("5 lb.", "5.0 pound"), ("1lb", "1.0 pound"), ("0.75in", "0.75 inch"),
    ("14.5 in.", "14.5 inch"), ('7.5"', "7.5 inch"), ("7.5”", "7.5 inch"), ("6'", "6.0 foot"), ("12V", "12.0 volt"),
    ("DC 12V", "12.0 volt"), ("DC12V", "12.0 volt"), ("AC220V", "220.0 volt"), ("12V-battery", "12.0 volt"),
    ("12-volt", "12.0 volt"), ("24VDC", "24.0 volt"), ("120VAC", "120.0 volt"), ("1500W", "1500.0 watt"),
    ("1500 Watts", "1500.0 watt"), ("2.2KW", "2.2 kilowatt"), ("12 fl oz", "12.0 fluid ounce"),
    ("12 FL. OZ.", "12.0 fluid ounce"), ("16.9FLOZ", "16.9 fluid ounce"), ("8 fl.oz", "8.0 fluid ounce"),
    ("330ml", "330.0 millilitre"), ("75cl", "75.0 centilitre"), ("2 Ltr", "2.0 litre"), ("5 US gallons", "5.0 gallon"),
    ("5 cu ft", "5.0 cubic foot"), ("5 cu. ft.", "5.0 cubic foot"), ("5 ft³", "5.0 cubic foot"),
    ("3 imp gal", "3.0 imperial gallon"), ("50 µg", "50.0 microgram"), ("40㎝", "40.0 centimetre"),
    ("５００ｍｌ", "500.0 millilitre"), ("250 克", "250.0 gram"), ("10 pulgadas", "10.0 inch"),
    ("Weight5.5lb", "5.5 pound"),
    ("NETWT500G", "500.0 gram"), ("WEIGHT:0.6kg", "0.6 kilogram"), ("4-inch", "4.0 inch"), (".5 lb", "0.5 pound"),
    ("about 20 cm", "20.0 centimetre"), ("≤150kg", "150.0 kilogram"), ("Ø20mm", "20.0 millimetre"),
    ("5.5 in. wide", "5.5 inch"),
]  # fmt: skip

NORMALISED = [
    ("0,5 kg", "0.5 kilogram"), ("17,8CM", "17.8 centimetre"), ("1,5L", "1.5 litre"), ("0,500 kg", "0.5 kilogram"),
    ("1,000 g", "1000.0 gram"), ("2,205 lbs", "2205.0 pound"), ("1.000 g", "1000.0 gram"),
    ("1.500 W", "1500.0 watt"), ("1 000 g", "1000.0 gram"), ("1.234,5 g", "1234.5 gram"),
    ("1,234,567.5 g", "1234567.5 gram"), ('8 1/4"', "8.25 inch"), ("8-1/4 in", "8.25 inch"),
    ("25 1/2 inches", "25.5 inch"), ("1/2 in", "0.5 inch"), ("3/4 cup", "0.75 cup"), ("½ cup", "0.5 cup"),
    ("8½ in", "8.5 inch"), ("2 ⅛ in", "2.125 inch"), ("5'11\"", "71.0 inch"), ("5’ 11”", "71.0 inch"),
    ("5'11", "71.0 inch"), ("5 ft 11 in", "71.0 inch"), ("5 feet 11 inches", "71.0 inch"),
    ("5 lb 3 oz", "83.0 ounce"), ("Weight (kg): 5", "5.0 kilogram"), ("Power(W)100", "100.0 watt"),
    ("Kg 1,5", "1.5 kilogram"), ("5''", "5.0 inch"), ("10 (cm)", "10.0 centimetre"),
]  # fmt: skip
FUZZY = [
    ("5 Ibs", "5.0 pound"), ("5 1bs", "5.0 pound"), ("18VLXT", "18.0 volt"), ("20VMAX", "20.0 volt"),
    ("640Z", "64.0 ounce"), ("5.50Z", "5.5 ounce"), ("36.2 02", "36.2 ounce"), ("12 0z", "12.0 ounce"),
    ("I5cm", "15.0 centimetre"), ("l2V", "12.0 volt"), ("1Omm", "10.0 millimetre"), ("37.Smm", "37.5 millimetre"),
    ("o.98in", "0.98 inch"), ("O.5kg", "0.5 kilogram"), ("1OOW", "100.0 watt"), ("12 f1 oz", "12.0 fluid ounce"),
    ("10 milimeter", "10.0 millimetre"), ("3 kilogrms", "3.0 kilogram"), ("500gNet", "500.0 gram"),
]  # fmt: skip
SPELLINGS = {Alignment.EXACT: EXACT, Alignment.NORMALISED: NORMALISED, Alignment.FUZZY: FUZZY}


@pytest.mark.parametrize(
    ("alignment", "text", "expected"), [(alignment, *row) for alignment, rows in SPELLINGS.items() for row in rows]
)
def test_number_with_its_unit_and_how_it_was_spelled(alignment: Alignment, text: str, expected: str) -> None:
    match = only(text)
    assert (match.quantity.text, match.alignment) == (expected, alignment)


@pytest.mark.parametrize(
    "text",
    [
        "2024", "since 1998", "Tel 1-800-555-1234", "ABC-18V2000", "ABC18V", "XR650G", "3 in 1", "2-in-1 cleaner",
        "2020 in China", "5G wifi", "$5 lb", "1.2.3 cm", "5 diameter", "1234567890123 g", "10 a.m.", "the 90's",
        "1ST CLASS", "SIZE 4T", "2T-5T", "2.4G mouse", "16G RAM", "3M tape", "0-3M", "5 L-brackets", "2024 г", "3 в 1",
        "Take 2 once daily", 'the "5" is best', 'a "Galaxy 12" phone', "10/100M network", "15.5 mi", "Range 20 mi",
        "x", "", "cm", "5 O'clock", "10 02", "size 8 M8x20 bolt", "1e3 gram", "t2V", "T8 tube", "No. 5", "B07XJ8C8F5",
    ],
)  # fmt: skip
def test_what_is_no_quantity(text: str) -> None:
    assert texts(text) == []


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ("5000mAh 3.7V", ["3.7 volt"]), ("12V2A", ["12.0 volt"]), ("220V~50Hz", ["220.0 volt"]), ("10000 PSI", []),
        ("30 sq ft", []), ("100% cotton", []), ("90°", []), ("50 mg/serving", []), ("90 lbs/sq ft", []),
        ("7 oz/198g", ["7.0 ounce", "198.0 gram"]), ("5 ft-lbs", []), ("12 kWh", []), ("3000K 800lm 9W", ["9.0 watt"]),
        ("600LB in the image", ["600.0 pound"]), ("25.4cc", []),
    ],
)  # fmt: skip
def test_other_units_are_not_misread_as_legal_ones(text: str, legal: list[str]) -> None:
    kinds = ("length", "weight", "voltage", "power", "volume")
    found = [match.quantity for match in find_quantities(text)]
    wanted = [
        quantity.text for quantity in found
        if quantity.unit in BY_NAME and BY_NAME[quantity.unit].kind in kinds and quantity.unit != "cubic centimetre"
    ]  # fmt: skip
    assert wanted == legal


def shape(text: str) -> list[str]:
    """Quantity, label and role of each match."""
    return [f"{match.quantity.text}|{match.label}|{match.role}" for match in find_quantities(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 x 5 x 3 cm", ["10.0 centimetre||axis", "5.0 centimetre||axis", "3.0 centimetre||axis"]),
        ("10cm x 5cm", ["10.0 centimetre||axis", "5.0 centimetre||axis"]),
        ("10×5cm", ["10.0 centimetre||axis", "5.0 centimetre||axis"]),
        ("10*5mm", ["10.0 millimetre||axis", "5.0 millimetre||axis"]),
        ("4.5 inches by 2.76 inches", ["4.5 inch||axis", "2.76 inch||axis"]),
        ("H10 x W5 x D3 cm", ["10.0 centimetre|h|axis", "5.0 centimetre|w|axis", "3.0 centimetre|d|axis"]),
        ("10W x 20H x 5D cm", ["10.0 centimetre|w|axis", "20.0 centimetre|h|axis", "5.0 centimetre|d|axis"]),
        ('10"H x 5"W', ["10.0 inch|h|axis", "5.0 inch|w|axis"]),
        ('10"(H) x 5"(W)', ["10.0 inch|h|axis", "5.0 inch|w|axis"]),
        ("L x W: 10 x 5 cm", ["10.0 centimetre|l|axis", "5.0 centimetre|w|axis"]),
        ("10 x 5 x 3 cm (L x W x H)", ["10.0 centimetre|l|axis", "5.0 centimetre|w|axis", "3.0 centimetre|h|axis"]),
        ("L: 30cm", ["30.0 centimetre|l|"]), ("Height: 10 cm", ["10.0 centimetre|height|"]),
        ("Height 10cm Width 5cm", ["10.0 centimetre|height|", "5.0 centimetre|width|"]),
        ("10cm Height 5cm Width", ["10.0 centimetre|height|", "5.0 centimetre|width|"]),
        ("25cm wide", ["25.0 centimetre|wide|"]),
        ("21 cm (8.26 inches) tall", ["21.0 centimetre|tall|", "8.26 inch|tall|same"]),
        ("220-240V", ["220.0 volt||low", "240.0 volt||high"]), ("110/220V", ["110.0 volt||low", "220.0 volt||high"]),
        ("10 to 15 kg", ["10.0 kilogram||low", "15.0 kilogram||high"]),
        ("10 kilogram to 15 kilogram", ["10.0 kilogram||low", "15.0 kilogram||high"]),
        ("10~15cm", ["10.0 centimetre||low", "15.0 centimetre||high"]),
        ("5 kg (11 lb)", ["5.0 kilogram||", "11.0 pound||same"]),
        ('42cm/16.54"', ["42.0 centimetre||", "16.54 inch||same"]),
        ("Net Wt 12 OZ (340g)", ["12.0 ounce||", "340.0 gram||same"]),
        ("85 mm, which is 3.35 inches", ["85.0 millimetre||", "3.35 inch||same"]),
        ('10cm/4" x 5cm/2"', ["10.0 centimetre||axis", "4.0 inch||same", "5.0 centimetre||axis", "2.0 inch||same"]),
    ],
)  # fmt: skip
def test_expressions(text: str, expected: list[str]) -> None:
    assert shape(text) == expected
    groups = {match.group for match in find_quantities(text)}
    assert groups == ({0} if any(not one.endswith("|") for one in expected) else {-1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6 x 330 ml", ["330.0 millilitre"]), ("12 x 60W", ["60.0 watt"]), ("5V / 2A", ["5.0 volt", "2.0 ampere"]),
        ("10 kg, 5 lb", ["10.0 kilogram", "5.0 pound"]),
        ("2.3 kg (blue)\n- 4.5 kg (pink)", ["2.3 kilogram", "4.5 kilogram"]),
    ],
)  # fmt: skip
def test_neighbours_that_are_no_expression_stay_alone(text: str, expected: list[str]) -> None:
    matches = find_quantities(text)
    assert [match.quantity.text for match in matches] == expected
    assert all(match.group == -1 and match.role == "" for match in matches)


def test_two_expressions_have_two_groups() -> None:
    assert [m.group for m in find_quantities("70x90cm, approximately 28x36 inches")] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25", ["25.0 millimetre"]), ("25 x 40", ["25.0 millimetre", "40.0 millimetre"]), ("25.5", ["25.5 millimetre"]),
        ("L25", ["25.0 millimetre"]), ("25 cm", ["25.0 centimetre"]), ("25%", ["25.0 per cent"]), ("AB25", []),
    ],
)  # fmt: skip
def test_a_unit_stated_elsewhere_serves_bare_numbers_only(text: str, expected: list[str]) -> None:
    assert texts(text, "millimetre") == expected


def test_spans_cover_number_and_unit_of_the_given_text() -> None:
    text = "Größe: ４０㎝ × 8½″ — net 1,000 g"
    assert [text[m.start : m.end] for m in find_quantities(text)] == ["４０㎝", "8½″", "1,000 g"]


@given(st.text(alphabet=st.sampled_from(list("0123456789.,/-x×'\"½ cmkgvlbozftinOIlSWHD()[]~:%\n″µ")), max_size=60))
@settings(max_examples=1500, deadline=None, derandomize=True)
def test_any_text_gives_ordered_bounded_spans(text: str) -> None:
    last = 0
    for match in find_quantities(text):
        assert last <= match.start < match.end <= len(text)
        last = match.start
        assert match.quantity.value >= 0
        assert match.quantity.unit
        assert sum(map(str.isdigit, str(match.quantity.value))) <= 20
        assert match.role in ("", "low", "high", "axis", "same")
        assert (match.group >= 0) or match.role == ""


def test_values_are_exact_decimals() -> None:
    assert only("0.1 kg").quantity.value == Decimal("0.1")
    assert only("8 1/64 in").quantity.value == Decimal("8.015625")
