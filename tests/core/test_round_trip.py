"""What people print is made up from a known quantity, in many ways, and must be read back as that quantity."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Entity
from entx.core.parser import find_quantities
from entx.core.postprocess import postprocess
from entx.core.types import Quantity
from entx.core.units import BY_NAME

LEGAL = sorted(CHALLENGE.units)
# Single letters that also name an axis, and prime marks, need their own contexts (test_quantities).
FORMS = {
    name: [form for form in BY_NAME[name].forms if form.isascii() and form not in ("w", "l", "t", "'", '"', "''")]
    for name in LEGAL
}
CONTEXTS = (
    "{}", " {} ", "({})", "[{}]", "NET WT {}", "Weight: {}", "approx. {}", "{}.", "{}, new", "max {} / box",
    "• {} •", "≤{}",
    "Größe: {}", "A\n{}\nB", "“{}", "{}®", "size={}",
)  # fmt: skip
NUMBERS = (
    ("5", "5"), ("12", "12"), ("7.5", "7.5"), ("0.25", "0.25"), (".5", "0.5"), ("1,250", "1250"), ("3,5", "3.5"),
    ("½", "0.5"),
    ("2½", "2.5"), ("2 1/2", "2.5"), ("2-1/2", "2.5"), ("3/4", "0.75"), ("100", "100"), ("999999", "999999"),
    ("１２", "12"),
)  # fmt: skip
SENTENCES = (
    "The {entity} of the product is {quantity}.",
    "The product has a {entity} of {quantity}",
    "{quantity}",
    "It is {quantity} according to the label.",
    "**{quantity}**",
    '{{"{entity}": "{quantity}"}}',
    "```\n{quantity}\n```",
    "Answer: {quantity}",
    "The {entity} is indicated as {quantity} in the image.",
    "<|im_start|>assistant\n{quantity}<|im_end|>",
)


@st.composite
def printed(draw: st.DrawFn) -> tuple[str, Quantity]:
    """A quantity as printed, and the quantity."""
    name = draw(st.sampled_from(LEGAL))
    form = draw(st.sampled_from(FORMS[name]))
    form = draw(st.sampled_from([form, form.upper(), form.title(), form + "." if len(form) < 4 else form]))
    number, value = draw(st.sampled_from(NUMBERS))
    gap = draw(st.sampled_from(["", " ", "-"])) if form[0].isalpha() else ""
    return f"{number}{gap}{form}", Quantity(Decimal(value), name)


# Upper case changes the meaning of these: mV / MV, mW / MW. "1 in" and "in." are a preposition's in some contexts.
def unclear(text: str) -> bool:
    return text.rstrip(".").endswith(("MV", "MW", "Mv", "Mw")) or text.rstrip(".").lower().endswith((" po", "-po"))


@given(printed(), st.sampled_from(CONTEXTS))
@settings(max_examples=3000, deadline=None, derandomize=True)
def test_a_printed_quantity_is_read_back(case: tuple[str, Quantity], context: str) -> None:
    text, quantity = case
    if unclear(text):
        return
    whole = context.format(text)
    matches = find_quantities(whole)
    assert [match.quantity for match in matches] == [quantity], whole
    start = whole.index(text)
    assert matches[0].start <= start
    assert matches[0].end >= start + len(text.rstrip("."))


@given(
    st.lists(st.integers(1, 999), min_size=2, max_size=3),
    st.sampled_from(["cm", "mm", "in", '"', "inches", "CM"]),
    st.sampled_from(["x", " x ", "×", " × ", "*", " X ", " by "]),
    st.booleans(),
)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_a_list_of_sizes_is_read_back(sizes: list[int], unit: str, sign: str, each: bool) -> None:
    text = sign.join(f"{size}{unit}" for size in sizes) if each else sign.join(map(str, sizes)) + unit
    matches = find_quantities(f"Size: {text}")
    assert [match.quantity.value for match in matches] == sizes, text
    assert len({match.quantity.unit for match in matches}) == 1
    assert {match.role for match in matches} == {"axis"}
    assert {match.group for match in matches} == {0}


@given(
    st.permutations(["H", "W", "D"]),
    st.lists(st.integers(2, 99), min_size=3, max_size=3),
    st.sampled_from(
        ["{label}{size}cm", "{label}: {size} cm", "{label} {size}cm", "{size}cm({label})", "{size}cm {label}"]
    ),
    st.sampled_from([" x ", " × ", ", ", " "]),
)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_labelled_sizes_are_read_back(labels: list[str], sizes: list[int], shape: str, sign: str) -> None:
    text = sign.join(shape.format(label=label, size=size) for label, size in zip(labels, sizes, strict=True))
    matches = find_quantities(text)
    assert [(match.quantity.value, match.label.upper()) for match in matches] == list(
        zip(sizes, labels, strict=True)
    ), text


@given(st.integers(1, 500), st.integers(1, 500), st.sampled_from(["-", " - ", "~", " to ", "–"]), st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_ranges_are_read_back(low: int, step: int, sign: str, both: bool) -> None:
    text = f"{low}V{sign}{low + step}V" if both else f"{low}{sign}{low + step}V"
    assert [(match.quantity.value, match.role) for match in find_quantities(text)] == [
        (low, "low"),
        (low + step, "high"),
    ], text


@pytest.mark.parametrize("entity", CHALLENGE.entities.values(), ids=lambda entity: entity.name)
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_models_sentence_is_read_back(entity: Entity, sentence: str) -> None:
    rng = random.Random(sentence + entity.name)
    for unit in entity.units:
        form = rng.choice([unit, *FORMS[unit]])
        value = rng.choice(["5", "7.5", "120", "0.25"])
        text = sentence.format(entity=entity.words, quantity=f"{value} {form}")
        reading = postprocess(text, entity)
        assert reading.quantity == Quantity(Decimal(value), unit), (text, reading.reason)
