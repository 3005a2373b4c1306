"""The folder of a training, and what its record tells of the course."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from entx.core.errors import InputError
from entx.neural.training import RECORD, Schedule, course, run_training, write_record


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
    write_record(tmp_path, {"title": "a"}, "# A card\n")
    assert json.loads((tmp_path / RECORD).read_text()) == {"title": "a"}
    assert (tmp_path / "README.md").read_text() == "# A card\n"
    assert weights.stat().st_mode & 0o777 == 0o644


class NoTrainerError(Exception):
    """Says that the trainer was asked for."""


def begin(out: Path, plan: dict[str, str], *, restart: bool = False) -> None:
    def build(*_: object) -> Any:
        raise NoTrainerError

    run_training(out, Schedule(plan, 0, 0, restart), build, lambda *_: {})


def test_only_the_same_plan_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(NoTrainerError):
        begin(out, {"rows": "a", "recipe": "b"})
    assert json.loads((tmp_path / "out.part" / "plan.json").read_text()) == {"rows": "a", "recipe": "b"}
    with pytest.raises(NoTrainerError):
        begin(out, {"rows": "a", "recipe": "b"})
    with pytest.raises(InputError) as caught:
        begin(out, {"rows": "c", "recipe": "d"})
    assert "unfinished training with another recipe and rows" in str(caught.value)
    with pytest.raises(NoTrainerError):
        begin(out, {"rows": "c", "recipe": "d"}, restart=True)
    assert json.loads((tmp_path / "out.part" / "plan.json").read_text())["rows"] == "c"


def test_a_half_written_model_is_thrown_away_and_checkpoints_are_kept(tmp_path: Path) -> None:
    part = tmp_path / "out.part"
    for name in ("model", "checkpoints"):
        (part / name).mkdir(parents=True)
        (part / name / "file").write_text("x")
    (part / "plan.json").write_text(json.dumps({"rows": "a"}))
    with pytest.raises(NoTrainerError):
        begin(tmp_path / "out", {"rows": "a"})
    assert not (part / "model").exists()
    assert (part / "checkpoints" / "file").exists()


def test_a_folder_that_is_there_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists already"):
        begin(tmp_path / "out", {}, restart=True)
    assert not (tmp_path / "out.part").exists()
