"""The shipped recipes are valid and commented, and hold exactly what domain facts say of the published systems."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from entx.cli.train import load_any, stage_type
from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.settings import find_recipe, read_settings, shipped_recipes
from entx.core.types import Quantity
from entx.neural.training.recipe import LINEAR_LAYERS, load_recipe
from entx.vlm_stage.data import PictureRecipe
from entx.vlm_stage.prompt import OWN
from tests.cli.runner import run_entx
from tests.neural.training.inputs import PICTURE_RECIPE, TEXT_RECIPE, make_recipe

STAGES = {recipe.name: recipe.stage for recipe in shipped_recipes()}
PICTURES = [name for name, stage in STAGES.items() if stage == "vlm"]
DIGESTS = {
    "entx-small": "37c9766ff97c779f", "qwen2-vl-2b": "11b1f26885d94855", "moondream2": "a366f0e10e996188",
    "qwen3-1.7b": "e2c7e71fa44e08a2",
}  # fmt: skip


def picture_recipe(name: str, *assignments: str) -> PictureRecipe:
    return load_recipe(PictureRecipe, name, assignments)


def test_these_recipes_ship() -> None:
    assert {
        **dict.fromkeys(("entx-small", "gemma2-9b", "mistral-nemo-12b", "qwen3-1.7b", "smollm2-135m"), "llm"),
        **dict.fromkeys(("entx-vlm-small", "moondream2", "paligemma-3b", "qwen2-vl-2b", "qwen2-vl-2b-zero3",
                         "qwen2.5-vl-3b"), "vlm"),
    } == STAGES  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_each_recipe_is_valid_and_explains_itself(name: str) -> None:
    recipe, text = load_any(name), find_recipe(name).text
    assert recipe.title == find_recipe(name).title
    assert "ours" in text
    assert f"--recipe {name}" in text or "--recipe NAME" in text
    assert max(map(len, text.splitlines())) <= 140
    assert "stated" in text or not recipe.reproduces.startswith(("system 1", "system 2", "system 3", "system 4"))


@pytest.mark.parametrize(("name", "digest"), DIGESTS.items())
def test_a_digest_is_of_the_values_and_stays(name: str, digest: str) -> None:
    """Folders of unfinished trainings and records of finished ones carry it."""
    assert load_any(name).digest == digest


def test_weights_of_sources_count_as_they_are_written() -> None:
    found = {
        load_any("entx-small", [f'data.sources={{"train*"={weight}}}']).digest for weight in ("1", "1.0", "0.5")
    }  # fmt: skip
    assert len(found) == 3


@pytest.mark.parametrize("name", PICTURES)
def test_the_longest_question_and_its_picture_fit_into_the_length(name: str) -> None:
    """With three characters a token, which is more tokens than English words and digits take."""
    recipe = picture_recipe(name)
    longest = max(len(recipe.prompt.form.ask(entity)) for entity in CHALLENGE.entities.values())
    text = longest / (4 if name == "qwen2-vl-2b" else 3) + 40  # that one is counted in its comment
    images = {"paligemma-3b": 1024, "moondream2": 729}.get(name, recipe.model.pixels / 28**2)
    assert images + text <= recipe.model.max_length + 8


def test_system_1() -> None:
    recipe = picture_recipe("qwen2-vl-2b")
    train, lora = recipe.train, recipe.lora
    assert recipe.reproduces.startswith("system 1")
    assert recipe.model.hub == "Qwen/Qwen2-VL-2B-Instruct"
    assert (recipe.model.load, recipe.model.scope, recipe.model.max_length) == ("nf4", "all", 256)
    assert lora is not None
    assert (lora.r, lora.alpha, lora.dropout, lora.targets) == (16, 32, 0.05, ())
    assert (train.method, train.backend, train.batch, train.accumulation) == ("lora", "unsloth", 2, 8)
    assert (train.lr, train.scheduler, train.warmup, train.epochs) == (2e-4, "cosine", 0.05, 3)
    assert train.optimizer == "adamw_8bit"
    assert recipe.data.rows == 10_000
    assert recipe.prompt.form.ask(CHALLENGE["voltage"]) == (
        "What is the voltage?\nReply with only the value and unit from: kilovolt, millivolt, volt.\n"
        "If not visible, reply with empty string."
    )
    assert recipe.prompt.form.answer(None) == ""
    assert recipe.prompt.form.answer(Quantity(Decimal(12), "volt")) == "12.0 volt"
    assert "--by group_id" in find_recipe("qwen2-vl-2b").text


def test_system_2() -> None:
    recipe = picture_recipe("moondream2")
    assert (recipe.train.method, recipe.model.scope, recipe.train.batch) == ("full", "language", 8)
    stages = [(recipe.train.batch, recipe.train.max_steps, recipe.data.skip)]
    lines = find_recipe("moondream2").text.splitlines()
    for line in lines:
        if "--set train.batch" in line:
            more = [word for word in line.removeprefix("#").split() if word != "--set"]
            stage = picture_recipe("moondream2", *more)
            stages.append((stage.train.batch, stage.train.max_steps, stage.data.skip))
    assert [one[:2] for one in stages] == [(8, 300), (16, 2_250), (16, 10_000)]
    seen = [batch * steps for batch, steps, _ in stages]
    assert [one[2] for one in stages] == [0, seen[0], seen[0] + seen[1]]  # each goes on where the one before ended
    (qlora,) = (line for line in lines if "QLoRA" in line)
    assert picture_recipe("moondream2", *qlora.partition(": ")[2].replace("--set ", "").split()).lora is not None
    asked = recipe.prompt.form.ask(CHALLENGE["item_weight"])
    wanted = (
        "item weight", "'x unit'", "float in standard formatting", "one of: gram, kilogram", "exactly one space",
        "no abbreviations", "no special characters", "no text beside", "answer 'blank'",
    )  # fmt: skip
    assert [part for part in wanted if part not in asked] == []
    assert "\n" not in asked
    assert recipe.data.illegal == "empty"
    assert recipe.prompt.form.answer(None) == "blank"
    assert recipe.prompt.form.answer(Quantity(Decimal(5), "gram")) == "5.0 gram"


def test_system_3() -> None:
    recipe = picture_recipe("qwen2-vl-2b-zero3")
    assert (recipe.model.hub, recipe.train.method) == ("Qwen/Qwen2-VL-2B-Instruct", "lora")
    assert recipe.data.sample == "stratified"
    zero = recipe.deepspeed["zero_optimization"]
    assert zero["stage"] == 3
    assert zero["offload_optimizer"]["device"] == zero["offload_param"]["device"] == "cpu"
    text = find_recipe("qwen2-vl-2b-zero3").text
    for part in ("torchrun", "four_bit=true", "entx run", "entx check"):
        assert part in text


def test_system_4() -> None:
    recipe = picture_recipe("paligemma-3b")
    assert recipe.model.hub == "google/paligemma-3b-ft-docvqa-448"
    assert recipe.model.pixels == 448 * 448
    assert recipe.lora is not None
    assert recipe.lora.r == 8
    assert (recipe.data.sample, recipe.data.rows) == ("balanced", 13_500)


@pytest.mark.parametrize(
    ("name", "hub", "attention"),
    [("mistral-nemo-12b", "mistralai/Mistral-Nemo", "sdpa"), ("gemma2-9b", "google/gemma-2-9b", "eager")],
)
def test_system_5_is_lora_by_unsloth_on_paddleocr_text(name: str, hub: str, attention: str) -> None:
    recipe: Any = load_any(name)
    assert recipe.reproduces.startswith("system 5")
    assert recipe.model.hub.startswith(hub)
    assert recipe.model.attention == attention
    assert (recipe.train.method, recipe.train.backend) == ("lora", "unsloth")
    assert recipe.lora.targets == LINEAR_LAYERS
    assert "--engine paddleocr" in find_recipe(name).text


def test_our_own_ask_in_our_own_words() -> None:
    recipe = picture_recipe("qwen2.5-vl-3b")
    assert recipe.reproduces == ""
    assert recipe.prompt.form == OWN
    assert recipe.model.scope == "language"
    assert picture_recipe("entx-vlm-small").train.method == "full"


def test_a_setting_is_changed_and_the_digest_with_it() -> None:
    plain, changed = load_any("qwen3-1.7b"), load_any("qwen3-1.7b", ["train.lr=1e-4", "lora.r=8"])
    assert changed.train.lr == 1e-4
    assert changed.lora is not None
    assert changed.lora.r == 8
    assert plain.digest != changed.digest == load_any("qwen3-1.7b", ["lora.r=8", "train.lr=0.0001"]).digest
    seen = picture_recipe("qwen2-vl-2b", "model.pixels=802816", 'prompt.empty="none"', "deepspeed={}")
    assert (seen.model.pixels, seen.prompt.form.answer(None)) == (802816, "none")
    assert seen.digest != picture_recipe("qwen2-vl-2b").digest
    assert picture_recipe("qwen2-vl-2b-zero3", "deepspeed={}").deepspeed == {}


@pytest.mark.parametrize("name", STAGES)
def test_settings_are_read_back_from_a_record(name: str) -> None:
    recipe = load_any(name)
    settings = json.loads(json.dumps(recipe.settings))
    assert read_settings(stage_type(STAGES[name]).RECIPE, settings, name).digest == recipe.digest


def test_pretrain_settings_are_free(tmp_path: Path) -> None:
    text = find_recipe("entx-small").text + "\n[pretrain]\npages = 60000\nshape = { hidden = 192 }\n"
    assert load_any(str(make_recipe(tmp_path / "mine.toml", text))).pretrain["shape"] == {"hidden": 192}


@pytest.mark.parametrize(
    ("stage", "assignments", "said"),
    [
        *[(stage, *both) for stage in ("llm", "vlm") for both in [
            (["train.method=lora"], "needs a table [lora]"),
            (["model.load=nf4"], "can only train an adapter"),
            (["train.backend=unsloth"], "is for adapters here"),
            (["stage=other"], f'stage must be "{stage}"'),
            (["data.ranges=lower"], "data.ranges must be one of upper, drop, not 'lower'"),
            (["data.sources={'a'='b'}"], "the weight of 'a' must be a number, not 'b'"),
        ]],
        ("llm", ["stage=vlm"], "vision-language stage"),
        ("llm", ["model.budget=512"], "must leave room"),
        ("llm", ["data.together=4", "train.packing=true"], "data.together says which tokens see which"),
        ("llm", ["data.together=4", "model.attention=eager"], "data.together needs model.attention"),
        ("vlm", ["stage=llm"], "train it by --stage llm"),
        ("vlm", ["train.packing=true"], "are not packed"),
        ("vlm", ["prompt.question=How {big} is it?"], "{big}"),
        ("vlm", ["model.scope=half"], "model.scope must be one of"),
        ("vlm", ["deepspeed={a=1}", "train.backend=unsloth"], "[deepspeed]"),
        ("vlm", ["deepspeed={a=1}", "model.load=nf4"], "DeepSpeed cannot part"),
        ("vlm", ["model.pixel=1", "train.lr=-1"], "did you mean pixels?"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(
    stage: str, assignments: list[str], said: str, tmp_path: Path
) -> None:
    path = make_recipe(tmp_path / "own.toml", TEXT_RECIPE if stage == "llm" else PICTURE_RECIPE)
    with pytest.raises(InputError) as caught:
        load_any(str(path), assignments, stage)
    assert said in str(caught.value)


def test_all_faults_of_a_recipe_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_any("gemma2-9b", ["train.lrr=1", "train.epochs=-1", "model.style=loud", "nothing.here=1"])
    for part in ("unknown key train.lrr (did you mean lr?)", "train.epochs", "model.style", "unknown key nothing"):
        assert part in str(caught.value)
    text = PICTURE_RECIPE.replace("lr = 2e-3", "lr = 0").replace("pixels = 12544", "")
    with pytest.raises(InputError) as caught:
        load_any(str(make_recipe(tmp_path / "own.toml", text)), ["data.negatives=2"])
    for part in ("train.lr", "model.pixels is missing", "data.negatives"):
        assert part in str(caught.value)


def test_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(InputError, match="shipped: entx-small, entx-vlm-small, gemma2-9b"):
        load_any("gemma3")
    with pytest.raises(InputError, match=r"gone\.toml: cannot be read"):
        load_any("gone.toml")


@pytest.mark.parametrize("name", STAGES)
def test_list_show_and_copy(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert name in run_entx(capsys, "recipe", "list").out
    assert run_entx(capsys, "recipe", "show", name).out.strip() == find_recipe(name).text.strip()
    assert json.loads(run_entx(capsys, "recipe", "show", name, "--json").out)["settings"]["stage"] == STAGES[name]
    target = tmp_path / "mine.toml"
    copied = run_entx(capsys, "recipe", "copy", name, target)
    assert (copied.code, f"--stage {STAGES[name]}" in copied.out) == (0, True)
    assert target.read_text() == find_recipe(name).text
    assert tomllib.loads(run_entx(capsys, "recipe", "show", target).out)["stage"] == STAGES[name]
    again = run_entx(capsys, "recipe", "copy", name, target)
    assert (again.code, "exists already" in again.err) == (2, True)
    assert run_entx(capsys, "recipe", "copy", name, tmp_path / "mine.txt").code == 2


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_faulty_recipe_is_refused_with_all_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    text = find_recipe("gemma2-9b").text.replace("lr =", "learning =").replace("r = 16", "r = 0")
    ended = run_entx(capsys, "recipe", command, make_recipe(tmp_path / "mine.toml", text))
    assert ended.code == 2
    for part in ("unknown key train.learning", "train.lr is missing", "lora.r must be at least 1"):
        assert part in ended.err
    assert ended.err.count("\n") == 1


def test_a_recipe_is_checked_as_its_stage_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_recipe(tmp_path / "mine.toml", PICTURE_RECIPE)
    ended = run_entx(capsys, "recipe", "check", path, "--json")
    assert json.loads(ended.out) == {"name": str(path), "stage": "vlm", "digest": load_any(str(path)).digest}
    assert "a recipe of --stage vlm" in run_entx(capsys, "recipe", "check", path, "--stage", "vlm").out
    for more, said in (
        (("--stage", "llm"), "train it by --stage vlm"),
        (("--stage", "sound"), "this version trains: llm, vlm"),
        (("--set", "train.lr=0"), "train.lr must be greater than 0"),
    ):
        ended = run_entx(capsys, "recipe", "check", path, *more)
        assert (ended.code, said in ended.err) == (2, True)
    (tmp_path / "no.toml").write_text("a = = 1")
    ended = run_entx(capsys, "recipe", "check", tmp_path / "no.toml")
    assert (ended.code, "not a readable TOML file" in ended.err) == (2, True)
