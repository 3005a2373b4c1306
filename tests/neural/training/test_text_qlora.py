"""The big recipes' own settings on tiny models of their architecture: QLoRA steps, and the merge behind its guard."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from entx.core.settings import find_recipe
from tests.cli.runner import Ended, run_entx
from tests.llm_stage.training import entx, make_base, make_store, pictures

CHANGED = (
    "model.budget=1100", "model.max_length=1300", "data.dev_share=0.2", "train.dev_rows=2", "train.max_steps=1",
    "train.warmup=0",
)  # fmt: skip
"""What is changed of a recipe: lengths, and how long it trains."""


WIDE = {
    "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 8, "num_key_value_heads": 4,
    "num_hidden_layers": 2,
}  # fmt: skip
"""Whole blocks of 64 weights, which bitsandbytes needs on CPUs with AVX512-BF16."""


@pytest.fixture(scope="module", params=["gemma2-9b", "mistral-nemo-12b"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    """Recipe, a folder with base, store and adapter, and what the training said on stderr."""
    recipe = str(request.param)
    folder = tmp_path_factory.mktemp(recipe)
    make_base(folder / "base", "gemma2" if "gemma2" in recipe else "mistral", chat=True, **WIDE)
    make_store(folder / "s.duckdb", pictures(24))
    arguments = ["train", "--stage", "llm", "--recipe", recipe, "--store", str(folder / "s.duckdb")]
    arguments += ["--model", str(folder / "base"), "--out", str(folder / "adapter")]
    for one in CHANGED:
        arguments += ["--set", one]
    return recipe, folder, entx(*arguments)


def merge(capsys: pytest.CaptureFixture[str], folder: Path, out: str, *more: object) -> Ended:
    return run_entx(
        capsys, "merge-adapter", "--model", folder / "base", "--adapter", folder / "adapter", "--store",
        folder / "s.duckdb", "--out", folder / out, "--rows", 4, "--json", *more,
    )  # fmt: skip


def test_the_recipe_trains_four_bit_weights_by_its_own_settings(trained: tuple[str, Path, str]) -> None:
    name, folder, errors = trained
    record = json.loads((folder / "adapter" / "training.json").read_text())
    settings = record["recipe"]["settings"]
    assert settings["model"]["load"] == "nf4"
    assert settings["train"]["optimizer"] == "adamw_8bit"
    assert settings["lora"]["r"] == 16
    assert f'hub = "{settings["model"]["hub"]}"' in find_recipe(name).text
    assert record["training"]["steps"] == 1
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    assert losses
    assert all(map(math.isfinite, losses))
    assert "unsloth cannot be used here" in errors
    assert record["training"]["backend"] == "transformers"


def test_the_adapter_holds_every_target_and_has_moved(trained: tuple[str, Path, str]) -> None:
    _, folder, _ = trained
    weights = load_file(folder / "adapter" / "adapter_model.safetensors")
    for target in ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"):
        second = [value for name, value in weights.items() if f"{target}.lora_B" in name]
        assert len(second) == 2
        assert all(abs(value).max() > 0 for value in second)  # it starts at exactly 0
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert str(folder) not in json.dumps(config)  # no path of the machine that trained it


def test_the_merge_keeps_the_answers_and_is_whole(
    trained: tuple[str, Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder, _ = trained
    ended = merge(capsys, folder, "merged", "--dtype", "float32")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert (said["questions"], said["chosen"], said["written"]) == (4, 0, 0)
    assert said["against_4bit"] is not None
    merged, base = load_file(folder / "merged" / "model.safetensors"), load_file(folder / "base" / "model.safetensors")
    assert merged.keys() == base.keys()
    changed = {name for name in base if abs(merged[name] - base[name]).max() > 0}
    assert changed == {name for name in base if "_proj" in name}
    assert "## Merge" in (folder / "merged" / "README.md").read_text()


def test_a_merge_that_changes_answers_is_refused(
    trained: tuple[str, Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that are rounded to two bits on their way to the disk stand for a merge gone wrong."""
    from transformers import PreTrainedModel

    _, folder, _ = trained
    save = PreTrainedModel.save_pretrained

    def spoil(model: PreTrainedModel, path: Path, **options: object) -> None:
        save(model, path, **options)
        weights = load_file(path / "model.safetensors")
        worn = {name: value if value.dim() < 2 else (value * 8).round() / 8 for name, value in weights.items()}
        save_file(worn, path / "model.safetensors", metadata={"format": "pt"})

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", spoil)
    ended = merge(capsys, folder, "spoilt", "--dtype", "float32")
    assert ended.code == 2
    assert "refused: merging changes" in ended.err
    assert not (folder / "spoilt").exists()
    assert not (folder / "spoilt.part").exists()


def test_an_adapter_of_another_base_is_refused(
    trained: tuple[str, Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, folder, _ = trained
    other = make_base(tmp_path / "other", "llama", chat=True)
    ended = run_entx(
        capsys, "merge-adapter", "--model", other, "--adapter", folder / "adapter", "--store", folder / "s.duckdb",
        "--out", tmp_path / "merged",
    )  # fmt: skip
    assert ended.code == 2
    assert "with other weights than those of" in ended.err


def test_a_whole_model_is_nothing_to_merge(
    trained: tuple[str, Path, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, folder, _ = trained
    ended = run_entx(
        capsys, "merge-adapter", "--model", folder / "base", "--adapter", folder / "base", "--store",
        folder / "s.duckdb", "--out", tmp_path / "merged",
    )  # fmt: skip
    assert (ended.code, "nothing to merge" in ended.err) == (2, True)
