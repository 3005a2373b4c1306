"""What the stages ask of a model and what it answers, whatever runs it; and how a text prompt becomes tokens.

A text model is asked about a page (a text), a vision-language model about a picture (its views). Nothing here needs a
tensor library: a model behind a server is asked without one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from types import FrameType
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError
from entx.neural.decoding import PromptTokens

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]
"""Width and height in pixels."""

MAX_TOKENS = 32
"""Of a written answer: no legal one needs as many, even of a tokenizer that spells units out."""

CHAT_TOKENS = 30
"""Of a chat template around a question: a guess where no tokenizer is at hand."""

_BYTES_PER_TOKEN = 3  # a careful guess where no tokenizer is at hand: layout tags and digits are short
_PATCH = 28  # pixels; side of an image token of the Qwen models
_TEMPLATE_STEPS = 300_000  # lines of a template, and calls; some 1,000 of those in use
_SLOT = "\ue000"  # a private-use character that no chat template holds and no OCR text keeps


@dataclass(frozen=True, slots=True)
class Query:
    """One question about a page or a picture."""

    question: str  # the question part of the prompt; ends where the answer begins
    choices: tuple[str, ...] = ()  # answers to be scored
    pattern: str = ""  # regular expression that a written answer must match as a whole; "" for none


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model about one page or picture."""

    # the page part of a text prompt; or the views of a picture, RGB and of the size at which they are to be seen, the
    # whole picture first
    shown: str | tuple[Image.Image, ...]
    queries: tuple[Query, ...]  # of one page or picture all at once: it is encoded once for them


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model made of one query."""

    text: str = ""  # the answer that it wrote within the pattern, without the end token; "" where none was wanted
    # sum over its tokens and the end token under the model alone, not under the constraint; None where nothing was
    # written or the backend does not tell
    log_prob: float | None = None
    # log-probability of each of the query's choices followed by the end of the answer; None for those that the backend
    # cannot score
    scores: tuple[float | None, ...] = ()

    def all_scores(self, name: str) -> tuple[float, ...]:
        """The scores, of a model of that name that must have given every one. Raises InputError: it has not."""
        known = tuple(score for score in self.scores if score is not None)
        if len(known) < len(self.scores):
            raise InputError(f"{name} does not return log-probabilities of given answers; use --mode free")
        return known


class Model:
    """A model of either stage."""

    name: str  # for messages and the run's record
    usage: Mapping[str, int] = {}  # what a server counted, by name; of a model that is loaded here nothing

    def complete(self, batch: Sequence[Request], *, max_tokens: int = MAX_TOKENS) -> list[list[Completion]]:
        """The most probable answer token by token, and the scores of the choices; for each request one a query.

        Args:
            max_tokens: of a written answer; 0 to write none and score alone.

        Raises:
            InputError: the backend cannot do what is asked.
        """
        raise NotImplementedError

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted; here an estimate, more likely high than low."""
        return [len(text.encode()) // _BYTES_PER_TOKEN + 1 for text in texts]

    def view_size(self, size: Size, pixels: int) -> Size:
        """The size at which a picture of that size is to be seen for a budget of so many pixels.

        Here its own, or the largest of its aspect within the budget: for what resizes pictures itself.
        """
        scale = min(1.0, sqrt(pixels / (size[0] * size[1])))
        return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))

    def image_tokens(self, size: Size) -> int:
        """Tokens that a view of that size takes up in a prompt; here as Qwen models count them."""
        return -(-size[0] // _PATCH) * -(-size[1] // _PATCH)


class PromptTokenizer:
    """Turns requests about pages into tokens, the way a trainer saw them.

    Args:
        tokenizer: a fast tokenizer of transformers.
        chat: put page and question into its chat template as one user message.
        name: of the model, for messages.

    Attributes:
        ends: tokens that end an answer; the first is the one that a trainer puts there.

    Raises:
        InputError: `chat` without a chat template, or no end-of-text token.
    """

    def __init__(self, tokenizer: Any, *, chat: bool, name: str):
        self.tokenizer = tokenizer
        self.chat = chat
        self.ends: tuple[int, ...] = (tokenizer.eos_token_id,)
        self._head, self._tail = "", ""
        if chat:
            self._head, self._tail, self.ends = _frame(tokenizer, name)
        if self.ends[0] is None:
            raise InputError(f"the tokenizer of {name} has no end-of-text token")

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens not counted."""
        return [len(tokens) for tokens in self._tokenize(texts, special=False)]

    def prepare(self, batch: Sequence[Request]) -> list[PromptTokens]:
        """Tokens of page, questions and choices, split where the questions of a page begin to differ."""
        queries = [query for request in batch for query in request.queries]
        behind = [query.question + self._tail for query in queries]
        fronts = [f"{self._head}{request.shown}" for request in batch for _ in request.queries]
        prompts = iter(self._tokenize([a + b for a, b in zip(fronts, behind, strict=True)], special=not self.chat))
        questions = self._tokenize(behind, special=False)
        choices = iter([
            self._choices(text, question, query.choices)
            for text, question, query in zip(behind, questions, queries, strict=True)
        ])  # fmt: skip
        return [
            PromptTokens.of(
                [next(prompts) for _ in request.queries], [next(choices) for _ in request.queries],
                [query.pattern for query in request.queries],
            )
            for request in batch
        ]  # fmt: skip

    def _choices(self, text: str, question: list[int], choices: Sequence[str]) -> list[list[int]]:
        """Tokens of each choice as they stand behind the question, which is how a trainer sees them."""
        behind = self._tokenize([text + one for one in choices], special=False)
        alone = self._tokenize(choices, special=False)
        return [
            whole[len(question) :] if whole[: len(question)] == question else own
            for whole, own in zip(behind, alone, strict=True)
        ]

    def _tokenize(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        if not texts:
            return []
        found: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=special)["input_ids"]
        return found


def _frame(tokenizer: Any, name: str) -> tuple[str, str, tuple[int, ...]]:
    """What a chat template writes before a user message and before its answer; the tokens that end an answer."""
    if not tokenizer.chat_template:
        raise InputError(f"{name} has no chat template; use the compact style, or a model that has one")
    user = {"role": "user", "content": _SLOT}
    asked = render_chat(tokenizer, [user], add_generation_prompt=True)
    answered = render_chat(tokenizer, [user, {"role": "assistant", "content": _SLOT}])
    head, _, tail = asked.partition(_SLOT)
    closing = tokenizer.encode(answered.rpartition(_SLOT)[2], add_special_tokens=False)
    return head, tail, tuple(dict.fromkeys([*closing[:1], tokenizer.eos_token_id]))


def render_chat(tokenizer: Any, messages: Sequence[Mapping[str, Any]], **options: Any) -> str:
    """Messages in a chat template. Its sandbox keeps a template from everything but our time and memory.

    Raises:
        ValueError: the template multiplies or pads, which those in use do not, or does not end; or as the library says.
    """
    if _grows(tokenizer.get_chat_template(options.get("chat_template"))):
        raise ValueError("its chat template multiplies or has a huge number, which fills the memory; take that out")
    left = _TEMPLATE_STEPS

    def step(frame: FrameType, *_: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"its chat template has not ended after {_TEMPLATE_STEPS} steps; mend its loops")
        return step if frame.f_code.co_filename == "<template>" else None

    before = sys.gettrace()
    sys.settrace(step)
    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    finally:
        sys.settrace(before)
    return text


@lru_cache
def _grows(template: str) -> bool:
    from jinja2 import Environment

    wrong = {"operator": r"\*\*?", "integer": r"\d{6,}", "string": r"(?s:.*%\D?\d{4}.*)"}
    return any(re.fullmatch(wrong.get(kind, "$^"), word) for _, kind, word in Environment().lex(template))
