from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import Answer, Polygon, parse_written
from entx.ensemble.ballot import make_ballot
from entx.report.review.decided import Decided
from entx.report.review.queue import Queue, QueuedQuestion
from entx.report.review.tasks import (
    DECIDED_LABEL,
    NOT_SHOWN,
    OTHER,
    OTHER_LABEL,
    PictureAddress,
    labelling_config,
    make_tasks,
    rectangle,
    write_tasks,
)
from tests.ensemble.arms import ballot
from tests.report.label_studio import CONTROLS, RESERVED, TASKS
from tests.report.reviewed import make_reviewed, queue_of

WEB = PictureAddress()
IMPORTED = jsonschema.Draft202012Validator(TASKS)


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Queue:
    return queue_of(make_reviewed(tmp_path_factory.mktemp("tasks") / "s.duckdb"))


def test_the_tasks_are_what_label_studio_imports(queue: Queue, tmp_path: Path) -> None:
    write_tasks(queue, tmp_path / "tasks.json", WEB)
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    IMPORTED.validate(tasks)
    assert [task["data"]["index"] for task in tasks] == [2, 1, 5, 3, 4, 0]


def test_a_task_in_full(queue: Queue) -> None:
    task = next(task for task in make_tasks(queue, WEB) if task["data"]["index"] == 1)
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
        "x": 10.0, "y": 10.0, "width": 20.0, "height": 8.0, "rotation": 0.0, "rectanglelabels": [DECIDED_LABEL],
    }  # fmt: skip
    assert (box["original_width"], box["original_height"], box["image_rotation"]) == (1000, 500, 0)
    assert box["meta"] == {"text": ["6.0 gram"]}
    assert task["predictions"][0]["score"] == 0.4
    assert task["predictions"][0]["model_version"] == "entx picked(a,b)"


def test_where_none_is_given_that_is_the_prediction(queue: Queue) -> None:
    task = next(task for task in make_tasks(queue, WEB) if task["data"]["index"] == 2)
    assert task["predictions"][0]["result"][0]["value"] == {"choices": [NOT_SHOWN]}
    assert task["predictions"][0]["score"] == pytest.approx(0.3)
    assert [choice["value"] for choice in task["data"]["choices"]] == ["9.0 gram", NOT_SHOWN, OTHER]
    assert task["data"]["said"] == "a: nothing (no quantity is printed)\nb: 9.0 gram"
    assert (task["data"]["decided"], task["data"]["p_correct"]) == ("nothing", None)


def _one(question: QueuedQuestion) -> Queue:
    runs = tuple("abcde"[: len(question.ballot.answers)])
    return Queue((question,), runs, "vote", 1, 0, 0.5, 0.6)


def _question(*said: str | None, decided: str, size: tuple[int, int] | None = None) -> QueuedQuestion:
    return QueuedQuestion(
        ballot(*said), Decided(parse_written(decided), 0.5, 0.9, False), 0.1, "x.jpg", None, None, size
    )


def test_an_illegal_answer_is_shown_but_cannot_be_picked() -> None:
    (task,) = make_tasks(_one(_question("3 horsepower", None, "5 gram", decided="3 horsepower")), WEB)
    assert task["data"]["said"] == "a: 3.0 horsepower\nb: not asked\nc: 5.0 gram"
    assert task["data"]["arms"] == {"a": "3.0 horsepower", "c": "5.0 gram"}
    assert [choice["value"] for choice in task["data"]["choices"]] == ["5.0 gram", NOT_SHOWN, OTHER]
    assert task["predictions"][0]["result"] == []
    IMPORTED.validate([task])


def test_both_printed_forms_of_one_size_are_choices() -> None:
    (task,) = make_tasks(_one(_question("500 gram", "0.5 kilogram", decided="0.5 kilogram")), WEB)
    assert [choice["value"] for choice in task["data"]["choices"]] == ["0.5 kilogram", "500.0 gram", NOT_SHOWN, OTHER]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=3), st.text(min_size=1, max_size=20))
@example(["="], "\n")
def test_any_foreign_text_makes_a_task(reasons: list[str], link: str) -> None:
    """Reasons, links and run names are foreign: whatever they hold, the file is one JSON array."""
    answers = [Answer(None, text, text) for text in reasons]
    question = replace(_question("", decided=""), ballot=make_ballot(0, CHALLENGE["height"], answers), image_link=link)
    tasks = [json.loads(json.dumps(task)) for task in make_tasks(_one(question), WEB)]
    IMPORTED.validate(tasks)
    assert tasks[0]["data"]["image_link"] == link


# ---- the labelling interface


def test_the_interface_and_the_tasks_name_the_same_things(queue: Queue) -> None:
    root = ElementTree.fromstring(labelling_config())
    named = {tag.get("name"): tag for tag in root.iter() if tag.get("name")}
    assert {name: tag.tag.lower() for name, tag in named.items() if tag.get("toName")} == CONTROLS
    assert {tag.get("toName") for tag in root.iter() if tag.get("toName")} == {"image"}
    data = next(make_tasks(queue, WEB))["data"]
    variables = {value[1:] for tag in root.iter() for value in tag.attrib.values() if value.startswith("$")}
    assert variables == {"image", "question", "choices", "units", "said"}
    assert variables <= data.keys()
    assert {tag.get("value") for tag in root.iter("Label")} == {DECIDED_LABEL, OTHER_LABEL}
    assert [tag.get("whenChoiceValue") for tag in root.iter("View") if tag.get("visibleWhen")] == [OTHER]
    names = re.findall(r'\bname="([^"]+)"', labelling_config())
    assert len(names) == len(set(names))
    assert not RESERVED & data.keys()


# ---- boxes


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
    found = rectangle(polygon, (1000, 500))
    assert tuple(found[name] for name in ("x", "y", "width", "height", "rotation")) == pytest.approx(box)


def test_a_turned_box_that_label_studio_refuses_becomes_an_upright_one() -> None:
    steep = (20.0, 900.0, 60.0, 100.0, 80.0, 100.0, 40.0, 900.0)  # 800 pixels of text, in a picture 100 wide
    found = rectangle(steep, (100, 1000))
    assert (found["rotation"], found["x"], found["width"]) == (0.0, 20.0, 60.0)


_PLACE = st.floats(-200.0, 1200.0)


@given(_PLACE, _PLACE, st.floats(1.0, 900.0), st.floats(1.0, 200.0), st.floats(0.0, 360.0))
def test_every_box_is_one_that_label_studio_takes(x: float, y: float, wide: float, high: float, turn: float) -> None:
    """And a turned one covers the text: its corners are the polygon's."""
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    corners = [(0.0, 0.0), (wide, 0.0), (wide, high), (0.0, high)]
    polygon = tuple(value for a, b in corners for value in (x + a * cos - b * sin, y + a * sin + b * cos))
    box = rectangle(polygon, (1000, 700))  # type: ignore[arg-type]
    assert all(0.0 <= box[name] <= 100.0 for name in ("x", "y", "width", "height"))
    assert 0.0 <= box["rotation"] <= 360.0
    if box["rotation"]:
        far = box["x"] * 10 + box["width"] * 10 * cos, box["y"] * 7 + box["width"] * 10 * sin
        assert far == pytest.approx(polygon[2:4], abs=0.5)
    elif min(polygon[0::2]) >= 0 and max(polygon[0::2]) <= 1000:
        assert box["x"] * 10 == pytest.approx(min(polygon[0::2]), abs=0.01)
        assert (box["x"] + box["width"]) * 10 == pytest.approx(max(polygon[0::2]), abs=0.01)


# ---- pictures


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
    found = PictureAddress(tmp_path if root else None)
    assert found.of(question) == address
    (task,) = make_tasks(_one(question), found)
    assert task["data"]["image"] == (address or link)
