"""A tiny store of which every figure can be reckoned by hand: eight questions, two readers, one sentence model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from entx.core.entities import CHALLENGE
from entx.core.types import (
    Alignment,
    Answer,
    Evidence,
    OcrLine,
    OcrPage,
    PageKey,
    PageStatus,
    Quantity,
    Question,
    parse_written,
)
from entx.report.ablation.measure import Measured, Options, measure
from entx.report.ablation.summary import summarise
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run, end_run
from entx.storage.store import Store
from tests.report.views import picture_bytes

KEY = PageKey("rapidocr", "m", "p")
PAGES = {"engine": KEY.engine, "model_hash": KEY.model_hash, "params_hash": KEY.params_hash}
LABEL = (10, 10, 110, 10, 110, 30, 10, 30)

GOLD = """index,entity_name,slice,image_link,value,also
0,item_weight,small,0.jpg,500 gram,
1,item_weight,small,1.jpg,2 kilogram,
2,item_weight,small,2.jpg,,
3,item_weight,small,3.jpg,3 pound,
4,voltage,large,4.jpg,12 volt,24 volt
5,voltage,large,5.jpg,,
6,item_weight,large,6.jpg,7 ounce,
7,voltage,large,7.jpg,9 volt,
"""

# row      0           1             2          3          4          5          6           7
RULES = ["500 gram", "2 kilogram", "1 gram", "4 pound", "24 volt", "", "!7 ounce", "!8 volt"]
QWEN = ["0.5 kilogram", "3 kilogram", "", "3 pound", "12 volt", "5 volt", "", None]
"""What the arms say. "!": the reader abstains and names it as its best candidate. None: not asked.

rules: TP FP... right on 0, 1, 4, 5; row 2 answered on empty, 3 wrong, 6 and 7 missed: TP 3, FP 2, FN 2, TN 1.
qwen: right on 2, 3, 4; 0 wrong (another unit), 1 wrong, 5 on empty, 6 missed, 7 not asked: TP 2, FP 3, FN 2, TN 1.
"""


def said(text: str | None, *, sure: float | None = None) -> Answer | None:
    if text is None:
        return None
    if text.startswith("!"):
        best = parse_written(text[1:])
        assert best is not None
        return Answer(None, text[1:], f"no number is sure enough (best: {best.text}, score 0.10)", score=0.1)
    quantity = parse_written(text) if text else None
    assert quantity is not None or not text
    evidence = Evidence(Alignment.EXACT, (0,), LABEL) if quantity and sure is None else Evidence(Alignment.NONE)
    present = None if sure is None else min(1.0, sure + 0.1)
    return Answer(quantity, text, "" if quantity else "nothing", evidence, p_correct=sure, p_present=present, score=0.9)


def make_store(
    folder: Path,
    arms: Mapping[str, Sequence[Answer | None]] | None = None,
    *,
    gold: str = GOLD,
    line: str = "7 oz and more",
    pictures: bool = True,
) -> tuple[Path, Path]:
    """Paths of a store and of its gold table.

    Args:
        arms: rules and qwen of this module by default.
        line: the one OCR line of every page.
        pictures: whether the files are there.
    """
    path, table = folder / "s.duckdb", folder / "gold.csv"
    table.write_text(gold, encoding="utf-8")
    rows = [line.split(",") for line in GOLD.splitlines()[1:]]
    with Store(path, write=True) as store:
        add_questions(store, [Question(int(r[0]), r[3], "g", r[1]) for r in rows], "t.csv")
        for number, row in enumerate(rows):
            data = picture_bytes(200, 100, (number, 0, 0))
            picture = hashlib.sha256(data).hexdigest()
            if pictures:
                (folder / row[3]).write_bytes(data)
            add_files(store, [LinkedFile(row[3], picture, str(folder / row[3]), len(data), 1)])
            page = OcrPage(picture, PageStatus.OK, "", 200, 100, (OcrLine(line, 0.9, LABEL),), 0.25)
            add_pages(store, KEY, "ocr", [page])
        for run, answers in (arms or default_arms()).items():
            rules = run == "rules"
            begin_run(store, run, "rules" if rules else "vlm", PAGES if rules else {"file": "x.csv", "sha256": "0"})
            given = [(i, answer) for i, answer in enumerate(answers) if answer is not None]
            if given:
                add_answers(store, run, given)
            end_run(store, run, 4.0, {"asked": len(given)})
    return path, table


def default_arms() -> dict[str, list[Answer | None]]:
    return {"rules": [said(text) for text in RULES], "qwen": [said(text) for text in QWEN]}


def measured(path: Path, table: Path, runs: str = "rules,qwen", **options: Any) -> Measured:
    with Store(path) as store:
        return measure(store, table, runs.split(","), CHALLENGE, Options(**options))


def summary(path: Path, table: Path, runs: str = "rules,qwen", **options: Any) -> dict[str, Any]:
    """As the JSON file holds it."""
    with Store(path) as store:
        found = Options(**options)
        gathered = measure(store, table, runs.split(","), CHALLENGE, found)
        plain: dict[str, Any] = json.loads(json.dumps(summarise(store, gathered, CHALLENGE, found)))
        return plain


def of(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The object of that name."""
    return next(row for row in rows if row["name"] == name)


def gram(number: int) -> Quantity:
    return Quantity(Decimal(number), "gram")
