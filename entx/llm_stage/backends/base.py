"""What the stage asks of a text model, whatever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from entx.neural.asking import Ask, Generated


@dataclass(frozen=True, slots=True)
class PageAsk:
    """A page part of a prompt and all that is asked about it."""

    page: str
    asks: tuple[Ask, ...]


class TextModel(Protocol):
    """A text model that scores or writes answers.

    Attributes:
        name: for messages and the run's record.
    """

    name: str

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted."""
        ...

    def score(self, batch: Sequence[PageAsk]) -> list[list[tuple[float, ...]]]:
        """Log-probability of each completion followed by the end of the answer, given page and question.

        Returns:
            For each page, for each ask, one number a completion.
        """
        ...

    def generate(self, batch: Sequence[PageAsk], *, max_tokens: int = 32) -> list[list[Generated]]:
        """The most probable answer token by token, within each ask's pattern.

        Returns:
            For each page, one answer an ask.
        """
        ...
