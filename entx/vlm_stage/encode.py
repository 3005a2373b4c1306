"""Rows as what a trainer visits: picture file, prompt and answer; their length is known before a picture is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from entx.core.entities import Schema
from entx.vlm_stage.families.base import Codec, Pixels
from entx.vlm_stage.prompt import PromptForm
from entx.vlm_stage.rows import Row

IGNORED = -100
"""The label of a token that is not learnt; PyTorch's cross entropy leaves it out."""


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One visit.

    Args:
        picture: sha256 of the file.
        answer: "" for nothing at all.
        image_tokens, tokens: of the picture, and of the whole row: picture, question, answer, end.
        answer_tokens: those that are learnt.
        weight: how often an epoch visits it on average.
    """

    picture: str
    path: str
    question: str
    answer: str
    image_tokens: int
    tokens: int
    answer_tokens: int
    weight: float


class RowEncoder:
    """Counts tokens as the codec will make them.

    Args:
        pixels: budget of a picture.

    Raises:
        InputError: of a family that is read only.
    """

    def __init__(self, codec: Codec, schema: Schema, form: PromptForm, pixels: int):
        self.codec = codec
        self.schema = schema
        self.form = form
        self.pixels = pixels
        self._text: dict[str, int] = {}
        self._answers: dict[str, int] = {}
        self._blank = codec.view_size((1, 1), pixels)
        blank, prompt = self._prompt("")
        codec.batch([blank], [prompt], prompts=[len(prompt)], left=False)  # a family without training says so here

    def encode(self, rows: Sequence[Row]) -> list[PictureRow]:
        """The rows as visits, in their order."""
        return [self._one(row) for row in rows]

    def _one(self, row: Row) -> PictureRow:
        question = self.form.ask(self.schema[row.entity_name])
        answer = self.form.answer(row.truth)
        if question not in self._text:
            self._text[question] = self._text_tokens(question)
        if answer not in self._answers:
            self._answers[answer] = len(self.codec.completion(answer)) + 1  # and the end
        seen = self.codec.image_tokens(self.codec.view_size(row.size, self.pixels))
        learnt = self._answers[answer]
        tokens = seen + self._text[question] + learnt
        return PictureRow(row.picture, row.path, question, answer, seen, tokens, learnt, row.weight)

    def _text_tokens(self, question: str) -> int:
        """Those of a prompt beside its picture's: what a blank picture's prompt has beside its own."""
        return len(self._prompt(question)[1]) - self.codec.image_tokens(self._blank)

    def _prompt(self, question: str) -> tuple[Pixels, tuple[int, ...]]:
        pixels = self.codec.pixels([Image.new("RGB", self._blank)])
        return pixels, self.codec.prompt(pixels, question)
