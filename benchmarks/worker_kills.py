"""Fault 3 for real: OCR of real pictures while a worker is killed every 2 s for a minute, and one picture kills its.

    python benchmarks/worker_kills.py FOLDER_OF_PICTURES [--pictures 1500] [--workers 2] [--every 2] [--seconds 60]

Prints how many pages came, which pictures were quarantined and why, and how many healthy pictures were lost (no page,
two pages, or quarantined), which must be 0. With `--compare` the same pictures are read again without a killer, and the
number of pages whose text differs is printed too. Exit status 1 when a healthy picture was lost or the poison was not
caught.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import sys
import threading
import time
from collections import Counter

import psutil

from benchmarks.shared import arguments, files_in, tasks_of
from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.engines.base import EngineSpec
from entx.ocr_stage.page_reader import PageReader
from entx.ocr_stage.pool import read_pages


class PoisonedReader(PageReader):
    """The real reader; it dies of one picture, as of a native crash that looks like the out-of-memory killer's work."""

    def __init__(self, spec: EngineSpec, poison: str) -> None:
        super().__init__(spec)
        self._poison = poison

    def read(self, picture: str, data: bytes) -> OcrPage:
        if picture == self._poison:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(picture, data)


def kill_workers(every: float, seconds: float, over: threading.Event, victims: list[int]) -> None:
    """SIGKILL to a random worker, again and again."""
    rng, end = random.Random(3), time.monotonic() + seconds
    while not over.wait(every) and time.monotonic() < end:
        workers = [c for c in psutil.Process().children() if any("spawn_main" in word for word in c.cmdline())]
        if workers:
            victim = rng.choice(workers)
            victim.kill()
            victims.append(victim.pid)


def main() -> int:
    parser = arguments(__doc__, "folder")
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--engine", default="rapidocr")
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()

    files = files_in([options.folder])
    random.Random(0).shuffle(files)
    given = tasks_of(files)[: options.pictures]
    poison = given[len(given) // 3].picture
    spec = EngineSpec.of(options.engine)

    over, victims = threading.Event(), list[int]()
    killer = threading.Thread(target=kill_workers, args=(options.every, options.seconds, over, victims))
    started = time.monotonic()
    killer.start()
    try:
        pages = list(read_pages(given, functools.partial(PoisonedReader, spec, poison), workers=options.workers))
    finally:
        over.set()
        killer.join()
    seconds = time.monotonic() - started

    found = Counter(page.picture for page in pages)
    statuses = Counter(str(page.status) for page in pages)
    quarantined = [page for page in pages if page.status is PageStatus.QUARANTINED]
    lost = {t.picture for t in given if found[t.picture] != 1} | {p.picture for p in quarantined}
    caught = poison in {page.picture for page in quarantined}
    lost -= {poison} if caught else set()
    print(f"pictures {len(given)}, pages {len(pages)}, by status {dict(statuses)}, workers killed {len(victims)}")
    print(f"{seconds:.1f} s with {options.workers} workers")
    for page in quarantined:
        print(f"quarantined: {'the poison' if page.picture == poison else page.picture}: {page.reason}")
    print(f"healthy pictures lost: {len(lost)}")
    if options.compare:
        healthy = [t for t in given if t.picture != poison]
        reader = functools.partial(PageReader, spec)
        quiet = {page.picture: page for page in read_pages(healthy, reader, workers=options.workers)}
        differing = sum(p.lines != quiet[p.picture].lines for p in pages if p.picture in quiet)
        print(f"pages that differ from an unbroken run: {differing} of {len(quiet)}")
    return 0 if caught and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
