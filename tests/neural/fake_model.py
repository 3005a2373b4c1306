"""A model of either stage that answers by rule, so that a test knows what comes out of the real readers and job."""

from __future__ import annotations

import re
from collections.abc import Sequence

from entx.core.errors import PictureError
from entx.neural.backends.base import Completion, Model, Query, Request

WRITTEN = -0.2
FAVOURITE = -0.1


class FakeModel(Model):
    """Writes one text where its pattern allows it, else the first value of the pattern.

    Args:
        written: what it writes; its log-probability is -0.2.
        favourite: the choice that it scores at -0.1; any other at -3 less a hundredth for each before it.
        obeys: it heeds patterns; a server without a constraint does not.
        refuses: it takes no batch with a picture of this width.
    """

    name = "fake"

    def __init__(self, written: str = "none", favourite: str = "none", *, obeys: bool = True, refuses: int = -1):
        self.written, self.favourite, self.obeys, self.refuses = written, favourite, obeys, refuses
        self.seen: list[Request] = []
        self.calls: list[int] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def complete(self, batch: Sequence[Request], *, max_tokens: int = 32) -> list[list[Completion]]:
        if any(not isinstance(one.shown, str) and one.shown[0].width == self.refuses for one in batch):
            raise PictureError("too wide")
        self.seen += batch
        self.calls.append(len(batch))
        return [[self.completion(query, max_tokens) for query in request.queries] for request in batch]

    def completion(self, query: Query, max_tokens: int) -> Completion:
        scores = tuple(
            FAVOURITE if one == self.favourite else -3.0 - place / 100 for place, one in enumerate(query.choices)
        )
        if not max_tokens:
            return Completion(scores=scores)
        text = self.written
        if self.obeys and not re.fullmatch(query.pattern, text):
            unit = re.findall(r"\(([a-z |]+)\)", query.pattern)[0].split("|")[0]
            text = f"1 {unit}"
        return Completion(text, WRITTEN, scores)
