"""Label Studio's exports as verdicts: JSON (tasks with their annotations) and JSON-MIN (a flat record an annotation).

Format: https://labelstud.io/guide/export and https://labelstud.io/guide/task_format. The names are those of tasks.py
and labelling.xml. Boxes that a labeller drew or moved are not read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from entx.core.errors import InputError
from entx.core.tables import parse_index
from entx.report.review.tasks import NOT_SHOWN, OTHER
from entx.report.review.verdicts import Problem, Verdict, VerdictFile, storable, utc

_CONTROLS = ("answer", "value", "also")


def read_label_studio(path: Path) -> VerdictFile:
    """Reads an export.

    Raises:
        InputError: the file cannot be read, is no JSON, or no such export.
    """
    try:
        plain = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    records = plain if isinstance(plain, list) else [plain]
    if not all(isinstance(record, dict) for record in records):
        raise InputError(f"{path}: is no export of Label Studio; expected a list of tasks (format JSON or JSON-MIN)")
    found = VerdictFile()
    if all("annotations" in record and isinstance(record.get("data"), dict) for record in records):
        for task in records:
            _read_task(task, found)
    elif all("annotation_id" in record or "annotator" in record for record in records):
        for record in records:
            _read_flat(record, found)
    elif all("data" in record for record in records):
        raise InputError(f"{path}: holds tasks and no annotations; export the project as JSON or JSON-MIN")
    else:
        raise InputError(f"{path}: is no export of Label Studio in the format JSON or JSON-MIN")
    return found


def _read_task(task: Mapping[str, Any], found: VerdictFile) -> None:
    annotations = task["annotations"]
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        found.problems.append(
            Problem(f"task {task.get('id', '?')}", None, "", "its annotations are no list of objects")
        )
        return
    found.unanswered += not annotations
    for annotation in annotations:
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            found.skipped += 1
            continue
        said: dict[str, list[str]] = {name: [] for name in _CONTROLS}
        result = annotation.get("result")
        for region in result if isinstance(result, list) else []:
            if isinstance(region, dict) and region.get("from_name") in said:
                said[region["from_name"]] += _strings(region.get("value"))
        place = f"task {task.get('id', '?')}, annotation {annotation.get('id', '?')}"
        _add(found, place, task["data"], said, annotation, f"{task.get('id', '')}/{annotation.get('id', '')}")


def _read_flat(record: Mapping[str, Any], found: VerdictFile) -> None:
    said = {name: _strings(record.get(name)) for name in _CONTROLS}
    if record.get("annotation_id") is None and not any(said.values()):
        found.unanswered += 1
        return
    place = f"task {record.get('id', '?')}, annotation {record.get('annotation_id', '?')}"
    annotation = {**record, "completed_by": record.get("annotator")}
    _add(found, place, record, said, annotation, f"{record.get('id', '')}/{record.get('annotation_id', '')}")


def _add(
    found: VerdictFile,
    place: str,
    data: Mapping[str, Any],
    said: Mapping[str, list[str]],
    annotation: Mapping[str, Any],
    task: str,
) -> None:
    annotator = _person(annotation.get("completed_by"))
    index = parse_index(str(data.get("index", "")))
    if index is None:
        found.problems.append(Problem(place, None, annotator, "its data has no index; is it a task of `entx review`?"))
        return
    try:
        texts = _texts(said)
    except ValueError as reason:
        found.problems.append(Problem(place, index, annotator, str(reason)))
        return
    found.verdicts.append(
        Verdict(
            place,
            index,
            str(data.get("entity_name", "")),
            texts,
            annotator,
            utc(annotation.get("updated_at")) or utc(annotation.get("created_at")),
            annotation.get("ground_truth") is True,
            _seconds(annotation.get("lead_time")),
            storable(task),
            _was_said(data),
        )
    )


def _texts(said: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The forms that are right, as typed.

    Raises:
        ValueError: no answer, or two that contradict each other; the message says which.
    """
    picked, typed, also = (said[name] for name in _CONTROLS)
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


def _seconds(lead_time: object) -> float | None:
    """A sensible number of seconds; None for anything else."""
    if isinstance(lead_time, bool) or not isinstance(lead_time, int | float) or not 0 <= lead_time < 1e9:
        return None
    return float(lead_time)


def _was_said(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the task told of the answers at the time."""
    arms = data.get("arms")
    said: dict[str, Any] = {"decided": storable(str(data.get("decided", "")))}
    if isinstance(arms, Mapping):
        said["arms"] = {storable(str(run)): storable(str(text)) for run, text in arms.items()}
    return said
