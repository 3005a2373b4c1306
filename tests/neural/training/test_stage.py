"""The folder of a training, what its record and its card tell of the course, and what it refuses."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.llm_stage.data import TextRecipe, TokenRow
from entx.llm_stage.training import TextStage
from entx.neural.model_folder import check_model_folder
from entx.neural.training.recipe import load_recipe
from entx.neural.training.rows import TrainingData
from entx.neural.training.stage import RECORD, course, model_card, train, write_record
from tests.llm_stage.tiny_models import tiny_model

FINISHED: dict[str, Any] = {
    "title": "a", "method": "full", "stage": "llm", "prompt_version": 1, "dev": None, "data": {}, "rows": {"visits": 1},
    "recipe": {"name": "r", "digest": "d", "settings": {"model": {"style": "compact"}}}, "training": {},
    "base": {"name": "b", "fingerprint": "f"}, "versions": {},
}  # fmt: skip


def state(*log: dict[str, Any], steps: int = 8) -> SimpleNamespace:
    return SimpleNamespace(log_history=list(log), global_step=steps, max_steps=10)


def test_the_course_tells_the_first_of_the_best_measurements() -> None:
    told = course(
        state(
            {"step": 2, "loss": 3.0}, {"step": 2, "eval_f1": 0.25}, {"step": 4, "eval_f1": 0.5},
            {"step": 4, "loss": 1.0, "grad_norm": 2.0}, {"step": 6, "eval_f1": 0.5}, {"step": 8, "train_runtime": 1.0},
        ),
        "transformers", 20, {"seconds": 3.0, "resumed at step": 0},
    )  # fmt: skip
    assert told["dev"] == {"questions": 20, "f1": 0.5, "step": 4, "measurements": 3}
    assert told["training"] == {
        "backend": "transformers", "steps": 8, "steps planned": 10, "last loss": 1.0, "seconds": 3.0,
        "resumed at step": 0,
    }  # fmt: skip
    assert len(told["history"]) == 5
    assert "torch" in told["versions"]


def test_a_training_without_measurements_says_so() -> None:
    told = course(state({"step": 1, "loss": 2.0}), "unsloth", 0, {})
    assert told["dev"] is None
    assert told["training"]["last loss"] == 2.0
    assert course(state(), "unsloth", 0, {})["training"]["last loss"] is None


def test_a_record_is_written_beside_the_weights_for_everybody(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"")
    weights.chmod(0o600)
    write_record(tmp_path, FINISHED)
    assert json.loads((tmp_path / RECORD).read_text()) == FINISHED
    assert "# a\n" in (tmp_path / "README.md").read_text()
    assert weights.stat().st_mode & 0o777 == 0o644


class NoTrainerError(Exception):
    """Says that the model was asked for, so that the training has begun."""


class Begun(TextStage):
    """A text stage whose model is never loaded."""

    def load(self, backend: str, *, offload: bool = True) -> Any:
        raise NoTrainerError


COUNTS: dict[str, Any] = {"questions": {}, "rows held out": 0}
ROW = TokenRow((), (((1,), (2, 3)),))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_model("llama").save_pretrained(folder)
    return folder


def begin(base: Path, out: Path, *rows: TokenRow, seed: int = 0, restart: bool = False) -> None:
    recipe = load_recipe(TextRecipe, "entx-small", [f"train.seed={seed}"])
    stage = Begun(recipe, "entx-small", check_model_folder(base), CHALLENGE)
    train(stage, TrainingData(rows or (ROW,), (), COUNTS), out, backend="transformers", restart=restart)


def test_only_the_same_plan_goes_on(base: Path, tmp_path: Path) -> None:
    out, plan = tmp_path / "out", tmp_path / "out.part" / "plan.json"
    with pytest.raises(NoTrainerError):
        begin(base, out)
    first = json.loads(plan.read_text())
    assert first.keys() == {"recipe", "rows", "base", "backend", "prompt_version"}
    with pytest.raises(NoTrainerError):
        begin(base, out)
    with pytest.raises(InputError) as caught:
        begin(base, out, ROW, ROW, seed=1)
    assert "unfinished training with another recipe and rows" in str(caught.value)
    assert "--restart" in str(caught.value)
    with pytest.raises(NoTrainerError):
        begin(base, out, ROW, ROW, seed=1, restart=True)
    assert json.loads(plan.read_text())["rows"] != first["rows"]


def test_a_half_written_model_is_thrown_away_and_checkpoints_are_kept(base: Path, tmp_path: Path) -> None:
    with pytest.raises(NoTrainerError):
        begin(base, tmp_path / "out")
    part = tmp_path / "out.part"
    for name in ("model", "checkpoints"):
        (part / name).mkdir(parents=True)
        (part / name / "file").write_text("x")
    with pytest.raises(NoTrainerError):
        begin(base, tmp_path / "out")
    assert not (part / "model").exists()
    assert (part / "checkpoints" / "file").exists()


def test_a_folder_that_is_there_is_never_touched(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists already"):
        begin(base, tmp_path / "out", restart=True)
    assert not (tmp_path / "out.part").exists()


def test_an_adapter_is_no_base(base: Path) -> None:
    folder = replace(check_model_folder(base), is_adapter=True)
    with pytest.raises(InputError, match="holds an adapter; training starts from a whole model"):
        TextStage(load_recipe(TextRecipe, "entx-small"), "entx-small", folder, CHALLENGE)


def test_nothing_to_train_on_says_why() -> None:
    counts = {"questions": {"dropped: no page": 1200, "used: none": 0, "not drawn": 3}, "rows held out": 2}
    with pytest.raises(InputError) as caught:
        TrainingData((), (), counts, too_long=5).require_rows()
    assert str(caught.value) == (
        "no rows to train on: 1,200 dropped: no page, 3 not drawn, 5 left out: more tokens than model.max_length, "
        "2 held out to measure F1 on (data.dev_share)"
    )
    with pytest.raises(InputError, match="the store has no labelled questions"):
        TrainingData((), (), COUNTS).require_rows()


TOLD: dict[str, Any] = {
    "title": "A model",
    "stage": "vlm",
    "method": "lora",
    "recipe": {
        "name": "own",
        "digest": "abc",
        "settings": {
            "title": 'a "quoted" one',
            "train": {"lr": 1e-4, "optimizer": None},
            "lora": {"targets": ["q", "v"], "r": 8},
            "deepspeed": {"zero": {"stage": 3, "offload": {"device": "cpu"}}, "steps": "auto"},
            "model": {"pixels": 1000},
            "prompt": {"question": "one\ntwo", "empty": ""},
            "pretrain": {},
        },
    },
    "base": {"name": "house/model", "fingerprint": "f"},
    "data": {"questions": {"used": 1200, "dropped": 3}, "note": "a|b"},
    "rows": {"visits": 2400},
    "dev": {"questions": 100, "f1": 0.71234, "step": 30, "measurements": 4},
    "by entity": {
        "height": {"questions": 60, "f1": 0.5, "precision": 0.25, "recall": 1.0, "tp": 3, "fp": 9, "fn": 0, "tn": 48}
    },
    "training": {"steps": 50, "last loss": 0.123456},
    "versions": {"torch": "2", "peft": "1"},
}


def test_an_adapter_with_its_table() -> None:
    card = model_card(TOLD)
    assert card.startswith("---\nlibrary_name: peft\npipeline_tag: image-text-to-text\nbase_model: house/model\n")
    assert "tags: [entx, quantity-extraction, vision]" in card
    assert "A LoRA adapter for `house/model` that answers questions about quantities" in card
    assert "from a product picture." in card
    assert "entx predict --stage vlm --store s.duckdb --model BASE_FOLDER --adapter THIS_FOLDER" in card
    assert (
        "F1 on 100 dev questions by free reading within the legal answers: **0.712** at step 30 (4 measurements" in card
    )
    assert "| height | 60 | 0.500 | 0.250 | 1.000 | 3 | 9 | 0 | 48 |" in card
    assert "| questions | used 1,200, dropped 3 |\n| note | a\\|b |" in card
    assert "It is asked, with pictures of at most 1,000 pixels: one / two" in card
    assert "Versions: peft 1, torch 2." in card


def test_the_settings_in_it_are_toml_again() -> None:
    card = model_card(TOLD)
    settings = TOLD["recipe"]["settings"]
    found = tomllib.loads(card.split("```toml\n")[1].split("```")[0])
    assert found["deepspeed"] == settings["deepspeed"]
    assert found["prompt"] == settings["prompt"]
    assert found["title"] == settings["title"]
    assert found["train"] == {"lr": 1e-4}
    assert found["lora"] == settings["lora"]
    assert "pretrain" not in found


def test_a_whole_model_without_dev_rows() -> None:
    record = {**TOLD, "method": "full", "dev": None, "base": {"name": "folder", "fingerprint": "f"}}
    record.pop("by entity")
    card = model_card(record)
    assert "library_name: transformers" in card
    assert "base_model" not in card
    assert "A vision-language model fine-tuned from `folder`" in card
    assert "--model THIS_FOLDER" in card
    assert "nothing is known of their F1" in card
    assert "| entity |" not in card


def test_a_merged_adapter_is_a_whole_model_and_tells_of_the_guard() -> None:
    guard = {"questions": 64, "chosen": 0, "written": 1}
    merged = {"dtype": "bfloat16", "guard": guard, "against 4-bit weights": {**guard, "chosen": 5}}
    card = model_card({**TOLD, "merge": merged})
    assert "library_name: transformers" in card
    assert "chose differently in 0 and wrote differently in 1" in card
    assert "on the 4-bit weights that it was trained on: 5 and 1." in card
    assert "curve.png" not in card


def test_a_text_model_is_described_by_its_prompts() -> None:
    settings = {"model": {"style": "compact"}}
    record = {**TOLD, "stage": "llm", "prompt_version": 3, "recipe": {**TOLD["recipe"], "settings": settings}}
    del record["by entity"]
    card = model_card(record)
    assert "pipeline_tag: text-generation" in card
    assert "It reads prompts of version 3 in the compact style only" in card
    assert "by candidate scoring" in card
    assert model_card({key: value for key, value in record.items() if key != "stage"}) == card  # as older folders say
