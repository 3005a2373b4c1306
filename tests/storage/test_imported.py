from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.core.types import Alignment, Question
from entx.storage.questions import add_questions
from entx.storage.runs import load_answers
from entx.storage.store import Store
from entx.storage.transfer import Coverage, ImportReport, coverage, import_predictions, write_predictions


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "s.duckdb", write=True)
    entities = ["height", "item_weight", "voltage"]
    add_questions(store, [Question(i, f"{i}.jpg", "g", name) for i, name in enumerate(entities)], "t.csv")
    return store


def _import(store: Store, path: Path, run: str = "qwen", column: str | None = None) -> ImportReport:
    return import_predictions(store, path, stage="vlm", run=run, schema=CHALLENGE, column=column)


def _table(tmp_path: Path, text: str, name: str = "p.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


SENTENCES = (
    "index,generated_output\n"
    '2,"The voltage is 100-240V."\n'
    '0,"The height is 8.2 cm (3.23 inches)."\n'
    "1,The weight is not visible in the image.\n"
    "99,5 kg\n"
)


def test_sentences_become_answers_through_the_postprocessor(store: Store, tmp_path: Path) -> None:
    report = _import(store, _table(tmp_path, SENTENCES))
    assert (report.column, report.rows, report.foreign, report.added) == ("generated_output", 4, 1, 3)
    answers = dict(load_answers(store, "qwen"))
    assert {i: a.quantity.text if a.quantity else "" for i, a in answers.items()} == {
        0: "8.2 centimetre",
        1: "",
        2: "240.0 volt",
    }
    assert answers[0].text == "The height is 8.2 cm (3.23 inches)."
    assert answers[1].reason
    assert all(answer.evidence.alignment is Alignment.NONE for answer in answers.values())


def test_the_prediction_file_has_a_row_for_every_question(store: Store, tmp_path: Path) -> None:
    _import(store, _table(tmp_path, "index,prediction\n2,12 volt\n"))
    write_predictions(store, "qwen", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [["index", "prediction"], ["0", ""], ["1", ""], ["2", "12.0 volt"]]
    assert coverage(store, "qwen") == Coverage(3, 1, 1)
    assert coverage(store, "qwen", [7, 2]) == Coverage(2, 1, 1)
    write_predictions(store, "qwen", tmp_path / "some.csv", [7, 2])
    assert (tmp_path / "some.csv").read_text() == "index,prediction\n7,\n2,12.0 volt\n"


def test_importing_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    table = _table(tmp_path, SENTENCES)
    _import(store, table)
    assert _import(store, table).added == 0
    assert len(list(load_answers(store, "qwen"))) == 3


def test_an_interrupted_import_is_continued(store: Store, tmp_path: Path) -> None:
    table = _table(tmp_path, SENTENCES)
    _import(store, table)
    store.connection.execute("delete from answers where idx = 0")  # as if the batch with it had been lost
    assert _import(store, table).added == 1
    assert sorted(index for index, _ in load_answers(store, "qwen")) == [0, 1, 2]


def test_another_file_needs_another_run(store: Store, tmp_path: Path) -> None:
    _import(store, _table(tmp_path, SENTENCES))
    other = _table(tmp_path, "index,prediction\n1,5 gram\n", "other.csv")
    with pytest.raises(InputError, match="choose another --run"):
        _import(store, other)
    assert _import(store, other, "second").added == 1


def test_gzip_and_a_named_column(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress(b"index,prediction,mine\n0,1 metre,2 foot\n"))
    _import(store, path, column="mine")
    assert [a.quantity.text for _, a in load_answers(store, "qwen") if a.quantity] == ["2.0 foot"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,words\n0,1 metre\n", r"no column of answers .* among: index, words; name it with --column"),
        ("index,prediction\n0,1 metre\n0,2 metre\n", r"line 3, column index: index 0 was already used on line 2"),
        ("index,prediction\nx,1 metre\n", r"line 2, column index: 'x' is no index"),
    ],
)
def test_a_faulty_table_is_refused(store: Store, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        _import(store, _table(tmp_path, text))
    assert list(load_answers(store, "qwen")) == []


def test_another_postprocessor_needs_another_run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = _table(tmp_path, SENTENCES)
    _import(store, table)
    monkeypatch.setattr("entx.storage.transfer.POSTPROCESS_VERSION", 0)
    with pytest.raises(InputError, match="postprocess was"):
        _import(store, table)
