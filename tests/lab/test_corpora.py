from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from entx.core.candidates import find_candidates
from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import PageKey
from entx.storage.pages import load_pages, page_keys, unanswered_pages
from entx.storage.questions import load_questions
from entx.storage.store import Store
from lab import corpora
from lab.corpora import easyocr_pages, write_pages
from lab.pages import generate_pages, link_of

KEY = PageKey("invented", "1", "s")
COLUMNS = ("image", "group_id", "entity_name", "entity_value", "text")
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in (
    ("a.jpg", 1, "item_weight", "130 gram", "BLACK REVERIE soy wax candle 130 g"),
    ("b.jpg", 1, "item_weight", "5.0 kilogram", "nothing of the kind 130 g"),
    ("c.jpg", 2, "voltage", "[220.0, 240.0] volt", "Input 220-240V 50Hz motor 1500W"),
    ("c.jpg", 2, "wattage", "1500.0 watt", "Input 220-240V 50Hz motor 1500W"),
    ("d.jpg", 3, "item_weight", "250 gram", ""),
    ("e.jpg", 3, "item_weight", None, "250 g of tea"),
)]  # fmt: skip


def table(path: Path, rows: list[dict[str, object]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_pages_and_labelled_questions_are_like_those_of_real_pictures_and_a_taken_index_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "_BATCH", 7)  # several commits
    wanted = list(generate_pages(20, 4))
    with Store(tmp_path / "s.duckdb", write=True) as store:
        asked = write_pages(store, KEY, "own", [(link_of(4, n), page) for n, page in enumerate(wanted)], 1000)
        assert asked == sum(len(page.truths) for page in wanted)
        assert page_keys(store) == [(KEY, 20)]
        questions = list(load_questions(store))
        assert [one.index for one in questions] == list(range(1000, 1000 + asked))
        assert [(one.entity_name, one.label) for one in questions] == [
            (name, "" if value is None else str(value)) for page in wanted for name, value in page.truths
        ]
        assert {one.image_link for one in questions} == {link_of(4, number) for number in range(20)}
        stored = {page.picture: page for page in load_pages(store, KEY)}
        for page in wanted:
            again = stored[page.page.picture]
            assert [line.text for line in again.lines] == [line.text for line in page.page.lines]
            assert again.geometry is not None
            assert page.page.geometry is not None
            assert again.geometry.marks == page.page.geometry.marks
            assert [one.line for one in again.geometry.lines] == [one.line for one in page.page.geometry.lines]
        opened = list(unanswered_pages(store, KEY, "rules"))
        assert len(opened) == 20
        assert sum(len(asked_of) for _, asked_of in opened) == asked
        with pytest.raises(InputError, match="index 1000 is already"):
            write_pages(store, KEY, "own", [("own://2", next(generate_pages(1, 5)))], 1000)


def test_a_text_becomes_a_page_where_its_label_stands_in_it_unless_its_picture_is_left_out(tmp_path: Path) -> None:
    found = list(easyocr_pages(table(tmp_path / "t.parquet", ROWS)))
    assert [{name: str(value) for name, value in page.truths if value is not None} for page in found] == [
        {"item_weight": "130.0 gram"}, {"voltage": "240.0 volt", "wattage": "1500.0 watt"},
    ]  # b's label is not in its text, d has no text, e no label  # fmt: skip
    for page, text in zip(found, (ROWS[0]["text"], ROWS[2]["text"]), strict=True):
        assert " ".join(line.text for line in page.page.lines) == text
        assert page.page.geometry is None
        assert all(0 <= min(line.polygon) <= max(line.polygon) <= page.page.width for line in page.page.lines)
    assert list(easyocr_pages(tmp_path / "t.parquet", {"a.jpg"})) == found[1:]


def test_repeated_answers_of_a_group_are_few(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "image": f"{number}.jpg"} for number in range(9)]
    assert len(list(easyocr_pages(table(tmp_path / "t.parquet", rows)))) == 2
    spread = [{**row, "group_id": number} for number, row in enumerate(rows)]
    assert len(list(easyocr_pages(table(tmp_path / "u.parquet", spread)))) == 9


def test_empty_questions_are_of_kinds_that_the_page_does_not_hold(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "image": f"{number}.jpg", "group_id": number} for number in range(60)]
    pages = easyocr_pages(table(tmp_path / "t.parquet", rows))
    empty = [(page.page, CHALLENGE[name]) for page in pages for name, value in page.truths if value is None]
    assert 20 < len(empty) < 55
    for page, entity in empty:
        assert entity.kind != "weight"
        assert find_candidates(page, entity) == []


def test_long_texts_fill_no_more_than_the_picture(tmp_path: Path) -> None:
    words = " ".join(f"word{number} of a very long leaflet" for number in range(80))
    rows = [{**ROWS[0], "text": f"130 g {words}"}]
    (page,) = easyocr_pages(table(tmp_path / "t.parquet", rows))
    assert len(page.page.lines) > 20
    assert max(y for line in page.page.lines for y in line.polygon[1::2]) <= page.page.height
