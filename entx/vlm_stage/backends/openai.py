"""Any OpenAI-compatible server that takes pictures: vLLM, llama.cpp, `transformers serve` (see `Server`).

Pictures travel as data URLs, never as links, so a server fetches nothing. Log-probabilities come with what a server
writes, if it tells them; none of them scores a given answer to a picture.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image

from entx.core.errors import PictureError
from entx.neural.asking import Ask
from entx.neural.server import RefusedError, Server
from entx.vlm_stage.backends.base import PictureAsk, Said
from entx.vlm_stage.views import reduced_size, rough_tokens


class ServedPictureModel:
    """A vision-language model behind an OpenAI-compatible API.

    Args:
        base_url, model, concurrency, timeout: see `Server`.
    """

    def __init__(self, base_url: str, model: str | None = None, *, concurrency: int = 8, timeout: float = 300.0):
        self._server = Server(base_url, model, chat=True, concurrency=concurrency, timeout=timeout)
        self._concurrency = concurrency
        self.name = self._server.model

    def image_tokens(self, size: tuple[int, int]) -> int:
        """A guess: the server's processor is not at hand."""
        return rough_tokens(size)

    def view_size(self, size: tuple[int, int], pixels: int) -> tuple[int, int]:
        """The picture's own size, or less for the budget; the server's processor rounds it as its model needs."""
        return reduced_size(size, pixels)

    def read(self, batch: Sequence[PictureAsk], *, max_tokens: int = 32) -> list[list[Said]]:
        """Greedy answers, within each ask's pattern where the server takes one; questions of a picture go together.

        Raises:
            PictureError: the server does not take a picture.
        """
        jobs = [(parts, ask) for parts, asks in ((_parts(one), one.asks) for one in batch) for ask in asks]
        with ThreadPoolExecutor(self._concurrency) as threads:
            found = threads.map(lambda job: self._write(job[0], job[1], max_tokens), jobs)
            return [[next(found) for _ in asked.asks] for asked in batch]

    def _write(self, parts: list[dict[str, Any]], ask: Ask, max_tokens: int) -> Said:
        try:
            said = self._server.write([*parts, {"type": "text", "text": ask.question}], ask.pattern, max_tokens)
        except RefusedError as error:
            raise PictureError(str(error)) from None
        return Said(said.text, said.log_prob, (None,) * len(ask.completions))


def _parts(asked: PictureAsk) -> list[dict[str, Any]]:
    """The views as parts of a message, without loss."""
    return [{"type": "image_url", "image_url": {"url": data_url(view)}} for view in asked.views]


def data_url(picture: Image.Image) -> str:
    """A picture as a URL that holds all of it."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
