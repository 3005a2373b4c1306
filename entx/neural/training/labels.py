"""What may be learnt from a table's labels: what each means, how far it is trusted, and what is surely "none".

A label is a weak text: the challenge's train table holds ranges, units that its entity does not allow and numbers that
no product has. `clean_label` says what a label means, or which fault it has; it never raises. `usable_labels` weighs
the labels of one picture, each entity once.

Labelled tables hardly ever say that a value is not there, and a model that has only seen values answers always. Two
kinds of question are certain without anybody looking (`certain_negatives`):

- absent: an entity that has no legal candidate among the page's lines. Whatever the picture shows, these lines do not
  say it, and a reader of lines must abstain. (Of 129 hand-labelled rows without a candidate 115 are empty, and on the
  other 14 the engine had missed the value.)
- swapped: the page's lines hold one size of a kind, a trusted label says which entity it answers, and the question asks
  another entity that the same print cannot answer too: item weight and maximum weight recommendation; height and width
  (one number is one extent: "height / width should be empty when only the other axis is drawn"). Never depth: a
  diameter is width and depth, and a thing's printed length is its depth or its height. Never from a weak label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase

from entx.core.candidates import Candidate
from entx.core.entities import Entity, Schema
from entx.core.parser import find_quantities
from entx.core.postprocess import postprocess
from entx.core.types import Quantity
from entx.core.units import BY_NAME
from entx.storage.labels import LabelledQuestion


class RangePolicy(StrEnum):
    """What becomes of "[220.0, 240.0] volt" and "10 kilogram to 15 kilogram"."""

    UPPER = "upper"  # its upper end, as the postprocessor reads a model's range
    DROP = "drop"


class Fault(StrEnum):
    """Why a label is of no use."""

    FORM = "no quantity"
    UNIT = "unit not allowed"
    RANGE = "a range"
    ABSURD = "absurd value"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a label means.

    Args:
        quantity: None with a fault, and where the label says that the picture states no value (the empty label).
        fault: None for a usable label.
    """

    quantity: Quantity | None
    fault: Fault | None = None


BOUNDS: dict[str, tuple[Decimal, Decimal]] = {
    "length": (Decimal("1e-5"), Decimal("1e2")),  # metre; the table's whole range, 1e-5 to 25
    "weight": (Decimal("1e-6"), Decimal("1e8")),  # gram; quantiles 2e-6 and 3.5e7
    "voltage": (Decimal("1e-1"), Decimal("1e4")),  # volt; 0.5 and 1,687
    "power": (Decimal("1e-1"), Decimal("1e5")),  # watt; 0.1 and 73,840
    "volume": (Decimal("1e-4"), Decimal("1e6")),  # litre; 2.7e-4 and 3.2e5
}
"""Smallest and largest size of a product by kind, in the base unit of `entx.core.units`: the 0.5 % and the 99.5 %
quantile of the challenge's train table, rounded outwards to a power of ten."""

_NUMBER = r"(-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?: ?[eE][+-]?[0-9]{1,3})?)"
_UNIT = r"([a-zA-Z]+(?: [a-zA-Z]+)*)"
_PLAIN = re.compile(rf"{_NUMBER}\s+{_UNIT}", re.ASCII)
_LIST = re.compile(rf"\[{_NUMBER}, ?{_NUMBER}\]\s*{_UNIT}", re.ASCII)
_TO = re.compile(rf"{_NUMBER}\s+{_UNIT}\s+to\s+{_NUMBER}\s+{_UNIT}", re.ASCII)


def clean_label(label: str, entity: Entity, ranges: RangePolicy = RangePolicy.UPPER) -> Cleaned:
    """What a label to a question about `entity` means.

    The train table's own forms are read strictly; any other text ("500g" in a user's table) as `postprocess` reads an
    answer. Units are not converted.

    Args:
        label: "" says that the picture states no value.
        ranges: what becomes of a label with two ends.
    """
    text = label.strip()
    if not text:
        return Cleaned(None)
    ends = _ends(text)
    if ends is not None:
        if any(one.unit not in entity.units for one in ends):
            return Cleaned(None, Fault.UNIT)
        if ranges is RangePolicy.DROP:
            return Cleaned(None, Fault.RANGE)
        return _bounded(max(ends, key=_size))
    plain = _PLAIN.fullmatch(text)
    if plain is not None and (plain[2] in BY_NAME or plain[2] in entity.units):
        if plain[2] not in entity.units:
            return Cleaned(None, Fault.UNIT)
        return _bounded(Quantity(_decimal(plain[1]), plain[2]))
    quantity = postprocess(text, entity).quantity
    if quantity is None:
        return Cleaned(None, Fault.UNIT if find_quantities(text) else Fault.FORM)
    return _bounded(quantity)


def _ends(text: str) -> tuple[Quantity, Quantity] | None:
    """Both ends of a range in the table's two forms."""
    if (match := _LIST.fullmatch(text)) is not None:
        return Quantity(_decimal(match[1]), match[3]), Quantity(_decimal(match[2]), match[3])
    if (match := _TO.fullmatch(text)) is not None:
        return Quantity(_decimal(match[1]), match[2]), Quantity(_decimal(match[3]), match[4])
    return None


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(" ", ""))


def _size(quantity: Quantity) -> Decimal:
    """In the kind's base unit; the bare number for a unit that only a user's schema knows."""
    unit = BY_NAME.get(quantity.unit)
    return quantity.value * (Decimal(str(unit.factor)) if unit is not None and unit.factor else 1)


def _bounded(quantity: Quantity) -> Cleaned:
    unit = BY_NAME.get(quantity.unit)
    low, high = BOUNDS.get(unit.kind if unit is not None else "", (None, None))
    absurd = quantity.value <= 0
    if low is not None and high is not None:
        absurd = absurd or not low <= _size(quantity) <= high
    return Cleaned(None, Fault.ABSURD) if absurd else Cleaned(quantity)


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
