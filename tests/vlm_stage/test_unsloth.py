"""Unsloth's FastVisionModel: without a GPU a training falls back; its signatures, where its source is at hand."""

from __future__ import annotations

import ast
import importlib
import os
from pathlib import Path
from types import ModuleType

import pytest

from entx.neural.backend import choose_backend
from entx.neural.model_folder import ModelFolder
from entx.vlm_stage.adapters import unsloth_adapter_arguments, unsloth_load_arguments
from entx.vlm_stage.recipe import load_recipe

SOURCE = os.environ.get("ENTX_UNSLOTH_SOURCE", "")
"""An unpacked wheel: `pip download unsloth==2026.10.* --no-deps`, then unzip."""


@pytest.mark.parametrize("name", ["qwen2-vl-2b", "qwen2.5-vl-3b"])
def test_without_unsloth_the_training_falls_back_with_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(module: str) -> ModuleType:
        assert module == "unsloth"
        raise NotImplementedError("no GPU\nat all")

    wanted = load_recipe(name).train.backend
    monkeypatch.setattr(importlib, "import_module", fail)
    said: list[str] = []
    assert choose_backend(wanted, said.append) == "transformers"
    assert len(said) == 1
    assert "no GPU" in said[0]
    assert "\n" not in said[0]


def test_the_arguments_say_what_the_recipe_says() -> None:
    recipe = load_recipe("qwen2-vl-2b")
    assert recipe.lora is not None
    load = unsloth_load_arguments(recipe, ModelFolder(Path("model"), False, 0))
    assert (load["model_name"], load["max_seq_length"], load["load_in_4bit"]) == ("model", 256, True)
    assert load["trust_remote_code"] is False
    adapt = unsloth_adapter_arguments(recipe, recipe.lora)
    assert (adapt["r"], adapt["lora_alpha"], adapt["lora_dropout"]) == (16, 32, 0.05)
    assert adapt["finetune_vision_layers"] is adapt["finetune_language_layers"] is True
    assert adapt["target_modules"] is None
    language = load_recipe("qwen2-vl-2b", ["model.scope=language", 'lora.targets=["q_proj"]', "model.load=bf16"])
    assert language.lora is not None
    assert unsloth_adapter_arguments(language, language.lora)["finetune_vision_layers"] is False
    assert unsloth_adapter_arguments(language, language.lora)["target_modules"] == ["q_proj"]
    assert unsloth_load_arguments(language, ModelFolder(Path("model"), False, 0))["load_in_16bit"] is True


@pytest.mark.skipif(not SOURCE, reason="ENTX_UNSLOTH_SOURCE names no unpacked unsloth wheel")
def test_its_functions_take_the_arguments_that_we_give() -> None:
    recipe = load_recipe("qwen2-vl-2b")
    assert recipe.lora is not None
    root = Path(SOURCE) / "unsloth" / "models"
    load = parameters(root / "loader.py", "FastModel", "from_pretrained")
    assert set(unsloth_load_arguments(recipe, ModelFolder(Path("model"), False, 0))) <= load
    adapt = parameters(root / "vision.py", "FastBaseModel", "get_peft_model")
    assert set(unsloth_adapter_arguments(recipe, recipe.lora)) <= adapt
    assert base_of(root / "loader.py", "FastVisionModel") == "FastModel"
    assert "FastVisionModel" in (root / "__init__.py").read_text(encoding="utf-8")


def classes(path: Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def base_of(path: Path, owner: str) -> str:
    base = classes(path)[owner].bases[0]
    return base.id if isinstance(base, ast.Name) else ""


def parameters(path: Path, owner: str, function: str) -> set[str]:
    """Names of the parameters of a class's function, read from its source."""
    found = [node for node in classes(path)[owner].body if isinstance(node, ast.FunctionDef) and node.name == function]
    assert found, f"{owner} has no {function}"
    return {one.arg for one in [*found[0].args.args, *found[0].args.kwonlyargs]}
