"""What an ensemble is worth on gold rows, cross-validated by picture: F1 by slice, paired tests, calibration, gap.

The store holds the gold questions and the runs (see docs/results.md for how it is made). Everything learned comes from
other folds of pictures than the row it is told of. Rows: those that every arm was asked (the test-origin rows, where an
imported run covers only the test table), unless --any-arm. `also` counts, unless --no-also.

    python -m benchmarks.ensemble_gold --store gold.duckdb --gold DATA/gold/dev.csv --runs rules,qwen
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from entx.core.entities import CHALLENGE
from entx.core.evaluation import Counts, IntArray, Outcome, bootstrap_f1, group_numbers, paired_f1
from entx.core.tables import parse_indices, read_table
from entx.core.types import Quantity, parse_written
from entx.ensemble.ballot import Example
from entx.ensemble.fit import Truth, fit_ensemble, read_truths
from entx.ensemble.job import OWN, Chooser, Policy, gold_examples
from entx.ensemble.strategies import find_strategy
from entx.storage.runs import find_arms
from entx.storage.store import Store


def outcome(example: Example, quantity: Quantity | None) -> Outcome:
    if quantity is None:
        return Outcome.FN if example.present else Outcome.TN
    return Outcome.TP if quantity in example.rights else Outcome.FP


def first_named(gold: Path) -> dict[int, Truth]:
    table = read_table(gold, ["index", "value"])
    read = {index: parse_written(text) for index, text in zip(parse_indices(table), table["value"], strict=True)}
    return {
        index: Truth(frozenset([quantity] if quantity else []), bool(text.strip()))
        for (index, quantity), text in zip(read.items(), table["value"], strict=True)
    }


def perfect(example: Example) -> Quantity | None:
    """The right one among the arms' answers; where there is none, nothing: both pick and abstention are perfect."""
    given = [option.quantity for option in example.ballot.options if option.quantity is not None]
    return next((quantity for quantity in given if quantity in example.rights), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--runs", required=True, help="the first one is compared with")
    parser.add_argument("--strategies", default="vote,confidence,weighted,stack,cascade")
    parser.add_argument("--optimise", default="own,challenge-f1")
    parser.add_argument("--any-arm", action="store_true", help="all gold rows that some arm was asked")
    parser.add_argument("--no-also", action="store_true", help="only the first-named value is right")
    arguments = parser.parse_args()
    runs = arguments.runs.split(",")
    truths = first_named(arguments.gold) if arguments.no_also else read_truths(arguments.gold)
    table = read_table(arguments.gold, ["index", "image_link", "slice"])
    told = dict(zip(parse_indices(table), zip(table["image_link"], table["slice"], strict=True), strict=True))
    with Store(arguments.store) as store:
        arms = find_arms(store, runs, CHALLENGE.digest)
        examples = gold_examples(store, arms, CHALLENGE, truths)
    rows = np.array([arguments.any_arm or None not in example.ballot.answers for example in examples])
    pictures = group_numbers([told[example.ballot.index][0] for example in examples])
    slices = np.array([told[example.ballot.index][1] for example in examples])
    baseline: list[IntArray] = []

    def line(name: str, quantities: list[Quantity | None]) -> None:
        pairs = zip(examples, quantities, strict=True)
        outcomes = np.array([outcome(*pair) for pair in pairs], dtype=np.int64)
        baseline.append(outcomes)
        cells = []
        for where in (rows & (slices == "small"), rows & (slices == "large"), rows):
            counts = Counts.of(outcomes[where])
            cells.append(f"{counts.f1:.4f} {bootstrap_f1(outcomes[where], pictures[where])}")
        all_rows = Counts.of(outcomes[rows])
        cells.append(f"P {all_rows.precision or 0:.3f} R {all_rows.recall or 0:.3f} cov {all_rows.coverage or 0:.3f}")
        against = paired_f1(outcomes[rows], baseline[0][rows], pictures[rows])
        test = f"{against.difference:+.4f} {against.interval} p {against.p_value:.3f}"
        print(f"{name:34} {'  '.join(cells)}  {test}", flush=True)

    print(f"{len(examples)} labelled rows learned from; scored: {int(rows.sum())}")
    print(f"{'':34} small (n {int((rows & (slices == 'small')).sum())}), large, all; all less {runs[0]}")
    for arm, run in enumerate(runs):
        answers = [example.ballot.answers[arm] for example in examples]
        legal = [example.ballot.legal(arm) for example in examples]
        line(run, [a.quantity if a and fit else None for a, fit in zip(answers, legal, strict=True)])
    for name in arguments.strategies.split(","):
        factory = find_strategy(name)
        fitted = fit_ensemble(name, factory, arms, CHALLENGE.digest, examples)
        errors = ", ".join(f"{key} {value['error']:.3f}" for key, value in fitted.reliability.items())
        policies = [Policy(policy) for policy in arguments.optimise.split(",")] + [Policy(OWN, always=True)]
        ballots = [example.ballot for example in examples]
        for policy in policies:
            choices = Chooser(name, factory, runs, fitted, policy).choose(ballots)
            chosen = [
                None if choice.option is None else choice.ballot.options[choice.option].quantity for choice in choices
            ]
            asked = [len(choice.ballot.asked) > 1 for choice, scored in zip(choices, rows, strict=True) if scored]
            if not all(asked):
                print(f"    asks more than the first arm on {np.mean(asked):.3f} of the scored rows")
            line(f"{name}, {'always' if policy.always else policy.optimise}", chosen)
        print(f"    expected calibration error out of fold, all {len(examples)} rows: {errors}")
        picks = [None if not example.present else quantity for example, quantity in zip(examples, chosen, strict=True)]
        line(f"{name}, perfect abstention", picks)
    line("perfect pick and abstention", [perfect(example) for example in examples])


if __name__ == "__main__":
    main()
