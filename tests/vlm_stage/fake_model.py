"""A picture model that answers by rule, so that a test knows what comes out; it runs the real reader and job."""

from __future__ import annotations

import re
from collections.abc import Sequence

from entx.core.errors import PictureError
from entx.neural.backends.base import Completion, Request
from entx.vlm_stage.views import reduced_size, rough_tokens

WRITTEN = -0.2
FAVOURITE = -0.1


class FakePictureModel:
    """Writes one text where its pattern allows it, else the first value of the pattern.

    Args:
        written: what it writes; its log-probability is -0.2.
        favourite: the completion that it scores at -0.1; any other at -3 less a hundredth for each before it.
        refuses: it takes no batch with a picture of this width.
    """

    name = "fake"

    def __init__(self, written: str = "none", favourite: str = "none", *, refuses: int = -1):
        self.written, self.favourite, self.refuses = written, favourite, refuses
        self.seen: list[Request] = []
        self.calls: list[int] = []

    def image_tokens(self, size: tuple[int, int]) -> int:
        return rough_tokens(size)

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
        return reduced_size(size, pixels)

    def read(self, batch: Sequence[Request], *, max_tokens: int = 32) -> list[list[Completion]]:
        if any(asked.views[0].width == self.refuses for asked in batch):
            raise PictureError("too wide")
        self.seen += batch
        self.calls.append(len(batch))
        return [[self._said(ask.pattern, ask.completions) for ask in asked.asks] for asked in batch]

    def _said(self, pattern: str, completions: Sequence[str]) -> Completion:
        text = self.written
        if not re.fullmatch(pattern, text):
            unit = re.findall(r"\(([a-z |]+)\)", pattern)[0].split("|")[0]
            text = f"1 {unit}"
        scores = [
            FAVOURITE if one == self.favourite else -3.0 - place / 100 for place, one in enumerate(completions)
        ]  # fmt: skip
        return Completion(text, WRITTEN, tuple(scores))
