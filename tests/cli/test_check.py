import json
from pathlib import Path

import pytest

from tests.cli.runner import run_entx

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def test_table(tmp_path: Path) -> Path:
    path = tmp_path / "test.csv"
    path.write_text("index,image_link,group_id,entity_name\n0,a.jpg,1,width\n4,a.jpg,1,voltage\n", encoding="utf-8")
    return path


def predictions(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pred.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_exits_0(tmp_path: Path, test_table: Path, capsys: Capsys) -> None:
    path = predictions(tmp_path, "index,prediction\n0,5.0 inch\n4,\n")
    ended = run_entx(capsys, "check", path, "--test", test_table)
    assert (ended.code, ended.out, ended.err) == (0, f"{path}: no fault\n", "")
    ended = run_entx(capsys, "check", path, "--test", test_table, "--json")
    assert (ended.code, json.loads(ended.out)) == (0, {"ok": True, "faults": []})


def test_a_faulty_file_exits_2_and_names_every_fault(tmp_path: Path, test_table: Path, capsys: Capsys) -> None:
    path = predictions(tmp_path, "index,prediction\n0,5.0 volt\n0,=1\n")
    ended = run_entx(capsys, "check", path, "--test", test_table)
    assert ended.code == 2
    assert [line.partition(": ")[0] for line in ended.out.splitlines()] == [
        "line 2, column prediction",
        "line 3, column index",
        "line 3, column prediction",
        "index 4 (test.csv, line 3) has no row",
    ]
    assert ended.err.startswith(f"entx: {path}: 4 faults; the first: line 2, column prediction: unit 'volt'")
    assert ended.err.count("\n") == 1


def test_json_and_quiet_keep_the_verdict(tmp_path: Path, test_table: Path, capsys: Capsys) -> None:
    path = predictions(tmp_path, "index,prediction\n0,5.0 inch\n4,12 inch\n")
    ended = run_entx(capsys, "check", path, "--test", test_table, "--json")
    assert ended.code == 2
    found = json.loads(ended.out)
    assert not found["ok"]
    assert [(fault["line"], fault["column"]) for fault in found["faults"]] == [(3, "prediction")]
    ended = run_entx(capsys, "check", path, "--test", test_table, "--quiet")
    assert (ended.code, ended.out) == (2, "")
    assert "1 fault; the first: line 3" in ended.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("index,predictions\n", "did you mean 'predictions'"),
        ("index,prediction\n0,a,b\n", "line 2, column prediction: the row has 3 fields"),
        ('index,prediction\n0,"5 inch\n', "line 2, column prediction: a quote is opened in this row"),
    ],
)
def test_what_is_no_prediction_table_exits_2(
    tmp_path: Path, test_table: Path, text: str, message: str, capsys: Capsys
) -> None:
    ended = run_entx(capsys, "check", predictions(tmp_path, text), "--test", test_table)
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_a_schema_file_adds_entities(tmp_path: Path, capsys: Capsys) -> None:
    (tmp_path / "s.toml").write_text('[entity.cable]\nkind = "length"\nunits = ["metre"]\n', encoding="utf-8")
    (tmp_path / "t.csv").write_text("index,entity_name\n0,cable\n", encoding="utf-8")
    path = predictions(tmp_path, "index,prediction\n0,2.0 metre\n")
    assert run_entx(capsys, "check", path, "--test", tmp_path / "t.csv").code == 2
    assert run_entx(capsys, "check", path, "--test", tmp_path / "t.csv", "--schema", tmp_path / "s.toml").code == 0
