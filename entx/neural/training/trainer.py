"""TRL's SFT trainer with what entx adds: F1 of the dev rows, whole checkpoints, and a stop that loses nothing.

A checkpoint counts only when it is whole: a manifest, written last, lists every file with its size. Several processes
(`processes`) ask a part of the dev questions each, stop after the same step, and leave checkpoints and folders to the
first of them.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import datasets
import torch
import transformers
from safetensors import SafetensorError
from transformers import TrainerCallback
from transformers.utils import logging as transformers_logging
from trl import SFTConfig, SFTTrainer

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.neural.model_folder import default_device, default_dtype
from entx.neural.training.adapters import Trainable
from entx.neural.training.processes import Processes
from entx.neural.training.recipe import TrainSettings
from entx.neural.training.rows import TrainingData
from entx.neural.training.stage import Stage

GRACE_SECONDS = 7.0
"""After a signal the running step may take so long; then the process ends with the last checkpoint that it has."""

DevMeasure = Callable[[Any], dict[str, float]]
"""Metrics of a model, "f1" among them."""


class EntxTrainer(SFTTrainer):  # type: ignore[misc]
    """The trainer; `measure` runs at every evaluation and its "f1" decides which checkpoint is the best."""

    def __init__(self, *, measure: DevMeasure | None, **options: Any):
        super().__init__(**options)
        self._measure = measure

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measures the dev rows, tells the callbacks and logs; called by the training loop."""
        assert self._measure is not None
        mode = self.model.training
        metrics = {f"eval_{name}": value for name, value in self._measure(self.model).items()}
        self.model.train(mode)
        self.state.log_history.append({**metrics, "step": self.state.global_step})
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: the card is written once, from the run's record (`stage.model_card`)."""

    def _save(self, *arguments: Any, **options: Any) -> None:
        """In the model's own names of weights: the library writes published ones, and reads checkpoints by its own."""
        model = self.model
        if isinstance(model, transformers.PreTrainedModel):
            model.save_pretrained = partial(model.save_pretrained, save_original_format=False)
        try:
            super()._save(*arguments, **options)
        finally:
            model.__dict__.pop("save_pretrained", None)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Raises InputError: weights that the model does not have, as checkpoints of published names hold."""
        if load_result.unexpected_keys:
            raise InputError(f"the checkpoint has weights of other names ({load_result.unexpected_keys[0]}); --restart")

    def _load_from_checkpoint(self, *arguments: Any, **options: Any) -> None:
        with self._kept_types():
            super()._load_from_checkpoint(*arguments, **options)

    def _load_best_model(self) -> None:
        with self._kept_types():
            super()._load_best_model()

    @contextmanager
    def _kept_types(self) -> Iterator[None]:
        """PEFT widens a 16-bit adapter whenever it loads one: a resumed training would go on with other roundings."""
        types = {name: one.dtype for name, one in self.model.named_parameters() if one.requires_grad}
        yield
        for name, one in self.model.named_parameters():
            if name in types:
                one.data = one.data.to(types[name])

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self.args.output_dir)
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:  # torch's writer raises RuntimeError on a full disk
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"{folder}: the checkpoint cannot be written ({reason}); make room and go on") from None
        self.accelerator.wait_for_everyone()  # each process writes the state of its own random numbers
        if self.args.should_save:
            seal(folder / f"checkpoint-{self.state.global_step}")
            keep_only(folder, {self.state.global_step, self.state.best_global_step or self.state.global_step})


class Progress(TrainerCallback):  # type: ignore[misc]
    """Tells the steps done, and stops when f1 has not risen for `patience` measurements (0: never).

    It keeps no count of its own: the trainer's history, which checkpoints carry, says all.
    """

    def __init__(self, patience: int, advance: Callable[[int], None]):
        self._patience = patience
        self._advance = advance

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """The steps that a resumed training has already behind it."""
        self._advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One more; the last step is measured too, and a checkpoint never stands without the loss up to it."""
        self._advance(1)
        if args.eval_strategy != "no" and state.global_step >= state.max_steps:
            control.should_evaluate = True
        control.should_log = control.should_log or control.should_save

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """A loss that is no number any more never comes back. Raises InputError: such a loss."""
        if state.is_world_process_zero and not math.isfinite((logs or {}).get("loss", 0.0)):
            raise InputError(f"the loss is {logs['loss']} at step {state.global_step}; lower train.lr")

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Early stop."""
        f1 = [entry["eval_f1"] for entry in state.log_history if "eval_f1" in entry]
        if self._patience and len(f1) - 1 - f1.index(max(f1)) >= self._patience:
            control.should_training_stop = True


class Interrupted(BaseException):
    """A step, a measurement or a checkpoint did not end in time after a signal; not for `except Exception` to catch."""


class Stop(TrainerCallback):  # type: ignore[misc]
    """Ends the training after a signal: a checkpoint at the end of the running step, then out.

    When an evaluation is due at that step the checkpoint is left out, because it would then lack the measurement; the
    resumed training repeats the steps since the one before. A signal to one of several processes ends all of them.
    """

    def __init__(self, processes: Processes) -> None:
        self.signal = 0
        self._processes = processes

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Asks for the checkpoint and the end."""
        self.signal = max(self._processes.all_of(self.signal))
        if self.signal:
            signal.setitimer(signal.ITIMER_REAL, 0)
            control.should_save = control.should_log = not control.should_evaluate
            control.should_evaluate = False
            control.should_training_stop = True
            args.load_best_model_at_end = False  # nobody will use it now

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Holds SIGINT and SIGTERM back until a step's end; Interrupted after `GRACE_SECONDS`."""

        def hear(number: int, _: FrameType | None) -> None:
            if not self.signal:
                self.signal = number
                signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

        def give_up(_: int, __: FrameType | None) -> None:
            raise Interrupted

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, hear) for number in numbers]
        alarm = signal.signal(signal.SIGALRM, give_up)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in zip((*numbers, signal.SIGALRM), (*before, alarm), strict=True):
                signal.signal(number, handler)


def build_trainer(
    stage: Stage[Any], data: TrainingData, part: Path, backend: str, callbacks: Sequence[TrainerCallback],
    processes: Processes,
) -> tuple[Trainable, EntxTrainer]:  # fmt: skip
    """The loaded model, and its trainer over the rows in the order of their visits; checkpoints go into `part`."""
    transformers_logging.set_verbosity_error()
    datasets.disable_progress_bars()
    recipe = stage.recipe
    config = sft_config(  # before the weights: ZeRO-3 wants to know of them
        processes.share(recipe.train), part / "checkpoints", backend=backend, measured=bool(data.dev),
        max_length=recipe.model.max_length, **stage.trainer_options(),
    )  # fmt: skip
    trainable = stage.load(backend)
    rows = datasets.Dataset.from_dict(stage.columns(data.rows))
    asking = Processes() if config.deepspeed else processes  # weights that are parted want all processes at each pass

    def measure(model: Any) -> dict[str, Any]:
        answers = asking.all_of(stage.answers(trainable, model, asking.part(data.dev)))
        return stage.scores(data.dev, [answer for part in answers for answer in part])

    trainer = EntxTrainer(
        measure=measure if data.dev else None,
        model=trainable.model, args=config, train_dataset=rows,
        # rows that come as tokens are TRL's own to put together
        data_collator=stage.collator(trainable, data.rows, part) if "visit" in rows.column_names else None,
        eval_dataset=rows.select(range(min(1, len(rows)))) if data.dev else None,
        processing_class=trainable.tokenizer, peft_config=trainable.adapter, callbacks=list(callbacks),
    )  # fmt: skip
    trainer.remove_callback(transformers.PrinterCallback)
    lacking = -len(trainer.train_dataset) % (config.per_device_train_batch_size * processes.count)
    if processes.count > 1 and lacking:  # the last step is filled up, or rows of the first would come again in it
        rows = trainer.train_dataset
        blank = rows.select([0] * lacking).map(stage.unlearnt, features=rows.features)
        trainer.train_dataset = datasets.concatenate_datasets([rows, blank])
    if config.fp16:  # TRL makes adapters of 4-bit weights bfloat16, whose gradients CUDA's scaler does not take
        for one in trainer.model.parameters():
            one.data = one.data.float() if one.requires_grad else one.data
    return trainable, trainer


def sft_config(
    train: TrainSettings, folder: Path, *, backend: str, measured: bool, max_length: int, **more: Any
) -> SFTConfig:
    """The settings in TRL's terms.

    Args:
        measured: whether f1 decides which weights are kept.
        max_length: of a pack, in tokens.
        more: arguments of SFTConfig that a stage has beside these.
    """
    every, computing = train.evaluate_every, autocast_dtype(train.autocast)
    config = SFTConfig(
        output_dir=str(folder),
        max_length=max_length if train.packing else None,
        packing=train.packing,
        packing_strategy="bfd",
        eval_packing=False,
        loss_type="nll" if backend == "unsloth" else "chunked_nll",  # unsloth brings its own fused loss
        per_device_train_batch_size=train.batch,
        gradient_accumulation_steps=train.accumulation,
        learning_rate=train.lr,
        lr_scheduler_type=train.scheduler,
        warmup_steps=train.warmup,
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        optim=train.optimizer,
        num_train_epochs=1,  # all epochs' rows come behind each other, in the order of their visits
        max_steps=train.max_steps if train.packing and train.max_steps else -1,  # unpacked rows are cut to it before
        train_sampling_strategy="sequential",
        seed=train.seed,
        bf16=computing == "bfloat16",
        fp16=computing == "float16",  # with a scaler of gradients: float16 has no small numbers
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=train.checkpointing,
        logging_steps=max(1, every // 10),
        logging_nan_inf_filter=False,
        eval_strategy="steps" if measured else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        load_best_model_at_end=measured,
        metric_for_best_model="f1" if measured else None,
        greater_is_better=True if measured else None,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
        log_level_replica="error",
        **more,
    )
    config._n_gpu = min(config.n_gpu, 1)  # else one process would use all GPUs, each with a batch of its own
    return config


def autocast_dtype(autocast: str) -> str:
    """In which the passes compute; "auto" is as `default_dtype` says of this machine."""
    named = {"bf16": "bfloat16", "fp16": "float16", "none": "float32"}
    return named.get(autocast) or default_dtype(default_device())


MANIFEST = "complete.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def seal(checkpoint: Path) -> None:
    """Writes the manifest of a checkpoint that is otherwise written."""
    files = [file for file in checkpoint.rglob("*") if file.is_file() and file.name != MANIFEST]
    sizes = {str(file.relative_to(checkpoint)): file.stat().st_size for file in files}
    with atomic_text(checkpoint / MANIFEST) as stream:
        json.dump(sizes, stream, indent=1, sort_keys=True)


def is_whole(checkpoint: Path) -> bool:
    """Whether all files of the manifest are there in their sizes."""
    try:
        sizes = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        return isinstance(sizes, dict) and all(
            (checkpoint / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError):
        return False


def last_whole(folder: Path) -> Path | None:
    """The whole checkpoint of the highest step; broken ones are removed, since the training will write them again."""
    found = None
    for _, checkpoint in sorted(_numbered(folder), reverse=True):
        if not is_whole(checkpoint):
            shutil.rmtree(checkpoint)
        elif found is None:
            found = checkpoint
    return found


def step_of(checkpoint: Path | None) -> int:
    """The step that a checkpoint was written after; 0 without one."""
    return int(checkpoint.name.partition("-")[2]) if checkpoint else 0


def keep_only(folder: Path, steps: set[int]) -> None:
    """Removes the checkpoints of all other steps."""
    for step, checkpoint in _numbered(folder):
        if step not in steps:
            shutil.rmtree(checkpoint)


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = ((_CHECKPOINT.fullmatch(one.name), one) for one in folder.iterdir())
    return [(int(match.group(1)), one) for match, one in found if match]
