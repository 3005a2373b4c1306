"""A training of either stage: rows and a base model into a model folder that appears whole or not at all.

`Stage` is what the text stage and the vision stage differ in: which rows they have, how their models are loaded, asked
and described. All else is one: `train` here, `estimate.plan_training`, `adapters.merge_adapter`.

While a training runs, everything lies in `OUT.part`: the plan (what this training is), checkpoints, at last the model.
A killed training goes on from its last whole checkpoint and ends with the same steps and losses as one that was never
broken. Beside the weights stand the record of the training, a card (README.md) that is written from the record and
nothing else by the template `card.md`, and the curve of losses.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import Counts
from entx.core.files import atomic_text, writing
from entx.neural.model_folder import ModelFolder, check_model_folder, default_device, fingerprint, is_gptq
from entx.neural.training.adapters import RECORD, Side, Trainable, keep_trainable, lora_config
from entx.neural.training.processes import Processes
from entx.neural.training.recipe import RecipeT
from entx.neural.training.rows import TrainingData
from entx.storage.runs import library_versions
from entx.storage.store import Store

if TYPE_CHECKING:
    from entx.neural.training.estimate import Base

_LIBRARIES = (
    "accelerate", "bitsandbytes", "deepspeed", "entx-hybrid", "peft", "tokenizers", "torch", "transformers", "trl",
    "unsloth",
)  # fmt: skip


class Stage(ABC, Generic[RecipeT]):
    """How a stage trains from a checked base model; InputError where the folder holds an adapter only.

    Args:
        published: for a plan without the folder: the size of its model; tokens are guessed then.
    """

    RECIPE: type[RecipeT]
    PROMPT_VERSION: ClassVar[int]
    AUTO_MODEL: ClassVar[str]  # the class of transformers that makes its models
    UNSLOTH: ClassVar[str]  # and that of Unsloth

    def __init__(
        self, recipe: RecipeT, recipe_name: str, folder: ModelFolder, schema: Schema, published: Base | None = None
    ):
        if folder.is_adapter:
            raise InputError(f"{folder.path} holds an adapter; training starts from a whole model (entx merge-adapter)")
        if is_gptq(folder.path):
            raise InputError(
                f"{folder.path} holds GPTQ weights, which answer questions and are neither trained nor merged into; "
                "take the model as published in 16 bits"
            )
        self.recipe = recipe
        self.recipe_name = recipe_name
        self.folder = folder
        self.schema = schema
        self.published = published

    @abstractmethod
    def load_data(self, store: Store, engine: str | None, notice: Callable[[str], None]) -> TrainingData:
        """The store's labelled questions as [data] wants them, with pages of this engine, else those written last."""

    def load(self, backend: str, *, offload: bool = True) -> Trainable:
        """The base model, ready for training.

        Args:
            offload: let DeepSpeed place the weights, where the recipe has it.

        Raises:
            InputError: a model that no installed library knows, or the adapter's target layers are not in it.
        """
        if backend == "unsloth":
            loader = getattr(importlib.import_module("unsloth"), self.UNSLOTH)
            model, inputs = loader.from_pretrained(**self.unsloth_load_arguments())
            model = loader.get_peft_model(model, **self.unsloth_adapter_arguments())
            return Trainable(model, self.unsloth_codec(inputs), None)
        model, codec = self.load_model(offload=offload)
        keep_trainable(model)
        return Trainable(model, codec, self.prepare(model))

    @abstractmethod
    def load_model(self, *, offload: bool) -> tuple[Any, Any]:
        """The base model, and what feeds it: its tokenizer, or its codec of pictures."""

    def unsloth_codec(self, tokenizer: Any) -> Any:
        """What feeds a model that Unsloth loaded with that tokenizer."""
        return tokenizer

    def unsloth_load_arguments(self) -> dict[str, Any]:
        """The arguments of Unsloth's `from_pretrained`."""
        recipe = self.recipe
        return {
            "model_name": str(self.folder.path),
            "max_seq_length": recipe.model.max_length,
            "dtype": None,  # of 16 bits, as fits the GPU
            "load_in_4bit": recipe.model.load == "nf4",
            "load_in_16bit": recipe.model.load in ("bf16", "fp16"),
            "trust_remote_code": False,
            "use_exact_model_name": True,
            "random_state": recipe.train.seed,
        }

    def unsloth_adapter_arguments(self) -> dict[str, Any]:
        """The arguments of Unsloth's `get_peft_model`, beside the model."""
        recipe, lora = self.recipe, self.recipe.lora
        assert lora is not None  # a recipe refuses unsloth without an adapter
        return {
            "r": lora.r,
            "lora_alpha": lora.alpha,
            "lora_dropout": lora.dropout,
            "target_modules": list(lora.targets) or None,
            "bias": "none",
            "use_gradient_checkpointing": "unsloth" if recipe.train.checkpointing else False,
            "random_state": recipe.train.seed,
        }

    def prepare(self, model: Any) -> Any:
        """The adapter that the trainer is to put into a model; without one, freezes what is not to learn."""
        lora = self.recipe.lora
        if lora is not None and self.recipe.train.method == "lora":
            return lora_config(model, lora, self.adapter_targets(model))
        self.freeze(model)
        return None

    def freeze(self, model: Any) -> None:
        """Freezes what of a model does not learn where whole weights do."""

    def columns(self, rows: Sequence[Any]) -> dict[str, list[Any]]:
        """What the trainer is given of each row: its number as "visit", until it is collated."""
        return {"visit": list(range(len(rows)))}

    @abstractmethod
    def collator(self, trainable: Trainable, rows: Sequence[Any], scratch: Path) -> Callable[..., Any]:
        """Makes the model's inputs and labels of a batch of visits, of which ~number is one that nothing is learnt of.

        Args:
            scratch: a folder to leave notes in.
        """

    def trainer_options(self) -> dict[str, Any]:
        """Arguments of TRL's configuration that only this stage has."""
        return {"dataset_kwargs": {"skip_prepare_dataset": True}, "remove_unused_columns": False}

    def adapter_targets(self, model: Any) -> Sequence[str]:  # noqa: ARG002
        """Names of the layers that the recipe's adapter changes."""
        assert self.recipe.lora is not None
        return self.recipe.lora.targets

    def sizes(self, rows: Sequence[Any]) -> dict[str, float]:  # noqa: ARG002
        """What an estimate tells of the rows beside their tokens."""
        return {}

    def loss(self, trainable: Trainable, model: Any, rows: Sequence[Any], scratch: Path) -> Any:
        """A forward pass of that batch, to be timed."""
        inputs = self.collator(trainable, rows, scratch)([{"visit": number} for number in range(len(rows))])
        del inputs["labels"]  # with them the model makes the logits of all tokens, which no training holds at once
        inputs = {name: value.to(model.device) for name, value in inputs.items()}
        logits = model(**inputs, logits_to_keep=max(row.learnt for row in rows)).logits
        return logits.float().logsumexp(-1).mean()

    def unlearnt(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What of a row of `columns` changes so that it is passed and nothing is learnt of it."""
        return {"visit": ~row["visit"]}

    @abstractmethod
    def answers(self, trainable: Trainable, model: Any, dev: Sequence[Any]) -> list[str]:
        """A model's answers to dev questions; "" for none."""

    @abstractmethod
    def scores(self, dev: Sequence[Any], answers: Sequence[str]) -> dict[str, Any]:
        """F1, precision and recall of answers to dev questions; perhaps a table "by_entity"."""

    def row_counts(self, rows: Sequence[Any], scratch: Path) -> dict[str, int]:  # noqa: ARG002
        """What the record tells of the rows beside their number and tokens."""
        return {}

    def check(self) -> None:
        """Refuses what cannot be run here, before a weight is read."""
        train = self.recipe.train
        Processes.here().share(train)
        if train.autocast == "fp16" and default_device() == "cpu":
            raise InputError('train.autocast = "fp16" scales gradients, on a GPU only; a CPU takes "bf16" or "none"')

    @abstractmethod
    def write_serving(self, folder: Path, record: Mapping[str, Any]) -> None:
        """How the model is to be asked. A base model's calibration is not taken over: it is not this model's."""

    @abstractmethod
    def guard_questions(self, store: Store, engine: str | None, most: int) -> Sequence[Any]:
        """Questions that a merge asks both models; their truths do not matter."""

    @abstractmethod
    def open_side(self, folder: Path, adapter: Path | None, questions: Sequence[Any], **options: Any) -> Side:
        """A loaded model for the guard of a merge; options: dtype and four_bit, as the stage's backend takes them."""

    def write_about(self, folder: Path, record: Mapping[str, Any]) -> None:
        """Record, card and serving settings beside the weights of a model."""
        write_record(folder, record)
        self.write_serving(folder, record)


def scores_of(counts: Counts) -> dict[str, float]:
    """What a stage measures of dev questions; 0 for what is not defined."""
    return {"f1": counts.f1, "precision": counts.precision or 0.0, "recall": counts.recall or 0.0}


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training ended."""

    signal: int  # number of the signal that stopped it before its end, 0 where it ended by itself
    # of a finished training, as in training.json; of a stopped one {"steps": ...}; {} but in the process that writes
    record: Mapping[str, Any]


def train(
    stage: Stage[Any],
    data: TrainingData,
    out: Path,
    *,
    backend: str,
    restart: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> Trained:
    """Trains, or goes on with a training that was broken off, together with the other processes of torchrun.

    Args:
        backend: as `adapters.choose_backend` said.
        restart: throw away what an unfinished training of the same `out` left.
        advance: told of optimiser steps.

    Raises:
        InputError: nothing to train on; `out` exists; an unfinished training of other rows, settings or base is in the
            way; the disk is full; the loss is no number any more.
    """
    data.require_rows()
    stage.check()
    if os.path.lexists(out):
        raise InputError(f"{out} exists already; choose another --out")
    part = out.with_name(out.name + ".part")
    recipe = stage.recipe
    plan = {
        "recipe": recipe.digest, "rows": data.digest, "base": fingerprint(stage.folder), "backend": backend,
        "prompt_version": stage.PROMPT_VERSION,
    }  # fmt: skip
    with Processes.here().joined() as processes:
        return _train(stage, data, out, part, plan, processes, restart=restart, advance=advance)


def _train(
    stage: Stage[Any], data: TrainingData, out: Path, part: Path, plan: Mapping[str, str], processes: Processes, *,
    restart: bool, advance: Callable[[int], None],
) -> Trained:  # fmt: skip
    """One process's part of a planned training."""
    from transformers import set_seed

    from entx.neural.training.trainer import Interrupted, Progress, Stop, build_trainer, last_whole, step_of

    recipe, backend = stage.recipe, plan["backend"]
    with processes.first_alone():
        if processes.writes:
            _claim(part, plan, restart=restart)
        checkpoint = last_whole(part / "checkpoints")
    set_seed(recipe.train.seed)  # before the adapter's random matrices are drawn
    stop = Stop(processes)
    callbacks = [Progress(recipe.train.patience, advance), stop]
    trainable, trainer = build_trainer(stage, data, part, backend, callbacks, processes)
    began = time.monotonic()
    try:
        with stop.listening():
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Interrupted:
        return Trained(stop.signal, {"steps": step_of(last_whole(part / "checkpoints"))} if processes.writes else {})
    if stop.signal:
        return Trained(stop.signal, {"steps": trainer.state.global_step})
    # weights that DeepSpeed has parted among devices are gathered by all processes
    parted = trainer.is_deepspeed_enabled
    weights = {"state_dict": trainer.accelerator.get_state_dict(trainer.model_wrapped)} if parted else {}
    processes.all_of(None)  # all have loaded the best weights from the folder that is removed now
    if not processes.writes:
        return Trained(0, {})
    spent = {"seconds": round(time.monotonic() - began, 1), "resumed at step": step_of(checkpoint)}
    record = {
        "title": recipe.title,
        "method": recipe.train.method,
        "stage": recipe.STAGE,
        "prompt_version": stage.PROMPT_VERSION,
        "recipe": {"name": Path(stage.recipe_name).name, "digest": recipe.digest, "settings": recipe.settings},
        "base": {"name": recipe.model.hub or stage.folder.path.name, "fingerprint": plan["base"]},
        "data": dict(data.counts),
        "rows": {
            "visits": len(data.rows),
            "prompt tokens": sum(row.length - row.learnt for row in data.rows),
            "answer tokens": sum(row.learnt for row in data.rows),
            **stage.row_counts(data.rows, part),
            "left out, too long": data.too_long,
            "digest": plan["rows"],
        },
        **course(trainer.state, backend, len(data.dev), spent),
    }
    _write_model(part / "model", stage, trainer, trainable, weights, record)
    (part / "model").replace(out)
    shutil.rmtree(part)
    return Trained(0, record)


def _claim(part: Path, plan: Mapping[str, Any], *, restart: bool) -> None:
    """Begins the folder of an unfinished training, or finds the one of this very plan."""
    path = part / "plan.json"
    if os.path.lexists(part) and (part.is_symlink() or not path.is_file()):
        raise InputError(f"{part}: is there and holds no unfinished training; move it away or choose another --out")
    if restart and part.exists():
        shutil.rmtree(part)
    shutil.rmtree(part / "model", ignore_errors=True)
    if not path.exists():
        with atomic_text(path) as stream:
            json.dump(plan, stream, indent=1)
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    changed = sorted(key for key in plan if known.get(key) != plan[key])
    if changed:
        raise InputError(
            f"{part} holds an unfinished training with another {' and '.join(changed)}; go on with the same, choose "
            "another --out, or throw it away with --restart"
        )


def course(state: Any, backend: str, dev_questions: int, spent: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that tells how the training went: dev, by entity, training, history, versions."""
    history = [entry for entry in state.log_history if "loss" in entry or "eval_f1" in entry]
    measured = [entry for entry in history if "eval_f1" in entry]
    best = max(measured, key=lambda entry: (entry["eval_f1"], -entry["step"])) if measured else None
    dev = best and {
        "questions": dev_questions, "f1": best["eval_f1"], "step": best["step"], "measurements": len(measured),
    }  # fmt: skip
    return {
        "dev": dev,
        **({"by entity": best["eval_by_entity"]} if best and "eval_by_entity" in best else {}),
        "training": {
            "backend": backend,
            "steps": state.global_step,
            "steps planned": state.max_steps,
            "last loss": next((entry["loss"] for entry in reversed(history) if "loss" in entry), None),
            **spent,
        },
        "history": history,
        "versions": library_versions(_LIBRARIES),
    }


def _write_model(
    folder: Path, stage: Stage[Any], trainer: Any, trainable: Trainable, options: dict[str, Any],
    record: Mapping[str, Any],
) -> None:  # fmt: skip
    """The model with its card, curve and record, checked as a folder is before it is loaded; or an InputError."""
    from safetensors import SafetensorError

    if record["method"] == "lora":
        trainer.model.peft_config["default"].base_model_name_or_path = record["base"]["name"]  # not this machine's path
        options["save_embedding_layers"] = False  # they are not trained; "auto" would ask the hub
    with writing(folder, (OSError, SafetensorError)):
        trainer.model.save_pretrained(folder, **options)
        trainable.save_codec(folder)
    stage.write_about(folder, record)
    draw_curve(record["history"], folder / "curve.png", str(record["title"]))
    check_model_folder(folder)


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Record and card beside the weights of a model, which everybody may read."""
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # the library makes them readable to their owner only
    with atomic_text(folder / RECORD) as stream:
        json.dump(record, stream, indent=1)
    with atomic_text(folder / "README.md") as stream:
        stream.write(model_card(record))


def model_card(record: Mapping[str, Any]) -> str:
    """The card as Markdown with the hub's front matter, from a record as training.json has it."""
    from jinja2 import Environment, FileSystemLoader

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=False, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    pages.filters |= {"shown": _shown, "toml": _toml}
    merged, stage = record.get("merge"), record.get("stage", "llm")
    return pages.get_template("card.md").render(
        record=record, stage=stage, base=record["base"]["name"], dev=record["dev"], merged=merged,
        adapter=record["method"] == "lora" and not merged,
    )  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def _toml(settings: Mapping[str, Any], above: str = "") -> str:
    """The settings as TOML; values are texts, numbers, truth values and lists of texts, all written as in JSON."""
    plain = {key: value for key, value in settings.items() if value is not None and not isinstance(value, Mapping)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for name, table in settings.items():
        if isinstance(table, Mapping) and table:
            lines.append(f"\n[{above}{name}]\n" + _toml(table, f"{above}{name}."))
    return "\n".join(lines)


def draw_curve(history: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Writes a PNG of the trainer's log: entries with "step" and "loss" or "eval_f1"."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    losses = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    scores = [(entry["step"], entry["eval_f1"]) for entry in history if "eval_f1" in entry]
    figure = Figure(figsize=(8, 5 if scores else 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 if scores else 1, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].plot([step for step, _ in losses], [loss for _, loss in losses], color="tab:blue")
    axes[0].set_ylabel("loss of the answers (nats a token)")
    axes[0].set_title(title)
    if scores:
        best = max(scores, key=lambda point: (point[1], -point[0]))
        axes[1].plot(
            [step for step, _ in scores], [f1 for _, f1 in scores], color="tab:green", marker="o", markersize=3
        )
        axes[1].axvline(best[0], color="tab:grey", linewidth=1, linestyle="--")
        axes[1].annotate(f"best: {best[1]:.3f} at step {best[0]}", best, xytext=(5, -12), textcoords="offset points")
        axes[1].set_ylabel("F1 of the dev rows")
        axes[1].set_ylim(0, 1)
    axes[-1].set_xlabel("optimiser step")
    for one in axes:
        one.grid(alpha=0.3)
    figure.savefig(path, dpi=100, metadata={"Software": None})  # no version in the file: equal runs, equal bytes
