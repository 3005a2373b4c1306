"""Fits the ensemble that ships (entx/models/default-ensemble.json) on hand-labelled rows of a store.

    python -m lab.default_calibration --store S --gold dev.csv --gold ask_all.csv [--out FILE.json]

The store holds the questions and their pages (`entx ingest`, `entx ocr-cache`); a table has index, value, perhaps also
and slice; the first asks what somebody expected in each picture, the second everything. The readers are asked again, as
`entx extract` asks them: without group habits; and the rules with weights learned without the row's fold
(`lab.rules_weights`), for on the rows that its weights were learned from a reader is surer than it may be. All that is
measured is out of fold by picture; the judge that is written learns from all rows. To be run again whenever the rules,
their weights or the shipped model change (a test tells).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from entx.core.candidates import find_candidates, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.evaluation import Counts, IntArray, paired_f1
from entx.core.files import atomic_text
from entx.core.types import Answer
from entx.ensemble.ballot import Example, Option, grounded_ballot
from entx.ensemble.fit import digest, file_text
from entx.ensemble.job import DEFAULT_FORMAT, DefaultEnsemble, shipped_path
from entx.ensemble.judge import CHALLENGE_F1, Objective, Verdict, fit_judge
from entx.extractor import LLM, RULES, Readers
from entx.neural.calibration import reliability
from entx.report.columns import Gold, outcomes_of
from entx.rules.reader import RulesReader
from entx.storage.questions import FOLDS
from lab.rules_weights import PENALTY, Tables, learn_all, scores, with_weights

OBJECTIVE = Objective(CHALLENGE_F1)
TABLES = ("asked", "everything")
BATCH = 16  # pages that the text model gets at once


def read_all(tables: Tables, readers: Readers) -> list[list[Example]]:
    """What the readers say about every row of each table, the rules by weights that have not seen its picture."""
    rules = [
        RulesReader(CHALLENGE, with_weights(learn_all(tables, [one for one in range(FOLDS) if one != fold], PENALTY)))
        for fold in range(FOLDS)
    ]
    said: list[list[Example]] = []
    for name, gold in zip(TABLES, tables.golds, strict=True):
        found: list[Example] = []
        pictures = tables.by_picture(gold)
        while batch := list(islice(pictures, BATCH)):
            of_pages = [[gold.rows[place] for place in places] for places in batch]
            asked = [(tables.pages[rows[0].picture or ""], [row.entity_name for row in rows]) for rows in of_pages]
            for rows, (page, names), answers in zip(of_pages, asked, readers.read(asked), strict=True):
                parsed, ours = page_quantities(page), rules[rows[0].fold].read(page, names)
                for row, own, (_, model) in zip(rows, ours, answers, strict=True):
                    entity = CHALLENGE[row.entity_name]
                    candidates = find_candidates(page, entity, parsed)
                    ballot = grounded_ballot(
                        row.index, entity, (own, model), candidates, fold=row.fold, everything=name == TABLES[1]
                    )
                    found.append(Example(ballot, row.rights, bool(row.truth)))
        said.append(found)
    return said


def unseen_verdicts(tables: Sequence[Sequence[Example]]) -> list[list[Verdict]]:
    """What judges think of each row that have not seen its picture."""
    verdicts: list[dict[int, Verdict]] = [{} for _ in tables]
    for fold in range(FOLDS):
        judge = fit_judge([one for table in tables for one in table if one.ballot.fold != fold])
        for examples, found in zip(tables, verdicts, strict=True):
            places = [place for place, one in enumerate(examples) if one.ballot.fold == fold]
            found |= dict(zip(places, judge.verdicts([examples[place].ballot for place in places]), strict=True))
    return [[found[place] for place in range(len(found))] for found in verdicts]


def measure(examples: Sequence[Example], verdicts: Sequence[Verdict], gold: Gold) -> tuple[float, dict[str, Any]]:
    """The F1 that the decision rule expects, and what is reached; printed too."""
    best: list[tuple[float, Option | None]] = []
    for example, verdict in zip(examples, verdicts, strict=True):
        chances = zip(verdict.right, example.ballot.options, strict=True)
        best.append(
            max(((p, one) for p, one in chances if one.quantity), key=lambda pair: pair[0], default=(0.0, None))
        )
    present = [verdict.present for verdict in verdicts]
    reached = OBJECTIVE.threshold([p for p, _ in best], present)
    given = [
        option.quantity.text if option and option.quantity and OBJECTIVE.gives(p, q, reached) else ""
        for (p, option), q in zip(best, present, strict=True)
    ]
    chosen = outcomes(given, examples, gold)
    found = scores(chosen, gold, "ensemble")
    for arm, stage in enumerate((RULES, LLM)):
        single = outcomes([_text(example.ballot.answers[arm]) for example in examples], examples, gold)
        scores(single, gold, stage)
        test = paired_f1(chosen, single, gold.groups)
        print(f"  ensemble less {stage}: {test.difference:+.4f} {test.interval}, p {test.p_value:.3f}")
    right = [(p, example.is_right(option)) for example, (p, option) in zip(examples, best, strict=True) if option]
    for least in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
        sure = [option.quantity.text if option and option.quantity and p >= least else "" for p, option in best]
        counts = Counts.of(outcomes(sure, examples, gold))
        print(f"  p >= {least}: {counts.tp + counts.fp} given, {counts.precision or 0:.3f} right, F1 {counts.f1:.4f}")
    found["reliability"] = {
        "p": reliability([p for p, _ in right], [good for _, good in right]).as_dict(),
        "q": reliability(present, [example.present for example in examples]).as_dict(),
    }
    errors = {which: told["error"] for which, told in found["reliability"].items()}
    print(f"  calibration error p {errors['p']:.4f}, q {errors['q']:.4f}; F {reached:.4f}")
    return reached, found


def outcomes(texts: Sequence[str], examples: Sequence[Example], gold: Gold) -> IntArray:
    """What these answers count as, in the order of the table's rows; a row without a page has none."""
    of_row = {example.ballot.index: text for example, text in zip(examples, texts, strict=True)}
    return outcomes_of([of_row.get(row.index, "") for row in gold.rows], gold)[0]


def _text(answer: Answer | None) -> str:
    return answer.quantity.text if answer is not None and answer.quantity is not None else ""


def save_default(path: Path, ensemble: DefaultEnsemble) -> None:
    """Writes the file whole or not at all; `load_default` reads it."""
    with atomic_text(path) as stream:
        stream.write(file_text(DEFAULT_FORMAT, asdict(ensemble)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads, fits, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--gold", type=Path, action="append", required=True)
    parser.add_argument("--out", type=Path, help="default: the file that ships")
    given = parser.parse_args(arguments)
    readers = Readers(CHALLENGE, (RULES, LLM))
    tables = Tables(given.store, given.gold)
    said = read_all(tables, readers)
    reached: dict[str, float] = {}
    measured: dict[str, Any] = {}
    for name, examples, verdicts, gold in zip(TABLES, said, unseen_verdicts(said), tables.golds, strict=True):
        print(f"\n{gold.path.name} ({name})")
        reached[name], measured[name] = measure(examples, verdicts, gold)
    every = [example for examples in said for example in examples]
    entities = tuple(sorted({example.ballot.entity.name for example in every}))
    ensemble = DefaultEnsemble(
        (RULES, LLM), fit_judge(every), reached["asked"], reached["everything"], entities, len(every), digest(every),
        readers.versions, measured,
    )  # fmt: skip
    save_default(given.out or shipped_path(), ensemble)
    print(f"\nwritten: {given.out or shipped_path()}")


if __name__ == "__main__":
    main()
