"""Holds the tasks and the labelling interface against Label Studio's own code (label_studio_sdk, 500 MB installed).

The interface must be valid, every prediction must fit it, and what Label Studio's converter makes of an export must be
what the tests take JSON-MIN to be (`tests/report/label_studio.py`).

    entx review export --store S --runs A,B --out tasks.json
    python -m venv check && check/bin/pip install label-studio-sdk . && PYTHONPATH=. check/bin/python \
        benchmarks/label_studio_check.py tasks.json
"""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.shared import arguments
from entx.report.forms import labelling_config
from tests.report.label_studio import annotation, exported, minified


def main() -> None:
    parser = arguments(__doc__, "tasks")
    tasks = json.loads(parser.parse_args().tasks.read_text(encoding="utf-8"))
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(labelling_config())
    interface.validate()
    print(f"label_studio_sdk {version('label-studio-sdk')}: the interface is valid")
    errors = [
        f"question {task['data']['index']}: {error}"
        for task in tasks
        for error in interface.validate_prediction(task["predictions"][0], return_errors=True)
    ]
    print(f"{len(tasks)} predictions, {len(errors)} errors")
    print(*errors[:10], sep="\n", end="\n" if errors else "")

    export = exported(tasks, [_worked_on(number, task) for number, task in enumerate(tasks)])
    refused = [one for task in export for one in task["annotations"] if not interface.validate_annotation(one)]
    print(f"{sum(len(task['annotations']) for task in export)} annotations, {len(refused)} refused")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in.json").write_text(json.dumps(export), encoding="utf-8")
        Converter(labelling_config(), folder).convert_to_json_min(str(Path(folder) / "in.json"), folder, is_dir=False)
        theirs = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
    ours = minified(export)
    same = sum(_plain(one) == _plain(other) for one, other in zip(ours, theirs, strict=False))
    print(f"JSON-MIN: {len(theirs)} records of theirs, {len(ours)} of ours, {same} equal")


def _worked_on(number: int, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Accepted as it stands, corrected, typed anew, cleared, skipped, left alone; by turns."""
    choices = [choice["value"] for choice in task["data"]["choices"]]
    people = [1, {"id": 2, "email": "ann@x.example"}]
    accepted = {**annotation(number, None), "result": task["predictions"][0]["result"]}
    corrected = annotation(number, choices[0], ["1 g", "2 g"], choices=choices, who=people[1])
    typed = annotation(number, "12,5 kg", choices=choices)
    cleared = annotation(number, "", choices=choices)
    skipped = annotation(number, "", choices=choices, was_cancelled=True)
    return [[accepted], [corrected], [typed], [cleared], [skipped], [], [accepted, corrected]][number % 7]


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Without what says how a value was wrapped, which the import takes either way."""
    plain = {key: value for key, value in record.items() if key not in ("evidence", "created_at", "updated_at")}
    return {key: value.get("text", value) if isinstance(value, dict) else value for key, value in plain.items()}


if __name__ == "__main__":
    main()
