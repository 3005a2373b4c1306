"""`predict --stage llm|vlm`: which model, asked how, and its answers to all open questions of a run stored.

The stages bring a `Reader`, which knows what is shown and how an answer is taken; the way from a command's options to a
loaded model, a model folder's `entx.json`, the run and its batches are the same for both and stand here.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import read_truth
from entx.core.files import atomic_text
from entx.core.types import NO_PAGES, Answer, PageKey
from entx.neural.backends.base import Completion, Model
from entx.neural.calibration import Calibration, GoldRow, Posterior
from entx.neural.model_folder import check_model_folder, model_hash, named_fault, read_json
from entx.storage.questions import load_questions
from entx.storage.runs import add_answers, begin_run, end_run
from entx.storage.store import Store

SERVING = "entx.json"
"""File of a model folder that says how its model is to be asked."""

DTYPES = ("float32", "bfloat16", "float16")


class Mode(StrEnum):
    """How the model answers: it weighs what may be answered, or it writes."""

    CANDIDATES = "candidates"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a user chose; None is the model's or the backend's default."""

    model: str | None = None  # a model folder; for the backend openai the name that the server knows it by
    adapter: Path | None = None  # folder of a LoRA adapter on top
    backend: str = "transformers"  # one of the stage's
    mode: str | None = None  # one of `Mode`
    dtype: str | None = None  # of the weights, one of `DTYPES`; None: as `default_dtype` says
    four_bit: bool = False  # nf4 weights
    threads: int | None = None  # of torch
    base_url: str | None = None  # of an OpenAI-compatible server, "http://localhost:8000/v1"
    pixels: int | None = None  # budget of a picture, all its views together
    crops: bool = False  # close-ups of the lines with numbers, where the store has OCR of a picture

    def check(self, backends: Sequence[str]) -> None:
        """Whether the options fit each other and the stage's backends. Raises InputError: one does not."""
        for name, value, known in (
            ("backend", self.backend, backends),
            ("mode", self.mode, (None, *Mode)),
            ("dtype", self.dtype, (None, *DTYPES)),
        ):
            if value not in known:
                raise InputError(f"--{name} {value}: known are {', '.join(filter(None, known))}")
        if self.backend != "openai":
            if self.base_url is not None:
                raise InputError("--base-url is for --backend openai")
        elif self.base_url is None:
            raise InputError("--backend openai needs --base-url, for example http://localhost:8000/v1")
        elif self.adapter is not None or self.four_bit or self.dtype is not None:
            raise InputError(
                "--adapter, --four-bit and --dtype are for a model that is loaded here; the server has its own"
            )

    @property
    def described(self) -> Path | None:
        """The folder whose entx.json says how the model is asked: the adapter's, else the model's, where it is one."""
        folder = self.adapter or (Path(self.model) if self.model else None)  # a server may know a model by its folder
        return folder if folder is not None and folder.is_dir() else None


def open_model(
    options: ModelOptions, stage: str, load: Callable[..., Model], *, chat: bool, notice: Callable[[str], None]
) -> tuple[Model, dict[str, Any]]:
    """Loads a model, or reaches it; returns it and what a run has to record of it.

    Args:
        load: of the stage's own model by the transformers library, which is imported there.
        chat: it is asked in its chat template.
        notice: told in one line what the user should know.

    Raises:
        InputError: a folder must not be loaded, or is none of what it is given as; a library is missing; or as the
            backend says.
    """
    if options.backend == "openai":
        from entx.neural.backends.server import ServedModel

        served = ServedModel(str(options.base_url), options.model, chat=chat)
        return served, {
            "backend": "openai", "base_url": options.base_url, "weights": None, "dtype": None, "four_bit": False,
        }  # fmt: skip
    from entx.neural.training.adapters import choose_backend

    folder, adapter = Path(str(options.model)), options.adapter
    if check_model_folder(folder).is_adapter:
        raise InputError(f"{folder} holds an adapter: name its base by --model and the adapter by --adapter")
    if adapter is not None and not check_model_folder(adapter).is_adapter:
        raise InputError(f"--adapter {adapter}: holds a whole model, not an adapter; name it by --model")
    settings = {
        "backend": choose_backend(options.backend, notice),  # Unsloth changes transformers, so it is imported before it
        "weights": model_hash(folder, *([adapter] if adapter else [])), "dtype": options.dtype,
        "four_bit": options.four_bit,
    }  # fmt: skip
    how: dict[str, Any] = {"adapter": adapter, "four_bit": options.four_bit, "dtype": options.dtype}
    if options.backend == "vllm":
        from entx.neural.backends.vllm import VllmModel

        return VllmModel.load(folder, **how, chat=chat, pictures=stage == "vlm"), settings
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"--stage {stage} needs torch and transformers ({error}): pip install torch, then "
            f"pip install 'entx-hybrid[{stage}]'"
        ) from None
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    return load(folder, **how), settings


def read_serving(stage: str, version: int, default: Any, parse: Callable[[Any], Any], folder: Path | None) -> Any:
    """How a folder's model is asked, by its entx.json; the default for a model that entx has not trained.

    Args:
        version: of the stage's prompts.
        parse: the file's JSON and its calibration to the stage's own settings.

    Raises:
        InputError: not readable, of the other stage, or trained on prompts of another version.
    """
    if folder is None or not (folder / SERVING).exists():
        return default
    with named_fault(folder, f"its {SERVING} is not readable"):
        raw = read_json(folder / SERVING)
        if raw.get("stage", "llm") != stage:
            kind, other = ("text", "llm") if stage == "vlm" else ("vision-language", "vlm")
            raise InputError(f"{folder}: its {SERVING} is of a {kind} model; ask it by --stage {other}")
        found = int(raw["prompt_version"])
        calibration = Calibration.from_dict(raw["calibration"]) if raw.get("calibration") else None
        serving = replace(parse(raw), calibration=calibration)
    if found != version:
        raise InputError(
            f"{folder}: trained on prompts of version {found}, this entx writes version {version}; train again"
        )
    return serving


def write_serving(folder: Path, serving: Mapping[str, Any]) -> None:
    """Writes entx.json beside a model's weights; what else stands in one that is there already stays.

    Raises:
        InputError: the one that is there cannot be read.
    """
    path = folder / SERVING
    with named_fault(path, "not readable"):
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    with atomic_text(path) as stream:
        json.dump({**known, **serving}, stream, indent=1)


@dataclass(frozen=True, slots=True)
class Task:
    """What of a store is to be answered, and from what."""

    key: PageKey | None  # of the OCR pages; None to do without
    hint_run: str | None = None  # a run whose answers are put into the questions of the text stage
    retry_failed: bool = False  # look again at the pictures that could not be shown to the model before
    size: int | None = None  # pages or pictures read side by side and committed together; None for the reader's own
    only: frozenset[int] | None = None  # indices of the questions that are asked; None for all


class Reader(ABC):
    """What a stage brings: what a model is asked about pages or pictures, and how its answers are taken.

    Args:
        serving: how the model is asked; has a `calibration`.
        counts: a dataclass of what it did.
    """

    stage: ClassVar[str]

    def __init__(self, model: Model, serving: Any, schema: Schema, mode: Mode, counts: Any):
        self.model = model
        self.serving = serving
        self.schema = schema
        self.mode = mode
        self.counts = counts

    @property
    def counted(self) -> dict[str, int]:
        """All that it and its model did so far, by name."""
        return {**asdict(self.counts), **self.model.usage}

    @abstractmethod
    def settings(self, store: Store, task: Task) -> dict[str, Any]:
        """All that decides its answers beside the model, the schema and the pages.

        Raises:
            InputError: the store lacks what the task needs.
        """

    @abstractmethod
    def work(self, store: Store, run: str, task: Task) -> Iterator[list[tuple[list[int], Any]]]:
        """Batches of what the run has not answered: the questions' indices, and what is asked of a page or picture."""

    def read(self, batch: Sequence[Any]) -> list[list[Answer]]:
        """For each page or picture one answer a question; they are read side by side."""
        return [[self._answer(question, made) for question, made in of_one] for of_one in self._ask(batch)]

    def posteriors(self, batch: Sequence[Any]) -> list[list[Posterior | None]]:
        """For each what may be answered to each question, scored; None where the model was not asked.

        Raises:
            InputError: the mode is not `candidates`, or the model does not score.
        """
        if self.mode is not Mode.CANDIDATES:
            raise InputError("answers are weighed in candidates mode only")
        return [
            [self._posterior(question, made) if isinstance(made, Completion) else None for question, made in of_one]
            for of_one in self._ask(batch)
        ]

    @abstractmethod
    def _ask(self, batch: Sequence[Any]) -> list[list[tuple[Any, Any]]]:
        """Each question as it was put, and what the model made of it or why it was not asked."""

    @abstractmethod
    def _answer(self, question: Any, made: Any) -> Answer: ...

    @abstractmethod
    def _posterior(self, question: Any, made: Completion) -> Posterior: ...


@dataclass(frozen=True, slots=True)
class InferReport:
    """What one call did."""

    answered: int  # questions answered or abstained from
    seconds: float
    counts: Mapping[str, int]  # of the reader, by name


def answer_questions(
    store: Store,
    reader: Reader,
    run: str,
    settings: Mapping[str, Any],
    task: Task,
    advance: Callable[[int], None] = lambda _: None,
) -> InferReport:
    """Answers the questions that the reader can be asked and that have no answer in this run yet.

    What is shown is read batch by batch and the answers of each are committed together. Questions whose page or file is
    not there stay open: the same call takes them up once it is.

    Args:
        settings: what decides the model's answers: its hash, backend, adapter, numeric type.

    Raises:
        InputError: the run stands in the store with other settings, or the reader's own reasons.
    """
    started = time.monotonic()
    calibration, key = reader.serving.calibration, task.key
    before = reader.counted  # by other calls: a reader may serve several stores
    begin_run(store, run, reader.stage, {
        **reader.settings(store, task), "model": reader.model.name, "schema": reader.schema.digest,
        "calibration": calibration.digest if calibration else None, **(key.as_dict() if key else NO_PAGES), **settings,
    })  # fmt: skip
    answered, began, fault = 0, time.monotonic(), None
    try:
        for batch in reader.work(store, run, task):
            read = reader.read([asked for _, asked in batch])
            indices = [index for of_one, _ in batch for index in of_one]
            share = (time.monotonic() - began) / len(indices)
            answers = [replace(answer, seconds=share) for of_one in read for answer in of_one]
            add_answers(store, run, list(zip(indices, answers, strict=True)))
            answered += len(indices)
            advance(len(indices))
            began = time.monotonic()
    except InputError as error:  # a server that died, for one: what was answered has been paid for
        fault = error
    seconds = time.monotonic() - started
    counts = {name: count - before.get(name, 0) for name, count in reader.counted.items()}
    if fault is None or answered:
        end_run(store, run, seconds, {"answered": answered, **counts})
    if fault is not None:
        raise fault
    return InferReport(answered, seconds, counts)


def score_gold(
    store: Store, reader: Reader, task: Task, gold: Path, advance: Callable[[int], None] = lambda _: None
) -> list[GoldRow]:
    """What a model thinks of the questions of a gold table: those that the store has a page, or a picture file, of.

    Raises:
        InputError: the table cannot be read, or the store holds none of its questions.
    """
    known = read_truth(gold).by_index
    pictures = {one.index: one.picture for one in load_questions(store) if one.index in known}
    rows = []
    for batch in reader.work(store, "", replace(task, only=frozenset(known))):  # of no run: every question is open
        found = reader.posteriors([asked for _, asked in batch])
        for (indices, _), posteriors in zip(batch, found, strict=True):
            rows += [
                GoldRow(str(pictures[index]), known[index], posterior)
                for index, posterior in zip(indices, posteriors, strict=True)
            ]
            advance(len(indices))
    if not any(row.posterior is not None and row.posterior.candidates for row in rows):
        raise InputError(f"{gold}: {store.path} holds nothing to choose from for any of its {len(known)} questions")
    return rows
