"""A LoRA adapter merged into its base model's 16-bit weights, if the answers stay the same.

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
from entx.neural.model_folder import check_model_folder, fingerprint
from entx.neural.training.card import RECORD
from entx.neural.training.stage import Stage

DTYPES = ("bfloat16", "float32")


@dataclass(frozen=True, slots=True)
class Guard:
    """How two models answered the same questions.

    Args:
        questions: asked.
        chosen: answers of those that may be given (candidates, or legal quantities) that differ.
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


@dataclass(frozen=True, slots=True)
class Side:
    """A loaded model, to be asked and perhaps merged.

    Args:
        save: writes what belongs to the model beside its weights: tokenizer, processor.
        answers: what it answers to the guard's questions: chosen, and freely written.
    """

    model: Any
    save: Callable[[Path], Any]
    answers: Callable[[], tuple[list[str], list[str]]]


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
    stage: Stage[Any],
    adapter: Path,
    out: Path,
    questions: Sequence[Any],
    *,
    dtype: str = "bfloat16",
    allowed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Merged:
    """Writes the merged model to `out`, if it answers the guard's questions as the adapter does.

    Args:
        stage: with the base model's folder.
        questions: for the guard; their truths do not matter.
        dtype: of the merged weights, one of `DTYPES`.
        allowed: answers that may differ.
        tell: of what is being done.

    Raises:
        InputError: there are no questions, the adapter was trained on another base, `out` exists, or more answers than
            allowed differ; then nothing is written.
    """
    if not questions:
        raise InputError("the guard needs questions: the store has no labelled one that this stage can read")
    if out.exists():
        raise InputError(f"{out} exists already; choose another --out")
    record = adapter_record(adapter)
    if fingerprint(stage.folder) != record["base"]["fingerprint"]:
        raise InputError(
            f"{adapter} was trained on {record['base']['name']} with other weights than those of {stage.folder.path}"
        )

    def side(folder: Path, adapter: Path | None, dtype: str | None) -> Side:
        return stage.open_side(folder, adapter, questions, dtype=dtype, four_bit=dtype is None)

    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        tell("answers with the adapter")
        reference = side(stage.folder.path, adapter, dtype)
        expected = reference.answers()
        tell("merging")
        reference.model.merge_and_unload(safe_merge=True).save_pretrained(part)  # refuses weights that are no numbers
        reference.save(part)
        del reference
        gc.collect()
        tell("answers of the merged model")
        merged = side(part, None, dtype).answers()
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
            trained = _compare(side(stage.folder.path, adapter, None).answers(), merged)
        about = {"dtype": dtype, "guard": asdict(guard), "against 4-bit weights": trained and asdict(trained)}
        stage.write_about(part, {**record, "merge": about})
        check_model_folder(part)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Merged(guard, trained)


def _compare(left: tuple[list[str], list[str]], right: tuple[list[str], list[str]]) -> Guard:
    chosen, written = (
        sum(a != b for a, b in zip(one, other, strict=True)) for one, other in zip(left, right, strict=True)
    )
    return Guard(len(left[0]), chosen, written)
