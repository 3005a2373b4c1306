"""How an answer is written: a number and a unit that the entity allows, or the word for "not shown", greedily.

The constraint decides which tokens may come next, never what a token is worth: log-probabilities are the model's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from entx.core.entities import Entity
from entx.core.errors import InputError

if TYPE_CHECKING:
    import torch

MAX_WHOLE_DIGITS = 6
MAX_DECIMALS = 3

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


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
    """An answer so far.

    Args:
        matcher: of its pattern, None where everything is allowed.
        log_prob: sum under the model alone, the end token included.
    """

    matcher: Any
    tokens: list[int] = field(default_factory=list)
    log_prob: float = 0.0
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
