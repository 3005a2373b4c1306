"""The forms in which the queue goes out to people and comes back: tasks of Label Studio, and a table for a spreadsheet.

Label Studio. One task is one question: a labeller who answers "height?" with one key and goes on needs no second
question in view, and each answer has its own lead time and its own place in the queue. A task holds the picture, the
choices (each form that an arm gave, that none is shown, another value) and, as a prediction, the answer as it stands
with the boxes it was read from. So to accept is to submit. Its exports are read in both formats: JSON (tasks with their
annotations) and JSON-MIN (a flat record an annotation); boxes that a labeller drew or moved are not read. Formats:
https://labelstud.io/guide/tasks, /predictions (boxes in percent of the picture, `x` and `y` of the corner about which
`rotation` turns clockwise), /export and /task_format. The labelling interface is templates/labelling.xml.

The table. People fill in `answer` (a value as printed, `none` where the picture states none, `ok` where the decided
answer is right; empty: not looked at), and as they like `also` (other right forms, `|` between them) and `annotator`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from entx.core.boxes import bounds, corners, print_height
from entx.core.errors import InputError
from entx.core.evaluation import ALSO_SEPARATOR
from entx.core.files import FORMULA_STARTS, atomic_text, harmless_cell, input_bytes, storable
from entx.core.tables import Table, parse_index, read_table
from entx.core.types import Polygon, Quantity
from entx.report.page import asset, shortened
from entx.report.queue import Queue, QueuedQuestion, printed_forms
from entx.storage.labels import Review

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Annotation(Review):
    """A review as a file has it: its forms as typed, and "" for what the file does not say."""

    place: str = ""  # where in the file, in words
    entity_name: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of a file that becomes no label, and what to do."""

    place: str
    index: int | None  # None where it is not known
    annotator: str
    reason: str

    def __str__(self) -> str:
        question = "" if self.index is None else f" (question {self.index})"
        return f"{self.place}{question}: {self.reason}"


@dataclass
class AnnotationFile:
    """All that a file says; it grows while it is read."""

    annotations: list[Annotation] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: int = 0  # annotations that their annotator cancelled
    unanswered: int = 0  # tasks or rows that nobody has answered


NOT_SHOWN = "not shown in the picture"
OTHER = "another value"
NOTHING = "nothing"
"""What an arm said that gave no answer, and the decided answer where none is given."""

DECIDED_LABEL, OTHER_LABEL = "decided answer", "another answer"
"""Labels of the boxes; as in labelling.xml."""

_LEAST_TURN = 1.0  # degrees; less slant than this is drawn as an upright box
_LONGEST = 200  # characters of a reason


def picture_address(question: QueuedQuestion, root: Path | None) -> str | None:
    """Address of a question's picture; None where Label Studio cannot reach it.

    Args:
        root: folder that it serves as local files (LOCAL_FILES_DOCUMENT_ROOT); None sends it to the links.
    """
    if root is None:
        return question.image_link if question.image_link.startswith(("http://", "https://")) else None
    if question.path is None:
        return None
    path, folder = Path(question.path).resolve(), root.resolve()
    if not path.is_relative_to(folder):
        return None
    return "/data/local-files/?d=" + quote(path.relative_to(folder).as_posix())


def labelling_config() -> str:
    """The labelling interface as Label Studio takes it."""
    return asset("labelling.xml")


def write_tasks(queue: Queue, out: Path, root: Path | None = None) -> None:
    """Writes the tasks as one JSON array, a task a line, in the order of the queue; `root` as `picture_address`."""
    with atomic_text(out) as stream:
        lines = (json.dumps(task, ensure_ascii=False) for task in make_tasks(queue, root))
        stream.write("[\n" + ",\n".join(lines) + "\n]\n")


def make_tasks(queue: Queue, root: Path | None = None) -> Iterator[dict[str, Any]]:
    """The tasks of the queue. A picture that cannot be reached is named by its link all the same."""
    for question in queue.questions:
        decided, said = question.decided, _said_by_runs(question, queue.runs)
        own = [decided.quantity] if decided.quantity and decided.quantity.unit in question.entity.units else []
        choices = [*dict.fromkeys(form.text for form in (*own, *printed_forms(question.ballot))), NOT_SHOWN, OTHER]
        data = {
            "image": picture_address(question, root) or question.image_link,
            "question": f"What is the {question.entity.words}?",
            "index": question.index,
            "entity_name": question.entity.name,
            "units": ", ".join(question.entity.units),
            "choices": [{"value": text} for text in choices],
            "said": "\n".join(_said_lines(question, queue.runs, said)),
            "decided": _written(decided.quantity),
            "arms": said,
            "gain": _rounded(question.gain),
            "p_correct": None if decided.quantity is None else _rounded(decided.right),
            "p_present": _rounded(decided.present),
            "image_link": question.image_link,
        }
        best = NOT_SHOWN if decided.quantity is None else decided.quantity.text
        answer = {"id": "answer", "from_name": "answer", "to_name": "image", "type": "choices"}
        # no choice where the answer is in a unit that the entity does not allow
        result = [{**answer, "value": {"choices": [best]}}] if best in choices else []
        right = 1.0 - decided.present if decided.quantity is None else decided.right
        prediction = {
            "model_version": f"entx {queue.decided_by}", "score": _rounded(right),
            "result": [*result, *_boxes(question)],
        }  # fmt: skip
        yield {"data": data, "predictions": [prediction]}


def _written(quantity: Quantity | None) -> str:
    return quantity.text if quantity else NOTHING


def _said_by_runs(question: QueuedQuestion, runs: Sequence[str]) -> dict[str, str]:
    """What each run that was asked said, by its name."""
    answers = zip(runs, question.ballot.answers, strict=True)
    return {run: _written(answer.quantity) for run, answer in answers if answer is not None}


def _said_lines(question: QueuedQuestion, runs: Sequence[str], said: Mapping[str, str]) -> Iterator[str]:
    """What each run said, for people to read: a line a run, with its reason where it gave nothing."""
    for run, answer in zip(runs, question.ballot.answers, strict=True):
        reason = shortened(answer.reason, _LONGEST) if answer is not None and answer.quantity is None else ""
        yield f"{run}: {said.get(run, 'not asked')}{f' ({reason})' if reason else ''}"


def _boxes(question: QueuedQuestion) -> Iterator[dict[str, Any]]:
    """Where the options were read, the decided one first; none where the picture's size is not known."""
    if question.size is None:
        return
    boxes: list[tuple[str, Polygon, str]] = []
    for option in question.ballot.options:
        if option.quantity and option.evidence.polygon:
            is_decided = question.decided.quantity in (option.quantity, *option.spoken)
            label = DECIDED_LABEL if is_decided else OTHER_LABEL
            boxes.append((label, option.evidence.polygon, str(option.quantity)))
    for number, (label, polygon, text) in enumerate(sorted(boxes, key=lambda box: box[0] != DECIDED_LABEL)):
        yield {
            "id": f"evidence-{number}", "from_name": "evidence", "to_name": "image", "type": "rectanglelabels",
            "original_width": question.size[0], "original_height": question.size[1], "image_rotation": 0,
            "value": {**rectangle(polygon, question.size), "rectanglelabels": [label]}, "meta": {"text": [text]},
        }  # fmt: skip


def rectangle(polygon: Polygon, size: tuple[int, int]) -> dict[str, float]:
    """A text's polygon as Label Studio draws rectangles, all in percent but for the rotation in degrees, clockwise.

    Text along the picture's sides has an upright box. Slanted text has a turned one, unless that would reach out of
    what Label Studio accepts; then the upright box around it.

    Args:
        polygon: clockwise from the text's own top left.
        size: width and height of the picture in pixels.
    """
    width, height = size
    (x1, y1), (x2, y2), *_ = corners(polygon)
    turn = math.degrees(math.atan2(y2 - y1, x2 - x1)) % 360.0
    if min(turn % 90.0, 90.0 - turn % 90.0) > _LEAST_TURN:
        turned = {
            "x": 100.0 * x1 / width, "y": 100.0 * y1 / height,
            "width": 100.0 * math.hypot(x2 - x1, y2 - y1) / width, "height": 100.0 * print_height(polygon) / height,
        }  # fmt: skip
        if all(0.0 <= value <= 100.0 for value in turned.values()):
            return {**{name: round(value, 4) for name, value in turned.items()}, "rotation": round(turn, 2)}
    left, top, right, bottom = (
        min(max(value / full, 0.0), 1.0)
        for value, full in zip(bounds(polygon), (width, height, width, height), strict=True)
    )
    box = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {**{name: round(100.0 * value, 4) for name, value in box.items()}, "rotation": 0.0}


def _rounded(number: float) -> float:
    """Four significant digits: more than an expectation is worth."""
    return float(f"{number:.4g}")


_CONTROLS = ("answer", "value", "also")
_FIELDS = ("created_at", "updated_at", "lead_time", "ground_truth")


def read_label_studio(path: Path) -> AnnotationFile:
    """Reads an export. Raises InputError: the file cannot be read, is no JSON, or no such export."""
    try:
        plain = json.loads(input_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    records = plain if isinstance(plain, list) else [plain]
    if not all(isinstance(record, dict) for record in records):
        raise InputError(f"{path}: is no export of Label Studio; expected a list of tasks (format JSON or JSON-MIN)")
    found = AnnotationFile()
    if all("annotations" in record and isinstance(record.get("data"), dict) for record in records):
        read = _read_task
    elif all("annotation_id" in record or "annotator" in record for record in records):
        read = _read_flat
    elif all("data" in record for record in records):
        raise InputError(f"{path}: holds tasks and no annotations; export the project as JSON or JSON-MIN")
    else:
        raise InputError(f"{path}: is no export of Label Studio in the format JSON or JSON-MIN")
    for record in records:
        read(record, found)
    return found


def _read_task(record: Mapping[str, Any], found: AnnotationFile) -> None:
    annotations = record["annotations"]
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        place, reason = f"task {record.get('id', '?')}", "its annotations are no list of objects"
        found.problems.append(Problem(place, None, "", reason))
        return
    found.unanswered += not annotations
    for one in annotations:
        if one.get("was_cancelled") or one.get("skipped"):
            found.skipped += 1
            continue
        values: dict[str, list[str]] = {name: [] for name in _CONTROLS}
        result = one.get("result")
        for region in result if isinstance(result, list) else []:
            if isinstance(region, dict) and region.get("from_name") in values:
                values[region["from_name"]] += _strings(region.get("value"))
        flat = {**record["data"], **{name: one.get(name) for name in _FIELDS}}
        flat |= {"id": record.get("id", ""), "annotation_id": one.get("id", ""), "annotator": one.get("completed_by")}
        _add(found, flat, values)


def _read_flat(record: Mapping[str, Any], found: AnnotationFile) -> None:
    values = {name: _strings(record.get(name)) for name in _CONTROLS}
    if record.get("annotation_id") is None and not any(values.values()):
        found.unanswered += 1
    else:
        _add(found, record, values)


def _add(found: AnnotationFile, record: Mapping[str, Any], values: Mapping[str, list[str]]) -> None:
    """Adds a record as JSON-MIN has it: the task's data, and who answered when; `values` of each control."""
    task, one = record.get("id", ""), record.get("annotation_id", "")
    place = f"task {'?' if task == '' else task}, annotation {'?' if one == '' else one}"
    annotator = _person(record.get("annotator"))
    index = parse_index(str(record.get("index", "")))
    try:
        if index is None:
            raise ValueError("its data has no index; is it a task of `entx review`?")
        texts = _texts(values)
    except ValueError as reason:
        found.problems.append(Problem(place, index, annotator, str(reason)))
        return
    said: dict[str, Any] = {"decided": storable(str(record.get("decided", "")))}
    if isinstance(arms := record.get("arms"), Mapping):
        said["arms"] = {storable(str(run)): storable(str(text)) for run, text in arms.items()}
    found.annotations.append(
        Annotation(
            index, texts, "", annotator, utc(record.get("updated_at")) or utc(record.get("created_at")),
            record.get("ground_truth") is True, _lead_seconds(record.get("lead_time")), storable(f"{task}/{one}"), said,
            place=place, entity_name=str(record.get("entity_name", "")),
        )
    )  # fmt: skip


def _texts(values: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The forms that are right, as typed; a ValueError says why there is no answer, or which two contradict."""
    picked, typed, also = (values[name] for name in _CONTROLS)
    if len(picked) != 1:
        raise ValueError(f"{len(picked)} answers were picked; one is needed" if picked else "no answer was picked")
    if picked[0] == OTHER:
        if not typed:
            raise ValueError(f"{OTHER!r} was picked, and none was typed")
        return (*typed, *also)
    if typed:
        raise ValueError(f"{picked[0]!r} was picked, and {typed[0]!r} typed as another value; which is right?")
    if picked[0] == NOT_SHOWN:
        if also:
            raise ValueError(f"{NOT_SHOWN!r} was picked, and {also[0]!r} typed as a value that is also right")
        return ()
    return (picked[0], *also)


def _strings(value: object) -> list[str]:
    """The texts of a control's value, whichever of the exports it comes from; empty ones left out."""
    if isinstance(value, str):
        return [storable(value)] if value.strip() else []
    if isinstance(value, Mapping):
        return [text for name in ("choices", "text") for text in _strings(value.get(name))]
    return [text for one in value for text in _strings(one)] if isinstance(value, list) else []


def _person(completed_by: object) -> str:
    """An id, or the e-mail address where the export tells it."""
    if isinstance(completed_by, Mapping):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return "" if completed_by is None else storable(str(completed_by))


def _lead_seconds(lead_time: object) -> float | None:
    """A sensible number of seconds; None for anything else."""
    if isinstance(lead_time, bool) or not isinstance(lead_time, int | float) or not 0 <= lead_time < 1e9:
        return None
    return float(lead_time)


NONE, OK = "none", "ok"
_SAID = "said by "
_FIRST = ("index", "image", "entity_name", "units", "decided")
_LAST = ("answer", "also", "annotator", "p_correct", "p_present", "gain")


def write_sheet(queue: Queue, out: Path, root: Path | None = None) -> None:
    """Writes the table, a row a question in the order of the queue; `root` as `picture_address`."""
    with atomic_text(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(map(_cell, [*_FIRST, *(_SAID + run for run in queue.runs), *_LAST]))
        for question in queue.questions:
            said, decided = _said_by_runs(question, queue.runs), question.decided
            p = "" if decided.quantity is None else f"{decided.right:.4f}"
            cells = [
                str(question.index), picture_address(question, root) or question.image_link, question.entity.name,
                ", ".join(question.entity.units), _written(decided.quantity),
                *(said.get(run, "") for run in queue.runs), "", "", "", p, f"{decided.present:.4f}",
                f"{question.gain:.4g}",
            ]  # fmt: skip
            writer.writerow(map(_cell, cells))


def _cell(text: str) -> str:
    """A cell for a spreadsheet; csv.writer leaves a bare carriage return unquoted, and readers take it for a row."""
    return harmless_cell(text.replace("\r", " "))


def read_sheet(path: Path) -> AnnotationFile:
    """Reads the filled-in table: index, answer; perhaps also, annotator, decided, entity_name and what the runs said.

    Raises:
        TableError: the table breaks its contract.
    """
    header = read_table(path, ("index", "answer")).header
    runs = [name for name in header if name.startswith(_SAID)]
    table = read_table(path, ("index", "answer"), ("also", "annotator", "decided", "entity_name", *runs))
    found = AnnotationFile()
    for row in range(len(table)):
        _read_row(table, row, runs, found)
    return found


def _read_row(table: Table, row: int, runs: list[str], found: AnnotationFile) -> None:
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
    arms = {name.removeprefix(_SAID): text for name in runs if (text := _text(table, row, name))}
    entity_name, said = _text(table, row, "entity_name"), {"decided": decided, "arms": arms}
    found.annotations.append(
        Annotation(index, texts, "", annotator, "", said=said, place=place, entity_name=entity_name)
    )


def _text(table: Table, row: int, column: str) -> str:
    """A cell, without the apostrophe that keeps a spreadsheet from running it; "" where the column is not there."""
    column_cells = table.get(column)
    text = column_cells[row] if column_cells else ""
    return text[1:] if text[:1] == "'" and text[1:].startswith(tuple(FORMULA_STARTS)) else text


def utc(text: object) -> str:
    """A time in ISO 8601 as UTC with microseconds, so that texts sort like times; "" for anything else."""
    if not isinstance(text, str):
        return ""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime(_TIME_FORMAT)
    except (ValueError, OverflowError):  # a moment of year 1 or 9999 that is none in UTC
        return ""
