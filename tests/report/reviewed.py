"""A store of which every decided answer is known, and a labeller who knows the truth."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from entx.core.entities import CHALLENGE, Schema
from entx.core.types import Alignment, Answer, Evidence, OcrLine, OcrPage, PageStatus, Question, parse_written
from entx.report.queue import Queue, Wanted, make_panel, make_queue
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files, add_questions
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.ensemble.arms import KEY, PAGES

BOX = (100.0, 50.0, 300.0, 50.0, 300.0, 90.0, 100.0, 90.0)
PAGE = OcrPage("sha", PageStatus.OK, "", 1000, 500, (OcrLine("net 5 g", 0.9, BOX), OcrLine("6 g", 0.9, BOX)))

SURE: dict[int, tuple[str, float | None, float]] = {
    0: ("5 gram", 0.95, 0.99),
    1: ("6 gram", 0.40, 0.90),
    2: ("", None, 0.70),
    3: ("7 gram", 0.40, 0.50),
    4: ("", None, 0.05),
    5: ("8 gram", 0.40, 0.90),
}
"""Of the ensemble `picked`: answer, p, q. The order by gain is 2 or 1 and 5 (equal), then 3, then 0 and 4."""

TRUTH = {0: "5.0 gram", 1: "6.5 gram", 2: "9.0 gram", 3: "", 4: "", 5: "8.0 gram"}


def make_reviewed(path: Path, schema: Schema = CHALLENGE) -> Path:
    """Two arms and the ensemble `picked(a,b)` of them; `a` says what is picked, `b` something else to 1, 2 and 3."""
    with Store(path, write=True) as store:
        links = {i: f"https://pictures.example/{i}.jpg" for i in SURE}
        add_questions(store, [Question(i, link, "g", "item_weight") for i, link in links.items()], "t.csv")
        files = {link: str(path.parent / f"p {i}.jpg") for i, link in links.items()}
        add_files(store, [LinkedFile(link, "sha", file, 1, 1) for link, file in files.items()])
        add_pages(store, KEY, "ocr", [PAGE])
        other = {1: "6 ounce", 2: "9 gram", 3: ""}
        for run in "ab":
            begin_run(store, run, "rules", {"model": run, **PAGES})
            said = {i: text if run == "a" else other.get(i, text) for i, (text, *_) in SURE.items()}
            add_answers(store, run, [(i, _answer(text)) for i, text in said.items()])
        members = [{"run": run} for run in "ab"]
        begin_run(store, "picked(a,b)", "ensemble", {"members": members, "schema": schema.digest})
        add_answers(store, "picked(a,b)", [(i, _answer(text, p, q)) for i, (text, p, q) in SURE.items()])
    return path


def _answer(text: str, p: float | None = None, q: float | None = None) -> Answer:
    quantity = parse_written(text)
    printed = quantity is not None and text in ("5 gram", "6 gram")
    evidence = Evidence(Alignment.EXACT, (0,), BOX) if printed else Evidence(Alignment.NONE)
    reason = "" if quantity else "no quantity is printed"
    return Answer(quantity, text, reason, evidence, p_correct=p, p_present=q)


def queue_of(path: Path, runs: Sequence[str] = ("picked(a,b)",), **wanted: object) -> Queue:
    with Store(path) as store:
        panel = make_panel(store, runs, CHALLENGE)
        return make_queue(store, panel, CHALLENGE, Wanted(**wanted))  # type: ignore[arg-type]


def rows_of(path: Path) -> dict[int, dict[str, str]]:
    """A table by index."""
    with path.open(newline="", encoding="utf-8") as stream:
        return {int(row["index"]): row for row in csv.DictReader(stream)}


def labels_of(path: Path) -> Mapping[int, str]:
    return {index: row["entity_value"] for index, row in rows_of(path).items()}
