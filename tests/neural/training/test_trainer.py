"""Checkpoints count only when they are whole; what a gradient scaler is given."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from entx.core.entities import CHALLENGE
from entx.llm_stage.data import TextRecipe, TokenRow
from entx.llm_stage.training import TextStage
from entx.neural.model_folder import check_model_folder
from entx.neural.training.processes import Processes
from entx.neural.training.recipe import load_recipe
from entx.neural.training.rows import TrainingData
from entx.neural.training.trainer import MANIFEST, build_trainer, is_whole, keep_only, last_whole, seal, step_of
from tests.neural.training.inputs import TEXT_RECIPE, make_recipe, text_base


def checkpoint(folder: Path, step: int, *, sealed: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    (path / "deep").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"12345")
    (path / "deep" / "state.json").write_bytes(b"{}")
    if sealed:
        seal(path)
    return path


def test_a_sealed_checkpoint_is_whole(tmp_path: Path) -> None:
    assert is_whole(checkpoint(tmp_path, 5))


def test_an_unsealed_one_is_not(tmp_path: Path) -> None:
    assert not is_whole(checkpoint(tmp_path, 5, sealed=False))


@pytest.mark.parametrize("name", ["model.safetensors", "deep/state.json"])
@pytest.mark.parametrize("content", [None, b"1"])
def test_a_lost_or_cut_file_breaks_it(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = checkpoint(tmp_path, 5)
    if content is None:
        (path / name).unlink()
    else:
        (path / name).write_bytes(content)
    assert not is_whole(path)


@pytest.mark.parametrize("manifest", [b"", b"{", b'["a"]'])
def test_a_broken_manifest_breaks_it(tmp_path: Path, manifest: bytes) -> None:
    path = checkpoint(tmp_path, 5)
    (path / MANIFEST).write_bytes(manifest)
    assert not is_whole(path)


def test_the_last_whole_one_counts_by_number_and_broken_ones_go(tmp_path: Path) -> None:
    checkpoint(tmp_path, 9)
    checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 100, sealed=False)
    (tmp_path / "checkpoint-x").mkdir()
    assert last_whole(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9", "checkpoint-x"]


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert last_whole(tmp_path) is None
    assert last_whole(tmp_path / "gone") is None
    assert (step_of(None), step_of(tmp_path / "checkpoint-120")) == (0, 120)


def test_only_the_named_steps_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        checkpoint(tmp_path, step)
    keep_only(tmp_path, {10, 20})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-20"]


@pytest.mark.parametrize(("autocast", "learnt"), [("fp16", torch.float32), ("bf16", torch.bfloat16)])
def test_an_adapter_of_four_bit_weights_suits_the_scaler(tmp_path: Path, autocast: str, learnt: torch.dtype) -> None:
    """CUDA's gradient scaler takes no bfloat16, which TRL makes of such adapters; on a CPU none is there to ask."""
    base = text_base(tmp_path / "base", hidden_size=64, intermediate_size=128)
    recipe = str(make_recipe(tmp_path / "tiny.toml", TEXT_RECIPE))
    changes = ("train.method=lora", "lora.r=4", "lora.alpha=8", "model.load=nf4", f"train.autocast={autocast}")
    stage = TextStage(load_recipe(TextRecipe, recipe, changes), "tiny", check_model_folder(base), CHALLENGE)
    data = TrainingData([TokenRow((), (((5,), (6, 7)),))] * 4, (), {"questions": {}, "rows held out": 0})
    _, trainer = build_trainer(stage, data, tmp_path, "transformers", (), Processes())
    assert {one.dtype for one in trainer.model.parameters() if one.requires_grad} == {learnt}
    assert (trainer.args.fp16, trainer.args.bf16) == (autocast == "fp16", autocast == "bf16")
