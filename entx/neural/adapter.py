"""LoRA adapters: their place in a model, and the merge into a base model's 16-bit weights behind a guard.

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
from typing import Any, Protocol

from entx.core.errors import InputError
from entx.neural.model_folder import check_model_folder, fingerprint
from entx.neural.settings import LoraSettings

DTYPES = ("bfloat16", "float32")
RECORD = "training.json"
"""In a trained folder: the whole record of its training."""


@dataclass(frozen=True, slots=True)
class Trainable:
    """A model to train.

    Args:
        model: with a LoRA adapter already in it where `adapter` is None but the recipe has one: Unsloth's own way.
        tokenizer: with a padding token.
        adapter: the adapter that the trainer is to put into the model (a PEFT configuration), or None.
        backend: which one loaded it.
    """

    model: Any
    tokenizer: Any
    adapter: Any
    backend: str


def lora_config(model: Any, lora: LoraSettings, targets: Sequence[str] | None = None) -> Any:
    """The PEFT configuration of an adapter for that model.

    Args:
        targets: names of its layers, whole or from a dot on; None for those of `lora`.

    Raises:
        InputError: a target layer that the model does not have.
    """
    from peft import LoraConfig

    wanted = list(lora.targets if targets is None else targets)
    names = [name for name, _ in model.named_modules()]
    ends = {".".join(name.split(".")[-depth:]) for name in names for depth in range(1, name.count(".") + 2)}
    missing = [name for name in wanted if name not in ends]
    if missing:
        raise InputError(f"lora.targets: the model has no layers named {', '.join(missing)}")
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=wanted, bias="none",
        task_type="CAUSAL_LM",
    )  # fmt: skip


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


class Side(Protocol):
    """A loaded model, to be asked and perhaps merged."""

    model: Any

    def answers(self) -> tuple[list[str], list[str]]:
        """What it answers to the guard's questions: chosen, and freely written."""
        ...

    def save(self, folder: Path) -> None:
        """Writes what belongs to the model beside its weights: tokenizer, processor."""
        ...


class Open(Protocol):
    """Opens a side of the comparison."""

    def __call__(self, folder: Path, adapter: Path | None, *, dtype: str | None, four_bit: bool) -> Side:
        """Loads a model from a folder, perhaps with an adapter on top."""
        ...


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


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    open_side: Open,
    write_about: Callable[[Path, dict[str, Any]], None],
    *,
    dtype: str = "bfloat16",
    allowed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Merged:
    """Writes the merged model to `out`, if it answers the guard's questions as the adapter does.

    Args:
        open_side: loads one of the models that are compared.
        write_about: puts record, card and serving settings beside the merged weights.
        dtype: of the merged weights, one of `DTYPES`.
        allowed: answers that may differ.
        tell: of what is being done.

    Raises:
        InputError: the adapter was trained on another base, `out` exists, or more answers than allowed differ; then
            nothing is written.
    """
    if out.exists():
        raise InputError(f"{out} exists already; choose another --out")
    record = adapter_record(adapter)
    if fingerprint(check_model_folder(base)) != record["base"]["fingerprint"]:
        raise InputError(f"{adapter} was trained on {record['base']['name']} with other weights than those of {base}")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        tell("answers with the adapter")
        reference = open_side(base, adapter, dtype=dtype, four_bit=False)
        expected = reference.answers()
        tell("merging")
        reference.model.merge_and_unload(safe_merge=True).save_pretrained(part)  # refuses weights that are no numbers
        reference.save(part)
        del reference
        gc.collect()
        tell("answers of the merged model")
        merged = open_side(part, None, dtype=dtype, four_bit=False).answers()
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
            trained = _compare(open_side(base, adapter, dtype=None, four_bit=True).answers(), merged)
        about = {"dtype": dtype, "guard": asdict(guard), "against 4-bit weights": trained and asdict(trained)}
        write_about(part, {**record, "merge": about})
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
