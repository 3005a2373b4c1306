"""What holds for every quantity: its spellings lead back to it, words around it change nothing, nothing is invented."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.parser import QuantityMatch, find_quantities, plain
from entx.core.types import Quantity
from entx.core.units import BY_NAME, UNITS

many = settings(max_examples=600, deadline=None, derandomize=True)


def found(text: str) -> list[Quantity]:
    return [match.quantity for match in find_quantities(text)]


def legal(text: str) -> list[Quantity]:
    return [quantity for quantity in found(text) if quantity.unit in CHALLENGE.units]


FORMS = [(unit.name, form) for unit in UNITS for form in (*unit.forms, *unit.cased)]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_every_surface_form_of_every_unit_is_read_behind_a_number(name: str, form: str) -> None:
    assert found(f"7.5 {form}") == [Quantity(Decimal("7.5"), name)]


@pytest.mark.parametrize(("name", "form"), [row for row in FORMS if row[1] > "\u3040"])
def test_where_there_are_no_spaces_between_words_a_unit_ends_anyway(name: str, form: str) -> None:
    assert found(f"约7.5{form}的") == [Quantity(Decimal("7.5"), name)]


NUMBERS = st.integers(2, 999).map(str) | st.decimals("1.1", "99.9", places=1).map(str)
SIZES = st.integers(2, 99)
LENGTHS = st.sampled_from([("cm", "centimetre"), ("mm", "millimetre"), ("inches", "inch"), ("CM", "centimetre")])
UNIT = st.sampled_from(
    [
        ("g", "gram"), ("kg", "kilogram"), ("KG", "kilogram"), ("oz", "ounce"), ("lbs", "pound"), ("ml", "millilitre"),
        ("L", "litre"), ("V", "volt"), ("W", "watt"), ("cm", "centimetre"), ("公斤", "kilogram"), ("ватт", "watt"),
        ("onzas", "ounce"), ("polegadas", "inch"), ("Liter", "litre"), ("毫升", "millilitre"),
    ]
)  # fmt: skip
NOISE = (
    "{}", "Net content: {}", "内容量 {}", "Peso neto {}", "Poids net : {}", "Вес нетто {}", "(approx. {})",
    "New! {} only", "Gewicht ca. {}", "約{}", "≈{}", "{} – made in EU",
    "{}; keep dry", "Nº 4711: {}", "★{}★", "~{}", "Total......{}",
)  # fmt: skip


@given(NUMBERS, UNIT, st.sampled_from(["", " "]), st.sampled_from(NOISE))
@many
def test_words_around_a_quantity_do_not_change_it(number: str, unit: tuple[str, str], gap: str, noise: str) -> None:
    assert found(noise.format(number + gap + unit[0])) == [Quantity(Decimal(number), unit[1])]


@given(
    NUMBERS, NUMBERS, UNIT,
    st.sampled_from(["{n}±{t}{u}", "{n} ± {t} {u}", "{n}{u}±{t}{u}", "{n}+/-{t}{u}", "{n} {u} (±{t} {u})",
                     "{n}(±{t}){u}", "{n} {u} ± {t}%", "{n}{u} +/- {t} %", "{n}土{t}{u}", "{n} +- {t} {u}"]),
)  # fmt: skip
@many
def test_a_tolerance_is_no_quantity(number: str, tolerance: str, unit: tuple[str, str], shape: str) -> None:
    text = shape.format(n=number, t=tolerance, u=unit[0])
    assert found(text) == [Quantity(Decimal(number), unit[1])], text


@given(
    SIZES, SIZES, UNIT,
    st.sampled_from(["{}...{}{}", "{}..{} {}", "{}…{}{}", "{} ... {} {}", "{}÷{}{}", "{} - {} {}", "{}~{}{}",
                     "{} bis {} {}", "{} à {} {}", "{} до {} {}", "{}至{}{}", "between {} and {} {}",
                     "entre {} y {} {}"]),
)  # fmt: skip
@many
def test_a_range_has_two_ends(low: int, step: int, unit: tuple[str, str], shape: str) -> None:
    matches = find_quantities(shape.format(low, low + step, unit[0]))
    assert [(match.quantity.value, match.role) for match in matches] == [(low, "low"), (low + step, "high")]
    assert {match.quantity.unit for match in matches} == {unit[1]}


LABELLED = (
    "{a}{n}{u}",
    "{a}:{n}{u}",
    "{a} {n}{u}",
    "({a}){n}{u}",
    "{n}{a}{u}",
    "{n}({a}){u}",
    "{n}{u}{a}",
    "{n}{u}({a})",
)
BARE = ("{a}{n}", "{a} {n}", "({a}){n}", "{n}{a}", "{n}({a})", "{a}={n}")


@given(
    st.permutations("HWDL"), st.lists(SIZES, min_size=2, max_size=3), LENGTHS,
    st.sampled_from([*((each, each) for each in LABELLED), *((bare, f"{bare}{{u}}") for bare in BARE)]),
    st.sampled_from(["x", " x ", "*", "×", "X", " X "]),
)  # fmt: skip
@many
def test_the_letters_of_a_tight_size_are_its_axes(
    letters: list[str], sizes: list[int], unit: tuple[str, str], shapes: tuple[str, str], sign: str
) -> None:
    shape = [shapes[0]] * (len(sizes) - 1) + [shapes[1]]
    text = sign.join(one.format(a=a, n=n, u=unit[0]) for one, a, n in zip(shape, letters, sizes, strict=False))
    wanted = [(n, a.lower(), unit[1]) for a, n in zip(letters, sizes, strict=False)]
    assert [(m.quantity.value, m.label, m.quantity.unit) for m in find_quantities(text)] == wanted, text


@given(
    NUMBERS, st.sampled_from(["g", "kg", "mg", "oz", "ml", "lbs"]),
    st.sampled_from(["{}{}/m2", "{} {}/m³", "{}{}/cm3", "{} {} / 100 g", "{}{}/100ml", "{}{} per serving", "{} {}/day",
                     "{}{}/sqm", "{} {} per square metre", "{} {}/yd²"]),
)  # fmt: skip
@many
def test_a_rate_is_no_quantity(number: str, unit: str, shape: str) -> None:
    text = shape.format(number, unit)
    assert [one for one in legal(text) if unit not in ("oz", "lbs") or "100" not in text] == [], text


@given(
    st.sampled_from(["per", "pro", "pour", "par", "por", "je", "на", "Valeurs pour", "Nährwerte je", "Energy per"]),
    st.sampled_from(["100 g", "100g", "100 ml", "100 grams", "100 г"]), st.sampled_from(["{} {}", "({} {})", "{} {}:"]),
)  # fmt: skip
@many
def test_what_others_are_told_of_is_no_quantity(word: str, amount: str, shape: str) -> None:
    assert legal(shape.format(word, amount)) == []


@given(
    st.integers(1, 99), st.integers(1, 9), UNIT,
    st.sampled_from(["{}. {}{}", "{} .{} {}", "{} . {} {}", "{} ,{} {}", "{}.{} {}", "{},{}{}", "{}·{} {}"]),
)  # fmt: skip
@many
def test_a_decimal_in_pieces_is_one_number(whole: int, tenths: int, unit: tuple[str, str], shape: str) -> None:
    assert found(shape.format(whole, tenths, unit[0])) == [Quantity(Decimal(f"{whole}.{tenths}"), unit[1])]


@given(
    st.integers(1, 99),
    st.integers(0, 99),
    st.sampled_from(["g", "ml", "W", "mg", "mm"]),
    st.sampled_from([" ", "'", ",", "’"]),
)
@many
def test_thousands_in_pieces_are_one_number(head: int, tail: int, unit: str, sign: str) -> None:
    (quantity,) = found(f"{head}{sign}0{tail:02d} {unit}")
    assert quantity.value == head * 1000 + tail


PRINT = (
    *"0123456789", *"0123456789", ".", ",", " ", " ", " ", "-", "x", "/", "±", "·", "…", "(", ")", "'", "cm", "mm", "g",
    "kg", "ml", "L", "V", "W", "H", "D", "oz", "lb", "in", "e", "O", "l", "S", "%", "per", "克", "高", "to", "\n", ":",
)  # fmt: skip
_REPAIRS = str.maketrans("OoIl|SsBzZ", "0011155822")


def stands_there(match: QuantityMatch, text: str) -> bool:
    """Whether the digits of a value stand in its span, one behind the other, or letters that OCR makes of them.

    What is computed does not: fractions, and compounds (two numbers and two units).
    """
    span = plain(text)[0][match.start : match.end] if len(plain(text)[0]) == len(text) else text
    if "/" in span or "'" in span or len(re.findall(r"[0-9](?![0-9.,' ])", span)) > 1:
        return True
    digits = re.sub(r"\D", "", span.translate(_REPAIRS)).strip("0")
    return re.sub(r"\D", "", str(match.quantity.value)).strip("0") in digits


@given(st.lists(st.sampled_from(PRINT), max_size=24).map("".join))
@settings(max_examples=4000, deadline=None, derandomize=True)
def test_nothing_is_invented(text: str) -> None:
    for match in find_quantities(text):
        assert "\n" not in text[match.start : match.end].strip()
        assert match.quantity.unit.removesuffix(" per") in BY_NAME
        assert stands_there(match, text), (match, text[match.start : match.end])
