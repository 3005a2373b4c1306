from __future__ import annotations

import os
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.storage.questions import load_questions
from entx.storage.store import Store
from entx.storage.transfer import IngestReport, ingest

HOST = "https://m.media-amazon.com/images/I/"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"A")
    (folder / "deeper" / "b.jpg").write_bytes(b"B")
    (folder / "same_as_a.jpg").write_bytes(b"A")
    return folder


def _table(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def _ingest(tmp_path: Path, table: Path, *folders: Path, index_from: int = 0) -> IngestReport:
    with Store(tmp_path / "s.duckdb", write=True) as store:
        return ingest(store, table, folders, CHALLENGE, index_from=index_from)


def test_links_find_their_files_and_equal_bytes_are_one_picture(tmp_path: Path, pictures: Path) -> None:
    table = _table(
        tmp_path,
        "index,image_link,group_id,entity_name\n"
        f"5,{HOST}a.jpg,g,height\n6,{HOST}b.jpg,g,width\n7,{HOST}same_as_a.jpg,g,depth\n9,{HOST}gone.jpg,g,depth\n",
    )
    report = _ingest(tmp_path, table, pictures)
    assert (report.questions, report.new, report.links, report.pictures) == (4, 4, 4, 2)
    assert report.without_file == {f"{HOST}gone.jpg": "no file gone.jpg"}
    with Store(tmp_path / "s.duckdb") as store:
        found = {q.index: q.picture for q in load_questions(store)}
    assert found[5] == found[7] != found[6]
    assert found[9] is None


def test_a_second_ingest_adds_nothing_and_finds_what_has_arrived(tmp_path: Path, pictures: Path) -> None:
    table = _table(tmp_path, f"index,image_link,entity_name\n1,{HOST}a.jpg,height\n2,{HOST}late.jpg,height\n")
    assert _ingest(tmp_path, table, pictures).new == 2
    (pictures / "late.jpg").write_bytes(b"L")
    report = _ingest(tmp_path, table, pictures)
    assert (report.new, report.pictures, report.without_file) == (0, 2, {})
    with Store(tmp_path / "s.duckdb") as store:
        assert store.connection.execute("select count(*) from pictures").fetchall() == [(2,)]


def test_a_changed_file_is_a_new_picture(tmp_path: Path, pictures: Path) -> None:
    table = _table(tmp_path, f"index,image_link,entity_name\n1,{HOST}a.jpg,height\n")
    _ingest(tmp_path, table, pictures)
    (pictures / "a.jpg").write_bytes(b"changed")
    _ingest(tmp_path, table, pictures)
    with Store(tmp_path / "s.duckdb") as store:
        (question,) = load_questions(store)
        pictures_of_link = store.connection.execute("select picture from pictures order by seq").fetchall()
    assert len(pictures_of_link) == 2
    assert question.picture == pictures_of_link[-1][0]


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, pictures: Path) -> None:
    table = _table(tmp_path, f"index,image_link,entity_name\n1,{HOST}a.jpg,height\n")
    _ingest(tmp_path, table, pictures)
    before = (pictures / "a.jpg").stat()
    (pictures / "a.jpg").write_bytes(
        b"Z"
    )  # same size; with the old time it counts as unchanged, so its bytes are not seen
    os.utime(pictures / "a.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    _ingest(tmp_path, table, pictures)
    with Store(tmp_path / "s.duckdb") as store:
        assert store.connection.execute("select count(distinct picture) from pictures").fetchall() == [(1,)]


def test_rows_without_an_index_are_numbered_from_where_one_says(tmp_path: Path, pictures: Path) -> None:
    first = _table(
        tmp_path, f"image_link,entity_name,entity_value\n{HOST}a.jpg,height,1.0 foot\n{HOST}b.jpg,width,2.0 inch\n"
    )
    second = _table(tmp_path, f"image_link,entity_name\n{HOST}b.jpg,voltage\n", "u.csv")
    report = _ingest(tmp_path, first, pictures)
    assert not report.indexed
    with pytest.raises(InputError, match="--index-from"):
        _ingest(tmp_path, second, pictures)
    _ingest(tmp_path, second, pictures, index_from=10)
    with Store(tmp_path / "s.duckdb") as store:
        assert [(q.index, q.label, q.group_id) for q in load_questions(store)] == [
            (0, "1.0 foot", ""),
            (1, "2.0 inch", ""),
            (10, None, ""),
        ]


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
    tmp_path: Path, pictures: Path, text: str, message: str
) -> None:
    with pytest.raises(TableError, match=message):
        _ingest(tmp_path, _table(tmp_path, text), pictures)
    with Store(tmp_path / "s.duckdb") as store:
        assert list(load_questions(store)) == []


def test_literal_na_and_none_stay_words(tmp_path: Path, pictures: Path) -> None:
    table = _table(tmp_path, "index,image_link,group_id,entity_name,entity_value\n1,NA,None,height,null\n")
    _ingest(tmp_path, table, pictures)
    with Store(tmp_path / "s.duckdb") as store:
        (question,) = load_questions(store)
    assert (question.image_link, question.group_id, question.label) == ("NA", "None", "null")
