"""Reviews come back: annotations of a file become reviews of the store, and what follows from them a truth table.

An annotation is one person's answer as typed; a review is that answer as a label, in the one written form, with who
gave it, when, and what the runs had said. What is no label becomes a `Problem` with its place and reason.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from entx.core.entities import Entity, Schema
from entx.core.errors import InputError
from entx.core.evaluation import ALSO_SEPARATOR
from entx.core.files import atomic_text, harmless_cell
from entx.core.parser import find_own_quantities, find_quantities
from entx.core.postprocess import legalise
from entx.core.types import parse_written
from entx.report.forms import NOTHING, Annotation, AnnotationFile, Problem, read_label_studio, read_sheet, utc
from entx.report.page import shortened
from entx.storage.labels import Review, add_reviews, load_reviews, settle
from entx.storage.questions import FoundQuestion, find_questions
from entx.storage.store import Store

_READERS = {".json": read_label_studio, ".csv": read_sheet}


@dataclass(frozen=True)
class Intake:
    """What one import did."""

    read: int  # annotations that can be stored
    added: int  # of these, those that are new in the store
    # those read, against the decided answer: accepted, corrected, filled in, taken back; answered where it is unknown
    outcomes: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    unanswered: int = 0
    problems: tuple[Problem, ...] = ()  # annotations that cannot be stored, questions on which reviewers disagree


def import_reviews(store: Store, path: Path, schema: Schema, source: str, annotator: str = "") -> Intake:
    """Reads a file and stores what it says, in one transaction. Repeating the call adds nothing twice.

    Args:
        path: an export of Label Studio (.json), or a filled-in table of the queue (.csv).
        source: name of the labelling; training names it like a table.
        annotator: of annotations whose file does not say.

    Raises:
        InputError: the file is neither, or all of its questions are those of another store.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: expected Label Studio's export (.json) or a table of the queue (.csv)")
    found = reader(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    questions = find_questions(store, {annotation.index for annotation in found.annotations})
    if found.annotations and not questions:
        raise InputError(f"{path}: {store.path} has none of the {len(found.annotations):,} answered questions")
    reviews = []
    problems = list(found.problems)
    # what a file without times says is not newer than its first import
    before = "select min(reviewed) from reviews where sha256 = ? and source = ?"
    ((first,),) = store.connection.execute(before, [sha256, source]).fetchall()
    moment = first or utc(datetime.now(UTC).isoformat())
    for annotation in _without_contradictions(found, problems):
        try:
            rights = _rights(annotation, questions.get(annotation.index), schema)
        except ValueError as error:
            problems.append(Problem(annotation.place, annotation.index, annotation.annotator, str(error)))
            continue
        reviews.append(
            replace(
                annotation, rights=rights, source=source, annotator=annotation.annotator or annotator,
                reviewed=annotation.reviewed or moment, file=path.name, sha256=sha256,
            )
        )  # fmt: skip
    added = add_reviews(store, reviews)
    _, disputed = settle(load_reviews(store))
    for index in sorted({one.index for one in reviews} & set(disputed)):
        own = disputed[index]
        said = "; ".join(f"{one.annotator or 'somebody'}: {' or '.join(one.rights) or 'none'}" for one in own)
        reason = f"{said}; no label until they agree or one is ground truth"
        people = ", ".join(sorted({one.annotator for one in own}))
        problems.append(Problem("reviewers disagree", index, people, reason))
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


def written_form(text: str, entity: Entity) -> str:
    """A typed value as the one written form: "500 g" is "500.0 gram".

    Stricter than what reads a model's sentence: the text must be one quantity and nothing else, because a label that is
    guessed is none.

    Raises:
        ValueError: anything else; the message is the reason.
    """
    text = text.strip()
    shown = repr(shortened(text, 60))
    written = parse_written(text)
    if written is not None and written.unit in entity.units:
        return written.text
    found = [*find_quantities(text), *find_own_quantities(text, entity.units)]
    if not found:
        raise ValueError(f"{shown} is no quantity; expected a number and a unit, or none")
    if len(found) > 1 or found[0].start > 0 or found[0].end < len(text):
        raise ValueError(f"{shown} is more than one number and its unit; put other right forms into `also`")
    legal = legalise(found[0], entity)
    if legal is None:
        units = ", ".join(entity.units)
        raise ValueError(f"{shown}: the unit {found[0].quantity.unit} is not allowed for {entity.name} ({units})")
    return legal.quantity.text


def _without_contradictions(found: AnnotationFile, problems: list[Problem]) -> list[Annotation]:
    """The annotations, less those in which one person answers one question differently at one time."""
    by_person: dict[tuple[int, str, str], list[Annotation]] = defaultdict(list)
    for annotation in found.annotations:
        by_person[annotation.index, annotation.annotator, annotation.reviewed].append(annotation)
    kept = []
    for (index, annotator, _), every in by_person.items():
        if len({annotation.rights for annotation in every}) == 1:
            kept.append(every[0])
            continue
        reason = "the same annotator answers differently in " + ", ".join(annotation.place for annotation in every[1:])
        problems.append(Problem(every[0].place, index, annotator, reason))
    return kept


def _rights(annotation: Annotation, question: FoundQuestion | None, schema: Schema) -> tuple[str, ...]:
    """The written forms. Raises ValueError: another question, or a text that is no label."""
    if question is None:
        raise ValueError("the store has no question of this index")
    if annotation.entity_name not in ("", question.entity_name):
        raise ValueError(
            f"asks {annotation.entity_name!r}, the store's question {question.entity_name!r}; another store's?"
        )
    entity = schema[question.entity_name]
    return tuple(dict.fromkeys(written_form(text, entity) for text in annotation.rights))


def _outcome(review: Review) -> str:
    decided = review.said.get("decided", "")
    if not decided:
        return "answered"
    if not review.rights:
        return "accepted" if decided == NOTHING else "taken back"
    if decided == NOTHING:
        return "filled in"
    return "accepted" if decided in review.rights else "corrected"
