"""All figures of a report as one JSON object: the same for the HTML page, the JSON file and a later --diff."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from entx.core.entities import Schema
from entx.core.evaluation import Outcome
from entx.report.ablation.audit import label_noise, stored_labels, table_labels, unit_audit
from entx.report.ablation.causes import cause_of, causes, oracle, single_arms
from entx.report.ablation.cost import costs, hybrid_costs
from entx.report.ablation.curves import coverage_curves, reliabilities
from entx.report.ablation.frontier import frontier
from entx.report.ablation.measure import Measured, Options
from entx.report.ablation.pairs import pair_tests
from entx.report.ablation.rereading import without_geometry
from entx.report.ablation.variants import variants
from entx.storage.store import Store

FORMAT = 1
"""Raised when --diff can no longer read an older file."""


def summarise(store: Store, measured: Measured, schema: Schema, options: Options) -> dict[str, Any]:
    """The figures; equal input gives equal figures.

    Raises:
        TableError: the training table breaks its contract.
        InputError: seconds are told of a run that brought its own.
    """
    gold, columns, seed = measured.gold, measured.columns, options.seed
    of_runs = costs(store, measured.arms, options.price, dict(options.seconds))
    costs_of = {**of_runs, **hybrid_costs(measured.looked, of_runs, options.price)}
    if options.train is not None:
        labels, source = table_labels(options.train, schema), options.train.name
    else:
        labels, source = stored_labels(store, gold), "other labelled questions of the store"
    plain = {
        "format": FORMAT,
        "gold": {
            "file": gold.path.name, "sha256": hashlib.sha256(gold.path.read_bytes()).hexdigest(),
            "rows": len(gold.rows), "pictures": len(set(gold.groups.tolist())), "left_out": len(gold.foreign),
            "stated": sum(bool(row.truth) for row in gold.rows), "where": [list(pair) for pair in options.where],
            "common": options.common,
        },
        "seed": seed,
        "price": options.price,
        "seconds": dict(options.seconds),
        "notes": list(measured.notes),
        "columns": [
            {
                "name": column.name, "kind": column.kind, "stage": column.stage, "asked": int(column.asked.sum()),
                "scores": column.scores(seed), "cost": costs_of[column.name],
            }
            for column in columns
        ],
        "pairs": pair_tests(columns, seed),
        "variants": variants(columns, measured.always, without_geometry(store, measured, schema), schema, seed),
        "oracle": oracle(columns, seed),
        "causes": causes(columns, measured.printed),
        "frontier": frontier(measured.frontier, of_runs, options.price, seed),
        "units": unit_audit(columns),
        "labels": label_noise(labels, gold, source),
        "reliability": reliabilities(columns),
        "curves": coverage_curves(columns, measured.always),
        "rows": _rows(measured),
    }  # fmt: skip
    rounded: dict[str, Any] = _rounded(plain)
    return rounded


def _rows(measured: Measured) -> list[dict[str, Any]]:
    texts = {column.name: column.texts for column in measured.columns}
    arms = single_arms(measured.columns)
    rows = []
    for place, row in enumerate(measured.gold.rows):
        why = {column.name: cause_of(place, column, arms) for column in measured.columns}
        rows.append({
            "index": row.index, "entity_name": row.entity_name, "slice": row.slice, "truth": row.truth,
            "also": list(row.also),
            "answers": {name: text[place] for name, text in texts.items()},
            "outcomes": {column.name: Outcome(column.outcomes[place]).name for column in measured.columns},
            "causes": {name: cause.value for name, cause in why.items() if cause is not None},
        })  # fmt: skip
    return rows


def _rounded(plain: Any) -> Any:
    """Floats with 6 decimals: more than any of these figures means, and the same on every machine."""
    if isinstance(plain, float):
        return round(plain, 6)
    if isinstance(plain, Mapping):
        return {key: _rounded(value) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [_rounded(value) for value in plain]
    return plain
