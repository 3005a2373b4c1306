import gzip
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.cli.runner import Entx

GOLD = """index,image_link,entity_name,value,also,slice
0,a.jpg,width,5 inch,12.7 centimetre,small
1,a.jpg,height,6 inch,,small
2,b.jpg,width,,,large
3,c.jpg,depth,7 inch,,large
"""
PREDICTIONS = "index,prediction\n0,12.7 centimetre\n1,6.0 inch\n2,1 inch\n9,1 inch\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    gold, predictions = tmp_path / "gold.csv", tmp_path / "pred.csv.gz"
    gold.write_text(GOLD, encoding="utf-8")
    predictions.write_bytes(gzip.compress(PREDICTIONS.encode()))
    return predictions, gold


@pytest.fixture
def evaluate(files: tuple[Path, Path], entx: Entx) -> Entx:
    return partial(entx, "evaluate", files[0], "--gold", files[1])


def test_the_table_has_all_parts_and_the_notices_count_rows(evaluate: Entx) -> None:
    ended = evaluate()
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert " ".join(lines[0].split()) == "rows of n F1 95 % interval precision recall coverage F1 string"
    # TP 2, FP 1, FN 1: P 2/3, R 2/3; by text TP 1, FP 2, FN 1
    assert lines[1].split()[:3] == ["all", "4", "0.667"]
    assert lines[1].split()[-4:] == ["0.667", "0.667", "0.750", "0.400"]
    names = [line.split()[0] for line in lines[2:]]
    assert names == ["entity_name", "width", "height", "depth", "slice", "small", "large"]
    assert lines[4].split()[1:3] == ["1", "1.000"]
    assert lines[4].split()[-1] == "0.000"  # "6.0 inch" is right by number and unit, not by text
    assert "1 truth rows have no prediction row" in ended.err
    assert "1 prediction rows have an index that the truth table lacks" in ended.err


def test_json_is_one_object_with_the_counts(evaluate: Entx) -> None:
    ended = evaluate("--by", "image_link", "--json")
    found = ended.json
    overall = found["overall"]
    assert {key: overall[key] for key in ("n", "tp", "fp", "fn", "tn")} == {"n": 4, "tp": 2, "fp": 1, "fn": 1, "tn": 0}
    assert overall["f1_low"] <= overall["f1"] <= overall["f1_high"]
    assert (found["missing"], found["ignored"]) == (1, 1)
    assert list(found["by"]) == ["entity_name", "slice", "image_link"]
    assert found["by"]["image_link"]["a.jpg"]["f1"] == 1.0
    assert found["by"]["entity_name"]["depth"]["precision"] is None


def test_where_and_no_also(evaluate: Entx) -> None:
    small = ("--where", "slice=small", "--json")
    assert evaluate(*small).json["overall"]["tp"] == 2
    assert evaluate(*small, "--no-also").json["overall"]["tp"] == 1


def test_the_same_call_prints_the_same_and_quiet_nothing(evaluate: Entx) -> None:
    assert evaluate() == evaluate()
    assert evaluate().out != evaluate("--seed", 3, "--by", "also").out
    ended = evaluate("--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--where", "slice=none"], "no row is left"),
        (["--where", "slice"], "is not COLUMN=VALUE"),
        (["--by", "silce"], "did you mean 'slice'"),
        (["--schema", "none.toml"], "not a readable TOML schema"),
    ],
)
def test_wrong_use_is_exit_code_2(options: list[str], message: str, evaluate: Entx) -> None:
    ended = evaluate(*options)
    ended.assert_refused(message)
    assert ended.out == ""


def test_a_wrong_table_is_one_line_with_file_line_and_column(
    files: tuple[Path, Path], tmp_path: Path, entx: Entx
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("index,prediction\n0,\nx,\n", encoding="utf-8")
    ended = entx("evaluate", bad, "--gold", files[1])
    assert ended.code == 2
    assert ended.err == f"entx: {bad}, line 3, column index: 'x' is no index; it must be a whole number from 0 on\n"


def test_control_characters_of_a_table_do_not_reach_the_terminal(tmp_path: Path, entx: Entx) -> None:
    gold, predictions = tmp_path / "gold.csv", tmp_path / "pred.csv"
    gold.write_text('index,value,slice\n0,5 inch,"\x1b[2Jx"\n1,5 inch,\n', encoding="utf-8")
    predictions.write_text("index,prediction\n0,5 inch\n1,5 inch\n", encoding="utf-8")
    ended = entx("evaluate", predictions, "--gold", gold)
    assert "\x1b" not in ended.out
    assert "'\\x1b[2Jx'" in ended.out
    assert "  ''" in ended.out


def test_the_command_does_not_load_an_engine_a_database_or_pandas(files: tuple[Path, Path]) -> None:
    code = (
        "import sys; from entx.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'pandas', 'pyarrow', 'duckdb', 'cv2', 'rapidocr', 'openvino'} & set(sys.modules)))"
    )
    call = [sys.executable, "-c", code, "evaluate", str(files[0]), "--gold", str(files[1]), "--quiet"]
    done = subprocess.run(call, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "[]\n"
