"""A question in a model's chat form, with placeholders for its pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError

if TYPE_CHECKING:
    import torch


class ChatForm:
    """Puts views and a question into a chat template as one user message.

    Args:
        tokenizer: with the template of its folder, where that has one for pictures.
        known: the family's own template, for a folder without.
        placeholder: token of a picture; the template writes it once a view.
    """

    def __init__(self, tokenizer: Any, known: str, placeholder: int):
        self.tokenizer = tokenizer
        self.placeholder = placeholder
        self.template: str = tokenizer.chat_template or known
        if self._plain(1, "").count(placeholder) != 1:  # a template of the language model alone
            self.template = known

    def tokens(self, views: Sequence[int], question: str) -> tuple[int, ...]:
        """The prompt's tokens, each view's placeholder as often as the view takes up tokens."""
        plain = self._plain(len(views), question)
        if plain.count(self.placeholder) != len(views):
            raise InputError(f"the question {question!r} holds the model's placeholder of a picture")
        left = iter(views)
        return tuple(
            token for one in plain for token in ([one] * next(left) if one == self.placeholder else [one])
        )  # fmt: skip

    def _plain(self, views: int, question: str) -> list[int]:
        content = [*({"type": "image"} for _ in range(views)), {"type": "text", "text": question}]
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], chat_template=self.template, tokenize=False,
            add_generation_prompt=True,
        )  # fmt: skip
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return tokens


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
