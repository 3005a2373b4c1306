"""A LoRA adapter merged into its base model's 16-bit weights, behind a guard: the answers must stay the same.

Merging rounds: the product of the adapter's matrices is added to weights of 8 bits (bfloat16). Merged into 4-bit
weights the error is large enough to change answers, so an adapter that was trained on 4-bit weights is merged into the
16-bit ones as well, and what that changes is told beside the guard.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.model_folder import check_model_folder, fingerprint
from entx.llm_stage.backends.base import PageAsk
from entx.llm_stage.backends.transformers import TransformersModel
from entx.llm_stage.dev import DevQuestion, choose
from entx.llm_stage.prompt import Style
from entx.llm_stage.train import RECORD, write_about
from entx.neural.asking import Ask

DTYPES = ("bfloat16", "float32")


@dataclass(frozen=True, slots=True)
class Guard:
    """How two models answered the same questions.

    Args:
        questions: asked.
        chosen: answers among the candidates that differ.
        written: freely written answers that differ.
    """

    questions: int
    chosen: int
    written: int

    @property
    def changed(self) -> int:
        """All differences."""
        return self.chosen + self.written


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge.

    Args:
        guard: adapter on 16-bit weights against the merged model as written to disk.
        trained: adapter on the 4-bit weights that it was trained on against the merged model; None where it was
            trained on whole ones.
    """

    guard: Guard
    trained: Guard | None


def adapter_record(adapter: Path) -> dict[str, Any]:
    """The record of the training that made the adapter.

    Raises:
        InputError: the folder holds no adapter, or none that `entx train` made.
    """
    if not check_model_folder(adapter).is_adapter:
        raise InputError(f"{adapter} holds a whole model, there is nothing to merge")
    path = adapter / RECORD
    if not path.is_file():
        raise InputError(f"{adapter} has no {RECORD}: entx merges what `entx train` made")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


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
    """Writes the merged model to `out`, if it answers the questions as the adapter does.

    Args:
        questions: for the guard; their truths do not matter.
        dtype: of the merged weights, one of `DTYPES`.
        allowed: answers that may differ.
        tell: of what is being done.

    Raises:
        InputError: the adapter was trained on another base, `out` exists, or more answers than allowed differ; then
            nothing is written.
    """
    if out.exists():
        raise InputError(f"{out} exists already; choose another --out")
    if not questions:
        raise InputError("the guard needs questions: the store has none with a page and a label")
    record = adapter_record(adapter)
    folder = check_model_folder(base)
    if fingerprint(folder) != record["base"]["fingerprint"]:
        raise InputError(f"{adapter} was trained on {record['base']['name']} with other weights than those of {base}")
    chat = Style(record["style"]) is Style.INSTRUCT
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        tell("answers with the adapter")
        reference = TransformersModel.load(base, adapter=adapter, chat=chat, dtype=dtype)
        expected = _answers(reference, questions)
        tell("merging")
        reference.model.merge_and_unload(safe_merge=True).save_pretrained(part)  # refuses weights that are no numbers
        reference.tokenizer.save_pretrained(part)
        del reference
        gc.collect()
        tell("answers of the merged model")
        merged = _answers(TransformersModel.load(part, chat=chat, dtype=dtype), questions)
        guard = _compare(expected, merged)
        if guard.changed > allowed:
            raise InputError(
                f"refused: merging changes {guard.chosen} chosen and {guard.written} written answers of "
                f"{guard.questions} (allowed: {allowed}); serve base and adapter side by side, or merge with "
                "--dtype float32"
            )
        trained = None
        if record["recipe"]["settings"]["model"]["load"] == "nf4":
            tell("answers with the adapter on 4-bit weights")
            quantised = TransformersModel.load(base, adapter=adapter, four_bit=True, chat=chat)
            trained = _compare(_answers(quantised, questions), merged)
        merge = {"dtype": dtype, "guard": asdict(guard), "against 4-bit weights": trained and asdict(trained)}
        write_about(part, {**record, "merge": merge})
        check_model_folder(part)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Merged(guard, trained)


def _answers(model: TransformersModel, questions: Sequence[DevQuestion]) -> tuple[list[str], list[str]]:
    """The chosen candidates, and what the model writes when nothing constrains it."""
    pages = [PageAsk(one.page, (Ask(one.question),)) for one in questions]
    written = [generated[0].text for generated in model.generate(pages)]
    return choose(model, questions), written


def _compare(left: tuple[list[str], list[str]], right: tuple[list[str], list[str]]) -> Guard:
    chosen, written = (
        sum(a != b for a, b in zip(one, other, strict=True)) for one, other in zip(left, right, strict=True)
    )
    return Guard(len(left[0]), chosen, written)
