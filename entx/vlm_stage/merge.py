"""A LoRA adapter of a vision-language model merged into its base, behind the guard of `neural.adapter`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.neural.adapter import Merged, merge
from entx.vlm_stage.dev import DevQuestion, read_answers, write_freely
from entx.vlm_stage.model import PictureModel
from entx.vlm_stage.prompt import Serving, read_serving
from entx.vlm_stage.train import write_about


class _Asked:
    """A loaded model and the guard's questions."""

    def __init__(self, reader: PictureModel, questions: Sequence[DevQuestion], serving: Serving, schema: Schema):
        self.model = reader.model
        self.save = reader.codec.save
        self._question = (reader, questions, serving, schema)

    def answers(self) -> tuple[list[str], list[str]]:
        """What it answers, and what it writes when nothing constrains it."""
        return read_answers(*self._question), write_freely(*self._question)


def merge_adapter(
    base: Path,
    adapter: Path,
    out: Path,
    questions: Sequence[DevQuestion],
    schema: Schema,
    *,
    dtype: str = "bfloat16",
    allowed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Merged:
    """Writes the merged model to `out`, if it answers the questions as the adapter does; see `neural.adapter.merge`.

    Args:
        questions: for the guard; their truths do not matter.

    Raises:
        InputError: there are no questions, or as `neural.adapter.merge`.
    """
    if not questions:
        raise InputError("the guard needs questions: the store has none with a picture and a label")

    serving = read_serving(adapter)

    def open_side(folder: Path, adapter: Path | None, *, dtype: str | None, four_bit: bool) -> _Asked:
        reader = PictureModel.load(folder, adapter=adapter, four_bit=four_bit, dtype=dtype)
        return _Asked(reader, questions, serving, schema)

    return merge(base, adapter, out, open_side, write_about, dtype=dtype, allowed=allowed, tell=tell)
