"""The table of units, and exact sizes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import Alignment, Quantity, parse_written
from entx.core.units import BY_NAME, UNITS, exact_size, implausible, kind_of, lookup, same_in_print, same_size

FORMS = {
    "centimetre": [
        "cm", "CM", "Cm", "cms", "CMS", "centimeter", "centimeters", "Centimetres", "centimètres", "centimetros",
    ],
    "millimetre": ["mm", "MM", "millimeters", "millimètre", "milímetros", "毫米"],
    "metre": ["m", "M", "mtr", "meter", "metres", "metros"],
    "inch": ["in", "IN", "inch", "Inches", "inchs", '"', "''", "pouces", "Zoll", "pulgadas", "pollici"],
    "foot": ["ft", "FT", "feet", "'", "pieds"], "yard": ["yd", "yds", "yards"],
    "gram": ["g", "G", "gm", "gms", "gr", "grs", "grams", "grammes", "gramos", "grammi", "克"],
    "kilogram": ["kg", "KG", "Kg", "KGS", "kilo", "kilos", "Kilograms", "chilogrammi"],
    "milligram": ["mg", "MG", "milligrams"], "microgram": ["ug", "mcg", "micrograms"],
    "ounce": ["oz", "OZ", "ozs", "ounces", "onzas"],
    "pound": ["lb", "LB", "lbs", "LBS", "pounds", "libras", "livres"],
    "ton": ["t", "T", "ton", "tons", "tonne", "metric tons"],
    "volt": ["v", "V", "volts", "VAC", "VDC", "vac", "V DC", "Volts"], "millivolt": ["mV", "mv"],
    "kilovolt": ["kV", "KV"], "watt": ["w", "W", "watts", "WATTS", "vatios"], "kilowatt": ["kW", "KW", "kilowatts"],
    "millilitre": ["ml", "mL", "ML", "mls", "milliliters", "millilitres"],
    "litre": ["l", "L", "lt", "Ltr", "liters", "Litres", "litros"], "centilitre": ["cl", "CL", "centiliters"],
    "decilitre": ["dl", "dL"], "microlitre": ["ul", "uL"],
    "fluid ounce": ["fl oz", "FL OZ", "floz", "FLOZ", "fluid ounces", "fluid oz", "onces liquides", "US fl oz"],
    "gallon": ["gal", "GAL", "gallons", "US gal", "galones"],
    "imperial gallon": ["imp gal", "Imp Gal", "imperial gallons", "UK gallons"], "quart": ["qt", "QTS", "quarts"],
    "pint": ["pt", "pints"], "cup": ["cup", "cups", "tasses"[:5]],
    "cubic foot": ["cu ft", "Cu Ft", "cubic feet", "ft3"], "cubic inch": ["cu in", "cubic inches", "in3"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, forms in FORMS.items() for form in forms])
def test_surface_form_means_its_unit(name: str, form: str) -> None:
    found = lookup(form)
    assert (found[0].name, found[1]) == (name, Alignment.EXACT)


def test_every_legal_unit_of_the_challenge_is_in_the_table_under_its_kind() -> None:
    assert set(FORMS) == CHALLENGE.units
    for entity in CHALLENGE.entities.values():
        for unit in entity.units:
            assert kind_of(unit) == entity.kind
            assert lookup(unit)[0].name == unit


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("mAh", "milliampere hour"), ("Ah", "ampere hour"), ("A", "ampere"), ("mA", "milliampere"), ("Hz", "hertz"),
        ("GHz", "gigahertz"), ("PSI", "pound per square inch"), ("lumens", "lumen"), ("kWh", "kilowatt hour"),
        ("sq ft", "square foot"), ("ft2", "square foot"), ("HP", "horsepower"), ("degrees", "degree"),
        ("%", "per cent"), ("cc", "cubic centimetre"), ("tbsp", "tablespoon"), ("km", "kilometre"),
        ("rpm", "revolution per minute"), ("ft-lbs", "newton metre"),
    ],
)  # fmt: skip
def test_units_that_nobody_asks_for_are_known_and_illegal(form: str, name: str) -> None:
    assert lookup(form)[0].name == name
    assert name not in CHALLENGE.units


def test_case_matters_where_it_carries_the_meaning() -> None:
    names = {form: found[0].name for form in ("mV", "MV", "mv", "mW", "MW", "kW") if (found := lookup(form))}
    assert names == {
        "mV": "millivolt", "MV": "megavolt", "mv": "millivolt", "mW": "milliwatt", "MW": "megawatt", "kW": "kilowatt",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("Ib", "pound"), ("Ibs", "pound"), ("1bs", "pound"), ("0z", "ounce"), ("kq", "kilogram"),
        ("f1 oz", "fluid ounce"),
        ("milimeter", "millimetre"), ("kilogrms", "kilogram"), ("centimetter", "centimetre"), ("centimetres.", None),
        ("killograms", "kilogram"), ("mililiters", "millilitre"), ("gallns", "gallon"), ("pounnds", "pound"),
    ],
)  # fmt: skip
def test_slips_and_misspelt_words_are_fuzzy(form: str, name: str | None) -> None:
    found = lookup(form)
    assert (None if found is None else (found[0].name, found[1])) == (None if name is None else (name, Alignment.FUZZY))


@pytest.mark.parametrize(
    "word",
    [
        "diameter", "parameter", "perimeter", "counter", "thermometer", "program", "quarters", "finches", "pinches",
        "winches", "bounces", "founder", "letter", "filter", "pouches", "watches", "wattage", "voltage", "volume",
        "milliamp hours", "cn", "kb2", "lz", "gq", "c", "x", "H", "",
    ],
)  # fmt: skip
def test_words_and_short_strings_are_not_forced_into_units(word: str) -> None:
    found = lookup(word)
    assert found is None or found[0].kind == "other"


def test_no_form_is_claimed_by_two_units_of_one_kind() -> None:
    owners: dict[tuple[str, str], set[str]] = {}
    for unit in UNITS:
        for form in unit.forms:
            owners.setdefault((unit.kind, form.lower()), set()).add(unit.name)
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}


def test_names_are_unique_and_plain() -> None:
    assert len(BY_NAME) == len(UNITS)
    assert all(name == name.lower() and name.isascii() for name in BY_NAME)


@pytest.mark.parametrize(
    ("value", "unit", "other", "other_unit", "same"),
    [
        (5, "kilogram", 11, "pound", True), (42, "centimetre", 16.54, "inch", True),
        (12, "fluid ounce", 355, "millilitre", True),
        (1, "gallon", 3.785, "litre", True), (1, "inch", 2.5, "centimetre", True), (5, "kilogram", 5, "pound", False),
        (10, "centimetre", 10, "inch", False), (5, "volt", 2, "ampere", False), (5, "gram", 5, "millilitre", False),
        (1, "ton", 2000, "pound", True), (1.2, "kilowatt", 1200, "watt", True), (1, "smoot", 1, "inch", False),
    ],
)  # fmt: skip
def test_same_size(value: float, unit: str, other: float, other_unit: str, same: bool) -> None:
    assert same_size(value, unit, other, other_unit) is same
    assert same_size(other, other_unit, value, unit) is same


def read(text: str) -> Quantity:
    quantity = parse_written(text)
    assert quantity is not None
    return quantity


@pytest.mark.parametrize(
    ("one", "other", "same", "in_print"),
    [
        ("500 gram", "0.5 kilogram", True, True), ("500.0 gram", "500 gram", True, False),  # one unit: no conversion
        ("1 inch", "2.54 centimetre", True, True), ("6 foot", "2 yard", True, True),
        ("1 foot", "12.0 inch", True, True), ("1 pound", "16 ounce", True, True),
        ("0.1 kilogram", "100000000 microgram", True, True),
        ("1500 watt", "1.5 kilowatt", True, True), ("0.23 kilovolt", "230 volt", True, True),
        ("1 gallon", "4 quart", True, True), ("2 cup", "1 pint", True, True),
        ("1 gallon", "128 fluid ounce", True, True), ("1 gallon", "231 cubic inch", True, True),
        ("1 cubic foot", "1728 cubic inch", True, True), ("33 centilitre", "330 millilitre", True, True),
        ("3 smoot", "3.0 smoot", True, False), ("1 ton", "1.0 ton", True, False),  # unknown to us: equal to themselves
        ("5 kilogram", "11 pound", False, True), ("11 inch", "28 centimetre", False, True),  # as packs print: rounded
        ("8.2 centimetre", "3.23 inch", False, True), ("16.9 fluid ounce", "500 millilitre", False, True),
        ("340 gram", "12.0 ounce", False, True), ("250 millilitre", "8.45 fluid ounce", False, True),
        ("1 kilogram", "800 gram", False, False),  # 800 g round to 1 kg, but 1 kg is 1000 g
        ("1 metre", "80 centimetre", False, False), ("11 inch", "27 centimetre", False, False),
        ("5 gram", "5.2 gram", False, False), ("16 ounce", "473 millilitre", False, False),
        ("5 gram", "5 kilogram", False, False), ("16 ounce", "16 fluid ounce", False, False),
        ("1 litre", "1 kilogram", False, False), ("1 volt", "1 watt", False, False),
        ("1 ton", "1000 kilogram", False, False),  # a short ton is not
        ("1 gallon", "1 imperial gallon", False, True),  # 1.2 rounds to 1
        ("1 metre", "1 litre", False, False),
        ("3 smoot", "3 metre", False, False),
    ],
)  # fmt: skip
def test_one_size_in_two_units_and_one_size_printed_twice(one: str, other: str, same: bool, in_print: bool) -> None:
    assert (exact_size(read(one)) == exact_size(read(other))) is same
    assert same_in_print(read(one), read(other)) is same_in_print(read(other), read(one)) is in_print


CONVERTIBLE = sorted(CHALLENGE.units - {"ton"})


@given(st.decimals("0.001", "100000", places=3), st.integers(-4, 4), st.sampled_from(CONVERTIBLE))
def test_a_power_of_ten_of_a_unit_is_exact_to_any_length(value: Decimal, power: int, unit: str) -> None:
    scaled = Quantity(value.scaleb(power), unit)
    kind, size = exact_size(Quantity(value, unit))
    assert exact_size(scaled) == (kind, size * 10**power if power >= 0 else size / 10**-power)


@pytest.mark.parametrize(
    "text",
    [
        "760094310634 gram", "711200 foot", "41570054161 millilitre", "20240115 gram", "1234567 watt", "0 gram",
        "-5 kilogram", "0.000001 millimetre", "2000 ton", "50 mile", "1000000 cubic foot", "0.00000005 gram",
        "20000 kilovolt", "0.01 millivolt", "0.00001 watt", "5000 cubic metre",
    ],
)  # fmt: skip
def test_what_no_product_has(text: str) -> None:
    number, _, name = text.partition(" ")
    reason = implausible(Quantity(Decimal(number), name))
    assert f"no product has {Quantity(Decimal(number), name).text}" in reason
    assert kind_of(name) in reason


@pytest.mark.parametrize(
    "text",
    [
        "0.01 millimetre", "10 kilometre", "1000 metre", "2.4 microgram", "0.1 microgram", "1000 ton", "100 ton",
        "1000000 microgram", "999999 millilitre", "0.5 microlitre", "1.5 millivolt", "400 kilovolt", "5 milliwatt",
        "0.005 watt", "2500 kilowatt", "250000 gallon", "0 degree", "99999999 smoot", "12 cup", "100000000 pixel",
    ],
)  # fmt: skip
def test_what_some_product_may_have(text: str) -> None:
    number, _, name = text.partition(" ")
    assert implausible(Quantity(Decimal(number), name)) == ""


@given(st.decimals("1e-12", "1e15", allow_nan=False), st.sampled_from(CONVERTIBLE))
def test_bounds_are_an_interval(value: Decimal, unit: str) -> None:
    """Nothing between two plausible sizes is implausible."""
    middle = {"weight": "gram", "length": "metre", "volume": "litre", "voltage": "volt", "power": "watt"}[kind_of(unit)]
    assert implausible(Quantity(Decimal(5), middle)) == ""
    five = Decimal(5) / Decimal(str(BY_NAME[unit].factor))  # five of the base unit, in this one
    if not implausible(Quantity(value, unit)) and five < 10**6:
        assert implausible(Quantity((value + five) / 2, unit)) == ""
