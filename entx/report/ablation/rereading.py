"""What geometry is worth to a rules run: its questions read once more from the same pages, without their geometry.

The rules reader needs no model, so this takes well under a second for a thousand rows. It is done only where this very
reader made the run: same version, weights, labels and pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from entx.core.entities import Schema
from entx.core.types import Answer
from entx.report.ablation.columns import Column
from entx.report.ablation.measure import Measured
from entx.rules.reader import READER_VERSION, RulesReader
from entx.storage.questions import dimension_habits, habits_digest
from entx.storage.runs import Arm, run_settings
from entx.storage.store import Store

RULES_STAGE = "rules"


def without_geometry(store: Store, measured: Measured, schema: Schema) -> dict[str, Column]:
    """For names of rules runs the same column without geometry; a run that this reader did not make is left out."""
    runs = [
        (arm, column)
        for arm, column in zip(measured.arms, measured.columns, strict=False)  # the runs stand before the hybrids
        if arm.stage == RULES_STAGE and arm.pages is not None and arm.pages == measured.key
    ]
    if not runs:
        return {}
    habits, reader = dimension_habits(store), RulesReader(schema)
    own = {
        "reader": READER_VERSION, "schema": schema.digest, "weights": reader.weights.digest,
        "habits": habits_digest(habits),
    }  # fmt: skip
    made = [(arm, column) for arm, column in runs if _is_by(store, arm, own)]
    if not made:
        return {}
    read: list[Answer | None] = []
    for row in measured.gold.rows:
        page = measured.pages.get(row.picture or "")
        habit = habits.get((row.group_id, row.fold))
        read.append(None if page is None else reader.read(replace(page, geometry=None), [row.entity_name], [habit])[0])
    return {
        arm.run: replace(
            column,
            answers=tuple(new if old is not None else None for old, new in zip(column.answers, read, strict=True)),
        )
        for arm, column in made
    }


def _is_by(store: Store, arm: Arm, own: Mapping[str, object]) -> bool:
    settings = run_settings(store, arm.run)
    return all(settings.get(name) == value for name, value in own.items())
