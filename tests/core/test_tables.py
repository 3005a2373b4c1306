"""Fault test 14 at the level of the reader: exact rows kept, or an error that names file, line and column."""

import csv
import gzip
import os
import random
from pathlib import Path

import pytest

from entx.core import tables
from entx.core.entities import CHALLENGE
from entx.core.errors import TableError
from entx.core.tables import Table, parse_indices, read_table, require_entities

COLUMNS = ("index", "image_link", "entity_name")


def write(tmp_path: Path, data: bytes | str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    raw = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def fault(path: Path, required: tuple[str, ...] = ("index", "prediction")) -> TableError:
    with pytest.raises(TableError) as caught:
        read_table(path, required)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "T.CSV"])
def test_cells_are_text_exactly_as_written(tmp_path: Path, name: str) -> None:
    rows = ["NA", "None", "null", "nan", "", " 5.0 gram ", "007", "1e3", "TRUE", "é５", 'say ""hi""', "a,b"]
    body = "".join(f'{i},"{cell}"\n' for i, cell in enumerate(rows))
    table = read_table(write(tmp_path, "index,prediction\n" + body, name), ["index", "prediction"])
    assert table["prediction"] == [cell.replace('""', '"') for cell in rows]
    assert len(table) == len(rows)
    assert list(table.lines) == list(range(2, len(rows) + 2))


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_byte_order_mark_and_line_ends_change_nothing(tmp_path: Path, start: bytes, end: str, last: bool) -> None:
    text = end.join(["index,prediction", "0,5.0 gram", "1,"]) + (end if last else "")
    table = read_table(write(tmp_path, start + text.encode()), ["index"], ["prediction", "group_id"])
    assert table.columns == {"index": ["0", "1"], "prediction": ["5.0 gram", ""]}
    assert list(table.lines) == [2, 3]
    assert table.get("group_id") is None
    assert "group_id" not in table


def test_quoted_newlines_are_kept_and_counted(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'index,note\n0,"two\nlines"\n\n1,"x\r\ny"\n2,z\n'), ["index", "note"])
    assert table["note"] == ["two\nlines", "x\r\ny", "z"]
    assert list(table.lines) == [2, 5, 7]


def test_a_header_over_two_lines_shifts_the_count(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, 'index,"no\nte"\n0,a\n1,b\n'), ["index"]).lines.tolist() == [3, 4]


def test_only_asked_columns_are_kept_and_the_header_is_whole(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,index,b\n1,2,3\n"), ["index"], ["b"])
    assert table.columns == {"index": ["2"], "b": ["3"]}
    assert table.header == ("a", "index", "b")


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl"])
def test_a_header_without_rows_is_a_table_of_length_0(tmp_path: Path, name: str) -> None:
    if name.endswith("jsonl"):
        assert "is empty" in str(fault(write(tmp_path, "\n", name)))
    else:
        assert len(read_table(write(tmp_path, "index,prediction\n", name), ["index"])) == 0


PLAIN = "index,prediction\n0,5.0 gram\n"
FAULTS = {
    "nothing": (b"", None, None, "is empty"), "a mark": (b"\xef\xbb\xbf", None, None, "is empty"),
    "blank lines": (b"\n \n", None, None, "is empty"),
    **{code: (PLAIN.encode(code), 1, None, "UTF-16") for code in ("utf-16", "utf-32")},
    **{code: (PLAIN.encode(code), 1, None, "UTF-16") for code in ("utf-16-le", "utf-16-be", "utf-32-le")},  # no mark
    "latin-1": ('index,prediction,note\n0,"a\nb",x\n1,5.0 gram,25 °C\n'.encode("latin-1"), 4, "note", "0xb0"),
    "a NUL": (b"index,prediction\n0,\n1,5.0\0 gram\n", 3, "prediction", "NUL"),
    "a huge field": (b"index,prediction\n0,\n1," + b"x" * 1_000_001 + b"\n", 3, "prediction", "1,000,001"),
    "too few fields": (b"index,prediction,note\n0,a,b\n1\n", 3, "prediction", "header has 3"),
    "one field less": (b"index,prediction,note\n0,a,b\n1,a\n", 3, "note", "header has 3"),
    "too many fields": (b"index,prediction,note\n0,a,b\n1,a,b,c\n", 3, "note", "header has 3"),
    "an unclosed quote": (b'index,prediction\n0,"a\nb"\n1,"5.0 gram\n2,x\n', 4, "prediction", "never closed"),
    "text after a closing quote": (b'index,prediction\n0,x\n1,"5"0 gram\n', 3, None, "written twice"),
}  # fmt: skip


@pytest.mark.parametrize("chunk", [5, tables._CHUNK])
@pytest.mark.parametrize("case", FAULTS)
def test_what_is_wrong_is_refused_where_it_stands(
    tmp_path: Path, case: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, line, column, said = FAULTS[case]
    monkeypatch.setattr(tables, "_CHUNK", max(chunk, len(data) // 20))
    error = fault(write(tmp_path, data))
    assert (error.line, error.column) == (line, column)
    assert said in str(error)


def test_a_field_of_a_megabyte_is_kept(tmp_path: Path) -> None:
    kept = read_table(write(tmp_path, "index,prediction\n0," + "x" * 1_000_000 + "\n"), ["prediction"])
    assert len(kept["prediction"][0]) == 1_000_000


def test_a_missing_column_lists_the_columns_and_suggests_the_closest(tmp_path: Path) -> None:
    error = fault(write(tmp_path, "index,Predictions\n"))
    assert error.column == "prediction"
    assert "did you mean 'Predictions'? (columns found: index, Predictions)" in str(error)
    assert "columns found: a;b" in str(fault(write(tmp_path, "a;b\n")))


def test_a_column_that_stands_twice_is_refused_when_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "index,note,note\n0,a,b\n")
    assert len(read_table(path, ["index"])) == 1
    assert "twice" in str(fault(path, ("note",)))


def test_files_that_are_not_there_or_not_tables(tmp_path: Path) -> None:
    assert "no such file" in str(fault(tmp_path / "none.csv"))
    assert "no such file" in str(fault(tmp_path / "none.parquet"))
    (tmp_path / "dir.csv").mkdir()
    assert "cannot be read" in str(fault(tmp_path / "dir.csv"))
    assert "unknown table format" in str(fault(write(tmp_path, "x", "t.xlsx")))
    assert "not a readable Parquet" in str(fault(write(tmp_path, "x", "t.parquet")))
    whole = gzip.compress(b"index,prediction\n" + b"0,x\n" * 9_999)
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in str(fault(tmp_path / "cut.csv.gz"))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.parquet"])
def test_pipes_devices_and_impossible_names_are_refused_at_once(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)  # without a writer: opening it would wait for ever
    (tmp_path / f"zero-{name}").symlink_to("/dev/zero")
    for path in (tmp_path / name, tmp_path / f"zero-{name}"):
        assert "not a regular file" in str(fault(path))
    assert "File name too long" in str(fault(tmp_path / ("x" * 300 + name)))
    with pytest.raises(TableError, match="cannot be read"):
        read_table(Path(f"a\0{name}"), ["index"])


BOMBS = {
    "rows.csv.gz": b"index,prediction\n" + b"0,5.0 gram\n" * 300_000, "line.csv.gz": b"x" * 3_000_000,
    "quote.csv.gz": b'index,prediction\n0,"' + b"x\n" * 1_500_000, "commas.csv.gz": b"," * 3_000_000,
    "rows.jsonl.gz": b'{"index": 0, "prediction": "5.0 gram"}\n' * 90_000, "nested.jsonl.gz": b"[" * 3_000_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_a_hundred_times_its_size_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_SMALL", 1_000)
    path = tmp_path / name
    path.write_bytes(gzip.compress(BOMBS[name]))
    assert "unpacks to more than 100 times its size" in str(fault(path))
    honest = b"index,prediction\n" + b"".join(b"%d,%d gram\n" % (i, i * i % 9_973) for i in range(9_999))
    path.write_bytes(gzip.compress(honest, 9))
    if "csv" in name:
        assert len(read_table(path, ["index", "prediction"])) == 9_999


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_line_without_an_end_is_refused_before_the_file_is_in_memory(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_CHUNK", 100)
    monkeypatch.setattr(tables, "_MAX_LINE", 1_000)
    good = b"index,prediction\n" if name == "t.csv" else b'{"index": 0, "prediction": ""}\n'
    error = fault(write(tmp_path, good + b"x" * 9_999, name))
    assert (error.line, "over 1,000 bytes" in str(error)) == (2, True)


def test_a_parquet_of_countless_equal_cells_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write_table(count: int, text: str, **how: object) -> Path:
        codes = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), [text])
        pq.write_table(pa.table({"index": pa.array(range(count)), "prediction": codes}), tmp_path / "t.parquet", **how)
        return tmp_path / "t.parquet"

    path = write_table(500_000, "5.0 gram")
    assert set(read_table(path, ["index", "prediction"])["prediction"]) == {"5.0 gram"}
    delta = {"column_encoding": {"index": "DELTA_BINARY_PACKED"}, "use_dictionary": ["prediction"]}
    for bomb in (write_table(2_000_000, "5.0 gram", **delta), write_table(2_000, "x" * 99_999)):
        assert "unpacks to more than 100 times" in str(fault(bomb))


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
def test_json_lines_keep_digits_and_words(tmp_path: Path, name: str) -> None:
    lines = ['{"index": 0, "prediction": "NA"}', "", '{"prediction": null, "index": 12345678901234567890}']
    lines += ['{"index": 1.50, "prediction": 1e5, "x": [1]}', '{"index": NaN, "prediction": true}']
    table = read_table(write(tmp_path, "\r\n".join(lines), name), ["index", "prediction"])
    assert table["index"] == ["0", "12345678901234567890", "1.50", "NaN"]
    assert table["prediction"] == ["NA", "", "1e5", "true"]
    assert list(table.lines) == [1, 3, 4, 5]
    assert table.header == ("index", "prediction", "x")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON"), ("[1]", "one object a line"),
        ('{"index": 1, "index": 2, "prediction": ""}', "a key stands twice"), ('{"index": 1}', "the key is missing"),
        ('{"index": 1, "prediction": [1]}', "nested"), ('{"index": 1, "prediction": "a\\u0000"}', "NUL"),
        ('{"index": 1, "prediction": "\\ud800"}', "surrogate"), ("[" * 100_000, "not JSON"),
    ],
)  # fmt: skip
def test_faults_of_json_lines_name_the_line(tmp_path: Path, line: str, problem: str) -> None:
    error = fault(write(tmp_path, '{"index": 0, "prediction": ""}\n' + line + "\n", "t.jsonl"))
    assert error.line == 2
    assert problem in str(error)


def test_parquet_is_text_too(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pa.table({"index": [3, 1], "prediction": ["NA", None], "boxes": [[1.0], [2.0]]})
    path = tmp_path / "t.parquet"
    pq.write_table(frame, path)
    table = read_table(path, ["index"], ["prediction"])
    assert table.columns == {"index": ["3", "1"], "prediction": ["NA", ""]}
    assert list(table.lines) == [1, 2]
    assert parse_indices(table).tolist() == [3, 1]
    assert fault(path, ("boxes",)).column == "boxes"


@pytest.mark.parametrize("cell", ["", " 1", "1.0", "-1", "+1", "1_0", "٣", "²", "1e3", "x", "9" * 19])
def test_an_index_is_a_whole_number(tmp_path: Path, cell: str) -> None:
    table = read_table(write(tmp_path, f"index,prediction\n0,a\n{cell},b\n"), ["index"])
    with pytest.raises(TableError, match="no index") as caught:
        parse_indices(table)
    assert (caught.value.line, caught.value.column) == (3, "index")


def test_a_duplicate_index_names_both_lines_and_gaps_are_fine(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "index,note\n5,x\n700,y\n05,z\n"), ["index"])
    with pytest.raises(TableError, match="already used on line 2") as caught:
        parse_indices(table)
    assert caught.value.line == 4
    assert parse_indices(read_table(write(tmp_path, "index,note\n5,x\n700,y\n"), ["index"])).tolist() == [5, 700]


def test_an_unknown_entity_is_named_with_the_closest(tmp_path: Path) -> None:
    path = write(tmp_path, "index,image_link,entity_name\n0,a.jpg,height\n1,b.jpg,item_wieght\n2,c.jpg,\n")
    with pytest.raises(TableError, match="did you mean 'item_weight'") as caught:
        require_entities(read_table(path, COLUMNS), CHALLENGE)
    assert (caught.value.line, caught.value.column) == (3, "entity_name")
    good = Table(path, ("entity_name",), {"entity_name": ["width", "depth"]}, [2, 3])
    assert require_entities(good, CHALLENGE) == ["width", "depth"]


def test_a_hostile_message_stays_one_short_line(tmp_path: Path) -> None:
    path = write(tmp_path, 'index,prediction\n"' + "\x1b[2J\n" * 5_000 + '",x\n')
    with pytest.raises(TableError) as caught:
        parse_indices(read_table(path, ["index"]))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("chunk", [5, 64, tables._CHUNK])
def test_what_the_csv_module_writes_is_read_back_exactly(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,500 random cells of every awkward character: the rows come back as they were, on the lines where they stand,
    however many bytes are read at a time."""
    monkeypatch.setattr(tables, "_CHUNK", chunk)
    draw = random.Random(5)
    alphabet = ["a", "5", ",", '"', "\n", "\r\n", "'", " ", "\t", "é", "\u2028", "=", ";", "\\"]
    rows = [[f"id{i}", *("".join(draw.choices(alphabet, k=draw.randrange(8))) for _ in range(3))] for i in range(500)]
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow("abcd")
        writer.writerows(rows)
    table = read_table(path, list("abcd"))
    assert [list(row) for row in zip(*table.columns.values(), strict=True)] == rows
    text = path.read_bytes().decode().replace("\r\n", "\n").split("\n")
    for line, row in zip(table.lines, rows, strict=True):
        assert text[line - 1].startswith(row[0] + ",")


@pytest.mark.parametrize(("at_once", "most"), [(1 << 20, 1 << 17), (2, 1), (5, 0)])
def test_equal_cells_are_one_text_and_the_rows_stay(
    tmp_path: Path, at_once: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_CELLS", at_once)
    monkeypatch.setattr(tables, "_MOST_SHARED", most)
    rows = [(str(place), ("one text", "another")[place % 2]) for place in range(9)]
    table = read_table(write(tmp_path, "index,note\n" + "".join(f"{index},{note}\n" for index, note in rows)), ["note"])
    assert table["note"] == [note for _, note in rows]
    assert list(table.lines) == list(range(2, 11))
    assert (len(set(map(id, table["note"]))) == 2) == (most > 1)
