"""Estimates of memory and time follow the sizes that they are made from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from entx.core.entities import CHALLENGE
from entx.llm_stage.data import TextRecipe
from entx.llm_stage.training import TextStage
from entx.neural.model_folder import ModelFolder, check_model_folder
from entx.neural.training import estimate
from entx.neural.training.estimate import (
    Parameters,
    Passes,
    activation_bytes,
    count_parameters,
    empty_model,
    memory_bytes,
)
from entx.neural.training.recipe import TrainSettings, load_recipe
from tests.llm_stage.tiny_models import tiny_model

TRAIN = TrainSettings(method="lora", lr=1e-4, epochs=1, batch=2, autocast="bf16")
CONFIG = {"hidden_size": 100, "num_attention_heads": 4, "num_hidden_layers": 10}
PASSES = Passes("bf16", "sdpa", 1000, 500, CONFIG)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    path = tmp_path_factory.mktemp("weights")
    tiny_model("llama").save_pretrained(path)
    return check_model_folder(path)


def parameters(folder: ModelFolder, *settings: str) -> Parameters:
    recipe = load_recipe(TextRecipe, "entx-small", settings)
    stage = TextStage(recipe, "entx-small", folder, CHALLENGE)
    return count_parameters(stage, empty_model(stage))


def test_parameters_are_counted_without_weights(folder: ModelFolder) -> None:
    names = {name: one.numel() for name, one in tiny_model("llama").named_parameters()}
    whole = parameters(folder)
    assert whole.all == whole.trained == sum(names.values())
    assert whole.embedded == sum(size for name, size in names.items() if "embed" in name or "lm_head" in name)
    lora = ("train.method=lora", "lora.r=8", "lora.alpha=1")
    assert parameters(folder, *lora, 'lora.targets=["q_proj"]').trained == 4 * 8 * (32 + 32)
    both = parameters(folder, *lora, 'lora.targets=["k_proj", "q_proj"]')
    assert (both.all, both.trained) == (whole.all, 4 * 8 * (32 + 32 + 32 + 16))


def test_activations_by_hand() -> None:
    assert activation_bytes(TRAIN, PASSES) == 10 * 1000 * 34 * 100
    eager = activation_bytes(TRAIN, replace(PASSES, attention="eager"))
    assert eager == 10 * 1000 * (34 * 100 + 5 * 4 * 500)
    again = activation_bytes(TRAIN.model_copy(update={"checkpointing": True}), PASSES)
    assert again == 2 * 1000 * 100 * 10 + 1000 * 34 * 100
    wide = activation_bytes(TRAIN.model_copy(update={"autocast": "none"}), replace(PASSES, load="fp32"))
    assert wide == 2 * activation_bytes(TRAIN, PASSES)


def test_four_bits_and_small_optimizers_save_memory() -> None:
    frozen, nothing = Parameters(10_000, 2_000, 0), replace(PASSES, tokens=0)
    by_load = {load: memory_bytes(TRAIN, frozen, replace(nothing, load=load)) for load in ("fp32", "bf16", "nf4")}
    assert by_load["fp32"] == 4 * frozen.all == 2 * by_load["bf16"]
    assert by_load["nf4"] == pytest.approx(0.52 * (frozen.all - frozen.embedded) + 2 * frozen.embedded)
    learnt, small = replace(frozen, trained=1000), TRAIN.model_copy(update={"optimizer": "adamw_8bit"})
    assert memory_bytes(TRAIN, learnt, nothing) - by_load["bf16"] == 12_000
    assert memory_bytes(small, learnt, nothing) - by_load["bf16"] == 6_000
    two = memory_bytes(TRAIN, frozen, PASSES, PASSES) - by_load["bf16"]
    assert two == 2 * activation_bytes(TRAIN, PASSES)


def test_a_pass_is_timed_and_leaves_no_gradient() -> None:
    model = tiny_model("llama")
    tokens = torch.arange(12)[None]
    seconds = estimate.timed_pass(model, TRAIN, lambda: model(input_ids=tokens).logits.float().mean())
    assert 0 < seconds < 20
    assert all(one.grad is None for one in model.parameters())


def test_computed_time_grows_with_parameters_and_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_flops_per_second", lambda: 1e9)
    assert estimate.computed_seconds(TRAIN, 1_000_000, 1000) == 4.0
    assert estimate.computed_seconds(TRAIN.model_copy(update={"method": "full"}), 1_000_000, 1000) == 6.0
    assert estimate.computed_seconds(TRAIN.model_copy(update={"checkpointing": True}), 2_000_000, 1000) == 12.0
