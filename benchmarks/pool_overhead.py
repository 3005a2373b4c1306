"""What the pool itself costs: milliseconds a picture, from the first page to the last, with a reader that does nothing.

The files are small; hashing and reading them is in it. Memory over many real pictures: ocr_memory.py.

    python benchmarks/pool_overhead.py [--nothing 20000] [--workers 2]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.shared import arguments, tasks_of
from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.pool import read_pages


class NothingReader:
    def read(self, picture: str, data: bytes) -> OcrPage:  # noqa: ARG002
        return OcrPage(picture, PageStatus.OK)


def overhead(count: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(number)) for number in range(count)]
        for number, path in enumerate(paths):
            path.write_bytes(b"%d" % number * 1000)
        tasks = tasks_of(paths)
        started = time.perf_counter()
        first = 0.0
        for _ in read_pages(tasks, NothingReader, workers=workers):
            first = first or time.perf_counter()
        end = time.perf_counter()
    print(f"{workers} workers, nothing to do: first page {first - started:.2f} s, "
          f"then {1000 * (end - first) / (count - 1):.3f} ms a picture (n = {count})")  # fmt: skip


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--nothing", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for workers in (1, options.workers):
        overhead(options.nothing, workers)


if __name__ == "__main__":
    main()
