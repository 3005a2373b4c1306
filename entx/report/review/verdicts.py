"""What a person said of a question, as a file has it: before it is known to be a label, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from entx.core.entities import Entity
from entx.core.parser import find_own_quantities, find_quantities
from entx.core.postprocess import legalise
from entx.core.types import parse_written

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One person's answer to one question, as typed.

    Args:
        place: where in the file, in words ("task 12, annotation 34", "line 5").
        index: of the question.
        entity_name: that the file says was asked; "" where it does not say.
        texts: forms that are right, as typed; () where the picture states none.
        annotator: "" where the file does not say.
        reviewed: as `utc`; "" where the file does not say.
        final, lead_seconds, task, said: as in `storage.reviews.Review`.
    """

    place: str
    index: int
    entity_name: str
    texts: tuple[str, ...]
    annotator: str = ""
    reviewed: str = ""
    final: bool = False
    lead_seconds: float | None = None
    task: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that becomes no label, with its reason.

    Args:
        place: where in the file, in words.
        index: of the question as far as it is known, else None.
        annotator: "" where it is not known.
        reason: what is wrong and what to do.
    """

    place: str
    index: int | None
    annotator: str
    reason: str

    def __str__(self) -> str:
        question = "" if self.index is None else f" (question {self.index})"
        return f"{self.place}{question}: {self.reason}"


@dataclass
class VerdictFile:
    """All that a file says; grows while it is read.

    Args:
        verdicts: what can be read as an answer.
        problems: what cannot.
        skipped: annotations that their annotator cancelled.
        unanswered: tasks or rows that nobody has answered.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: int = 0
    unanswered: int = 0


def written_form(text: str, entity: Entity) -> str:
    """A typed value as the one written form: "500 g" is "500.0 gram".

    Stricter than what reads a model's sentence: the text must be one quantity and nothing else, because a label that is
    guessed is none.

    Raises:
        ValueError: anything else; the message is the reason.
    """
    text = text.strip()
    written = parse_written(text)
    if written is not None and written.unit in entity.units:
        return written.text
    found = [*find_quantities(text), *find_own_quantities(text, entity.units)]
    if not found:
        raise ValueError(f"{_short(text)} is no quantity; expected a number and a unit, or none")
    if len(found) > 1 or found[0].start > 0 or found[0].end < len(text):
        raise ValueError(f"{_short(text)} is more than one number and its unit; put other right forms into `also`")
    legal = legalise(found[0], entity)
    if legal is None:
        raise ValueError(
            f"{_short(text)}: the unit {found[0].quantity.unit} is not allowed for {entity.name} "
            f"({', '.join(entity.units)})"
        )
    return legal.quantity.text


def utc(text: object) -> str:
    """A time in ISO 8601 as UTC with microseconds, so that texts sort like times; "" for anything else."""
    if not isinstance(text, str):
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime(_TIME)


def now() -> str:
    """This moment, as `utc` writes it."""
    return datetime.now(UTC).strftime(_TIME)


def storable(text: str) -> str:
    """Foreign text without what a database cannot hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")
