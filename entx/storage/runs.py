"""Runs: one execution of a stage with everything that decides its result, when it ended, and what it answered.

An arm of an ensemble is a run; several of them are read side by side, question by question (`load_arms`). The numbers
of a finished run, for a table of rows, stand here too (`run_totals`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from importlib import metadata
from itertools import pairwise
from typing import Any

import pyarrow as pa

from entx.core.errors import InputError
from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, PageKey, Quantity
from entx.storage.pages import OF_KEY
from entx.storage.questions import CURRENT_PICTURES, FOLD_OF_LINK
from entx.storage.store import Store, columns_of, fetch, insert, integers, stream

_LIBRARIES = ("duckdb", "entx-hybrid", "numpy", "onnxruntime", "openvino", "paddleocr", "rapidocr")
_ANSWER = "value, unit, text, reason, log_prob, p_correct, p_present, alignment, line_ids, polygon, seconds, score"
_ASKED = "q.idx in (select idx from answers where run in (select unnest($runs)))"
_AT_ONCE = 1 << 17
"""Questions that DuckDB puts in order at once: to sort ten million answers of each arm side by side is to hold them."""


@dataclass(frozen=True, slots=True)
class RunTotals:
    """A run over all rows of the store."""

    stage: str
    settings: dict[str, Any]
    asked: int  # questions
    answered: int  # of these, with a quantity
    answer_seconds: float  # sum of the answers' own times; 0 for a run that did not take them
    wall_seconds: float  # of all its calls together that had something to do
    counts: Mapping[str, int]  # what these calls did, summed by name


@dataclass(frozen=True, slots=True)
class Arm:
    """A run that takes part in an ensemble."""

    run: str
    stage: str  # that made it
    settings_hash: str  # of the settings it was begun with
    rows: int  # answers, abstentions included; they are only ever added, so that name and number say which
    pages: PageKey | None = field(default=None, compare=False)  # that its evidence points into; None without any

    def as_dict(self) -> dict[str, Any]:
        """For the settings of the ensemble's run."""
        return {"run": self.run, "stage": self.stage, "settings_hash": self.settings_hash, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class ArmsRow:
    """A question and what each arm said."""

    index: int
    entity_name: str
    picture: str | None  # sha256 of its file; None while the file is missing
    fold: int  # of its picture's link, from 0 on (`questions.FOLDS`)
    answers: tuple[Answer | None, ...]  # one an arm, in the order asked for; None where that arm was not asked


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Hash of a run's settings: two runs of one hash on one input give one result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def begin_run(store: Store, run: str, stage: str, settings: Mapping[str, Any]) -> bool:
    """Records the run, or finds it again; returns True when it already stood there (its rows are to be continued).

    A run of that name that holds neither answers nor pages, one that crashed before its first batch, is forgotten: its
    settings need not be these.

    Raises:
        InputError: the name is taken by a run of another stage or with other settings.
    """
    digest = settings_hash(settings)
    query = """
        select stage, settings_hash, settings,
               exists (from answers a where a.run = r.run) or exists (from pages p where p.run = r.run)
        from runs r where run = ?"""
    for known_stage, known_digest, known, is_used in fetch(store, query, [run]):
        if (known_stage, known_digest) == (stage, digest):
            return True
        if is_used:
            changed = difference(json.loads(known), settings) if known_stage == stage else [f"stage {known_stage}"]
            raise InputError(
                f"run {run!r} stands in {store.path} with other settings ({'; '.join(changed)}); "
                "choose another --run name"
            )
    with store.transaction() as connection:
        for table in ("runs", "run_ends"):
            connection.execute(f"delete from {table} where run = ?", [run])
        connection.execute(
            "insert into runs values (?, ?, ?, ?, ?, now())",
            [run, stage, digest, json.dumps(settings, sort_keys=True), json.dumps(library_versions(_LIBRARIES))],
        )
    return False


def end_run(store: Store, run: str, wall_seconds: float, counts: Mapping[str, int]) -> None:
    """Records that the run came to its end; a continued run has several ends."""
    with store.transaction() as connection:
        connection.execute("insert into run_ends values (?, now(), ?, ?)", [run, wall_seconds, json.dumps(counts)])


def run_settings(store: Store, run: str) -> dict[str, Any]:
    """The settings a run was begun with. Raises InputError: no such run; the message lists those there are."""
    known = dict(fetch(store, "select run, settings from runs order by started"))
    if run not in known:
        raise InputError(f"no run {run!r} in {store.path}; it holds: {', '.join(known) or 'none'}")
    return dict(json.loads(known[run]))


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each distribution; those that are not installed are left out."""
    found = {}
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def run_totals(store: Store, run: str) -> RunTotals:
    """The totals of one run, which must be in the store."""
    query = """
        select any_value(stage), any_value(settings), count(a.idx), count(a.unit), coalesce(sum(a.seconds::double), 0)
        from runs r left join answers a using (run) where r.run = ?"""
    stage, settings, asked, answered, seconds = fetch(store, query, [run])[0]
    ends = fetch(store, "select wall_seconds, counts from run_ends where run = ?", [run])
    calls = [(took, did) for took, counts in ends if any((did := json.loads(counts)).values())]
    wall, counts = sum(took for took, _ in calls), sum((Counter(did) for _, did in calls), Counter[str]())
    return RunTotals(stage, json.loads(settings), asked, answered, seconds, wall, counts)


def page_seconds(store: Store, run: str, key: PageKey) -> float:
    """Worker seconds that the pages of this key took for the distinct pictures that the run was asked about."""
    query = f"""
        with asked as (
            select distinct c.picture from answers a join questions q using (idx)
            join ({CURRENT_PICTURES}) c using (image_link) where a.run = $run)
        select coalesce(sum(p.seconds::double), 0) from pages p semi join asked using (picture) where {OF_KEY}"""
    return float(fetch(store, query, {**key.as_dict(), "run": run})[0][0])


def add_answers(store: Store, run: str, answers: Sequence[tuple[int, Answer]]) -> None:
    """Commits a batch of (question index, answer) in one transaction."""
    given = [answer for _, answer in answers]
    columns = columns_of(given, "text", "reason", "log_prob", "p_correct", "p_present", "seconds", "score")
    columns |= columns_of([answer.evidence for answer in given], "alignment", "line_ids", "polygon")
    columns |= {
        "run": [run] * len(answers),
        "idx": [index for index, _ in answers],
        "value": [format(answer.quantity.value, "f") if answer.quantity else None for answer in given],
        "unit": [answer.quantity.unit if answer.quantity else None for answer in given],
    }
    insert(store, "answers", columns)


def forget_answers(store: Store, run: str, reason: str) -> int:
    """Removes a run's empty answers whose reason begins so, for the run to ask again; returns their number."""
    query = "delete from answers where run = ? and unit is null and starts_with(reason, ?) returning 1"
    with store.transaction():
        return len(fetch(store, query, [run, reason]))


def load_answers(store: Store, run: str, only: Iterable[int] | None = None) -> Iterator[tuple[int, Answer]]:
    """(question index, answer) of a run by index, streamed; all, or those of the given questions."""
    return _answers(store, run, *_among(only))


def _answers(store: Store, run: str, among: str, chosen: Mapping[str, pa.Table]) -> Iterator[tuple[int, Answer]]:
    query = f"select idx, {_ANSWER} from answers where run = ? {among} order by idx"
    return ((index, _answer(*columns)) for index, *columns in stream(store, query, [run], **chosen))


def load_answers_to(store: Store, index: int) -> list[tuple[str, Answer]]:
    """(run, answer) of every run that was asked the question, in the order of the runs' beginning."""
    query = f"select run, {_ANSWER} from answers join runs using (run) where idx = ? order by started"
    return [(run, _answer(*columns)) for run, *columns in fetch(store, query, [index])]


def find_arms(store: Store, runs: Sequence[str], schema_digest: str) -> list[Arm]:
    """The runs by name; an InputError for what is unfit for an ensemble: unknown, twice, empty, of another schema."""
    twice = sorted({run for run in runs if runs.count(run) > 1})
    if twice:
        raise InputError(f"--runs names {', '.join(twice)} twice; each arm has one vote")
    query = """
        select run, stage, settings_hash, settings, coalesce(answers, 0)
        from runs left join (select run, count(*) as answers from answers group by run) using (run) order by started"""
    known = {run: row for run, *row in fetch(store, query)}
    answering = ", ".join(run for run, row in known.items() if row[3]) or "none"
    arms = []
    for run in runs:
        stage, settings_hash, settings, count = known.get(run, ("", "", "", None))
        if not count:
            problem = "is not" if count is None else "holds no answers"
            raise InputError(f"run {run!r} {problem} in {store.path}; runs with answers: {answering}")
        plain = json.loads(settings)
        if plain.get("schema", schema_digest) != schema_digest:
            raise InputError(
                f"run {run!r} answered under another schema than this command's; give the --schema it was made with"
            )
        arms.append(Arm(run, stage, settings_hash, count, PageKey.from_dict(plain)))
    return arms


def load_arms(
    store: Store, runs: Sequence[str], *, only: Iterable[int] | None = None, without: str | None = None
) -> Iterator[ArmsRow]:
    """Every question that at least one of the runs was asked, by index, streamed.

    Args:
        only: indices of questions; the others are left out.
        without: leave out the questions that this run has answered already.
    """
    among, chosen = _among(only)
    numbered = f"(from {'chosen' if chosen else 'questions'} select idx order by idx)"
    numbered = f"(select idx, row_number() over () as number from {numbered})"
    firsts = fetch(store, f"select idx from {numbered} where number % {_AT_ONCE} = 1 order by idx", **chosen)
    for (first,), (after,) in pairwise([*firsts, (2**63 - 1,)]):
        near = f"idx >= {first} and idx < {after} {among}"
        query = f"""
            with near as (select run, idx from answers where {near}), asked as (from questions where {near}),
                 pictures as (from main.pictures semi join asked using (image_link))
            select idx, entity_name, c.picture, {FOLD_OF_LINK}
            from asked left join ({CURRENT_PICTURES}) c using (image_link)
            where idx in (select idx from near where run in (select unnest($runs)))
                and idx not in (select idx from near where run = $without)
            order by idx"""
        questions = stream(store, query, {"runs": list(runs), "without": without}, **chosen)
        merged = [_Column(_answers(store, run, f"and {near}", chosen)) for run in runs]
        for index, entity_name, picture, fold in questions:
            yield ArmsRow(index, entity_name, picture, fold, tuple(column.at(index) for column in merged))


def _among(only: Iterable[int] | None) -> tuple[str, dict[str, pa.Table]]:
    """SQL: that a question is one of these, with the view it names; neither for None."""
    return ("", {}) if only is None else ("and idx in (from chosen)", {"chosen": integers(only)})


def count_asked(store: Store, runs: Sequence[str]) -> int:
    """Number of questions that at least one of the runs was asked."""
    return int(fetch(store, f"select count(*) from questions q where {_ASKED}", {"runs": list(runs)})[0][0])


class _Column:
    """One run's answers by index, read along with the questions: a join of sorted streams."""

    def __init__(self, answers: Iterator[tuple[int, Answer]]) -> None:
        self._answers = answers
        self._next = next(answers, None)

    def at(self, index: int) -> Answer | None:
        """The run's answer; indices must be asked for in rising order."""
        while self._next is not None and self._next[0] < index:
            self._next = next(self._answers, None)
        return self._next[1] if self._next is not None and self._next[0] == index else None


def difference(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed in settings, in words."""
    keys = sorted(known.keys() | now.keys())
    return [f"{key} was {known.get(key)!r}, is {now.get(key)!r}" for key in keys if known.get(key) != now.get(key)]


@lru_cache(maxsize=1 << 16)
def _quantity(value: str, unit: str) -> Quantity:
    return Quantity(Decimal(value), unit)


def _answer(
    value: str | None, unit: str, text: str, reason: str, log_prob: float | None, p_correct: float | None,
    p_present: float | None, alignment: str, line_ids: list[int], polygon: Any, seconds: float, score: float | None,
) -> Answer:  # fmt: skip
    quantity = None if value is None else _quantity(value, unit)
    where = Alignment(alignment)
    evidence = Evidence(where, tuple(line_ids), polygon and tuple(polygon)) if where != Alignment.NONE else NO_EVIDENCE
    return Answer(quantity, text, reason, evidence, log_prob, p_correct, p_present, seconds, score)
