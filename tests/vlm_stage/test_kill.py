"""A vision run that is killed, or told to stop, goes on from what it had committed and ends as an unbroken one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from entx.storage.runs import load_answers
from entx.storage.store import Store
from tests.cli.runner import run_entx
from tests.vlm_stage.stores import Pictured, fill, label
from tests.vlm_stage.tiny_vlms import tiny_qwen

PICTURES = 40
QUESTIONS = 2 * PICTURES


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of forty pictures with two questions each, and a model."""
    folder = tmp_path_factory.mktemp("labels")
    files = [label(folder / f"{n}.png", f"{n} g", (150, 150)) for n in range(PICTURES)]
    store = fill(folder, [Pictured(file.name, ("height", "width")) for file in files])
    return store, tiny_qwen("qwen2_vl", folder / "model", seed=4, hidden=64)


def arguments(store: Path, model: Path) -> list[str]:
    return ["predict", "--stage", "vlm", "--store", str(store), "--model", str(model), "--threads", "1", "--batch", "1"]


def texts(store: Path) -> dict[int, str]:
    with Store(store) as opened:
        return {index: answer.text for index, answer in load_answers(opened, "vlm")}


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_goes_on_from_what_was_committed(
    given: tuple[Path, Path], tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    source, model = given
    store = Path(shutil.copy(source, tmp_path / "s.duckdb"))
    log = tmp_path / "s.duckdb.wal"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-m", "entx", *arguments(store, model)], env=environment) as process:
        until = time.monotonic() + 120
        while not (log.exists() and log.stat().st_size > 12_000):  # some commits: each is a few hundred bytes or more
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(number)
        stopped = time.monotonic()
        assert process.wait(30) == (-number if number is signal.SIGKILL else 128 + number)
        assert time.monotonic() - stopped < 10
    kept = texts(store)
    assert 0 < len(kept) < QUESTIONS
    assert run_entx(capsys, *arguments(store, model)).code == 0
    found = texts(store)
    assert sorted(found) == list(range(QUESTIONS))
    assert {index: found[index] for index in kept} == kept
    if number is signal.SIGKILL:
        whole = Path(shutil.copy(source, tmp_path / "whole.duckdb"))
        assert run_entx(capsys, *arguments(whole, model)).code == 0
        assert found == texts(whole)
