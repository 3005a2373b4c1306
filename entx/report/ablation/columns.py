"""A column of the ablation: what one arm or one hybrid says to each labelled row, and what that counts as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from entx.core.evaluation import ALSO_SEPARATOR, Counts, IntArray, Outcome, Score, bootstrap_f1, outcomes
from entx.core.types import Answer
from entx.report.ablation.gold import Gold
from entx.storage.runs import ArmsRow

ARM, HYBRID = "arm", "hybrid"
ENSEMBLE_STAGE = "ensemble"


@dataclass(frozen=True)
class Column:
    """Answers to all rows of a gold table.

    Args:
        name: of the run, or of the strategy and its policy.
        kind: ARM for a run of the store, HYBRID for what is decided here.
        stage: what made the run.
        answers: one a row; None where the run was not asked, which counts as not answered.
    """

    name: str
    kind: str
    stage: str
    answers: tuple[Answer | None, ...]
    gold: Gold

    @property
    def texts(self) -> list[str]:
        """The answers as written, "" for none."""
        return [answer.quantity.text if answer and answer.quantity else "" for answer in self.answers]

    @cached_property
    def asked(self) -> IntArray:
        """1 where the row was asked, else 0; shape (rows,)."""
        return np.array([answer is not None for answer in self.answers], dtype=np.int64)

    @cached_property
    def _outcomes(self) -> tuple[IntArray, IntArray]:
        return outcomes_of(self.texts, self.gold)

    @property
    def outcomes(self) -> IntArray:
        """`Outcome` of each row by number and unit, shape (rows,)."""
        return self._outcomes[0]

    @cached_property
    def right(self) -> IntArray:
        """1 where the answer, or giving none, is right; shape (rows,)."""
        return np.isin(self.outcomes, (Outcome.TP, Outcome.TN)).astype(np.int64)

    def only(self, positions: Sequence[int], gold: Gold) -> Column:
        """The same on some of the rows; `gold` are those rows."""
        return Column(self.name, self.kind, self.stage, tuple(self.answers[place] for place in positions), gold)

    def scores(self, seed: int) -> dict[str, dict[str, dict[str, Any]]]:
        """The score of each part of the gold rows."""
        exact, by_text = self._outcomes
        return {
            part: {
                value: _score(exact[rows], by_text[rows], self.gold.groups[rows], seed) for value, rows in own.items()
            }
            for part, own in self.gold.parts.items()
        }


def outcomes_of(texts: Sequence[str], gold: Gold) -> tuple[IntArray, IntArray]:
    """What such answers count as: by number and unit, and by text."""
    also = [ALSO_SEPARATOR.join(row.also) for row in gold.rows]
    return outcomes(texts, [row.truth for row in gold.rows], also)


def _score(exact: IntArray, by_text: IntArray, groups: IntArray, seed: int) -> dict[str, Any]:
    return Score(Counts.of(exact), Counts.of(by_text), bootstrap_f1(exact, groups, seed=seed)).as_dict()


def arm_columns(runs: Sequence[tuple[str, str]], rows: Iterable[ArmsRow], gold: Gold) -> list[Column]:
    """The columns of stored runs.

    Args:
        runs: (name, stage) of each, in the order of the answers in `rows`.
        rows: of the questions that some of them was asked.
    """
    said = {row.index: row.answers for row in rows}
    nobody: tuple[Answer | None, ...] = (None,) * len(runs)
    return [
        Column(name, ARM, stage, tuple(said.get(row.index, nobody)[place] for row in gold.rows), gold)
        for place, (name, stage) in enumerate(runs)
    ]
