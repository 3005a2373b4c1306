"""How fast the postprocessor reads a real model's sentences, and why it makes no quantity of some of them.

Measures on the 131,066 zero-shot answers of Qwen2-VL-2B-Instruct: rows per second on one core. What its answers are
worth: `entx import-predictions`, then `entx evaluate` (docs/history/results.md).

    python benchmarks/postprocess_sentences.py --data ../shared/data
"""

from __future__ import annotations

import time
from collections import Counter

import pandas as pd

from benchmarks.shared import arguments
from entx.core.entities import CHALLENGE
from entx.core.postprocess import postprocess


def main() -> None:
    parser = arguments(__doc__, "--data")
    options = parser.parse_args()
    asked = pd.read_csv(options.data / "test.csv.gz", usecols=["index", "entity_name"])
    raw = pd.read_csv(options.data / "predictions" / "qwen2vl2b_zeroshot_raw.csv.gz", keep_default_na=False)
    joined = raw.merge(asked, on="index", suffixes=("_said", ""))
    questions = [
        (text, CHALLENGE[name]) for text, name in zip(joined.generated_output, joined.entity_name, strict=True)
    ]
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
