"""`entx merge`: part files become one file only where every row is there exactly once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.runner import run_entx

ROWS = {0: "1.0 gram", 3: "", 4: "2.5 inch", 7: "5.0 volt", 9: ""}


@pytest.fixture
def test_table(tmp_path: Path) -> Path:
    path = tmp_path / "test.csv"
    lines = "".join(f"{index},p.jpg,g,height\n" for index in (4, 0, 3, 9, 7))
    path.write_text("index,image_link,group_id,entity_name\n" + lines)
    return path


def part(path: Path, rows: dict[int, str], header: str = "index,prediction") -> Path:
    path.write_text(header + "\n" + "".join(f"{index},{text}\n" for index, text in rows.items()))
    return path


def merge(capsys: pytest.CaptureFixture[str], table: Path, *parts: object) -> tuple[int, str, str]:
    out = table.parent / "out.csv"
    ended = run_entx(capsys, "merge", *parts, "--test", table, "--out", out)
    return ended.code, ended.err, out.read_text() if out.exists() else ""


def test_parts_become_one_file_in_the_tests_order(
    tmp_path: Path, test_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = part(tmp_path / "1.csv", {9: "", 0: "1.0 gram"})
    two = part(tmp_path / "2.csv", {3: "", 4: "2.5 inch", 7: "5.0 volt"})
    code, _, written = merge(capsys, test_table, one, two)
    assert code == 0
    assert written == "index,prediction\n4,2.5 inch\n0,1.0 gram\n3,\n9,\n7,5.0 volt\n"


def test_parts_of_other_systems_are_read_as_they_are(
    tmp_path: Path, test_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """jsonl, gzip, other columns beside; texts are not touched: that is the postprocessor's work, or check's."""
    one = tmp_path / "1.jsonl"
    one.write_text("".join(json.dumps({"index": i, "prediction": ROWS[i], "seconds": 1.9}) + "\n" for i in (0, 3)))
    two = tmp_path / "2.csv.gz"
    two.write_bytes(gzip.compress(b"prediction,index\nThe height is 5,4\nNA,9\nnull,7\n"))
    code, _, written = merge(capsys, test_table, one, two)
    assert code == 0
    assert written == "index,prediction\n4,The height is 5\n0,1.0 gram\n3,\n9,NA\n7,null\n"


def test_another_column_can_be_named(tmp_path: Path, test_table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = part(tmp_path / "1.csv", ROWS, "index,answer")
    ended = run_entx(
        capsys, "merge", one, "--test", test_table, "--out", tmp_path / "out.csv", "--column", "answer", "--json"
    )
    assert json.loads(ended.out) == {"rows": 5, "answered": 3, "parts": [5], "out": str(tmp_path / "out.csv")}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({3: ""}, "2 indices of test.csv are in no part: 9, 7;"),
        ({3: "", 7: "", 9: "", 12: "x", 5: "y"}, "2 indices are not in test.csv: 12 (2.csv line 5), 5 (2.csv line 6);"),
        ({3: "", 7: "", 9: "", 0: "1.0 gram"}, "1 indices stand twice: 0 (1.csv line 2 and 2.csv line 5, agreeing);"),
        (
            {3: "", 7: "", 9: "", 0: "2.0 gram"},
            "1 indices stand twice: 0 (1.csv line 2 and 2.csv line 5, '1.0 gram' against '2.0 gram');",
        ),
        ({0: "1.0 gram", 99: ""}, "3 indices of test.csv are in no part: 3, 9, 7; 1 indices are not in"),
    ],
)
def test_what_is_missing_foreign_or_there_twice_is_named_and_nothing_written(
    tmp_path: Path, test_table: Path, second: dict[int, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = part(tmp_path / "1.csv", {0: "1.0 gram", 4: "2.5 inch"})
    code, err, written = merge(capsys, test_table, one, part(tmp_path / "2.csv", second))
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert written == ""


def test_one_index_twice_in_one_part_is_told(
    tmp_path: Path, test_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = part(tmp_path / "1.csv", ROWS)
    with one.open("a") as stream:
        stream.write("9,5.0 volt\n")
    code, err, _ = merge(capsys, test_table, one)
    assert code == 2
    assert "9 (1.csv line 6 and 1.csv line 7, '' against '5.0 volt')" in err


def test_of_many_faults_the_first_are_named_and_all_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "big.csv"
    table.write_text("index\n" + "".join(f"{n}\n" for n in range(1000)))
    code, err, _ = merge(capsys, table, part(tmp_path / "1.csv", dict.fromkeys(range(0, 1000, 4), "")))
    assert code == 2
    assert "750 indices of big.csv are in no part: 1, 2, 3, 5, 6, ...;" in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("index,answer\n0,x\n", "prediction"), ("index,prediction\nx,5\n", "line 2, column index: 'x' is no index"),
        ("", "is empty"),
    ],
)  # fmt: skip
def test_a_part_that_is_no_prediction_file_is_told(
    tmp_path: Path, test_table: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1.csv").write_text(content)
    code, err, written = merge(capsys, test_table, tmp_path / "1.csv")
    assert code == 2
    assert said in err
    assert written == ""
