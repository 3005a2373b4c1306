"""The big recipes' own settings on tiny models of their architectures: a step, a measurement, an adapter, a merge."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from entx.core.settings import find_recipe
from entx.vlm_stage.prompt import read_serving
from tests.neural.training.inputs import (
    Drawn,
    entx,
    labels,
    merge_unchanged,
    picture_store,
    record_of,
    refuse_merges,
    sets,
    text_base,
    text_store,
    valued,
)
from tests.vlm_stage.tiny_vlms import tiny_vlm

CHANGED = ("data.dev_share=0.2", "train.dev_rows=2", "train.max_steps=1", "train.warmup=0")
"""What is changed of every recipe: how long it trains."""
LONG = ("model.budget=1100", "model.max_length=1300")
TEXT = {"gemma2-9b": "gemma2", "mistral-nemo-12b": "mistral"}
PICTURES = {
    "qwen2-vl-2b": ("qwen2_vl", ("model.max_length=512",)),  # the tiny tokenizer has one token a letter
    "qwen2-vl-2b-zero3": ("qwen2_vl", ("model.max_length=512", "deepspeed={}")),
    "paligemma-3b": ("paligemma", ()),
    "qwen2.5-vl-3b": ("qwen2_5_vl", ("data.negatives=0",)),
}
WIDE = {
    "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 8, "num_key_value_heads": 4,
    "num_hidden_layers": 2,
}  # fmt: skip
"""Whole blocks of 64 weights, which bitsandbytes needs on CPUs with AVX512-BF16."""
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Trained:
    """A recipe, a folder with base, store and adapter, and what the training said on stderr."""

    name: str
    folder: Path
    errors: str

    @property
    def record(self) -> dict[str, Any]:
        return record_of(self.folder / "adapter")

    @property
    def settings(self) -> dict[str, Any]:
        return self.record["recipe"]["settings"]

    def moved(self) -> dict[str, Any]:
        """The second matrices of the adapter, which start at exactly 0."""
        weights = load_file(self.folder / "adapter" / "adapter_model.safetensors")
        return {key: value for key, value in weights.items() if "lora_B" in key}


def make(name: str, folder: Path) -> Trained:
    if name in TEXT:
        stage, more = "llm", LONG
        text_base(folder / "base", TEXT[name], chat=True, **WIDE)
        text_store(folder / "s.duckdb", labels(24))
    else:
        stage, (kind, more) = "vlm", PICTURES[name]
        tiny_vlm(kind, folder / "base", hidden=128 if kind == "paligemma" else 64, layers=2)
        empty = [Drawn(f"e{n}.png", f"X{n}", "wattage", "") for n in range(6)]
        picture_store(folder / "s.duckdb", valued(20) + valued(6, "volt", "voltage") + empty)
        more = ("train.accumulation=2", *more)
    model, store = folder / "base", folder / "s.duckdb"
    arguments = ["train", "--stage", stage, "--recipe", name, "--store", store, "--model", model]
    return Trained(name, folder, entx(*arguments, "--out", folder / "adapter", *sets(*CHANGED, *more)))


@pytest.fixture(scope="module", params=[*TEXT, *PICTURES])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return make(request.param, tmp_path_factory.mktemp(request.param))


def test_the_recipe_trains_by_its_own_settings(trained: Trained) -> None:
    settings = trained.settings
    assert f'hub = "{settings["model"]["hub"]}"' in find_recipe(trained.name).text
    assert settings["model"]["load"] == ("bf16" if trained.name == "qwen2-vl-2b-zero3" else "nf4")
    assert trained.name not in TEXT or settings["train"]["optimizer"] == "adamw_8bit"
    assert trained.record["training"]["steps"] == 1
    losses = [entry["loss"] for entry in trained.record["history"] if "loss" in entry]
    assert losses
    assert all(map(math.isfinite, losses))
    assert trained.record["dev"]["questions"] == 2
    assert ("unsloth cannot be used here" in trained.errors) == (settings["train"]["backend"] == "unsloth")
    assert trained.record["training"]["backend"] == "transformers"


def test_the_adapter_has_the_rank_and_every_layer_of_the_recipe_and_has_moved(trained: Trained) -> None:
    config = json.loads((trained.folder / "adapter" / "adapter_config.json").read_text())
    assert config["r"] == (8 if trained.name == "paligemma-3b" else 16)
    assert str(trained.folder) not in json.dumps(config)  # no path of the machine that trained it
    moved = trained.moved()
    assert all(abs(value).max() > 0 for value in moved.values())
    for target in TARGETS:
        found = [key for key in moved if f"{target}." in key and (trained.name in TEXT or "language_model" in key)]
        assert len(found) == 2, target  # layers
    seen = any("visual" in key or "vision" in key for key in moved)
    assert seen == (trained.name == "qwen2-vl-2b")  # the only one that trains vision layers too


def test_it_is_served_as_it_was_trained(trained: Trained) -> None:
    settings = trained.settings
    serving = json.loads((trained.folder / "adapter" / "entx.json").read_text())
    if trained.name in TEXT:
        assert (serving["style"], serving["budget"]) == (settings["model"]["style"], settings["model"]["budget"])
        return
    read = read_serving(trained.folder / "adapter")
    assert read.pixels == settings["model"]["pixels"]
    assert read.form.question == settings["prompt"]["question"]
    assert read.form.decimal_point == (trained.name in ("qwen2-vl-2b", "paligemma-3b"))
    assert read.calibration is None


@pytest.mark.parametrize("trained", TEXT, indirect=True)  # test_learns merges a vision model
def test_the_merge_keeps_the_answers_and_is_whole(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merged, base = merge_unchanged(capsys, trained.folder, tmp_path / "merged", 4)
    assert {name for name in base if abs(merged[name] - base[name]).max() > 0} == {
        name for name in base if "_proj" in name
    }


@pytest.mark.parametrize("trained", TEXT, indirect=True)  # test_learns merges a vision model
def test_spoilt_weights_another_base_and_what_is_no_adapter_are_not_merged(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = text_base(tmp_path / "other", "llama", chat=True)
    refuse_merges(capsys, trained.folder, tmp_path / "merged", other, monkeypatch, 8)


def test_system_2_trains_the_language_part_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tiny_vlm("moondream1", tmp_path / "base", hidden=64, layers=2)
    store = picture_store(tmp_path / "s.duckdb", valued(20))
    arguments = ["train", "--stage", "vlm", "--recipe", "moondream2", "--store", store, "--quiet", "--model", base]
    entx(*arguments, "--out", tmp_path / "made", *sets(*CHANGED))
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "made"))
    assert before.keys() == after.keys()
    changed = {name for name in before if abs(before[name] - after[name]).max() > 0}
    assert any("text_model" in name for name in changed)
    assert not any("vision" in name for name in changed)
    serving = read_serving(tmp_path / "made")
    assert (serving.form.empty, serving.form.decimal_point) == ("blank", True)
    qlora = ("train.method=lora", "model.load=nf4", "lora.r=16", "lora.alpha=32", "train.lr=2e-4")
    entx(*arguments, "--out", tmp_path / "adapter", *sets(*CHANGED, *qlora))
    merged, base_weights = merge_unchanged(capsys, tmp_path, tmp_path / "merged", 4)
    moved = {name for name in base_weights if abs(merged[name] - base_weights[name]).max() > 0}
    assert moved == {
        name for name in base_weights
        if name.startswith("text_model.transformer.h.") and name.endswith("weight") and ".ln." not in name
    }  # fmt: skip
