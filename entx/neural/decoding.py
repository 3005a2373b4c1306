"""How a batch of prompts is read and its answers are written: token trees, attention masks, constrained greedy writing.

A tree holds a page or picture once, its questions as branches, and their choices as branches of those, for one pass. A
token attends to its ancestors and stands at its depth, so each path through the tree computes exactly what the same
tokens would as a sequence of their own. What a batch computes is the page plus every branch once, against page times
choices for sequence by sequence. The masks are explicit: sliding windows are cut by depth, not by slot.

A written answer is a number and a unit that the entity allows, or the word for "not shown". The constraint decides
which tokens may come next, never what a token is worth: log-probabilities are the model's own. This module knows tokens
only: prompts are made into them by `backends.base` and the families, and read by `backends.transformers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from entx.core.entities import Entity
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
    """Tokens of one page or picture and all that is asked about it."""

    prefix: list[int]  # what all its prompts begin with
    questions: list[list[int]]  # of each query the rest of its prompt, never empty but with `both`
    choices: list[list[list[int]]]  # of each query
    patterns: list[str]  # of each query
    # the model reads prompts in both directions: `prefix` is a whole one, of one query with an empty question
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
    """Trees side by side, padded at the left so that their last nodes stand in the same columns."""

    # tokens, depths: shape (trees, width)
    tokens: torch.Tensor
    depths: torch.Tensor
    visible: torch.Tensor  # shape (trees, width, width); a padded slot sees itself only
    together: torch.Tensor  # of `TokenTree.together`, the same shape
    offsets: tuple[int, ...]  # columns of padding of each tree: node n of tree t stands in column offsets[t] + n

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

    def __init__(self, config: Any, dtype: torch.dtype, device: torch.device | str = "cpu"):
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
        self.dtype, self.device = dtype, device

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

        visible, depths, key_depths = (one.to(self.device) for one in (visible, depths, key_depths))
        together = None if together is None else together.to(self.device)

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


MAX_WHOLE_DIGITS = 6
MAX_DECIMALS = 3


def value_pattern(entity: Entity) -> str:
    """Regular expression of the legal values. `[0-9]` because `\\d` has full-width digits; every repeat is bounded."""
    units = "|".join(re.escape(unit).replace("\\ ", " ") for unit in sorted(entity.units))
    return rf"[0-9]{{1,{MAX_WHOLE_DIGITS}}}(\.[0-9]{{1,{MAX_DECIMALS}}})? ({units})"


def answer_pattern(entity: Entity, empty: str) -> str:
    """Regular expression of the legal answers: a value, or that there is none.

    Args:
        empty: what a model writes where the value is not shown; "" for nothing at all.
    """
    if not empty:  # not as an empty alternative: not every server's parser of patterns knows those
        return f"({value_pattern(entity)})?"
    return f"{value_pattern(entity)}|{re.escape(empty)}"


class Constrainer:
    """Token masks for patterns, by llguidance.

    Args:
        tokenizer: a fast tokenizer of transformers.
        vocabulary: width of the model's logits (often more than the tokenizer has).
        ends: tokens that end an answer.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, ends: Sequence[int]):
        import llguidance
        from llguidance.hf import from_tokenizer

        self._library = llguidance
        self._tokens = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=list(ends))
        self._matchers: dict[str, Any] = {}
        self._words = (vocabulary + 31) // 32
        self.vocabulary = vocabulary

    def matcher(self, pattern: str) -> Any:
        """A fresh matcher; its `consume_token` takes what was chosen.

        Raises:
            InputError: llguidance cannot compile the pattern.
        """
        if pattern not in self._matchers:
            matcher = self._library.LLMatcher(self._tokens, self._library.LLMatcher.grammar_from_regex(pattern))
            if matcher.is_error():
                raise InputError(f"the pattern {pattern!r} cannot constrain an answer: {matcher.get_error()}")
            self._matchers[pattern] = matcher
        return self._matchers[pattern].deep_copy()

    def allowed(self, matcher: Any) -> BoolArray:
        """Which tokens may come next; shape (vocabulary,)."""
        words = np.zeros(self._words, dtype=np.int32)
        matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        bits = np.unpackbits(words.view(np.uint8), bitorder="little", count=self.vocabulary)
        return bits.astype(np.bool_)


@dataclass
class Writing:
    """An answer so far."""

    matcher: Any  # of its pattern, None where everything is allowed
    tokens: list[int] = field(default_factory=list)
    log_prob: float = 0.0  # sum under the model alone, the end token included
    ended: bool = False


def write_tokens(
    answers: Sequence[Sequence[Writing]], logits: torch.Tensor, constrainer: Constrainer, ends: Sequence[int]
) -> torch.Tensor:
    """Each unfinished answer takes its most probable allowed token.

    All are chosen where the logits lie: of a large vocabulary only the choices travel, not the logits.

    Args:
        answers: rows of answers; rows may differ in length.
        logits: of the next tokens, shape (rows, longest row, vocabulary).
        ends: tokens that end an answer.

    Returns:
        The tokens, shape (rows, longest row), on the CPU; 0 where nothing was written.
    """
    import torch

    written = torch.zeros(logits.shape[:2], dtype=torch.long)
    open_ = [
        (row, place, writing)
        for row, of_row in enumerate(answers)
        for place, writing in enumerate(of_row)
        if not writing.ended
    ]
    if not open_:
        return written
    rows, places = [row for row, _, _ in open_], [place for _, place, _ in open_]
    given = logits[rows, places].float()
    allowed = np.ones(given.shape, dtype=np.bool_)
    for number, (_, _, writing) in enumerate(open_):
        if writing.matcher is not None:
            allowed[number] = constrainer.allowed(writing.matcher)
    chosen = given.masked_fill(~torch.from_numpy(allowed).to(given.device), -torch.inf).argmax(-1)
    log_probs = given.gather(-1, chosen[:, None])[:, 0] - given.logsumexp(-1)
    written[rows, places] = chosen.cpu()
    for (_, _, writing), token, log_prob in zip(open_, chosen.tolist(), log_probs.tolist(), strict=True):
        writing.log_prob += log_prob
        if token in ends:
            writing.ended = True
        else:
            writing.tokens.append(token)
            if writing.matcher is not None:
                writing.matcher.consume_token(token)
    return written
