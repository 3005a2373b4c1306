"""From a store's dataset to what a trainer visits: epochs, sampled, encoded, in order; and the dev questions."""

from __future__ import annotations

from collections.abc import Sequence

from entx.core.entities import Schema
from entx.core.types import PageKey
from entx.llm_stage.dataset import Dataset, Example, Hints
from entx.llm_stage.dev import DevQuestion
from entx.llm_stage.encode import encode
from entx.llm_stage.prompt import NONE, Style
from entx.llm_stage.recipe import Recipe
from entx.llm_stage.rows import PageWriter, RowSettings, Unreadable
from entx.llm_stage.train import TrainingData
from entx.neural.backends.base import PromptTokenizer
from entx.neural.labels import RangePolicy
from entx.neural.sampling import TEST_MIX, SampleSettings
from entx.neural.visits import all_visits
from entx.storage.runs import run_settings
from entx.storage.store import Store


def load_dataset(store: Store, key: PageKey, schema: Schema, recipe: Recipe, tokenizer: PromptTokenizer) -> Dataset:
    """The store's labelled questions as the recipe's [data] wants them.

    Raises:
        InputError: data.hint_run is no run of the store.
    """
    data = recipe.data
    hints = Hints()
    if data.hint_run:
        run_settings(store, data.hint_run)  # an error that lists the runs, where there is none of that name
        hints = Hints.of_run(store, data.hint_run, data.hint_share)

    return Dataset.load(
        store, key, schema,
        PageWriter(Style(recipe.model.style), tokenizer.count, recipe.model.budget),
        RowSettings(
            data.sources, RangePolicy(data.ranges), Unreadable(data.unreadable), data.unreadable_weight,
            data.negatives > 0,
        ),
        SampleSettings(TEST_MIX if data.mix == "test" else None, data.negatives, data.repeats, recipe.train.seed),
        hints,
    )  # fmt: skip


def training_data(dataset: Dataset, recipe: Recipe, tokenizer: PromptTokenizer) -> TrainingData:
    """All epochs' visits, and the dev questions.

    Weights are applied by sampling (`visits`). Examples that have more tokens than the model may read are left out and
    counted.
    """
    train = recipe.train
    learnt, held = dataset.split(recipe.data.dev_share) if recipe.data.dev_share > 0 else (dataset, None)
    rows, too_long = all_visits(
        lambda epoch: encode(learnt.examples(epoch), tokenizer), lambda row: len(row.tokens), recipe.model.max_length,
        train,
    )  # fmt: skip
    tally = dataset.tally
    counts = {
        "questions": dict(sorted(tally.questions.items())),
        "pages": dict(sorted(tally.pages.items())),
        "labelled rows to learn from": sum(not row.generated for row in learnt.rows),
        "certain negatives to draw from": sum(row.generated for row in learnt.rows),
        "rows held out": len(held.rows) if held else 0,
    }
    dev = dev_questions(held.examples(sampled=False), train.dev_rows) if held else []
    return TrainingData(rows, dev, counts, too_long)


def dev_questions(examples: Sequence[Example], most: int) -> list[DevQuestion]:
    """Questions for a measurement: at most so many, evenly from all."""
    most = min(most, len(examples))
    chosen = [examples[number * len(examples) // most] for number in range(most)]
    return [
        DevQuestion(one.page, one.question, one.choices, "" if one.completion == NONE else one.completion)
        for one in chosen
    ]
