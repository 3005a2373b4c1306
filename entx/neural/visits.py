"""In which order rows are visited, and how often: per-row weights by sampling.

A row of weight w is visited w times an epoch on average: once for the whole part, and for the rest by systematic
sampling (Madow 1949), which keeps every count within one of its weight. So a weak row costs only its share of the time,
any trainer serves, and packing stays possible, which a weight on the loss would not allow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from entx.neural.settings import TrainSettings

WINDOW = 16
"""Batches that are made of rows of like length together: enough to spare most padding, few enough to stay random."""


def visits(weights: Sequence[float], *, seed: int, epoch: int = 0, share: float = 1.0) -> list[int]:
    """Row numbers in the order of their visits in one epoch.

    Args:
        weights: of the rows, each at least 0.
        seed, epoch: equal ones give equal orders.
        share: of a last, broken epoch.
    """
    random = np.random.default_rng((seed, epoch))
    shuffled = random.permutation(len(weights))  # systematic sampling is blind to patterns in the order of the rows
    ticks = np.floor(np.cumsum(np.asarray(weights, dtype=np.float64)[shuffled]) + random.random())
    drawn = random.permutation(np.repeat(shuffled, np.diff(ticks, prepend=0.0).astype(np.int64)))
    return [int(number) for number in drawn[: round(share * len(drawn))]]


def group_by_length(lengths: Sequence[int], batch: int, seed: int) -> list[int]:
    """An order of visits in which the rows of a batch are of like length, and the batches in random order.

    Args:
        lengths: of the visits, in tokens.
        batch: rows of one forward pass.
    """
    random = np.random.default_rng((seed, len(lengths)))
    order: list[int] = []
    for start in range(0, len(lengths), batch * WINDOW):
        window = sorted(range(start, min(start + batch * WINDOW, len(lengths))), key=lambda number: lengths[number])
        batches = [window[at : at + batch] for at in range(0, len(window), batch)]
        whole = [one for one in batches if len(one) == batch]
        order += [number for at in random.permutation(len(whole)) for number in whole[at]]
        order += [number for one in batches if len(one) < batch for number in one]  # only the last window has one
    return order


class Weighted(Protocol):
    """A training row with how often an epoch visits it on average."""

    @property
    def weight(self) -> float: ...  # noqa: D102


RowT = TypeVar("RowT", bound=Weighted)


def all_visits(
    epoch_rows: Callable[[int], Sequence[RowT]], length: Callable[[RowT], int], most: int, train: TrainSettings
) -> tuple[list[RowT], int]:
    """A row for each visit, all epochs behind each other; and how many rows were left out as too long.

    Args:
        epoch_rows: the rows of an epoch, by its number.
        length: of a row, in tokens.
        most: tokens that a row may have.
    """
    rows: list[RowT] = []
    too_long = epoch = 0
    while epoch < train.epochs:
        drawn = epoch_rows(epoch)
        fit = [row for row in drawn if length(row) <= most]
        too_long += len(drawn) - len(fit)
        share = min(1.0, train.epochs - epoch)
        order = visits([row.weight for row in fit], seed=train.seed, epoch=epoch, share=share)
        rows += [fit[number] for number in order]
        epoch += 1
    if train.packing:
        return rows, too_long
    if train.max_steps:
        rows = rows[: train.max_steps * train.batch * train.accumulation]
    if train.group_by_length:
        rows = [rows[number] for number in group_by_length([length(row) for row in rows], train.batch, train.seed)]
    return rows, too_long
