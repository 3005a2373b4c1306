"""Weak labels for real pictures: a reader's answers that other runs of the store confirm.

    python -m lab.confirmed_labels --store S --reader rules --others A,B,C --out DIR

Writes tables for `entx ingest` into a second store, one per trust, so that a training can weigh them:
    confirmed.csv   answers that most of the others give too
    supported.csv   answers that at least one other gives
    abstained.csv   questions that the reader leaves empty, where no two others agree on a value
A question's own label, where its table has one, counts as one more of the others. An answer that nobody else gives is
left out. Measured on the gold rows of the challenge's pictures with four public submissions as the others: right in
.97, .82 and .84 of the rows. The tables have no index: ingest each with an --index-from of its own.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import pandas

from entx.core.entities import CHALLENGE
from entx.core.files import atomic_text
from entx.core.types import Quantity
from entx.neural.training.rows import clean_label
from entx.storage.runs import load_answers
from entx.storage.store import Store


def trust(said: Quantity | None, others: list[Quantity | None]) -> str | None:
    """The table that a question goes into; None for none."""
    if said is None:
        votes = Counter(other for other in others if other is not None)
        return "abstained" if not votes or max(votes.values()) < 2 else None
    support = sum(other == said for other in others)
    if 2 * support > len(others):
        return "confirmed"
    return "supported" if support else None


def main() -> None:
    """Reads the runs, writes the tables, prints their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--reader", default="rules")
    parser.add_argument("--others", required=True, help="runs of the store, separated by commas")
    parser.add_argument("--except-pictures", type=Path, help="CSV with an image_link column: pictures to leave out")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    left_out = set(pandas.read_csv(options.except_pictures)["image_link"]) if options.except_pictures else set()
    tables: dict[str, list[tuple[object, ...]]] = {"confirmed": [], "supported": [], "abstained": []}
    with Store(options.store) as store:
        runs = [
            {index: answer.quantity for index, answer in load_answers(store, run)}
            for run in [options.reader, *options.others.split(",")]
        ]
        rows = store.connection.execute(
            "select idx, image_link, group_id, entity_name, label from questions order by idx"
        ).fetchall()
    for index, link, group, entity, label in rows:
        if index not in runs[0] or link in left_out:
            continue
        said = runs[0][index]
        others = [run[index] for run in runs[1:] if index in run]
        if label:
            others.append(clean_label(label, CHALLENGE[entity]).quantity)
        table = trust(said, others) if others else None
        if table is not None:
            tables[table].append((link, group, entity, said.text if said else ""))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, found in tables.items():
        with atomic_text(options.out / f"{name}.csv") as file:
            columns = ["image_link", "group_id", "entity_name", "entity_value"]
            pandas.DataFrame(found, columns=columns).to_csv(file, index=False)
        print(f"{name}: {len(found)} rows")


if __name__ == "__main__":
    main()
