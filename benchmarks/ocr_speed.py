"""Pictures per second, numbers found and memory of our OCR beside its peers, interleaved in one run.

Arms, each with the machine to itself while its turn lasts (turns of --chunk pictures, in rotating order):

    plain    RapidOCR() at its defaults (ONNX Runtime, all cores), one picture after the other
    paddle   (--paddle) PaddleOCR's own predict loop at its defaults, on the same PP-OCRv6 files
    ours     --workers spawned processes, each with a PageReader of one thread

The pictures are drawn by seed from folders of product pictures, half from those whose name starts with 11 to 41 (small
ones), half from the rest. `plain_numbers_found` is the share of the plain loop's numeric strings (digit runs with
inner `.`, `,` or `/`, of lines with a score of 0.5 or more, per picture) that the arm's text holds too.

    python benchmarks/ocr_speed.py PICTURES... [-n 300] [--paddle] [--workers 2] [--json OUT.json]
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.shared import PeakMemory, arguments, drawn, number_or_text, write_json
from entx.core.types import OcrPage
from entx.ocr_stage.engines.base import EngineSpec
from entx.ocr_stage.page_reader import clean, numeric_strings

Lines = list[tuple[str, float]]
Read = Callable[[list[Path]], list[Lines]]

MIN_SCORE = 0.5


@dataclass
class Arm:
    """One peer: how it reads a chunk, and what it has cost and found so far."""

    name: str
    read: Read
    processes: list[psutil.Process]
    seconds: dict[str, float] = field(default_factory=dict)
    pages: dict[Path, Lines] = field(default_factory=dict)
    peak_mb: float = 0.0


def numbers(lines: Lines) -> set[str]:
    return {number for text, score in lines if score >= MIN_SCORE for number in numeric_strings(clean(text))}


# In the arms' own processes ------------------------------------------------------------------------------------------

_ENGINE: Any = None


def start_plain() -> None:
    global _ENGINE
    from rapidocr import RapidOCR

    _ENGINE = RapidOCR()
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)


def read_plain(path: Path) -> Lines:
    out = _ENGINE(path.read_bytes())
    return [] if out.txts is None else [(str(t), float(s)) for t, s in zip(out.txts, out.scores, strict=True)]


def start_paddle() -> None:
    global _ENGINE
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    from paddleocr import PaddleOCR

    from entx.ocr_stage.engines.paddle import NAMES, model_folders

    models, folders = {}, model_folders()
    for part, kind in (("text_detection", "det"), ("text_recognition", "rec"), ("textline_orientation", "cls")):
        models |= {f"{part}_model_name": NAMES[kind], f"{part}_model_dir": str(folders[kind])}
    _ENGINE = PaddleOCR(
        engine="onnxruntime", use_doc_orientation_classify=False, use_doc_unwarping=False, **models
    )  # fmt: skip


def read_paddle(path: Path) -> Lines:
    import cv2
    import numpy as np

    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    (out,) = _ENGINE.predict(image)
    return [(str(t), float(s)) for t, s in zip(out["rec_texts"], out["rec_scores"], strict=True)]


def start_ours(spec: EngineSpec) -> None:
    global _ENGINE
    from entx.ocr_stage.page_reader import PageReader

    _ENGINE = PageReader(spec)


def read_ours(path: Path) -> Lines:
    page: OcrPage = _ENGINE.read(path.name, path.read_bytes())
    return [(line.text, line.score) for line in page.lines]


# ---------------------------------------------------------------------------------------------------------------------


@contextmanager
def arms(spec: EngineSpec, workers: int, paddle: bool) -> Iterator[list[Arm]]:
    spawn = multiprocessing.get_context("spawn")
    wanted: list[tuple[str, int, Any, tuple[Any, ...], Any]] = [("plain", 1, start_plain, (), read_plain)]
    if paddle:
        wanted.append(("paddle", 1, start_paddle, (), read_paddle))
    wanted.append(("ours", workers, start_ours, (spec,), read_ours))
    pools, found = [], []
    try:
        for name, count, start, arguments, read in wanted:
            before = set(psutil.Process().children())
            pool = spawn.Pool(count, start, arguments)
            pools.append(pool)
            # Python's own resource tracker is a child too, of the first pool's making, and small.
            processes = sorted(set(psutil.Process().children()) - before, key=lambda process: process.pid)[-count:]
            found.append(Arm(name, lambda paths, pool=pool, read=read: pool.map(read, paths, chunksize=1), processes))
        yield found
    finally:
        for pool in pools:
            pool.terminate()
            pool.join()


def run(arm: Arm, slice_name: str, paths: list[Path]) -> None:
    """One turn of one arm, its processes' summed memory sampled beside it."""
    with PeakMemory(lambda: arm.processes) as memory:
        start = time.perf_counter()
        pages = arm.read(paths)
        arm.seconds[slice_name] = arm.seconds.get(slice_name, 0.0) + time.perf_counter() - start
    arm.peak_mb = max(arm.peak_mb, memory.look()[0] / 2**20)
    arm.pages |= dict(zip(paths, pages, strict=True))


def report(found: list[Arm], chosen: dict[str, list[Path]]) -> dict[str, Any]:
    plain = found[0]
    table: dict[str, Any] = {}
    for arm in found:
        row: dict[str, Any] = {"processes": len(arm.processes), "peak_rss_mb": round(arm.peak_mb)}
        for name in (*chosen, "all"):
            paths = [p for key, group in chosen.items() if name in (key, "all") for p in group]
            seconds = sum(arm.seconds[key] for key in chosen if name in (key, "all"))
            base = sum(plain.seconds[key] for key in chosen if name in (key, "all"))
            there = [(numbers(plain.pages[p]), numbers(arm.pages[p])) for p in paths]
            total = sum(len(theirs) for theirs, _ in there)
            row[name] = {
                "pictures": len(paths),
                "pictures_per_second": round(len(paths) / seconds, 3),
                "times_plain": round(base / seconds, 2),
                "plain_numbers": total,
                "plain_numbers_found": round(sum(len(a & b) for a, b in there) / max(total, 1), 4),
                "own_numbers": sum(len(own) for _, own in there),
            }
        table[arm.name] = row
    return table


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="PICTURES", help="folders of pictures")
    parser.add_argument("-n", type=int, default=300, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chunk", type=int, default=30, help="pictures in one turn")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--paddle", action="store_true", help="PaddleOCR's predict loop as well")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="of our engine")
    parser.add_argument("--json", type=Path, help="write the table here")
    options = parser.parse_args()

    spec = EngineSpec.of(**number_or_text(options.param))
    chosen = drawn(options.folders, options.n, options.seed)
    with arms(spec, options.workers, options.paddle) as found:
        for arm in found:  # the first pictures pay for loading
            arm.read(chosen["small"][:2] + chosen["large"][:2])
        turns = [
            (name, group[i : i + options.chunk])
            for i in range(0, options.n // 2, options.chunk)
            for name, group in chosen.items()
        ]
        for number, (name, paths) in enumerate(turns):
            for arm in found[number % len(found) :] + found[: number % len(found)]:
                if paths:
                    run(arm, name, paths)
        table = report(found, chosen)
    for arm_name, row in table.items():
        print(f"{arm_name}: {row['processes']} process(es), peak {row['peak_rss_mb']} MB")
        for name in (*chosen, "all"):
            print(f"  {name:6}", " ".join(f"{key}={value}" for key, value in row[name].items()))
    write_json(options.json, table)


if __name__ == "__main__":
    main()
