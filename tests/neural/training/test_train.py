"""A whole training of each stage through the command: what it makes, what it refuses, what it says beforehand."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from entx.llm_stage.prompt import PROMPT_VERSION
from entx.neural.model_folder import check_model_folder
from entx.neural.training import estimate
from entx.neural.training.stage import Stage
from entx.storage.store import Store
from entx.vlm_stage.prompt import read_serving
from tests.cli.runner import run_entx
from tests.llm_stage.stores import Asked, Shown
from tests.neural.training.inputs import (
    ROOT,
    Inputs,
    draw,
    picture_inputs,
    picture_store,
    record_of,
    sets,
    text_base,
    text_inputs,
    text_store,
    valued,
)
from tests.vlm_stage.tiny_vlms import tiny_vlm

Capture = pytest.CaptureFixture[str]
LORA = ("train.method=lora", "lora.r=4", "lora.alpha=8")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return text_inputs(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return picture_inputs(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(params=["llm", "vlm"])
def inputs(request: pytest.FixtureRequest, text: Inputs, pictures: Inputs) -> Inputs:
    """Of each stage."""
    return text if request.param == "llm" else pictures


def test_a_training_makes_a_whole_described_folder(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "made"
    ended = inputs.train(capsys, out, *(sets("train.epochs=12") if inputs.stage == "llm" else ()))
    assert ended.code == 0, ended.err
    assert "best F1" in ended.out
    assert not (tmp_path / "made.part").exists()
    assert not check_model_folder(out).is_adapter
    names = {file.name for file in out.iterdir()}
    assert {"README.md", "curve.png", "entx.json", "training.json", "tokenizer.json"} <= names
    with Image.open(out / "curve.png") as picture:
        assert picture.size == (800, 500)
    record = record_of(out)
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    assert losses[-1] < (0.75 if inputs.stage == "llm" else 1) * losses[0]
    assert record["stage"] == inputs.stage
    assert record["dev"]["f1"] == max(entry["eval_f1"] for entry in record["history"] if "eval_f1" in entry)
    assert {"torch", "transformers", "trl", "peft"} <= set(record["versions"])
    card = (out / "README.md").read_text()
    pipeline = "text-generation" if inputs.stage == "llm" else "image-text-to-text"
    said = (f"**{record['dev']['f1']:.3f}** at step", record["recipe"]["digest"], f"lr = {record_lr(record)}")
    for part in (*said, "transformers 5", f"pipeline_tag: {pipeline}"):
        assert part in card
    for file in ("README.md", "training.json", "entx.json"):
        assert str(inputs.folder) not in (out / file).read_text()  # no path of the machine that trained it
    if inputs.stage == "llm":
        assert record["data"]["questions"]["used: a candidate"] == 120
        serving = json.loads((out / "entx.json").read_text())
        assert (serving["prompt_version"], serving["style"], serving["budget"]) == (PROMPT_VERSION, "compact", 96)
        return
    assert "preprocessor_config.json" in names
    assert (read_serving(out).form.question, read_serving(out).pixels) == ("{entity_name}?", 12544)
    assert record["data"]["questions"] == {"used: a value": 24, "used: empty": 6}
    assert record["rows"]["image tokens"] == 8 * record["rows"]["visits"]
    assert record["rows"]["pictures found damaged"] == 0
    assert sum(one["questions"] for one in record["by entity"].values()) == record["dev"]["questions"] > 0
    assert "| entity | questions | F1 |" in card


def record_lr(record: dict[str, dict[str, dict[str, dict[str, float]]]]) -> float:
    return record["recipe"]["settings"]["train"]["lr"]


def test_a_lora_adapter_of_a_small_model(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    ended = inputs.train(capsys, tmp_path / "made", *sets(*LORA, "train.max_steps=4"))
    assert ended.code == 0, ended.err
    assert check_model_folder(tmp_path / "made").is_adapter
    assert "--adapter THIS_FOLDER" in (tmp_path / "made" / "README.md").read_text()
    assert record_of(tmp_path / "made")["training"]["steps"] == 4


@pytest.mark.parametrize("scope", ["language", "vision"])
def test_only_the_weights_of_the_scope_are_trained(
    pictures: Inputs, tmp_path: Path, capsys: Capture, scope: str
) -> None:
    out = tmp_path / "made"
    more = sets(f"model.scope={scope}", "train.max_steps=1", "train.warmup=0", "data.dev_share=0")
    assert pictures.train(capsys, out, *more).code == 0
    before, after = load_file(pictures.base / "model.safetensors"), load_file(out / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {name for name in before if abs(before[name] - after[name]).max() > 0}
    vision = {name for name in before if "visual" in name}
    assert changed
    assert changed <= vision if scope == "vision" else not changed & vision
    record = record_of(out)
    assert record["dev"] is None
    assert "by entity" not in record


def test_packing_learns_the_same_tokens_in_fewer_passes(text: Inputs, tmp_path: Path, capsys: Capture) -> None:
    more = sets("train.packing=true", "train.batch=1", "train.epochs=2")
    ended = text.train(capsys, tmp_path / "made", "--json", *more)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    tokens = said["rows"]["prompt tokens"] + said["rows"]["answer tokens"]
    assert tokens / 128 <= said["training"]["steps"] < 1.4 * tokens / 128 < said["rows"]["visits"]


def test_questions_of_a_page_learn_from_one_pass_over_it(text: Inputs, tmp_path: Path, capsys: Capture) -> None:
    rows = {}
    for together in (1, 8):
        more = sets(f"data.together={together}", "train.epochs=12")
        ended = text.train(capsys, tmp_path / f"made{together}", "--json", *more)
        assert ended.code == 0, ended.err
        rows[together] = json.loads(ended.out)["rows"]
    record = record_of(tmp_path / "made8")
    assert rows[8]["answer tokens"] == rows[1]["answer tokens"]
    assert rows[8]["prompt tokens"] < 0.8 * rows[1]["prompt tokens"]
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    assert losses[-1] < 0.75 * losses[0]


def test_it_stops_when_f1_rises_no_more(text: Inputs, tmp_path: Path, capsys: Capture) -> None:
    more = sets("train.lr=1e-9", "train.patience=2", "train.evaluate_every=5")
    ended = text.train(capsys, tmp_path / "made", "--json", *more)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert (said["training"]["steps"], said["dev"]["step"]) == (15, 5)
    assert said["training"]["steps planned"] > 15


def test_a_dry_run_says_everything_and_trains_nothing(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    ended = inputs.train(capsys, tmp_path / "made", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["steps"] == -(-said["rows"] // (4 if inputs.stage == "llm" else 8))
    assert 0 < said["answer_tokens"] < said["tokens"]
    assert said["parameters"] == said["trained"]
    assert said["memory_bytes"] > 16 * said["parameters"]  # weights, gradients and two moments of 4 bytes each
    assert said["seconds"] > 0
    assert said["left_out"] == 0
    assert "timed" in said["basis"]
    assert list(tmp_path.iterdir()) == []
    if inputs.stage == "vlm":
        assert (said["pixels"], said["image_tokens"], said["most_image_tokens"]) == (12544, 8, 8)
        assert said["longest"] >= said["image_tokens"] + said["text_tokens"]
        shown = inputs.train(capsys, tmp_path / "made", "--dry-run").out
        assert "pictures of at most 12,544 pixels: 8 image tokens a row (at most 8)" in shown


def test_a_dry_run_of_an_adapter_counts_its_matrices_and_loads_no_large_model(
    inputs: Inputs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "TIMED_PARAMETERS", 0)

    def plan(*settings: str) -> dict[str, float]:
        return json.loads(inputs.train(capsys, tmp_path / "made", "--dry-run", "--json", *sets(*LORA, *settings)).out)

    named = plan('lora.targets=["q_proj"]')
    assert "parameters x tokens" in str(named["basis"])
    assert named["seconds"] > 0
    assert named["trained"] == (4 if inputs.stage == "llm" else 3) * 4 * (32 + 32)  # layers x r x (inputs + outputs)
    both = plan('lora.targets=["q_proj", "k_proj"]')
    assert both["trained"] > named["trained"]
    if inputs.stage == "vlm":
        scopes = {scope: plan(f"model.scope={scope}")["trained"] for scope in ("all", "language", "vision")}
        assert scopes["all"] == scopes["language"] + scopes["vision"]
        assert 0 < scopes["vision"] < scopes["all"]
        assert plan("model.pixels=3136", "model.max_length=75")["left_out"] > 0
        whole = {scope: plan("train.method=full", f"model.scope={scope}") for scope in ("all", "language", "vision")}
        full = {scope: one["trained"] for scope, one in whole.items()}
        assert scopes["all"] < full["language"] < full["all"] == whole["all"]["parameters"]
        assert full["vision"] < full["all"]


def test_what_does_not_fit_is_told_and_never_tried(
    inputs: Inputs, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "load", lambda *_, **__: pytest.fail("the model was loaded"))
    monkeypatch.setattr(estimate, "available_memory", lambda: 1_000_000)
    ended = inputs.train(capsys, tmp_path / "made", "--dry-run", "--json")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "the training does not fit: it needs about" in ended.err
    assert "nor would single rows with recomputed activations" in ended.err
    said = json.loads(ended.out)
    assert said["memory_bytes"] > said["free_bytes"] == 1_000_000
    assert "parameters x tokens" in said["basis"]
    monkeypatch.setattr(estimate, "available_memory", lambda: said["memory_bytes"] - 1)
    ended = inputs.train(capsys, tmp_path / "made", "--dry-run", *sets("train.accumulation=1"))
    half = 2 if inputs.stage == "llm" else 4
    assert ended.code == 2
    assert f"it would with --set train.batch={half} --set train.accumulation=2" in ended.err
    monkeypatch.undo()
    monkeypatch.setattr(estimate, "available_memory", lambda: said["memory_bytes"] - 1)
    assert inputs.train(capsys, tmp_path / "made", "--dry-run", *sets(f"train.batch={half}")).code == 0


WITHOUT_TORCH = """
import sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "trl", "peft", "tokenizers")))
from entx.cli.app import main
main()
"""


def test_a_plan_for_a_gpu_needs_no_model_and_no_torch(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    recipe = {"llm": "gemma2-9b", "vlm": "qwen2-vl-2b"}[inputs.stage]
    common = ["--stage", inputs.stage, "--recipe", recipe, "--store", inputs.store, "--out", tmp_path / "made"]
    asked = ["train", *common, "--dry-run", "--json", "--gpu", "L4", "--price", "0.8"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, asked)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "a plan from the published size of" in done.stderr
    said = json.loads(done.stdout)
    assert said["device"] == "L4"
    assert 7 * said["seconds"] < said["most_seconds"] < 9 * said["seconds"]
    assert said["cost"] == [round(0.8 * said[name] / 3600, 2) for name in ("seconds", "most_seconds")]
    assert said["rows"] > 20
    assert 0 < said["answer_tokens"] < said["tokens"]
    assert said["trained"] == {"llm": 54_018_048, "vlm": 29_220_864}[inputs.stage]
    full = run_entx(capsys, "train", *common, "--dry-run", "--gpu", "T4", *sets("train.batch=4096"))
    assert (full.code, "does not fit" in full.err, "--set train.batch=" in full.err) == (2, True, True)
    for more, words in (
        (["--dry-run", "--gpu", "L5"], "--gpu L5: known are T4, "),
        (["--dry-run", "--gpu", "L4", *sets("model.hub=some/thing")], "the size of some/thing is not known here"),
        (["--gpu", "L4"], "--gpu goes with --dry-run"),
        (["--dry-run", "--price", "1"], "--price with --gpu"),
    ):
        ended = run_entx(capsys, "train", *common, *more)
        assert (ended.code, words in ended.err) == (2, True), ended.err


def test_a_full_disk_is_one_line_and_leaves_no_model(text: Inputs, tmp_path: Path, capsys: Capture) -> None:
    """A limit on the size of files stands for the disk; room made, the same command goes on."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        ended = text.train(capsys, tmp_path / "made", *sets("train.epochs=1"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert ended.code == 2
    assert "the checkpoint cannot be written" in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "made").exists()
    assert text.train(capsys, tmp_path / "made", *sets("train.epochs=1")).code == 0


WRONG = [
    *[(stage, *one) for stage in ("llm", "vlm") for one in [
        (sets("train.lr=0", "model.x=1"), "train.lr must be greater than 0"),
        (sets("train.lr=1e30", "train.max_grad_norm=0"), "lower train.lr"),
        (sets(*LORA, 'lora.targets=["wo"]'), "no layers named wo"),
        (sets('data.sources={"*" = 0}'), "no rows to train on: "),
        ([*sets('data.sources={"*" = 0}'), "--dry-run"], "dropped: weight 0"),
        (["--stage", "sound"], "this version trains: llm, vlm"),
        (["--stage", "rules", "--recipe", "x"], "this version trains: llm, vlm"),
    ]],
    ("llm", sets("data.hint_run=nobody"), "no run 'nobody'"),
    ("llm", sets("model.style=plain"), "no chat template"),
    ("llm", ["--recipe", "qwen2-vl-2b"], "train it by --stage vlm"),
    ("vlm", ["--recipe", "gemma2-9b"], "train it by --stage llm"),
    ("vlm", sets("model.max_length=40"), "left out: more tokens than model.max_length"),
    ("vlm", [*sets("model.max_length=40"), "--dry-run"], "left out: more tokens than model.max_length"),
    ("vlm", [*sets("data.negatives=0.2"), "--engine", "none"], "holds no pages of none"),
    ("vlm", sets("deepspeed={zero_optimization={stage=3}}"), "pip install deepspeed"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "more", "said"), WRONG)
def test_wrong_input_is_one_line(
    text: Inputs, pictures: Inputs, tmp_path: Path, capsys: Capture, stage: str, more: list[str], said: str
) -> None:
    ended = (text if stage == "llm" else pictures).train(capsys, tmp_path / "made", *more)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "made").exists()


def test_models_that_are_missing_or_not_safe_are_refused(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "pytorch_model.bin").write_bytes(b"")
    ended = inputs.train(capsys, tmp_path / "made", "--model", pickled)
    assert (ended.code, "refused before loading" in ended.err, "may hold pickled code" in ended.err) == (2, True, True)
    recipe, hub = {"llm": ("gemma2-9b", "google/gemma-2-9b-it"), "vlm": ("qwen2-vl-2b", "Qwen/Qwen2-VL-2B-Instruct")}[
        inputs.stage
    ]
    common = ("--stage", inputs.stage, "--store", inputs.store, "--out", tmp_path / "made")
    ended = run_entx(capsys, "train", "--recipe", recipe, *common)
    assert (ended.code, f"hf download {hub}" in ended.err) == (2, True)


def test_gptq_weights_are_not_trained(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    packed = Path(shutil.copytree(inputs.base, tmp_path / "packed"))
    config = json.loads((packed / "config.json").read_text())
    (packed / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    ended = inputs.train(capsys, tmp_path / "made", "--model", packed)
    assert (ended.code, "neither trained nor merged into; take the model as published" in ended.err) == (2, True)
    assert len(ended.err.splitlines()) == 1


def test_the_best_weights_are_kept_whatever_their_names(pictures: Inputs, tmp_path: Path, capsys: Capture) -> None:
    """F1 is nothing at every measurement, so the first is the best; a model folder names weights as no module does."""
    same = ("train.scheduler=constant", "train.warmup=0", "train.evaluate_every=2", "train.lr=1e-4", "train.patience=0")
    for name, steps in (("short", 2), ("long", 6)):
        ended = pictures.train(
            capsys, tmp_path / name, *sets(*same, f"train.max_steps={steps}", "train.group_by_length=false")
        )
        assert ended.code == 0, ended.err
        assert (record_of(tmp_path / name)["dev"]["f1"], record_of(tmp_path / name)["dev"]["step"]) == (0, 2)
    short, long, base = (
        load_file(path / "model.safetensors") for path in (tmp_path / "short", tmp_path / "long", pictures.base)
    )
    assert all(torch.equal(short[name], long[name]) for name in short)
    assert any((short[name] != base[name]).any() for name in short)


def test_float16_is_trained_on_a_gpu_only(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    ended = inputs.train(capsys, tmp_path / "made", *sets("train.autocast=fp16"))
    assert (ended.code, 'a CPU takes "bf16" or "none"' in ended.err) == (2, True)
    ended = inputs.train(capsys, tmp_path / "made", *sets("model.load=fp16"))
    assert (ended.code, 'learns nothing small in float16: model.load = "fp32"' in ended.err) == (2, True)


def test_an_adapter_beside_float16_weights_learns_in_float32(inputs: Inputs, tmp_path: Path, capsys: Capture) -> None:
    more = sets(*LORA, "model.load=fp16", "train.max_steps=2", "train.lr=1e-3", "train.autocast=none")
    assert inputs.train(capsys, tmp_path / "made", "--dry-run", *more).code == 0
    ended = inputs.train(capsys, tmp_path / "made", *more)
    assert ended.code == 0, ended.err
    weights = load_file(tmp_path / "made" / "adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert all(value.isfinite().all() for value in weights.values())
    assert any(value.abs().max() > 0 for name, value in weights.items() if "lora_B" in name)


def test_folders_that_are_no_vision_model_are_refused(pictures: Inputs, tmp_path: Path, capsys: Capture) -> None:
    coded, out = tiny_vlm("qwen2_vl", tmp_path / "coded"), tmp_path / "made"
    config = json.loads((coded / "config.json").read_text())
    (coded / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling.Model"}}))
    ended = pictures.train(capsys, out, "--model", coded)
    assert (ended.code, "asks for code of its own" in ended.err) == (2, True)
    ended = pictures.train(capsys, out, "--model", text_base(tmp_path / "text"))
    assert (ended.code, "no vision-language model that entx knows" in ended.err) == (2, True)
    ended = run_entx(capsys, *pictures.arguments[:-2], "--out", out)
    assert (ended.code, "give its folder with --model" in ended.err) == (2, True)


def test_negatives_need_pages_and_a_store_without_is_told(pictures: Inputs, tmp_path: Path, capsys: Capture) -> None:
    ended = pictures.train(capsys, tmp_path / "made", "--dry-run", *sets("data.negatives=0.3"))
    assert ended.code == 0
    assert "no OCR pages to find negatives by" in ended.err


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_store_without_pictures_or_labels_is_refused(
    pictures: Inputs, tmp_path: Path, capsys: Capture, more: tuple[str, ...]
) -> None:
    store = picture_store(tmp_path / "none.duckdb", valued(4), draw(tmp_path / "nothing", []))
    ended = pictures.train(capsys, tmp_path / "made", "--store", store, *more)
    assert (ended.code, "no rows to train on: 4 dropped: no picture" in ended.err) == (2, True)
    assert "dropped: no picture" in ended.out
    with Store(tmp_path / "bare.duckdb", write=True):
        pass
    ended = pictures.train(capsys, tmp_path / "made", "--store", tmp_path / "bare.duckdb", *more)
    assert (ended.code, "no rows to train on: the store has no labelled questions" in ended.err) == (2, True)


def test_a_new_entity_by_schema_reaches_the_rows(text: Inputs, tmp_path: Path, capsys: Capture) -> None:
    schema = tmp_path / "noise.toml"
    schema.write_text('[entity.noise]\nkind = "sound level"\nunits = ["dB"]\n')
    shown = [Shown([f"Noise {n} dB"], [Asked("noise", f"{n} dB", group_id="")]) for n in range(10, 30)]
    store = text_store(tmp_path / "n.duckdb", shown)
    ended = text.train(
        capsys, tmp_path / "made", "--store", store, "--schema", schema, "--dry-run", "--json",
        *sets("data.dev_share=0", "data.negatives=0", "train.epochs=1"),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["rows"] == 20
    assert said["data"]["questions"]["used: a candidate"] == 20
