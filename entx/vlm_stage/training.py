"""The vision stage as a trainer sees it: pictures with questions, F1 by the answers that a model writes.

What both stages share is `neural.training.stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from typing_extensions import override

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import Counts, outcomes
from entx.neural.backends.base import Model, Query, Request
from entx.neural.predict import write_serving
from entx.neural.training.adapters import Side, Trainable
from entx.neural.training.rows import TrainingData, evenly, training_data
from entx.neural.training.stage import Stage, scores_of
from entx.storage.pages import choose_pages, page_keys
from entx.storage.store import Store
from entx.vlm_stage.data import Collator, PictureDataset, PictureRecipe, PictureRow, Row, broken_pictures, encode
from entx.vlm_stage.families.base import Codec, Family, family_of
from entx.vlm_stage.prompt import PROMPT_VERSION, Serving, Views
from entx.vlm_stage.reader import PICTURES_PER_COMMIT, PictureQuestions, VisionReader

BROKEN = "broken_pictures.txt"
"""In the folder of a training: pictures that turned out damaged when their turn came."""

_WORKERS = 4  # processes that decode ahead of a GPU; beside a CPU that trains they would only be in its way


@dataclass(frozen=True, slots=True)
class DevQuestion:
    """A question with a known truth."""

    path: str  # of the picture file
    entity_name: str
    truth: str  # as a written answer, "" where the picture does not show it

    @property
    def identity(self) -> object:
        """What tells it from others; where its picture lies does not matter."""
        return self.entity_name, self.truth


def dev_questions(rows: Sequence[Row], most: int) -> list[DevQuestion]:
    """Questions for a measurement: at most so many, evenly from all."""
    return [DevQuestion(one.path, one.entity_name, one.truth.text if one.truth else "") for one in evenly(rows, most)]


def measure_f1(questions: Sequence[DevQuestion], answers: Sequence[str]) -> dict[str, Any]:
    """The challenge's metric of written answers: f1, precision, recall, and "by_entity" the same with counts."""
    by_quantity, _ = outcomes(answers, [question.truth for question in questions])
    names = [question.entity_name for question in questions]
    by_entity = {}
    for name in sorted(set(names)):
        counts = Counts.of(by_quantity[[place for place, one in enumerate(names) if one == name]])
        by_entity[name] = {
            "questions": counts.rows, **scores_of(counts), "tp": counts.tp, "fp": counts.fp, "fn": counts.fn,
            "tn": counts.tn,
        }  # fmt: skip
    return {**scores_of(Counts.of(by_quantity)), "by_entity": by_entity}


def read_answers(model: Model, questions: Sequence[DevQuestion], serving: Serving, schema: Schema) -> list[str]:
    """The answers as `entx predict --mode free` gives them; "" for none, and for a picture that cannot be read."""
    reader = VisionReader(model, serving, schema)

    def read(asked: Sequence[PictureQuestions]) -> list[list[str]]:
        return [[one.quantity.text if one.quantity else "" for one in answers] for answers in reader.read(asked)]

    return _by_picture(reader, questions, read)


def write_freely(model: Model, questions: Sequence[DevQuestion], serving: Serving, schema: Schema) -> list[str]:
    """What the model writes when nothing constrains it; "" for a picture that cannot be read."""

    def write(asked: Sequence[PictureQuestions]) -> list[list[str]]:
        requests = [
            Request(one.views.images, tuple(Query(serving.form.ask(schema[name])) for name in one.entities))
            for one in asked
            if isinstance(one.views, Views)
        ]
        written = iter(model.complete(requests))
        return [
            [answer.text for answer in next(written)] if isinstance(one.views, Views) else [""] * len(one.entities)
            for one in asked
        ]

    return _by_picture(VisionReader(model, serving, schema), questions, write)


def _by_picture(
    reader: VisionReader,
    questions: Sequence[DevQuestion],
    read: Callable[[Sequence[PictureQuestions]], list[list[str]]],
) -> list[str]:
    """The answers in the order of the questions, of pictures with all of their questions, a few at once."""
    numbers: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        numbers.setdefault(question.path, []).append(number)
    pictures, texts = list(numbers.items()), [""] * len(questions)
    for start in range(0, len(pictures), PICTURES_PER_COMMIT):
        chunk = pictures[start : start + PICTURES_PER_COMMIT]
        asked = [
            PictureQuestions(reader.view(Path(path)), tuple(questions[number].entity_name for number in group))
            for path, group in chunk
        ]
        for (_, group), found in zip(chunk, read(asked), strict=True):
            for number, text in zip(group, found, strict=True):
                texts[number] = text
    return texts


class PictureStage(Stage[PictureRecipe]):
    """Training of vision-language models."""

    RECIPE = PictureRecipe
    PROMPT_VERSION = PROMPT_VERSION
    AUTO_MODEL = "AutoModelForImageTextToText"
    UNSLOTH = "FastVisionModel"

    @cached_property
    def family(self) -> Family:
        """Of the base model."""
        return family_of(self.folder.path)

    @cached_property
    def codec(self) -> Codec:
        """Of the base model."""
        return self.family.codec(self.folder.path)

    @override
    def check(self) -> None:
        super().check()
        if self.recipe.deepspeed and find_spec("deepspeed") is None:
            raise InputError(
                "the recipe trains by DeepSpeed, which is not installed: pip install deepspeed, or train without it by "
                "--set deepspeed={}"
            )

    @override
    def load_data(self, store: Store, engine: str | None, notice: Callable[[str], None]) -> TrainingData:
        recipe, key, codec = self.recipe, None, self.published.tokens if self.published else self.codec
        if recipe.data.negatives > 0 and (engine or page_keys(store)):
            key = choose_pages(store, engine)
        elif recipe.data.negatives > 0:
            notice("no OCR pages to find negatives by: only questions whose label is empty have an empty answer")
        asked = codec, self.schema, recipe.prompt.form, recipe.model.pixels
        return training_data(
            PictureDataset.load(store, self.schema, recipe.data, key=key, seed=recipe.train.seed), recipe,
            lambda dataset, epoch: encode(dataset.epoch(epoch), *asked),
            lambda dataset, most: dev_questions(dataset.rows, most), skip=recipe.data.skip,
        )  # fmt: skip

    @override
    def unsloth_codec(self, tokenizer: Any) -> Codec:
        return self.codec

    @override
    def load_model(self, *, offload: bool) -> tuple[Any, Any]:
        loaded = self.family.load(self.folder.path, **self.load_options(offload=offload))
        return loaded.model, loaded.codec

    def load_options(self, *, offload: bool) -> dict[str, Any]:
        """How the recipe wants its weights loaded, for `Family.load`."""
        model, device = self.recipe.model, "" if self.recipe.deepspeed and offload else None
        attention = "" if model.attention == "auto" else model.attention
        return {"dtype": model.dtype, "four_bit": model.load == "nf4", "attention": attention, "device": device}

    @override
    def freeze(self, model: Any) -> None:
        if self.recipe.model.scope == "language":
            self.family.vision_tower(model).requires_grad_(False)
        elif self.recipe.model.scope == "vision":
            self.family.language_model(model).requires_grad_(False)
            model.get_output_embeddings().requires_grad_(False)

    @override
    def unsloth_load_arguments(self) -> dict[str, Any]:
        checkpointing = "unsloth" if self.recipe.train.checkpointing else False
        return {**super().unsloth_load_arguments(), "use_gradient_checkpointing": checkpointing}

    @override
    def unsloth_adapter_arguments(self) -> dict[str, Any]:
        scope = self.recipe.model.scope
        return {
            **super().unsloth_adapter_arguments(),
            "finetune_vision_layers": scope != "language",
            "finetune_language_layers": scope != "vision",
            "finetune_attention_modules": True,
            "finetune_mlp_modules": True,
        }

    @override
    def collator(self, trainable: Trainable, rows: Sequence[PictureRow], scratch: Path) -> Collator:
        return Collator(trainable.codec, rows, self.recipe.model.pixels, scratch / BROKEN)

    @override
    def trainer_options(self) -> dict[str, Any]:
        import torch

        return {
            **super().trainer_options(),
            "deepspeed": self.recipe.deepspeed or None,
            "dataloader_num_workers": _WORKERS if torch.cuda.is_available() else 0,
        }

    @override
    def adapter_targets(self, model: Any) -> Sequence[str]:
        return super().adapter_targets(model) or self.family.lora_targets(model, self.recipe.model.scope)

    @override
    def sizes(self, rows: Sequence[PictureRow]) -> dict[str, float]:
        return {
            "pixels": self.recipe.model.pixels,
            "image_tokens": median(row.image_tokens for row in rows),
            "text_tokens": median(row.length - row.image_tokens for row in rows),
            "most_image_tokens": max(row.image_tokens for row in rows),
        }

    @override
    def answers(self, trainable: Trainable, model: Any, dev: Sequence[DevQuestion]) -> list[str]:
        from entx.vlm_stage.model import PictureModel

        serving = Serving(self.recipe.prompt.form, self.recipe.model.pixels)
        return read_answers(PictureModel(self.family, model, trainable.codec), dev, serving, self.schema)

    @override
    def scores(self, dev: Sequence[DevQuestion], answers: Sequence[str]) -> dict[str, Any]:
        return measure_f1(dev, answers)

    @override
    def row_counts(self, rows: Sequence[PictureRow], scratch: Path) -> dict[str, int]:
        return {
            "image tokens": sum(row.image_tokens for row in rows),
            "pictures found damaged": broken_pictures(scratch / BROKEN),
        }

    @override
    def write_serving(self, folder: Path, record: Mapping[str, Any]) -> None:
        write_serving(folder, Serving(self.recipe.prompt.form, self.recipe.model.pixels).as_dict())

    @override
    def guard_questions(self, store: Store, engine: str | None, most: int) -> list[DevQuestion]:
        data = self.recipe.data.model_copy(update={"rows": 0, "negatives": 0.0})
        return dev_questions(PictureDataset.load(store, self.schema, data).rows, most)

    @override
    def open_side(self, folder: Path, adapter: Path | None, questions: Sequence[DevQuestion], **options: Any) -> Side:
        """A loaded model: it reads within the legal answers, and writes what it writes when nothing constrains it."""
        from entx.vlm_stage.model import PictureModel

        reader = PictureModel.load(folder, adapter=adapter, **options)
        asked = questions, Serving(self.recipe.prompt.form, self.recipe.model.pixels), self.schema
        return Side(
            reader.model, reader.codec.save, lambda: (read_answers(reader, *asked), write_freely(reader, *asked))
        )
