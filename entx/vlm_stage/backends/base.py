"""What the stage asks of a vision-language model, whatever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from entx.neural.asking import Ask


@dataclass(frozen=True, slots=True)
class PictureAsk:
    """A picture and all that is asked about it.

    Args:
        views: RGB, already of the size at which they are to be seen: the whole picture first, then crops of it.
        asks: their completions are scored as answers to the same question, beside the answer that is written.
    """

    views: tuple[Image.Image, ...]
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said to one question.

    Args:
        text: the answer that it wrote within the ask's pattern, without the end token.
        log_prob: sum over its tokens and the end token under the model alone, not under the constraint; None where the
            backend does not tell.
        scores: log-probability of each of the ask's completions followed by the end of the answer; None for those that
            the backend cannot score.
    """

    text: str
    log_prob: float | None
    scores: tuple[float | None, ...] = ()


class PictureModel(Protocol):
    """A vision-language model that answers questions about pictures.

    Attributes:
        name: for messages and the run's record.
    """

    name: str

    def image_tokens(self, size: tuple[int, int]) -> int:
        """Tokens that a view of (width, height) pixels takes up in a prompt."""
        ...

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
        """The (width, height) at which a picture of that size is to be seen for a budget of so many pixels."""
        ...

    def read(self, batch: Sequence[PictureAsk], *, max_tokens: int = 32) -> list[list[Said]]:
        """Answers; each picture's views pass the vision tower once, whatever the number of its questions.

        Returns:
            For each picture, one answer an ask.
        """
        ...
