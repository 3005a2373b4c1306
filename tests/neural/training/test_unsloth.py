"""Unsloth: without a GPU the training falls back; its call signatures, where its source is at hand."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from entx.llm_stage.adapters import unsloth_adapter_arguments, unsloth_load_arguments
from entx.llm_stage.recipe import load_recipe
from entx.neural.backend import choose_backend
from entx.neural.model_folder import ModelFolder

SOURCE = os.environ.get("ENTX_UNSLOTH_SOURCE", "")
"""An unpacked wheel: `pip download unsloth==2026.10.* --no-deps`, then unzip."""


@pytest.mark.parametrize("error", [ImportError("No module named 'unsloth'"), NotImplementedError("no GPU\nat all")])
def test_without_unsloth_the_training_falls_back_with_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(name: str) -> ModuleType:
        assert name == "unsloth"
        raise error

    recipe = load_recipe("gemma2-9b")
    monkeypatch.setattr(importlib, "import_module", fail)
    said: list[str] = []
    assert choose_backend(recipe.train.backend, said.append) == "transformers"
    assert len(said) == 1
    assert "PEFT and bitsandbytes" in said[0]
    assert str(error).splitlines()[0] in said[0]
    assert "\n" not in said[0]


def test_unsloth_is_imported_only_where_the_recipe_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unsloth", ModuleType("unsloth"))
    said: list[str] = []
    assert choose_backend(load_recipe("gemma2-9b").train.backend, said.append) == "unsloth"
    monkeypatch.delitem(sys.modules, "unsloth")
    assert choose_backend(load_recipe("qwen3-1.7b").train.backend, said.append) == "transformers"
    assert said == []


@pytest.mark.skipif(not SOURCE, reason="ENTX_UNSLOTH_SOURCE names no unpacked unsloth wheel")
def test_its_functions_take_the_arguments_that_we_give() -> None:
    recipe = load_recipe("mistral-nemo-12b")
    assert recipe.lora is not None
    folder = ModelFolder(Path("model"), False, 0)
    root = Path(SOURCE) / "unsloth" / "models"
    load = parameters(root / "loader.py", "FastLanguageModel", "from_pretrained")
    assert set(unsloth_load_arguments(recipe, folder)) <= load
    adapt = parameters(root / "llama.py", "FastLlamaModel", "get_peft_model")
    assert set(unsloth_adapter_arguments(recipe, recipe.lora)) <= adapt
    assert (
        "FastLanguageModel"
        in (Path(SOURCE) / "unsloth" / "__init__.py").read_text() + (root / "__init__.py").read_text()
    )


def parameters(path: Path, owner: str, function: str) -> set[str]:
    """Names of the parameters of a class's function, read from its source."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner]
    assert classes, f"{path} has no class {owner}"
    found = [node for node in classes[0].body if isinstance(node, ast.FunctionDef) and node.name == function]
    assert found, f"{owner} has no {function}"
    return {one.arg for one in [*found[0].args.args, *found[0].args.kwonlyargs]}
