"""Which rows an epoch gets, and which part each row belongs to; equal input and seed give equal rows."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from entx.core.splits import deal_families, join_families
from entx.core.types import Quantity

TEST_MIX: Mapping[str, float] = {
    "height": 0.246, "depth": 0.215, "width": 0.205, "item_weight": 0.168, "maximum_weight_recommendation": 0.054,
    "voltage": 0.042, "wattage": 0.042, "item_volume": 0.029,
}  # fmt: skip
"""Share of each entity in the 131,187 questions of the challenge's test table."""


class Sampled(Protocol):
    """A training row, as far as sampling and splitting look at it.

    `truth` None says that the picture shows no value; `generated` that no table asked the question; `weak` that its
    label is not to be measured by.
    """

    @property
    def picture(self) -> str: ...  # noqa: D102
    @property
    def group_id(self) -> str: ...  # noqa: D102
    @property
    def entity_name(self) -> str: ...  # noqa: D102
    @property
    def truth(self) -> Quantity | None: ...  # noqa: D102
    @property
    def generated(self) -> bool: ...  # noqa: D102
    @property
    def weak(self) -> bool: ...  # noqa: D102


RowT = TypeVar("RowT", bound=Sampled)


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """What an epoch looks like.

    Args:
        mix: share of each entity; those it does not name are left out. None: as many as there are.
        negative_share: share of rows whose answer is "none", labelled ones included, that each entity is filled up to
            with generated negatives as far as there are any; 0 generates none. Below 1.
        most_repeats: how often a labelled row may come in one epoch where the mix asks for more than there are.
        seed: of every draw.
    """

    mix: Mapping[str, float] | None = None
    negative_share: float = 0.3
    most_repeats: int = 2
    seed: int = 0


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


def fold_rows(rows: Sequence[RowT], folds: int, seed: int = 0) -> list[tuple[list[RowT], list[RowT]]]:
    """Train and dev rows of each fold of a cross-validation; every trusted label is in the dev rows of one fold."""
    parts = _parts(rows, [1.0] * folds, seed)
    return [_train_and_dev(rows, parts, fold) for fold in range(folds)]


def _parts(rows: Sequence[Sampled], ratios: Sequence[float], seed: int) -> list[int]:
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
