"""Fits the ensemble that ships (entx/models/default-ensemble.json) on hand-labelled rows of a store.

    python -m lab.default_calibration --store S --gold GOLD.csv [--out FILE.json]

The store holds the questions and their pages (`entx ingest`, `entx ocr-cache`); GOLD.csv has index, value, perhaps
also and slice. The readers are asked again, as `entx extract` asks them: without group habits. All that is measured is
cross-validated by picture; the judge that is written learns from all rows. To be run again whenever the rules, their
weights or the shipped model change (a test tells).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.evaluation import Counts, IntArray, bootstrap_f1, paired_f1
from entx.core.files import atomic_text
from entx.core.types import Answer, Quantity
from entx.ensemble.ballot import Example, grounded_ballot
from entx.ensemble.fit import digest, file_text, fit_ensemble
from entx.ensemble.job import DEFAULT_FORMAT, Chooser, DefaultEnsemble, Policy, shipped_path
from entx.ensemble.judge import CHALLENGE_F1, Objective, fit_judge
from entx.extractor import LLM, RULES, Readers
from entx.report.columns import Gold, outcomes_of, read_gold
from entx.storage.pages import load_pages, page_keys
from entx.storage.runs import Arm
from entx.storage.store import Store


@dataclass(frozen=True)
class Read:
    """The labelled rows that have a page, what each reader says, and the ballots for both sets of readers."""

    gold: Gold
    answers: tuple[tuple[Answer, ...], ...]
    examples: dict[int, list[Example]]


def read_all(path: Path, table: Path, readers: Readers) -> Read:
    """Asks the readers about every labelled row, a page at a time."""
    with Store(path) as store:
        gold = read_gold(table, store, CHALLENGE)
        key = page_keys(store)[0][0]
        pages = {page.picture: page for page in load_pages(store, key, {row.picture or "" for row in gold.rows})}
    places = [place for place, row in enumerate(gold.rows) if row.picture in pages]
    print(f"{len(places)} of {len(gold.rows)} labelled rows have a page of {key.engine}")
    places.sort(key=lambda place: gold.rows[place].picture or "")
    gold = gold.only(places)
    answers: list[tuple[Answer, ...]] = []
    examples: dict[int, list[Example]] = {arms: [] for arms in range(1, len(readers.stages) + 1)}
    for picture, of_page in groupby(gold.rows, key=lambda row: row.picture or ""):
        rows, page = list(of_page), pages[picture]
        parsed = page_quantities(page)
        (said,) = readers.read([(page, [row.entity_name for row in rows])])
        answers += said
        for row, own in zip(rows, said, strict=True):
            entity = CHALLENGE[row.entity_name]
            candidates = find_candidates(page, entity, parsed)
            for arms, found in examples.items():
                ballot = grounded_ballot(row.index, entity, own[:arms], candidates, fold=row.fold)
                found.append(Example(ballot, row.rights, bool(row.truth)))
    return Read(gold, tuple(answers), examples)


def fit(read: Read, readers: Readers, arms: int) -> DefaultEnsemble:
    """The ensemble of the first `arms` readers; prints what it is worth out of fold."""
    examples, stages = read.examples[arms], readers.stages[:arms]
    ballots = [example.ballot for example in examples]
    fitted = fit_ensemble("stack", [Arm(stage, stage, "", 0) for stage in stages], CHALLENGE.digest, examples)
    given, every = (
        Chooser("stack", stages, fitted, Policy(CHALLENGE_F1, always)).choose(ballots) for always in (False, True)
    )
    chosen = [one.ballot.options[one.option].quantity if one.option is not None else None for one in given]
    exact = _outcomes(chosen, read.gold)
    single = [_outcomes([row[arm].quantity for row in read.answers], read.gold) for arm in range(arms)]
    reached = Objective(CHALLENGE_F1).threshold(
        [one.p_correct or 0.0 for one in every], [one.p_present or 0.0 for one in every]
    )
    errors = {which: told["error"] for which, told in fitted.reliability.items()}
    print(f"\n{' + '.join(stages)}: calibration error p {errors['p']:.4f}, q {errors['q']:.4f}; F {reached:.4f}")
    measured = {**_scores(exact, read.gold, "ensemble"), "reliability": dict(fitted.reliability)}
    for stage, outcomes in zip(stages, single, strict=True):
        _scores(outcomes, read.gold, stage)
        test = paired_f1(exact, outcomes, read.gold.groups)
        print(f"  ensemble less {stage}: {test.difference:+.4f} {test.interval}, p {test.p_value:.3f}")
    return DefaultEnsemble(
        stages, fit_judge(examples), reached, tuple(sorted({example.ballot.entity.name for example in examples})),
        len(examples), digest(examples), {stage: readers.versions[stage] for stage in stages}, measured,
    )  # fmt: skip


def _outcomes(quantities: Sequence[Quantity | None], gold: Gold) -> IntArray:
    return outcomes_of([quantity.text if quantity else "" for quantity in quantities], gold)[0]


def _scores(outcomes: IntArray, gold: Gold, name: str) -> dict[str, Any]:
    """F1 with its interval, precision, recall, coverage of all rows and of each slice."""
    found: dict[str, Any] = {}
    parts = {"all": gold.parts["all"][""], **gold.parts.get("slice", {})}
    for part, rows in parts.items():
        counts, span = Counts.of(outcomes[rows]), bootstrap_f1(outcomes[rows], gold.groups[rows])
        found[part] = {
            "n": len(rows), "f1": counts.f1, "low": span.low, "high": span.high, "precision": counts.precision,
            "recall": counts.recall, "coverage": counts.coverage,
        }  # fmt: skip
        print(f"  {name:10} {part:6} n {len(rows)}: {counts.f1:.4f} {span}, precision {counts.precision:.3f}, "
              f"recall {counts.recall:.3f}, coverage {counts.coverage:.3f}")  # fmt: skip
    return found


def save_defaults(path: Path, ensembles: Sequence[DefaultEnsemble]) -> None:
    """Writes the file whole or not at all; `load_default` reads it."""
    with atomic_text(path) as stream:
        stream.write(file_text(DEFAULT_FORMAT, {"ensembles": [asdict(one) for one in ensembles]}))


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads, fits, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="default: the file that ships")
    given = parser.parse_args(arguments)
    readers = Readers(CHALLENGE, (RULES, LLM))
    read = read_all(given.store, given.gold, readers)
    save_defaults(given.out or shipped_path(), [fit(read, readers, arms) for arms in read.examples])
    print(f"\nwritten: {given.out or shipped_path()}")


if __name__ == "__main__":
    main()
