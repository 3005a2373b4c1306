"""Token trees: a page or picture once, its questions as branches, their choices as branches of those, in one pass.

A token attends to its ancestors and stands at its depth, so each path through the tree computes exactly what the same
tokens would as a sequence of their own. What a batch computes is the page plus every branch once, against page times
choices for sequence by sequence. The masks are explicit: sliding windows are cut by depth, not by slot. This module
knows tokens only: prompts are made into them by `backends.base` and the families, and read by `backends.transformers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from entx.core.errors import InputError

if TYPE_CHECKING:
    import torch

TOKENS_PER_PASS = {"cpu": 1024, "cuda": 16384}
"""Padded tokens of one forward pass, by device: what fits a CPU's cache; enough to fill a GPU."""

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass
class TokenTree:
    """Tokens with their depth and their ancestors; a node is known by its number, in order of adding."""

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    segments: list[tuple[int, int, int]] = field(default_factory=list)
    blocks: list[tuple[int, int]] = field(default_factory=list)

    def add(self, parent: int, tokens: Sequence[int], *, both: bool = False) -> int:
        """Appends a chain of tokens below a node (-1: at the root); returns the number of its last node.

        Args:
            both: the chain is read in both directions: each of its tokens sees all of it.
        """
        if not tokens:
            return parent
        first = len(self.tokens)
        depth = self.depths[parent] + 1 if parent >= 0 else 0
        self.segments.append((parent, first, first + len(tokens)))
        if both:
            self.blocks.append((first, first + len(tokens)))
        self.tokens += tokens
        self.depths += range(depth, depth + len(tokens))
        return len(self.tokens) - 1

    def visible(self) -> BoolArray:
        """Which nodes each node sees, itself included; shape (nodes, nodes)."""
        seen = np.zeros((len(self.tokens), len(self.tokens)), dtype=np.bool_)
        for parent, first, end in self.segments:
            if parent >= 0:
                seen[first:end] = seen[parent]
            seen[first:end, first:end] |= np.tri(end - first, dtype=np.bool_)
        return seen | self.together()

    def together(self) -> BoolArray:
        """Which nodes are of one chain that is read in both directions; shape (nodes, nodes)."""
        same = np.zeros((len(self.tokens), len(self.tokens)), dtype=np.bool_)
        for first, end in self.blocks:
            same[first:end, first:end] = True
        return same


@dataclass(frozen=True)
class PromptTokens:
    """Tokens of one page or picture and all that is asked about it.

    Args:
        prefix: what all its prompts begin with.
        questions: of each query the rest of its prompt, never empty but with `both`.
        choices: of each query.
        patterns: of each query.
        both: the model reads prompts in both directions: `prefix` is a whole one, of one query with an empty question.
    """

    prefix: list[int]
    questions: list[list[int]]
    choices: list[list[list[int]]]
    patterns: list[str]
    both: bool = False

    @classmethod
    def of(cls, prompts: Sequence[list[int]], choices: list[list[list[int]]], patterns: list[str]) -> PromptTokens:
        """Splits whole prompts where they begin to differ, before the last token at the latest."""
        if not prompts:
            return cls([], [], choices, patterns)
        shared = 0
        for column in zip(*(prompt[:-1] for prompt in prompts), strict=False):
            if len(set(column)) > 1:
                break
            shared += 1
        return cls(prompts[0][:shared], [prompt[shared:] for prompt in prompts], choices, patterns)

    @property
    def width(self) -> int:
        """Nodes of the whole tree."""
        answers = (tokens for of_query in self.choices for tokens in of_query)
        return len(self.prefix) + sum(map(len, self.questions)) + sum(map(len, answers))

    def tree(self) -> tuple[TokenTree, list[int]]:
        """The tree of prefix and questions, and the last node of each question.

        Those come behind all other nodes: logits are wanted of them, and of what is added behind, only.
        """
        tree = TokenTree()
        prefix = tree.add(-1, self.prefix, both=self.both)
        inner = [tree.add(prefix, question[:-1]) for question in self.questions]
        return tree, [tree.add(node, question[-1:]) for node, question in zip(inner, self.questions, strict=True)]


def side_by_side(widths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Numbers of the rows of each forward pass, widest first: their count times the widest stays within `most`."""
    order = sorted(range(len(widths)), key=lambda number: -widths[number])
    while order:
        fit = max(1, most // max(widths[order[0]], 1))
        yield order[:fit]
        order = order[fit:]


@dataclass(frozen=True)
class TreeBatch:
    """Trees side by side, padded at the left so that their last nodes stand in the same columns.

    Args:
        tokens, depths: shape (trees, width).
        visible: shape (trees, width, width); a padded slot sees itself only.
        together: of `TokenTree.together`, the same shape.
        offsets: columns of padding of each tree: node n of tree t stands in column offsets[t] + n.
    """

    tokens: torch.Tensor
    depths: torch.Tensor
    visible: torch.Tensor
    together: torch.Tensor
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, trees: Sequence[TokenTree]) -> TreeBatch:
        """Pads the trees to the longest."""
        import torch

        width = max(len(tree.tokens) for tree in trees)
        tokens = np.zeros((len(trees), width), dtype=np.int64)
        depths = np.zeros((len(trees), width), dtype=np.int64)
        visible = np.broadcast_to(np.eye(width, dtype=np.bool_), (len(trees), width, width)).copy()
        together = np.zeros((len(trees), width, width), dtype=np.bool_)
        offsets = tuple(width - len(tree.tokens) for tree in trees)
        for row, (tree, offset) in enumerate(zip(trees, offsets, strict=True)):
            tokens[row, offset:] = tree.tokens
            depths[row, offset:] = tree.depths
            visible[row, offset:, offset:] = tree.visible()
            together[row, offset:, offset:] = tree.together()
        of = torch.from_numpy
        return cls(of(tokens), of(depths), of(visible), of(together), offsets)


class AttentionMasks:
    """The attention masks of one model for an explicit pattern of who sees whom.

    Raises:
        InputError: the model has layers that read tokens by their order (state spaces, chunks): no tree works there.
    """

    def __init__(self, config: Any, dtype: torch.dtype):
        text = config.get_text_config()
        window = getattr(text, "sliding_window", None)
        kinds = set(getattr(text, "layer_types", None) or ())
        if unknown := kinds - {"full_attention", "sliding_attention"}:
            raise InputError(
                f"a {text.model_type} model has {', '.join(sorted(unknown))} layers; the arm reads models whose layers "
                "are full or sliding attention"
            )
        of_kind = {kind: window if kind == "sliding_attention" else None for kind in kinds}
        self.windows: dict[str, int | None] | int | None
        self.windows = of_kind if len(kinds) > 1 else next(iter(of_kind.values()), window)
        self.dtype = dtype

    def of(
        self,
        visible: torch.Tensor,
        depths: torch.Tensor,
        key_depths: torch.Tensor,
        together: torch.Tensor | None = None,
    ) -> torch.Tensor | dict[str, torch.Tensor]:
        """Additive masks, shape (trees, 1, queries, keys): one, or one a kind of layer where there are several.

        Args:
            visible: shape (trees, queries, keys).
            depths: of the queries, shape (trees, queries).
            key_depths: shape (trees, keys).
            together: who is not cut off by a window, shape (trees, queries, keys); None: each is.
        """

        import torch

        def additive(window: int | None) -> torch.Tensor:
            seen = visible
            if window is not None:
                near = depths[:, :, None] - key_depths[:, None, :] < window
                seen = seen & (near if together is None else near | together)
            mask = torch.zeros(seen.shape, dtype=self.dtype, device=seen.device)
            return mask.masked_fill_(~seen, torch.finfo(self.dtype).min)[:, None]

        if isinstance(self.windows, dict):
            return {kind: additive(window) for kind, window in self.windows.items()}
        return additive(self.windows)
