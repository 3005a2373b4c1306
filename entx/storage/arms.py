"""Several runs side by side: what each arm of an ensemble said to a question, streamed question by question."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from entx.core.errors import InputError
from entx.core.types import Answer, PageKey
from entx.storage.answers import load_answers
from entx.storage.connection import Store
from entx.storage.habits import FOLD_OF_LINK
from entx.storage.questions import CURRENT_PICTURES

_FETCH_ROWS = 4096
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
    while rows := cursor.fetchmany(_FETCH_ROWS):
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
