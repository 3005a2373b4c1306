"""A training that is killed or stopped goes on and ends as if nothing had happened."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file

from tests.neural.training.inputs import Inputs, break_off, entx, picture_inputs, record_of, sets, text_inputs
from tests.vlm_stage.tiny_vlms import tiny_vlm


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, Path]:
    """What a training is given, and the folder that it made without a break."""
    inputs = text_inputs(tmp_path_factory.mktemp("unbroken"))
    finish(inputs, inputs.folder / "whole")
    return inputs, inputs.folder / "whole"


def finish(inputs: Inputs, out: Path) -> None:
    """Trains to the end in this process, on one thread like the processes that are broken off."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        entx(*inputs.arguments, "--out", out, "--quiet")
    finally:
        torch.set_num_threads(threads)


def children_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_broken_training_goes_on_to_the_same_end(
    unbroken: tuple[Inputs, Path], tmp_path: Path, number: signal.Signals
) -> None:
    inputs, whole = unbroken
    out = tmp_path / "broken"
    earlier = children_seconds()
    process, used = break_off(inputs.arguments, out, number)
    _, errors = process.communicate(timeout=120)
    code, seconds = process.returncode, children_seconds() - earlier - used
    assert not out.exists()
    if number == signal.SIGTERM:
        assert code == 128 + signal.SIGTERM
        assert seconds < 5  # of the processor: a busy machine makes the clock's longer
        assert "stopped by SIGTERM after step" in errors
        assert "Traceback" not in errors
    else:
        assert code == -signal.SIGKILL
    finish(inputs, out)
    resumed, expected = record_of(out), record_of(whole)
    assert resumed["training"]["resumed at step"] >= 10
    assert resumed["training"]["steps"] == expected["training"]["steps"]
    assert resumed["training"]["last loss"] == pytest.approx(expected["training"]["last loss"], rel=1e-6)
    f1 = [[entry["eval_f1"] for entry in one["history"] if "eval_f1" in entry] for one in (resumed, expected)]
    assert f1[0] == f1[1]
    assert resumed["dev"] == expected["dev"]
    left, right = load_file(out / "model.safetensors"), load_file(whole / "model.safetensors")
    assert left.keys() == right.keys()
    assert all(abs(left[name] - right[name]).max() < 1e-6 for name in left)
    assert not out.with_name("broken.part").exists()


def test_whole_weights_under_published_names_are_resumed_and_the_best_are_kept(tmp_path: Path) -> None:
    """Moondream2 by its language part: the library would write checkpoints with other names than it reads."""
    inputs = picture_inputs(tmp_path)
    base = tiny_vlm("moondream1", tmp_path / "moondream", layers=2)
    steady = ("model.scope=language", "train.scheduler=constant", "train.warmup=0", "train.group_by_length=false")
    arguments = [*inputs.arguments[:-1], base, "--quiet", *sets(*steady, "train.epochs=4")]
    broken, whole, short = (tmp_path / name for name in ("broken", "whole", "short"))
    process, _ = break_off(arguments, broken, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    for out, more in ((broken, ()), (whole, ()), (short, sets("train.max_steps=4"))):
        entx(*arguments, "--out", out, *more)
    records = [record_of(out) for out in (broken, whole, short)]
    assert records[0]["training"]["resumed at step"] >= 4
    losses = [[entry["loss"] for entry in one["history"] if "loss" in entry] for one in records]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert [one["dev"]["step"] for one in records] == [4, 4, 4]  # it never reads any; the first measurement counts
    left, right, best = (load_file(out / "model.safetensors") for out in (broken, whole, short))
    assert left.keys() == right.keys() == best.keys() == load_file(base / "model.safetensors").keys()
    for name in best:
        assert max(abs(left[name] - right[name]).max(), abs(right[name] - best[name]).max()) < 1e-5, name


def test_finished_folder_is_never_overwritten(
    unbroken: tuple[Inputs, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, whole = unbroken
    before = (whole / "training.json").read_bytes()
    ended = inputs.train(capsys, whole)
    assert (ended.code, "exists already" in ended.err) == (2, True)
    assert (whole / "training.json").read_bytes() == before


def test_unfinished_training_of_other_settings_is_not_continued(
    unbroken: tuple[Inputs, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, _ = unbroken
    out = tmp_path / "out"
    part = out.with_name("out.part")
    part.mkdir()
    plan = {"recipe": "other", "rows": "other", "base": "other", "backend": "transformers", "prompt_version": 1}
    (part / "plan.json").write_text(json.dumps(plan))
    ended = inputs.train(capsys, out)
    assert ended.code == 2
    assert "unfinished training with another base and recipe and rows" in ended.err
    assert "--restart" in ended.err
