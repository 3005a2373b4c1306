"""Reviews come back: verdicts of a file become reviews of the store, and what follows from them a truth table."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entx.core.entities import Schema
from entx.core.errors import InputError
from entx.core.evaluation import ALSO_SEPARATOR
from entx.core.files import atomic_text, harmless_cell
from entx.report.review.label_studio import read_label_studio
from entx.report.review.sheet import read_sheet
from entx.report.review.tasks import NOTHING
from entx.report.review.verdicts import Problem, Verdict, VerdictFile, now, written_form
from entx.storage.labels import Review, add_reviews, load_reviews, settle
from entx.storage.questions import FoundQuestion, find_questions
from entx.storage.store import Store

_READERS = {".json": read_label_studio, ".csv": read_sheet}


@dataclass(frozen=True)
class Intake:
    """What one import did.

    Args:
        read: verdicts that can be stored.
        added: of these, verdicts that are new in the store.
        outcomes: of those read, against the decided answer: accepted, corrected, filled in, taken back;
            or just answered, where the file does not say what was decided.
        skipped: annotations that their annotator cancelled.
        unanswered: tasks or rows that nobody answered.
        problems: verdicts that cannot be stored, and questions of the file on which reviewers disagree.
    """

    read: int
    added: int
    outcomes: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    unanswered: int = 0
    problems: tuple[Problem, ...] = ()


def import_reviews(store: Store, path: Path, schema: Schema, source: str, annotator: str = "") -> Intake:
    """Reads a file and stores what it says, in one transaction. Repeating the call adds nothing twice.

    Args:
        path: an export of Label Studio (.json), or a filled-in table of the queue (.csv).
        source: name of the labelling; training names it like a table.
        annotator: of verdicts whose file does not say.

    Raises:
        InputError: the file is neither, or all of its questions are those of another store.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: expected Label Studio's export (.json) or a table of the queue (.csv)")
    found = reader(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    questions = find_questions(store, {verdict.index for verdict in found.verdicts})
    if found.verdicts and not questions:
        raise InputError(f"{path}: {store.path} has none of the {len(found.verdicts):,} answered questions")
    reviews = []
    problems = list(found.problems)
    moment = _first_imported(store, sha256, source) or now()
    for verdict in _without_contradictions(found, problems):
        try:
            rights = _rights(verdict, questions.get(verdict.index), schema)
        except ValueError as reason:
            problems.append(Problem(verdict.place, verdict.index, verdict.annotator, str(reason)))
            continue
        reviews.append(
            Review(
                verdict.index, rights, source, verdict.annotator or annotator, verdict.reviewed or moment,
                verdict.final, verdict.lead_seconds, verdict.task, verdict.said, path.name, sha256,
            )
        )  # fmt: skip
    added = add_reviews(store, reviews)
    _, disputed = settle(load_reviews(store))
    problems += [
        _disagreement(index, disputed[index]) for index in sorted({one.index for one in reviews} & set(disputed))
    ]
    outcomes = Counter(_outcome(review) for review in reviews)
    return Intake(len(reviews), added, outcomes, found.skipped, found.unanswered, tuple(problems))


def write_labels(store: Store, out: Path) -> int:
    """Writes what the store's reviewers agree on as a truth table; returns the number of rows, by index.

    Columns: index, image (the link; rows of one picture have the same), entity_name, entity_value, also, annotator.
    """
    labels, _ = settle(load_reviews(store))
    questions = find_questions(store, labels)
    with atomic_text(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["index", "image", "entity_name", "entity_value", "also", "annotator"])
        for index, label in sorted(labels.items()):
            question = questions[index]
            value, also = next(iter(label.rights), ""), ALSO_SEPARATOR.join(label.rights[1:])
            cells = (question.image_link, question.entity_name, value, also, ", ".join(label.annotators))
            writer.writerow([index, *map(harmless_cell, cells)])
    return len(labels)


def _first_imported(store: Store, sha256: str, source: str) -> str | None:
    """When this very file was imported before: then what it says is not newer than that."""
    rows = store.connection.execute(
        "select min(reviewed) from reviews where sha256 = ? and source = ?", [sha256, source]
    ).fetchall()
    return rows[0][0] and str(rows[0][0])


def _without_contradictions(found: VerdictFile, problems: list[Problem]) -> list[Verdict]:
    """The verdicts, less those in which one person answers one question differently at one time."""
    by_person: dict[tuple[int, str, str], list[Verdict]] = defaultdict(list)
    for verdict in found.verdicts:
        by_person[verdict.index, verdict.annotator, verdict.reviewed].append(verdict)
    kept = []
    for (index, annotator, _), every in by_person.items():
        if len({verdict.texts for verdict in every}) == 1:
            kept.append(every[0])
            continue
        reason = "the same annotator answers differently in " + ", ".join(verdict.place for verdict in every[1:])
        problems.append(Problem(every[0].place, index, annotator, reason))
    return kept


def _rights(verdict: Verdict, question: FoundQuestion | None, schema: Schema) -> tuple[str, ...]:
    """The written forms.

    Raises:
        ValueError: another question, or a text that is no label.
    """
    if question is None:
        raise ValueError("the store has no question of this index")
    if verdict.entity_name not in ("", question.entity_name):
        raise ValueError(
            f"asks {verdict.entity_name!r}, the store's question {question.entity_name!r}; another store's?"
        )
    entity = schema[question.entity_name]
    return tuple(dict.fromkeys(written_form(text, entity) for text in verdict.texts))


def _outcome(review: Review) -> str:
    decided = review.said.get("decided", "")
    if not decided:
        return "answered"
    if not review.rights:
        return "accepted" if decided == NOTHING else "taken back"
    if decided == NOTHING:
        return "filled in"
    return "accepted" if decided in review.rights else "corrected"


def _disagreement(index: int, reviews: Sequence[Review]) -> Problem:
    said = "; ".join(f"{one.annotator or 'somebody'}: {' or '.join(one.rights) or 'none'}" for one in reviews)
    people = ", ".join(sorted({one.annotator for one in reviews}))
    return Problem("reviewers disagree", index, people, f"{said}; no label until they agree or one is ground truth")
