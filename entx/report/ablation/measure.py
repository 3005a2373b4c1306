"""Gathers what a report is made of: the gold rows, a column for each run and hybrid, and the OCR pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.types import OcrPage, PageKey
from entx.ensemble.ballot import choose_pages
from entx.report.ablation.columns import Column, arm_columns
from entx.report.ablation.frontier import Frontier
from entx.report.ablation.gold import Gold, read_gold
from entx.report.ablation.hybrids import decide_hybrids
from entx.storage.pages import load_pages
from entx.storage.runs import Arm, find_arms, load_arms
from entx.storage.store import Store


@dataclass(frozen=True)
class Options:
    """What is measured and how.

    Args:
        strategies: of the ensemble, decided here over the runs.
        fitted: files of saved ensembles, decided here too.
        where: (column, value) pairs of the gold table; pairs of one column are alternatives.
        common: only rows that every run was asked.
        train: a labelled table to audit; None audits what else the store has labels of.
        price: of one hour of the machine; None prices nothing.
        seconds: (run, seconds for 1,000 questions) of imported runs, which brought no times.
        seed: of the bootstrap.
    """

    strategies: tuple[str, ...] = ()
    fitted: tuple[Path, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    common: bool = False
    train: Path | None = None
    price: float | None = None
    seconds: tuple[tuple[str, float], ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Measured:
    """What a report is made of.

    Args:
        columns: the runs in their order, then the hybrids.
        always: for names of hybrids, the same with an answer to every row.
        looked: for names of hybrids, what share of the questions each of their runs was looked at.
        frontier: the cascade at several shares of asking; None without one.
        key: of the pages; None without any.
        pages: by picture, of the gold rows.
        candidates: for each row the legal quantities of its page in reading order; None without a page.
        notes: for the reader of the report.
    """

    gold: Gold
    arms: tuple[Arm, ...]
    columns: tuple[Column, ...]
    always: Mapping[str, Column]
    looked: Mapping[str, Mapping[str, float]]
    frontier: Frontier | None
    key: PageKey | None
    pages: Mapping[str, OcrPage]
    candidates: tuple[tuple[Candidate, ...] | None, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def printed(self) -> list[bool | None]:
        """For each row whether its truth stands among the quantities of its page; None without a page."""
        return [
            None if found is None else any(one.quantity in row.rights for one in found)
            for row, found in zip(self.gold.rows, self.candidates, strict=True)
        ]


def measure(store: Store, path: Path, runs: Sequence[str], schema: Schema, options: Options) -> Measured:
    """Gathers it; only the gold rows are held in memory.

    Raises:
        TableError: the gold table breaks its contract.
        InputError: a run, strategy or row is not fit for it.
    """
    arms = find_arms(store, runs, schema.digest)
    gold = read_gold(path, store, schema, options.where)
    rows = list(load_arms(store, runs, only=[row.index for row in gold.rows]))
    if options.common:
        asked = {row.index for row in rows if None not in row.answers}
        gold = gold.only([place for place, row in enumerate(gold.rows) if row.index in asked])
        rows = [row for row in rows if row.index in asked]
        if not rows:
            raise InputError(f"{path}: none of its rows was asked of every one of {', '.join(runs)}")
    key = choose_pages(store, arms)
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
    return Measured(
        gold, tuple(arms), columns, hybrids.always, hybrids.looked, hybrids.frontier, key, pages,
        _candidates(gold, pages, schema), (*notes, *hybrids.notes),
    )  # fmt: skip


def _candidates(gold: Gold, pages: Mapping[str, OcrPage], schema: Schema) -> tuple[tuple[Candidate, ...] | None, ...]:
    parsed = {picture: page_quantities(page) for picture, page in pages.items()}
    found: list[tuple[Candidate, ...] | None] = []
    for row in gold.rows:
        page = pages.get(row.picture or "")
        found.append(
            None if page is None else tuple(find_candidates(page, schema[row.entity_name], parsed[page.picture]))
        )
    return tuple(found)
