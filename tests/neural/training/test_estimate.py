"""Estimates of memory and time follow the sizes that they are made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from entx.neural.training import estimate
from entx.neural.training.estimate import Passes, activation_bytes, memory_bytes, read_weights
from entx.neural.training.recipe import TrainSettings
from tests.llm_stage.tiny_models import tiny_model

TRAIN = TrainSettings(method="lora", lr=1e-4, epochs=1, batch=2, autocast="bf16")
CONFIG = {"hidden_size": 100, "num_attention_heads": 4, "num_hidden_layers": 10}
PASSES = Passes("bf16", "sdpa", 1000, 500, CONFIG)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights")
    tiny_model("llama").save_pretrained(path)
    return path


def test_weights_are_counted_from_their_headers(folder: Path) -> None:
    weights = read_weights(folder)
    model = tiny_model("llama")
    names = dict(model.named_parameters())
    assert weights.parameters == sum(one.numel() for one in names.values())
    assert weights.embedded == sum(one.numel() for name, one in names.items() if "embed" in name or "lm_head" in name)


def test_activations_by_hand() -> None:
    assert activation_bytes(TRAIN, PASSES) == 10 * 1000 * 34 * 100
    eager = activation_bytes(TRAIN, replace(PASSES, attention="eager"))
    assert eager == 10 * 1000 * (34 * 100 + 5 * 4 * 500)
    again = activation_bytes(TRAIN.model_copy(update={"checkpointing": True}), PASSES)
    assert again == 2 * 1000 * 100 * 10 + 1000 * 34 * 100
    wide = activation_bytes(TRAIN.model_copy(update={"autocast": "none"}), replace(PASSES, load="fp32"))
    assert wide == 2 * activation_bytes(TRAIN, PASSES)


def test_four_bits_and_small_optimizers_save_memory(folder: Path) -> None:
    weights = read_weights(folder)
    nothing = replace(PASSES, tokens=0)
    by_load = {load: memory_bytes(TRAIN, weights, 0, replace(nothing, load=load)) for load in ("fp32", "bf16", "nf4")}
    assert by_load["fp32"] == 4 * weights.parameters == 2 * by_load["bf16"]
    assert by_load["nf4"] == pytest.approx(0.52 * (weights.parameters - weights.embedded) + 2 * weights.embedded)
    plain = memory_bytes(TRAIN, weights, 1000, nothing) - by_load["bf16"]
    small = memory_bytes(TRAIN.model_copy(update={"optimizer": "adamw_8bit"}), weights, 1000, nothing) - by_load["bf16"]
    assert (plain, small) == (12_000, 6_000)


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
