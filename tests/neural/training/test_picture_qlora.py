"""The big recipes' own settings on tiny models of their architectures: a step, a measurement, a whole adapter."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from safetensors.torch import load_file

from entx.core.settings import find_recipe
from entx.vlm_stage.serving import read_serving
from tests.vlm_stage.tiny_vlms import tiny_vlm
from tests.vlm_stage.training import Drawn, entx, make_store, valued

CHANGED = (
    "data.dev_share=0.2", "train.dev_rows=2", "train.max_steps=1", "train.accumulation=2", "train.warmup=0",
)  # fmt: skip
"""What is changed of every recipe: how long it trains."""
BASES = {
    "qwen2-vl-2b": ("qwen2_vl", ("model.max_length=512",)),  # the tiny tokenizer has one token a letter
    "qwen2-vl-2b-zero3": ("qwen2_vl", ("model.max_length=512", "deepspeed={}")),
    "paligemma-3b": ("paligemma", ()),
    "qwen2.5-vl-3b": ("qwen2_5_vl", ("data.negatives=0",)),
}
WIDE = {"qwen2_vl": 64, "qwen2_5_vl": 64, "paligemma": 128}
"""Whole blocks of weights, which bitsandbytes needs on CPUs with AVX512-BF16."""


@pytest.fixture(scope="module", params=list(BASES))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    """Recipe, a folder with base, store and adapter, and what the training said on stderr."""
    name = str(request.param)
    kind, more = BASES[name]
    folder = tmp_path_factory.mktemp(name)
    tiny_vlm(kind, folder / "base", hidden=WIDE[kind], layers=2)
    drawn = valued(20) + valued(6, "volt", "voltage") + [Drawn(f"e{n}.png", f"X{n}", "wattage", "") for n in range(6)]
    make_store(folder / "s.duckdb", drawn)
    arguments = ["train", "--stage", "vlm", "--recipe", name, "--store", folder / "s.duckdb"]
    arguments += ["--model", folder / "base", "--out", folder / "adapter"]
    for one in (*CHANGED, *more):
        arguments += ["--set", one]
    return name, folder, entx(*arguments)


def test_the_recipe_trains_by_its_own_settings(trained: tuple[str, Path, str]) -> None:
    name, folder, errors = trained
    record = json.loads((folder / "adapter" / "training.json").read_text())
    settings = record["recipe"]["settings"]
    assert f'hub = "{settings["model"]["hub"]}"' in find_recipe(name).text
    assert settings["model"]["load"] == ("bf16" if name == "qwen2-vl-2b-zero3" else "nf4")
    assert record["training"]["steps"] == 1
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    assert losses
    assert all(map(math.isfinite, losses))
    assert record["dev"]["questions"] == 2
    assert ("unsloth cannot be used here" in errors) == (settings["train"]["backend"] == "unsloth")
    assert record["training"]["backend"] == "transformers"


def test_the_adapter_has_the_rank_and_the_layers_of_the_recipe(trained: tuple[str, Path, str]) -> None:
    name, folder, _ = trained
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert config["r"] == (8 if name == "paligemma-3b" else 16)
    weights = load_file(folder / "adapter" / "adapter_model.safetensors")
    second = {key: value for key, value in weights.items() if "lora_B" in key}
    assert all(abs(value).max() > 0 for value in second.values())  # they start at exactly 0
    for target in ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"):
        assert any("language_model" in key and target in key for key in second), target
    seen = any("visual" in key or "vision" in key for key in second)
    assert seen == (name == "qwen2-vl-2b")  # the only one that trains vision layers too


def test_it_is_served_as_it_was_trained(trained: tuple[str, Path, str]) -> None:
    name, folder, _ = trained
    serving = read_serving(folder / "adapter")
    settings = json.loads((folder / "adapter" / "training.json").read_text())["recipe"]["settings"]
    assert serving.pixels == settings["model"]["pixels"]
    assert serving.form.question == settings["prompt"]["question"]
    assert serving.form.decimal_point == (name in ("qwen2-vl-2b", "paligemma-3b"))
    assert serving.calibration is None


def test_system_2_trains_the_language_part_alone(tmp_path: Path) -> None:
    base = tiny_vlm("smolvlm", tmp_path / "base")
    make_store(tmp_path / "s.duckdb", valued(20))
    arguments = ["train", "--stage", "vlm", "--recipe", "moondream2", "--store", tmp_path / "s.duckdb", "--quiet"]
    arguments += ["--model", base, "--out", tmp_path / "made"]
    for one in (*CHANGED, "train.batch=16"):
        arguments += ["--set", one]
    entx(*arguments)
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "made"))
    changed = {name for name in before if abs(before[name] - after[name]).max() > 0}
    assert any("text_model" in name for name in changed)
    assert not any("vision" in name for name in changed)
    serving = read_serving(tmp_path / "made")
    assert (serving.form.empty, serving.form.decimal_point) == ("blank", True)
