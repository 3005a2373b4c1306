"""How F1 of the rules reader moves when the same pictures come at half or double size.

    python benchmarks/picture_scale.py --gold DATA/gold/dev.csv --images DATA/images [-n 200]

Draws n labelled pictures by seed, half of each slice; resizes them (area averaging down, cubic up); writes them with
JPEG quality 95 at every size, so that only the size differs; reads and answers each set in a store of its own.
"""

from __future__ import annotations

import csv
import os
import random
import tempfile
from pathlib import Path

import cv2

from benchmarks.shared import arguments
from entx.core.entities import CHALLENGE
from entx.core.evaluation import Score, evaluate
from entx.ocr_stage.cache import fill_cache
from entx.ocr_stage.engines.base import EngineSpec
from entx.rules.reader import answer_questions
from entx.storage.store import Store
from entx.storage.transfer import ingest, write_predictions

FACTORS = (0.5, 1.0, 2.0)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("-n", type=int, default=200, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with args.gold.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    files = {path.name: path for path in args.images.rglob("*") if path.is_file()}
    rng = random.Random(args.seed)
    chosen: set[str] = set()
    for part in ("small", "large"):
        names = sorted({row["image"] for row in rows if row["slice"] == part})
        chosen |= set(rng.sample(names, min(args.n // 2, len(names))))
    kept = [row for row in rows if row["image"] in chosen]
    for factor in FACTORS:
        with tempfile.TemporaryDirectory() as folder:
            scores = measure(Path(folder), kept, files, factor)
        said = "  ".join(f"{name} {s.counts.f1:.3f} {s.interval} (n {s.counts.rows})" for name, s in scores.items())
        print(f"x{factor:g}  {said}", flush=True)


def measure(folder: Path, rows: list[dict[str, str]], files: dict[str, Path], factor: float) -> dict[str, Score]:
    """F1 of all rows and of each slice with every picture resized by `factor`."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for name in sorted({row["image"] for row in rows}):
        image = cv2.imread(str(files[name]))
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(image, None, fx=factor, fy=factor, interpolation=method)
        cv2.imwrite(str(pictures / f"{Path(name).stem}.jpg"), resized, [cv2.IMWRITE_JPEG_QUALITY, 95])
    gold = folder / "gold.csv"
    with gold.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "image_link": f"{Path(row['image']).stem}.jpg"} for row in rows)
    with Store(folder / "s.duckdb", write=True) as store:
        ingest(store, gold, [pictures], CHALLENGE)
        cached = fill_cache(store, EngineSpec(), workers=os.cpu_count() or 1)
        answer_questions(store, cached.key, CHALLENGE, "rules")
        write_predictions(store, "rules", folder / "pred.csv")
    found = evaluate(folder / "pred.csv", gold, CHALLENGE)
    return {"all": found.overall, **found.parts["slice"]}


if __name__ == "__main__":
    main()
