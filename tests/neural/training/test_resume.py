"""A training that is killed or stopped goes on and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.numpy import load_file

from tests.cli.runner import run_entx
from tests.llm_stage.training import entx, make_base, make_recipe, make_store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Arguments of a training, and the folder that it made without a break."""
    folder = tmp_path_factory.mktemp("unbroken")
    store = make_store(folder / "s.duckdb")
    recipe = make_recipe(folder / "tiny.toml")
    base = make_base(folder / "base")
    arguments = ["train", "--stage", "llm", "--recipe", str(recipe), "--store", str(store), "--model", str(base)]
    finish(arguments, folder / "whole")
    return arguments, folder / "whole"


def finish(arguments: list[str], out: Path) -> None:
    """Trains to the end in this process, on one thread like the processes that are broken off."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        entx(*arguments, "--out", out, "--quiet")
    finally:
        torch.set_num_threads(threads)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "training.json").read_text())


def break_off(arguments: list[str], out: Path, number: signal.Signals) -> tuple[int, float, str]:
    """Starts the training and sends the signal once a checkpoint is whole.

    Returns exit code, the processor's seconds from the signal to the end, and stderr.
    """
    earlier = children_seconds()
    process = subprocess.Popen(
        [sys.executable, "-m", "entx", *arguments, "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    checkpoints = out.with_name(out.name + ".part") / "checkpoints"
    while not list(checkpoints.glob("checkpoint-*/complete.json")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    used = psutil.Process(process.pid).cpu_times()
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    return process.returncode, children_seconds() - earlier - used.user - used.system, errors


def children_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_broken_training_goes_on_to_the_same_end(
    unbroken: tuple[list[str], Path], tmp_path: Path, number: signal.Signals
) -> None:
    arguments, whole = unbroken
    out = tmp_path / "broken"
    code, seconds, errors = break_off(arguments, out, number)
    assert not out.exists()
    if number == signal.SIGTERM:
        assert code == 128 + signal.SIGTERM
        assert seconds < 5  # of the processor: a busy machine makes the clock's longer
        assert "stopped by SIGTERM after step" in errors
        assert "Traceback" not in errors
    else:
        assert code == -signal.SIGKILL
    finish(arguments, out)
    resumed, expected = record(out), record(whole)
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


def test_unfinished_training_of_other_settings_is_not_continued(
    unbroken: tuple[list[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, _ = unbroken
    out = tmp_path / "out"
    part = out.with_name("out.part")
    part.mkdir()
    plan = {"recipe": "other", "rows": "other", "base": "other", "backend": "transformers", "prompt_version": 1}
    (part / "plan.json").write_text(json.dumps(plan))
    ended = run_entx(capsys, *arguments, "--out", out)
    assert ended.code == 2
    assert "unfinished training with another base and recipe and rows" in ended.err
    assert "--restart" in ended.err


def test_finished_folder_is_never_overwritten(
    unbroken: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, whole = unbroken
    before = (whole / "training.json").read_bytes()
    ended = run_entx(capsys, *arguments, "--out", whole)
    assert ended.code == 2
    assert "exists already" in ended.err
    assert (whole / "training.json").read_bytes() == before
