"""Several processes by torchrun train as one does; here two by gloo, on CPUs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from entx.core.errors import InputError
from entx.neural.training.processes import Processes
from entx.neural.training.recipe import TrainSettings
from tests.neural.training.inputs import Inputs, break_off, entx, picture_inputs, record_of, sets, text_inputs

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return text_inputs(tmp_path_factory.mktemp("text"))


def settings(batch: int, accumulation: int) -> TrainSettings:
    return TrainSettings(method="full", lr=1e-3, epochs=1, batch=batch, accumulation=accumulation)


@pytest.mark.parametrize(
    ("count", "batch", "accumulation", "shared"),
    [(1, 4, 3, (4, 3)), (2, 4, 6, (4, 3)), (4, 4, 2, (2, 1)), (8, 8, 1, (1, 1)), (6, 4, 3, (2, 1))],
)
def test_a_step_keeps_its_rows(count: int, batch: int, accumulation: int, shared: tuple[int, int]) -> None:
    share = Processes(count).share(settings(batch, accumulation))
    assert (share.batch, share.accumulation) == shared
    assert share.batch * share.accumulation * count == batch * accumulation


def test_a_step_that_cannot_be_shared_is_refused_with_one_that_can() -> None:
    with pytest.raises(
        InputError, match=r"3 processes .* the 8 rows of a step evenly .* train\.accumulation=6"
    ) as told:
        Processes(3).share(settings(4, 2))
    assert "\n" not in str(told.value)
    assert Processes(3).share(settings(4, 6)).accumulation == 2


def test_the_parts_of_all_processes_are_the_whole() -> None:
    parts = [Processes(3, rank).part(range(8)) for rank in range(3)]
    assert [one for part in parts for one in part] == list(range(8))
    assert max(map(len, parts)) == 3
    assert list(Processes().part(range(8))) == list(range(8))


def test_what_is_wrong_for_all_is_said_by_one(
    text: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    said = []
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("LOCAL_RANK", rank)
        ended = text.train(capsys, tmp_path / "made")
        assert ended.code == 2
        said.append(ended.err)
    assert "3 processes cannot share the 4 rows of a step evenly" in said[0]
    assert said[1] == ""
    assert list(tmp_path.iterdir()) == []


def finish(inputs: Inputs, out: Path, more: Sequence[str]) -> None:
    entx(*inputs.arguments, "--out", out, "--quiet", *more)


def same_course(one: Path, other: Path) -> None:
    """The same losses, measurements and weights, and the same files."""
    left, right = record_of(one), record_of(other)
    assert (left["rows"], left["dev"], left["recipe"]) == (right["rows"], right["dev"], right["recipe"])
    losses = [[entry["loss"] for entry in record["history"] if "loss" in entry] for record in (left, right)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert {file.name for file in one.iterdir()} == {file.name for file in other.iterdir()}
    weights = [load_file(folder / "model.safetensors") for folder in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(abs(weights[0][name] - weights[1][name]).max() < 1e-4 for name in weights[0])


@pytest.mark.parametrize("together", [1, 3])
def test_two_processes_make_the_folder_of_one(text: Inputs, tmp_path: Path, together: int) -> None:
    """Rows that no step of ten divides: the last step is filled up, and its loss is that of its own rows."""
    more = sets("train.epochs=1", "train.batch=10", "train.evaluate_every=5", f"data.together={together}")
    finish(text, tmp_path / "one", more)
    arguments = map(str, (*text.arguments, "--out", tmp_path / "two", *more))
    ended = subprocess.run(
        [*TORCHRUN, "-m", "entx", *arguments], capture_output=True, text=True, timeout=200, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert record_of(tmp_path / "two")["rows"]["visits"] % 10
    same_course(tmp_path / "one", tmp_path / "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    for part in ("labelled questions", "steps in", "best F1", "Written: "):
        assert ended.stdout.count(part) == 1, ended.stdout
    assert "entx: " not in ended.stderr


def test_two_processes_that_are_stopped_leave_what_one_goes_on_with(tmp_path: Path) -> None:
    """Of pictures; accumulated, so that a step of two processes is one pass each."""
    inputs = picture_inputs(tmp_path)
    more = sets("train.epochs=12", "train.batch=4", "train.accumulation=2", "train.lr=1e-3")
    finish(inputs, tmp_path / "one", more)
    process, _ = break_off([*inputs.arguments, *more], tmp_path / "two", signal.SIGTERM, TORCHRUN)
    _, errors = process.communicate(timeout=120)
    assert process.returncode
    assert errors.count("entx: stopped by SIGTERM after step") == 1, errors
    assert not (tmp_path / "two").exists()
    finish(inputs, tmp_path / "two", more)
    assert record_of(tmp_path / "two")["training"]["resumed at step"] >= 4
    same_course(tmp_path / "one", tmp_path / "two")
