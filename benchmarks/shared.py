"""What the benchmarks share: arguments, pictures drawn by slice, commands timed as a user runs them, peak memory."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from entx.ocr_stage.worker import Task

ROOT = Path(__file__).parents[1]
NO_RUN = "no such run: every question of the store is open"


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the script's own docstring."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def number_or_text(pairs: Iterable[str]) -> dict[str, int | str]:
    """NAME=VALUE arguments."""
    split = (pair.split("=", 1) for pair in pairs)
    return {name: int(value) if value.isdigit() else value for name, value in split}


def files_in(folders: Iterable[Path]) -> list[Path]:
    """All files of some folders, by name."""
    return sorted((p for folder in folders for p in folder.rglob("*") if p.is_file()), key=lambda p: p.name)


def drawn(folders: Iterable[Path], count: int, seed: int) -> dict[str, list[Path]]:
    """Pictures in random order, half of the challenge's small ones (their names start with 11 to 41), half large."""
    found, chance, chosen = files_in(folders), random.Random(seed), {}
    for name, wanted in (("small", True), ("large", False)):
        pool = [path for path in found if (path.name[:2].isdigit() and int(path.name[:2]) <= 41) is wanted]
        chosen[name] = chance.sample(pool, min(count // 2, len(pool)))
    return chosen


def tasks_of(files: Iterable[Path]) -> list[Task]:
    """One task for each distinct picture."""
    tasks = (Task(hashlib.sha256(file.read_bytes()).hexdigest(), str(file)) for file in files)
    return list({task.picture: task for task in tasks}.values())


class PeakMemory:
    """The largest resident memory of some processes since the last look, sampled ten times a second.

    Args:
        processes: those that count; by default this process's children and theirs.
    """

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]] | None = None) -> None:
        self._processes = processes or (lambda: psutil.Process().children(recursive=True))
        self._over, self._thread = threading.Event(), threading.Thread(target=self._sample, daemon=True)
        self._together = self._single = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> tuple[int, int]:
        """Bytes of all together and of the largest, since the last look."""
        seen = self._together, self._single
        self._together = self._single = 0
        return seen

    def _sample(self) -> None:
        while not self._over.wait(0.1):
            sizes = [0]
            for process in self._processes():
                with contextlib.suppress(psutil.Error):
                    sizes.append(process.memory_info().rss)
            self._together, self._single = max(self._together, sum(sizes)), max(self._single, *sizes)


def timed(command: Sequence[object]) -> tuple[float, str]:
    """Seconds of a whole Python process, by the clock, and what it prints; the command is what follows `python`."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def entx(*command: object) -> tuple[float, dict[str, Any]]:
    """Seconds of a whole `entx` command, and what it reports with --json."""
    seconds, printed = timed(["-m", "entx", *command, "--json", "--quiet"])
    return seconds, json.loads(printed)
