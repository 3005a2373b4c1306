"""Memory of one reading process over many pictures of different sizes: is it flat?

Reads --n different product pictures (each resized by a random factor, so that hardly two have one size) with one
PageReader, and prints resident memory, its peak and pictures per second after every tenth. Passing means: from a tenth
of the way on, memory grows by less than 10 %, and the last tenth is read at 90 % of the early rate or better.

    python benchmarks/ocr_memory.py PICTURES... [-n 1500] [--param NAME=VALUE]
"""

from __future__ import annotations

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
    parser.add_argument("-n", type=int, default=1500, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="rapidocr")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="of the engine")
    options = parser.parse_args()

    chance = random.Random(options.seed)
    paths = files_in(options.folders)
    reader = PageReader(EngineSpec.of(options.engine, **number_or_text(options.param)))
    me, sizes, statuses, spent, pixels = psutil.Process(), set(), set(), 0.0, 0
    step = max(1, options.n // 10)
    for number in range(1, options.n + 1):
        picture = Image.open(chance.choice(paths)).convert("RGB")
        factor = chance.uniform(0.6, 1.1)
        picture = picture.resize((max(1, int(picture.width * factor)), max(1, int(picture.height * factor))))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=90)
        start = time.process_time()
        page = reader.read("", stream.getvalue())
        spent += time.process_time() - start
        pixels += page.width * page.height
        sizes.add((page.width, page.height))
        statuses.add(page.status)
        if number % step == 0:
            rss = me.memory_info().rss / 2**20
            print(
                f"{number} pictures, {len(sizes)} sizes: {rss:.0f} MB, {step / spent:.2f} pictures and "
                f"{pixels / spent / 1e6:.2f} megapixels per CPU second, {sorted(statuses)}",
                flush=True,
            )
            spent, pixels = 0.0, 0


if __name__ == "__main__":
    main()
