import csv
import os
import random
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import pytest

from tests.cli.runner import Entx

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


def test_wrong_use_writes_nothing(tmp_path: Path, entx: Entx) -> None:
    table = tmp_path / "train.csv"
    table.write_text("image_link,entity_name\na.jpg,width\n", encoding="utf-8")
    out = tmp_path / "out"
    for arguments, message in [
        ((table, "--out", tmp_path, "--by", "entity_name"), "would overwrite the table"),
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
