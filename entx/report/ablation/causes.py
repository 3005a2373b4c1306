"""The oracle over the arms, how much of its gap each hybrid closes, and why rows are wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np

from entx.core.evaluation import Counts, IntArray, Outcome, bootstrap_f1
from entx.report.ablation.columns import ARM, ENSEMBLE_STAGE, Column
from entx.report.ablation.gold import Gold


class Cause(StrEnum):
    """Why a row is wrong."""

    NO_ARM = "no arm has it"
    ABSTAINED = "abstained"
    PICK = "wrong pick"
    EMPTY = "answered on an empty row"


def single_arms(columns: Sequence[Column]) -> list[Column]:
    """The stored runs that are no ensembles."""
    return [column for column in columns if column.kind == ARM and column.stage != ENSEMBLE_STAGE]


def oracle_outcomes(arms: Sequence[Column]) -> IntArray:
    """What a perfect pick among the arms counts as; giving none is a pick where an arm gives none."""
    table = np.stack([arm.outcomes for arm in arms])
    right = np.stack([arm.right for arm in arms]).any(axis=0)
    stated = np.array([bool(row.truth) for row in arms[0].gold.rows], dtype=bool)
    silent = (table == Outcome.FN).any(axis=0)
    wrong = np.where(silent, int(Outcome.FN), int(Outcome.FP))
    return np.where(right, np.where(stated, int(Outcome.TP), int(Outcome.TN)), wrong)


def oracle(columns: Sequence[Column], seed: int) -> dict[str, Any] | None:
    """The oracle and each column's share of the gap between the best single arm and the oracle; None without arms.

    Returns:
        parts: for "" (all rows) and each slice: n, f1, low, high, best (name of the best arm), best_f1, and closed: for
        each column its share of the gap (1 closes it, below 0 is worse than the best arm; None where there is no gap).
    """
    arms = single_arms(columns)
    if not arms:
        return None
    gold, outcomes = arms[0].gold, oracle_outcomes(arms)
    parts = {}
    for part, rows in gold.named_parts.items():
        bounds = bootstrap_f1(outcomes[rows], gold.groups[rows], seed=seed)
        f1 = {column.name: Counts.of(column.outcomes[rows]).f1 for column in columns}
        best = max(arms, key=lambda arm: f1[arm.name])
        top = Counts.of(outcomes[rows]).f1
        gap = top - f1[best.name]
        closed = {name: (value - f1[best.name]) / gap if gap > 1e-12 else None for name, value in f1.items()}
        parts[part] = {
            "n": len(rows), "f1": top, "low": bounds.low, "high": bounds.high, "best": best.name,
            "best_f1": f1[best.name], "closed": closed,
        }  # fmt: skip
    return {"arms": [arm.name for arm in arms], "parts": parts}


def cause_of(place: int, column: Column, arms: Sequence[Column]) -> Cause | None:
    """Why a row of a column is wrong; None where it is right."""
    outcome = column.outcomes[place]
    if column.right[place]:
        return None
    if not column.gold.rows[place].truth:
        return Cause.EMPTY
    if not any(arm.right[place] for arm in arms):
        return Cause.NO_ARM
    return Cause.ABSTAINED if outcome == Outcome.FN else Cause.PICK


def causes(columns: Sequence[Column], printed: Sequence[bool | None]) -> list[dict[str, Any]]:
    """How many rows each column has wrong, by cause; and the rows that every arm has wrong.

    Args:
        printed: for each row whether its truth is among the quantities of the OCR lines; None without a page.

    Returns:
        One object a column: name, wrong, each cause's count by name, and of those that no arm has: in_text, those with
        the truth in the OCR lines. The last, "every arm", counts rows that all arms have wrong: there
        abstained are those on which none of them gave an answer.
    """
    arms = single_arms(columns)
    found = []
    for column in columns:
        why = [cause_of(place, column, arms) for place in range(len(printed))]
        counts = Counter(one for one in why if one is not None)
        in_text = sum(one is Cause.NO_ARM and bool(seen) for one, seen in zip(why, printed, strict=True))
        found.append(_counted(column.name, counts, in_text))
    if arms:
        found.append(_every_arm(arms, arms[0].gold, printed))
    return found


def _every_arm(arms: Sequence[Column], gold: Gold, printed: Sequence[bool | None]) -> dict[str, Any]:
    counts: Counter[Cause] = Counter()
    in_text = 0
    for place, row in enumerate(gold.rows):
        if any(arm.right[place] for arm in arms):
            continue
        if not row.truth:
            counts[Cause.EMPTY] += 1
        elif all(arm.outcomes[place] == Outcome.FN for arm in arms):
            counts[Cause.ABSTAINED] += 1
        else:
            counts[Cause.NO_ARM] += 1
        in_text += bool(row.truth) and bool(printed[place])
    return _counted("every arm", counts, in_text)


def _counted(name: str, counts: Counter[Cause], in_text: int) -> dict[str, Any]:
    return {
        "name": name, "wrong": counts.total(), **{cause.value: counts[cause] for cause in Cause}, "in_text": in_text
    }  # fmt: skip
