"""How many rows one forward pass takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

TOKENS_PER_PASS = {"cpu": 1024, "cuda": 16384}
"""Padded tokens of one forward pass, by device: what fits a CPU's cache; enough to fill a GPU."""


def passes(widths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Numbers of the rows of each pass, widest first: their count times the widest stays within `most`."""
    order = sorted(range(len(widths)), key=lambda number: -widths[number])
    while order:
        fit = max(1, most // max(widths[order[0]], 1))
        yield order[:fit]
        order = order[fit:]
