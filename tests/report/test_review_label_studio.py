from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.report.review.label_studio import read_label_studio
from entx.report.review.tasks import NOT_SHOWN, OTHER
from entx.report.review.verdicts import VerdictFile
from tests.report.label_studio import CONTROLS, annotation, exported, minified, write_json

DATA = {"index": 7, "entity_name": "item_weight", "decided": "5.0 gram", "arms": {"a": "5.0 gram", "b": "nothing"}}
CHOICES = ["5.0 gram", NOT_SHOWN, OTHER]


def _both(folder: Path, annotations: list[dict[str, Any]], data: dict[str, Any] | None = None) -> list[VerdictFile]:
    """The export in both formats, read."""
    export = exported([{"data": DATA if data is None else data}], [annotations])
    return [
        read_label_studio(write_json(folder / f"{name}.json", plain))
        for name, plain in (("full", export), ("min", minified(export)))
    ]


@pytest.mark.parametrize(
    ("answer", "also", "texts"),
    [
        ("5.0 gram", [], ("5.0 gram",)),
        ("", [], ()),
        ("6.5 g", [], ("6.5 g",)),
        ("5.0 gram", ["0.2 oz"], ("5.0 gram", "0.2 oz")),
        ("6.5 g", ["0.2 oz", "0,0065 kg"], ("6.5 g", "0.2 oz", "0,0065 kg")),
    ],
)
def test_both_formats_say_the_same(answer: str, also: list[str], texts: tuple[str, ...], tmp_path: Path) -> None:
    made = annotation(12, answer, also, choices=CHOICES, who={"id": 4, "email": "ann@x.example"})
    for found in _both(tmp_path, [made]):
        (verdict,) = found.verdicts
        assert (verdict.index, verdict.entity_name, verdict.texts) == (7, "item_weight", texts)
        assert (verdict.annotator, verdict.lead_seconds, verdict.task) == ("ann@x.example", 3.25, "7000/12")
        assert verdict.reviewed == "2026-11-20T10:00:00.000000Z"
        assert verdict.said == {"decided": "5.0 gram", "arms": {"a": "5.0 gram", "b": "nothing"}}
        assert verdict.place == "task 7000, annotation 12"
        assert not found.problems


def test_ground_truth_and_plain_ids(tmp_path: Path) -> None:
    full, flat = _both(tmp_path, [annotation(1, "5.0 gram", choices=CHOICES, who=9, ground_truth=True)])
    assert (full.verdicts[0].annotator, full.verdicts[0].final) == ("9", True)
    assert (flat.verdicts[0].annotator, flat.verdicts[0].final) == ("9", False)  # JSON-MIN does not tell


def test_skipped_and_unanswered_are_counted(tmp_path: Path) -> None:
    cancelled = annotation(1, "5.0 gram", choices=CHOICES, was_cancelled=True)
    full, flat = _both(tmp_path, [cancelled])
    assert (full.skipped, full.unanswered, full.verdicts, full.problems) == (1, 0, [], [])
    assert (flat.skipped, flat.verdicts, flat.problems) == (0, [], [])
    for found in _both(tmp_path, []):
        assert (found.unanswered, found.verdicts, found.problems) == (1, [], [])


def _result(**values: list[str]) -> dict[str, Any]:
    keys = {"answer": "choices", "value": "text", "also": "text"}
    result = [
        {"id": name, "from_name": name, "to_name": "image", "type": CONTROLS[name], "value": {keys[name]: texts}}
        for name, texts in values.items()
    ]
    return {**annotation(1, None), "result": result}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "no answer was picked"),
        ({"also": ["5 g"]}, "no answer was picked"),
        ({"value": ["5 g"]}, "no answer was picked"),
        ({"answer": ["5.0 gram", "6.0 gram"]}, "2 answers were picked; one is needed"),
        ({"answer": [OTHER]}, "was picked, and none was typed"),
        ({"answer": [OTHER], "value": ["  "]}, "was picked, and none was typed"),
        ({"answer": ["5.0 gram"], "value": ["6 g"]}, "'6 g' typed as another value; which is right?"),
        ({"answer": [NOT_SHOWN], "value": ["6 g"]}, "which is right?"),
        ({"answer": [NOT_SHOWN], "also": ["6 g"]}, "typed as a value that is also right"),
    ],
)
def test_contradictions_are_told_and_not_settled(said: dict[str, list[str]], reason: str, tmp_path: Path) -> None:
    for found in _both(tmp_path, [_result(**said)]):
        assert not found.verdicts
        (problem,) = found.problems
        assert reason in problem.reason
        assert (problem.index, problem.annotator) == (7, "1")


@pytest.mark.parametrize("index", [None, "x", -1, 1.5, True, [7], "７"])
def test_a_task_without_an_index_is_told(index: object, tmp_path: Path) -> None:
    for found in _both(tmp_path, [annotation(1, "5.0 gram", choices=CHOICES)], {**DATA, "index": index}):
        assert not found.verdicts
        assert "has no index" in found.problems[0].reason


def test_boxes_and_other_controls_are_left_alone(tmp_path: Path) -> None:
    made = annotation(1, "5.0 gram", choices=CHOICES)
    made["result"] += [
        {"id": "b", "from_name": "evidence", "to_name": "image", "type": "rectanglelabels", "value": {"x": 1}},
        {"id": "m", "from_name": "mood", "to_name": "image", "type": "choices", "value": {"choices": ["good"]}},
        {"type": "relation", "from_id": "b", "to_id": "m"},
        "nonsense",
    ]
    found = read_label_studio(write_json(tmp_path / "x.json", exported([{"data": DATA}], [[made]])))
    assert [verdict.texts for verdict in found.verdicts] == [("5.0 gram",)]


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ('"text"', "is no export of Label Studio"),
        ("[1]", "is no export of Label Studio"),
        ('[{"data": {"index": 1}, "predictions": []}]', "holds tasks and no annotations"),
        ('[{"image": "x.jpg"}]', "JSON or JSON-MIN"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_other_files_are_refused(plain: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(plain, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_label_studio(path)


def test_an_export_without_tasks_says_nothing(tmp_path: Path) -> None:
    assert read_label_studio(write_json(tmp_path / "x.json", [])) == VerdictFile()


@pytest.mark.parametrize(
    ("lead", "seconds"), [(3, 3.0), (2.5, 2.5), (None, None), (True, None), ("3", None), (-1, None), (10**400, None)]
)
def test_lead_times(lead: object, seconds: float | None, tmp_path: Path) -> None:
    for found in _both(tmp_path, [annotation(1, "", choices=CHOICES, lead_time=lead)]):
        assert found.verdicts[0].lead_seconds == seconds


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_label_studio(tmp_path / "none.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(InputError, match="not JSON"):
        read_label_studio(tmp_path / "x.json")


def test_a_single_task_is_read_and_a_damaged_one_told(tmp_path: Path) -> None:
    (task,) = exported([{"data": DATA}], [[annotation(1, "", choices=CHOICES)]])
    assert read_label_studio(write_json(tmp_path / "x.json", task)).verdicts[0].texts == ()
    found = read_label_studio(write_json(tmp_path / "y.json", [task, {**task, "annotations": {"a": 1}}]))
    assert len(found.verdicts) == 1
    assert "no list of objects" in found.problems[0].reason


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    fields=st.dictionaries(st.sampled_from([*CONTROLS, "result", "completed_by", "lead_time", "updated_at"]), _JSON),
    value=_JSON,
)
def test_whatever_an_annotation_holds_it_is_a_verdict_or_a_problem(
    fields: dict[str, Any], value: object, tmp_path: Path
) -> None:
    result = [{"from_name": name, "value": value} for name in CONTROLS]
    task = {"id": 1, "data": DATA, "annotations": [{"result": result, **fields}]}
    flat = {**DATA, "annotation_id": 1, **fields}
    for plain in ([task], [flat]):
        found = read_label_studio(write_json(tmp_path / "x.json", plain))
        assert len(found.verdicts) + len(found.problems) == 1
