"""DeepSpeed: refused in one line where it is missing; the configuration that TRL is given is valid and whole."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import trl

from entx.core.errors import InputError
from entx.neural import trainer
from entx.vlm_stage.adapters import load_options
from entx.vlm_stage.families.base import LoadOptions
from entx.vlm_stage.families.lookup import family_of
from entx.vlm_stage.recipe import load_recipe
from entx.vlm_stage.train import check_deepspeed, trainer_config
from tests.vlm_stage.tiny_vlms import tiny_vlm


def test_without_deepspeed_the_recipe_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entx.vlm_stage.train.find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        check_deepspeed(load_recipe("qwen2-vl-2b-zero3"))
    assert "pip install deepspeed" in str(caught.value)
    assert "--set deepspeed={}" in str(caught.value)
    assert "\n" not in str(caught.value)
    check_deepspeed(load_recipe("qwen2-vl-2b-zero3", ["deepspeed={}"]))
    check_deepspeed(load_recipe("qwen2-vl-2b"))


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="--nproc-per-node 1"):
        check_deepspeed(load_recipe("qwen2-vl-2b"))
    monkeypatch.setenv("WORLD_SIZE", "1")
    check_deepspeed(load_recipe("qwen2-vl-2b"))


def given(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path) -> dict[str, Any]:
    """What TRL's configuration is made from; the configuration itself would ask for deepspeed."""
    seen: dict[str, Any] = {}

    def config(**options: Any) -> Any:
        seen.update(options)
        return trl.SFTConfig(**{**options, "deepspeed": None})

    monkeypatch.setattr(trainer, "SFTConfig", config)
    trainer_config(load_recipe(name), folder, "transformers", measured=True)
    return seen


def test_the_configuration_that_trl_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = given(monkeypatch, "qwen2-vl-2b-zero3", tmp_path)
    config = json.loads(json.dumps(options["deepspeed"], allow_nan=False))
    assert config == load_recipe("qwen2-vl-2b-zero3").deepspeed
    assert config["zero_optimization"]["stage"] == 3
    assert config["zero_optimization"]["offload_param"] == {"device": "cpu", "pin_memory": True}
    assert config["zero_optimization"]["offload_optimizer"] == {"device": "cpu", "pin_memory": True}
    assert config["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] is True
    for key in ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping"):
        assert config[key] == "auto"  # transformers fills them in from the recipe, so that nothing stands twice
    assert given(monkeypatch, "qwen2-vl-2b", tmp_path)["deepspeed"] is None


def test_the_recipes_values_reach_trl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = given(monkeypatch, "qwen2-vl-2b", tmp_path)
    assert (options["per_device_train_batch_size"], options["gradient_accumulation_steps"]) == (2, 8)
    assert (options["learning_rate"], options["lr_scheduler_type"], options["warmup_steps"]) == (2e-4, "cosine", 0.05)
    assert (options["optim"], options["gradient_checkpointing"]) == ("adamw_8bit", True)
    assert options["max_length"] is None  # image tokens are never cut
    assert options["dataset_kwargs"] == {"skip_prepare_dataset": True}
    assert options["remove_unused_columns"] is False


def test_deepspeed_places_the_weights_itself(tmp_path: Path) -> None:
    """transformers refuses a device map together with ZeRO-3."""
    assert load_options(load_recipe("qwen2-vl-2b-zero3")).device == ""
    assert load_options(load_recipe("qwen2-vl-2b-zero3", ["deepspeed={}"])).device in ("cpu", "cuda")
    folder = tiny_vlm("qwen2_vl", tmp_path)
    loaded = family_of(folder).load(folder, LoadOptions(device=""))
    assert not hasattr(loaded.model, "hf_device_map")
    assert loaded.model.device.type == "cpu"


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="deepspeed is not installed")
def test_transformers_reads_it(tmp_path: Path) -> None:
    config = trainer_config(load_recipe("qwen2-vl-2b-zero3"), tmp_path, "transformers", measured=False)
    assert config.hf_deepspeed_config.is_zero3()
    assert config.hf_deepspeed_config.is_offload()
