"""`entx evaluate`, `check` and `split`, which need no store."""

from __future__ import annotations

import csv
import gzip
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import pytest

from tests.cli.runner import Ended, Entx

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
        (["--schema", "none.toml"], "none.toml: cannot be read: no such file"),
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
    assert "\\u001b[2Jx" in ended.out
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


@pytest.fixture
def two_rows(tmp_path: Path) -> Path:
    path = tmp_path / "test.csv"
    path.write_text("index,image_link,group_id,entity_name\n0,a.jpg,1,width\n4,a.jpg,1,voltage\n", encoding="utf-8")
    return path


@pytest.fixture
def check(tmp_path: Path, two_rows: Path, entx: Entx) -> Entx:
    """Checks a prediction file of this text."""

    def run(text: str, *options: object) -> Ended:
        path = tmp_path / "pred.csv"
        path.write_text(text, encoding="utf-8")
        return entx("check", path, "--test", two_rows, *options)

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


PARTS = ("train", "val", "test")


def write_table(path: Path, seed: int = 0, rows: int = 3_000) -> list[dict[str, str]]:
    """Rows with shared pictures, repeated answers, small groups, quoted newlines and awkward cells."""
    draw = random.Random(seed)
    table = [
        {
            "image_link": f"{draw.randrange(2_200)}.jpg",
            "group_id": f"{draw.choice([draw.randrange(20), draw.randrange(20, 900)])}",
            "entity_name": draw.choices(["width", "item_weight", "voltage"], weights=[6, 3, 1])[0],
            "entity_value": f"{draw.randrange(1, 60)}{draw.choice(['', '.0'])} inch",
            "note": draw.choice(["", "NA", "=1+1", 'a "quoted"\nnewline', "é, ü", " x "]) + str(number),
        }
        for number in range(rows)
    ]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return table


def read_parts(folder: Path) -> dict[str, list[dict[str, str]]]:
    assert sorted(path.name for path in folder.iterdir()) == ["test.csv", "train.csv", "val.csv"]
    parts = {}
    for name in PARTS:
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
            parts[name] = list(csv.DictReader(stream))
    return parts


def leaks(parts: dict[str, list[dict[str, str]]]) -> int:
    """Keys of pictures and of (group, entity, number and unit) that stand in more than one part."""
    where = defaultdict(set)
    for name, rows in parts.items():
        for row in rows:
            number, unit = row["entity_value"].split(" ")
            where[row["image_link"]].add(name)
            where[row["group_id"], row["entity_name"], float(number), unit].add(name)
    return sum(len(found) > 1 for found in where.values())


@pytest.fixture
def split(tmp_path: Path, entx: Entx) -> Entx:
    """Splits t.csv of the folder into its folder out."""
    return partial(entx, "split", tmp_path / "t.csv", "--out", tmp_path / "out", "--by")


@pytest.mark.parametrize("by", ["group_id", "entity_name"])
def test_each_row_is_in_one_part_and_nothing_leaks(tmp_path: Path, by: str, split: Entx) -> None:
    table = write_table(tmp_path / "t.csv")
    ended = split(by, "--json")
    parts = read_parts(tmp_path / "out")
    assert sorted(row["note"] for rows in parts.values() for row in rows) == sorted(row["note"] for row in table)
    by_note = {row["note"]: row for row in table}
    assert all(by_note[row["note"]] == row for rows in parts.values() for row in rows)
    assert leaks(parts) == 0
    assert (ended.code, ended.json["rows"]) == (0, {name: len(rows) for name, rows in parts.items()})
    assert min(len(parts["val"]), len(parts["test"])) > (250 if by == "entity_name" else 50)  # small groups: train


def test_rows_are_copied_byte_for_byte(tmp_path: Path, split: Entx) -> None:
    """One row a line and odd quoting: the lines of the parts are the lines of the table, in its order."""
    lines = [f'{i}.jpg,"7",width,{i}.0 inch,{"" if i % 2 else "=x"}\r\n'.encode() for i in range(50)]
    header = b"image_link,group_id,entity_name,entity_value,note\r\n"
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + header + b"".join(lines)[:-2])  # no line end after the last row
    assert split("entity_name").code == 0
    found = []
    for name in PARTS:
        first, *rest = (tmp_path / "out" / f"{name}.csv").read_bytes().splitlines(keepends=True)
        assert first == header
        assert rest == sorted(rest, key=lines.index)
        found += rest
    assert sorted(found) == sorted(lines)


@pytest.mark.parametrize("leaky", [(), ("--leaky",)])
def test_groups_of_fewer_than_4_rows_go_to_train(tmp_path: Path, split: Entx, leaky: tuple[str, ...]) -> None:
    sizes = Counter(row["group_id"] for row in write_table(tmp_path / "t.csv"))
    assert split("group_id", *leaky).code == 0
    parts = read_parts(tmp_path / "out")
    assert not [row for name in ("val", "test") for row in parts[name] if sizes[row["group_id"]] < 4]


def test_leaky_leaks_says_so_and_keeps_entity_shares(tmp_path: Path, split: Entx) -> None:
    write_table(tmp_path / "t.csv")
    found = split("entity_name", "--leaky", "--json").json
    for counts in found["strata"].values():
        for part, ratio in zip(PARTS, (0.8, 0.1, 0.1), strict=True):
            assert counts[part] == pytest.approx(ratio * sum(counts.values()), abs=2)
    assert found["largest_drift"] < 0.01
    assert found["leaky"] is True
    assert leaks(read_parts(tmp_path / "out")) > 100


def test_the_seed_decides(tmp_path: Path, split: Entx) -> None:
    write_table(tmp_path / "t.csv")
    texts = []
    for seed in (1, 1, 2):
        split("group_id", "--seed", seed)
        texts.append((tmp_path / "out" / "val.csv").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_ratios(tmp_path: Path, split: Entx) -> None:
    write_table(tmp_path / "t.csv")
    assert split("entity_name", "--ratios", "0.5,0.3,0.2").code == 0
    counts = [len(rows) for rows in read_parts(tmp_path / "out").values()]
    assert counts == [pytest.approx(size, abs=30) for size in (1_500, 900, 600)]
    for wrong in ("0.5,0.5", "0.8,0.1,0.2", "1,0,0", "a,b,c", "nan,0.5,0.5"):
        split("entity_name", "--ratios", wrong).assert_refused("three shares")


def test_a_table_without_labels_keeps_pictures_together_and_says_so(tmp_path: Path, split: Entx) -> None:
    rows = [f"{i // 2}.jpg,width\n" for i in range(100)]
    (tmp_path / "t.csv").write_text("image_link,entity_name\n" + "".join(rows), encoding="utf-8")
    ended = split("entity_name")
    assert ended.code == 0
    assert "only rows of one picture stay together" in ended.err
    pictures = [{row["image_link"] for row in rows} for rows in read_parts(tmp_path / "out").values()]
    assert sum(map(len, pictures)) == 50


def test_header_only_gives_three_headers(tmp_path: Path, split: Entx) -> None:
    (tmp_path / "t.csv").write_text("image_link,entity_name\n", encoding="utf-8")
    assert split("entity_name").code == 0
    assert {len(rows) for rows in read_parts(tmp_path / "out").values()} == {0}


def test_a_wrong_split_writes_nothing(tmp_path: Path, entx: Entx) -> None:
    table = tmp_path / "train.csv"
    table.write_text("image_link,entity_name\na.jpg,width\n", encoding="utf-8")
    out = tmp_path / "out"
    for arguments, message in [
        ((table, "--out", tmp_path, "--by", "entity_name"), "would be overwritten"),
        ((table, "--out", out, "--by", "group_id"), "column group_id: the column is missing"),
        ((table, "--out", out, "--by", "colour"), "colour"),
        ((tmp_path / "t.parquet", "--out", out, "--by", "entity_name"), "CSV files"),
        ((tmp_path / "none.csv", "--out", out, "--by", "entity_name"), "no such file"),
        ((table, "--out", table / "x", "--by", "entity_name"), "cannot be written"),
    ]:
        ended = entx("split", *arguments)
        assert ended.code == 2, message
        assert message in ended.err
        assert "Traceback" not in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


def test_the_real_train_table(tmp_path: Path, entx: Entx) -> None:
    data = Path(os.environ.get("ENTX_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (data / "train.csv.gz").exists():
        pytest.skip("the shared development data is not on this machine (ENTX_SHARED_DATA)")
    call = ("split", data / "train.csv.gz", "--out", tmp_path / "out", "--by", "entity_name", "--json")
    found = entx(*call).json
    assert sum(found["rows"].values()) == 263_859
    assert found["rows"]["val"] == pytest.approx(26_386, abs=50)
    assert found["largest_drift"] < 0.002
    parts = read_parts(tmp_path / "out")
    where = defaultdict(set)
    for name, rows in parts.items():
        for row in rows:
            where[row["image_link"]].add(name)
            where[row["group_id"], row["entity_name"], row["entity_value"]].add(name)
    assert {len(names) for names in where.values()} == {1}
