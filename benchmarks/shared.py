"""What the benchmarks share: arguments, pictures drawn by slice, ways measured in turn, tallies, commands, memory."""

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
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil

from entx.ocr_stage.worker import Task

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
NO_RUN = "no such run: every question of the store is open"


def arguments(doc: str | None, *paths: str) -> argparse.ArgumentParser:
    """A parser whose help is the script's own docstring, with these paths, all of them required."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in paths:
        parser.add_argument(name, type=Path, **({"required": True} if name.startswith("--") else {}))
    return parser


def write_json(path: Path | None, found: object) -> None:
    """What --json FILE writes."""
    if path is not None:
        path.write_text(json.dumps(found, indent=1))


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


class Tally:
    """How often something was right, by label (a kind and a value)."""

    def __init__(self) -> None:
        self.right: Counter[tuple[str, str]] = Counter()
        self.total: Counter[tuple[str, str]] = Counter()

    def add(self, right: bool, *labels: tuple[str, str]) -> None:
        self.total.update(labels)
        self.right.update(labels if right else ())

    def print(self) -> None:
        for label, total in sorted(self.total.items()):
            right = self.right[label]
            print(f"{label[0]:10s} {label[1]:30s} {right:5d} of {total:5d}  {right / total:.3f}")


def take_turns(
    ways: Mapping[str, Callable[[Sequence[T]], list[str]]], items: Sequence[T], chunk: int,
    **meters: Callable[[], float],
) -> tuple[dict[str, list[str]], dict[str, Counter[str]]]:  # fmt: skip
    """Gives every way the same items, chunk by chunk in turn, so that a busy machine slows each.

    Returns:
        The answers of each way, and how far each meter ran while it read.
    """
    answers: dict[str, list[str]] = {name: [] for name in ways}
    ran: dict[str, Counter[str]] = {name: Counter() for name in ways}
    for way in ways.values():  # the first call of each pays for what is made once
        way(items[:1])
    for start in range(0, len(items), chunk):
        for name, way in ways.items():
            before = {meter: read() for meter, read in meters.items()}
            answers[name] += way(items[start : start + chunk])
            ran[name].update({meter: read() - before[meter] for meter, read in meters.items()})
    return answers, ran


class Constrained:
    """A logits processor for `generate`: the constraint of a stage (`entx.neural.decoding`), for one row."""

    def __init__(self, constrainer: Any, pattern: str, prompt: int):
        self.constrainer, self.matcher, self.prompt = constrainer, constrainer.matcher(pattern), prompt

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        if input_ids.shape[1] > self.prompt:
            self.matcher.consume_token(int(input_ids[0, -1]))
        allowed = torch.from_numpy(self.constrainer.allowed(self.matcher)).to(scores.device)
        return scores.masked_fill(~allowed, -torch.inf)


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
