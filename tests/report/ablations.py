"""Stores for ablations: a tiny one of which every figure can be reckoned by hand, and one of 120 rows by chance."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

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
from entx.report.columns import ARM, HYBRID, Column, Gold, GoldRow
from entx.report.hybrids import Hybrids
from entx.report.page import Gallery, make_gallery
from entx.report.summary import Ablation, Options, load_ablation, summarise
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run, end_run
from entx.storage.store import Store
from tests.report.tables import macros
from tests.report.views import picture_bytes

KEY = PageKey("rapidocr", "m", "p")
PAGES = {"engine": KEY.engine, "model_hash": KEY.model_hash, "params_hash": KEY.params_hash}
CARD = macros("gallery.html").card
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
) -> tuple[Path, Path]:
    """Paths of a store and of its gold table; `line` is the one OCR line of every page."""
    path, table = folder / "s.duckdb", folder / "gold.csv"
    table.write_text(gold, encoding="utf-8")
    rows = [line.split(",") for line in GOLD.splitlines()[1:]]
    with Store(path, write=True) as store:
        add_questions(store, [Question(int(r[0]), r[3], "g", r[1]) for r in rows], "t.csv")
        for number, row in enumerate(rows):
            data = picture_bytes(200, 100, (number, 0, 0))
            picture = hashlib.sha256(data).hexdigest()
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


def measured(path: Path, table: Path, runs: str = "rules,qwen", **options: Any) -> Ablation:
    with Store(path) as store:
        return load_ablation(store, table, runs.split(","), CHALLENGE, Options(**options))


def report(path: Path, table: Path, runs: str = "rules,qwen", **options: Any) -> tuple[dict[str, Any], Gallery]:
    """Figures, as the JSON file holds them, and gallery of an ablation."""
    most, size = options.pop("most", 100), options.pop("picture_bytes", 1_000_000)
    with Store(path) as store:
        chosen = Options(**options)
        gathered = load_ablation(store, table, runs.split(","), CHALLENGE, chosen)
        return summarise(store, gathered, CHALLENGE, chosen), make_gallery(gathered, most=most, picture_bytes=size)


def summary(path: Path, table: Path, runs: str = "rules,qwen", **options: Any) -> dict[str, Any]:
    """The figures alone."""
    return report(path, table, runs, most=0, picture_bytes=0, **options)[0]


def of(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The object of that name."""
    return next(row for row in rows if row["name"] == name)


def cards_of(gallery: Gallery) -> str:
    """The cards as the page has them."""
    return "".join(map(CARD, gallery.cards))


def gram(number: int) -> Quantity:
    return Quantity(Decimal(number), "gram")


ROWS, PICTURES = 120, 80
RIGHT = {"good": 0.85, "fair": 0.7, "poor": 0.45, "rare": 0.6}
"""How often each arm is right; "rare" was asked every third question only."""


def _by_chance(truth: str, right: bool, draw: random.Random) -> Answer:
    sure = min(0.99, max(0.01, draw.gauss(0.8 if right else 0.5, 0.15)))
    if right:
        quantity = gram(int(truth.split()[0])) if truth else None
    else:
        quantity = None if truth and draw.random() < 0.3 else gram(draw.randint(1000, 2000))
    if quantity is None:
        return Answer(None, "", "nothing seen", p_present=1.0 - sure)
    return Answer(quantity, quantity.text, p_correct=sure, p_present=min(1.0, sure + 0.05), seconds=0.5)


def make_chance_store(folder: Path) -> tuple[Path, Path]:
    """Paths of the store and of its gold table."""
    draw = random.Random(7)
    truths = ["" if draw.random() < 0.3 else f"{draw.randint(1, 900)} gram" for _ in range(ROWS)]
    names = ["item_weight" if draw.random() < 0.6 else "maximum_weight_recommendation" for _ in range(ROWS)]
    links = [f"{i % PICTURES}.jpg" for i in range(ROWS)]
    table = folder / "gold.csv"
    lines = [f"{i},{names[i]},{'small' if i % 3 else 'large'},{links[i]},{truths[i]}" for i in range(ROWS)]
    table.write_text("index,entity_name,slice,image_link,value\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with Store(folder / "s.duckdb", write=True) as store:
        add_questions(store, [Question(i, links[i], "g", names[i]) for i in range(ROWS)], "t.csv")
        for run, share in RIGHT.items():
            begin_run(store, run, "vlm", {"model": run})
            asked = range(0, ROWS, 3) if run == "rare" else range(ROWS)
            add_answers(store, run, [(i, _by_chance(truths[i], draw.random() < share, draw)) for i in asked])
    return folder / "s.duckdb", table


Said = tuple[str | None, float | None]
"""A text ("" abstains, None was not asked) and how sure the arm says to be."""


def gold_of(
    truths: Sequence[str], slices: Sequence[str] = (), also: Sequence[tuple[str, ...]] = (),
    files: Sequence[tuple[str | None, str | None]] = (),
) -> Gold:  # fmt: skip
    rows = tuple(
        GoldRow(
            i, "item_weight", f"{i}.jpg", "g", None, 0, *(files[i] if files else (None, None)),
            slices[i] if slices else "", truth, also[i] if also else (),
        )
        for i, truth in enumerate(truths)
    )  # fmt: skip
    return Gold(Path("gold.csv"), rows, (), np.arange(len(rows), dtype=np.int64))


def answer_of(told: Said) -> Answer | None:
    text, sure = told
    if text is None:
        return None
    return Answer(parse_written(text) if text else None, text, p_correct=sure, p_present=sure)


def column_of(gold: Gold, told: Sequence[Said], name: str = "a", stage: str = "vlm") -> Column:
    return Column(name, ARM, stage, tuple(map(answer_of, told)), gold)


ROW = st.tuples(
    st.sampled_from(["", "1 gram", "2 gram"]), st.sampled_from(["", "1 gram", "2 gram", None]),
    st.integers(0, 10).map(lambda tenth: tenth / 10),
)  # fmt: skip
"""Truth, answer and how sure the arm says to be."""

BOX, OTHER = (10.0, 10.0, 60.0, 10.0, 60.0, 30.0, 10.0, 30.0), (10.0, 40.0, 60.0, 40.0, 60.0, 60.0, 10.0, 60.0)
PAGE = OcrPage("p", PageStatus.OK, "", 200, 100, (OcrLine("1 g net", 0.9, BOX), OcrLine("2 g", 0.9, OTHER)), 0.1)

TRUTHS = st.sampled_from(["", "1 gram", "2 gram"])
SAID = st.sampled_from([None, "", "1 gram", "2 gram", "0.001 kilogram", "7 gram"])
TABLE = st.lists(st.tuples(TRUTHS, SAID, SAID, SAID), min_size=1, max_size=10)


def ablation_of(table: Sequence[tuple[Any, ...]]) -> Ablation:
    """Of rows of a truth and of what two arms and a hybrid say; "2 gram" is read where it stands."""
    files = [(f"{place}", f"{place}.jpg") for place in range(len(table))]
    gold = gold_of([row[0] for row in table], files=files)
    kinds = ((ARM, "rules"), (ARM, "vlm"), (HYBRID, "ensemble"))
    columns = tuple(
        Column(name, kind, stage, tuple(_grounded(row[1 + number]) for row in table), gold)
        for number, (name, (kind, stage)) in enumerate(zip("abc", kinds, strict=True))
    )
    pages = {picture: replace(PAGE, picture=picture) for picture, _ in files}
    return Ablation(gold, (), columns, Hybrids(), None, pages, tuple(() for _ in table))


def _grounded(text: str | None) -> Answer | None:
    if text is None:
        return None
    evidence = Evidence(Alignment.EXACT, (1,), OTHER) if text == "2 gram" else Evidence(Alignment.NONE)
    return Answer(parse_written(text) if text else None, text, "" if text else "nothing seen", evidence)
