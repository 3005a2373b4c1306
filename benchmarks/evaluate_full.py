"""Whole-process time of `entx evaluate` on the challenge's full test table (131,187 rows).

One public submission is scored against another that stands in as the truth (with entity_name and image_link of the test
table, so that entities are scored apart and pictures are resampled): real text, real mix, every row. The peer in the
same run is a Python process that only imports typer and numpy and reads the two files with the csv module.

    python -m benchmarks.evaluate_full --data ../shared/data
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.shared import arguments, timed

READ_ONLY = """
import csv, sys, gzip, typer, numpy
for name in sys.argv[1:]:
    with (gzip.open if name.endswith("gz") else open)(name, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
"""


def write_gold(data: Path, submission: str, path: Path) -> None:
    asked, given = (pd.read_csv(data / name, dtype=str).set_index("index") for name in ("test.csv.gz", submission))
    asked["value"] = given["prediction"]
    asked[["image_link", "entity_name", "value"]].to_csv(path)


def main() -> None:
    parser = arguments(__doc__, "--data")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gold = Path(folder) / "gold.csv"
        write_gold(options.data, "predictions/idefics2_finetuned.csv.gz", gold)
        predictions = str(options.data / "predictions" / "team_t.csv.gz")
        evaluate = ["-m", "entx", "evaluate", predictions, "--gold", str(gold), "--json"]
        peer = ["-c", READ_ONLY, predictions, str(gold)]
        ours, theirs, overall = [], [], {}
        for _ in range(options.repeat):
            seconds, printed = timed(evaluate)
            ours.append(seconds)
            theirs.append(timed(peer)[0])
            overall = json.loads(printed)["overall"]
    print(f"rows {overall['n']:,}, F1 {overall['f1']:.4f} [{overall['f1_low']:.4f}, {overall['f1_high']:.4f}]")
    print(f"evaluate, whole process: best {min(ours):.2f} s, worst {max(ours):.2f} s of {options.repeat}")
    print(f"reading the files only:  best {min(theirs):.2f} s, worst {max(theirs):.2f} s")


if __name__ == "__main__":
    main()
