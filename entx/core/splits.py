"""Parts of a table for training and test, without a copy on both sides.

About half of the challenge's train rows repeat the entity and value of other rows of their product group, and several
rows share one picture. A random split puts one copy in train and one in test, and the score lies. So rows are first
joined to families (same picture, or same group, entity and value; and so on from row to row), and families are dealt,
by systematic sampling: those of equal make-up lie side by side, the largest first, and each goes to the part that is
furthest behind its ratio, in the whole and in the family's own strata.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from entx.core.errors import InputError
from entx.core.files import atomic_text
from entx.core.tables import Table, raw_rows, read_table
from entx.core.types import parse_written

PARTS = ("train", "val", "test")

_SMALL_GROUP = 4  # system 1 of the published five: product groups with fewer rows go to train whole


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What a table was split into."""

    rows: list[int]  # of each of PARTS
    strata: dict[str, list[int]]  # the same of each stratum, the largest first
    families: int
    labelled: bool  # False: the table says too little, and only rows of one picture stay together

    def largest_drift(self, least: float) -> tuple[float, str]:
        """Largest difference between a part's share of a stratum of `least` rows and its share of all; that stratum."""
        whole = sum(self.rows)
        drifts = [
            (max(abs(here / sum(row) - count / whole) for here, count in zip(row, self.rows, strict=True)), name)
            for name, row in self.strata.items()
            if sum(row) >= least
        ]
        return max(drifts, default=(0.0, ""))


def split_table(
    path: Path, out_dir: Path, by: str, shares: Sequence[float], *, seed: int = 0, leaky: bool = False
) -> SplitReport:
    """Writes train.csv, val.csv and test.csv, all or none; rows are copied byte for byte.

    Args:
        by: column of the strata; group_id puts groups of few rows into train.
        leaky: each row is a family of its own.

    Raises:
        InputError: the table is no CSV file.
        TableError: the table breaks its contract.
    """
    if not path.name.removesuffix(".gz").lower().endswith(".csv"):
        raise InputError(f"{path}: split copies the rows of CSV files (.csv or .csv.gz) only")
    targets = [out_dir / f"{part}.csv" for part in PARTS]
    table = read_table(path, ["image_link", by], ["group_id", "entity_name", "entity_value", "value"])
    clusters = None if leaky else _clusters(table)
    if leaky:
        families = list(range(len(table)))
    else:
        families = join_families([link or None for link in table["image_link"]], clusters or [None] * len(table))
    small = _SMALL_GROUP if by == "group_id" else 0
    parts = deal_families(families, table[by], shares, seed=seed, small_to_first=small)
    header, rows = raw_rows(table)
    with ExitStack() as stack:
        streams = [stack.enter_context(atomic_text(target)) for target in targets]
        for stream in streams:
            stream.write(header)
        for row, part in zip(rows, parts, strict=True):
            streams[part].write(row)
    strata: dict[str, list[int]] = {}
    for name, part in zip(table[by], parts, strict=True):
        strata.setdefault(name, [0] * len(PARTS))[part] += 1
    ordered = dict(sorted(strata.items(), key=lambda item: -sum(item[1])))
    counts = [parts.count(part) for part in range(len(PARTS))]
    return SplitReport(counts, ordered, len(set(families)), leaky or clusters is not None)


def _clusters(table: Table) -> list[Hashable | None] | None:
    """Group, entity and value of each row; None where the table does not say them."""
    values = table.get("entity_value") or table.get("value")
    groups, entities = table.get("group_id"), table.get("entity_name")
    if not values or not groups or not entities:
        return None
    amounts = {value: parse_written(value) or value for value in set(values)}
    return [
        (group, entity, amounts[value]) if group else None
        for group, entity, value in zip(groups, entities, values, strict=True)
    ]


def join_families(*keys: Sequence[Hashable | None]) -> list[int]:
    """The family number of each row: rows that agree in any of the keys are one family, transitively.

    Args:
        keys: for each reason to belong together one sequence, shape (rows,); None agrees with nothing.

    Returns:
        Numbers from 0 on in order of appearance.
    """
    parent = list(range(len(keys[0])))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in keys:
        first: dict[Hashable, int] = {}
        for row, key in enumerate(column):
            if key is None:
                continue
            other = first.setdefault(key, row)
            if other != row:
                ours, theirs = root(row), root(other)
                parent[max(ours, theirs)] = min(ours, theirs)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(row), len(numbers)) for row in range(len(parent))]


def deal_families(
    families: Sequence[int],
    strata: Sequence[str],
    ratios: Sequence[float],
    *,
    seed: int = 0,
    small_to_first: int = 0,
) -> list[int]:
    """The part of each row.

    Args:
        families: number of each row's family; rows of one family get one part.
        strata: what each part should have its ratio of.
        ratios: share of each part, first is train; they need not sum to 1.
        seed: equal input and seed give equal parts.
        small_to_first: a family with a row of a stratum of fewer rows goes to the first part, outside the ratios.

    Returns:
        Position in `ratios` for each row.
    """
    shares = [ratio / sum(ratios) for ratio in ratios]
    members: dict[int, Counter[str]] = defaultdict(Counter)  # of each family: its rows of each stratum
    for family, stratum in zip(families, strata, strict=True):
        members[family][stratum] += 1
    sizes = Counter(strata)
    parts: dict[int, int] = {}
    waiting: list[tuple[int, Counter[str]]] = []
    for family, within in members.items():
        if any(sizes[stratum] < small_to_first for stratum in within):
            parts[family] = 0
        else:
            waiting.append((family, within))
    random.Random(seed).shuffle(waiting)
    place: dict[str, int] = {}
    for _, within in waiting:
        place.setdefault(repr(sorted(within.items())), len(place))
    waiting.sort(key=lambda pair: (-pair[1].total(), place[repr(sorted(pair[1].items()))]))
    dealer = _Dealer(shares, sizes)
    for family, within in waiting:
        parts[family] = dealer.deal(within)
    return [parts[family] for family in families]


class _Dealer:
    """Remembers how far each part is behind."""

    def __init__(self, shares: Sequence[float], sizes: Counter[str]) -> None:
        self._shares, self._sizes = shares, sizes
        self._behind = [0.0] * len(shares)
        self._behind_in: dict[str, list[float]] = {stratum: [0.0] * len(shares) for stratum in sizes}

    def deal(self, within: Counter[str]) -> int:
        """The part for a family with these rows of each stratum."""
        size = within.total()
        main = max(within, key=lambda stratum: within[stratum])
        strata = [(count, self._behind_in[stratum]) for stratum, count in within.items()]
        best, best_score = 0, float("-inf")
        for part, share in enumerate(self._shares):
            # A family larger than a part's whole share of its stratum would swamp it; the largest part takes it.
            if part and size > max(1.0, share * self._sizes[main]):
                continue
            score = self._behind[part] + size * share
            score += sum(count * (behind[part] + count * share) for count, behind in strata) / size
            if score > best_score:
                best, best_score = part, score
        for part, share in enumerate(self._shares):
            taken = 1.0 if part == best else 0.0
            self._behind[part] += size * (share - taken)
            for count, behind in strata:
                behind[part] += count * (share - taken)
        return best
