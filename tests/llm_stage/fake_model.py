"""A text model that answers by rule, so that a test knows what comes out; it runs the real reader and job."""

from __future__ import annotations

from collections.abc import Sequence

from entx.neural.backends.base import Completion, Request


class FakeModel:
    """Prefers one text to all others.

    Args:
        favourite: its log-probability is -0.1, any other's -3 less a hundredth for each earlier completion.
        written: what it generates.
    """

    name = "fake"

    def __init__(self, favourite: str = "none", written: str = "none"):
        self.favourite = favourite
        self.written = written
        self.seen: list[Request] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def score(self, batch: Sequence[Request]) -> list[list[tuple[float, ...]]]:
        self.seen += batch
        return [
            [
                tuple(
                    -0.1 if one == self.favourite else -3.0 - place / 100 for place, one in enumerate(ask.completions)
                )
                for ask in asked.asks
            ]
            for asked in batch
        ]

    def generate(self, batch: Sequence[Request], *, max_tokens: int = 32) -> list[list[Completion]]:
        self.seen += batch
        return [[Completion(self.written, -0.2) for _ in asked.asks] for asked in batch]
