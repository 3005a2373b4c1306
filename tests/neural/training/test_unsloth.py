"""Unsloth: without a GPU the training falls back; its call signatures, where its source is at hand."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from entx.cli.train import load_any
from entx.core.entities import CHALLENGE
from entx.llm_stage.data import TextRecipe
from entx.llm_stage.training import TextStage
from entx.neural.model_folder import ModelFolder
from entx.neural.training.adapters import choose_backend
from entx.neural.training.recipe import load_recipe
from entx.vlm_stage.data import PictureRecipe
from entx.vlm_stage.training import PictureStage

SOURCE = os.environ.get("ENTX_UNSLOTH_SOURCE", "")
"""An unpacked wheel: `pip download unsloth==2026.10.* --no-deps`, then unzip."""
FOLDER = ModelFolder(Path("model"), False)


def pictures(*assignments: str) -> PictureStage:
    return PictureStage(load_recipe(PictureRecipe, "qwen2-vl-2b", assignments), "qwen2-vl-2b", FOLDER, CHALLENGE)


@pytest.mark.parametrize("name", ["gemma2-9b", "qwen2-vl-2b", "qwen2.5-vl-3b"])
@pytest.mark.parametrize("error", [ImportError("No module named 'unsloth'"), NotImplementedError("no GPU\nat all")])
def test_without_unsloth_the_training_falls_back_with_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    def fail(module: str) -> ModuleType:
        assert module == "unsloth"
        raise error

    wanted = load_any(name).train.backend
    monkeypatch.setattr(importlib, "import_module", fail)
    said: list[str] = []
    assert choose_backend(wanted, said.append) == "transformers"
    assert len(said) == 1
    assert "PEFT and bitsandbytes" in said[0]
    assert str(error).splitlines()[0] in said[0]
    assert "\n" not in said[0]


def test_unsloth_is_imported_only_where_the_recipe_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unsloth", ModuleType("unsloth"))
    said: list[str] = []
    assert choose_backend(load_any("gemma2-9b").train.backend, said.append) == "unsloth"
    monkeypatch.delitem(sys.modules, "unsloth")
    assert choose_backend(load_any("qwen3-1.7b").train.backend, said.append) == "transformers"
    assert said == []


def test_the_arguments_say_what_the_recipe_says() -> None:
    load, adapt = pictures().unsloth_load_arguments(), pictures().unsloth_adapter_arguments()
    assert (load["model_name"], load["max_seq_length"], load["load_in_4bit"]) == ("model", 256, True)
    assert load["trust_remote_code"] is False
    assert (adapt["r"], adapt["lora_alpha"], adapt["lora_dropout"]) == (16, 32, 0.05)
    assert adapt["finetune_vision_layers"] is adapt["finetune_language_layers"] is True
    assert adapt["target_modules"] is None
    language = pictures("model.scope=language", 'lora.targets=["q_proj"]', "model.load=bf16")
    assert language.unsloth_adapter_arguments()["finetune_vision_layers"] is False
    assert language.unsloth_adapter_arguments()["target_modules"] == ["q_proj"]
    assert language.unsloth_load_arguments()["load_in_16bit"] is True


@pytest.mark.skipif(not SOURCE, reason="ENTX_UNSLOTH_SOURCE names no unpacked unsloth wheel")
def test_its_functions_take_the_arguments_that_we_give() -> None:
    models = Path(SOURCE) / "unsloth" / "models"
    text = TextStage(load_recipe(TextRecipe, "mistral-nemo-12b"), "mistral-nemo-12b", FOLDER, CHALLENGE)
    assert set(text.unsloth_load_arguments()) <= parameters("loader.py", "FastLanguageModel", "from_pretrained")
    assert set(text.unsloth_adapter_arguments()) <= parameters("llama.py", "FastLlamaModel", "get_peft_model")
    assert set(pictures().unsloth_load_arguments()) <= parameters("loader.py", "FastModel", "from_pretrained")
    assert set(pictures().unsloth_adapter_arguments()) <= parameters("vision.py", "FastBaseModel", "get_peft_model")
    base = classes("loader.py")["FastVisionModel"].bases[0]
    assert isinstance(base, ast.Name)
    assert base.id == "FastModel"
    exported = (models.parent / "__init__.py").read_text() + (models / "__init__.py").read_text()
    assert "FastLanguageModel" in exported
    assert "FastVisionModel" in exported


def classes(file: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse((Path(SOURCE) / "unsloth" / "models" / file).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def parameters(file: str, owner: str, function: str) -> set[str]:
    """Names of the parameters of a class's function, read from its source."""
    found = [node for node in classes(file)[owner].body if isinstance(node, ast.FunctionDef) and node.name == function]
    assert found, f"{owner} has no {function}"
    return {one.arg for one in [*found[0].args.args, *found[0].args.kwonlyargs]}
