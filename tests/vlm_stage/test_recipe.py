"""The shipped vision recipes are valid, commented, and hold exactly what domain facts say of the published systems."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.settings import find_recipe, shipped_recipes
from entx.core.types import Quantity
from entx.vlm_stage.prompt import OWN
from entx.vlm_stage.recipe import AdapterSettings, load_recipe
from tests.cli.runner import run_entx
from tests.vlm_stage.training import RECIPE, make_recipe

NAMES = [recipe.name for recipe in shipped_recipes() if recipe.stage == "vlm"]


def test_these_recipes_ship() -> None:
    assert {"qwen2-vl-2b", "moondream2", "qwen2-vl-2b-zero3", "paligemma-3b", "qwen2.5-vl-3b", "entx-vlm-small"} <= {
        *NAMES
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_recipe_is_valid_and_explains_itself(name: str) -> None:
    recipe = load_recipe(name)
    text = find_recipe(name).text
    assert recipe.title == find_recipe(name).title
    assert "ours" in text
    assert f"--recipe {name}" in text
    assert max(map(len, text.splitlines())) <= 140
    if recipe.reproduces:
        assert "stated" in text


@pytest.mark.parametrize("name", NAMES)
def test_the_longest_question_and_its_picture_fit_into_the_length(name: str) -> None:
    """With three characters a token, which is more tokens than English words and digits take."""
    recipe = load_recipe(name)
    form = recipe.prompt.form
    longest = max(len(form.ask(entity)) for entity in CHALLENGE.entities.values())
    text = longest / (4 if name == "qwen2-vl-2b" else 3) + 40  # that one is counted in its comment
    images = 1024 if name == "paligemma-3b" else 729 if name == "moondream2" else recipe.model.pixels / 28**2
    assert images + text <= recipe.model.max_length + 8


def test_system_1() -> None:
    recipe = load_recipe("qwen2-vl-2b")
    assert recipe.reproduces.startswith("system 1")
    assert recipe.model.hub == "Qwen/Qwen2-VL-2B-Instruct"
    assert (recipe.model.load, recipe.model.scope, recipe.model.max_length) == ("nf4", "all", 256)
    assert recipe.lora == AdapterSettings(r=16, alpha=32, dropout=0.05)
    train = recipe.train
    assert (train.method, train.backend, train.batch, train.accumulation) == ("lora", "unsloth", 2, 8)
    assert (train.lr, train.scheduler, train.warmup, train.epochs) == (2e-4, "cosine", 0.05, 3)
    assert train.optimizer == "adamw_8bit"
    assert recipe.data.rows == 10_000
    asked = recipe.prompt.form.ask(CHALLENGE["voltage"])
    assert asked == (
        "What is the voltage?\nReply with only the value and unit from: kilovolt, millivolt, volt.\n"
        "If not visible, reply with empty string."
    )
    assert recipe.prompt.form.answer(None) == ""
    assert recipe.prompt.form.answer(Quantity(Decimal(12), "volt")) == "12.0 volt"
    assert "--by group_id" in find_recipe("qwen2-vl-2b").text


def test_system_2() -> None:
    recipe = load_recipe("moondream2")
    assert (recipe.train.method, recipe.model.scope, recipe.train.batch) == ("full", "language", 8)
    assert 300 <= recipe.train.max_steps <= 12_250
    assert load_recipe("moondream2", ["train.batch=16"]).train.batch == 16
    assert recipe.model.remote_code == ""
    asked = recipe.prompt.form.ask(CHALLENGE["item_weight"])
    assert asked.startswith("Extract item weight from the image in the format 'x unit', where x is a float")
    assert "\n" not in asked
    assert "'blank'" in asked
    assert recipe.prompt.form.answer(None) == "blank"
    assert recipe.prompt.form.answer(Quantity(Decimal(5), "gram")) == "5.0 gram"


def test_system_3() -> None:
    recipe = load_recipe("qwen2-vl-2b-zero3")
    assert (recipe.model.hub, recipe.train.method) == ("Qwen/Qwen2-VL-2B-Instruct", "lora")
    assert recipe.data.sample == "stratified"
    zero = json.loads(json.dumps(recipe.deepspeed))["zero_optimization"]
    assert zero["stage"] == 3
    assert zero["offload_optimizer"]["device"] == zero["offload_param"]["device"] == "cpu"
    text = find_recipe("qwen2-vl-2b-zero3").text
    for part in ("torchrun", "--four-bit", "--shards 1/4", "entx merge", "entx check"):
        assert part in text


def test_system_4() -> None:
    recipe = load_recipe("paligemma-3b")
    assert recipe.model.hub == "google/paligemma-3b-ft-docvqa-448"
    assert recipe.model.pixels == 448 * 448
    assert recipe.lora is not None
    assert recipe.lora.r == 8
    assert (recipe.data.sample, recipe.data.rows) == ("balanced", 13_500)


def test_our_own_ask_in_our_own_words() -> None:
    recipe = load_recipe("qwen2.5-vl-3b")
    assert recipe.reproduces == ""
    assert recipe.prompt.form == OWN
    assert recipe.model.scope == "language"
    assert load_recipe("entx-vlm-small").train.method == "full"


def test_a_setting_is_changed_and_the_digest_with_it() -> None:
    plain = load_recipe("qwen2-vl-2b")
    changed = load_recipe("qwen2-vl-2b", ["model.pixels=802816", 'prompt.empty="none"', "deepspeed={}"])
    assert changed.model.pixels == 802816
    assert changed.prompt.form.answer(None) == "none"
    assert plain.digest != changed.digest
    assert load_recipe("qwen2-vl-2b-zero3", ["deepspeed={}"]).deepspeed == {}


def test_settings_are_read_back_from_a_record() -> None:
    from entx.core.settings import read_settings
    from entx.vlm_stage.recipe import Recipe

    for name in NAMES:
        recipe = load_recipe(name)
        settings = {key: value for key, value in json.loads(json.dumps(asdict(recipe))).items() if value is not None}
        assert read_settings(Recipe, settings, name).digest == recipe.digest


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        (["train.method=lora"], "needs a table [lora]"),
        (["model.load=nf4"], "can only train an adapter"),
        (["train.backend=unsloth"], "is for adapters here"),
        (["train.packing=true"], "are not packed"),
        (["stage=other"], 'stage must be "vlm"'),
        (["stage=llm"], "train it by --stage llm"),
        (["prompt.question=How {big} is it?"], "{big}"),
        (["model.scope=half"], "model.scope must be one of"),
        (["deepspeed={a=1}", "train.backend=unsloth"], "[deepspeed]"),
        (["deepspeed={a=1}", "model.load=nf4"], "DeepSpeed cannot part"),
        (["model.pixel=1", "train.lr=-1"], "did you mean pixels?"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(assignments: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(str(make_recipe(tmp_path / "own.toml")), assignments)
    assert said in str(caught.value)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    path = make_recipe(tmp_path / "own.toml", RECIPE.replace("lr = 2e-3", "lr = 0").replace("pixels = 12544", ""))
    with pytest.raises(InputError) as caught:
        load_recipe(str(path), ["data.negatives=2"])
    for part in ("train.lr", "model.pixels is missing", "data.negatives"):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_list_show_and_copy(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert name in run_entx(capsys, "recipe", "list").out
    shown = run_entx(capsys, "recipe", "show", name)
    assert shown.out.strip() == find_recipe(name).text.strip()
    settings = json.loads(run_entx(capsys, "recipe", "show", name, "--json").out)["settings"]
    assert settings["stage"] == "vlm"
    copied = run_entx(capsys, "recipe", "copy", name, tmp_path / "mine.toml")
    assert copied.code == 0
    assert "--stage vlm" in copied.out
    assert (tmp_path / "mine.toml").read_text() == find_recipe(name).text
