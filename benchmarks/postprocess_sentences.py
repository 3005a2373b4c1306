"""How fast the postprocessor reads a real model's sentences, and why it makes no quantity of some of them.

Measures on the 131,066 zero-shot answers of Qwen2-VL-2B-Instruct: rows per second on one core. What its answers are
worth: `entx import-predictions`, then `entx evaluate` (docs/history/results.md).

    python benchmarks/postprocess_sentences.py --data ../shared/data
"""

from __future__ import annotations

import csv
import gzip
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.shared import arguments
from entx.core.entities import CHALLENGE
from entx.core.postprocess import postprocess


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    entity_of = {row["index"]: row["entity_name"] for row in rows(options.data / "test.csv.gz")}
    raw = {
        row["index"]: row["generated_output"]
        for row in rows(options.data / "predictions" / "qwen2vl2b_zeroshot_raw.csv.gz")
    }
    questions = [(text, CHALLENGE[entity_of[index]]) for index, text in raw.items() if index in entity_of]
    began, busy = time.perf_counter(), time.process_time()
    readings = [postprocess(text, entity) for text, entity in questions]
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    number = len(questions)
    print(f"{number} rows, {number / seconds:,.0f} rows/s of wall time, {number / cpu:,.0f} rows/s of processor time")
    reasons = Counter(r.reason.partition(":")[0] if r.quantity is None else "" for r in readings)
    for reason, number in reasons.most_common():
        print(f"  {number:7d}  {reason or 'a quantity'}")


if __name__ == "__main__":
    main()
