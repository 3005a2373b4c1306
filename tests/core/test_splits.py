"""Parts of a table."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest

from entx.core.splits import deal_families, join_families

RATIOS = (0.8, 0.1, 0.1)


def test_rows_that_agree_in_any_key_are_one_family() -> None:
    pictures = ["a", "b", "a", "c", "d", None, None]
    clusters = [1, 1, 2, 3, None, None, 3]
    assert join_families(pictures, clusters) == [0, 0, 0, 1, 2, 3, 1]


def test_families_are_transitive_over_long_chains() -> None:
    count = 20_000
    left = [row // 2 for row in range(count)]
    right = [(row + 1) // 2 for row in range(count)]
    assert set(join_families(left, right)) == {0}
    assert join_families(left) == left


def test_families_are_those_of_a_plain_search() -> None:
    draw = random.Random(8)
    keys = [[draw.randrange(150) if draw.random() < 0.8 else None for _ in range(200)] for _ in range(2)]
    found = join_families(*keys)
    neighbours = defaultdict(set)
    for a in range(200):
        for b in range(200):
            if any(column[a] is not None and column[a] == column[b] for column in keys):
                neighbours[a].add(b)
    for start in range(200):
        seen, waiting = {start}, [start]
        while waiting:
            waiting += (new := neighbours[waiting.pop()] - seen)
            seen |= new
        assert {row for row in range(200) if found[row] == found[start]} == seen


def table(seed: int) -> tuple[list[int], list[str]]:
    """Families of 1 to 12 rows, most of one stratum, some of two; five strata of very different size."""
    draw = random.Random(seed)
    families, strata = [], []
    for family in range(2_500):
        size = draw.choice([1, 1, 1, 1, 2, 2, 3, 5, 12])
        main, other = draw.choices("abcde", weights=[50, 25, 15, 8, 2], k=2)
        families += [family] * size
        strata += [other if draw.random() < 0.1 else main for _ in range(size)]
    return families, strata


def off_the_ratio(parts: list[int], rows: list[bool] | None = None) -> float:
    """By how many of these rows the part that is furthest from its ratio is off."""
    here = Counter(part for part, wanted in zip(parts, rows or [True] * len(parts), strict=True) if wanted)
    return max(abs(here[part] - ratio * here.total()) for part, ratio in enumerate(RATIOS))


def test_families_stay_whole_and_ratios_hold_in_the_whole_and_in_each_stratum() -> None:
    families, strata = table(1)
    parts = deal_families(families, strata, RATIOS)
    of_family = defaultdict(set)
    for family, part in zip(families, parts, strict=True):
        of_family[family].add(part)
    assert {len(found) for found in of_family.values()} == {1}
    assert off_the_ratio(parts) <= 12
    for stratum in set(strata):
        assert off_the_ratio(parts, [name == stratum for name in strata]) <= 12, stratum


def test_large_families_are_in_every_part() -> None:
    families, strata = table(2)
    sizes = Counter(families)
    parts = deal_families(families, strata, RATIOS)
    large = [sizes[family] == 12 for family in families]
    assert off_the_ratio(parts, large) <= 0.03 * sum(large)


def test_single_rows_split_within_one_row_of_the_ratio() -> None:
    strata = ["a"] * 57 + ["b"] * 310 + ["c"] * 9
    parts = deal_families(range(len(strata)), strata, RATIOS)
    for stratum in set(strata):
        assert off_the_ratio(parts, [name == stratum for name in strata]) <= 1.5


def test_small_strata_go_to_the_first_part_with_their_families() -> None:
    strata = ["big"] * 100 + ["small"] * 3 + ["four"] * 4
    families = [*range(100), 0, 101, 102, 103, 104, 105, 106]  # one row of "small" shares a family with a "big" one
    for seed in range(5):
        parts = deal_families(families, strata, RATIOS, seed=seed, small_to_first=4)
        assert [parts[row] for row in (0, 100, 101, 102)] == [0, 0, 0, 0]
        assert Counter(parts[:100])[0] == pytest.approx(80, abs=2)
    assert len({tuple(deal_families(families, strata, RATIOS, seed=s, small_to_first=4)[103:]) for s in range(20)}) > 1


def test_a_family_larger_than_a_part_does_not_swamp_it() -> None:
    families = [0] * 300 + list(range(1, 701))
    parts = deal_families(families, ["a"] * 1_000, RATIOS)
    assert parts[0] == 0
    assert Counter(parts) == {0: 800, 1: 100, 2: 100}
    several = [row // 280 if row < 5 * 280 else row for row in range(2_000)]
    parts = deal_families(several, ["a"] * 2_000, RATIOS)  # 200 rows are due to val and to test
    assert set(parts[: 5 * 280]) == {0}
    assert Counter(parts) == {0: 1_600, 1: 200, 2: 200}


def test_the_seed_decides_and_nothing_else() -> None:
    families, strata = table(3)
    assert deal_families(families, strata, RATIOS, seed=1) == deal_families(families, strata, RATIOS, seed=1)
    assert deal_families(families, strata, RATIOS, seed=1) != deal_families(families, strata, RATIOS, seed=2)


def test_no_rows_and_one_row() -> None:
    assert deal_families([], [], RATIOS) == []
    assert deal_families([0], ["a"], RATIOS) == [0]
