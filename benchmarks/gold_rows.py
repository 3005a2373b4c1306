"""Labelled rows with their pages, and F1 of answers to them with paired bootstrap: shared by the llm benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from entx.core.evaluation import (
    RESAMPLES,
    Counts,
    IntArray,
    Interval,
    Outcome,
    bootstrap_f1,
    f1_of,
    group_numbers,
    outcomes,
)
from entx.core.tables import parse_indices, read_table
from entx.core.types import OcrPage, PageKey
from entx.storage.pages import unanswered_pages
from entx.storage.store import Store

NO_RUN = "no such run: every question of the store is open"


@dataclass(frozen=True)
class GoldRow:
    """A question of a picture with its truth; `also` holds other right answers, " | " between them."""

    index: int
    page: OcrPage
    entity: str
    truth: str
    also: str
    part: str


def load_rows(store: Store, key: PageKey, gold: Path) -> list[GoldRow]:
    """Rows of the gold table whose picture has a page of this key; rows of one picture stand together."""
    table = read_table(gold, ["index"], ["value", "entity_value", "also", "slice"])
    truth = table["value"] if "value" in table else table["entity_value"]
    blank = [""] * len(truth)
    also, parts = table.get("also") or blank, table.get("slice") or blank
    told = dict(zip(parse_indices(table), zip(truth, also, parts, strict=True), strict=True))
    return [
        GoldRow(question.index, page, question.entity_name, *told[question.index])
        for page, questions in unanswered_pages(store, key, NO_RUN)
        for question in questions
        if question.index in told
    ]


def by_page(rows: Sequence[GoldRow]) -> Iterator[list[GoldRow]]:
    """Rows in groups of one picture."""
    return (list(group) for _, group in groupby(rows, key=lambda row: row.page.picture))


class Scorer:
    """Scores answers to the same rows.

    Args:
        rows: in the order of the answers.
    """

    def __init__(self, rows: Sequence[GoldRow]):
        self.rows = rows
        self.pictures = group_numbers([row.page.picture for row in rows])

    def outcomes(self, answers: Sequence[str]) -> IntArray:
        """`Outcome` of each row."""
        found, _ = outcomes(answers, [row.truth for row in self.rows], [row.also for row in self.rows])
        return found

    def score(self, answers: Sequence[str], chosen: Sequence[bool] | None = None) -> tuple[Counts, Interval]:
        """Counts and the 95 % interval of F1, pictures resampled; of all rows, or of the chosen ones."""
        kept = np.ones(len(self.rows), dtype=bool) if chosen is None else np.asarray(chosen)
        found = self.outcomes(answers)[kept]
        return Counts.of(found), bootstrap_f1(found, self.pictures[kept])

    def difference(self, answers: Sequence[str], other: Sequence[str], seed: int = 0) -> tuple[float, Interval, float]:
        """F1 of `answers` less F1 of `other`: the value, its 95 % interval, and the share of resamples above 0.

        Both are resampled together, picture by picture.
        """
        kinds = len(Outcome)
        pair = [self.outcomes(one) for one in (answers, other)]
        size = (int(self.pictures.max()) + 1) * kinds
        tables = [np.bincount(self.pictures * kinds + one, minlength=size).reshape(-1, kinds) for one in pair]
        draw = np.random.default_rng(seed)
        weights = draw.multinomial(len(tables[0]), np.full(len(tables[0]), 1 / len(tables[0])), size=RESAMPLES)
        one, two = (f1_of(*(weights @ table)[:, : Outcome.FN + 1].T) for table in tables)
        low, high = np.quantile(one - two, [0.025, 0.975])
        value = Counts.of(pair[0]).f1 - Counts.of(pair[1]).f1
        return value, Interval(float(low), float(high)), float(np.mean(one > two))
