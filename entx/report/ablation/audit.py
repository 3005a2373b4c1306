"""Two audits: answers that are right but for their unit, and what a table of training labels is worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.evaluation import Counts, Outcome
from entx.core.tables import read_table, require_entities
from entx.core.types import Quantity, parse_written
from entx.core.units import exact_size
from entx.report.ablation.columns import Column
from entx.report.ablation.gold import Gold, GoldRow
from entx.storage.questions import find_labels
from entx.storage.store import Store

NEAR = 0.01
"""Relative difference up to which two sizes are one rounded conversion: packs print 5 kg as 11 lb (4.99 kg)."""

EQUAL, CONVERTED, ROUNDED = "equal", "converted", "rounded"


def relation(said: Quantity, rights: Iterable[Quantity]) -> str:
    """How an answer stands to the right ones: equal, equal after an exact conversion, after a rounded one, or ""."""
    rights = list(rights)
    if said in rights:
        return EQUAL
    kind, size = exact_size(said)
    others = [other for other_kind, other in map(exact_size, rights) if other_kind == kind]
    if size in others:
        return CONVERTED
    if any(abs(size - other) <= NEAR * abs(other) for other in others):
        return ROUNDED if all(said.unit != right.unit for right in rights) else ""
    return ""


def unit_audit(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """For each column how many wrong answers are the truth in another unit, exactly or rounded, and examples.

    Returns:
        One object a column: name, wrong (answers to rows with a truth), converted, rounded, f1_converted (F1 if exact
        conversions counted as right), examples ("index: answer = truth").
    """
    found = []
    for column in columns:
        counts: Counter[str] = Counter()
        examples, counted = [], column.outcomes.copy()
        for place, (row, answer) in enumerate(zip(column.gold.rows, column.answers, strict=True)):
            if column.outcomes[place] != Outcome.FP or not row.truth or answer is None or answer.quantity is None:
                continue
            how = relation(answer.quantity, row.rights)
            counts[how] += 1
            if how == CONVERTED:
                counted[place] = Outcome.TP
            if how:
                examples.append(f"{row.index}: {answer.quantity.text} = {row.truth}")
        found.append({
            "name": column.name, "wrong": counts.total(), CONVERTED: counts[CONVERTED], ROUNDED: counts[ROUNDED],
            "f1_converted": Counts.of(counted).f1, "examples": examples[:10],
        })  # fmt: skip
    return found


def stored_labels(store: Store, gold: Gold) -> list[tuple[str, str, str]]:
    """(image_link, entity_name, label) of other questions of the store that ask the same of the same picture."""
    asked = [(row.link, row.entity_name) for row in gold.rows]
    return find_labels(store, asked, [row.index for row in gold.rows])


def table_labels(path: Path, schema: Schema) -> list[tuple[str, str, str]]:
    """(image_link, entity_name, entity_value) of a labelled table.

    Raises:
        TableError: it breaks its contract.
    """
    table = read_table(path, ["image_link", "entity_name", "entity_value"])
    names = require_entities(table, schema)
    return list(zip(table["image_link"], names, table["entity_value"], strict=True))


def label_noise(labels: Iterable[tuple[str, str, str]], gold: Gold, source: str) -> dict[str, Any] | None:
    """What the labels of some table are worth against the gold rows of the same picture and entity; None without any.

    Returns:
        source; n; equal, converted (equal after unit conversion, rounded ones included), other (another value), empty
        (the label stands where the picture states no value), blank (no label where it does), agree_empty; and by
        entity_name the same counts.
    """
    rows = {(row.link, row.entity_name): row for row in gold.rows}
    totals: Counter[str] = Counter()
    by_entity: dict[str, Counter[str]] = defaultdict(Counter)
    for link, name, label in labels:
        row = rows.get((link, name))
        if row is not None:
            verdict = _label_verdict(label.strip(), row)
            totals[verdict] += 1
            by_entity[name][verdict] += 1
    if not totals:
        return None
    parts = sorted(by_entity.items(), key=lambda item: (-item[1].total(), item[0]))
    return {"source": source, **_shares(totals), "entity_name": {name: _shares(counts) for name, counts in parts}}


_VERDICTS = ("equal", "converted", "other", "empty", "blank", "agree_empty")


def _label_verdict(label: str, row: GoldRow) -> str:
    if not row.truth:
        return "empty" if label else "agree_empty"
    if not label:
        return "blank"
    said = parse_written(label)
    how = relation(said, row.rights) if said is not None else EQUAL if label in (row.truth, *row.also) else ""
    return {EQUAL: "equal", CONVERTED: "converted", ROUNDED: "converted"}.get(how, "other")


def _shares(counts: Counter[str]) -> dict[str, int]:
    return {"n": counts.total(), **{verdict: counts[verdict] for verdict in _VERDICTS}}
