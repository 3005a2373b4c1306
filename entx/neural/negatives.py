"""Questions made from a page whose right answer is surely "none".

Labelled tables hardly ever say that a value is not there, and a model that has only seen values answers always. Two
kinds of question are certain without anybody looking:

- absent: an entity that has no legal candidate among the page's lines. Whatever the picture shows, these lines do not
  say it, and a reader of lines must abstain. (Of 129 hand-labelled rows without a candidate 115 are empty, and on the
  other 14 the engine had missed the value.)
- swapped: the page's lines hold one size of a kind, a trusted label says which entity it answers, and the question asks
  another entity that the same print cannot answer too: item weight and maximum weight recommendation; height and width
  (one number is one extent: "height / width should be empty when only the other axis is drawn"). Never depth: a
  diameter is width and depth, and a thing's printed length is its depth or its height. Never from a weak label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from entx.core.candidates import Candidate
from entx.core.entities import Entity, Schema
from entx.core.types import Quantity

EXCLUSIVE: tuple[frozenset[str], ...] = (
    frozenset({"item_weight", "maximum_weight_recommendation"}),
    frozenset({"height", "width"}),
)
"""Entities of which one printed value can answer only one."""


class Negative(StrEnum):
    """How a generated question came about; the value is its row's source."""

    ABSENT = "negative:absent"
    SWAPPED = "negative:swapped"


def certain_negatives(
    schema: Schema,
    candidates: Callable[[Entity], Sequence[Candidate]],
    asked: Iterable[str],
    trusted: dict[str, Quantity | None],
) -> list[tuple[Entity, Negative]]:
    """Every entity that can be asked of a page with the certain answer "none", in the schema's order.

    Args:
        candidates: the page's legal candidates for an entity.
        asked: entities that some table asks of this picture, with or without a usable label: never generated.
        trusted: the truth of each entity with a trusted label.
    """
    taken = set(asked)
    found: list[tuple[Entity, Negative]] = []
    for entity in schema.entities.values():
        if entity.name in taken:
            continue
        legal = candidates(entity)
        if not legal:
            found.append((entity, Negative.ABSENT))
        elif any(
            one_size(legal, truth)
            for name, truth in trusted.items()
            if truth is not None and any({name, entity.name} == pair for pair in EXCLUSIVE)
        ):
            found.append((entity, Negative.SWAPPED))
    return found


def one_size(candidates: Sequence[Candidate], truth: Quantity) -> bool:
    """Whether the candidates are one printed number, the truth, at most said again in other units beside it."""
    stated = [one for one in candidates if one.role != "same"]
    return len(stated) == 1 and any(one.quantity == truth for one in candidates)
