"""LoRA adapters: put into a model for training, and merged into its weights afterwards.

Two backends train. `transformers` (PEFT, bitsandbytes) runs everywhere and is the reference. `unsloth` patches the
libraries when it is imported and needs CUDA: it is imported before them, in the process of the training alone, and
where it cannot be, the training goes on with the reference and says so.

Merging rounds: the product of the adapter's matrices is added to weights of 8 bits (bfloat16). Merged into 4-bit
weights the error is large enough to change answers, so an adapter that was trained on 4-bit weights is merged into the
16-bit ones as well. A guard compares the answers before and after, and nothing is written where too many differ.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entx.core.errors import InputError
from entx.core.files import atomic_folder, writing
from entx.neural.model_folder import check_model_folder, fingerprint, named_fault
from entx.neural.training.processes import Processes
from entx.neural.training.recipe import LoraSettings

if TYPE_CHECKING:
    from entx.neural.training.stage import Stage

RECORD = "training.json"
"""In a trained folder: the whole record of its training."""


@dataclass(frozen=True, slots=True)
class Trainable:
    """A model to train and what belongs to it."""

    model: Any  # with a LoRA adapter already in it where `adapter` is None but the recipe has one: Unsloth's own way
    codec: Any  # what feeds it: a tokenizer with a padding token, or a family's codec of pictures, which has one
    adapter: Any  # the adapter that the trainer is to put into the model (a PEFT configuration), or None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer alone."""
        return getattr(self.codec, "tokenizer", self.codec)

    def save_codec(self, folder: Path) -> None:
        """Writes what stands beside the weights: tokenizer, processor."""
        (self.codec.save if hasattr(self.codec, "tokenizer") else self.codec.save_pretrained)(folder)

    def adapted(self) -> Any:
        """The model with the adapter in it, as the trainer will make it."""
        if self.adapter is None:
            return self.model
        from peft import get_peft_model

        return get_peft_model(self.model, self.adapter)


def choose_backend(wanted: str, notice: Callable[[str], None]) -> str:
    """The backend that a recipe or an option wants, or "transformers" where Unsloth cannot be used.

    To be called before torch is imported.

    Args:
        notice: told in one line why the backend is another than the recipe's.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # PEFT looks its base model up on the hub whenever it saves
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells every user of an optional CPU kernel
    if wanted != "unsloth":
        return wanted
    if Processes.here().count > 1:
        notice("unsloth is for one process; PEFT and bitsandbytes are used instead")
        return "transformers"
    try:
        importlib.import_module("unsloth")
    except (ImportError, NotImplementedError) as error:  # the second: no GPU that it knows
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        notice(f"unsloth cannot be used here ({why}); PEFT and bitsandbytes are used instead")
        return "transformers"
    return "unsloth"


def lora_config(model: Any, lora: LoraSettings, targets: Sequence[str]) -> Any:
    """The PEFT configuration of an adapter for those layers of the model, named whole or from a dot on.

    Raises:
        InputError: a target layer that the model does not have.
    """
    from peft import LoraConfig

    names = [name for name, _ in model.named_modules()]
    ends = {".".join(name.split(".")[-depth:]) for name in names for depth in range(1, name.count(".") + 2)}
    missing = [name for name in targets if name not in ends]
    if missing:
        raise InputError(f"lora.targets: the model has no layers named {', '.join(missing)}")
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(targets), bias="none",
        task_type="CAUSAL_LM",
    )  # fmt: skip


def keep_trainable(model: Any) -> None:
    """Lets gradients pass 4-bit layers after a measurement.

    bitsandbytes re-packs weights for CPUs with AVX512-BF16 at the first evaluation, and no gradient passes them then.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


@dataclass(frozen=True, slots=True)
class Guard:
    """How two models answered the same questions."""

    questions: int  # asked
    chosen: int  # answers of those that may be given (candidates, or legal quantities) that differ
    written: int  # freely written answers that differ

    @property
    def changed(self) -> int:
        """All differences."""
        return self.chosen + self.written


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge."""

    guard: Guard  # adapter on 16-bit weights against the merged model as written to disk
    # adapter on the 4-bit weights that it was trained on against the merged model; None where it was trained on whole
    # ones
    trained: Guard | None


@dataclass(frozen=True, slots=True)
class Side:
    """A loaded model, to be asked and perhaps merged."""

    model: Any
    save: Callable[[Path], Any]  # writes what belongs to the model beside its weights: tokenizer, processor
    # what it answers to the guard's questions: chosen, and freely written
    answers: Callable[[], tuple[list[str], list[str]]]


def adapter_record(adapter: Path) -> dict[str, Any]:
    """The record of the training that made the adapter; InputError where the folder is not of `entx train`."""
    if not check_model_folder(adapter).is_adapter:
        raise InputError(f"{adapter} holds a whole model, there is nothing to merge")
    path = adapter / RECORD
    if not path.is_file():
        raise InputError(f"{adapter} has no {RECORD}: entx merges what `entx train` made")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    with named_fault(path, "no record of a training"):
        record["base"]["fingerprint"], record["base"]["name"], record["recipe"]["name"]
        record["recipe"]["settings"]["model"]["load"]
        record["recipe"]["settings"]["model"].pop("remote_code", None)  # of trainings before Moondream2 was native
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
        questions: for the guard; their truths do not matter.
        dtype: of the merged weights, float32 or bfloat16.
        allowed: answers that may differ.
        tell: of what is being done.

    Raises:
        InputError: there are no questions, the adapter was trained on another base, `out` exists, or more answers than
            allowed differ; then nothing is written.
    """
    from safetensors import SafetensorError

    if not questions:
        raise InputError("the guard needs questions: the store has no labelled one that this stage can read")
    if os.path.lexists(out):
        raise InputError(f"{out} exists already; choose another --out")
    record = adapter_record(adapter)
    if fingerprint(stage.folder) != record["base"]["fingerprint"]:
        raise InputError(
            f"{adapter} was trained on {record['base']['name']} with other weights than those of {stage.folder.path}"
        )

    def side(folder: Path, adapter: Path | None, dtype: str | None) -> Side:
        return stage.open_side(folder, adapter, questions, dtype=dtype, four_bit=dtype is None)

    with atomic_folder(out) as part:
        tell("answers with the adapter")
        reference = side(stage.folder.path, adapter, dtype)
        expected = reference.answers()
        tell("merging")
        with writing(out, (OSError, SafetensorError)):  # safe: refuses weights that are no numbers
            reference.model.merge_and_unload(safe_merge=True).save_pretrained(part)
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
    return Merged(guard, trained)


def _compare(left: tuple[list[str], list[str]], right: tuple[list[str], list[str]]) -> Guard:
    chosen, written = (
        sum(a != b for a, b in zip(one, other, strict=True)) for one, other in zip(left, right, strict=True)
    )
    return Guard(len(left[0]), chosen, written)
