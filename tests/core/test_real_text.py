"""The text modules on real text: a model's sentences and OCR of real packs. Skipped where the data is absent."""

import csv
import gzip
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from entx.core.entities import CHALLENGE
from entx.core.parser import find_quantities
from entx.core.postprocess import postprocess
from entx.core.types import parse_written

DATA = Path(os.environ.get("ENTX_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA}")


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


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


def test_labels_of_the_train_table_are_read_as_they_are() -> None:
    changed: Counter[str] = Counter()
    for number, row in enumerate(rows(DATA / "train.csv.gz")):
        if number == 30_000:
            break
        entity = CHALLENGE[row["entity_name"]]
        written = parse_written(row["entity_value"])
        if written is None or written.unit not in entity.units or written.value <= 0:
            continue
        if postprocess(row["entity_value"], entity).quantity != written:
            changed[row["entity_value"]] += 1
    assert sum(changed.values()) <= 10, changed  # only numbers of more than thirteen digits


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
