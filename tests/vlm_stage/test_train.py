"""A whole training on pictures through the command: what it makes, what it refuses, what it says beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from entx.neural import estimate
from entx.neural.model_folder import check_model_folder
from entx.storage.store import Store
from entx.vlm_stage.prompt import read_serving
from tests.cli.runner import Ended, run_entx
from tests.llm_stage.training import make_base
from tests.vlm_stage.tiny_vlms import tiny_vlm
from tests.vlm_stage.training import Drawn, draw, make_recipe, make_store, valued


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with store, recipe and base model."""
    folder = tmp_path_factory.mktemp("inputs")
    drawn = valued(24) + [Drawn(f"empty{n}.png", f"X{n}", "voltage", "") for n in range(6)]
    make_store(folder / "s.duckdb", drawn)
    make_recipe(folder / "tiny.toml")
    tiny_vlm("qwen2_vl", folder / "base")
    return folder


def train(capsys: pytest.CaptureFixture[str], inputs: Path, out: Path, *more: object) -> Ended:
    return run_entx(
        capsys, "train", "--stage", "vlm", "--recipe", inputs / "tiny.toml", "--store", inputs / "s.duckdb", "--model",
        inputs / "base", "--out", out, *more,
    )  # fmt: skip


def test_a_training_makes_a_whole_described_folder(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made"
    ended = train(capsys, inputs, out)
    assert ended.code == 0, ended.err
    assert "best F1" in ended.out
    assert not (tmp_path / "made.part").exists()
    assert not check_model_folder(out).is_adapter
    assert {
        "README.md", "curve.png", "entx.json", "training.json", "tokenizer.json", "preprocessor_config.json",
    } <= {file.name for file in out.iterdir()}  # fmt: skip
    serving = read_serving(out)
    assert (serving.form.question, serving.pixels) == ("{entity_name}?", 12544)
    record = json.loads((out / "training.json").read_text())
    assert record["data"]["questions"] == {"used: a value": 24, "used: empty": 6}
    assert record["rows"]["image tokens"] == 8 * record["rows"]["visits"]
    assert record["rows"]["pictures found damaged"] == 0
    table = record["by entity"]
    assert sum(one["questions"] for one in table.values()) == record["dev"]["questions"] > 0
    assert {"torch", "transformers", "trl", "peft"} <= set(record["versions"])
    card = (out / "README.md").read_text()
    for part in ("| entity | questions | F1 |", "pipeline_tag: image-text-to-text", record["recipe"]["digest"]):
        assert part in card
    for text in (card, (out / "training.json").read_text(), (out / "entx.json").read_text()):
        assert str(inputs) not in text  # no path of the machine that trained it
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("scope", ["language", "vision"])
def test_only_the_weights_of_the_scope_are_trained(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], scope: str
) -> None:
    from safetensors.torch import load_file

    out = tmp_path / "made"
    more = ["--set", f"model.scope={scope}", "--set", "train.max_steps=1", "--set", "train.warmup=0",
            "--set", "data.dev_share=0"]  # fmt: skip
    assert train(capsys, inputs, out, *more).code == 0
    before, after = load_file(inputs / "base" / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if abs(before[name] - after[name]).max() > 0}
    vision = {name for name in before if "visual" in name}
    assert changed
    assert changed <= vision if scope == "vision" else not changed & vision
    record = json.loads((out / "training.json").read_text())
    assert record["dev"] is None
    assert "by entity" not in record


def test_a_dry_run_says_everything_and_trains_nothing(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = train(capsys, inputs, tmp_path / "made", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["steps"] == -(-said["rows"] // 8)
    assert (said["pixels"], said["image_tokens"], said["most_image_tokens"], said["left_out"]) == (12544, 8, 8, 0)
    assert 0 < said["answer_tokens"] < said["tokens"]
    assert said["longest"] >= said["image_tokens"] + said["text_tokens"]
    assert said["parameters"] == said["trained"]
    assert said["memory_bytes"] > 16 * said["parameters"]
    assert "timed" in said["basis"]
    assert list(tmp_path.iterdir()) == []
    shown = train(capsys, inputs, tmp_path / "made", "--dry-run").out
    assert "pictures of at most 12,544 pixels: 8 image tokens a row (at most 8)" in shown


def test_a_dry_run_of_an_adapter_counts_its_matrices_and_loads_no_large_model(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "TIMED_PARAMETERS", 0)
    more = ["--set", "train.method=lora", "--set", "lora.r=4", "--set", "lora.alpha=8"]

    def plan(*settings: str) -> dict[str, float]:
        arguments = [part for one in settings for part in ("--set", one)]
        return json.loads(train(capsys, inputs, tmp_path / "made", "--dry-run", "--json", *more, *arguments).out)

    named = plan('lora.targets=["q_proj"]')
    assert "parameters x tokens" in str(named["basis"])
    assert named["trained"] == 3 * 4 * (32 + 32)  # layers x r x (inputs + outputs)
    scopes = {scope: plan(f"model.scope={scope}")["trained"] for scope in ("all", "language", "vision")}
    assert scopes["all"] == scopes["language"] + scopes["vision"]
    assert 0 < scopes["vision"] < scopes["all"]
    assert plan("model.pixels=3136", "model.max_length=64")["left_out"] > 0
    full = {scope: plan("train.method=full", f"model.scope={scope}")["trained"] for scope in ("all", "language")}
    assert scopes["all"] < full["language"] < full["all"]


def test_negatives_need_pages_and_a_store_without_is_told(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = train(capsys, inputs, tmp_path / "made", "--dry-run", "--set", "data.negatives=0.3")
    assert ended.code == 0
    assert "no OCR pages to find negatives by" in ended.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "train.lr=0", "--set", "model.x=1"], "train.lr must be greater than 0"),
        (["--set", 'data.sources={"*" = 0}'], "no rows to train on"),
        (["--set", "model.max_length=40"], "no rows to train on"),
        (["--set", "data.negatives=0.2", "--engine", "none"], "holds no pages of none"),
        (["--set", "train.method=lora", "--set", "lora.r=1", "--set", "lora.alpha=1", "--set", 'lora.targets=["wo"]'],
         "no layers named wo"),
        (["--set", "deepspeed={zero_optimization={stage=3}}"], "pip install deepspeed"),
        (["--stage", "sound"], "this version trains: llm, vlm"),
        (["--recipe", "gemma2-9b"], "train it by --stage llm"),
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


def test_folders_that_are_no_safe_vision_model_are_refused(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("--stage", "vlm", "--recipe", inputs / "tiny.toml", "--store", inputs / "s.duckdb", "--out",
              tmp_path / "made")  # fmt: skip
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"")
    ended = run_entx(capsys, "train", *common, "--model", tmp_path / "pickled")
    assert (ended.code, "may hold pickled code" in ended.err) == (2, True)
    coded = tmp_path / "coded"
    tiny_vlm("qwen2_vl", coded)
    config = json.loads((coded / "config.json").read_text())
    (coded / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling.Model"}}))
    ended = run_entx(capsys, "train", *common, "--model", coded)
    assert (ended.code, "asks for code of its own" in ended.err) == (2, True)
    ended = run_entx(capsys, "train", *common, "--model", coded, "--set", "model.remote_code=main")
    assert (ended.code, "no commit of 40" in ended.err) == (2, True)
    ended = run_entx(capsys, "train", *common, "--model", make_base(tmp_path / "text"))
    assert (ended.code, "no vision-language model that entx knows" in ended.err) == (2, True)
    ended = run_entx(capsys, "train", *common)
    assert (ended.code, "give its folder with --model" in ended.err) == (2, True)
    hub = ("--stage", "vlm", "--recipe", "qwen2-vl-2b", "--store", inputs / "s.duckdb", "--out", tmp_path / "made")
    ended = run_entx(capsys, "train", *hub)
    assert (ended.code, "hf download Qwen/Qwen2-VL-2B-Instruct" in ended.err) == (2, True)


def test_a_store_without_pictures_or_labels_is_refused(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = valued(4)
    empty = tmp_path / "nothing"
    draw(empty, [])
    make_store(tmp_path / "none.duckdb", drawn, empty)
    ended = train(capsys, inputs, tmp_path / "made", "--store", tmp_path / "none.duckdb")
    assert (ended.code, "no rows to train on" in ended.err) == (2, True)
    assert "dropped: no picture" in ended.out
    with Store(tmp_path / "bare.duckdb", write=True):
        pass
    ended = train(capsys, inputs, tmp_path / "made", "--store", tmp_path / "bare.duckdb")
    assert (ended.code, "no rows to train on" in ended.err) == (2, True)
