from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from entx.core.errors import InputError
from entx.core.files import FORMULA_STARTS, harmless_cell
from entx.core.types import (
    Answer,
    Direction,
    LineGeometry,
    OcrLine,
    OcrPage,
    PageGeometry,
    PageKey,
    PageStatus,
    Quantity,
    Question,
    Stroke,
)
from entx.storage.labels import Review, add_reviews
from entx.storage.pages import add_pages, load_pages
from entx.storage.questions import add_questions
from entx.storage.runs import add_answers, begin_run, end_run
from entx.storage.store import Store
from entx.storage.transfer import TABLES, export_table, import_pages

KEY = PageKey("fake", "m", "p")
BOX = (0.0, 0.0, 9.5, 0.0, 9.5, 5.0, 0.0, 5.0)
STROKE = Stroke(Direction.OBLIQUE, (1.5, 2.0), (9.0, 7.25), 12.0, 0.5, 0.75, True, 2)
GEOMETRY = PageGeometry(
    (0.0, 1.0, 9.0, 19.5), 0.25, 2, (LineGeometry(1, None, None, STROKE, 0.5, -1.25),), (0,), 0.125
)  # numbers that single precision holds exactly
PAGES = [
    OcrPage(
        "s1",
        PageStatus.OK,
        "",
        10,
        20,
        (OcrLine("=1+1", 0.5, BOX), OcrLine("5 kg", 1.0, BOX, 90.0, 2.0)),
        0.5,
        GEOMETRY,
    ),
    OcrPage("s2", PageStatus.UNREADABLE, "truncated, at byte 7"),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "s.duckdb", write=True)
    add_questions(store, [Question(1, "a.jpg", "g", "height"), Question(2, "-b.jpg", "g", "width")], "t.csv")
    add_pages(store, KEY, "ocr-1", PAGES)
    begin_run(store, "rules", "rules", {})
    add_answers(store, "rules", [(1, Answer(Quantity(Decimal("5"), "foot"))), (2, Answer(None, "+x", "nothing"))])
    end_run(store, "rules", 1.0, {"questions": 2})
    at = "2026-11-20T10:00:00.000000Z"
    add_reviews(store, [Review(1, ("5.0 foot",), "review", "=ann", at), Review(2, (), "review", "bob", at)])
    return store


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("table", TABLES)
def test_every_table_goes_out_in_every_format(store: Store, tmp_path: Path, table: str, suffix: str) -> None:
    out = tmp_path / f"{table}{suffix}"
    rows = export_table(store, table, out)
    assert rows == (1 if table == "runs" else 2)
    if suffix == ".csv":
        with out.open(newline="", encoding="utf-8") as stream:
            assert len(list(csv.DictReader(stream))) == rows
    if suffix == ".jsonl":
        assert len([json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]) == rows


def test_no_text_of_a_csv_is_a_formula_and_jsonl_is_exact(store: Store, tmp_path: Path) -> None:
    export_table(store, "lines", tmp_path / "l.csv")
    export_table(store, "lines", tmp_path / "l.jsonl")
    with (tmp_path / "l.csv").open(newline="", encoding="utf-8") as stream:
        assert [row["text"] for row in csv.DictReader(stream)] == ["'=1+1", "5 kg"]
    exact = [json.loads(line)["text"] for line in (tmp_path / "l.jsonl").read_text(encoding="utf-8").splitlines()]
    assert exact == ["=1+1", "5 kg"]
    export_table(store, "reviews", tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as stream:
        assert [(row["index"], row["annotator"]) for row in csv.DictReader(stream)] == [("1", "'=ann"), ("2", "bob")]
    export_table(store, "questions", tmp_path / "q.csv")
    assert "'-b.jpg" in (tmp_path / "q.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_pages_travel_to_another_store_once(store: Store, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"pages{suffix}"
    export_table(store, "pages", out)
    with Store(tmp_path / "other.duckdb", write=True) as other:
        assert import_pages(other, out) == (2, 2)
        assert import_pages(other, out) == (2, 0)
        assert list(load_pages(other, KEY)) == PAGES


def test_what_is_no_export_of_pages_is_refused(store: Store, tmp_path: Path) -> None:
    wrong = tmp_path / "q.parquet"
    export_table(store, "questions", wrong)
    for path, message in [
        (wrong, "no export of pages"),
        (tmp_path / "x.csv", "imported from"),
        (tmp_path / "none.parquet", "no such file"),
    ]:
        with pytest.raises(InputError, match=message):
            import_pages(store, path)
    assert list(load_pages(store, KEY)) == PAGES


def test_an_unknown_table_or_format_leaves_no_file(store: Store, tmp_path: Path) -> None:
    for table, name, message in [("secrets", "s.csv", "unknown table"), ("pages", "p.xlsx", "unknown format")]:
        with pytest.raises(InputError, match=message):
            export_table(store, table, tmp_path / name)
    assert sorted(p.suffix for p in tmp_path.iterdir()) in ([".duckdb"], [".duckdb", ".wal"])


@pytest.mark.parametrize("start", [*FORMULA_STARTS, "a", "é", "'", ""])
def test_every_formulas_first_character_is_disarmed_alike(start: str, store: Store, tmp_path: Path) -> None:
    """By the export's SQL as by the download's list of failures."""
    link = f"{start}1"
    add_questions(store, [Question(99, link, "", "height")], "more")
    export_table(store, "questions", tmp_path / "q.csv")
    with (tmp_path / "q.csv").open(newline="", encoding="utf-8") as stream:
        written = {row["index"]: row["image_link"] for row in csv.DictReader(stream)}["99"]
    assert written == harmless_cell(link)
    assert written.startswith("'") == (start != "" and start in FORMULA_STARTS + "'")
