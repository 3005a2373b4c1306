from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from entx.core.types import Answer, parse_written
from entx.storage.runs import add_answers, begin_run
from tests.cli.runner import Entx
from tests.llm_stage.stores import Asked, Shown, fill

DRAWINGS = 40


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawings with trusted heights and weak widths, one question that is no use, and a run."""
    path = tmp_path_factory.mktemp("dataset") / "s.duckdb"
    pictures = [
        Shown(
            [f"{20 + n} cm", f"{70 + n} cm"],
            [Asked("height", f"{20 + n}.0 centimetre", "own.csv"), Asked("width", f"{70 + n} cm", "train.csv.gz")],
        )
        for n in range(DRAWINGS)
    ]
    with fill(path, [*pictures, Shown(["x"], [Asked("wattage", "2 horsepower", "own.csv")])]) as made:
        begin_run(made, "rules", "rules", {})
        add_answers(made, "rules", [(n, Answer(parse_written("20 centimetre"))) for n in range(2 * DRAWINGS)])
    return path


def read(path: Path) -> list[SimpleNamespace]:
    """The examples of a file."""
    return [SimpleNamespace(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def dataset(store: Path, entx: Entx) -> Entx:
    return partial(entx, "dataset", "--stage", "llm", "--store", store, "--out")


def test_train_and_dev_are_written_and_counted(dataset: Entx, tmp_path: Path) -> None:
    ended = dataset(tmp_path, "--weight", "train*=0.4", "--dev", 0.25, "--json")
    assert ended.code == 0, ended.err
    train, dev = (read(tmp_path / f"{part}.jsonl") for part in ("train", "dev"))
    said = ended.json
    assert said == json.loads((tmp_path / "dataset.json").read_text(encoding="utf-8"))
    assert said["files"]["train.jsonl"]["rows"] == len(train)
    assert said["files"]["dev.jsonl"]["rows"] == len(dev) == DRAWINGS // 4
    assert {one.source for one in dev} == {"own.csv"}  # weak labels measure nothing
    assert {one.weight for one in train if one.entity_name == "width" and one.index is not None} == {0.4}
    assert said["questions"]["used: a candidate"] == 2 * DRAWINGS
    assert said["questions"]["dropped: unit not allowed"] == 1
    none = sum(one.completion == "none" for one in train)
    assert said["files"]["train.jsonl"]["none"] == none
    assert not {one.picture for one in train} & {one.picture for one in dev}


def test_a_person_sees_what_became_of_every_question(dataset: Entx, tmp_path: Path) -> None:
    ended = dataset(tmp_path)
    assert ended.code == 0, ended.err
    lines = [line.split("  ") for line in ended.out.splitlines()]
    assert any(line[0] == "dropped: unit not allowed" and line[-1].strip() == "1" for line in lines)
    assert any(line[0] == "used: a candidate" and line[-1].strip() == str(2 * DRAWINGS) for line in lines)
    assert any(line[0] == "train.jsonl" for line in lines)


def test_equal_seeds_give_equal_files(dataset: Entx, tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert dataset(tmp_path / folder, "--seed", seed, "--hint-run", "rules").code == 0
    texts = {folder: (tmp_path / folder / "train.jsonl").read_bytes() for folder in "abc"}
    assert texts["a"] == texts["b"] != texts["c"]
    assert b"<hint>" in texts["a"]


def test_pictures_of_a_test_set_are_held_out(dataset: Entx, tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text("image_link,value\n3.jpg,\n4.jpg,\nelsewhere.jpg,\n")
    ended = dataset(tmp_path, "--held-out", tmp_path / "gold.csv", "--json")
    assert ended.json["questions"]["dropped: picture is held out"] == 4
    pictures = {one.picture for part in ("train", "dev") for one in read(tmp_path / f"{part}.jsonl")}
    assert pictures == {f"p{n}" for n in range(DRAWINGS)} - {"p3", "p4"}


def test_folds_hold_every_row_once(dataset: Entx, tmp_path: Path) -> None:
    assert dataset(tmp_path, "--folds", 4).code == 0
    held = [one.index for n in range(4) for one in read(tmp_path / f"fold-{n}" / "dev.jsonl")]
    assert sorted(index for index in held if index is not None) == list(range(2 * DRAWINGS))


def test_a_datasets_folder_holds_the_same(dataset: Entx, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the llm extra is not installed")
    for name in ("jsonl", "datasets"):
        assert dataset(tmp_path / name, "--format", name, "--quiet").code == 0
    rows = datasets.load_from_disk(str(tmp_path / "datasets" / "train"))
    assert [SimpleNamespace(**row) for row in rows] == read(tmp_path / "jsonl" / "train.jsonl")


def test_the_tokenizer_of_a_model_keeps_the_budget(dataset: Entx, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the llm extra is not installed")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "tokenizer.json"))
    options = ("--budget", 5, "--negatives", 0, "--json")  # the page's tags are one word, each line three
    ended = dataset(tmp_path / "out", "--model", tmp_path, *options)
    assert ended.json["pages"]["dropped lines"] == DRAWINGS
    for one in read(tmp_path / "out" / "train.jsonl"):
        assert len(one.prompt[: one.page_length].split()) <= 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--weight", "train"), "--weight 'train' is not"),
        (("--weight", "train=2"), "--weight 'train=2' is not"),
        (("--weight", "=0.5"), "--weight '=0.5' is not"),
        (("--ranges", "middle"), "choose one of: upper, drop"),
        (("--unreadable", "x"), "choose one of: empty, drop, keep"),
        (("--style", "x"), "choose one of: compact, plain, bare"),
        (("--folds", 1), "--folds 1 would hold out everything"),
        (("--hint-run", "nobody"), "no run 'nobody'"),
        (("--engine", "paddleocr"), "holds no pages of paddleocr"),
        (("--model", "nowhere"), "no such file"),
        (("--held-out", "nowhere.csv"), "no such file"),
        (("--weight", "*=0"), "no labelled question of it can be used"),
    ],
)
def test_wrong_use_is_one_line(dataset: Entx, tmp_path: Path, options: tuple[object, ...], message: str) -> None:
    dataset(tmp_path / "out", *options).assert_refused(message)
    assert not (tmp_path / "out").exists()


def test_another_stage_is_not_there_yet(entx: Entx, store: Path, tmp_path: Path) -> None:
    ended = entx("dataset", "--stage", "rules", "--store", store, "--out", tmp_path)
    assert (ended.code, "this version has: llm" in ended.err) == (2, True)
