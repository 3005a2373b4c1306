"""A LoRA adapter of a text model merged into its base, behind the guard of `neural.adapter`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from entx.core.errors import InputError
from entx.llm_stage.dev import DevQuestion, choose
from entx.llm_stage.prompt import Style
from entx.llm_stage.train import write_about
from entx.neural.adapter import Merged, adapter_record, merge
from entx.neural.backends.base import Query, Request
from entx.neural.backends.transformers import TransformersModel


class _Asked:
    """A loaded model and the guard's questions."""

    def __init__(self, model: TransformersModel, questions: Sequence[DevQuestion]):
        self.model = model.model
        self.save = model.tokenizer.save_pretrained
        self._reader = model
        self._questions = questions

    def answers(self) -> tuple[list[str], list[str]]:
        """The chosen candidates, and what the model writes when nothing constrains it."""
        pages = [Request(one.page, (Query(one.question),)) for one in self._questions]
        written = [completions[0].text for completions in self._reader.complete(pages)]
        return choose(self._reader, self._questions), written


def merge_adapter(
    base: Path,
    adapter: Path,
    out: Path,
    questions: Sequence[DevQuestion],
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
        raise InputError("the guard needs questions: the store has none with a page and a label")
    chat = Style(adapter_record(adapter)["style"]) is Style.INSTRUCT

    def open_side(folder: Path, adapter: Path | None, *, dtype: str | None, four_bit: bool) -> _Asked:
        model = TransformersModel.load(folder, adapter=adapter, four_bit=four_bit, chat=chat, dtype=dtype)
        return _Asked(model, questions)

    return merge(base, adapter, out, open_side, write_about, dtype=dtype, allowed=allowed, tell=tell)
