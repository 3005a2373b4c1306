"""The figures of an ablation that are neither scores nor paired tests.

The oracle over the arms and why rows are wrong; answers that are right but for their unit, and what a table of training
labels is worth; what each run costs in seconds and money; how well probabilities are calibrated, and F1 against
coverage. Each function returns plain objects as they stand in the report's JSON.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import Counts, IntArray, Outcome, bootstrap_f1, f1_of
from entx.core.tables import read_table, require_entities
from entx.core.types import Quantity, parse_written
from entx.core.units import exact_size
from entx.neural.calibration import reliability
from entx.report.columns import ENSEMBLE_STAGE, Column, Gold, GoldRow, always_answering
from entx.storage.runs import Arm, RunTotals, page_seconds, run_totals
from entx.storage.store import Store


class Cause(StrEnum):
    """Why a row is wrong."""

    NO_ARM = "no arm has it"
    ABSTAINED = "abstained"
    PICK = "wrong pick"
    EMPTY = "answered on an empty row"


def oracle_outcomes(arms: Sequence[Column]) -> IntArray:
    """What a perfect pick among the arms counts as; giving none is a pick where an arm gives none."""
    right = np.stack([arm.right for arm in arms]).any(axis=0)
    silent = (np.stack([arm.outcomes for arm in arms]) == Outcome.FN).any(axis=0)
    wrong = np.where(silent, int(Outcome.FN), int(Outcome.FP))
    return np.where(right, np.where(arms[0].gold.stated, int(Outcome.TP), int(Outcome.TN)), wrong)


def oracle(columns: Sequence[Column], seed: int) -> dict[str, Any] | None:
    """The oracle and each column's share of the gap between the best single arm and the oracle; None without arms.

    Returns:
        parts: for "" (all rows) and each slice: n, f1, low, high, best (name of the best arm), best_f1, and closed: for
        each column its share of the gap (1 closes it, below 0 is worse than the best arm; None where there is no gap).
    """
    arms = [column for column in columns if column.single]
    if not arms:
        return None
    gold, outcomes = arms[0].gold, oracle_outcomes(arms)
    parts = {}
    for part, rows in gold.named_parts.items():
        bounds = bootstrap_f1(outcomes[rows], gold.groups[rows], seed=seed)
        f1 = {column.name: Counts.of(column.outcomes[rows]).f1 for column in columns}
        best = max(arms, key=lambda arm: f1[arm.name])
        top = Counts.of(outcomes[rows]).f1
        gap = top - f1[best.name]
        closed = {name: (value - f1[best.name]) / gap if gap > 1e-12 else None for name, value in f1.items()}
        parts[part] = {
            "n": len(rows), "f1": top, "low": bounds.low, "high": bounds.high, "best": best.name,
            "best_f1": f1[best.name], "closed": closed,
        }  # fmt: skip
    return {"arms": [arm.name for arm in arms], "parts": parts}


def cause_of(place: int, column: Column, arms: Sequence[Column]) -> Cause | None:
    """Why a row of a column is wrong; None where it is right."""
    outcome = column.outcomes[place]
    if column.right[place]:
        return None
    if not column.gold.rows[place].truth:
        return Cause.EMPTY
    if not any(arm.right[place] for arm in arms):
        return Cause.NO_ARM
    return Cause.ABSTAINED if outcome == Outcome.FN else Cause.PICK


def causes(columns: Sequence[Column], printed: Sequence[bool | None]) -> list[dict[str, Any]]:
    """How many rows each column has wrong, by cause; and the rows that every arm has wrong.

    Args:
        printed: for each row whether its truth is among the quantities of the OCR lines; None without a page.

    Returns:
        One object a column: name, wrong, each cause's count by name, and of those that no arm has: in_text, those with
        the truth in the OCR lines. The last, "every arm", counts rows that all arms have wrong: there
        abstained are those on which none of them gave an answer.
    """
    arms, places = [column for column in columns if column.single], range(len(printed))

    def counted(name: str, why: Sequence[Cause | None], unread: Collection[Cause]) -> dict[str, Any]:
        counts = Counter(one for one in why if one is not None)
        in_text = sum(one in unread and bool(seen) for one, seen in zip(why, printed, strict=True))
        by_cause = {cause.value: counts[cause] for cause in Cause}
        return {"name": name, "wrong": counts.total(), **by_cause, "in_text": in_text}

    found = [counted(one.name, [cause_of(place, one, arms) for place in places], (Cause.NO_ARM,)) for one in columns]
    if arms:
        why = [_cause_of_all(place, arms) for place in places]
        found.append(counted("every arm", why, (Cause.NO_ARM, Cause.ABSTAINED)))
    return found


def _cause_of_all(place: int, arms: Sequence[Column]) -> Cause | None:
    """Why every arm has a row wrong; None where one has it right."""
    if any(arm.right[place] for arm in arms):
        return None
    if not arms[0].gold.rows[place].truth:
        return Cause.EMPTY
    return Cause.ABSTAINED if all(arm.outcomes[place] == Outcome.FN for arm in arms) else Cause.NO_ARM


ROUNDING = 0.01
"""Relative difference up to which two sizes are one rounded conversion: packs print 5 kg as 11 lb (4.99 kg)."""

EQUAL, CONVERTED, ROUNDED = "equal", "converted", "rounded"


def relation(said: Quantity, rights: Iterable[Quantity]) -> str:
    """How an answer stands to the right ones: equal, equal after an exact conversion, after a rounded one, or ""."""
    rights = list(rights)
    if said in rights:
        return EQUAL
    kind, size = exact_size(said)
    others = [other for other_kind, other in map(exact_size, rights) if other_kind == kind]
    if size in others:
        return CONVERTED
    if any(abs(size - other) <= ROUNDING * abs(other) for other in others):
        return ROUNDED if all(said.unit != right.unit for right in rights) else ""
    return ""


def unit_audit(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """For each column how many wrong answers are the truth in another unit, exactly or rounded, and examples.

    Returns:
        One object a column: name, wrong (answers to rows with a truth), converted, rounded, f1_converted (F1 if exact
        conversions counted as right), examples ("index: answer = truth").
    """
    found = []
    for column in columns:
        counts: Counter[str] = Counter()
        examples, counted = [], column.outcomes.copy()
        for place, (row, answer) in enumerate(zip(column.gold.rows, column.answers, strict=True)):
            if column.outcomes[place] != Outcome.FP or not row.truth or answer is None or answer.quantity is None:
                continue
            how = relation(answer.quantity, row.rights)
            counts[how] += 1
            if how == CONVERTED:
                counted[place] = Outcome.TP
            if how:
                examples.append(f"{row.index}: {answer.quantity.text} = {row.truth}")
        found.append({
            "name": column.name, "wrong": counts.total(), CONVERTED: counts[CONVERTED], ROUNDED: counts[ROUNDED],
            "f1_converted": Counts.of(counted).f1, "examples": examples[:10],
        })  # fmt: skip
    return found


def table_labels(path: Path, schema: Schema) -> list[tuple[str, str, str]]:
    """(image_link, entity_name, entity_value) of a labelled table. Raises TableError: it breaks its contract."""
    table = read_table(path, ["image_link", "entity_name", "entity_value"])
    names = require_entities(table, schema)
    return list(zip(table["image_link"], names, table["entity_value"], strict=True))


def label_noise(labels: Iterable[tuple[str, str, str]], gold: Gold, source: str) -> dict[str, Any] | None:
    """What the labels of some table are worth against the gold rows of the same picture and entity; None without any.

    Returns:
        source; n; equal, converted (equal after unit conversion, rounded ones included), other (another value), empty
        (the label stands where the picture states no value), blank (no label where it does), agree_empty; and by
        entity_name the same counts.
    """
    rows = {(row.image_link, row.entity_name): row for row in gold.rows}
    by_entity: dict[str, Counter[str]] = defaultdict(Counter)
    for link, name, label in labels:
        if (row := rows.get((link, name))) is not None:
            by_entity[name][_label_verdict(label.strip(), row)] += 1
    if not by_entity:
        return None
    totals = sum(by_entity.values(), Counter[str]())
    parts = sorted(by_entity.items(), key=lambda item: (-item[1].total(), item[0]))
    return {"source": source, **_shares(totals), "entity_name": {name: _shares(counts) for name, counts in parts}}


_VERDICTS = (EQUAL, CONVERTED, "other", "empty", "blank", "agree_empty")


def _label_verdict(label: str, row: GoldRow) -> str:
    if not row.truth:
        return "empty" if label else "agree_empty"
    if not label:
        return "blank"
    said = parse_written(label)
    how = relation(said, row.rights) if said is not None else EQUAL if label in (row.truth, *row.also) else ""
    return {ROUNDED: CONVERTED, "": "other"}.get(how, how)


def _shares(counts: Counter[str]) -> dict[str, int]:
    return {"n": counts.total(), **{verdict: counts[verdict] for verdict in _VERDICTS}}


_TOKENS = ("prompt", "cached", "completion")

Rates = tuple[float | None, float]
"""Seconds for 1,000 questions: of answering, None where not known, and of one worker that reads their OCR pages."""


def costs(
    store: Store, arms: Sequence[Arm], price: float | None, stated: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """For each run: asked and answered over the whole store, coverage, seconds, cost and tokens for 1,000 questions.

    Tokens are those that a server counted: read, of these known to it from before, and written.

    An imported run was timed nowhere. An ensemble costs what its members cost, and its own decisions.

    Args:
        price: of one hour of the machine; None prices nothing.
        stated: for names of imported runs the seconds that 1,000 questions took.

    Raises:
        InputError: a time is stated of a run that is not among the arms, or that was timed.
    """
    totals = {arm.run: run_totals(store, arm.run) for arm in arms}
    imported = {run for run, own in totals.items() if {"file", "sha256"} <= own.settings.keys()}
    if foreign := sorted(stated.keys() - imported):
        without = ", ".join(sorted(imported)) or "none"
        raise InputError(f"--seconds {', '.join(foreign)}: only imported runs brought no times ({without})")
    rates: dict[str, Rates] = {}
    for arm in arms:
        own = totals[arm.run]
        per_thousand = 1000.0 / max(own.asked, 1)
        answering = stated.get(arm.run) if arm.run in imported else own.wall_seconds * per_thousand
        if own.answer_seconds > 0.0:
            answering = own.answer_seconds * per_thousand
        if arm.stage != ENSEMBLE_STAGE:
            rates[arm.run] = answering, page_seconds(store, arm.run, arm.pages) * per_thousand if arm.pages else 0.0
    found = {}
    for arm in arms:
        own = totals[arm.run]
        rate = rates[arm.run] if arm.run in rates else _ensemble_rates(own, rates)
        coverage = own.answered / own.asked if own.asked else None
        tokens = {name: own.counts.get(f"{name}_tokens", 0) * 1000.0 / max(own.asked, 1) for name in _TOKENS}
        found[arm.run] = {
            "asked": own.asked, "answered": own.answered, "coverage": coverage, **_cost(rate, price),
            "server_tokens": tokens if any(tokens.values()) else None,
        }  # fmt: skip
    return found


def hybrid_costs(
    consulted: Mapping[str, Mapping[str, float]], of_runs: Mapping[str, Mapping[str, Any]], price: float | None
) -> dict[str, dict[str, Any]]:
    """The same for hybrids: each run's seconds times the share of the questions on which it is consulted.

    Args:
        consulted: for each hybrid and each of its runs that share.
        of_runs: what `costs` found.
    """
    found = {}
    for name, shares in consulted.items():
        own = [(share, of_runs[run]) for run, share in shares.items()]
        rates = _together([(share, (cost["answering_seconds"], cost["reading_seconds"])) for share, cost in own])
        found[name] = {"looked": dict(shares), **_cost(rates, price)}
    return found


def _cost(rates: Rates, price: float | None) -> dict[str, float | None]:
    answering, reading = rates
    together = None if answering is None else answering + reading
    return {
        "answering_seconds": answering, "reading_seconds": reading, "seconds": together,
        "cost": None if price is None or together is None else together * price / 3600.0,
    }  # fmt: skip


def _together(rates: Sequence[tuple[float, Rates]]) -> Rates:
    """Of runs that are asked these shares of the questions; one reading of the pages serves all of them."""
    answering = [None if seconds is None else share * seconds for share, (seconds, _) in rates if share]
    known = [seconds for seconds in answering if seconds is not None]
    reading = max(reading for _, (_, reading) in rates)
    return (sum(known, 0.0) if len(known) == len(answering) else None), reading


def _ensemble_rates(own: RunTotals, rates: Mapping[str, Rates]) -> Rates:
    """Unknown where a member is not among the runs of the report, is an ensemble itself, or was not timed."""
    members = [(1.0, rates.get(str(member.get("run")), (None, 0.0))) for member in own.settings.get("members", ())]
    answering, reading = _together(members) if members else (None, 0.0)
    if answering is None:
        return None, 0.0
    return answering + own.wall_seconds * (1000.0 / max(own.asked, 1)), reading


POINTS = 200
"""At most so many points of a curve."""


def reliabilities(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Of each column with probabilities: p (this answer is right) over its answers, q (there is a value) over all rows.

    Returns:
        One object a column: name, p and q as `Reliability.as_dict`, None where it states none.
    """
    found = []
    for column in columns:
        asked = [(place, answer) for place, answer in enumerate(column.answers) if answer]
        right, stated = column.outcomes == Outcome.TP, column.gold.stated
        p = [(one.p_correct, right[place]) for place, one in asked if one.quantity and one.p_correct is not None]
        q = [(one.p_present, stated[place]) for place, one in asked if one.p_present is not None]
        if p or q:
            found.append({"name": column.name, "p": _reliability(p), "q": _reliability(q)})
    return found


def coverage_curves(columns: Sequence[Column], always: Mapping[str, Column]) -> list[dict[str, Any]]:
    """F1 of each column when only its surest answers are given, from the surest to every candidate it knows.

    Surest by p_correct, else log-probability, else score, of which the column must state one for every answer. Equal
    ones are given together.

    Args:
        always: for names of hybrids, the same with an answer to every row.

    Returns:
        One object a column: name, by (what the order is), points as [coverage, f1], and at: those of what it gave.
    """
    found = []
    for own in columns:
        column = always_answering(own, always) or own
        given = [(place, answer) for place, answer in enumerate(column.answers) if answer and answer.quantity]
        for by in ("p_correct", "log_prob", "score"):
            sure = [getattr(answer, by) for _, answer in given]
            if given and all(value is not None for value in sure):
                places = np.array([place for place, _ in given], dtype=np.int64)
                points = _curve(column, places, np.array(sure, dtype=np.float64))
                counts = Counts.of(own.outcomes)
                found.append({"name": column.name, "by": by, "points": points, "at": [counts.coverage, counts.f1]})
                break
    return found


def _reliability(pairs: Sequence[tuple[float, bool]]) -> dict[str, Any] | None:
    return reliability([said for said, _ in pairs], [true for _, true in pairs]).as_dict() if pairs else None


def _curve(column: Column, places: np.ndarray[Any, Any], sure: np.ndarray[Any, Any]) -> list[list[float]]:
    order = np.argsort(-sure, kind="stable")
    right = (column.outcomes[places[order]] == Outcome.TP).astype(np.int64)
    stated = column.gold.stated
    count = np.arange(1, len(order) + 1)
    tp = np.cumsum(right)
    missed = stated.sum() - np.cumsum(stated[places[order]])
    f1 = f1_of(tp, count - tp, missed)
    last_of_its_kind = np.flatnonzero(np.r_[sure[order][1:] != sure[order][:-1], True])
    step = max(1, -(-len(last_of_its_kind) // POINTS))
    shown = last_of_its_kind[::-1][::step][::-1]  # from the end: the point of all answers is always there
    return [[float(count[at] / len(column.answers)), float(f1[at])] for at in shown]
