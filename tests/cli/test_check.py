from pathlib import Path

import pytest

from tests.cli.runner import Ended, Entx


@pytest.fixture
def test_table(tmp_path: Path) -> Path:
    path = tmp_path / "test.csv"
    path.write_text("index,image_link,group_id,entity_name\n0,a.jpg,1,width\n4,a.jpg,1,voltage\n", encoding="utf-8")
    return path


@pytest.fixture
def check(tmp_path: Path, test_table: Path, entx: Entx) -> Entx:
    """Checks a prediction file of this text."""

    def run(text: str, *options: object) -> Ended:
        path = tmp_path / "pred.csv"
        path.write_text(text, encoding="utf-8")
        return entx("check", path, "--test", test_table, *options)

    return run


def test_a_good_file_exits_0(tmp_path: Path, check: Entx) -> None:
    good = "index,prediction\n0,5.0 inch\n4,\n"
    ended = check(good)
    assert (ended.code, ended.out, ended.err) == (0, f"{tmp_path / 'pred.csv'}: no fault\n", "")
    ended = check(good, "--json")
    assert (ended.code, ended.json) == (0, {"ok": True, "faults": []})


def test_a_faulty_file_exits_2_and_names_every_fault(tmp_path: Path, check: Entx) -> None:
    ended = check("index,prediction\n0,5.0 volt\n0,=1\n")
    assert [line.partition(": ")[0] for line in ended.out.splitlines()] == [
        "line 2, column prediction",
        "line 3, column index",
        "line 3, column prediction",
        "index 4 (test.csv, line 3) has no row",
    ]
    ended.assert_refused(f"entx: {tmp_path / 'pred.csv'}: 4 faults; the first: line 2, column prediction: unit 'volt'")


def test_json_and_quiet_keep_the_verdict(check: Entx) -> None:
    faulty = "index,prediction\n0,5.0 inch\n4,12 inch\n"
    ended = check(faulty, "--json")
    assert (ended.code, ended.json["ok"]) == (2, False)
    assert [(fault["line"], fault["column"]) for fault in ended.json["faults"]] == [(3, "prediction")]
    ended = check(faulty, "--quiet")
    ended.assert_refused("1 fault; the first: line 3")
    assert ended.out == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("index,predictions\n", "did you mean 'predictions'"),
        ("index,prediction\n0,a,b\n", "line 2, column prediction: the row has 3 fields"),
        ('index,prediction\n0,"5 inch\n', "line 2, column prediction: a quote is opened in this row"),
    ],
)
def test_what_is_no_prediction_table_exits_2(check: Entx, text: str, message: str) -> None:
    check(text).assert_refused(message)


def test_a_schema_file_adds_entities(tmp_path: Path, check: Entx) -> None:
    (tmp_path / "s.toml").write_text('[entity.cable]\nkind = "length"\nunits = ["metre"]\n', encoding="utf-8")
    (tmp_path / "test.csv").write_text("index,entity_name\n0,cable\n", encoding="utf-8")
    text = "index,prediction\n0,2.0 metre\n"
    assert check(text).code == 2
    assert check(text, "--schema", tmp_path / "s.toml").code == 0
