"""A question in a model's chat form, with placeholders for its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError

if TYPE_CHECKING:
    import torch


_SLOT = "\ue000"  # a private-use character that no chat template holds


class ChatForm:
    """Puts pictures and a question into a chat template as one user message.

    Args:
        tokenizer: with the template of its folder, where that has one for pictures.
        known: the family's own template, for a folder without.
        placeholder: what the template writes once a picture.

    Attributes:
        lead: what the template puts between its prompt and an answer (" ").
        ends: tokens that end an answer; the first is the template's.

    Raises:
        InputError: a template that makes a model think aloud before it answers, or that no token ends.
    """

    def __init__(self, tokenizer: Any, known: str, placeholder: str):
        self._tokenizer = tokenizer
        self._placeholder = placeholder
        own = tokenizer.chat_template
        self._template = own if isinstance(own, str) and self._takes_pictures(own) else known
        asked, answered = self._render(self._template, 1, ""), self._render(self._template, 1, "", _SLOT)
        self.lead, _, closing = answered.removeprefix(asked).partition(_SLOT)
        if not answered.startswith(asked) or self.lead.strip():
            raise InputError("the model's chat template puts more than a question before an answer")
        closed = [*tokenizer(closing, add_special_tokens=False)["input_ids"][:1], tokenizer.eos_token_id]
        self.ends: tuple[int, ...] = tuple(dict.fromkeys(token for token in closed if token is not None))
        if not self.ends:
            raise InputError("neither the model's chat template nor its tokenizer says what ends an answer")

    def text(self, pictures: int, question: str) -> str:
        """The prompt, with one placeholder a picture.

        Raises:
            InputError: the question holds a placeholder.
        """
        text = self._render(self._template, pictures, question)
        if text.count(self._placeholder) != pictures:
            raise InputError(f"the question {question!r} holds the model's placeholder of a picture")
        return text

    def _takes_pictures(self, template: str) -> bool:
        """Whether it is a template of the whole model; that of a language model alone reads no list of parts."""
        from jinja2 import TemplateError

        try:
            return self._render(template, 1, "").count(self._placeholder) == 1
        except (TemplateError, TypeError):
            return False

    def _render(self, template: str, pictures: int, question: str, answer: str | None = None) -> str:
        content = [*({"type": "image"} for _ in range(pictures)), {"type": "text", "text": question}]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if answer is not None:
            messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        text: str = self._tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=answer is None
        )
        return text


def expand(tokens: Sequence[int], placeholder: int, counts: Iterable[int]) -> tuple[int, ...]:
    """Each placeholder as often as its picture takes up tokens."""
    left = iter(counts)
    return tuple(again for one in tokens for again in ([one] * next(left) if one == placeholder else [one]))


def adopt_template(tokenizer: Any, folder: Path) -> None:
    """Gives the tokenizer the template of chat_template.json, where older folders keep it for their processor only."""
    path = folder / "chat_template.json"
    if tokenizer.chat_template is None and path.exists():
        tokenizer.chat_template = json.loads(path.read_text(encoding="utf-8"))["chat_template"]


def special_token(tokenizer: Any, word: str) -> int:
    """Number of a token that the family cannot do without.

    Raises:
        InputError: the tokenizer has none.
    """
    number = tokenizer.get_vocab().get(word)
    if number is None:
        raise InputError(f"the tokenizer has no {word}")
    return int(number)


def pad_rows(rows: Sequence[Sequence[int]], pad: int, *, left: bool) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask, shape (rows, longest)."""
    import torch

    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        place = slice(width - len(row), None) if left else slice(None, len(row))
        ids[number, place] = torch.tensor(row, dtype=torch.long)
        mask[number, place] = 1
    return {"input_ids": ids, "attention_mask": mask}
