"""How often the best dimension line of a labelled height or width is vertical or horizontal, by score; and roundness.

    python benchmarks/gold_directions.py GOLD.csv --store STORE [--engine rapidocr]

GOLD.csv has image_link, entity_name, value and note; the store has its pictures and their pages with geometry (ingest,
then ocr-cache). Counted are rows whose number stands in exactly one OCR line. A label follows words and letters before
arrows, so that not every other direction is a fault of the geometry. For roundness, depths whose note speaks of a
diameter or a round thing are told from all other depths: the share of pairs in the right order (AUC).
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from benchmarks.shared import Tally, arguments
from entx.core.types import Direction
from entx.storage.pages import choose_pages, load_pages
from entx.storage.questions import load_files
from entx.storage.store import Store

_WANTED = {"height": Direction.VERTICAL, "width": Direction.HORIZONTAL}
_BINS = (0.0, 0.1, 0.2, 0.3, 0.5)


def main() -> None:
    parser = arguments(__doc__, "--store")
    parser.add_argument("gold", type=Path, metavar="GOLD.csv")
    parser.add_argument("--engine")
    options = parser.parse_args()
    rows = pd.read_csv(options.gold, dtype=str, keep_default_na=False).to_dict("records")
    with Store(options.store) as store:
        files = {link: file.picture for link, file in load_files(store).items()}
        pages = {page.picture: page for page in load_pages(store, choose_pages(store, options.engine))}
    tally = Tally()
    round_things: list[float] = []
    others: list[float] = []
    for row in rows:
        page = pages.get(files.get(row["image_link"], ""))
        if page is None or page.geometry is None:
            continue
        entity = row["entity_name"]
        if entity == "depth" and page.geometry.roundness is not None:
            is_round = re.search("diam|round", row["note"], re.IGNORECASE) is not None
            if row["value"] or not is_round:
                (round_things if is_round else others).append(page.geometry.roundness)
        if entity not in _WANTED or not row["value"]:
            continue
        wanted = row["value"].split()[0]
        texts = (line.text.replace(",", ".") for line in page.lines)
        holding = [i for i, text in enumerate(texts) if wanted in re.findall(r"\d+(?:\.\d+)?", text)]
        if len(holding) != 1:
            continue
        found = page.geometry.of(holding[0])
        best = found.best if found is not None else None
        band = "none" if best is None else f"from {max(low for low in _BINS if best.score >= low)}"
        right = best is not None and best.direction is _WANTED[entity]
        tally.add(right, ("all", "all"), ("entity", entity), ("slice", row.get("slice", "")), ("score", band))
    tally.print()
    if round_things and others:
        won = sum((a > b) + (a == b) / 2 for a in round_things for b in others)
        auc = won / (len(round_things) * len(others))
        print(f"roundness AUC {auc:.3f} ({len(round_things)} round, {len(others)} other depths)")


if __name__ == "__main__":
    main()
