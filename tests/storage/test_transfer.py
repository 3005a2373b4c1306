"""Tables in (questions, answers, pages), and tables and predictions out."""

from __future__ import annotations

import csv
import gzip
import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.core.files import FORMULA_STARTS, harmless_cell
from entx.core.types import (
    Alignment,
    Answer,
    Direction,
    Evidence,
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
from entx.storage.questions import LinkedFile, add_files, add_questions, load_questions
from entx.storage.runs import add_answers, begin_run, end_run, load_answers
from entx.storage.store import TABLES, Store
from entx.storage.transfer import (
    Coverage,
    ImportReport,
    coverage,
    export_table,
    import_pages,
    import_predictions,
    ingest,
    write_predictions,
)

HOST = "https://m.media-amazon.com/images/I/"
KEY = PageKey("fake", "m", "p")
BOX = (0.0, 0.0, 9.5, 0.0, 9.5, 5.0, 0.0, 5.0)
PAGES = [
    OcrPage(
        "a" * 64, PageStatus.OK, "", 10, 20, (OcrLine("=1+1", 0.5, BOX), OcrLine("5 kg", 1.0, BOX, 90.0, 2.0)), 0.5
    ),
    OcrPage("b" * 64, PageStatus.UNREADABLE, "truncated, at byte 7"),
]
SENTENCES = (
    "index,generated_output\n"
    '2,"The voltage is 100-240V."\n'
    '0,"The height is 8.2 cm (3.23 inches)."\n'
    "1,The weight is not visible in the image.\n"
    "99,5 kg\n"
)


def _write(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"A")
    (folder / "deeper" / "b.jpg").write_bytes(b"B")
    (folder / "same_as_a.jpg").write_bytes(b"A")
    return folder


def test_links_find_their_files_and_equal_bytes_are_one_picture(store: Store, pictures: Path, tmp_path: Path) -> None:
    rows = f"5,{HOST}a.jpg,g,height\n6,{HOST}b.jpg,g,width\n7,{HOST}same_as_a.jpg,g,depth\n9,{HOST}gone.jpg,g,depth\n"
    report = ingest(store, _write(tmp_path, "index,image_link,group_id,entity_name\n" + rows), [pictures], CHALLENGE)
    assert (report.questions, report.new, report.links, report.pictures) == (4, 4, 4, 2)
    assert report.without_file == {f"{HOST}gone.jpg": "no file gone.jpg"}
    found = {q.index: q.picture for q in load_questions(store)}
    assert found[5] == found[7] != found[6]
    assert found[9] is None


def test_a_second_ingest_adds_nothing_and_finds_what_has_arrived(store: Store, pictures: Path, tmp_path: Path) -> None:
    rows = f"1,{HOST}a.jpg,height\n2,{HOST}late.jpg,height\n"
    asked = _write(tmp_path, "index,image_link,entity_name\n" + rows)
    assert ingest(store, asked, [pictures], CHALLENGE).new == 2
    (pictures / "late.jpg").write_bytes(b"L")
    report = ingest(store, asked, [pictures], CHALLENGE)
    assert (report.new, report.pictures, report.without_file) == (0, 2, {})
    assert store.connection.execute("select count(*) from pictures").fetchall() == [(2,)]


@pytest.mark.parametrize(("content", "touched"), [(b"changed", True), (b"Z", False)])
def test_a_changed_file_is_a_new_picture_and_an_unchanged_one_is_not_read_again(
    store: Store, pictures: Path, tmp_path: Path, content: bytes, touched: bool
) -> None:
    """Z has the size and here also the time of what was there: it counts as unchanged, so its bytes are not seen."""
    asked = _write(tmp_path, f"index,image_link,entity_name\n1,{HOST}a.jpg,height\n")
    ingest(store, asked, [pictures], CHALLENGE)
    before = (pictures / "a.jpg").stat()
    (pictures / "a.jpg").write_bytes(content)
    if not touched:
        os.utime(pictures / "a.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    ingest(store, asked, [pictures], CHALLENGE)
    (question,) = load_questions(store)
    stored = store.connection.execute("select picture from pictures order by seq").fetchall()
    assert len(set(stored)) == len(stored) == (2 if touched else 1)
    assert question.picture == stored[-1][0]


def test_rows_without_an_index_are_numbered_from_where_one_says(store: Store, pictures: Path, tmp_path: Path) -> None:
    rows = f"{HOST}a.jpg,height,1.0 foot\n{HOST}b.jpg,width,2.0 inch\n"
    first = _write(tmp_path, "image_link,entity_name,entity_value\n" + rows)
    second = _write(tmp_path, f"image_link,entity_name\n{HOST}b.jpg,voltage\n", "u.csv")
    assert not ingest(store, first, [pictures], CHALLENGE).indexed
    with pytest.raises(InputError, match="--index-from"):
        ingest(store, second, [pictures], CHALLENGE)
    ingest(store, second, [pictures], CHALLENGE, index_from=10)
    found = [(q.index, q.label, q.group_id) for q in load_questions(store)]
    assert found == [(0, "1.0 foot", ""), (1, "2.0 inch", ""), (10, None, "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,image_link\n1,a.jpg\n", r"t\.csv, line 1, column entity_name: the column is missing"),
        ("index,image_link,entity_name\n1,a.jpg,heigth\n", r"line 2, column entity_name: unknown entity 'heigth'"),
        ("index,image_link,entity_name\n1,a.jpg,height\n1,b.jpg,height\n", r"line 3, column index: .* on line 2"),
        ("index,image_link,entity_name\n1,,height\n", r"t\.csv, line 2, column image_link: the link is empty"),
    ],
)  # fmt: skip
def test_a_faulty_table_is_refused_with_its_place_and_nothing_is_stored(
    store: Store, tmp_path: Path, pictures: Path, text: str, message: str
) -> None:
    with pytest.raises(TableError, match=message):
        ingest(store, _write(tmp_path, text), [pictures], CHALLENGE)
    assert list(load_questions(store)) == []


def test_literal_na_and_none_stay_words(store: Store, pictures: Path, tmp_path: Path) -> None:
    asked = _write(tmp_path, "index,image_link,group_id,entity_name,entity_value\n1,NA,None,height,null\n")
    ingest(store, asked, [pictures], CHALLENGE)
    (question,) = load_questions(store)
    assert (question.image_link, question.group_id, question.label) == ("NA", "None", "null")


@pytest.fixture
def asked(store: Store) -> Store:
    entities = ["height", "item_weight", "voltage"]
    add_questions(store, [Question(i, f"{i}.jpg", "g", name) for i, name in enumerate(entities)], "t.csv")
    return store


def _import(store: Store, path: Path, run: str = "qwen", column: str | None = None) -> ImportReport:
    return import_predictions(store, path, stage="vlm", run=run, schema=CHALLENGE, column=column)


def test_sentences_become_answers_through_the_postprocessor(asked: Store, tmp_path: Path) -> None:
    report = _import(asked, _write(tmp_path, SENTENCES))
    assert (report.column, report.rows, report.foreign, report.added) == ("generated_output", 4, 1, 3)
    answers = dict(load_answers(asked, "qwen"))
    found = {i: a.quantity.text if a.quantity else "" for i, a in answers.items()}
    assert found == {0: "8.2 centimetre", 1: "", 2: "240.0 volt"}
    assert answers[0].text == "The height is 8.2 cm (3.23 inches)."
    assert answers[1].reason
    assert all(answer.evidence.alignment is Alignment.NONE for answer in answers.values())


def test_importing_twice_adds_nothing_and_an_interrupted_import_is_continued(asked: Store, tmp_path: Path) -> None:
    path = _write(tmp_path, SENTENCES)
    _import(asked, path)
    assert _import(asked, path).added == 0
    assert len(list(load_answers(asked, "qwen"))) == 3
    asked.connection.execute("delete from answers where idx = 0")  # as if the batch with it had been lost
    assert _import(asked, path).added == 1
    assert sorted(index for index, _ in load_answers(asked, "qwen")) == [0, 1, 2]


def test_another_file_or_postprocessor_needs_another_run(
    asked: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = _write(tmp_path, SENTENCES), _write(tmp_path, "index,prediction\n1,5 gram\n", "other.csv")
    _import(asked, path)
    with pytest.raises(InputError, match="choose another --run"):
        _import(asked, other)
    assert _import(asked, other, "second").added == 1
    monkeypatch.setattr("entx.storage.transfer.POSTPROCESS_VERSION", 0)
    with pytest.raises(InputError, match="postprocess was"):
        _import(asked, path)


def test_gzip_and_a_named_column(asked: Store, tmp_path: Path) -> None:
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress(b"index,prediction,mine\n0,1 metre,2 foot\n"))
    _import(asked, path, column="mine")
    assert [a.quantity.text for _, a in load_answers(asked, "qwen") if a.quantity] == ["2.0 foot"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,words\n0,1 metre\n", r"no column of answers .* among: index, words; name it with --column"),
        ("index,prediction\n0,1 metre\n0,2 metre\n", r"line 3, column index: index 0 was already used on line 2"),
        ("index,prediction\nx,1 metre\n", r"line 2, column index: 'x' is no index"),
    ],
)
def test_a_faulty_table_of_answers_is_refused(asked: Store, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        _import(asked, _write(tmp_path, text))
    assert list(load_answers(asked, "qwen")) == []


def test_the_prediction_file_has_a_row_for_every_question(asked: Store, tmp_path: Path) -> None:
    _import(asked, _write(tmp_path, "index,prediction\n2,12 volt\n"))
    for wanted, rows, count in ((None, "0,\n1,\n2,12.0 volt\n", 3), ([7, 2], "7,\n2,12.0 volt\n", 2)):
        write_predictions(asked, "qwen", tmp_path / "out.csv", wanted)
        assert (tmp_path / "out.csv").read_text() == f"index,prediction\n{rows}"
        assert coverage(asked, "qwen", wanted) == Coverage(count, 1, 1)


def test_predictions_are_written_as_the_ending_says(asked: Store, tmp_path: Path) -> None:
    add_answers(asked, "rules", [(2, Answer(Quantity(Decimal("12"), "volt")))])
    for name in ("p.csv", "p.csv.gz", "p.parquet", "p.jsonl", "plain"):  # a device such as /dev/stdout has no ending
        write_predictions(asked, "rules", tmp_path / name, [7, 2])
    text = "index,prediction\n7,\n2,12.0 volt\n"
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "plain").read_text() == text
    assert gzip.decompress((tmp_path / "p.csv.gz").read_bytes()).decode() == text
    rows = [{"index": 7, "prediction": ""}, {"index": 2, "prediction": "12.0 volt"}]
    assert pd.read_parquet(tmp_path / "p.parquet").to_dict("records") == rows
    assert _read_jsonl(tmp_path / "p.jsonl") == rows


def test_a_prediction_is_the_written_form_of_its_quantity(asked: Store, tmp_path: Path) -> None:
    numbers = ["12", "12.50", "0.050", "100", "1E+3", "0", "0.0", "10.0", "123456789012345678901234567890.1200"]
    for number in numbers:
        quantity = Quantity(Decimal(number), "fluid ounce")
        add_answers(asked, number, [(2, Answer(quantity))])
        write_predictions(asked, number, tmp_path / "p.csv", [2])
        assert (tmp_path / "p.csv").read_text() == f"index,prediction\n2,{quantity.text}\n"


@pytest.mark.parametrize("name", ["p.xlsx", "p.tsv", "p.gz", "p.csv.zip"])
def test_predictions_with_another_ending_are_refused_in_one_line(asked: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"^.*{name}: predictions are written as [^\n]*$"):
        write_predictions(asked, "rules", tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.fixture
def full(store: Store) -> Store:
    """Two rows in each table; one run, whose name stands in its answers too."""
    add_questions(store, [Question(1, "a.jpg", "g", "height"), Question(2, "-b.jpg", "g", "width")], "t.csv")
    add_files(store, [LinkedFile(link, "s", f"/p/{link}", 1, 1) for link in ("a.jpg", "-b.jpg")])
    add_pages(store, KEY, "ocr-1", PAGES)
    begin_run(store, "rules", "rules", {})
    add_answers(store, "rules", [(1, Answer(Quantity(Decimal("5"), "foot"))), (2, Answer(None, "+x", "nothing"))])
    end_run(store, "rules", 1.0, {"questions": 2})
    at = "2026-11-20T10:00:00.000000Z"
    add_reviews(store, [Review(1, ("5.0 foot",), "review", "=ann", at), Review(2, (), "review", "bob", at)])
    return store


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("name", TABLES)
def test_every_table_goes_out_in_every_format(full: Store, tmp_path: Path, name: str, suffix: str) -> None:
    out = tmp_path / f"{name}{suffix}"
    rows = export_table(full, name, out)
    assert rows == (1 if name == "runs" else 2) == len(full.table(name))
    if suffix == ".csv":
        assert len(_read_csv(out)) == rows
    if suffix == ".jsonl":
        assert len(_read_jsonl(out)) == rows


def test_a_table_is_a_data_frame_with_the_columns_of_its_export(full: Store, tmp_path: Path) -> None:
    add_answers(full, "other", [(1, Answer(None))])
    answers = full.table("answers", run="rules")
    assert answers["index"].tolist() == [1, 2]
    assert answers["unit"].tolist()[0] == "foot"
    assert len(full.table("answers")) == 3
    export_table(full, "answers", tmp_path / "a.csv")
    assert list(answers.columns) == list(_read_csv(tmp_path / "a.csv")[0])
    with pytest.raises(InputError, match="unknown table"):
        full.table("secrets")
    with pytest.raises(InputError, match="questions belong to no run"):
        full.table("questions", run="rules")


def test_no_text_of_a_csv_is_a_formula_and_jsonl_is_exact(full: Store, tmp_path: Path) -> None:
    for name in ("lines.csv", "lines.jsonl", "reviews.csv", "questions.csv"):
        export_table(full, name.partition(".")[0], tmp_path / name)
    assert [row["text"] for row in _read_csv(tmp_path / "lines.csv")] == ["'=1+1", "5 kg"]
    assert [row["text"] for row in _read_jsonl(tmp_path / "lines.jsonl")] == ["=1+1", "5 kg"]
    reviews = [(row["index"], row["annotator"]) for row in _read_csv(tmp_path / "reviews.csv")]
    assert reviews == [("1", "'=ann"), ("2", "bob")]
    assert "'-b.jpg" in (tmp_path / "questions.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("start", [*FORMULA_STARTS, "a", "é", "'", ""])
def test_every_formulas_first_character_is_disarmed_alike(start: str, store: Store, tmp_path: Path) -> None:
    """By the export's SQL as by the download's list of failures."""
    link = f"{start}1"
    add_questions(store, [Question(99, link, "", "height")], "more")
    export_table(store, "questions", tmp_path / "q.csv")
    (written,) = (row["image_link"] for row in _read_csv(tmp_path / "q.csv"))
    assert written == harmless_cell(link)
    assert written.startswith("'") == (start != "" and start in FORMULA_STARTS + "'")


def test_an_export_keeps_the_order_of_its_rows_in_every_format(store: Store, tmp_path: Path) -> None:
    """More rows than one thread of DuckDB writes."""
    number = 150_000
    add_questions(store, [Question(i, f"{i}.jpg", "g", "height") for i in reversed(range(number))], "t.csv")
    for name, read in (("q.csv", _read_csv), ("q.jsonl", _read_jsonl)):
        export_table(store, "questions", tmp_path / name)
        assert [int(row["index"]) for row in read(tmp_path / name)] == list(range(number))


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_pages_travel_to_another_store_once(full: Store, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"pages{suffix}"
    export_table(full, "pages", out)
    with Store(tmp_path / "other.duckdb", write=True) as other:
        assert import_pages(other, out) == (2, 2)
        assert import_pages(other, out) == (2, 0)
        assert list(load_pages(other, KEY)) == PAGES


@pytest.mark.parametrize(
    ("name", "message"),
    [("q.parquet", "no export of pages"), ("x.csv", "imported from"), ("none.parquet", "no such file")],
)
def test_what_is_no_export_of_pages_is_refused(full: Store, tmp_path: Path, name: str, message: str) -> None:
    export_table(full, "questions", tmp_path / "q.parquet")
    with pytest.raises(InputError, match=message):
        import_pages(full, tmp_path / name)
    assert list(load_pages(full, KEY)) == PAGES


@pytest.mark.parametrize("name", TABLES)
def test_pyarrow_and_pandas_read_every_parquet_whatever_is_missing(full: Store, tmp_path: Path, name: str) -> None:
    """Among the rows are answers without a polygon, lists without items, and pages with and without geometry."""
    stroke = Stroke(Direction.OBLIQUE, (1.0, 2.0), (4.0, 6.0), 5.0, 0.5, 0.25)
    geometry = PageGeometry(None, 0.5, 0, (LineGeometry(1, stroke),), (0,))
    add_pages(full, KEY, "r", [replace(PAGES[0], picture="c" * 64, geometry=geometry)])
    add_answers(full, "more", [(1, Answer(None, evidence=Evidence(Alignment.EXACT, (0,), BOX))), (2, Answer(None))])
    out = tmp_path / f"{name}.parquet"
    rows = export_table(full, name, out)
    frame = pq.read_table(out)
    assert len(frame) == len(pd.read_parquet(out)) == rows
    expected = full.table(name).to_dict("records")
    for row, was in zip(frame.to_pylist(), expected, strict=True):
        assert row.keys() == was.keys()
        if "polygon" in row:
            assert row["polygon"] == (list(was["polygon"]) if np.shape(was["polygon"]) else None)
    if name == "pages":
        with Store(tmp_path / "other.duckdb", write=True) as other:
            import_pages(other, out)
            assert list(load_pages(other, KEY)) == list(load_pages(full, KEY))


NAN, POLYGON = float("nan"), ("lines", 0, "polygon")
HOSTILE = [
    *((("status",), value) for value in ("banana", None)), *((("picture",), value) for value in ("s1", "A" * 64)),
    (("engine",), ""), (("reason",), None), (("width",), -1), (("width",), 0), (("height",), 2**40),
    (("seconds",), NAN), (("run",), None),
    *((("lines",), value) for value in (None, [None], "x")), (("lines", 0, "text"), None), (("lines", 0, "scale"), 0.0),
    *((("lines", 0, "score"), value) for value in (None, NAN, -0.5, float("inf"), "x")),
    *((POLYGON, value) for value in (None, [1.0] * 7, [1.0] * 9, [1.0] * 7 + [None], [NAN] * 8)),
    (("geometry", "lines", 0, "line"), 2), (("geometry", "marks"), [-1]), (("geometry", "product"), [1.0] * 3),
    (("geometry", "white"), NAN), (("geometry", "lines", 0, "oblique", "direction"), "up"), (("geometry",), {}),
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_page_that_no_reader_makes_is_refused_with_its_row_and_column(
    full: Store, tmp_path: Path, suffix: str
) -> None:
    geometry = PageGeometry(
        BOX[:4], 0.5, 1, (LineGeometry(0, oblique=Stroke(Direction.OBLIQUE, (1, 2), (4, 6), 5, 0, 1)),)
    )
    add_pages(full, KEY, "r", [replace(PAGES[0], picture="c" * 64, geometry=geometry)])
    export_table(full, "pages", tmp_path / "good.jsonl")
    text = (tmp_path / "good.jsonl").read_text(encoding="utf-8")
    with Store(tmp_path / "other.duckdb", write=True) as other:
        for (*path, last), value in HOSTILE:
            rows = [json.loads(line) for line in text.splitlines()]
            at = rows[2]
            for step in path:
                at = at[step]
            at[last] = value
            if suffix == ".jsonl":
                (tmp_path / "bad.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
            else:
                try:
                    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "bad.parquet")
                except pa.ArrowException:  # a column of one type cannot hold such a value
                    continue
            column = (path or [last])[0]
            with pytest.raises(TableError, match=rf"bad{suffix}, line 3, column {column}[.a-z_]*: expected [^\n]*$"):
                import_pages(other, tmp_path / f"bad{suffix}")
        assert list(load_pages(other, KEY)) == []


def test_a_page_that_stands_twice_in_a_file_is_refused(full: Store, tmp_path: Path) -> None:
    export_table(full, "pages", tmp_path / "p.jsonl")
    first, second = (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "p.jsonl").write_text(f"{first}\n{second}\n{first}\n", encoding="utf-8")
    with Store(tmp_path / "other.duckdb", write=True) as other:
        with pytest.raises(TableError, match="line 3: the page stands here a second time, after line 1"):
            import_pages(other, tmp_path / "p.jsonl")
        assert list(load_pages(other, KEY)) == []


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("data", [b"\0" * 99, b"[1]\n", b"{", b"PAR1" + b"\xff" * 30 + b"PAR1", b'{"picture": 5}\n'])
def test_what_is_no_table_at_all_is_one_line(store: Store, tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / f"p{suffix}").write_bytes(data)
    with pytest.raises(InputError, match=r"^[^\n]*$"):
        import_pages(store, tmp_path / f"p{suffix}")


def test_an_unknown_table_or_format_leaves_no_file(full: Store, tmp_path: Path) -> None:
    for name, out, message in [("secrets", "s.csv", "unknown table"), ("pages", "p.xlsx", "unknown format")]:
        with pytest.raises(InputError, match=message):
            export_table(full, name, tmp_path / out)
    assert {p.suffix for p in tmp_path.iterdir()} <= {".duckdb", ".wal"}
