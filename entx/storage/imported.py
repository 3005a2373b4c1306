"""Anybody's raw answers as a run: sentences of a model that ran elsewhere, through the shared postprocessor."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from entx.core.entities import Schema
from entx.core.errors import TableError
from entx.core.postprocess import POSTPROCESS_VERSION, postprocess
from entx.core.tables import Table, parse_indices, read_table
from entx.core.types import Alignment, Answer, Evidence
from entx.storage.answers import add_answers, answered_indices
from entx.storage.connection import Store
from entx.storage.questions import load_questions
from entx.storage.runs import begin_run, end_run

TEXT_COLUMNS = ("generated_output", "prediction", "output", "text", "answer")
"""Names under which the answers are looked for, in this order, when none is given."""

_BATCH = 8192


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Args:
        column: the one that was read.
        rows: of the file.
        foreign: of these, rows of questions that the store does not have; left out.
        added: rows that became answers in this call (not those of an earlier, interrupted one).
        seconds: spent on postprocessing and storing, without reading the file.
    """

    column: str
    rows: int
    foreign: int
    added: int
    seconds: float


def import_predictions(
    store: Store,
    path: Path,
    *,
    stage: str,
    run: str,
    schema: Schema,
    column: str | None = None,
    begin: Callable[[int], Callable[[int], None]] = lambda _: lambda _: None,
) -> ImportReport:
    """Makes a run of a table with an index and a text column. Repeating the call adds nothing twice.

    The run records the file's name and sha256. Imported answers have no evidence until an ensemble grounds them, and no
    probabilities.

    Raises:
        TableError: the table breaks its contract, or no text column is known.
        InputError: the run stands in the store with another file or schema.
    """
    table = _read(path, column)
    name = next(name for name in table.columns if name != "index")
    indices, texts = parse_indices(table), table[name]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    settings = {
        "file": path.name, "sha256": digest, "column": name, "schema": schema.digest,
        "postprocess": POSTPROCESS_VERSION,
    }  # fmt: skip
    entity_of = {question.index: question.entity_name for question in load_questions(store)}
    foreign = sum(index not in entity_of for index in indices)
    done = answered_indices(store, run) if begin_run(store, run, stage, settings) else set()
    started = time.monotonic()
    todo = [
        (index, text) for index, text in zip(indices, texts, strict=True) if index in entity_of and index not in done
    ]
    advance = begin(len(todo))
    for first in range(0, len(todo), _BATCH):
        batch = todo[first : first + _BATCH]
        add_answers(store, run, [(index, _answer(text, schema, entity_of[index])) for index, text in batch])
        advance(len(batch))
    seconds = time.monotonic() - started
    end_run(store, run, seconds, {"rows": len(indices), "foreign": foreign, "added": len(todo)})
    return ImportReport(name, len(indices), foreign, len(todo), seconds)


def _read(path: Path, column: str | None) -> Table:
    if column is not None:
        return read_table(path, ("index", column))
    table = read_table(path, ("index",), TEXT_COLUMNS)
    found = [name for name in TEXT_COLUMNS if name in table]
    if not found:
        known = ", ".join(TEXT_COLUMNS)
        raise TableError(
            path, f"no column of answers ({known}) among: {', '.join(table.header)}; name it with --column"
        )
    return Table(path, table.header, {"index": table["index"], found[0]: table[found[0]]}, table.lines)


def _answer(text: str, schema: Schema, entity_name: str) -> Answer:
    reading = postprocess(text, schema[entity_name])
    return Answer(reading.quantity, text, reading.reason, Evidence(Alignment.NONE))
