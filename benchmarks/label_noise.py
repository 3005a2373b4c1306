"""What cleaning does to a table of labels: rows by form and fault, the policies' effect, and examples of each fault.

python benchmarks/label_noise.py ../shared/data/train.csv.gz
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from entx.core.entities import CHALLENGE
from entx.core.tables import read_table, require_entities
from entx.core.types import parse_written
from entx.neural.labels import Cleaned, clean_label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="with entity_name and entity_value")
    path = parser.parse_args().table
    table = read_table(path, ["entity_name", "entity_value"])
    names = require_entities(table, CHALLENGE)
    started = time.monotonic()
    cleaned: dict[tuple[str, str], Cleaned] = {}
    ends: Counter[str] = Counter()
    by_entity: Counter[tuple[str, str]] = Counter()
    examples: dict[str, Counter[str]] = {}
    for name, label in zip(names, table["entity_value"], strict=True):
        if (name, label) not in cleaned:
            cleaned[name, label] = clean_label(label, CHALLENGE[name])
        one = cleaned[name, label]
        end = one.fault.value if one.fault else "range, upper end" if one.was_range else "used" if label else "empty"
        ends[end] += 1
        by_entity[name, end] += 1
        if end != "used":
            examples.setdefault(end, Counter())[f"{name}: {label}"] += 1
        ends["(not the written form)"] += parse_written(label) is None
    seconds = time.monotonic() - started
    print(f"{len(table):,} rows in {seconds:.1f} s")
    for end, count in ends.most_common():
        print(f"{end:24} {count:8,} {100 * count / len(table):7.3f} %")
    for end, found in examples.items():
        print(f"\n{end}: {', '.join(f'{label!r} ({count})' for label, count in found.most_common(5))}")
    print()
    kinds = [end for end in ends if not end.startswith("(")]
    print(f"{'entity':30}" + "".join(f"{kind:>18}" for kind in kinds))
    for name in CHALLENGE.entities:
        print(f"{name:30}" + "".join(f"{by_entity[name, kind]:18,}" for kind in kinds))


if __name__ == "__main__":
    main()
