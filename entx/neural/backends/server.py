"""A model of either stage behind an OpenAI-compatible server: vLLM, llama.cpp, `transformers serve`, or a vendor's.

What servers share is little, so what they can is found out: vLLM and llama.cpp say who they are in their list of models
and take a constraint each in their own field; others are sent plain requests, and the postprocessor keeps the answers
legal.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from entx.core.errors import InputError, PictureError
from entx.core.settings import refuse_offline
from entx.neural.backends.base import MAX_TOKENS, Completion, Model, Query, Request

if TYPE_CHECKING:
    from PIL import Image

KEY_VARIABLE = "ENTX_API_KEY"
"""The environment variable with the server's key. Not OPENAI_API_KEY: that one is not for whatever --base-url names."""

_RETRIES = urllib3.Retry(
    total=6, redirect=False, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None, backoff_factor=0.5,
    backoff_max=20, raise_on_status=False,
)  # fmt: skip
_LARGEST_REPLY = 16 << 20
_COUNTED = ("prompt_tokens", "cached_tokens", "completion_tokens")
_GRAMMAR_PARTS = re.compile(r"\[[^\]]*\]|\{[^}]*\}|[()|?]|\\(.)|([A-Za-z0-9 ]+)")

Shown = str | list[dict[str, Any]]
"""A page as text, or the views of a picture as parts of a message."""


class ServedModel(Model):
    """A model behind an OpenAI-compatible API; its requests go out side by side.

    Args:
        base_url: http or https, ends in the version: "http://localhost:8000/v1".
        model: its name there; None takes the only one that the server lists.
        chat: ask at /chat/completions, where the server applies the model's template (pictures go nowhere else); else
            at /completions.
        concurrency: requests in flight.
        timeout: seconds that one request may take, its wait among the others included.

    Attributes:
        url: without a slash at its end.
        kind: of the server: "vllm", "llamacpp" or "" for any other.
        usage: requests that were answered, and their tokens as the server counts them: prompt_tokens, those of them
            that it had read before (cached_tokens), completion_tokens.

    Raises:
        InputError: not a URL of http or https, or --offline; the server cannot be reached or lists no such model.
    """

    def __init__(
        self, base_url: str, model: str | None = None, *, chat: bool, concurrency: int = 8, timeout: float = 600.0
    ):
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InputError(f"--base-url {base_url!r}: expected http://host:port/v1 or https://host/v1")
        if parts.hostname != "localhost" and not re.fullmatch(r"127(\.\d+){3}|::1", parts.hostname):
            refuse_offline(f"--base-url {base_url}")
        self.url = base_url.rstrip("/")
        self._chat = chat
        self._concurrency = concurrency
        self._pool = urllib3.PoolManager(
            maxsize=concurrency, block=True, retries=_RETRIES, timeout=urllib3.Timeout(connect=10.0, read=timeout)
        )
        key = os.environ.get(KEY_VARIABLE)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._extras = True
        self._lock = Lock()
        self.usage: Counter[str] = Counter()
        self.name, self.kind = self._find(model)

    def complete(self, batch: Sequence[Request], *, max_tokens: int = MAX_TOKENS) -> list[list[Completion]]:
        """Greedy answers, within each pattern where the server takes one; or, of `max_tokens` 0, scores.

        Beside an answer scores are None. Those of vLLM are without an end token (what a unit ends with is its last
        letter), those of llama.cpp with it.

        Raises:
            PictureError: the server does not take a picture.
            InputError: scores are wanted of another server than these two, or by vLLM of a picture or of a chat model,
                whose template is not at hand here; it answers with an error, or with something else than an answer.
        """
        shown = [
            request.shown if isinstance(request.shown, str) else [_image_part(view) for view in request.shown]
            for request in batch
        ]
        jobs = [(one, query) for one, request in zip(shown, batch, strict=True) for query in request.queries]
        if not max_tokens and self.kind != "llamacpp" and (self.kind != "vllm" or self._chat):
            raise InputError(
                f"{self.url} does not return log-probabilities of given completions (llama.cpp does, and vLLM for "
                "models of the compact style); use --mode free"
            )
        with ThreadPoolExecutor(self._concurrency) as threads:
            if max_tokens:
                found = threads.map(lambda job: self._write(job[0], job[1], max_tokens), jobs)
            else:
                scored = [(one, query.question, choice) for one, query in jobs for choice in query.choices]
                scores = threads.map(lambda job: self._score(*job), scored)
                found = iter([Completion(scores=tuple(islice(scores, len(query.choices)))) for _, query in jobs])
            return [[next(found) for _ in request.queries] for request in batch]

    def _write(self, shown: Shown, query: Query, max_tokens: int) -> Completion:
        extras: dict[str, Any] = {}
        if query.pattern and self.kind == "vllm":
            extras["structured_outputs"] = {"regex": query.pattern}
        elif query.pattern and self.kind == "llamacpp":
            extras["grammar"] = gbnf(query.pattern)
        text, log_prob = self._answer(shown, query.question, max_tokens, extras)
        return Completion(text, log_prob, (None,) * len(query.choices))

    def _answer(
        self, shown: Shown, question: str, max_tokens: int, extras: Mapping[str, Any]
    ) -> tuple[str, float | None]:
        """The text that the server writes, and the log-probability of its tokens where it tells it."""
        prompt = shown + question if isinstance(shown, str) else [*shown, {"type": "text", "text": question}]
        request: dict[str, Any] = {"model": self.name, "max_tokens": max_tokens, "temperature": 0, "stream": False}
        if self._chat:
            request["messages"] = [{"role": "user", "content": prompt}]
        else:
            request["prompt"] = prompt
        try:
            reply = self._first_choice(request, {**extras, "logprobs": True if self._chat else 1})
        except RefusedError as error:
            raise (error if isinstance(shown, str) else PictureError(str(error))) from None
        message = reply.get("message")
        text = message.get("content") if isinstance(message, dict) else reply.get("text")
        if not isinstance(text, str):
            raise InputError(f"{self.url}: a reply without text")
        return text, _sum(reply.get("logprobs"))

    def _score(self, shown: Shown, question: str, choice: str) -> float:
        """Log-probability of a choice.

        llama.cpp is made to write it, by a grammar that allows nothing else: it tells each token's probability under
        the model alone, and that of the end. vLLM echoes a prompt with those of its tokens.
        """
        if self.kind == "llamacpp":
            grammar = f"root ::= {json.dumps(choice, ensure_ascii=False)}"
            text, log_prob = self._answer(shown, question, MAX_TOKENS, {"grammar": grammar})
            if text != choice or log_prob is None:
                raise InputError(f"{self.url}: writes {text!r} where only {choice!r} is allowed; use --mode free")
            return log_prob
        prompt = f"{shown}{question}"
        request = {
            "model": self.name, "prompt": prompt + choice, "max_tokens": 1, "temperature": 0, "echo": True,
            "logprobs": 1,
        }  # fmt: skip
        logprobs: Any = self._first_choice(request, {}).get("logprobs")
        try:
            tokens = zip(logprobs["text_offset"], logprobs["tokens"], logprobs["token_logprobs"], strict=True)
            start, end = len(prompt), len(prompt) + len(choice)
            return float(sum(value for at, token, value in tokens if at + len(token) > start and at < end))
        except (TypeError, KeyError, ValueError):
            raise InputError(f"{self.url}: no log-probabilities of the prompt in the reply; use --mode free") from None

    def _first_choice(self, request: dict[str, Any], extras: dict[str, Any]) -> dict[str, Any]:
        """The first choice of one request; without the extras from then on where the server refuses them."""
        path = "/chat/completions" if self._chat else "/completions"
        if self._extras and extras:
            try:
                return self._choice(self._call("POST", path, {**request, **extras}))
            except RefusedError:
                reply = self._choice(self._call("POST", path, request))
                self._extras = False  # it takes the plain request, so the extras were what it refused
                return reply
        return self._choice(self._call("POST", path, request))

    def _find(self, model: str | None) -> tuple[str, str]:
        """The model's name, and which server this is: "vllm", "llamacpp" or "" for any other."""
        try:
            listed = self._call("GET", "/models", None).get("data")
        except _AnsweredError:
            if model is None:
                raise
            return model, ""  # some servers have no list; what they can is not known then
        known = {str(one.get("id")): str(one.get("owned_by", "")) for one in listed} if isinstance(listed, list) else {}
        if model is None:
            if len(known) != 1:
                raise InputError(f"{self.url} lists {len(known)} models; name one: --model NAME")
            model = next(iter(known))
        owners = {known[model]} if model in known else set(known.values())  # llama.cpp answers to any name
        return model, next(iter(owners & {"vllm", "llamacpp"} if len(owners) == 1 else ()), "")

    def _choice(self, reply: Mapping[str, Any]) -> dict[str, Any]:
        choices = reply.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise InputError(f"{self.url}: a reply without choices")
        counted: dict[str, Any] = {}
        for part in (usage := reply.get("usage"), isinstance(usage, dict) and usage.get("prompt_tokens_details")):
            counted |= part if isinstance(part, dict) else {}
        with self._lock:
            self.usage["requests"] += 1
            self.usage.update({name: counted[name] for name in _COUNTED if isinstance(counted.get(name), int)})
        return dict(choices[0])

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        url = self.url + path
        try:
            reply = self._pool.request(
                method, url, json=body, headers={**self._headers, "Accept": "application/json"}, preload_content=False
            )
            content = reply.read(_LARGEST_REPLY, decode_content=True)
            reply.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise InputError(
                f"{url}: cannot be reached: {_line(str(getattr(error, 'reason', None) or error))}"
            ) from None
        if reply.status != 200:
            refused = reply.status in (400, 422)
            what = "the server refuses the request" if refused else f"the server answered {reply.status}"
            detail = _line(content.decode("utf-8", "replace"))
            raise (RefusedError if refused else _AnsweredError)(f"{url}: {what}: {detail}")
        try:
            found = json.loads(content)
        except ValueError:
            raise InputError(f"{url}: the reply is no JSON; is {self.url} an OpenAI-compatible API?") from None
        if not isinstance(found, dict):
            raise InputError(f"{url}: the reply is no JSON object")
        return found


class _AnsweredError(InputError):
    """The server is there and answered with an error."""


class RefusedError(_AnsweredError):
    """The server does not take a field of the request."""


def gbnf(pattern: str) -> str:
    """A pattern of `decoding.answer_pattern` in llama.cpp's grammar notation: the same, with its literals quoted."""

    def part(match: re.Match[str]) -> str:
        escaped, literal = match[1], match[2]
        return f' "{escaped or literal}" ' if escaped or literal else match[0]

    return "root ::= " + " ".join(_GRAMMAR_PARTS.sub(part, pattern).split())


def _sum(logprobs: Any) -> float | None:
    """Sum over an answer's tokens, in the form of either endpoint; None where the server gives none."""
    if not isinstance(logprobs, dict):
        return None
    values = logprobs.get("token_logprobs")
    if values is None and isinstance(logprobs.get("content"), list):
        values = [one.get("logprob") for one in logprobs["content"]]
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        return None
    return float(sum(values))


def _image_part(picture: Image.Image) -> dict[str, Any]:
    """A view as a part of a message: a URL that holds all of it without loss, so that a server fetches nothing."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    return {"type": "image_url", "image_url": {"url": url}}


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
