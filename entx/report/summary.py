"""An ablation: what each run and hybrid of a store is worth on labelled rows, as one JSON object.

`load_ablation` gathers the gold rows, a column for each run and hybrid, and the OCR pages; `summarise` reckons all
figures of them, the same for the HTML page, the JSON file and a later --diff; `diff` compares two of them. No model
runs: what geometry is worth to a rules run is read anew by the rules reader, which takes well under a second for a
thousand rows, and only where this very reader made the run (same version, weights, labels and pages).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import Counts, Outcome
from entx.core.files import atomic_text, input_bytes
from entx.core.types import Answer, OcrPage, PageKey
from entx.ensemble.ballot import pages_to_ground_in
from entx.report import figures
from entx.report.columns import RULES_STAGE, Column, Gold, arm_columns, pair_tests, read_gold, variants
from entx.report.hybrids import Hybrids, decide_hybrids, frontier_figures
from entx.rules.reader import READER_VERSION, RulesReader
from entx.storage.pages import load_pages
from entx.storage.questions import find_labels, group_priors, priors_digest
from entx.storage.runs import Arm, find_arms, load_arms, run_settings
from entx.storage.store import Store


@dataclass(frozen=True)
class Options:
    """What is measured and how."""

    strategies: tuple[str, ...] = ()  # of the ensemble, decided here over the runs
    fitted: tuple[Path, ...] = ()  # files of saved ensembles, decided here too
    where: tuple[tuple[str, str], ...] = ()  # (column, value) of the gold table; pairs of one column are alternatives
    common: bool = False  # only rows that every run was asked
    train: Path | None = None  # a labelled table to audit; None audits what else the store has labels of
    price: float | None = None  # of one hour of the machine; None prices nothing
    seconds: tuple[tuple[str, float], ...] = ()  # (run, seconds for 1,000 questions) of imported runs, timed nowhere
    seed: int = 0  # of the bootstrap


@dataclass(frozen=True)
class Ablation:
    """What a report is made of."""

    gold: Gold
    arms: tuple[Arm, ...]
    columns: tuple[Column, ...]  # the runs in their order, then the hybrids
    hybrids: Hybrids
    key: PageKey | None  # of the pages, None without any
    pages: Mapping[str, OcrPage]  # of the gold rows, by picture
    # for each row the legal quantities of its page in reading order; None without a page
    candidates: tuple[tuple[Candidate, ...] | None, ...]
    notes: tuple[str, ...] = ()  # for the reader of the report

    @property
    def printed(self) -> list[bool | None]:
        """For each row whether its truth stands among the quantities of its page; None without a page."""
        return [
            None if found is None else any(one.quantity in row.rights for one in found)
            for row, found in zip(self.gold.rows, self.candidates, strict=True)
        ]


def load_ablation(store: Store, path: Path, runs: Sequence[str], schema: Schema, options: Options) -> Ablation:
    """Gathers it, with only the gold rows in memory; an InputError for a table, run, strategy or row unfit for it."""
    arms = find_arms(store, runs, schema.digest)
    gold = read_gold(path, store, schema, options.where)
    rows = list(load_arms(store, runs, only=[row.index for row in gold.rows]))
    if options.common:
        asked = {row.index for row in rows if None not in row.answers}
        gold = gold.only([place for place, row in enumerate(gold.rows) if row.index in asked])
        rows = [row for row in rows if row.index in asked]
        if not rows:
            raise InputError(f"{path}: none of its rows was asked of every one of {', '.join(runs)}")
    key = pages_to_ground_in(store, arms)
    hybrids = decide_hybrids(store, options.strategies, arms, rows, gold, schema, key, options.fitted)
    columns = (*arm_columns([(arm.run, arm.stage) for arm in arms], rows, gold), *hybrids.columns)
    twice = {column.name for column in columns if sum(other.name == column.name for other in columns) > 1}
    if twice:
        raise InputError(f"run {min(twice)!r} has the name of a hybrid; leave that out by --strategies, or the run")
    notes = [
        f"{column.name} was not asked {missing:,} of {len(gold.rows):,} rows; they count as not answered"
        for column in columns
        if (missing := len(gold.rows) - int(column.asked.sum()))
    ]
    if gold.foreign:
        notes.append(f"{len(gold.foreign):,} rows of {path.name} are no questions of the store; they are left out")
    pictures = {row.picture for row in gold.rows if row.picture is not None}
    pages = {page.picture: page for page in load_pages(store, key, pictures)} if key and pictures else {}
    parsed = {picture: page_quantities(page) for picture, page in pages.items()}
    found = [(row, pages.get(row.picture or "")) for row in gold.rows]
    candidates = tuple(
        None if page is None else tuple(find_candidates(page, schema[row.entity_name], parsed[page.picture]))
        for row, page in found
    )
    return Ablation(gold, tuple(arms), columns, hybrids, key, pages, candidates, (*notes, *hybrids.notes))


def without_geometry(store: Store, ablation: Ablation, schema: Schema) -> dict[str, Column]:
    """For names of rules runs the same column without geometry; a run that this reader did not make is left out."""
    runs = [
        (arm.run, column)
        for arm, column in zip(ablation.arms, ablation.columns, strict=False)  # the runs stand before the hybrids
        if arm.stage == RULES_STAGE and arm.pages is not None and arm.pages == ablation.key
    ]
    if not runs:
        return {}
    habits, reader = group_priors(store), RulesReader(schema)
    made_by = {
        "reader": READER_VERSION, "schema": schema.digest, "weights": reader.weights.digest,
        "habits": priors_digest(habits),
    }.items()  # fmt: skip
    runs = [(run, column) for run, column in runs if made_by <= run_settings(store, run).items()]
    if not runs:
        return {}
    read: list[Answer | None] = []
    for row in ablation.gold.rows:
        page = ablation.pages.get(row.picture or "")
        habit = habits.get((row.group_id, row.fold))
        read.append(None if page is None else reader.read(replace(page, geometry=None), [row.entity_name], [habit])[0])
    return {
        run: replace(column, answers=tuple(old and new for old, new in zip(column.answers, read, strict=True)))
        for run, column in runs
    }


FORMAT = 1
"""Raised when --diff can no longer read an older file."""


def summarise(store: Store, ablation: Ablation, schema: Schema, options: Options) -> dict[str, Any]:
    """The figures; equal input gives equal figures.

    Raises:
        TableError: the training table breaks its contract.
        InputError: seconds are stated of a run that brought its own.
    """
    gold, columns, hybrids, seed = ablation.gold, ablation.columns, ablation.hybrids, options.seed
    of_runs = figures.costs(store, ablation.arms, options.price, dict(options.seconds))
    costs_of = {**of_runs, **figures.hybrid_costs(hybrids.consulted, of_runs, options.price)}
    if options.train is not None:
        labels, source = figures.table_labels(options.train, schema), options.train.name
    else:
        asked = [(row.image_link, row.entity_name) for row in gold.rows]  # others that ask the same of the same picture
        labels = find_labels(store, asked, [row.index for row in gold.rows])
        source = "other labelled questions of the store"
    plain = {
        "format": FORMAT,
        "gold": {
            "file": gold.path.name, "sha256": hashlib.sha256(gold.path.read_bytes()).hexdigest(),
            "rows": len(gold.rows), "pictures": len(set(gold.groups.tolist())), "left_out": len(gold.foreign),
            "stated": int(gold.stated.sum()), "where": [list(pair) for pair in options.where],
            "common": options.common,
        },
        "seed": seed,
        "price": options.price,
        "seconds": dict(options.seconds),
        "notes": list(ablation.notes),
        "columns": [
            {
                "name": column.name, "kind": column.kind, "stage": column.stage, "asked": int(column.asked.sum()),
                "scores": column.scores(seed), "cost": costs_of[column.name],
            }
            for column in columns
        ],
        "pairs": pair_tests(columns, seed),
        "variants": variants(columns, hybrids.always, without_geometry(store, ablation, schema), schema, seed),
        "oracle": figures.oracle(columns, seed),
        "causes": figures.causes(columns, ablation.printed),
        "frontier": frontier_figures(hybrids.frontier, of_runs, options.price, seed),
        "units": figures.unit_audit(columns),
        "labels": figures.label_noise(labels, gold, source),
        "reliability": figures.reliabilities(columns),
        "curves": figures.coverage_curves(columns, hybrids.always),
        "rows": _rows(ablation),
    }  # fmt: skip
    # six decimals: more than any of these figures means, and the same on every machine
    rounded: dict[str, Any] = json.loads(json.dumps(plain), parse_float=lambda text: round(float(text), 6))
    return rounded


def _rows(ablation: Ablation) -> list[dict[str, Any]]:
    texts = {column.name: column.texts for column in ablation.columns}
    arms = [column for column in ablation.columns if column.single]
    rows = []
    for place, row in enumerate(ablation.gold.rows):
        why = {column.name: figures.cause_of(place, column, arms) for column in ablation.columns}
        rows.append({
            "index": row.index, "entity_name": row.entity_name, "slice": row.slice, "truth": row.truth,
            "also": list(row.also),
            "answers": {name: text[place] for name, text in texts.items()},
            "outcomes": {column.name: Outcome(column.outcomes[place]).name for column in ablation.columns},
            "causes": {name: cause.value for name, cause in why.items() if cause is not None},
        })  # fmt: skip
    return rows


def write_json(summary: Mapping[str, Any], out: Path) -> None:
    """Writes the figures, whole or not at all (InputError); equal figures give equal files."""
    with atomic_text(out) as stream:
        stream.write(json.dumps(summary, ensure_ascii=False, indent=1) + "\n")


def load_summary(path: Path) -> dict[str, Any]:
    """Reads the JSON file of an earlier report. Raises InputError: missing, not such a file, or of another format."""
    try:
        found = json.loads(input_bytes(path).decode())
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not the JSON of an ablation report") from None
    form = found.get("format") if isinstance(found, dict) else None
    if not isinstance(found, dict) or form != FORMAT:
        message = f"not an ablation report of format {FORMAT} (found {form}); make it again with --json-out"
        raise InputError(f"{path}: {message}")
    try:
        names = {column["name"] + "" for column in found["columns"]}
        for row in found["rows"]:
            _ = row["index"] + 0, row["truth"] + "", [text + "" for text in row["answers"].values()]
            outcomes = {name: Outcome[outcome] for name, outcome in row["outcomes"].items()}
            if not outcomes.keys() == row["answers"].keys() == names:
                raise ValueError("answers and outcomes of different names")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: a damaged ablation report: {type(error).__name__} {error}") from None
    return found


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What changed between two summaries, over the rows and columns that both have.

    Returns:
        added, removed: names of columns; rows: compared, only_old, only_new, truth_changed; and columns: one object for
        each common column with old_f1, new_f1 over the compared rows and changed: rows whose answer or verdict differs.
    """
    before = {row["index"]: row for row in old["rows"]}
    after = {row["index"]: row for row in new["rows"]}
    common = [index for index in after if index in before]
    old_names, new_names = ([column["name"] for column in one["columns"]] for one in (old, new))
    pairs = [(before[index], after[index]) for index in common]
    return {
        "added": [name for name in new_names if name not in old_names],
        "removed": [name for name in old_names if name not in new_names],
        "rows": {
            "compared": len(common), "only_old": len(before) - len(common), "only_new": len(after) - len(common),
            "truth_changed": sum(one["truth"] != other["truth"] for one, other in pairs),
        },
        "columns": [_column(name, pairs) for name in new_names if name in old_names],
    }  # fmt: skip


def _column(name: str, rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, Any]:
    changed = [
        {
            "index": new["index"], "entity_name": new["entity_name"], "truth": new["truth"],
            "old": old["answers"][name], "new": new["answers"][name],
            "old_outcome": old["outcomes"][name], "new_outcome": new["outcomes"][name],
        }
        for old, new in rows
        if (old["answers"][name], old["outcomes"][name]) != (new["answers"][name], new["outcomes"][name])
    ]  # fmt: skip
    outcomes = (np.array([Outcome[pair[side]["outcomes"][name]] for pair in rows], dtype=np.int64) for side in (0, 1))
    old_f1, new_f1 = (round(Counts.of(own).f1, 6) for own in outcomes)
    return {"name": name, "old_f1": old_f1, "new_f1": new_f1, "changed": changed}
