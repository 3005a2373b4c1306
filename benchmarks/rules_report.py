"""What the rules reader reaches on a labelled table, and where it fails.

From a store whose pages are read (`entx ingest`, `entx ocr-cache`) and a gold table (index, value, also, slice,
entity_name, image): F1 by slice and entity of the rules reader, without abstention, without geometry, without the
product groups' habits, and of the first reader; the share of rows with a value whose value is among the candidates; the
errors by the causes that can be told without looking; and questions per second. The habits come from the labelled
questions of the store (ingest the train table into it: no pictures needed).

    python benchmarks/rules_report.py --store s.duckdb --gold gold.csv [--json report.json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from first_reader import first_answer

from entx.core.entities import CHALLENGE
from entx.core.evaluation import ALSO_SEPARATOR, Counts, Outcome, bootstrap_f1, group_numbers
from entx.core.tables import parse_indices, read_table
from entx.core.types import OcrPage, Quantity, parse_written
from entx.rules.reader import RulesReader
from entx.storage.pages import AskedQuestion, choose_pages, unanswered_pages
from entx.storage.questions import Habit, dimension_habits
from entx.storage.store import Store

Row = tuple[OcrPage, AskedQuestion, Habit | None]
NO_RUN = "no such run: every question of the store is open"


def right(truth: str, also: str) -> set[Quantity]:
    found = {parse_written(text) for text in [truth, *also.split(ALSO_SEPARATOR)] if text}
    return {one for one in found if one is not None}


def outcome(given: Quantity | None, truth: set[Quantity]) -> Outcome:
    if given is None:
        return Outcome.FN if truth else Outcome.TN
    return Outcome.TP if given in truth else Outcome.FP


def arms() -> dict[str, Callable[[Row], Quantity | None]]:
    """Each way to answer a row."""
    rules, always = RulesReader(CHALLENGE), RulesReader(CHALLENGE, abstain=False)

    def ask(reader: RulesReader, row: Row, *, geometry: bool = True, habit: bool = True) -> Quantity | None:
        page = row[0] if geometry else replace(row[0], geometry=None)
        return reader.read(page, [row[1].entity_name], [row[2] if habit else None])[0].quantity

    return {
        "first reader": lambda row: first_answer(row[0], CHALLENGE[row[1].entity_name], CHALLENGE),
        "rules": lambda row: ask(rules, row),
        "rules, always answering": lambda row: ask(always, row),
        "rules, no geometry": lambda row: ask(rules, row, geometry=False),
        "rules, no habits": lambda row: ask(rules, row, habit=False),
    }


def cause(given: Quantity | None, truth: set[Quantity], judged: list[Quantity]) -> str:
    """The cause of an error that can be told without looking at the picture."""
    if not truth:
        return "answered on an empty row"
    if not truth & set(judged):
        return "gold is no candidate"
    if given is None:
        return "abstained, best was right" if judged[0] in truth else "abstained, best was wrong"
    return "wrong pick"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--engine", help="whose pages; default: those written last")
    parser.add_argument("--json", type=Path, help="also write all figures there")
    options = parser.parse_args()
    table = read_table(options.gold, ["index", "value", "also", "slice", "entity_name", "image"])
    gold = {index: position for position, index in enumerate(parse_indices(table))}
    rows: list[Row] = []
    with Store(options.store) as store:
        habits = dimension_habits(store)
        for page, asked in unanswered_pages(store, choose_pages(store, options.engine), NO_RUN):
            rows += [(page, q, habits.get((q.group_id, q.fold))) for q in asked if q.index in gold]
    print(f"{len(rows)} of {len(gold)} gold rows have a page; {len(habits)} habits; geometry on "
          f"{sum(row[0].geometry is not None for row in rows)} rows")  # fmt: skip
    places = [gold[row[1].index] for row in rows]
    truths = [right(table["value"][place], table["also"][place]) for place in places]
    slices = [table["slice"][place] for place in places]
    pictures = group_numbers([table["image"][place] for place in places])
    parts: dict[str, list[int]] = {"all": list(range(len(rows)))}
    for name in dict.fromkeys(slices):
        parts[name] = [i for i, one in enumerate(slices) if one == name]
    for name in (None, *dict.fromkeys(slices)):
        for entity in CHALLENGE.entities:
            members = [i for i in parts[name or "all"] if rows[i][1].entity_name == entity]
            parts[f"{name} {entity}" if name else entity] = members

    report: dict[str, Any] = {}
    answers: dict[str, list[Quantity | None]] = {}
    for arm, answer in arms().items():
        began = time.perf_counter()
        given = [answer(row) for row in rows]
        rate = len(rows) / (time.perf_counter() - began)
        ends = np.array([outcome(one, truth) for one, truth in zip(given, truths, strict=True)], dtype=np.int64)
        report[arm] = {"questions_per_second": round(rate)}
        print(f"\n{arm}  ({rate:,.0f} questions a second, a page parsed anew for each)")
        for part, members in parts.items():
            if not members:
                continue
            chosen = ends[members]
            interval = bootstrap_f1(chosen, pictures[members])
            f1 = Counts.of(chosen).f1
            report[arm][part] = {"n": len(members), "f1": f1, "low": interval.low, "high": interval.high}
            print(f"  {part:40} n {len(members):4}  f1 {f1:.3f} {interval}")
        if arm in ("first reader", "rules"):
            answers[arm] = given

    reader = RulesReader(CHALLENGE)
    judged = [[s.candidate.quantity for s in reader.explain(row[0], row[1].entity_name, row[2])] for row in rows]
    print("\ncandidate recall, of rows with a value")
    report["recall"] = {}
    for part, members in parts.items():
        stated = [i for i in members if truths[i]]
        if stated:
            share = sum(bool(truths[i] & set(judged[i])) for i in stated) / len(stated)
            report["recall"][part] = {"n": len(stated), "recall": share}
            print(f"  {part:40} n {len(stated):4}  {share:.3f}")
    report["causes"] = {}
    for arm, given in answers.items():
        causes: Counter[tuple[str, str]] = Counter()
        for row, one, truth, candidates in zip(rows, given, truths, judged, strict=True):
            if outcome(one, truth) in (Outcome.FP, Outcome.FN):
                causes[cause(one, truth, candidates), row[1].entity_name] += 1
        print(f"\nerrors of: {arm}, by cause: {causes.total()}")
        for name in dict.fromkeys(name for name, _ in sorted(causes)):
            of_cause = {entity: count for (other, entity), count in causes.items() if other == name}
            listed = ", ".join(f"{entity} {count}" for entity, count in sorted(of_cause.items(), key=lambda x: -x[1]))
            print(f"  {name:30} {sum(of_cause.values()):4}  {listed}")
        report["causes"][arm] = {f"{name}; {entity}": count for (name, entity), count in causes.items()}
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
