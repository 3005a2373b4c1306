"""LoRA targets by name, and what is no adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import get_peft_model
from torch import nn

from entx.core.errors import InputError
from entx.neural.training.adapters import Guard, adapter_record, lora_config
from entx.neural.training.recipe import LINEAR_LAYERS, LoraSettings
from tests.llm_stage.tiny_models import tiny_model

LORA = LoraSettings(r=2, alpha=4, dropout=0.5)


class TwoTowers(nn.Module):
    """Layers of one name in two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.eyes = nn.ModuleDict({"q_proj": nn.Linear(4, 4)})
        self.words = nn.ModuleDict({"q_proj": nn.Linear(4, 4), "v_proj": nn.Linear(4, 4)})
        self.config = {"model_type": "two"}


def adapted(*targets: str) -> set[str]:
    config = lora_config(TwoTowers(), LORA, targets)
    config.task_type = None
    model = get_peft_model(TwoTowers(), config)
    return {name.split(".lora_A")[0].removeprefix("base_model.model.") for name, one in model.named_parameters()
            if one.requires_grad and "lora_A" in name}  # fmt: skip


def test_a_layers_own_name_means_all_of_that_name_and_a_full_one_means_one() -> None:
    assert adapted("q_proj") == {"eyes.q_proj", "words.q_proj"}
    assert adapted("words.q_proj", "words.v_proj") == {"words.q_proj", "words.v_proj"}


def test_the_settings_reach_the_library() -> None:
    config = lora_config(TwoTowers(), LORA, ["words.q_proj"])
    assert set(config.target_modules) == {"words.q_proj"}
    assert (config.r, config.lora_alpha, config.lora_dropout) == (2, 4, 0.5)


@pytest.mark.parametrize("targets", [("k_proj",), ("proj",), ("eyes.v_proj", "q_proj")])
def test_layers_that_are_not_there_are_named(targets: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        lora_config(TwoTowers(), LORA, targets)
    assert targets[0] in str(caught.value)
    assert not str(caught.value).endswith("q_proj")


def test_the_default_targets_are_those_of_a_llama() -> None:
    model = tiny_model("llama")
    config = lora_config(model, LORA, LINEAR_LAYERS)
    made = get_peft_model(model, config)
    changed = {name.split(".lora_")[0].rpartition(".")[2] for name, one in made.named_parameters() if one.requires_grad}
    assert changed == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert torch.is_tensor(next(made.parameters()))


def test_a_guard_counts_all_differences() -> None:
    assert Guard(8, 1, 2).changed == 3


def test_a_folder_that_entx_did_not_train_has_no_record(tmp_path: Path) -> None:
    model = tiny_model("llama")
    model.save_pretrained(tmp_path / "whole")
    with pytest.raises(InputError, match="nothing to merge"):
        adapter_record(tmp_path / "whole")
    get_peft_model(model, lora_config(model, LORA, LINEAR_LAYERS)).save_pretrained(
        tmp_path / "adapter", save_embedding_layers=False
    )
    with pytest.raises(InputError, match=r"no training\.json"):
        adapter_record(tmp_path / "adapter")
    whole = {
        "stage": "vlm", "base": {"fingerprint": "a", "name": "b"},
        "recipe": {"name": "c", "settings": {"model": {"load": "nf4"}}},
    }  # fmt: skip
    for record in ({"stage": "vlm"}, {**whole, "base": []}, {**whole, "recipe": {"name": "c", "settings": 7}}, []):
        (tmp_path / "adapter" / "training.json").write_text(json.dumps(record))
        with pytest.raises(InputError, match=r"training\.json: no record of a training"):
            adapter_record(tmp_path / "adapter")
    (tmp_path / "adapter" / "training.json").write_text(json.dumps(whole))
    assert adapter_record(tmp_path / "adapter") == whole
