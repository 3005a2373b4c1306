"""Training on pictures: F1 as `predict` reads, counted by entity; what TRL and DeepSpeed are given."""

from __future__ import annotations

import importlib.util
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Quantity
from entx.neural.backends.base import Completion, Query
from entx.neural.model_folder import ModelFolder
from entx.neural.training.recipe import load_recipe
from entx.neural.training.trainer import sft_config
from entx.vlm_stage.data import PictureRecipe, Row
from entx.vlm_stage.families.base import family_of
from entx.vlm_stage.prompt import PromptForm, Serving
from entx.vlm_stage.training import DevQuestion, PictureStage, dev_questions, measure_f1, read_answers, write_freely
from tests.neural.fake_model import FakeModel
from tests.neural.training.inputs import draw, valued
from tests.vlm_stage.tiny_vlms import tiny_vlm

SERVING = Serving(PromptForm("{entity_name}?", "none"), 12544)


@pytest.fixture
def questions(tmp_path: Path) -> list[DevQuestion]:
    """Two pictures with two questions each, and one that is no picture."""
    drawn = valued(2)
    folder = draw(tmp_path, drawn)
    (tmp_path / "broken.png").write_bytes(b"x")
    first, second = (str(folder / one.name) for one in drawn)
    return [
        DevQuestion(first, "item_weight", "5.0 gram"), DevQuestion(second, "item_weight", ""),
        DevQuestion(first, "maximum_weight_recommendation", "7.0 gram"),
        DevQuestion(str(tmp_path / "broken.png"), "item_weight", "5.0 gram"),
        DevQuestion(second, "maximum_weight_recommendation", "5.0 gram"),
    ]  # fmt: skip


def test_counts_by_entity_follow_the_metric(questions: list[DevQuestion]) -> None:
    model = FakeModel("5 gram")
    measured = measure_f1(questions, read_answers(model, questions, SERVING, CHALLENGE))
    weight, most = measured["by_entity"]["item_weight"], measured["by_entity"]["maximum_weight_recommendation"]
    assert [weight[key] for key in ("questions", "tp", "fp", "fn", "tn")] == [3, 1, 1, 1, 0]
    assert [most[key] for key in ("questions", "tp", "fp", "fn", "tn")] == [2, 1, 1, 0, 0]
    assert (measured["precision"], measured["recall"]) == (2 / 4, 2 / 3)
    assert measured["f1"] == pytest.approx(4 / 7)
    assert weight["f1"] == 0.5


def test_each_picture_is_seen_once_for_all_of_its_questions(questions: list[DevQuestion]) -> None:
    model = FakeModel("5 gram")
    answers = read_answers(model, questions, SERVING, CHALLENGE)
    assert answers == ["5.0 gram", "5.0 gram", "5.0 gram", "", "5.0 gram"]
    assert sorted(len(one.queries) for one in model.seen) == [2, 2]
    assert {ask.question for one in model.seen for ask in one.queries} == {
        "item_weight?", "maximum_weight_recommendation?",
    }  # fmt: skip


def test_an_abstaining_model_and_one_without_any_answer(questions: list[DevQuestion]) -> None:
    measured = measure_f1(questions, read_answers(FakeModel("none"), questions, SERVING, CHALLENGE))
    assert (measured["f1"], measured["precision"], measured["recall"]) == (0.0, 0.0, 0.0)
    assert measured["by_entity"]["item_weight"]["tn"] == 1


def test_free_writing_is_not_constrained(questions: list[DevQuestion]) -> None:
    class Free(FakeModel):
        def completion(self, query: Query, max_tokens: int) -> Completion:
            assert query.pattern == ""
            return Completion("about 5 grams", -1.0)

    texts = write_freely(Free(), questions, SERVING, CHALLENGE)
    assert texts == ["about 5 grams"] * 3 + [""] + ["about 5 grams"]


def test_questions_are_taken_evenly() -> None:
    def row(number: int) -> Row:
        truth = Quantity(Decimal(number), "inch") if number % 2 else None
        return Row(number, f"p{number}", "g", "width", truth, 1.0, "own", False, f"{number}.png", (9, 9))

    chosen = dev_questions([row(number) for number in range(10)], 5)
    assert [one.path for one in chosen] == ["0.png", "2.png", "4.png", "6.png", "8.png"]
    assert [one.truth for one in dev_questions([row(0), row(1)], 99)] == ["", "1.0 inch"]
    assert dev_questions([], 5) == []


def stage(name: str, *assignments: str) -> PictureStage:
    recipe = load_recipe(PictureRecipe, name, assignments)
    return PictureStage(recipe, name, ModelFolder(Path("model"), False), CHALLENGE)


def given(name: str) -> dict[str, Any]:
    """What TRL's configuration is made from; the configuration itself would ask for deepspeed."""
    made = stage(name)
    options = made.trainer_options()
    deepspeed = options.pop("deepspeed")
    config = sft_config(
        made.recipe.train, Path("x"), backend="transformers", measured=True, max_length=made.recipe.model.max_length,
        **options,
    )  # fmt: skip
    return {**vars(config), "deepspeed": deepspeed}


def test_without_deepspeed_the_recipe_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entx.vlm_stage.training.find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        stage("qwen2-vl-2b-zero3").check()
    assert "pip install deepspeed" in str(caught.value)
    assert "--set deepspeed={}" in str(caught.value)
    assert "\n" not in str(caught.value)
    stage("qwen2-vl-2b-zero3", "deepspeed={}").check()
    stage("qwen2-vl-2b").check()


def test_the_configuration_that_trl_is_given() -> None:
    options = given("qwen2-vl-2b-zero3")
    config = json.loads(json.dumps(options["deepspeed"], allow_nan=False))
    assert config == stage("qwen2-vl-2b-zero3").recipe.deepspeed
    assert config["zero_optimization"]["stage"] == 3
    assert config["zero_optimization"]["offload_param"] == {"device": "cpu", "pin_memory": True}
    assert config["zero_optimization"]["offload_optimizer"] == {"device": "cpu", "pin_memory": True}
    assert config["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] is True
    for key in ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping"):
        assert config[key] == "auto"  # transformers fills them in from the recipe, so that nothing stands twice
    assert given("qwen2-vl-2b")["deepspeed"] is None


def test_the_recipes_values_reach_trl() -> None:
    options = given("qwen2-vl-2b")
    assert (options["per_device_train_batch_size"], options["gradient_accumulation_steps"]) == (2, 8)
    assert (options["learning_rate"], options["lr_scheduler_type"], options["warmup_steps"]) == (2e-4, "cosine", 0.05)
    assert (options["optim"], options["gradient_checkpointing"]) == ("adamw_8bit", True)
    assert options["max_length"] is None  # image tokens are never cut
    assert options["dataset_kwargs"] == {"skip_prepare_dataset": True}
    assert options["remove_unused_columns"] is False


def test_deepspeed_places_the_weights_itself(tmp_path: Path) -> None:
    """transformers refuses a device map together with ZeRO-3."""
    assert stage("qwen2-vl-2b-zero3").load_options(offload=True)["device"] == ""
    assert stage("qwen2-vl-2b-zero3", "deepspeed={}").load_options(offload=True)["device"] is None
    folder = tiny_vlm("qwen2_vl", tmp_path)
    loaded = family_of(folder).load(folder, device="")
    assert not hasattr(loaded.model, "hf_device_map")
    assert loaded.model.device.type == "cpu"


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="deepspeed is not installed")
def test_transformers_reads_it(tmp_path: Path) -> None:
    made = stage("qwen2-vl-2b-zero3")
    config = sft_config(
        made.recipe.train, tmp_path, backend="transformers", measured=False, max_length=99, **made.trainer_options()
    )
    assert config.hf_deepspeed_config.is_zero3()
    assert config.hf_deepspeed_config.is_offload()
