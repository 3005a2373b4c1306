"""The queue as tasks for Label Studio: its import format, and the labelling interface that belongs to it.

One task a question: a labeller who answers "height?" with one key and goes on needs no second question in view, and
each answer has its own lead time and its own place in the queue. A task holds the picture, the choices (each form that
an arm gave, that none is shown, another value) and, as a prediction, the answer as it stands with the boxes it was read
from. So to accept is to submit.

Format: https://labelstud.io/guide/tasks and https://labelstud.io/guide/predictions (boxes in percent of the picture,
`x` and `y` of the corner about which `rotation` turns clockwise).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from entx.core.files import atomic_text
from entx.core.types import Answer, Polygon
from entx.ensemble.ballot import Option
from entx.report.markup import asset
from entx.report.review.queue import Queue, QueuedQuestion, printed_forms

NOT_SHOWN = "not shown in the picture"
OTHER = "another value"
NOTHING = "nothing"
"""What an arm said that gave no answer, and the decided answer where none is given."""

DECIDED_LABEL, OTHER_LABEL = "decided answer", "another answer"
"""Labels of the boxes; as in labelling.xml."""

_LEAST_TURN = 1.0  # degrees; less slant than this is drawn as an upright box
_LONGEST = 200  # characters of a reason
_WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class PictureAddress:
    """How Label Studio reaches the pictures.

    Args:
        root: folder that it serves as local files (LOCAL_FILES_DOCUMENT_ROOT); None sends it to the links.
    """

    root: Path | None = None

    def of(self, question: QueuedQuestion) -> str | None:
        """Address of a question's picture; None where Label Studio cannot reach it."""
        if self.root is None:
            return question.image_link if question.image_link.startswith(_WEB) else None
        if question.path is None:
            return None
        path, root = Path(question.path).resolve(), self.root.resolve()
        if not path.is_relative_to(root):
            return None
        return "/data/local-files/?d=" + quote(path.relative_to(root).as_posix())


def labelling_config() -> str:
    """The labelling interface as Label Studio takes it."""
    return asset("entx.report.review", "labelling.xml")


def write_tasks(queue: Queue, out: Path, address: PictureAddress) -> None:
    """Writes the tasks as one JSON array, a task a line, in the order of the queue."""
    with atomic_text(out) as stream:
        lines = (json.dumps(task, ensure_ascii=False) for task in make_tasks(queue, address))
        stream.write("[\n" + ",\n".join(lines) + "\n]\n")


def make_tasks(queue: Queue, address: PictureAddress) -> Iterator[dict[str, Any]]:
    """The tasks of the queue. A picture that cannot be reached is named by its link all the same."""
    for question in queue.questions:
        yield {
            "data": _data(question, queue.runs, address),
            "predictions": [_prediction(question, f"entx {queue.decided_by}")],
        }


def decided_text(question: QueuedQuestion) -> str:
    """The answer as it stands: "500.0 gram", or "nothing"."""
    return question.decided.quantity.text if question.decided.quantity else NOTHING


def arm_texts(question: QueuedQuestion, runs: Sequence[str]) -> dict[str, str]:
    """What each run that was asked said, by its name."""
    answers = zip(runs, question.ballot.answers, strict=True)
    return {run: _said(answer) for run, answer in answers if answer is not None}


def _said(answer: Answer) -> str:
    return answer.quantity.text if answer.quantity else NOTHING


def _data(question: QueuedQuestion, runs: Sequence[str], address: PictureAddress) -> dict[str, Any]:
    decided = question.decided
    return {
        "image": address.of(question) or question.image_link,
        "question": f"What is the {question.entity.words}?",
        "index": question.index,
        "entity_name": question.entity.name,
        "units": ", ".join(question.entity.units),
        "choices": [{"value": text} for text in _choices(question)],
        "said": _lines(question, runs),
        "decided": decided_text(question),
        "arms": arm_texts(question, runs),
        "gain": _rounded(question.gain),
        "p_correct": None if decided.quantity is None else _rounded(decided.right),
        "p_present": _rounded(decided.present),
        "image_link": question.image_link,
    }


def _choices(question: QueuedQuestion) -> list[str]:
    """The decided answer first, then every other legal form, then the two that are always there."""
    decided = question.decided.quantity
    first = [decided.text] if decided is not None and decided.unit in question.entity.units else []
    return [*dict.fromkeys([*first, *(form.text for form in printed_forms(question.ballot))]), NOT_SHOWN, OTHER]


def _lines(question: QueuedQuestion, runs: Sequence[str]) -> str:
    lines = []
    for run, answer in zip(runs, question.ballot.answers, strict=True):
        if answer is None:
            lines.append(f"{run}: not asked")
        elif answer.quantity is None and answer.reason:
            short = answer.reason if len(answer.reason) <= _LONGEST else answer.reason[:_LONGEST] + "…"
            lines.append(f"{run}: {NOTHING} ({short})")
        else:
            lines.append(f"{run}: {_said(answer)}")
    return "\n".join(lines)


def _prediction(question: QueuedQuestion, version: str) -> dict[str, Any]:
    decided = question.decided
    best = NOT_SHOWN if decided.quantity is None else decided.quantity.text
    result: list[dict[str, Any]] = []
    if best in _choices(question):  # not where it names a unit that the entity does not allow
        value = {"choices": [best]}
        result = [{"id": "answer", "from_name": "answer", "to_name": "image", "type": "choices", "value": value}]
    right = 1.0 - decided.present if decided.quantity is None else decided.right
    return {"model_version": version, "score": _rounded(right), "result": [*result, *_boxes(question)]}


def _boxes(question: QueuedQuestion) -> Iterator[dict[str, Any]]:
    """Where the options were read, the decided one first; none where the picture's size is not known."""
    if question.size is None:
        return
    decided = question.decided.quantity
    options = [option for option in question.ballot.options if option.quantity and option.evidence.polygon]
    options.sort(key=lambda option: not _is(option, decided))
    for number, option in enumerate(options):
        assert option.evidence.polygon is not None
        label = DECIDED_LABEL if _is(option, decided) else OTHER_LABEL
        yield {
            "id": f"evidence-{number}",
            "from_name": "evidence",
            "to_name": "image",
            "type": "rectanglelabels",
            "original_width": question.size[0],
            "original_height": question.size[1],
            "image_rotation": 0,
            "value": {**rectangle(option.evidence.polygon, question.size), "rectanglelabels": [label]},
            "meta": {"text": [str(option.quantity)]},
        }


def _is(option: Option, decided: object) -> bool:
    return decided is not None and decided in (option.quantity, *option.spoken)


def rectangle(polygon: Polygon, size: tuple[int, int]) -> dict[str, float]:
    """A text's polygon as Label Studio draws rectangles, all in percent but for the rotation in degrees, clockwise.

    Text along the picture's sides has an upright box. Slanted text has a turned one, unless that would reach out of
    what Label Studio accepts; then the upright box around it.

    Args:
        polygon: clockwise from the text's own top left.
        size: width and height of the picture in pixels.
    """
    width, height = size
    left, top, right, upper = polygon[:4]
    turn = math.degrees(math.atan2(upper - top, right - left)) % 360.0
    if min(turn % 90.0, 90.0 - turn % 90.0) > _LEAST_TURN:
        turned = {
            "x": 100.0 * left / width,
            "y": 100.0 * top / height,
            "width": 100.0 * math.hypot(right - left, upper - top) / width,
            "height": 100.0 * math.hypot(polygon[6] - left, polygon[7] - top) / height,
        }
        if all(0.0 <= value <= 100.0 for value in turned.values()):
            return {**{name: round(value, 4) for name, value in turned.items()}, "rotation": round(turn, 2)}
    across = [min(max(x / width, 0.0), 1.0) for x in polygon[0::2]]
    down = [min(max(y / height, 0.0), 1.0) for y in polygon[1::2]]
    box = {"x": min(across), "y": min(down), "width": max(across) - min(across), "height": max(down) - min(down)}
    return {**{name: round(100.0 * value, 4) for name, value in box.items()}, "rotation": 0.0}


def _rounded(number: float) -> float:
    """Four significant digits: more than an expectation is worth."""
    return float(f"{number:.4g}")
