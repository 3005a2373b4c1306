"""Memory and rate of one reading process over many pictures of different sizes: do they stay as they were?

Reads -n pictures with one PageReader. Each is a random part of a real picture at a random size (longer side 100 to
1,000 pixels, one in twenty up to 1,800) and JPEG quality, so that hardly two have one size. Prints after every --every
pictures the resident memory and a digest of all pages so far (status, size, lines, geometry): two versions of the code
that are given the same folders and --seed read the same pictures, and their digests are equal as far as their pages
are. At the end it compares the last tenth with the first, which passes when memory has grown by 10 % at most and the
rate, in processor time, is 90 % or more. A picture costs 0.3 s of a core.

    nice python -m benchmarks.ocr_memory PICTURES... -n 20000 [--seed 0] [--param NAME=VALUE] > FILE
"""

from __future__ import annotations

import hashlib
import io
import random
import time
from pathlib import Path

import psutil
from PIL import Image

from benchmarks.shared import arguments, files_in, number_or_text
from entx.ocr_stage.engines.base import EngineSpec
from entx.ocr_stage.page_reader import PageReader


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="PICTURES", help="folders of pictures")
    parser.add_argument("-n", type=int, default=2000, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=500, help="pictures between two lines of output")
    parser.add_argument("--engine", default="rapidocr")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="of the engine")
    options = parser.parse_args()

    chance = random.Random(options.seed)
    paths = files_in(options.folders)
    reader = PageReader(EngineSpec.of(options.engine, **number_or_text(options.param)))
    me, pages, sizes, statuses = psutil.Process(), hashlib.sha256(), set(), set()
    clocks = [(0.0, 0.0)]  # spent on reading, after each tenth
    tenth, peak, memory = max(1, options.n // 10), 0, []
    spent = passed = 0.0
    for number in range(1, options.n + 1):
        data = a_picture(chance, paths)
        before = time.process_time(), time.perf_counter()
        page = reader.read("", data)
        spent, passed = spent + time.process_time() - before[0], passed + time.perf_counter() - before[1]
        pages.update(repr((page.status, page.reason, page.width, page.height, page.lines, page.geometry)).encode())
        sizes.add((page.width, page.height))
        statuses.add(str(page.status))
        rss = me.memory_info().rss
        peak = max(peak, rss)
        if number % options.every == 0 or number == options.n:
            print(
                f"{number} pictures, {len(sizes)} sizes, {sorted(statuses)}: {rss / 1e6:.0f} MB, "
                f"largest {peak / 1e6:.0f}; {number / spent:.2f} a second of processor time, {number / passed:.2f} "
                f"by the clock; pages {pages.hexdigest()[:16]}",
                flush=True,
            )
        if number % tenth == 0:
            clocks.append((spent, passed))
            memory.append((rss, peak))
            peak = rss if number == tenth else peak
    (first, first_peak), (last, later_peak) = memory[0], memory[-1]
    print(f"after the first tenth {first / 1e6:.0f} MB, largest in it {first_peak / 1e6:.0f}")
    print(f"at the end {last / 1e6:.0f} MB ({last / first - 1:+.1%}), largest since {later_peak / 1e6:.0f}")
    for name, one in (("processor time", 0), ("the clock", 1)):
        early, late = (tenth / (clocks[i][one] - clocks[i - 1][one]) for i in (1, -1))
        print(f"by {name}: {early:.2f} a second in the first tenth, {late:.2f} in the last ({late / early:.1%})")


def a_picture(chance: random.Random, paths: list[Path]) -> bytes:
    """The file of a random part of a random picture, resized."""
    whole = Image.open(chance.choice(paths)).convert("RGB")
    width, height = (max(16, int(side * chance.uniform(0.3, 1.0))) for side in whole.size)
    left = int(chance.random() * max(0, whole.width - width))
    top = int(chance.random() * max(0, whole.height - height))
    longer = chance.uniform(1000, 1800) if chance.random() < 0.05 else chance.uniform(100, 1000)
    factor = longer / max(width, height)
    part = whole.crop((left, top, left + width, top + height))
    part = part.resize((max(8, round(width * factor)), max(8, round(height * factor))))
    stream = io.BytesIO()
    part.save(stream, "JPEG", quality=chance.randint(40, 95))
    return stream.getvalue()


if __name__ == "__main__":
    main()
