"""Learns the weights of the rules reader (entx/recipes/rules_weights.toml) from labelled rows; measures them.

    python -m lab.rules_weights --store S --gold dev.csv --gold ask_all.csv [--write]

The store holds the pages of the tables' pictures. The first table asks what somebody expected in each picture, the
second everything, which makes "none" likelier: each has a bias of its own. Which features count is decided by hand:
those that the file names. A question is a choice among its candidates and "none" (conditional logit, McFadden 1974):
candidate c is chosen with exp(u_c) / (1 + sum of exp(u)), u = bias + weights x features; the right ones are summed, as
a size may be printed twice. A Gaussian prior (--penalty) around what a person believed (`lab/rules_beliefs.toml`) holds
a weight of which the rows say little. Depth and weight are learned last, for their features hold the scores of others.

"out of fold" is five folds by picture: what a row is judged by has not seen its picture.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.optimize import minimize

from entx.core.entities import CHALLENGE
from entx.core.evaluation import Counts, FloatArray, IntArray, bootstrap_f1
from entx.core.types import parse_written
from entx.report.columns import Gold, outcomes_of, read_gold
from entx.rules.reader import Family, RulesReader, Weights, shipped_weights
from entx.storage.pages import load_pages, page_keys
from entx.storage.questions import FOLDS
from entx.storage.store import Store

SHIPPED = Path(__file__).parent.parent / "entx" / "recipes" / "rules_weights.toml"
LATE = {"depth": ("upright",), "weight": ("load",)}
"""Families that are learned last, and whose scores their features hold."""

BELIEFS = Path(__file__).parent / "rules_beliefs.toml"
PENALTY = 0.2
"""Of a squared step away from the belief, so that a step of 1.6 is a usual one. Between .1 and .5 F1 moves by .005."""

THRESHOLD = 0.45
"""F / 2 for F = .9: where there is one candidate the decision rule of `ensemble.judge` gives it from there on."""

BIAS_SHARE = 0.1  # of the penalty: a bias may be large, but not without bound where every row is answered

NOT_LEARNED = "other"  # of what users add; nobody has labelled rows of it


@dataclass(frozen=True)
class Choice:
    """A question: the features of its candidates, and which of them are right."""

    table: int  # the number of its table
    family: str
    features: Sequence[Mapping[str, float]]  # one a candidate
    right: Sequence[bool]  # one a candidate; none of them where "none" is to be chosen


@dataclass(frozen=True)
class Learned:
    """A family's weights and its bias in each table."""

    weights: dict[str, float]
    biases: tuple[float, ...]


def learn(choices: Sequence[Choice], beliefs: Mapping[str, float], tables: int, penalty: float) -> Learned:
    """The weights of these features that make the right choices likeliest, under the prior around the beliefs."""
    names = sorted(beliefs)
    centre = np.array([beliefs[name] for name in names] + [0.0] * tables)
    column = {name: place for place, name in enumerate(names)}
    size, rows = len(names), [features for choice in choices for features in choice.features]
    matrix = np.zeros((len(rows), size))
    for place, features in enumerate(rows):
        for name in features.keys() & column.keys():
            matrix[place, column[name]] = features[name]
    right = np.array([one for choice in choices for one in choice.right], dtype=bool)
    counts = np.array([len(choice.features) for choice in choices], dtype=int)
    of = np.repeat(np.arange(len(choices)), counts)  # each candidate's question
    table = np.array([choice.table for choice in choices], dtype=int)
    nothing = np.array([not any(choice.right) for choice in choices], dtype=bool)

    held = np.concatenate([np.full(size, penalty), np.full(tables, BIAS_SHARE * penalty)])

    def loss(point: FloatArray) -> tuple[float, FloatArray]:
        utilities = matrix @ point[:size] + point[size:][table[of]]
        top = np.zeros(len(choices))  # the utility of "none" is 0
        np.maximum.at(top, of, utilities)
        odds, none = np.exp(utilities - top[of]), np.exp(-top)
        every, good = none.copy(), np.where(nothing, none, 0.0)
        np.add.at(every, of, odds)
        np.add.at(good, of, odds * right)
        slope = odds * right / good[of] - odds / every[of]
        gradient = np.concatenate([matrix.T @ slope, np.zeros(tables)]) - 2 * held * (point - centre)
        np.add.at(gradient, size + table[of], slope)
        value = float(np.log(good / every).sum() - (held * (point - centre) ** 2).sum())
        return -value, -gradient

    best = minimize(loss, centre, jac=True, method="L-BFGS-B").x
    seen = {name for features in rows for name in features}
    weights = {name: float(weight) for name, weight in zip(names, best, strict=False) if name in seen}
    return Learned(weights, tuple(best[size:].tolist()))


class Tables:
    """Labelled tables with their pages."""

    def __init__(self, store: Path, paths: Sequence[Path]) -> None:
        with Store(store) as opened:
            self.golds = [read_gold(path, opened, CHALLENGE) for path in paths]
            pictures = {row.picture for gold in self.golds for row in gold.rows}
            key = page_keys(opened)[0][0]
            self.pages = {page.picture: page for page in load_pages(opened, key, filter(None, pictures))}

    def choices(self, reader: RulesReader, families: Sequence[str], folds: Sequence[int]) -> Iterator[Choice]:
        """The questions of these families and folds, as the reader sees them."""
        for number, gold in enumerate(self.golds):
            for row in gold.rows:
                family = family_of(reader, row.entity_name)
                if row.fold in folds and family in families and row.picture in self.pages:
                    found = reader.explain(self.pages[row.picture], row.entity_name, everything=number == 1)
                    said = [one.candidate.quantity for one in found]
                    first = parse_written(row.truth)  # of a size said twice the first is asked
                    right = [one == first for one in said] if first in said else [one in row.rights for one in said]
                    yield Choice(number, family, [one.features for one in found], right)

    def by_picture(self, gold: Gold) -> Iterator[list[int]]:
        """The places of a table's rows, picture by picture; of those that have a page."""
        of_page: dict[str, list[int]] = {}
        for place, row in enumerate(gold.rows):
            if row.picture in self.pages:
                of_page.setdefault(row.picture, []).append(place)
        yield from of_page.values()


def family_of(reader: RulesReader, entity: str) -> str:
    """The name of an entity's family."""
    family = reader.family(CHALLENGE[entity])
    return next(name for name, one in reader.weights.families.items() if one is family)


def learn_all(tables: Tables, folds: Sequence[int], penalty: float) -> dict[str, Learned]:
    """All families, from the rows of these folds."""
    named, believed = shipped_weights().families, tomllib.loads(BELIEFS.read_text(encoding="utf-8"))
    early = [name for name in named if name not in (*LATE, NOT_LEARNED)]
    learned: dict[str, Learned] = {}
    for families in (early, list(LATE)):
        reader = RulesReader(CHALLENGE, with_weights(learned))
        choices = list(tables.choices(reader, families, folds))
        for name in families:
            own = [choice for choice in choices if choice.family == name]
            beliefs = {feature: believed[name].get(feature, 0.0) for feature in named[name].weights}
            learned[name] = learn(own, beliefs, len(tables.golds), penalty)
    return learned


def with_weights(learned: Mapping[str, Learned]) -> Weights:
    """The weights table with what was learned in place of its numbers; a feature that no row has keeps its own."""
    families = dict(shipped_weights().families)
    for name, one in learned.items():
        weights = {feature: round(weight, 2) for feature, weight in one.weights.items()}
        biases = [round(bias, 2) for bias in one.biases]
        families[name] = Family(biases[0], THRESHOLD, {**families[name].weights, **weights}, biases[1])
    return Weights(MappingProxyType(families), "learned")


def said(tables: Tables, gold: Gold, reader: RulesReader, folds: Sequence[int]) -> dict[int, str]:
    """What the reader answers to a table's rows of these folds, by their place."""
    answers: dict[int, str] = {}
    for places in tables.by_picture(gold):
        rows = [gold.rows[place] for place in places]
        if rows[0].fold in folds:
            read = reader.read(tables.pages[rows[0].picture or ""], [row.entity_name for row in rows])
            texts = (answer.quantity.text if answer.quantity else "" for answer in read)
            answers |= dict(zip(places, texts, strict=True))
    return answers


def scores(found: IntArray, gold: Gold, name: str) -> dict[str, Any]:
    """F1 with its interval, precision, recall, coverage of all rows and each slice; printed for each entity too."""
    told: dict[str, Any] = {}
    for kind, parts in gold.parts.items():
        for value, rows in parts.items():
            counts, span = Counts.of(found[rows]), bootstrap_f1(found[rows], gold.groups[rows])
            print(f"  {name:12} {value or kind:30} n {len(rows):5}: {counts.f1:.4f} {span}  {counts}")
            if kind != "entity_name":
                told[value or kind] = {
                    "n": len(rows), "f1": counts.f1, "low": span.low, "high": span.high,
                    "precision": counts.precision, "recall": counts.recall, "coverage": counts.coverage,
                }  # fmt: skip
    return told


def write(path: Path, weights: Weights) -> None:
    """Puts the numbers into the file; its words, and which features it names, stay."""
    family, lines = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\[(\w+)", line):
            family = match[1]
        elif family != NOT_LEARNED and (match := re.match(r"(\w+) = (\S+)( *)(#.*)?$", line)):
            own = weights.families[family]
            numbers = {"bias": own.bias, "everything": own.everything, "threshold": own.threshold}
            value = numbers.get(match[1], own.weights.get(match[1]))
            left = f"{match[1]} = {value}"
            line = f"{left.ljust(len(match[1]) + 3 + len(match[2]) + len(match[3]))}{match[4]}" if match[4] else left
        lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Learns, prints, and writes where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--gold", type=Path, action="append", required=True)
    parser.add_argument("--penalty", type=float, default=PENALTY)
    parser.add_argument("--write", action="store_true", help="put the weights of all rows into the file that ships")
    given = parser.parse_args()
    tables = Tables(given.store, given.gold)
    folds = range(FOLDS)
    unseen: list[dict[int, str]] = [{} for _ in tables.golds]
    for fold in folds:
        learned = learn_all(tables, [other for other in folds if other != fold], given.penalty)
        for gold, answers in zip(tables.golds, unseen, strict=True):
            answers |= said(tables, gold, RulesReader(CHALLENGE, with_weights(learned)), [fold])
    learned = learn_all(tables, folds, given.penalty)
    for number, gold in enumerate(tables.golds):
        print(gold.path.name)
        after = said(tables, gold, RulesReader(CHALLENGE, with_weights(learned)), folds)
        before = said(tables, gold, RulesReader(CHALLENGE), folds)
        for name, answers in ("as shipped", before), ("out of fold", unseen[number]), ("in sample", after):
            texts = [answers.get(place, "") for place in range(len(gold.rows))]
            scores(outcomes_of(texts, gold)[0], gold, name)
    for name, one in learned.items():
        print(name, [round(bias, 2) for bias in one.biases], {k: round(v, 2) for k, v in one.weights.items()})
    if given.write:
        write(SHIPPED, with_weights(learned))
        print(f"written: {SHIPPED}")


if __name__ == "__main__":
    main()
