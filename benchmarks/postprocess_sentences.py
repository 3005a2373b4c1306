"""How well and how fast the postprocessor reads a real model's sentences.

Measures on the 131,066 zero-shot answers of Qwen2-VL-2B-Instruct: rows per second on one core, and F1 on the gold rows
of test origin, by slice (number and unit equal; answers listed under `also` count as right). On the same sentences
their authors' own clean-up reaches 0.714 (small) and 0.743 (large).

    python benchmarks/postprocess_sentences.py --data ../shared/data [--misses 40]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from entx.core.entities import CHALLENGE
from entx.core.postprocess import Reading, postprocess
from entx.core.types import Quantity, parse_written


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def count(reading: Reading, gold: dict[str, str]) -> str:
    truths = [parse_written(text) for text in (gold["value"], *gold["also"].split(" | ")) if text.strip()]
    if reading.quantity is None:
        return "FN" if truths else "TN"
    return "TP" if reading.quantity in truths else "FP"


def f1(counts: Counter[str]) -> float:
    precision = counts["TP"] / max(1, counts["TP"] + counts["FP"])
    recall = counts["TP"] / max(1, counts["TP"] + counts["FN"])
    return 2 * precision * recall / max(1e-9, precision + recall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--misses", type=int, default=0, help="print so many wrong rows")
    options = parser.parse_args()
    entity_of = {row["index"]: row["entity_name"] for row in rows(options.data / "test.csv.gz")}
    raw = {
        row["index"]: row["generated_output"]
        for row in rows(options.data / "predictions" / "qwen2vl2b_zeroshot_raw.csv.gz")
    }
    questions = [(index, text, CHALLENGE[entity_of[index]]) for index, text in raw.items() if index in entity_of]
    began, busy = time.perf_counter(), time.process_time()
    readings = {index: postprocess(text, entity) for index, text, entity in questions}
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    number = len(questions)
    print(f"{number} rows, {number / seconds:,.0f} rows/s of wall time, {number / cpu:,.0f} rows/s of processor time")
    reasons = Counter(r.reason.partition(":")[0] if r.quantity is None else "" for r in readings.values())
    for reason, number in reasons.most_common():
        print(f"  {number:7d}  {reason or 'a quantity'}")
    with (options.data / "gold" / "dev.csv").open(encoding="utf-8", newline="") as stream:
        gold = [row for row in csv.DictReader(stream) if row["origin"] == "test"]
    tables: dict[str, Counter[str]] = {}
    wrong = []
    for row in gold:
        reading = readings.get(row["index"], Reading(None, "not in the file"))
        outcome = count(reading, row)
        for table in (row["slice"], row["slice"] + " " + row["entity_name"], "all"):
            tables.setdefault(table, Counter())[outcome] += 1
        if outcome in ("FP", "FN"):
            wrong.append((row, reading, raw.get(row["index"], "")))
    for name, counts in sorted(tables.items(), key=lambda item: (" " in item[0], item[0])):
        print(f"{name:40s} n {sum(counts.values()):4d}  F1 {f1(counts):.4f}  {dict(sorted(counts.items()))}")
    for row, reading, text in random.Random(0).sample(wrong, min(options.misses, len(wrong))):
        answer: Quantity | str = reading.quantity or f"({reading.reason})"
        print(f"{row['entity_name']}: gold {row['value']!r} also {row['also']!r}, read {answer} in {text[:400]!r}")


if __name__ == "__main__":
    main()
