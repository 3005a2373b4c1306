"""When an imported vision model answers, when it abstains, in which words, and what its answers are worth.

Reads a run that `entx import-predictions` made, so the model's own texts, on labelled rows. Three readings of the same
texts are scored: as they stand (only "number unit" counts), by a plain clean-up as the published systems have it (the
first number that stands before an allowed unit or its common short form), and by entx's postprocessor.

    entx ingest test.csv.gz --store q.duckdb
    entx import-predictions qwen2vl2b_zeroshot_raw.csv.gz --stage vlm --run qwen --store q.duckdb
    python benchmarks/vlm_abstention.py --store q.duckdb --run qwen --gold gold.csv [--said 12]
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from entx.core.entities import CHALLENGE, Entity
from entx.core.evaluation import Counts, bootstrap_f1, group_numbers, outcomes
from entx.core.tables import parse_indices, read_table
from entx.core.types import Answer, parse_written
from entx.storage.runs import load_answers
from entx.storage.store import Store

SHORT = {
    "cm": "centimetre", "mm": "millimetre", "m": "metre", "ft": "foot", "feet": "foot", "in": "inch", "inches": "inch",
    "g": "gram", "kg": "kilogram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce", "v": "volt",
    "w": "watt", "kw": "kilowatt", "ml": "millilitre", "l": "litre", "centimeter": "centimetre", "meter": "metre",
    "millimeter": "millimetre", "liter": "litre", "milliliter": "millilitre",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A labelled question and the run's answer to it."""

    entity: Entity
    part: str
    image: str
    truth: str
    also: str
    answer: Answer


def load(store: Path, run: str, gold: Path) -> list[Row]:
    table = read_table(gold, ["index", "entity_name", "value", "also", "slice", "image"])
    with Store(store) as opened:
        answers = dict(load_answers(opened, run))
    columns = (table[name] for name in ("entity_name", "slice", "image", "value", "also"))
    return [
        Row(CHALLENGE[name], part, image, value, also, answers[index])
        for index, name, part, image, value, also in zip(parse_indices(table), *columns, strict=True)
        if index in answers
    ]


def as_it_stands(row: Row) -> str:
    written = parse_written(row.answer.text.strip().rstrip("."))
    return written.text if written is not None and written.unit in row.entity.units else ""


def plain_clean_up(row: Row) -> str:
    for number, word in re.findall(r"([0-9]+(?:\.[0-9]+)?) ?([a-z]+)", row.answer.text.lower()):
        unit = SHORT.get(word, SHORT.get(word.rstrip("s"), word.rstrip("s")))
        if unit in row.entity.units:
            return f"{number} {unit}"
    return ""


def postprocessed(row: Row) -> str:
    return row.answer.quantity.text if row.answer.quantity else ""


def score(rows: Sequence[Row], answers: Sequence[str]) -> str:
    found, _ = outcomes(answers, [row.truth for row in rows], [row.also for row in rows])
    counts, interval = Counts.of(found), bootstrap_f1(found, group_numbers([row.image for row in rows]))
    precision = counts.precision or 0.0
    return f"F1 {counts.f1:.3f} [{interval.low:.3f}, {interval.high:.3f}]  precision {precision:.3f}"


def pattern(row: Row) -> str:
    """The text with the entity's words, numbers and units taken out, so that one way of saying it is one line."""
    text = row.answer.text.lower().replace(row.entity.words, "ENTITY").replace(row.entity.name, "ENTITY")
    text = re.sub(r"[0-9]+(?:[.,][0-9]+)*", "#", text)
    return " ".join(text.split())[:110]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--said", type=int, default=12, help="print so many ways of abstaining")
    options = parser.parse_args()
    rows = load(options.store, options.run, options.gold)
    print(f"{len(rows)} labelled rows with an answer of run {options.run}")
    print("\nreading of the same texts")
    for part in ("all", *sorted({row.part for row in rows})):
        chosen = [row for row in rows if part in ("all", row.part)]
        for name, read in (("as it stands", as_it_stands), ("plain", plain_clean_up), ("entx", postprocessed)):
            print(f"  {part:6} n {len(chosen):4}  {name:13} {score(chosen, [read(row) for row in chosen])}")
    print("\nanswers (entx's reading)      on empty rows        on rows with a value   of these right")
    for part in ("all", *sorted({row.part for row in rows})):
        for entity in ("all", *CHALLENGE.entities):
            chosen = [row for row in rows if part in ("all", row.part) and entity in ("all", row.entity.name)]
            empty = [row for row in chosen if not row.truth]
            full = [row for row in chosen if row.truth]
            if not chosen:
                continue
            given = [row for row in full if row.answer.quantity]
            found, _ = outcomes([postprocessed(r) for r in given], [r.truth for r in given], [r.also for r in given])
            right = Counts.of(np.asarray(found)).tp if given else 0
            print(
                f"  {part:6} {entity:28} {sum(bool(row.answer.quantity) for row in empty):3} of {len(empty):3}"
                f"{'':12}{len(given):3} of {len(full):3}{'':14}{right:3}"
            )
    silent = [row for row in rows if row.answer.quantity is None]
    print(f"\n{len(silent)} rows without an answer; the postprocessor's reasons")
    for reason, count in Counter(row.answer.reason.partition(":")[0] for row in silent).most_common():
        rightly = sum(not row.truth for row in silent if row.answer.reason.partition(":")[0] == reason)
        print(f"  {count:4}  {reason} ({rightly} of them on empty rows)")
    print("in which words")
    for text, count in Counter(map(pattern, silent)).most_common(options.said):
        print(f"  {count:4}  {text}")


if __name__ == "__main__":
    main()
