"""Milliseconds per picture of the geometry beside OCR's own time, on one thread, in one run.

    python benchmarks/geometry_cost.py PICTURES... [-n 40] [--seed 1] [--engine rapidocr]

Pictures are drawn by seed from folders, half from those whose name starts with 11 to 41 (small ones), half from the
rest. Each is decoded, read and measured in turn, so that both times fall under the same load; printed per slice are
the means and medians of decoding, reading and geometry, the share of the geometry in reading, and its 95th percentile.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import cv2

from benchmarks.shared import arguments, drawn
from entx.core.images import decode
from entx.ocr_stage.engines.base import EngineSpec, build_engine
from entx.ocr_stage.geometry import page_geometry
from entx.ocr_stage.page_reader import read_scales, to_lines


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="PICTURES")
    parser.add_argument("-n", type=int, default=40, help="pictures of each slice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="rapidocr")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    spec = EngineSpec.of(options.engine)
    engine, settings = build_engine(spec), spec.reader_settings()
    for name, chosen in drawn(options.folders, 2 * options.n, options.seed).items():
        if not chosen:
            continue
        times: dict[str, list[float]] = {"decode": [], "read": [], "geometry": []}
        for warm_up, path in [(True, chosen[0]), *((False, path) for path in chosen)]:
            data = path.read_bytes()
            marks = [time.perf_counter()]
            image = decode(data)
            marks.append(time.perf_counter())
            lines = to_lines(read_scales(engine, image, settings))
            marks.append(time.perf_counter())
            page_geometry(image, lines)
            marks.append(time.perf_counter())
            if not warm_up:
                for key, start, stop in zip(times, marks, marks[1:], strict=False):
                    times[key].append(1000 * (stop - start))
        share = sum(times["geometry"]) / sum(times["read"])
        print(f"{name}: {len(chosen)} pictures, geometry is {share:.1%} of the reading")
        for key, values in times.items():
            mean, median = statistics.fmean(values), statistics.median(values)
            p95 = sorted(values)[int(0.95 * (len(values) - 1))]
            print(f"  {key:9s} mean {mean:6.1f} ms  median {median:6.1f} ms  p95 {p95:6.1f} ms")


if __name__ == "__main__":
    main()
