"""How F1 of the rules reader moves when the same pictures come at half or double size.

    python benchmarks/picture_scale.py --gold DATA/gold/dev.csv --images DATA/images [-n 200]

Draws n labelled pictures by seed, half of each slice; resizes them (area averaging down, cubic up); writes them with
JPEG quality 95 at every size, so that only the size differs; reads and answers each set in a store of its own, by
the commands.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import cv2
import pandas as pd

from benchmarks.shared import arguments, entx

FACTORS = (0.5, 1.0, 2.0)


def main() -> None:
    parser = arguments(__doc__, "--gold", "--images")
    parser.add_argument("-n", type=int, default=200, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = pd.read_csv(args.gold, dtype=str, keep_default_na=False)
    files = {path.name: path for path in args.images.rglob("*") if path.is_file()}
    rng = random.Random(args.seed)
    chosen: set[str] = set()
    for part in ("small", "large"):
        names = sorted(set(rows["image"][rows["slice"] == part]))
        chosen |= set(rng.sample(names, min(args.n // 2, len(names))))
    kept = rows[rows["image"].isin(chosen)]
    for factor in FACTORS:
        with tempfile.TemporaryDirectory() as folder:
            scores = measure(Path(folder), kept, files, factor)
        said = (
            f"{name} {s['f1']:.3f} [{s['f1_low']:.3f}, {s['f1_high']:.3f}] (n {s['n']})" for name, s in scores.items()
        )
        print(f"x{factor:g}  {'  '.join(said)}", flush=True)


def measure(folder: Path, rows: pd.DataFrame, files: dict[str, Path], factor: float) -> dict[str, dict[str, float]]:
    """F1 of all rows and of each slice with every picture resized by `factor`."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for name in sorted(set(rows["image"])):
        image = cv2.imread(str(files[name]))
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(image, None, fx=factor, fy=factor, interpolation=method)
        cv2.imwrite(str(pictures / f"{Path(name).stem}.jpg"), resized, [cv2.IMWRITE_JPEG_QUALITY, 95])
    gold = folder / "gold.csv"
    rows.assign(image_link=[f"{Path(name).stem}.jpg" for name in rows["image"]]).to_csv(gold, index=False)
    store, out = folder / "s.duckdb", folder / "pred.csv"
    entx("ingest", gold, "--images", pictures, "--store", store)
    entx("ocr-cache", "--store", store, "--workers", os.cpu_count())
    entx("predict", "--stage", "rules", "--store", store, "--out", out)
    found = entx("evaluate", out, "--gold", gold)[1]
    return {"all": found["overall"], **found["by"]["slice"]}


if __name__ == "__main__":
    main()
