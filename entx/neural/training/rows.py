"""The rows that a training learns from: what a label means, what is surely "none", which rows an epoch gets.

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

Weights are sampling, and equal input and seed give equal rows: a row of weight w comes w times an epoch on average,
once for the whole part, and for the rest by systematic sampling (Madow 1949), which keeps every count within one of its
weight. So a weak row costs only its share of the time, any trainer serves, and packing stays possible, which a weight
on the loss would not allow.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import numpy as np

from entx.core.candidates import Candidate
from entx.core.entities import Entity, Schema
from entx.core.errors import InputError
from entx.core.parser import find_quantities
from entx.core.postprocess import postprocess
from entx.core.splits import deal_families, join_families
from entx.core.types import Quantity
from entx.core.units import BY_NAME
from entx.storage.labels import LabelledQuestion

if TYPE_CHECKING:
    from entx.neural.training.recipe import DataSettings, Recipe


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
    """What a label means."""

    # None with a fault, and where the label says that the picture states no value (the empty label)
    quantity: Quantity | None
    fault: Fault | None = None  # None for a usable label


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
    *,
    illegal: str = "drop",
) -> list[tuple[LabelledQuestion, Quantity | None]]:
    """One picture's questions with usable labels: of several about one entity the one of the highest weight.

    Two of equal weight that contradict each other both fall away.

    Args:
        sources: see `source_weight`.
        tally: is told what became of every question that is left out.
        illegal: what becomes of labels whose unit is not allowed: "drop", or "empty" for no value.

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
        if cleaned.fault is Fault.UNIT and illegal == "empty":
            cleaned = Cleaned(None)
            tally["emptied: unit not allowed"] += 1
        elif cleaned.fault is not None:
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


TEST_MIX: Mapping[str, float] = {
    "height": 0.246, "depth": 0.215, "width": 0.205, "item_weight": 0.168, "maximum_weight_recommendation": 0.054,
    "voltage": 0.042, "wattage": 0.042, "item_volume": 0.029,
}  # fmt: skip
"""Share of each entity in the 131,187 questions of the challenge's test table."""


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One question about a picture with its truth; each stage adds what its model is shown."""

    index: int | None  # of the question; None for a generated one
    picture: str  # sha256 of the file
    group_id: str
    entity_name: str
    truth: Quantity | None  # what is to be answered; None for "none"
    weight: float  # how often an epoch visits it on average
    source: str  # the table it came from, or a `Negative`
    weak: bool  # its label is not trusted, and not to be measured by

    @property
    def generated(self) -> bool:
        """Whether no table asked it."""
        return self.index is None


IGNORED = -100
"""The label of a token that is not learnt; PyTorch's cross entropy leaves it out."""

T = TypeVar("T")
RowT = TypeVar("RowT", bound=LabelledRow)


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """What an epoch looks like."""

    # share of each entity; those it does not name are left out. None: as many as there are
    mix: Mapping[str, float] | None = None
    # share of rows whose answer is "none", labelled ones included, that each entity is filled up to with generated
    # negatives as far as there are any; 0 generates none. Below 1
    negative_share: float = 0.3
    most_repeats: int = 2  # how often a labelled row may come in one epoch where the mix asks for more than there are
    seed: int = 0  # of every draw

    @classmethod
    def of(cls, data: DataSettings, seed: int) -> SampleSettings:
        """As a recipe wants it."""
        return cls(TEST_MIX if data.mix == "test" else None, data.negatives, data.repeats, seed)


def sample_rows(rows: Sequence[RowT], settings: SampleSettings, epoch: int = 0) -> list[RowT]:
    """The rows of one epoch, rows of one page together; another epoch draws others where there are more than needed.

    Entities without a labelled row get no generated ones: the model would only learn to say "none" to them.
    """
    labelled: dict[str, list[int]] = {}
    generated: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        (generated if row.generated else labelled).setdefault(row.entity_name, []).append(place)
    shares = _shares(labelled, settings)
    total = sum(len(labelled[name]) for name in shares) / (1.0 - settings.negative_share)
    drawn: list[int] = []
    for name, share in shares.items():
        places, spare = labelled[name], generated.get(name, [])
        empty = sum(rows[place].truth is None for place in places) / len(places)
        per_labelled = max(settings.negative_share - empty, 0.0) / (1.0 - settings.negative_share)
        most = settings.most_repeats * len(places)
        quota = len(places) * (1.0 + per_labelled) if share is None else total * share
        kept = min(round(quota / (1.0 + per_labelled)), most)
        added = min(round(kept * per_labelled), len(spare))
        if share is not None:
            kept = min(round(quota) - added, most)
        draw = random.Random(f"{settings.seed} {epoch} {name}")
        drawn += _draw(places, kept, draw)
        drawn += _draw(spare, added, draw)
    return [rows[place] for place in sorted(drawn)]


def _shares(labelled: Mapping[str, Sequence[int]], settings: SampleSettings) -> dict[str, float | None]:
    """The share of each entity that an epoch holds; None for as many rows as there are."""
    if settings.mix is None:
        return dict.fromkeys(sorted(labelled))
    shares = {name: settings.mix[name] for name in sorted(labelled) if settings.mix.get(name, 0.0) > 0}
    return {name: share / sum(shares.values()) for name, share in shares.items()}


def _draw(places: Sequence[int], count: int, draw: random.Random) -> list[int]:
    """That many of them, each as often as any other or once more."""
    whole, rest = divmod(count, len(places)) if places else (0, 0)
    return [*list(places) * whole, *draw.sample(list(places), rest)]


def draw_rows(rows: Sequence[RowT], most: int, shares: Mapping[str, float] | None = None, seed: int = 0) -> list[RowT]:
    """At most so many labelled rows, drawn by entity, with all generated ones; in their order.

    An entity that has fewer rows than its share gives all of them, and the others share what is left.

    Args:
        shares: of the entities, in any scale; those it does not name are left out. None: as they are in the rows.
    """
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if not row.generated:
            places.setdefault(row.entity_name, []).append(place)
    open_to = {name: (shares or {}).get(name, 0.0) if shares else float(len(found)) for name, found in places.items()}
    open_to = {name: share for name, share in open_to.items() if share > 0}
    quota = dict.fromkeys(open_to, 0)
    left = min(most, sum(len(places[name]) for name in open_to))
    while left:
        total = sum(open_to.values())
        ideal = {name: left * share / total for name, share in open_to.items()}
        full = [name for name in open_to if ideal[name] >= len(places[name])]
        for name in full:
            quota[name] = len(places[name])
            left -= quota[name]
            del open_to[name]
        if not full:  # largest remainders
            quota |= {name: int(ideal[name]) for name in ideal}
            short = left - sum(int(one) for one in ideal.values())
            for name in sorted(ideal, key=lambda one: (int(ideal[one]) - ideal[one], one))[:short]:
                quota[name] += 1
            break
    drawn = {place for place, row in enumerate(rows) if row.generated}
    for name in sorted(quota):
        drawn.update(random.Random(f"{seed} draw {name}").sample(places[name], quota[name]))
    return [rows[place] for place in sorted(drawn)]


def split_rows(rows: Sequence[RowT], dev_share: float, seed: int = 0) -> tuple[list[RowT], list[RowT]]:
    """Train and dev rows, stratified by entity, with no picture and no (group, entity, value) on both sides.

    Dev holds trusted labels only (all labels where none is trusted) and nothing generated.
    """
    parts = _parts(rows, [1.0 - dev_share, dev_share], seed)
    return _train_and_dev(rows, parts, 1)


def _parts(rows: Sequence[LabelledRow], ratios: Sequence[float], seed: int) -> list[int]:
    """The part of each row: labelled ones are dealt, generated ones go where their picture's labelled ones are."""
    dealt = [row for row in rows if not row.generated]
    clusters = [
        (row.group_id, row.entity_name, row.truth) if row.group_id and row.truth is not None else None for row in dealt
    ]
    families = join_families([row.picture for row in dealt], clusters)
    parts = deal_families(families, [f"{row.entity_name} {row.weak}" for row in dealt], ratios, seed=seed)
    of_picture = {row.picture: part for row, part in zip(dealt, parts, strict=True)}
    return [of_picture.get(row.picture, 0) for row in rows]


def _train_and_dev(rows: Sequence[RowT], parts: Sequence[int], dev: int) -> tuple[list[RowT], list[RowT]]:
    weak_too = not any(not row.weak and not row.generated for row in rows)
    train = [row for row, part in zip(rows, parts, strict=True) if part != dev]
    held = [
        row
        for row, part in zip(rows, parts, strict=True)
        if part == dev and not row.generated and (weak_too or not row.weak)
    ]
    return train, held


def coin(share: float, *key: object) -> bool:
    """True for that share of all keys, always the same for one key."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


WINDOW = 16
"""Batches that are made of rows of like length together: enough to spare most padding, few enough to stay random."""


def epoch_order(weights: Sequence[float], *, seed: int, epoch: int = 0, share: float = 1.0) -> list[int]:
    """Row numbers in the order in which one epoch, or the `share` of a last one, visits them.

    Equal seeds and epochs give equal orders; weights are at least 0.
    """
    random = np.random.default_rng((seed, epoch))
    shuffled = random.permutation(len(weights))  # systematic sampling is blind to patterns in the order of the rows
    ticks = np.floor(np.cumsum(np.asarray(weights, dtype=np.float64)[shuffled]) + random.random())
    drawn = random.permutation(np.repeat(shuffled, np.diff(ticks, prepend=0.0).astype(np.int64)))
    return [int(number) for number in drawn[: round(share * len(drawn))]]


def group_by_length(lengths: Sequence[int], batch: int, seed: int) -> list[int]:
    """An order in which the rows of a batch are of like length (in tokens), and the batches in random order."""
    random = np.random.default_rng((seed, len(lengths)))
    order: list[int] = []
    for start in range(0, len(lengths), batch * WINDOW):
        window = sorted(range(start, min(start + batch * WINDOW, len(lengths))), key=lambda number: lengths[number])
        batches = [window[at : at + batch] for at in range(0, len(window), batch)]
        whole = [one for one in batches if len(one) == batch]
        order += [number for at in random.permutation(len(whole)) for number in whole[at]]
        order += [number for one in batches if len(one) < batch for number in one]  # only the last window has one
    return order


@dataclass(frozen=True)
class Dataset(Generic[RowT]):
    """Training rows of a store."""

    rows: Sequence[RowT]  # in the order of their pictures
    sampling: SampleSettings
    # what became of all labelled questions ("questions") and of what they are about, also of parts
    tally: Mapping[str, Mapping[str, int]]

    def split(self, dev_share: float) -> tuple[Self, Self]:
        """Train and dev; see `split_rows`."""
        train, dev = split_rows(self.rows, dev_share, self.sampling.seed)
        return replace(self, rows=train), replace(self, rows=dev)

    def folds(self, folds: int) -> list[tuple[Self, Self]]:
        """Train and dev of each fold of a cross-validation; every trusted label is in the dev rows of one fold."""
        parts = _parts(self.rows, [1.0] * folds, self.sampling.seed)
        pairs = [_train_and_dev(self.rows, parts, fold) for fold in range(folds)]
        return [(replace(self, rows=train), replace(self, rows=dev)) for train, dev in pairs]

    def epoch(self, epoch: int = 0) -> list[RowT]:
        """The rows of one epoch; see `sample_rows`."""
        return sample_rows(self.rows, self.sampling, epoch)


DatasetT = TypeVar("DatasetT", bound=Dataset[Any])


@dataclass(frozen=True)
class TrainingData:
    """What is learnt and what is measured."""

    # in the order of their visits, all epochs behind each other. Each has its weight, its length in tokens, how many of
    # these are learnt, and an identity, by which the training is known again
    rows: Sequence[Any]
    dev: Sequence[Any]  # questions whose F1 decides, with identities; none to train to the end without measuring
    counts: Mapping[str, Any]  # for the record: what became of the store's rows
    too_long: int = 0  # rows left out because they have more than `max_length` tokens

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [row.length for row in self.rows]

    @property
    def digest(self) -> str:
        """Hash of all rows in their order, and of the dev questions."""
        hashed = hashlib.sha256()
        for one in (*self.rows, *self.dev):
            hashed.update(repr(one.identity).encode())
        return hashed.hexdigest()[:16]

    def require_rows(self) -> None:
        """Refuses to train on nothing. Raises InputError: there are no rows; says what became of all."""
        if self.rows:
            return
        found: dict[str, int] = {reason: count for reason, count in self.counts["questions"].items() if count}
        if self.too_long:
            found["left out: more tokens than model.max_length"] = self.too_long
        if held := self.counts["rows held out"]:
            found["held out to measure F1 on (data.dev_share)"] = held
        why = ", ".join(f"{count:,} {reason}" for reason, count in found.items())
        raise InputError(f"no rows to train on: {why or 'the store has no labelled questions'}")


def training_data(
    dataset: DatasetT,
    recipe: Recipe,
    encode: Callable[[DatasetT, int], Sequence[Any]],
    ask: Callable[[DatasetT, int], Sequence[Any]],
    *,
    skip: int = 0,
    join: Callable[[Sequence[Any]], Sequence[Any]] = lambda rows: rows,
) -> TrainingData:
    """All epochs of a dataset, encoded, and the dev questions.

    Rows that have more tokens than the model may read are left out and counted, never cut.

    Args:
        encode: a dataset's rows of an epoch, by its number, as a model sees them.
        ask: a dataset's rows as questions to measure, at most so many.
        skip: visits at the beginning that are left out.
        join: an epoch's visits, some of them made one.
    """
    train, data = recipe.train, recipe.data
    learnt, held = dataset.split(data.dev_share) if data.dev_share > 0 else (dataset, None)
    rows: list[Any] = []
    too_long = epoch = 0
    while epoch < train.epochs:
        drawn = encode(learnt, epoch)
        fit = [row for row in drawn if row.length <= recipe.model.max_length]
        too_long += len(drawn) - len(fit)
        share = min(1.0, train.epochs - epoch)
        order = epoch_order([row.weight for row in fit], seed=train.seed, epoch=epoch, share=share)
        rows += join([fit[number] for number in order])
        epoch += 1
    rows = rows[skip:]
    if not train.packing:
        if train.max_steps:
            rows = rows[: train.max_steps * train.batch * train.accumulation]
        if train.group_by_length:
            rows = [rows[number] for number in group_by_length([row.length for row in rows], train.batch, train.seed)]
    counts = {
        **{name: dict(sorted(counts.items())) for name, counts in dataset.tally.items()},
        "pictures": len({row.picture for row in dataset.rows}),
        "labelled rows to learn from": sum(not row.generated for row in learnt.rows),
        "of these with an empty truth": sum(not row.generated and row.truth is None for row in learnt.rows),
        "generated negatives to draw from": sum(row.generated for row in learnt.rows),
        "rows held out": len(held.rows) if held else 0,
    }
    return TrainingData(rows, ask(held, train.dev_rows) if held else [], counts, too_long)


def evenly(rows: Sequence[T], most: int) -> list[T]:
    """At most so many rows, evenly from all."""
    most = min(most, len(rows))
    return [rows[number * len(rows) // most] for number in range(most)]
