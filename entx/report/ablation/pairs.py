"""Paired tests: which of two columns is better on the same rows, and where that cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from entx.core.evaluation import paired_f1
from entx.report.ablation.columns import Column

NOT_SEPARABLE = "not separable"


def pair_tests(columns: Sequence[Column], seed: int) -> list[dict[str, Any]]:
    """Every pair on all rows and on each slice, over the rows that both were asked.

    Returns:
        One object a pair and part: first, second, part ("" for all), n, difference, low, high, p, separable.
    """
    tests = []
    for first, second in combinations(columns, 2):
        gold = first.gold
        for part, rows in gold.named_parts.items():
            both = rows[(first.asked[rows] & second.asked[rows]).astype(bool)]
            if not len(both):
                continue
            found = paired_f1(first.outcomes[both], second.outcomes[both], gold.groups[both], seed=seed)
            tests.append({
                "first": first.name, "second": second.name, "part": part, "n": len(both),
                "difference": found.difference, "low": found.interval.low, "high": found.interval.high,
                "p": found.p_value, "separable": found.separable,
            })  # fmt: skip
    return tests


def compared(base: Column, other: Column, seed: int) -> dict[str, Any]:
    """What `other` gains on `base` over all rows, both being the same arm in two ways."""
    found = paired_f1(other.outcomes, base.outcomes, base.gold.groups, seed=seed)
    return {
        "difference": found.difference, "low": found.interval.low, "high": found.interval.high, "p": found.p_value,
        "separable": found.separable, "changed": int(np.sum(np.array(base.texts) != np.array(other.texts))),
    }  # fmt: skip
