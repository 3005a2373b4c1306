"""The text stage as a trainer sees it: prompts as tokens, F1 by scoring candidates.

What both stages share is `neural.training.stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from typing_extensions import override

from entx.core.errors import InputError
from entx.core.evaluation import Counts, outcomes
from entx.llm_stage.data import BUDGET_CUT, Hints, PageWriter, Row, TextDataset, TextRecipe, TokenRow, encode, join
from entx.llm_stage.prompt import NONE, PROMPT_VERSION
from entx.neural.backends.base import CHAT_TOKENS, Model, PromptTokenizer, Query, Request
from entx.neural.decoding import TreeBatch
from entx.neural.model_folder import load_model, load_tokenizer, named_fault
from entx.neural.predict import write_serving
from entx.neural.training.adapters import Side, Trainable
from entx.neural.training.rows import IGNORED, TrainingData, evenly, training_data
from entx.neural.training.stage import Stage, scores_of
from entx.storage.pages import choose_pages
from entx.storage.store import Store


@dataclass(frozen=True, slots=True)
class DevQuestion:
    """A question with a known truth."""

    # page, question: the parts of its prompt
    page: str
    question: str
    candidates: tuple[str, ...]  # texts that may be answered, `NONE` among them
    # the right one as a written answer, "" where the picture does not show it. It need not be among the candidates: a
    # value that OCR missed is a question lost, not one left out
    truth: str

    @property
    def identity(self) -> object:
        """All of it."""
        return self


def dev_questions(examples: Sequence[Row], most: int) -> list[DevQuestion]:
    """Questions for a measurement: at most so many, evenly from all."""
    return [
        DevQuestion(one.page, one.question, one.choices, "" if one.completion == NONE else one.completion)
        for one in evenly(examples, most)
    ]


def measure_f1(questions: Sequence[DevQuestion], answers: Sequence[str]) -> Counts:
    """Counts of the challenge's metric.

    The early stop goes by this and not by the loss, which keeps falling on the easy tokens of an answer while the
    choice between numbers gets worse.
    """
    by_quantity, _ = outcomes(answers, [question.truth for question in questions])
    return Counts.of(by_quantity)


def choose(model: Model, questions: Sequence[DevQuestion]) -> list[str]:
    """The most probable candidate of each question, "" for `NONE`; each page is read once for all of its questions."""
    by_page: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        by_page.setdefault(question.page, []).append(number)
    batch = [
        Request(page, tuple(Query(questions[number].question, questions[number].candidates) for number in numbers))
        for page, numbers in by_page.items()
    ]
    answers = [""] * len(questions)
    for numbers, completions in zip(by_page.values(), model.complete(batch, max_tokens=0), strict=True):
        for number, completion in zip(numbers, completions, strict=True):
            scores = completion.all_scores(model.name)
            best = questions[number].candidates[scores.index(max(scores))]
            answers[number] = "" if best == NONE else best
    return answers


def trees_side_by_side(rows: Sequence[TokenRow]) -> dict[str, Any]:
    """A batch of rows that may hold several examples each, as a causal model's inputs and labels."""
    import torch

    batch = TreeBatch.of([row.tree() for row in rows])
    labels = torch.full_like(batch.tokens, IGNORED)
    for place, (row, offset) in enumerate(zip(rows, batch.offsets, strict=True)):
        labels[place, offset:] = torch.tensor(row.labels)
    return {
        "input_ids": batch.tokens, "position_ids": batch.depths, "attention_mask": batch.visible[:, None],
        "labels": labels,
    }  # fmt: skip


class RoughTokenizer(PromptTokenizer):
    """Counts the tokens of a model that is not at hand (`Model.count_tokens`)."""

    def __init__(self, *, chat: bool):
        self.chat, self.ends = chat, (0,)
        self._head, self._tail = "..." * CHAT_TOKENS if chat else "", ""

    @override
    def _tokenize(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        return [[0] * count for count in Model().count_tokens(texts)]


class TextStage(Stage[TextRecipe]):
    """Training of text models."""

    RECIPE = TextRecipe
    PROMPT_VERSION = PROMPT_VERSION
    AUTO_MODEL = "AutoModelForCausalLM"
    UNSLOTH = "FastLanguageModel"

    @property
    def chat(self) -> bool:
        """Whether prompts go through the model's chat template."""
        return self.recipe.model.style.chat

    @cached_property
    def tokenizer(self) -> PromptTokenizer:
        """The folder's tokenizer; InputError where there is none, or none of the chat template that the style needs."""
        if self.published:
            return RoughTokenizer(chat=self.chat)
        with named_fault(self.folder.path, "no tokenizer"):
            tokenizer = load_tokenizer(self.folder.path)
        return PromptTokenizer(tokenizer, chat=self.chat, name=self.folder.path.name)

    def load_dataset(self, store: Store, engine: str | None) -> TextDataset:
        """The store's labelled questions as the recipe's [data] wants them.

        Raises:
            InputError: data.hint_run is no run of the store, or model.budget cuts most of the answers off their pages.
        """
        data, model = self.recipe.data, self.recipe.model
        hints = Hints.of_run(store, data.hint_run, data.hint_share) if data.hint_run else Hints()
        writer = PageWriter(model.style, self.tokenizer.count, model.budget)
        key = choose_pages(store, engine)
        dataset = TextDataset.load(store, key, self.schema, writer, data, hints=hints, seed=self.recipe.train.seed)
        cut, left = dataset.tally["questions"][BUDGET_CUT], sum(not row.generated for row in dataset.rows)
        if cut > left:
            raise InputError(
                f"model.budget = {model.budget} cuts the answers of {cut:,} rows off their pages and leaves {left:,}; "
                "raise it, and model.max_length with it"
            )
        return dataset

    @override
    def load_data(self, store: Store, engine: str | None, notice: Callable[[str], None]) -> TrainingData:
        return training_data(
            self.load_dataset(store, engine), self.recipe,
            lambda dataset, epoch: encode(dataset.examples(epoch), self.tokenizer),
            lambda dataset, most: dev_questions(dataset.examples(sampled=False), most),
            join=lambda rows: join(rows, self.recipe.data.together, self.recipe.model.max_length),
        )  # fmt: skip

    @override
    def load_model(self, *, offload: bool) -> tuple[Any, Any]:
        folder, settings = self.folder.path, self.recipe.model
        with named_fault(folder, "cannot be loaded"):
            model = load_model(
                self.AUTO_MODEL, folder, dtype=settings.dtype, four_bit=settings.load == "nf4",
                attention=settings.attention,
            )  # fmt: skip
            tokenizer = load_tokenizer(folder)
        if model.config.get_text_config().__dict__.get("attn_logit_softcapping") and settings.attention != "eager":
            raise InputError('this model caps its attention logits, which only model.attention = "eager" computes')
        return model, tokenizer

    @override
    def columns(self, rows: Sequence[TokenRow]) -> dict[str, list[Any]]:
        if self.recipe.data.together > 1:
            return super().columns(rows)
        return {"input_ids": [row.tokens for row in rows], "labels": [row.labels for row in rows]}

    @override
    def collator(self, trainable: Trainable, rows: Sequence[TokenRow], scratch: Path) -> Callable[..., Any]:
        def collate(batch: Sequence[Mapping[str, int]]) -> dict[str, Any]:
            visits = [one["visit"] for one in batch]
            inputs = trees_side_by_side([rows[max(visit, ~visit)] for visit in visits])
            inputs["labels"][[visit < 0 for visit in visits]] = IGNORED
            return inputs

        return collate

    @override
    def trainer_options(self) -> dict[str, Any]:
        return super().trainer_options() if self.recipe.data.together > 1 else {}

    @override
    def unlearnt(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return super().unlearnt(row) if "visit" in row else {"labels": [IGNORED] * len(row["labels"])}

    @override
    def answers(self, trainable: Trainable, model: Any, dev: Sequence[DevQuestion]) -> list[str]:
        from entx.neural.backends.transformers import TransformersModel

        return choose(TransformersModel(model, trainable.tokenizer, chat=self.chat), dev)

    @override
    def scores(self, dev: Sequence[DevQuestion], answers: Sequence[str]) -> dict[str, Any]:
        return scores_of(measure_f1(dev, answers))

    @override
    def write_serving(self, folder: Path, record: Mapping[str, Any]) -> None:
        model = self.recipe.model
        about = {"style": model.style, "budget": model.budget, "prompt_version": record["prompt_version"]}
        write_serving(folder, {**about, "base": record["base"]})

    @override
    def guard_questions(self, store: Store, engine: str | None, most: int) -> list[DevQuestion]:
        return dev_questions(self.load_dataset(store, engine).examples(sampled=False), most)

    @override
    def open_side(self, folder: Path, adapter: Path | None, questions: Sequence[DevQuestion], **options: Any) -> Side:
        """A loaded model: it chooses among candidates, and writes what it writes when nothing constrains it."""
        from entx.neural.backends.transformers import TransformersModel

        reader = TransformersModel.load(folder, adapter=adapter, chat=self.chat, **options)

        def answers() -> tuple[list[str], list[str]]:
            pages = [Request(one.page, (Query(one.question),)) for one in questions]
            return choose(reader, questions), [completions[0].text for completions in reader.complete(pages)]

        return Side(reader.model, reader.tokenizer.save_pretrained, answers)
