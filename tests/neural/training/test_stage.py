"""The folder of a training, what its record tells of the course, and what it refuses."""

from __future__ import annotations

import json
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
from entx.neural.training.card import RECORD, write_record
from entx.neural.training.recipe import load_recipe
from entx.neural.training.sampling import TrainingData
from entx.neural.training.stage import course, train
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
ROW = TokenRow((1, 2, 3), 1, 1.0)


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


def test_several_processes_are_refused(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would write the one folder."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="--nproc-per-node 1"):
        begin(base, tmp_path / "out")


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
