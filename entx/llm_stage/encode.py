"""Examples into token rows: prompt, then the completion and the end of the answer, which alone are learnt.

The tokens of a row are exactly those that the model sees when it is asked: page part and question part together, in the
chat template where the style has one, and the completion's tokens behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from entx.core.errors import InputError
from entx.llm_stage.prompt import Style

IGNORED = -100
"""The label of a token that is not learnt; PyTorch's cross entropy leaves it out."""

_SLOT = "\ue000"  # a private-use character that no chat template holds and no page part keeps


class TrainingExample(Protocol):
    """What a row is made of; see `dataset`."""

    @property
    def page(self) -> str: ...  # noqa: D102
    @property
    def question(self) -> str: ...  # noqa: D102
    @property
    def completion(self) -> str: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One row.

    Args:
        tokens: prompt, completion, end of the answer.
        prompt: how many of them are the prompt.
        weight: how often an epoch visits it on average.
    """

    tokens: tuple[int, ...]
    prompt: int
    weight: float

    @property
    def labels(self) -> list[int]:
        """The tokens with the prompt's put to `IGNORED`."""
        return [IGNORED] * self.prompt + list(self.tokens[self.prompt :])


class Encoder:
    """Turns prompts into tokens as one model reads them.

    Args:
        tokenizer: the model's fast tokenizer.
        style: instruct puts page and question into the tokenizer's chat template as one user message.

    Raises:
        InputError: the style needs a chat template and there is none, or the tokenizer has no end-of-text token.
    """

    def __init__(self, tokenizer: Any, style: Style):
        self._tokenizer = tokenizer
        self._chat = style is Style.INSTRUCT
        if self._chat and not tokenizer.chat_template:
            raise InputError("the tokenizer has no chat template: take an instruction-tuned model, or style = compact")
        if tokenizer.eos_token_id is None:
            raise InputError("the tokenizer has no end-of-text token")

    @cached_property
    def _frame(self) -> tuple[str, str, int]:
        """What stands before a user message, between it and the answer, and the token that ends an answer."""
        if not self._chat:
            return "", "", self._tokenizer.eos_token_id
        user = {"role": "user", "content": _SLOT}
        asked = self._tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
        turns = [user, {"role": "assistant", "content": _SLOT}]
        answered = self._tokenizer.apply_chat_template(turns, tokenize=False)
        head, _, tail = asked.partition(_SLOT)
        closing = self._tokenizer.encode(answered.rpartition(_SLOT)[2], add_special_tokens=False)
        return head, tail, closing[0] if closing else self._tokenizer.eos_token_id

    def encode(self, examples: Sequence[TrainingExample]) -> list[TokenRow]:
        """The rows of the examples, in their order."""
        if not examples:
            return []
        head, tail, end = self._frame
        behind = [one.question + tail for one in examples]
        prompts = self._tokens((head + one.page + text for one, text in zip(examples, behind, strict=True)), first=True)
        questions = self._tokens(behind)
        answered = self._tokens(text + one.completion for one, text in zip(examples, behind, strict=True))
        return [
            TokenRow((*prompt, *whole[len(question) :], end), len(prompt), one.weight)
            for one, prompt, question, whole in zip(examples, prompts, questions, answered, strict=True)
        ]

    def _tokens(self, texts: Iterable[str], *, first: bool = False) -> list[list[int]]:
        special = first and not self._chat  # a chat template writes its own first token
        encoded = self._tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=special)
        return [one.ids for one in encoded]


def count_tokens(tokenizer: Any, texts: list[str]) -> list[int]:
    """Number of tokens of each text, special ones not counted."""
    encoded = tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [len(one.ids) for one in encoded]
