"""A whole training through the command: what it makes, what it refuses, what it says beforehand."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
from PIL import Image

from entx.llm_stage.prompt import PROMPT_VERSION
from entx.neural import estimate
from entx.neural.model_folder import check_model_folder
from tests.cli.runner import Ended, run_entx
from tests.llm_stage.stores import Asked, Shown
from tests.llm_stage.training import make_base, make_recipe, make_store


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with store, recipe and base model."""
    folder = tmp_path_factory.mktemp("inputs")
    make_store(folder / "s.duckdb")
    make_recipe(folder / "tiny.toml")
    make_base(folder / "base")
    return folder


def train(capsys: pytest.CaptureFixture[str], inputs: Path, out: Path, *more: object) -> Ended:
    return run_entx(
        capsys, "train", "--stage", "llm", "--recipe", inputs / "tiny.toml", "--store", inputs / "s.duckdb", "--model",
        inputs / "base", "--out", out, *more,
    )  # fmt: skip


def test_a_training_makes_a_whole_described_folder(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made"
    ended = train(capsys, inputs, out, "--set", "train.epochs=12")
    assert ended.code == 0, ended.err
    assert "best F1" in ended.out
    assert not (tmp_path / "made.part").exists()
    folder = check_model_folder(out)
    assert not folder.is_adapter
    assert {"README.md", "curve.png", "entx.json", "training.json", "tokenizer.json"} <= {f.name for f in out.iterdir()}
    assert json.loads((out / "entx.json").read_text())["prompt_version"] == PROMPT_VERSION
    with Image.open(out / "curve.png") as picture:
        assert picture.size == (800, 500)
    record = json.loads((out / "training.json").read_text())
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    assert losses[-1] < 0.75 * losses[0]
    measured = [entry["eval_f1"] for entry in record["history"] if "eval_f1" in entry]
    assert record["dev"]["f1"] == max(measured)
    assert record["data"]["questions"]["used: a candidate"] == 120
    card = (out / "README.md").read_text()
    for part in (f"**{record['dev']['f1']:.3f}** at step", record["recipe"]["digest"], "lr = 0.005", "transformers 5"):
        assert part in card
    for text in (card, (out / "training.json").read_text(), (out / "entx.json").read_text()):
        assert str(inputs) not in text  # no path of the machine that trained it


def test_a_lora_adapter_of_a_small_model(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--set", "train.method=lora", "--set", "lora.r=4", "--set", "lora.alpha=8", "--set", "train.max_steps=6"]
    ended = train(capsys, inputs, tmp_path / "made", *more)
    assert ended.code == 0, ended.err
    assert check_model_folder(tmp_path / "made").is_adapter
    assert "--adapter THIS_FOLDER" in (tmp_path / "made" / "README.md").read_text()
    assert json.loads((tmp_path / "made" / "training.json").read_text())["training"]["steps"] == 6


def test_packing_learns_the_same_tokens_in_fewer_passes(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--set", "train.packing=true", "--set", "train.batch=1", "--set", "train.epochs=2"]
    ended = train(capsys, inputs, tmp_path / "made", "--json", *more)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    tokens = said["rows"]["prompt tokens"] + said["rows"]["answer tokens"]
    assert tokens / 128 <= said["training"]["steps"] < 1.4 * tokens / 128 < said["rows"]["visits"]


def test_it_stops_when_f1_rises_no_more(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--set", "train.lr=1e-9", "--set", "train.patience=2", "--set", "train.evaluate_every=5"]
    ended = train(capsys, inputs, tmp_path / "made", "--json", *more)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert (said["training"]["steps"], said["dev"]["step"]) == (15, 5)
    assert said["training"]["steps planned"] > 15


def test_a_dry_run_says_everything_and_trains_nothing(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = train(capsys, inputs, tmp_path / "made", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["steps"] == -(-said["rows"] // 4)
    assert 0 < said["answer_tokens"] < said["tokens"]
    assert said["parameters"] == said["trained"]
    assert said["memory_bytes"] > 16 * said["parameters"]  # weights, gradients and two moments of 4 bytes each
    assert said["seconds"] > 0
    assert "timed" in said["basis"]
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_an_adapter_counts_its_matrices(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [
        "--set",
        "train.method=lora",
        "--set",
        "lora.r=4",
        "--set",
        "lora.alpha=8",
        "--set",
        'lora.targets=["q_proj"]',
    ]
    said = json.loads(train(capsys, inputs, tmp_path / "made", "--dry-run", "--json", *more).out)
    assert said["trained"] == 4 * 4 * (32 + 32)  # layers x r x (inputs + outputs)


def test_a_dry_run_of_a_large_model_loads_nothing(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "TIMED_PARAMETERS", 0)
    said = json.loads(train(capsys, inputs, tmp_path / "made", "--dry-run", "--json").out)
    assert "parameters x tokens" in said["basis"]
    assert said["seconds"] > 0


def test_a_full_disk_is_one_line_and_leaves_no_model(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files stands for the disk; room made, the same command goes on."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        ended = train(capsys, inputs, tmp_path / "made", "--set", "train.epochs=1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert ended.code == 2
    assert "the checkpoint cannot be written" in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "made").exists()
    assert train(capsys, inputs, tmp_path / "made", "--set", "train.epochs=1").code == 0


def test_a_loss_that_is_no_number_ends_the_training(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = train(capsys, inputs, tmp_path / "made", "--set", "train.lr=1e30", "--set", "train.max_grad_norm=0")
    assert ended.code == 2
    assert "lower train.lr" in ended.err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "train.lr=0", "--set", "model.x=1"], "train.lr must be greater than 0"),
        (["--set", "data.hint_run=nobody"], "no run 'nobody'"),
        (["--set", "model.style=instruct"], "no chat template"),
        (["--set", "train.method=lora", "--set", "lora.r=1", "--set", "lora.alpha=1", "--set", 'lora.targets=["wo"]'],
         "no layers named wo"),
        (["--set", 'data.sources={"own*" = 0}'], "no rows to train on"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    ended = train(capsys, inputs, tmp_path / "made", *more)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "made").exists()


def test_other_stages_and_missing_models_are_refused(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("--store", inputs / "s.duckdb", "--out", tmp_path / "made")
    ended = run_entx(capsys, "train", "--stage", "rules", "--recipe", "x", *common)
    assert (ended.code, "this version trains: llm, vlm" in ended.err) == (2, True)
    ended = run_entx(capsys, "train", "--stage", "llm", "--recipe", "gemma2-9b", *common)
    assert (ended.code, "hf download google/gemma-2-9b-it" in ended.err) == (2, True)
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "pytorch_model.bin").write_bytes(b"")
    ended = run_entx(
        capsys, "train", "--stage", "llm", "--recipe", inputs / "tiny.toml", "--model", tmp_path / "evil", *common
    )
    assert (ended.code, "refused before loading" in ended.err) == (2, True)


def test_a_new_entity_by_schema_reaches_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], inputs: Path
) -> None:
    schema = tmp_path / "noise.toml"
    schema.write_text('[entity.noise]\nkind = "sound level"\nunits = ["dB"]\n')
    shown = [Shown([f"Noise {n} dB"], [Asked("noise", f"{n} dB", group_id="")]) for n in range(10, 30)]
    make_store(tmp_path / "n.duckdb", shown)
    ended = run_entx(
        capsys, "train", "--stage", "llm", "--recipe", inputs / "tiny.toml", "--store", tmp_path / "n.duckdb",
        "--model", inputs / "base", "--out", tmp_path / "made", "--schema", schema, "--dry-run", "--json",
        "--set", "data.dev_share=0", "--set", "data.negatives=0", "--set", "train.epochs=1",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["rows"] == 20
    assert said["data"]["questions"]["used: a candidate"] == 20
