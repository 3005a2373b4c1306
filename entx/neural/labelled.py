"""Labelled questions of a picture that something may be learnt from: cleaned, weighed, each asked once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from entx.core.entities import Schema
from entx.core.types import Quantity
from entx.neural.labels import RangePolicy, clean_label
from entx.storage.labels import LabelledQuestion


def source_weight(sources: Mapping[str, float], source: str, entity_name: str) -> float:
    """The weight of a table's labels about an entity.

    Args:
        sources: weight by table name, or by table and entity, as patterns ("train*/depth", "train*"); the first that
            fits counts, 1.0 where none does. Weight 0 leaves questions out; a weight below 1 says that their labels are
            weak.
    """
    names = (source, f"{source}/{entity_name}")
    fits = (weight for pattern, weight in sources.items() if any(fnmatchcase(name, pattern) for name in names))
    return next(fits, 1.0)


def usable_labels(
    questions: Iterable[LabelledQuestion],
    schema: Schema,
    sources: Mapping[str, float],
    ranges: RangePolicy,
    tally: Counter[str],
) -> list[tuple[LabelledQuestion, Quantity | None]]:
    """One picture's questions with usable labels: of several about one entity the one of the highest weight.

    Two of equal weight that contradict each other both fall away.

    Args:
        sources: see `source_weight`.
        ranges: what becomes of labels with two ends.
        tally: is told what became of every question that is left out.

    Returns:
        By index; None where the label says that the picture states no value.
    """
    best: dict[str, tuple[float, LabelledQuestion, Quantity | None]] = {}
    contradicted: set[str] = set()
    weighed = [(source_weight(sources, question.source, question.entity_name), question) for question in questions]
    for weight, question in sorted(weighed, key=lambda pair: (-pair[0], pair[1].index)):
        if question.entity_name not in schema:
            tally["dropped: unknown entity"] += 1
            continue
        if weight <= 0:
            tally["dropped: weight 0"] += 1
            continue
        cleaned = clean_label(question.label, schema[question.entity_name], ranges)
        if cleaned.fault is not None:
            tally[f"dropped: {cleaned.fault.value}"] += 1
            continue
        first = best.setdefault(question.entity_name, (weight, question, cleaned.quantity))
        if first[1] is question:
            continue
        if first[0] == weight and first[2] != cleaned.quantity:
            contradicted.add(question.entity_name)
        tally["dropped: asked of this picture before"] += 1
    for name in contradicted:
        del best[name]
        tally["dropped: contradicted"] += 1
    return sorted(((question, truth) for _, question, truth in best.values()), key=lambda pair: pair[0].index)
