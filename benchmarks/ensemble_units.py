"""How often arms say one size in two units: exactly (they support each other) and up to the rounding of print (they
do not). Pairs of arms that both answered in legal units of one kind but different units.

    python -m benchmarks.ensemble_units --store test.duckdb --runs team,idefics2,ocr
"""

from __future__ import annotations

import argparse
from collections import Counter
from fractions import Fraction
from itertools import combinations
from pathlib import Path

from entx.core.entities import CHALLENGE
from entx.core.types import Quantity
from entx.core.units import exact_size
from entx.storage.runs import load_arms
from entx.storage.store import Store


def bounds(quantity: Quantity) -> tuple[Fraction, Fraction]:
    """The sizes that are printed as this number: half a unit of its last digit to either side."""
    digits = format(quantity.value.normalize(), "f").partition(".")[2]
    half = Fraction(1, 2 * 10 ** len(digits))
    one = exact_size(Quantity(quantity.value / quantity.value, quantity.unit))[1]
    value = Fraction(quantity.value)
    return (value - half) * one, (value + half) * one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--runs", required=True)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    with Store(arguments.store) as store:
        for row in load_arms(store, arguments.runs.split(",")):
            units = CHALLENGE[row.entity_name].units
            said = [answer.quantity for answer in row.answers if answer and answer.quantity]
            for one, other in combinations([quantity for quantity in said if quantity.unit in units], 2):
                counts["pairs"] += 1
                first, second = exact_size(one), exact_size(other)
                counts["equal"] += one == other
                if one.unit == other.unit or first[0] != second[0]:
                    continue
                counts["in two units"] += 1
                low, high = bounds(one)
                lower, higher = bounds(other)
                if first == second:
                    counts["exactly one size"] += 1
                elif low <= higher and lower <= high:
                    counts["one size up to rounding"] += 1
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
