"""`entx merge`: part files become one file only where every row is there exactly once."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path

import pytest

from tests.cli.runner import Entx

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


@pytest.fixture
def merge(test_table: Path, entx: Entx) -> Entx:
    """Merges parts into out.csv beside the table."""
    return partial(entx, "merge", "--test", test_table, "--out", test_table.with_name("out.csv"))


def test_parts_become_one_file_in_the_tests_order(tmp_path: Path, merge: Entx) -> None:
    one = part(tmp_path / "1.csv", {9: "", 0: "1.0 gram"})
    two = part(tmp_path / "2.csv", {3: "", 4: "2.5 inch", 7: "5.0 volt"})
    assert merge(one, two).code == 0
    assert (tmp_path / "out.csv").read_text() == "index,prediction\n4,2.5 inch\n0,1.0 gram\n3,\n9,\n7,5.0 volt\n"


def test_parts_of_other_systems_are_read_as_they_are(tmp_path: Path, merge: Entx) -> None:
    """jsonl, gzip, other columns beside; texts are not touched: that is the postprocessor's work, or check's."""
    one = tmp_path / "1.jsonl"
    one.write_text("".join(json.dumps({"index": i, "prediction": ROWS[i], "seconds": 1.9}) + "\n" for i in (0, 3)))
    two = tmp_path / "2.csv.gz"
    two.write_bytes(gzip.compress(b"prediction,index\nThe height is 5,4\nNA,9\nnull,7\n"))
    assert merge(one, two).code == 0
    assert (tmp_path / "out.csv").read_text() == "index,prediction\n4,The height is 5\n0,1.0 gram\n3,\n9,NA\n7,null\n"


def test_another_column_can_be_named(tmp_path: Path, merge: Entx) -> None:
    one = part(tmp_path / "1.csv", ROWS, "index,answer")
    ended = merge(one, "--column", "answer", "--json")
    assert ended.json == {"rows": 5, "answered": 3, "parts": [5], "out": str(tmp_path / "out.csv")}


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
    tmp_path: Path, second: dict[int, str], said: str, merge: Entx
) -> None:
    one = part(tmp_path / "1.csv", {0: "1.0 gram", 4: "2.5 inch"})
    merge(one, part(tmp_path / "2.csv", second)).assert_refused(said)
    assert not (tmp_path / "out.csv").exists()


def test_one_index_twice_in_one_part_is_told(tmp_path: Path, merge: Entx) -> None:
    one = part(tmp_path / "1.csv", ROWS)
    with one.open("a") as stream:
        stream.write("9,5.0 volt\n")
    merge(one).assert_refused("9 (1.csv line 6 and 1.csv line 7, '' against '5.0 volt')")


def test_of_many_faults_the_first_are_named_and_all_counted(tmp_path: Path, entx: Entx) -> None:
    table = tmp_path / "big.csv"
    table.write_text("index\n" + "".join(f"{n}\n" for n in range(1000)))
    one = part(tmp_path / "1.csv", dict.fromkeys(range(0, 1000, 4), ""))
    ended = entx("merge", one, "--test", table, "--out", tmp_path / "out.csv")
    ended.assert_refused("750 indices of big.csv are in no part: 1, 2, 3, 5, 6, ...;")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("index,answer\n0,x\n", "prediction"), ("index,prediction\nx,5\n", "line 2, column index: 'x' is no index"),
        ("", "is empty"),
    ],
)  # fmt: skip
def test_a_part_that_is_no_prediction_file_is_told(tmp_path: Path, content: str, said: str, merge: Entx) -> None:
    (tmp_path / "1.csv").write_text(content)
    merge(tmp_path / "1.csv").assert_refused(said)
    assert not (tmp_path / "out.csv").exists()
