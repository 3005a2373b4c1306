"""Any OpenAI-compatible server: vLLM, llama.cpp, `transformers serve`, or a vendor's (see `Server`).

Scores of given completions need the log-probabilities of a prompt, which of these only vLLM returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from entx.core.errors import InputError
from entx.llm_stage.backends.base import PageAsk
from entx.neural.asking import Generated
from entx.neural.server import Server

_BYTES_PER_TOKEN = 3  # a careful guess: the server's tokenizer is not at hand, and layout tags and digits are short


class ServedModel:
    """A model behind an OpenAI-compatible API.

    Args:
        base_url, model, chat, concurrency, timeout: see `Server`.
    """

    def __init__(
        self, base_url: str, model: str | None = None, *, chat: bool, concurrency: int = 8, timeout: float = 120.0
    ):
        self._server = Server(base_url, model, chat=chat, concurrency=concurrency, timeout=timeout)
        self._chat = chat
        self._concurrency = concurrency
        self.name = self._server.model

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate from the bytes of each text, more likely too high than too low."""
        return [len(text.encode()) // _BYTES_PER_TOKEN + 1 for text in texts]

    def score(self, batch: Sequence[PageAsk]) -> list[list[tuple[float, ...]]]:
        """Log-probability of each completion, without an end token (what a unit ends with is its last letter).

        Raises:
            InputError: not a vLLM server, or a chat model, whose template is not at hand here.
        """
        if self._server.kind != "vllm" or self._chat:
            raise InputError(
                f"{self._server.url} does not return log-probabilities of given completions (vLLM does, for models of "
                "the compact style); use --mode free"
            )
        jobs = [
            (asked.page + ask.question, completion)
            for asked in batch
            for ask in asked.asks
            for completion in ask.completions
        ]
        with ThreadPoolExecutor(self._concurrency) as threads:
            found = threads.map(lambda job: self._log_prob(*job), jobs)
            return [[tuple(next(found) for _ in ask.completions) for ask in asked.asks] for asked in batch]

    def generate(self, batch: Sequence[PageAsk], *, max_tokens: int = 32) -> list[list[Generated]]:
        """Greedy answers; within each ask's pattern where the server takes one."""
        jobs = [(asked.page, ask) for asked in batch for ask in asked.asks]
        with ThreadPoolExecutor(self._concurrency) as threads:
            found = threads.map(
                lambda job: self._server.write(job[0] + job[1].question, job[1].pattern, max_tokens), jobs
            )
            return [[next(found) for _ in asked.asks] for asked in batch]

    def _log_prob(self, prompt: str, completion: str) -> float:
        request = {
            "model": self.name, "prompt": prompt + completion, "max_tokens": 1, "temperature": 0, "echo": True,
            "logprobs": 1,
        }  # fmt: skip
        logprobs: Any = self._server.complete(request, {}).get("logprobs")
        try:
            tokens = zip(logprobs["text_offset"], logprobs["tokens"], logprobs["token_logprobs"], strict=True)
            start, end = len(prompt), len(prompt) + len(completion)
            return float(sum(value for at, token, value in tokens if at + len(token) > start and at < end))
        except (TypeError, KeyError, ValueError):
            raise InputError(
                f"{self._server.url}: no log-probabilities of the prompt in the reply; use --mode free"
            ) from None
