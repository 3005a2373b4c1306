"""The shipped recipes are valid, commented, and say of themselves what domain facts say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from entx.core.errors import InputError
from entx.core.settings import find_recipe, shipped_recipes
from entx.llm_stage.recipe import load_recipe
from entx.neural.settings import LINEAR_LAYERS
from tests.cli.runner import run_entx

NAMES = [recipe.name for recipe in shipped_recipes() if recipe.stage == "llm"]


def test_these_recipes_ship() -> None:
    assert {"entx-small", "gemma2-9b", "mistral-nemo-12b", "qwen3-1.7b"} <= set(NAMES)
    assert "rules_weights" not in [recipe.name for recipe in shipped_recipes()]


@pytest.mark.parametrize("name", NAMES)
def test_each_recipe_is_valid_and_explains_itself(name: str) -> None:
    recipe = load_recipe(name)
    text = find_recipe(name).text
    assert recipe.title == find_recipe(name).title
    assert "ours" in text
    assert f"--recipe {name}" in text or "--recipe NAME" in text
    assert max(map(len, text.splitlines())) <= 140


@pytest.mark.parametrize(
    ("name", "hub", "attention"),
    [("mistral-nemo-12b", "mistralai/Mistral-Nemo", "sdpa"), ("gemma2-9b", "google/gemma-2-9b", "eager")],
)
def test_system_5_is_lora_by_unsloth_on_paddleocr_text(name: str, hub: str, attention: str) -> None:
    recipe = load_recipe(name)
    assert recipe.reproduces.startswith("system 5")
    assert recipe.model.hub.startswith(hub)
    assert recipe.model.attention == attention
    assert (recipe.train.method, recipe.train.backend) == ("lora", "unsloth")
    assert recipe.lora is not None
    assert recipe.lora.targets == LINEAR_LAYERS
    assert "--engine paddleocr" in find_recipe(name).text


def test_a_setting_is_changed_and_the_digest_with_it() -> None:
    plain, changed = load_recipe("qwen3-1.7b"), load_recipe("qwen3-1.7b", ["train.lr=1e-4", "lora.r=8"])
    assert changed.train.lr == 1e-4
    assert changed.lora is not None
    assert changed.lora.r == 8
    assert plain.digest != changed.digest == load_recipe("qwen3-1.7b", ["lora.r=8", "train.lr=0.0001"]).digest


def test_all_faults_of_a_recipe_come_at_once() -> None:
    with pytest.raises(InputError) as caught:
        load_recipe("gemma2-9b", ["train.lrr=1", "train.epochs=-1", "model.style=loud", "nothing.here=1"])
    for part in ("unknown key train.lrr (did you mean lr?)", "train.epochs", "model.style", "unknown key nothing"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        (["train.method=lora"], "needs a table [lora]"),
        (["model.load=nf4"], "can only train an adapter"),
        (["train.backend=unsloth"], "is for adapters here"),
        (["model.budget=512"], "must leave room"),
        (["stage=other"], 'stage must be "llm"'),
        (["stage=vlm"], "vision-language stage"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(assignments: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe("entx-small", assignments)
    assert said in str(caught.value)


def test_pretrain_settings_are_free(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(find_recipe("entx-small").text + "\n[pretrain]\npages = 60000\nshape = { hidden = 192 }\n")
    assert load_recipe(str(path)).pretrain["shape"] == {"hidden": 192}


def test_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(InputError, match="shipped: entx-small, entx-vlm-small, gemma2-9b"):
        load_recipe("gemma3")
    with pytest.raises(InputError, match=r"gone\.toml: cannot be read"):
        load_recipe("gone.toml")


def test_list_show_and_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = run_entx(capsys, "recipe", "list")
    assert all(name in listed.out for name in NAMES)
    shown = run_entx(capsys, "recipe", "show", "gemma2-9b")
    assert shown.out.strip() == find_recipe("gemma2-9b").text.strip()
    target = tmp_path / "mine.toml"
    assert run_entx(capsys, "recipe", "copy", "gemma2-9b", target).code == 0
    assert target.read_text() == find_recipe("gemma2-9b").text
    assert tomllib.loads(run_entx(capsys, "recipe", "show", target).out)["stage"] == "llm"
    again = run_entx(capsys, "recipe", "copy", "gemma2-9b", target)
    assert (again.code, "exists already" in again.err) == (2, True)
    assert run_entx(capsys, "recipe", "copy", "gemma2-9b", tmp_path / "mine.txt").code == 2


def test_show_refuses_a_faulty_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(find_recipe("gemma2-9b").text.replace("lr =", "learning =").replace("r = 16", "r = 0"))
    ended = run_entx(capsys, "recipe", "show", path)
    assert ended.code == 2
    for part in ("unknown key train.learning", "train.lr is missing", "lora.r must be at least 1"):
        assert part in ended.err
