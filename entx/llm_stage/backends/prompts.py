"""A model's prompts as its own tokens: page, questions and completions, the way a trainer saw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entx.core.errors import InputError
from entx.llm_stage.backends.base import PageAsk
from entx.neural.tree import PromptTokens

_SLOT = "\ue000"  # a private-use character that no chat template holds and no OCR text keeps


class PromptTokenizer:
    """Turns questions into tokens.

    Args:
        tokenizer: a fast tokenizer of transformers.
        chat: put page and question into its chat template as one user message.
        name: of the model, for messages.

    Attributes:
        ends: tokens that end an answer; the first is the one that a trainer puts there.

    Raises:
        InputError: `chat` without a chat template, or no end-of-text token.
    """

    def __init__(self, tokenizer: Any, *, chat: bool, name: str):
        self.tokenizer = tokenizer
        self.chat = chat
        self.ends: tuple[int, ...] = (tokenizer.eos_token_id,)
        self._head, self._tail = "", ""
        if chat:
            self._head, self._tail, self.ends = _frame(tokenizer, name)
        if self.ends[0] is None:
            raise InputError(f"the tokenizer of {name} has no end-of-text token")

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted."""
        return [len(tokens) for tokens in self._tokenize(texts, special=False)]

    def prepare(self, batch: Sequence[PageAsk]) -> list[PromptTokens]:
        """Tokens of page, questions and completions, split where the questions of a page begin to differ."""
        asks = [ask for asked in batch for ask in asked.asks]
        behind = [ask.question + self._tail for ask in asks]
        fronts = [self._head + asked.page for asked in batch for _ in asked.asks]
        prompts = iter(self._tokenize([a + b for a, b in zip(fronts, behind, strict=True)], special=not self.chat))
        questions = self._tokenize(behind, special=False)
        completions = iter([
            self._completions(text, question, ask.completions)
            for text, question, ask in zip(behind, questions, asks, strict=True)
        ])  # fmt: skip
        return [
            PromptTokens.of(
                [next(prompts) for _ in asked.asks], [next(completions) for _ in asked.asks],
                [ask.pattern for ask in asked.asks],
            )
            for asked in batch
        ]  # fmt: skip

    def _completions(self, text: str, question: list[int], completions: Sequence[str]) -> list[list[int]]:
        """Tokens of each completion as they stand behind the question, which is how a trainer sees them."""
        behind = self._tokenize([text + one for one in completions], special=False)
        alone = self._tokenize(completions, special=False)
        return [
            whole[len(question) :] if whole[: len(question)] == question else own
            for whole, own in zip(behind, alone, strict=True)
        ]

    def _tokenize(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        if not texts:
            return []
        found: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=special)["input_ids"]
        return found


def _frame(tokenizer: Any, name: str) -> tuple[str, str, tuple[int, ...]]:
    """What a chat template writes before a user message and before its answer; the tokens that end an answer."""
    if not tokenizer.chat_template:
        raise InputError(f"{name} has no chat template; use the compact style, or a model that has one")
    user = {"role": "user", "content": _SLOT}
    asked = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    answered = tokenizer.apply_chat_template([user, {"role": "assistant", "content": _SLOT}], tokenize=False)
    head, _, tail = asked.partition(_SLOT)
    closing = tokenizer.encode(answered.rpartition(_SLOT)[2], add_special_tokens=False)
    return head, tail, tuple(dict.fromkeys([*closing[:1], tokenizer.eos_token_id]))
