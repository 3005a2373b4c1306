"""Small texts with what is read of them: one OCR line by the rules reader, a model's sentence by the postprocessor.

Columns: kind (K1 to K12, the kinds of faults that unseen packs and public test suites showed), api (`line` or `post`),
entity, text, want ("number unit", alternatives by " | ", empty for no answer).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.postprocess import postprocess
from entx.core.types import Quantity, parse_written
from entx.extractor import Extractor


def cases() -> Iterator[tuple[str, str, str, str]]:
    for path in sorted(Path(__file__).parent.glob("*_cases.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                yield row["api"], row["entity"], row["text"], row["want"]


@lru_cache(maxsize=1)
def rules() -> Extractor:
    return Extractor(stage="rules")


def read(api: str, entity: str, text: str) -> Quantity | None:
    if api == "line":
        return rules().extract_text(text, [entity])[entity].quantity
    return postprocess(text, CHALLENGE[entity]).quantity


@pytest.mark.parametrize(("api", "entity", "text", "want"), list(cases()))
def test_a_text_is_read_as_wanted(api: str, entity: str, text: str, want: str) -> None:
    wanted = [parse_written(one) for one in want.split(" | ")] if want else [None]
    assert None not in wanted or not want
    assert read(api, entity, text) in wanted


def test_every_row_of_the_cases_is_one_question() -> None:
    rows = list(cases())
    assert all(api in ("line", "post") and entity in CHALLENGE and text for api, entity, text, _ in rows)
    assert len(set(rows)) == len(rows)
