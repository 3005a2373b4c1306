from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import InputError, TableError
from entx.llm_stage.dataset import Example
from entx.llm_stage.export import load_folder, read_jsonl, save_folder, write_jsonl

LABELLED = Example(
    7, "ab12", "g", "height", "<page><a2>\n<x00><y00><s1> Höhe [5 inch]\n", "<q> height<a>", "5 inch", 0.4, "train.csv",
    ("5 inch", "none"), 0,
)  # fmt: skip
GENERATED = Example(
    None, "ab12", "", "voltage", "<page>\n", "<q> voltage<a>", "none", 1.0, "negative:absent", ("none",), 0
)
UNREADABLE = Example(8, "cd", "g", "width", "<page>\n", "<q> width<a>", "9 inch", 1.0, "own.csv", ("none",), None)
ALL = [LABELLED, GENERATED, UNREADABLE]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_json_lines_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    assert write_jsonl(tmp_path / name, ALL) == 3
    assert list(read_jsonl(tmp_path / name)) == ALL


def test_a_line_has_what_a_trainer_reads(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [LABELLED])
    record = json.loads((tmp_path / "x.jsonl").read_text(encoding="utf-8"))
    assert record["prompt"] == LABELLED.page + LABELLED.question
    assert record["completion"] == "5 inch"
    assert record["choices"][record["right"]] == "5 inch"


def test_an_empty_file_is_an_empty_dataset(tmp_path: Path) -> None:
    assert write_jsonl(tmp_path / "x.jsonl", []) == 0
    assert list(read_jsonl(tmp_path / "x.jsonl")) == []


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(st.builds(
    Example, st.one_of(st.none(), st.integers(0, 2**60)), TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, st.floats(0, 1), TEXT,
    st.lists(TEXT, max_size=3).map(tuple), st.one_of(st.none(), st.integers(0, 9)),
), max_size=5))  # fmt: skip
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, examples: list[Example]) -> None:
    path = tmp_path_factory.mktemp("any") / "x.jsonl"
    write_jsonl(path, examples)
    assert list(read_jsonl(path)) == examples


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"prompt": 5}'])
def test_a_line_that_is_no_example_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    write_jsonl(path, [LABELLED])
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(TableError, match="line 2: no training example"):
        list(read_jsonl(path))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        list(read_jsonl(tmp_path / "missing.jsonl"))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(TableError, match="cannot be read"):
        list(read_jsonl(cut))
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b"\xe4\n")
    with pytest.raises(TableError, match="cannot be read"):
        list(read_jsonl(latin))


@pytest.fixture
def datasets() -> None:
    pytest.importorskip("datasets", reason="the llm extra is not installed")


@pytest.mark.usefixtures("datasets")
def test_a_datasets_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    from datasets import load_from_disk

    folder = tmp_path / "out" / "train"
    assert save_folder(folder, [LABELLED]) == 1
    assert save_folder(folder, ALL) == 3  # replaces the first
    assert list(load_folder(folder)) == ALL
    columns = load_from_disk(str(folder)).column_names
    assert {"prompt", "completion", "weight"} <= set(columns)
    assert [path.name for path in folder.parent.iterdir()] == ["train"]


@pytest.mark.usefixtures("datasets")
def test_a_folder_needs_a_row_and_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no example"):
        save_folder(tmp_path / "x", [])
    with pytest.raises(InputError, match="no datasets folder"):
        load_folder(tmp_path / "missing")
