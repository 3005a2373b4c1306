"""The queue as a table for a spreadsheet, and the filled-in table as verdicts.

Of the table people fill in `answer` (a value as printed, `none` where the picture states none, `ok` where the decided
answer is right; empty: not looked at), and as they like `also` (other right forms, `|` between them) and `annotator`.
"""

from __future__ import annotations

import csv
from pathlib import Path

from entx.core.evaluation import ALSO_SEPARATOR
from entx.core.files import FORMULA_STARTS, atomic_text, harmless_cell
from entx.core.tables import Table, parse_index, read_table
from entx.report.review.queue import Queue
from entx.report.review.tasks import NOTHING, PictureAddress, arm_texts, decided_text
from entx.report.review.verdicts import Problem, Verdict, VerdictFile

NONE, OK = "none", "ok"
_SAID = "said by "
_FIRST = ("index", "image", "entity_name", "units", "decided")
_LAST = ("answer", "also", "annotator", "p_correct", "p_present", "gain")


def write_sheet(queue: Queue, out: Path, address: PictureAddress) -> None:
    """Writes the table, a row a question in the order of the queue, no cell being one that a spreadsheet runs."""
    with atomic_text(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(map(_cell, [*_FIRST, *(_SAID + run for run in queue.runs), *_LAST]))
        for question in queue.questions:
            said = arm_texts(question, queue.runs)
            decided = question.decided
            p = "" if decided.quantity is None else f"{decided.right:.4f}"
            cells = [
                str(question.index), address.of(question) or question.image_link, question.entity.name,
                ", ".join(question.entity.units), decided_text(question),
                *(said.get(run, "") for run in queue.runs), "", "", "", p, f"{decided.present:.4f}",
                f"{question.gain:.4g}",
            ]  # fmt: skip
            writer.writerow(map(_cell, cells))


def _cell(text: str) -> str:
    """A cell for a spreadsheet; csv.writer leaves a bare carriage return unquoted, and readers take it for a row."""
    return harmless_cell(text.replace("\r", " "))


def read_sheet(path: Path) -> VerdictFile:
    """Reads the filled-in table: index, answer; perhaps also, annotator, decided, entity_name and what the runs said.

    Raises:
        TableError: the table breaks its contract.
    """
    header = read_table(path, ("index", "answer")).header
    runs = [name for name in header if name.startswith(_SAID)]
    table = read_table(path, ("index", "answer"), ("also", "annotator", "decided", "entity_name", *runs))
    found = VerdictFile()
    for row in range(len(table)):
        _read_row(table, row, runs, found)
    return found


def _read_row(table: Table, row: int, runs: list[str], found: VerdictFile) -> None:
    place = f"line {table.lines[row]}"
    answer, annotator = _text(table, row, "answer").strip(), _text(table, row, "annotator").strip()
    also = [text.strip() for text in _text(table, row, "also").split(ALSO_SEPARATOR.strip()) if text.strip()]
    if not answer and not also:
        found.unanswered += 1
        return
    index = parse_index(table["index"][row])
    if index is None:
        raise table.error(row, "index", f"{table['index'][row]!r} is no index; it must be a whole number from 0 on")
    decided = _text(table, row, "decided")
    if answer.lower() == OK:
        answer = NONE if decided == NOTHING else decided
    if not answer or (answer.lower() in (NONE, NOTHING) and also):
        reason = "`also` is filled in and `answer` names no value" if also else f"`{OK}` needs the column decided"
        found.problems.append(Problem(place, index, annotator, reason))
        return
    texts = () if answer.lower() in (NONE, NOTHING) else (answer, *also)
    said = {
        "decided": decided,
        "arms": {name.removeprefix(_SAID): text for name in runs if (text := _text(table, row, name))},
    }
    found.verdicts.append(Verdict(place, index, _text(table, row, "entity_name"), texts, annotator, said=said))


def _text(table: Table, row: int, column: str) -> str:
    """A cell, without the apostrophe that keeps a spreadsheet from running it; "" where the column is not there."""
    column_cells = table.get(column)
    text = column_cells[row] if column_cells else ""
    return text[1:] if text[:1] == "'" and text[1:].startswith(tuple(FORMULA_STARTS)) else text
