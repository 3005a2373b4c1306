"""What the pool itself costs: reading with a reader that does nothing, and resident memory with the real one.

    python benchmarks/pool_overhead.py FOLDER_OF_PICTURES [--nothing 20000] [--pictures 1500] [--workers 2]

First part: milliseconds a picture, from the first page to the last, of small files with a reader that returns an empty
page; hashing and reading the file are in it. Second part: pictures per second and the resident memory of the workers
(their sum and the largest one, sampled four times a second) and of the parent, in ten parts of the run, with the real
reader; and the share of pictures without text, which the alarm of `entx.ocr_stage.cache` needs to know.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.pool import read_pages
from entx.ocr_stage.worker import Task


class NothingReader:
    def read(self, picture: str, data: bytes) -> OcrPage:  # noqa: ARG002
        return OcrPage(picture, PageStatus.OK)


def overhead(count: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tasks = []
        for i in range(count):
            path = Path(folder, str(i))
            path.write_bytes(b"%d" % i * 1000)
            tasks.append(Task(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)))
        started = time.perf_counter()
        first = 0.0
        for _ in read_pages(tasks, NothingReader, workers=workers):
            first = first or time.perf_counter()
        end = time.perf_counter()
    print(f"{workers} workers, nothing to do: first page {first - started:.2f} s, "
          f"then {1000 * (end - first) / (count - 1):.3f} ms a picture (n = {count})")  # fmt: skip


class MemoryWatch:
    """The largest resident memory of the workers since the last look."""

    def __init__(self) -> None:
        self.over, self.total, self.single = threading.Event(), 0, 0
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.over.wait(0.25):
            sizes = [0]
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):
                    sizes.append(child.memory_info().rss)
            self.total, self.single = max(self.total, sum(sizes)), max(self.single, *sizes)

    def look(self) -> tuple[int, int]:
        seen = self.total >> 20, self.single >> 20
        self.total = self.single = 0
        return seen


def memory(folder: Path, count: int, workers: int, engine: str) -> None:
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.ocr_stage.page_reader import PageReader

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    tasks = list(
        {t.picture: t for t in (Task(hashlib.sha256(f.read_bytes()).hexdigest(), str(f)) for f in files)}.values()
    )
    tasks = tasks[:: max(1, len(tasks) // count)][:count]
    statuses: Counter[str] = Counter()
    empty, watch, started = 0, MemoryWatch(), time.perf_counter()
    part = max(1, len(tasks) // 10)
    reader = functools.partial(PageReader, EngineSpec.of(engine))
    for done, page in enumerate(read_pages(tasks, reader, workers=workers), start=1):
        statuses[str(page.status)] += 1
        empty += page.status is PageStatus.OK and not page.lines
        if done % part == 0:
            total, single = watch.look()
            now = time.perf_counter()
            own = psutil.Process().memory_info().rss >> 20
            print(f"{done} pages: {part / (now - started):.2f} a second; MiB: workers {total}, the largest {single}, "
                  f"parent {own}", flush=True)  # fmt: skip
            started = now
    watch.over.set()
    print(f"by status {dict(statuses)}; without text {empty} of {statuses['ok']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nothing", type=int, default=20_000)
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="rapidocr")
    arguments = parser.parse_args()
    for workers in (1, arguments.workers):
        overhead(arguments.nothing, workers)
    memory(arguments.folder, arguments.pictures, arguments.workers, arguments.engine)


if __name__ == "__main__":
    main()
