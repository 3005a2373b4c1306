"""What the rules reader and the text model lose on badly read lines: F1 with 2 % of the characters confused.

From a store whose pages are read and a gold table: a copy of the store gets the same pages once more, their lines with
characters confused as OCR confuses them (a picture always in the same way), and both are answered by the commands:
rules, llm without hints, llm with the hints of the rules on the same pages. (On the pages of another engine: `entx
ocr-cache --engine`, `entx predict --engine`. Paired tests of any of these runs: `entx ablate`.)

    python benchmarks/llm_noise.py --store s.duckdb --gold gold.csv [--share 0.02]
"""

from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.shared import arguments, entx
from entx.core.types import OcrPage, PageKey
from entx.storage.pages import add_pages, choose_pages, load_pages
from entx.storage.store import Store
from lab.ocr_noise import confuse

NOISY = "noisy"


def confused(page: OcrPage, share: float) -> OcrPage:
    """The page with that share of its characters confused."""
    rng = random.Random(page.picture)
    return replace(page, lines=tuple(replace(line, text=confuse(rng, line.text, share)) for line in page.lines))


def main() -> None:
    parser = arguments(__doc__, "--store", "--gold")
    parser.add_argument("--share", type=float, default=0.02)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "noisy.duckdb"
        shutil.copyfile(given.store, path)
        with Store(path, write=True) as store:
            key = choose_pages(store, None)
            pages = [confused(page, given.share) for page in load_pages(store, key)]
            add_pages(store, PageKey(NOISY, key.model_hash, f"{given.share:g}"), NOISY, pages)
        for engine in (key.engine, NOISY):
            ways = {"rules": ["rules"], "llm": ["llm"], "llm, hints": ["llm", "--hint-run", f"{engine} rules"]}
            for way, (stage, *more) in ways.items():
                out = Path(name) / "pred.csv"
                run = f"{engine} {way}"
                entx("predict", "--stage", stage, *more, "--store", path, "--engine", engine, "--run", run,
                     "--for", given.gold, "--out", out)  # fmt: skip
                score = entx("evaluate", out, "--gold", given.gold)[1]["overall"]
                print(f"{run:24} n {score['n']}: {score['f1']:.4f} [{score['f1_low']:.3f}, {score['f1_high']:.3f}]",
                      flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
