"""Tasks and exports of Label Studio, and the table for a spreadsheet."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError, TableError
from entx.core.files import FORMULA_STARTS, harmless_cell
from entx.core.types import Answer, Polygon, parse_written
from entx.ensemble.ballot import make_ballot
from entx.report import forms
from entx.report.forms import NOT_SHOWN, OTHER, AnnotationFile
from entx.report.queue import Decided, Queue, QueuedQuestion
from tests.ensemble.arms import ballot
from tests.report.label_studio import CONTROLS, RESERVED, TASKS, annotation, exported, minified, write_json
from tests.report.reviewed import make_reviewed, queue_of, rows_of

IMPORTED = jsonschema.Draft202012Validator(TASKS)


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Queue:
    return queue_of(make_reviewed(tmp_path_factory.mktemp("tasks") / "s.duckdb"))


def test_the_tasks_are_what_label_studio_imports(queue: Queue, tmp_path: Path) -> None:
    forms.write_tasks(queue, tmp_path / "tasks.json")
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    IMPORTED.validate(tasks)
    assert [task["data"]["index"] for task in tasks] == [2, 1, 5, 3, 4, 0]


def test_a_task_in_full(queue: Queue) -> None:
    task = next(task for task in forms.make_tasks(queue) if task["data"]["index"] == 1)
    gain = task["data"].pop("gain")
    assert gain == pytest.approx(queue.questions[1].gain, rel=1e-3)
    assert task["data"] == {
        "image": "https://pictures.example/1.jpg",
        "question": "What is the item weight?",
        "index": 1,
        "entity_name": "item_weight",
        "units": "gram, kilogram, microgram, milligram, ounce, pound, ton",
        "choices": [{"value": text} for text in ("6.0 gram", "6.0 ounce", NOT_SHOWN, OTHER)],
        "said": "a: 6.0 gram\nb: 6.0 ounce",
        "decided": "6.0 gram",
        "arms": {"a": "6.0 gram", "b": "6.0 ounce"},
        "p_correct": 0.4,
        "p_present": 0.9,
        "image_link": "https://pictures.example/1.jpg",
    }
    answer, box = task["predictions"][0]["result"]
    assert answer["value"] == {"choices": ["6.0 gram"]}
    assert box["value"] == {
        "x": 10.0, "y": 10.0, "width": 20.0, "height": 8.0, "rotation": 0.0, "rectanglelabels": [forms.DECIDED_LABEL],
    }  # fmt: skip
    assert (box["original_width"], box["original_height"], box["image_rotation"]) == (1000, 500, 0)
    assert box["meta"] == {"text": ["6.0 gram"]}
    assert task["predictions"][0]["score"] == 0.4
    assert task["predictions"][0]["model_version"] == "entx picked(a,b)"


def test_where_none_is_given_that_is_the_prediction(queue: Queue) -> None:
    task = next(task for task in forms.make_tasks(queue) if task["data"]["index"] == 2)
    assert task["predictions"][0]["result"][0]["value"] == {"choices": [NOT_SHOWN]}
    assert task["predictions"][0]["score"] == pytest.approx(0.3)
    assert [choice["value"] for choice in task["data"]["choices"]] == ["9.0 gram", NOT_SHOWN, OTHER]
    assert task["data"]["said"] == "a: nothing (no quantity is printed)\nb: 9.0 gram"
    assert (task["data"]["decided"], task["data"]["p_correct"]) == ("nothing", None)


def _one(question: QueuedQuestion, *runs: str) -> Queue:
    return Queue((question,), runs or tuple("abcde"[: len(question.ballot.answers)]), "vote", 1, 0, 0.5, 0.6)


def _question(*said: str | None, decided: str) -> QueuedQuestion:
    return QueuedQuestion(ballot(*said), Decided(parse_written(decided), 0.5, 0.9, False), 0.1, "x.jpg", None, None)


def test_an_illegal_answer_is_shown_but_cannot_be_picked() -> None:
    (task,) = forms.make_tasks(_one(_question("3 horsepower", None, "5 gram", decided="3 horsepower")))
    assert task["data"]["said"] == "a: 3.0 horsepower\nb: not asked\nc: 5.0 gram"
    assert task["data"]["arms"] == {"a": "3.0 horsepower", "c": "5.0 gram"}
    assert [choice["value"] for choice in task["data"]["choices"]] == ["5.0 gram", NOT_SHOWN, OTHER]
    assert task["predictions"][0]["result"] == []
    IMPORTED.validate([task])

    # both printed forms of one size are choices
    (task,) = forms.make_tasks(_one(_question("500 gram", "0.5 kilogram", decided="0.5 kilogram")))
    assert [choice["value"] for choice in task["data"]["choices"]] == ["0.5 kilogram", "500.0 gram", NOT_SHOWN, OTHER]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=3), st.text(min_size=1, max_size=20))
@example(["="], "\n")
def test_any_foreign_text_makes_a_task(reasons: list[str], link: str) -> None:
    """Reasons, links and run names are foreign: whatever they hold, the file is one JSON array."""
    answers = [Answer(None, text, text) for text in reasons]
    question = replace(_question("", decided=""), ballot=make_ballot(0, CHALLENGE["height"], answers), image_link=link)
    tasks = [json.loads(json.dumps(task)) for task in forms.make_tasks(_one(question))]
    IMPORTED.validate(tasks)
    assert tasks[0]["data"]["image_link"] == link


def test_the_interface_and_the_tasks_name_the_same_things(queue: Queue) -> None:
    root = ElementTree.fromstring(forms.labelling_config())
    named = {tag.get("name"): tag for tag in root.iter() if tag.get("name")}
    assert {name: tag.tag.lower() for name, tag in named.items() if tag.get("toName")} == CONTROLS
    assert {tag.get("toName") for tag in root.iter() if tag.get("toName")} == {"image"}
    data = next(forms.make_tasks(queue))["data"]
    variables = {value[1:] for tag in root.iter() for value in tag.attrib.values() if value.startswith("$")}
    assert variables == {"image", "question", "choices", "units", "said"}
    assert variables <= data.keys()
    assert {tag.get("value") for tag in root.iter("Label")} == {forms.DECIDED_LABEL, forms.OTHER_LABEL}
    assert [tag.get("whenChoiceValue") for tag in root.iter("View") if tag.get("visibleWhen")] == [OTHER]
    names = re.findall(r'\bname="([^"]+)"', forms.labelling_config())
    assert len(names) == len(set(names))
    assert not RESERVED & data.keys()


@pytest.mark.parametrize(
    ("polygon", "box"),
    [
        ((100, 50, 300, 50, 300, 90, 100, 90), (10.0, 10.0, 20.0, 8.0, 0.0)),
        ((300, 90, 100, 90, 100, 50, 300, 50), (10.0, 10.0, 20.0, 8.0, 0.0)),  # upside down
        ((100, 450, 100, 50, 140, 50, 140, 450), (10.0, 10.0, 4.0, 80.0, 0.0)),  # upwards
        ((-20, -10, 1100, -10, 1100, 600, -20, 600), (0.0, 0.0, 100.0, 100.0, 0.0)),  # beyond the picture
        ((100, 100, 200, 200, 180, 220, 80, 120), (10.0, 20.0, 14.1421, 5.6569, 45.0)),
        ((600, 400, 950, 50, 990, 90, 640, 440), (60.0, 80.0, 49.4975, 11.3137, 315.0)),
    ],
)
def test_rectangles_by_hand(polygon: Polygon, box: tuple[float, ...]) -> None:
    found = forms.rectangle(polygon, (1000, 500))
    assert tuple(found[name] for name in ("x", "y", "width", "height", "rotation")) == pytest.approx(box)


def test_a_turned_box_that_label_studio_refuses_becomes_an_upright_one() -> None:
    steep = (20.0, 900.0, 60.0, 100.0, 80.0, 100.0, 40.0, 900.0)  # 800 pixels of text, in a picture 100 wide
    found = forms.rectangle(steep, (100, 1000))
    assert (found["rotation"], found["x"], found["width"]) == (0.0, 20.0, 60.0)


_PLACE = st.floats(-200.0, 1200.0)


@given(_PLACE, _PLACE, st.floats(1.0, 900.0), st.floats(1.0, 200.0), st.floats(0.0, 360.0))
def test_every_box_is_one_that_label_studio_takes(x: float, y: float, wide: float, high: float, turn: float) -> None:
    """And a turned one covers the text: its corners are the polygon's."""
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    corners = [(0.0, 0.0), (wide, 0.0), (wide, high), (0.0, high)]
    polygon = tuple(value for a, b in corners for value in (x + a * cos - b * sin, y + a * sin + b * cos))
    box = forms.rectangle(polygon, (1000, 700))  # type: ignore[arg-type]
    assert all(0.0 <= box[name] <= 100.0 for name in ("x", "y", "width", "height"))
    assert 0.0 <= box["rotation"] <= 360.0
    if box["rotation"]:
        far = box["x"] * 10 + box["width"] * 10 * cos, box["y"] * 7 + box["width"] * 10 * sin
        assert far == pytest.approx(polygon[2:4], abs=0.5)
    elif min(polygon[0::2]) >= 0 and max(polygon[0::2]) <= 1000:
        assert box["x"] * 10 == pytest.approx(min(polygon[0::2]), abs=0.01)
        assert (box["x"] + box["width"]) * 10 == pytest.approx(max(polygon[0::2]), abs=0.01)


@pytest.mark.parametrize(
    ("link", "path", "root", "address"),
    [
        ("https://x.example/a.jpg", "/data/a.jpg", None, "https://x.example/a.jpg"),
        ("a.jpg", "/data/a.jpg", None, None),
        ("file:///etc/passwd", "/data/a.jpg", None, None),
        ("javascript:alert(1)", None, None, None),
        ("https://x.example/a.jpg", "ROOT/in/a b+#%.jpg", "ROOT", "/data/local-files/?d=in/a%20b%2B%23%25.jpg"),
        ("https://x.example/a.jpg", "ROOT/../a.jpg", "ROOT", None),
        ("https://x.example/a.jpg", None, "ROOT", None),
    ],
)
def test_how_pictures_are_reached(
    link: str, path: str | None, root: str | None, address: str | None, tmp_path: Path
) -> None:
    place = path and path.replace("ROOT", str(tmp_path))
    question = replace(_question("", decided=""), image_link=link, path=place)
    folder = tmp_path if root else None
    assert forms.picture_address(question, folder) == address
    (task,) = forms.make_tasks(_one(question), folder)
    assert task["data"]["image"] == (address or link)


DATA = {"index": 7, "entity_name": "item_weight", "decided": "5.0 gram", "arms": {"a": "5.0 gram", "b": "nothing"}}
CHOICES = ["5.0 gram", NOT_SHOWN, OTHER]


def _both(folder: Path, annotations: list[dict[str, Any]], data: dict[str, Any] | None = None) -> list[AnnotationFile]:
    """The export in both formats, read."""
    export = exported([{"data": DATA if data is None else data}], [annotations])
    return [
        forms.read_label_studio(write_json(folder / f"{name}.json", plain))
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
        (verdict,) = found.annotations
        assert (verdict.index, verdict.entity_name, verdict.rights) == (7, "item_weight", texts)
        assert (verdict.annotator, verdict.lead_seconds, verdict.task) == ("ann@x.example", 3.25, "7000/12")
        assert verdict.reviewed == "2026-11-20T10:00:00.000000Z"
        assert verdict.said == {"decided": "5.0 gram", "arms": {"a": "5.0 gram", "b": "nothing"}}
        assert verdict.place == "task 7000, annotation 12"
        assert not found.problems


def test_ground_truth_and_plain_ids(tmp_path: Path) -> None:
    full, flat = _both(tmp_path, [annotation(1, "5.0 gram", choices=CHOICES, who=9, ground_truth=True)])
    assert (full.annotations[0].annotator, full.annotations[0].final) == ("9", True)
    assert (flat.annotations[0].annotator, flat.annotations[0].final) == ("9", False)  # JSON-MIN does not tell


def test_skipped_and_unanswered_are_counted(tmp_path: Path) -> None:
    cancelled = annotation(1, "5.0 gram", choices=CHOICES, was_cancelled=True)
    full, flat = _both(tmp_path, [cancelled])
    assert (full.skipped, full.unanswered, full.annotations, full.problems) == (1, 0, [], [])
    assert (flat.skipped, flat.annotations, flat.problems) == (0, [], [])
    for found in _both(tmp_path, []):
        assert (found.unanswered, found.annotations, found.problems) == (1, [], [])


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
        assert not found.annotations
        (problem,) = found.problems
        assert reason in problem.reason
        assert (problem.index, problem.annotator) == (7, "1")


@pytest.mark.parametrize("index", [None, "x", -1, 1.5, True, [7], "７"])
def test_a_task_without_an_index_is_told(index: object, tmp_path: Path) -> None:
    for found in _both(tmp_path, [annotation(1, "5.0 gram", choices=CHOICES)], {**DATA, "index": index}):
        assert not found.annotations
        assert "has no index" in found.problems[0].reason


def test_boxes_and_other_controls_are_left_alone(tmp_path: Path) -> None:
    made = annotation(1, "5.0 gram", choices=CHOICES)
    made["result"] += [
        {"id": "b", "from_name": "evidence", "to_name": "image", "type": "rectanglelabels", "value": {"x": 1}},
        {"id": "m", "from_name": "mood", "to_name": "image", "type": "choices", "value": {"choices": ["good"]}},
        {"type": "relation", "from_id": "b", "to_id": "m"},
        "nonsense",
    ]
    found = forms.read_label_studio(write_json(tmp_path / "x.json", exported([{"data": DATA}], [[made]])))
    assert [verdict.rights for verdict in found.annotations] == [("5.0 gram",)]


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
        ("\udcff\udcfe\0[", "not JSON"),  # bytes that are no text
        (None, "cannot be read"),
    ],
)
def test_other_files_are_refused(plain: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    if plain is not None:
        path.write_text(plain, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=says):
        forms.read_label_studio(path)


@pytest.mark.parametrize(
    ("lead", "seconds"), [(3, 3.0), (2.5, 2.5), (None, None), (True, None), ("3", None), (-1, None), (10**400, None)]
)
def test_lead_times(lead: object, seconds: float | None, tmp_path: Path) -> None:
    for found in _both(tmp_path, [annotation(1, "", choices=CHOICES, lead_time=lead)]):
        assert found.annotations[0].lead_seconds == seconds


def test_no_task_says_nothing_a_single_one_is_read_and_a_damaged_one_told(tmp_path: Path) -> None:
    assert forms.read_label_studio(write_json(tmp_path / "x.json", [])) == AnnotationFile()
    (task,) = exported([{"data": DATA}], [[annotation(1, "", choices=CHOICES)]])
    assert forms.read_label_studio(write_json(tmp_path / "x.json", task)).annotations[0].rights == ()
    found = forms.read_label_studio(write_json(tmp_path / "y.json", [task, {**task, "annotations": {"a": 1}}]))
    assert len(found.annotations) == 1
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
        found = forms.read_label_studio(write_json(tmp_path / "x.json", plain))
        assert len(found.annotations) + len(found.problems) == 1


def _sheet(path: Path, *rows: str, header: str = "index,decided,said by a,said by =b,answer,also,annotator") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_table_in_full(tmp_path: Path) -> None:
    queue = queue_of(make_reviewed(tmp_path / "s.duckdb"), most=2)
    forms.write_sheet(queue, tmp_path / "queue.csv")
    assert (tmp_path / "queue.csv").read_text() == (
        "index,image,entity_name,units,decided,said by a,said by b,answer,also,annotator,p_correct,p_present,gain\n"
        '2,https://pictures.example/2.jpg,item_weight,"gram, kilogram, microgram, milligram, ounce, pound, ton",'
        f"nothing,nothing,9.0 gram,,,,,0.7000,{queue.questions[0].gain:.4g}\n"
        '1,https://pictures.example/1.jpg,item_weight,"gram, kilogram, microgram, milligram, ounce, pound, ton",'
        f"6.0 gram,6.0 gram,6.0 ounce,,,,0.4000,0.9000,{queue.questions[1].gain:.4g}\n"
    )


def test_an_empty_table_says_nothing(queue: Queue, tmp_path: Path) -> None:
    forms.write_sheet(queue, tmp_path / "queue.csv")
    found = forms.read_sheet(tmp_path / "queue.csv")
    assert (found.annotations, found.problems, found.unanswered) == ([], [], 6)


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        ("6.5 g,,", ("6.5 g",)),
        (" 6.5 g , 0.2 oz | 0.0065 kg ,", ("6.5 g", "0.2 oz", "0.0065 kg")),
        ("none,,", ()),
        ("None,,", ()),
        ("nothing,,", ()),
        ("ok,,", ("5.0 gram",)),
        ("OK,0.2 ounce,", ("5.0 gram", "0.2 ounce")),
        ("'-5 gram,,", ("-5 gram",)),
        ("'6 gram,,", ("'6 gram",)),  # no formula: the apostrophe is the labeller's own
    ],
)
def test_what_people_fill_in(cells: str, texts: tuple[str, ...], tmp_path: Path) -> None:
    found = forms.read_sheet(_sheet(tmp_path / "q.csv", f"7,5.0 gram,5.0 gram,,{cells}ann"))
    (verdict,) = found.annotations
    assert (verdict.index, verdict.rights, verdict.annotator, verdict.place) == (7, texts, "ann", "line 2")
    assert verdict.said == {"decided": "5.0 gram", "arms": {"a": "5.0 gram"}}
    assert (verdict.reviewed, verdict.final, verdict.task) == ("", False, "")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7,5.0 gram,,,,6 gram,", "`also` is filled in and `answer` names no value"),
        ("7,5.0 gram,,,none,6 gram,", "`also` is filled in and `answer` names no value"),
        ("7,,,,ok,,", "`ok` needs the column decided"),
    ],
)
def test_rows_that_say_no_one_thing(row: str, reason: str, tmp_path: Path) -> None:
    found = forms.read_sheet(_sheet(tmp_path / "q.csv", row))
    assert not found.annotations
    assert (found.problems[0].index, found.problems[0].reason) == (7, reason)


def test_ok_to_nothing_is_none_and_two_columns_are_enough(tmp_path: Path) -> None:
    (verdict,) = forms.read_sheet(_sheet(tmp_path / "q.csv", "7,nothing,nothing,5.0 gram,ok,,")).annotations
    assert (verdict.rights, verdict.said["arms"]) == ((), {"a": "nothing", "=b": "5.0 gram"})
    found = forms.read_sheet(_sheet(tmp_path / "q.csv", "7,6 g", "8,", "9,none", header="index,answer"))
    assert [(one.index, one.rights, one.entity_name) for one in found.annotations] == [(7, ("6 g",), ""), (9, (), "")]
    assert found.unanswered == 1


def test_a_table_that_breaks_its_contract_is_named_with_its_line(tmp_path: Path) -> None:
    for header, says in (("value", "answer: the column is missing"), ("answer", "line 3, column index: 'seven' is no")):
        with pytest.raises(TableError, match=says):
            forms.read_sheet(_sheet(tmp_path / "q.csv", "7,6 g", "seven,6 g", header=f"index,{header}"))
    with pytest.raises(TableError, match="no such file"):
        forms.read_sheet(tmp_path / "none.csv")


_TEXT = st.text(max_size=30) | st.sampled_from(
    ["=1+1", "+x", "-x", "@x", "\tx", "\r=x", "\n=x", "a,b", 'a"b', "'=x", ""]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(link=_TEXT, run=_TEXT, said=st.sampled_from(["5 gram", "-5 gram"]))
def test_no_cell_is_one_that_a_spreadsheet_runs(link: str, run: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    forms.write_sheet(_one(replace(_question(said, decided=said), image_link=link), run), path)
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert len(rows) == 1
    assert not [cell for cell in (*header, *rows[0]) if cell.startswith(tuple(FORMULA_STARTS))]
    assert rows[0][1] == harmless_cell(link.replace("\r", " "))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    answer=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
    who=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
)
def test_what_a_spreadsheet_escapes_is_read_as_it_was(answer: str, who: str, tmp_path: Path) -> None:
    """A spreadsheet that keeps our escape, or puts its own, hands back what was typed."""
    path = tmp_path / "q.csv"
    if answer.startswith("'") or who.startswith("'") or answer.strip().lower() in ("", "none", "ok", "nothing"):
        return
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["index", "answer", "annotator"])
        writer.writerow([3, harmless_cell(answer), harmless_cell(who)])
    (verdict,) = forms.read_sheet(path).annotations
    assert (verdict.rights, verdict.annotator) == ((answer.strip(),), who.strip())


def test_columns_may_be_moved_and_added(queue: Queue, tmp_path: Path) -> None:
    forms.write_sheet(queue, tmp_path / "q.csv")
    row = rows_of(tmp_path / "q.csv")[2]
    moved = {"note": "hm", **dict(reversed(row.items())), "answer": "9 g"}
    with (tmp_path / "q.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(moved))
        writer.writeheader()
        writer.writerow(moved)
    (verdict,) = forms.read_sheet(tmp_path / "q.csv").annotations
    assert replace(verdict, said={}, place="").rights == ("9 g",)
    assert verdict.said == {"decided": "nothing", "arms": {"a": "nothing", "b": "9.0 gram"}}
