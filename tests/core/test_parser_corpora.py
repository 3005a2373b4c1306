"""The parser on what OCR engines really read, and on what it writes itself."""

from __future__ import annotations

import csv
import gzip
import os
import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Entity
from entx.core.parser import find_quantities
from entx.core.postprocess import postprocess
from entx.core.types import Quantity, parse_written
from entx.core.units import BY_NAME, implausible


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3.5oz/100g", ["3.5 ounce", "100.0 gram"]), ("12g/100g", ["12.0 gram per"]), ("1.3 g/100 g", ["1.3 gram per"]),
        ("7.8cm3.07in", ["7.8 centimetre", "3.07 inch"]), ("12 cm3", ["12.0 cubic centimetre"]),
        ("I.D: Φ10mm", ["10.0 millimetre"]), ("ProCORE18V", ["18.0 volt"]), ("XR18V2000", []),
        ("約6.8cm", ["6.8 centimetre"]), ("200gNET", ["200.0 gram"]), ("20VLITHIUM", ["20.0 volt"]),
        ("20VLTHUM", ["20.0 volt"]), ("33/8″", ["3.375 inch"]), ("33/8 inch", ["3.375 inch"]),
        ("315/16″", ["3.9375 inch"]), ("121/4 in", ["12.25 inch"]),
        ('67.5 cm(261/2")', ["67.5 centimetre", "26.5 inch"]), ("120/60 in", ["60.0 inch"]),
        ("12 02 / 3 G", ["12.0 ounce", "3.0 gram"]), ("12FLC2", ["12.0 fluid ounce"]),
        ("WEIGHT: 44 Ilbs", ["44.0 pound"]), ("3bs", ["3.0 pound"]), ("97em", ["97.0 centimetre"]),
        ("63 ccmm", ["63.0 centimetre"]), ("76.5om", ["76.5 centimetre"]), ("NETW.900g", ["900.0 gram"]),
        ("NET WT.12 0Z.340g", ["12.0 ounce", "340.0 gram"]), ("W.5 in", ["0.5 inch"]), ("Ø .5 in", ["0.5 inch"]),
        ("(15kg以下まで)", ["15.0 kilogram"]), ("200geNET", ["200.0 gram"]),
        ("1000mAh 3.7U", ["1000.0 milliampere hour", "3.7 volt"]), ("2U rack", []), ("190T Polyester", []),
        ("24T TCT saw", []), ("3T jack", ["3.0 ton"]), ("3/8″", ["0.375 inch"]),
    ],
)  # fmt: skip
def test_spans(text: str, found: list[str]) -> None:
    assert [one.quantity.text for one in find_quantities(text)] == found


DATA = Path(os.environ.get("ENTX_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA}")


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


@needs_data
def test_sentences_of_a_real_model_beat_their_authors_own_clean_up() -> None:
    with (DATA / "gold" / "dev.csv").open(encoding="utf-8", newline="") as stream:
        gold = {row["index"]: row for row in csv.DictReader(stream) if row["origin"] == "test"}
    answers = rows(DATA / "predictions" / "qwen2vl2b_zeroshot_raw.csv.gz")
    said = {row["index"]: row["generated_output"] for row in answers if row["index"] in gold}
    counts: dict[str, Counter[str]] = {"small": Counter(), "large": Counter()}
    for index, row in gold.items():
        quantity = postprocess(said.get(index, ""), CHALLENGE[row["entity_name"]]).quantity
        truths = [parse_written(text) for text in (row["value"], *row["also"].split(" | ")) if text]
        if quantity is not None:
            counts[row["slice"]]["TP" if quantity in truths else "FP"] += 1
        elif truths:
            counts[row["slice"]]["FN"] += 1
    for name, theirs in (("small", 0.714), ("large", 0.743)):
        tp, wrong = counts[name]["TP"], counts[name]["FP"] + counts[name]["FN"]
        assert 2 * tp / (2 * tp + wrong) > theirs


@needs_data
def test_labels_of_the_train_table_are_read_as_they_are() -> None:
    changed: Counter[str] = Counter()
    for number, row in enumerate(rows(DATA / "train.csv.gz")):
        if number == 30_000:
            break
        entity = CHALLENGE[row["entity_name"]]
        written = parse_written(row["entity_value"])
        if written is None or written.unit not in entity.units or written.value <= 0:
            continue
        if postprocess(row["entity_value"], entity).quantity != (None if implausible(written) else written):
            changed[row["entity_value"]] += 1
    assert not changed


@needs_data
def test_labels_are_found_where_real_ocr_text_holds_them() -> None:
    table = pd.read_parquet(DATA / "ocr_text" / "easyocr_train.parquet", columns=["entity_value", "text"])
    table = table.dropna().sample(3000, random_state=1)
    found = printed = 0
    for value, text in zip(table.entity_value, table.text, strict=True):
        label = parse_written(value)
        if label is None:
            continue
        short = {"gram": "g", "kilogram": "kg", "volt": "v", "watt": "w", "millilitre": "ml"}.get(label.unit)
        number = label.text.split()[0].removesuffix(".0")
        if short is None or f" {number}{short} " not in f" {text.lower()} ":
            continue
        printed += 1
        found += label in {match.quantity for match in find_quantities(text)}
    assert printed > 300
    assert found / printed > 0.98


LEGAL = sorted(CHALLENGE.units)
# Single letters that also name an axis, and prime marks, need their own contexts (test_quantities).
FORMS = {
    name: [form for form in BY_NAME[name].forms if form.isascii() and form not in ("w", "l", "t", "'", '"', "''")]
    for name in LEGAL
}
CONTEXTS = (
    "{}", " {} ", "({})", "[{}]", "NET WT {}", "Weight: {}", "approx. {}", "{}.", "{}, new", "max {} / box", "• {} •",
    "≤{}", "Größe: {}", "A\n{}\nB", "“{}", "{}®", "size={}",
)  # fmt: skip
NUMBERS = (
    ("5", "5"), ("12", "12"), ("7.5", "7.5"), ("0.25", "0.25"), (".5", "0.5"), ("1,250", "1250"), ("3,5", "3.5"),
    ("½", "0.5"), ("2½", "2.5"), ("2 1/2", "2.5"), ("2-1/2", "2.5"), ("3/4", "0.75"), ("100", "100"),
    ("999999", "999999"), ("１２", "12"),
)  # fmt: skip
SENTENCES = (
    "The {entity} of the product is {quantity}.", "The product has a {entity} of {quantity}", "{quantity}",
    "It is {quantity} according to the label.", "**{quantity}**", '{{"{entity}": "{quantity}"}}',
    "```\n{quantity}\n```", "Answer: {quantity}", "The {entity} is indicated as {quantity} in the image.",
    "<|im_start|>assistant\n{quantity}<|im_end|>",
)  # fmt: skip


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
        wanted = Quantity(Decimal(value), unit)  # 0.25 millivolt is no product's
        assert reading.quantity == (None if implausible(wanted) else wanted), (text, reading.reason)
