"""Runs: one execution of a stage with everything that decides its result, and when and how it ended.

Answers: what a run said to each question.

Several runs side by side: what each arm of an ensemble said to a question, streamed question by question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import metadata
from typing import Any

import pyarrow as pa

from entx.core.errors import InputError
from entx.core.types import Alignment, Answer, Evidence, PageKey, Quantity
from entx.storage.questions import CURRENT_PICTURES, FOLD_OF_LINK
from entx.storage.store import Store

_LIBRARIES = ("duckdb", "entx-hybrid", "numpy", "onnxruntime", "openvino", "paddleocr", "rapidocr")


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
    for known_stage, known_digest, known, is_used in store.connection.execute(query, [run]).fetchall():
        if (known_stage, known_digest) == (stage, digest):
            return True
        if is_used:
            changed = _difference(json.loads(known), settings) if known_stage == stage else [f"stage {known_stage}"]
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
    """The settings a run was begun with.

    Raises:
        InputError: no such run; the message lists those there are.
    """
    rows = store.connection.execute("select run, settings from runs order by started").fetchall()
    for name, settings in rows:
        if name == run:
            return dict(json.loads(settings))
    raise InputError(f"no run {run!r} in {store.path}; it holds: {', '.join(name for name, _ in rows) or 'none'}")


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each distribution; those that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _difference(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    keys = sorted(known.keys() | now.keys())
    return [f"{key} was {known.get(key)!r}, is {now.get(key)!r}" for key in keys if known.get(key) != now.get(key)]


_ANSWER = pa.schema([
    ("run", pa.string()),
    ("idx", pa.int64()),
    ("value", pa.string()),
    ("unit", pa.string()),
    ("text", pa.string()),
    ("reason", pa.string()),
    ("log_prob", pa.float64()),
    ("p_correct", pa.float64()),
    ("p_present", pa.float64()),
    ("alignment", pa.string()),
    ("line_ids", pa.list_(pa.int32())),
    ("polygon", pa.list_(pa.float32(), 8)),
    ("seconds", pa.float32()),
    ("score", pa.float64()),
])  # fmt: skip
_COLUMNS = "value, unit, text, reason, log_prob, p_correct, p_present, alignment, line_ids, polygon, seconds, score"
_FETCH_ROWS = 4096


def add_answers(store: Store, run: str, answers: Sequence[tuple[int, Answer]]) -> None:
    """Commits a batch of (question index, answer) in one transaction."""
    columns = {
        "run": [run] * len(answers),
        "idx": [index for index, _ in answers],
        "value": [format(a.quantity.value, "f") if a.quantity else None for _, a in answers],
        "unit": [a.quantity.unit if a.quantity else None for _, a in answers],
        "text": [a.text for _, a in answers],
        "reason": [a.reason for _, a in answers],
        "log_prob": [a.log_prob for _, a in answers],
        "p_correct": [a.p_correct for _, a in answers],
        "p_present": [a.p_present for _, a in answers],
        "alignment": [a.evidence.alignment.value for _, a in answers],
        "line_ids": [a.evidence.line_ids for _, a in answers],
        "polygon": [a.evidence.polygon for _, a in answers],
        "seconds": [a.seconds for _, a in answers],
        "score": [a.score for _, a in answers],
    }
    batch = pa.Table.from_pydict(columns, schema=_ANSWER)
    with store.transaction() as connection:
        connection.register("batch", batch)
        connection.execute("insert into answers by name select * from batch")
        connection.unregister("batch")


def answered_indices(store: Store, run: str) -> set[int]:
    """Indices of the questions that the run has answered, so that a continued run asks only the others."""
    return {index for (index,) in store.connection.execute("select idx from answers where run = ?", [run]).fetchall()}


def forget_answers(store: Store, run: str, reason: str) -> int:
    """Removes a run's empty answers whose reason begins so, for the run to ask again; returns their number."""
    with store.transaction() as connection:
        rows = connection.execute(
            "delete from answers where run = ? and unit is null and starts_with(reason, ?) returning 1", [run, reason]
        ).fetchall()
    return len(rows)


def load_answers(store: Store, run: str, only: Iterable[int] | None = None) -> Iterator[tuple[int, Answer]]:
    """(question index, answer) of a run by index, streamed.

    Args:
        only: indices of questions; the others are left out.
    """
    cursor = store.connection.cursor()
    chosen = ""
    if only is not None:
        cursor.register("chosen", pa.table({"idx": pa.array(list(only), pa.int64())}))
        chosen = "and idx in (from chosen)"
    cursor.execute(f"select idx, {_COLUMNS} from answers where run = ? {chosen} order by idx", [run])
    while rows := cursor.fetchmany(_FETCH_ROWS):
        yield from ((index, _answer(*columns)) for index, *columns in rows)


def load_answers_to(store: Store, index: int) -> list[tuple[str, Answer]]:
    """(run, answer) of every run that was asked the question, in the order of the runs' beginning."""
    rows = store.connection.execute(
        f"select run, {_COLUMNS} from answers join runs using (run) where idx = ? order by started", [index]
    ).fetchall()
    return [(run, _answer(*columns)) for run, *columns in rows]


def _answer(
    value: str | None,
    unit: str,
    text: str,
    reason: str,
    log_prob: float | None,
    p_correct: float | None,
    p_present: float | None,
    alignment: str,
    line_ids: list[int],
    polygon: Any,
    seconds: float,
    score: float | None,
) -> Answer:
    quantity = Quantity(Decimal(value), unit) if value is not None else None
    evidence = Evidence(Alignment(alignment), tuple(line_ids), polygon and tuple(polygon))
    return Answer(quantity, text, reason, evidence, log_prob, p_correct, p_present, seconds, score)


_ARMS_FETCH_ROWS = 4096
_ASKED = "q.idx in (select idx from answers where run in (select unnest($runs)))"
_FOLD = FOLD_OF_LINK.replace("image_link", "q.image_link")


@dataclass(frozen=True, slots=True)
class Arm:
    """A run that takes part in an ensemble.

    Args:
        run: its name.
        stage: what made it.
        settings_hash: of the settings it was begun with.
        rows: answers it holds, abstentions included. Answers are only ever added, so that name and number say which.
        pages: the OCR pages that its evidence points into; None for a run that read none.
    """

    run: str
    stage: str
    settings_hash: str
    rows: int
    pages: PageKey | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """For the settings of the ensemble's run."""
        return {"run": self.run, "stage": self.stage, "settings_hash": self.settings_hash, "rows": self.rows}


@dataclass(frozen=True, slots=True)
class ArmsRow:
    """A question and what each arm said.

    Args:
        index, entity_name: of the question.
        picture: sha256 of its file; None while the file is missing.
        fold: of its picture's link, from 0 on (`habits.FOLDS`).
        answers: one an arm, in the order asked for; None where that arm was not asked.
    """

    index: int
    entity_name: str
    picture: str | None
    fold: int
    answers: tuple[Answer | None, ...]


def find_arms(store: Store, runs: Sequence[str], schema_digest: str) -> list[Arm]:
    """The runs by name, checked to be fit for an ensemble.

    Raises:
        InputError: no such run, one named twice, one without answers, or one that answered under another schema.
    """
    twice = sorted({run for run in runs if runs.count(run) > 1})
    if twice:
        raise InputError(f"--runs names {', '.join(twice)} twice; each arm has one vote")
    rows = store.connection.execute(
        """select run, stage, settings_hash, settings, count(a.idx)
           from runs left join answers a using (run) group by all order by min(started)"""
    ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    answering = [row[0] for row in rows if row[4]]
    arms = []
    for run in runs:
        if run not in known or not known[run][3]:
            problem = "holds no answers" if run in known else "is not"
            raise InputError(
                f"run {run!r} {problem} in {store.path}; runs with answers: {', '.join(answering) or 'none'}"
            )
        stage, settings_hash, settings, count = known[run]
        plain = json.loads(settings)
        if plain.get("schema", schema_digest) != schema_digest:
            raise InputError(
                f"run {run!r} answered under another schema than this command's; give the --schema it was made with"
            )
        arms.append(Arm(run, stage, settings_hash, count, _pages(plain)))
    return arms


def load_arms(
    store: Store, runs: Sequence[str], *, only: Iterable[int] | None = None, without: str | None = None
) -> Iterator[ArmsRow]:
    """Every question that at least one of the runs was asked, by index, streamed.

    Args:
        only: indices of questions; the others are left out.
        without: leave out the questions that this run has answered already.
    """
    cursor = store.connection.cursor()
    chosen = ""
    wanted = None if only is None else list(only)
    if wanted is not None:
        cursor.register("chosen", pa.table({"idx": pa.array(wanted, pa.int64())}))
        chosen = "and q.idx in (from chosen)"
    cursor.execute(
        f"""select q.idx, q.entity_name, c.picture, {_FOLD}
            from questions q left join ({CURRENT_PICTURES}) c using (image_link)
            where {_ASKED} {chosen}
                and not exists (from answers a where a.run = $without and a.idx = q.idx)
            order by q.idx""",
        {"runs": list(runs), "without": without},
    )
    merged = [_Column(load_answers(store, run, wanted)) for run in runs]
    while rows := cursor.fetchmany(_ARMS_FETCH_ROWS):
        for index, entity_name, picture, fold in rows:
            yield ArmsRow(index, entity_name, picture, int(fold), tuple(column.at(index) for column in merged))


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


def count_asked(store: Store, runs: Sequence[str]) -> int:
    """Number of questions that at least one of the runs was asked."""
    rows = store.connection.execute(f"select count(*) from questions q where {_ASKED}", {"runs": list(runs)}).fetchall()
    return int(rows[0][0])


def _pages(settings: Mapping[str, Any]) -> PageKey | None:
    names = ("engine", "model_hash", "params_hash")
    return PageKey(*(settings[name] for name in names)) if all(name in settings for name in names) else None
