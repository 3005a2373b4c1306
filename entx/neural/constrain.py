"""What a generated answer may look like: a number and a unit that the entity allows, or the word for "not shown"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from entx.core.entities import Entity
from entx.core.errors import InputError

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
