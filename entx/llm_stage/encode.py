"""Examples into token rows: prompt, then the completion and the end of the answer, which alone are learnt.

The tokens of a row are exactly those that the model sees when it is asked (`PromptTokenizer`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from entx.neural.backends.base import PromptTokenizer, Query, Request

IGNORED = -100
"""The label of a token that is not learnt; PyTorch's cross entropy leaves it out."""


class Answered(Protocol):
    """A question with its answer; `dataset.Example` is one."""

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


def encode(examples: Sequence[Answered], tokenizer: PromptTokenizer) -> list[TokenRow]:
    """The rows of the examples, in their order."""
    asked = [Request(one.page, (Query(one.question, (one.completion,)),)) for one in examples]
    rows = []
    for one, tokens in zip(examples, tokenizer.prepare(asked), strict=True):
        prompt = (*tokens.prefix, *tokens.questions[0])
        rows.append(TokenRow((*prompt, *tokens.choices[0][0], tokenizer.ends[0]), len(prompt), one.weight))
    return rows
