"""From a store to what a trainer visits: epochs, sampled, their lengths known, in order; and dev questions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entx.core.entities import Schema
from entx.neural.visits import all_visits
from entx.vlm_stage.dataset import Dataset
from entx.vlm_stage.dev import DevQuestion, dev_questions
from entx.vlm_stage.encode import PictureRow, RowEncoder
from entx.vlm_stage.families.base import Codec
from entx.vlm_stage.recipe import Recipe


@dataclass(frozen=True)
class TrainingData:
    """What is learnt and what is measured.

    Args:
        visits: a row for each visit, in order, all epochs behind each other.
        dev: questions whose f1 decides; none to train to the end without measuring.
        counts: for the record: what became of the store's rows.
        too_long: visits left out because they have more than `max_length` tokens.
    """

    visits: Sequence[PictureRow]
    dev: Sequence[DevQuestion]
    counts: Mapping[str, Any]
    too_long: int = 0

    @property
    def digest(self) -> str:
        """Hash of all visits in their order, and of the dev questions; where the pictures lie does not matter."""
        hashed = hashlib.sha256()
        for row in self.visits:
            hashed.update(repr((row.picture, row.question, row.answer, row.tokens)).encode())
        for question in self.dev:
            hashed.update(repr((question.entity_name, question.truth)).encode())
        return hashed.hexdigest()[:16]


def training_data(dataset: Dataset, recipe: Recipe, schema: Schema, codec: Codec) -> TrainingData:
    """All epochs' visits, and the dev questions.

    Weights are applied by sampling (`visits`). Rows that have more tokens than the model may read are left out and
    counted: a picture's tokens are never cut.
    """
    train = recipe.train
    learnt, held = dataset.split(recipe.data.dev_share) if recipe.data.dev_share > 0 else (dataset, None)
    encoder = RowEncoder(codec, schema, recipe.prompt.form, recipe.model.pixels)
    rows, too_long = all_visits(
        lambda epoch: encoder.encode(learnt.epoch(epoch)), lambda row: row.tokens, recipe.model.max_length, train
    )
    counts = {
        "questions": dict(dataset.tally),
        "pictures": len({row.picture for row in dataset.rows}),
        "labelled rows to learn from": sum(not row.generated for row in learnt.rows),
        "of these with an empty truth": sum(not row.generated and row.truth is None for row in learnt.rows),
        "generated negatives to draw from": sum(row.generated for row in learnt.rows),
        "rows held out": len(held.rows) if held else 0,
    }
    return TrainingData(rows, dev_questions(held.rows, train.dev_rows) if held else [], counts, too_long)
