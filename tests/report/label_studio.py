"""Label Studio as far as a round trip needs it: its formats as JSON schemas, and what it exports after people worked.

Sources: https://labelstud.io/guide/tasks (import), https://labelstud.io/guide/predictions (results),
https://labelstud.io/guide/task_format and https://labelstud.io/guide/export (JSON, JSON-MIN); the rules of JSON-MIN are
those of label_studio_sdk.converter 2.1.2, whose own output `benchmarks/label_studio_check.py` compares with.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from entx.report.forms import NOT_SHOWN, OTHER

PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
CONTROLS = {"answer": "choices", "value": "textarea", "also": "textarea", "evidence": "rectanglelabels"}
RESERVED = {
    "id", "annotations", "predictions", "annotator", "annotation_id", "created_at", "updated_at", "lead_time",
    "agreement", *CONTROLS,
}  # fmt: skip
"""What JSON-MIN writes beside the task's data; data of these names would be lost."""


def _region(control: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    kind = CONTROLS[control]
    return {
        "type": "object",
        "required": ["id", "from_name", "to_name", "type", "value", *more],
        "properties": {
            "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
            "from_name": {"const": control},
            "to_name": {"const": "image"},
            "type": {"const": kind},
            "value": {"type": "object", "additionalProperties": False, **value},
            **more,
        },
    }


_STRINGS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_BOX = {
    "required": ["x", "y", "width", "height", "rotation", "rectanglelabels"],
    "properties": {
        "x": PERCENT, "y": PERCENT, "width": PERCENT, "height": PERCENT,
        "rotation": {"type": "number", "minimum": 0, "exclusiveMaximum": 360},
        "rectanglelabels": {
            "type": "array", "items": {"enum": ["decided answer", "another answer"]}, "minItems": 1, "maxItems": 1,
        },
    },
}  # fmt: skip
_PIXELS = {"type": "integer", "minimum": 1}
RESULT = {
    "type": "array",
    "items": {
        "oneOf": [
            _region("answer", {"required": ["choices"], "properties": {"choices": {**_STRINGS, "maxItems": 1}}}),
            _region("value", {"required": ["text"], "properties": {"text": _STRINGS}}),
            _region("also", {"required": ["text"], "properties": {"text": _STRINGS}}),
            _region("evidence", _BOX, original_width=_PIXELS, original_height=_PIXELS, image_rotation={"const": 0}),
        ]
    },
}
_STRING = {"type": "string"}
_CHOICE = {"type": "object", "required": ["value"], "properties": {"value": {"type": "string", "minLength": 1}}}
_DATA = {
    "type": "object", "required": ["image", "question", "units", "choices", "said", "index"],
    "propertyNames": {"not": {"enum": sorted(RESERVED)}},
    "properties": {
        "image": {"type": "string", "minLength": 1}, "question": _STRING, "units": _STRING, "said": _STRING,
        "index": {"type": "integer"}, "choices": {"type": "array", "minItems": 2, "items": _CHOICE},
    },
}  # fmt: skip
_PREDICTION = {
    "type": "object", "required": ["model_version", "score", "result"], "additionalProperties": False,
    "properties": {
        "model_version": _STRING, "score": {"type": "number", "minimum": 0, "maximum": 1}, "result": RESULT,
    },
}  # fmt: skip
TASKS = {
    "type": "array",
    "items": {
        "type": "object", "required": ["data", "predictions"], "additionalProperties": False,
        "properties": {"data": _DATA, "predictions": {"type": "array", "items": _PREDICTION}},
    },
}  # fmt: skip
"""What is imported into Label Studio."""


def annotation(
    number: int,
    answer: str | None,
    also: Sequence[str] = (),
    *,
    choices: Sequence[str] = (),
    who: Any = 1,
    at: str = "2026-11-20T10:00:00.000000Z",
    **more: Any,
) -> dict[str, Any]:
    """What a person's answer becomes: a pick where it is one of the choices, else typed; "" is that none is shown."""
    result: list[dict[str, Any]] = []
    if answer is not None:
        picked = NOT_SHOWN if not answer else answer if answer in choices else OTHER
        result.append(_value("answer", {"choices": [picked]}))
        if picked == OTHER:
            result.append(_value("value", {"text": [answer]}))
    if also:
        result.append(_value("also", {"text": list(also)}))
    return {
        "id": number, "completed_by": who, "result": result, "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-11-20T09:59:00.000000Z", "updated_at": at, "lead_time": 3.25, **more,
    }  # fmt: skip


def _value(control: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"r{control}", "from_name": control, "to_name": "image", "type": CONTROLS[control], "value": value}


def exported(tasks: Sequence[Mapping[str, Any]], annotations: Sequence[Sequence[dict[str, Any]]]) -> list[Any]:
    """The export in the format JSON: Label Studio numbers the tasks and keeps their data."""
    return [
        {"id": 7000 + number, "data": task["data"], "annotations": list(own), "predictions": [], "project": 3}
        for number, (task, own) in enumerate(zip(tasks, annotations, strict=True))
    ]


def minified(export: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same in the format JSON-MIN: a record an annotation, cancelled ones left out, single values unwrapped."""
    records = []
    for task in export:
        kept = [one for one in task["annotations"] if not one["was_cancelled"]]
        if not task["annotations"]:
            kept = [{"result": [], "completed_by": {}, "id": None, "created_at": None, "updated_at": None}]
        for one in kept:
            record = {**copy.deepcopy(task["data"]), "id": task["id"]}
            for region in one["result"]:
                value = region["value"]
                texts = value.get("choices", value.get("text"))
                if texts is None:
                    record.setdefault(region["from_name"], []).append(value)
                else:
                    record[region["from_name"]] = texts[0] if len(texts) == 1 else value
            person = one["completed_by"]
            record |= {
                "annotator": person.get("email") if isinstance(person, dict) else person, "annotation_id": one["id"],
                "created_at": one["created_at"], "updated_at": one["updated_at"], "lead_time": one.get("lead_time"),
            }  # fmt: skip
            records.append(record)
    return records


def write_json(path: Path, plain: object) -> Path:
    path.write_text(json.dumps(plain), encoding="utf-8")
    return path
