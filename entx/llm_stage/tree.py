"""One forward pass for a page and everything that hangs on it: segments that share their beginning, packed as a tree.

A page's questions share its tokens, a question's completions share the question. Each segment sees its ancestors and
itself, none of its siblings, and its positions count on from its parent's end, so that every path from the root is
exactly the sequence that it would be on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Segment:
    """Some tokens of a tree.

    Args:
        tokens: at least one.
        parent: position of the parent among the tree's segments, before this one; -1 for the root.
    """

    tokens: Sequence[int]
    parent: int = -1


@dataclass(frozen=True, slots=True)
class Packed:
    """Trees as one padded batch of B rows and T tokens.

    Args:
        ids, positions: int64 of shape (B, T).
        mask: bool of shape (B, 1, T, T), True where the row's token may look at the column's.
        starts: for each tree the first token's place of each of its segments.
        ends: for each tree the place of the last token of each segment.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    starts: list[list[int]]
    ends: list[list[int]]


def pack(trees: Sequence[Sequence[Segment]], pad: int) -> Packed:
    """Lays each tree's segments one behind the other in their order, and the trees below each other.

    Args:
        trees: each with its root first.
        pad: token id of the padding; a padded place sees only itself.
    """
    longest = max(sum(len(segment.tokens) for segment in tree) for tree in trees)
    ids = np.full((len(trees), longest), pad, np.int64)
    positions = np.zeros((len(trees), longest), np.int64)
    mask = np.zeros((len(trees), 1, longest, longest), bool)
    starts, ends = [], []
    for row, tree in enumerate(trees):
        lengths = [len(segment.tokens) for segment in tree]
        first = np.cumsum([0, *lengths[:-1]])
        depth = np.zeros(len(tree), np.int64)  # position at which each segment starts on its own path
        kin = np.eye(len(tree), dtype=bool)  # [segment, other]: other is the segment itself or an ancestor
        for number, segment in enumerate(tree):
            if segment.parent >= 0:
                depth[number] = depth[segment.parent] + lengths[segment.parent]
                kin[number] |= kin[segment.parent]
        owner = np.repeat(np.arange(len(tree)), lengths)
        size = len(owner)
        ids[row, :size] = np.concatenate([np.asarray(segment.tokens, np.int64) for segment in tree])
        positions[row, :size] = np.arange(size) - first[owner] + depth[owner]
        mask[row, 0, :size, :size] = np.tril(kin[owner][:, owner])
        starts.append(first.tolist())
        ends.append((first + lengths - 1).tolist())
    places = np.arange(longest)
    mask[:, 0, places, places] = True
    return Packed(torch.from_numpy(ids), torch.from_numpy(positions), torch.from_numpy(mask), starts, ends)
