"""What people type becomes labels, and what is none is told."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE, Entity
from entx.core.errors import InputError
from entx.core.evaluation import evaluate, read_truth
from entx.core.files import storable
from entx.core.types import Question, parse_written
from entx.report.columns import read_gold
from entx.report.forms import Problem, make_tasks, utc, write_sheet
from entx.report.intake import Intake, import_reviews, write_labels, written_form
from entx.report.queue import Queue
from entx.storage.labels import load_reviews
from entx.storage.questions import add_questions
from entx.storage.store import Store
from tests.report.label_studio import annotation, exported, minified, write_json
from tests.report.reviewed import TRUTH, labels_of, make_reviewed, queue_of, rows_of

WEIGHT, VOLUME, LENGTH = CHALLENGE["item_weight"], CHALLENGE["item_volume"], CHALLENGE["height"]


@pytest.mark.parametrize(
    ("text", "entity", "form"),
    [
        ("500.0 gram", WEIGHT, "500.0 gram"), ("500 gram", WEIGHT, "500.0 gram"), (" 500 g ", WEIGHT, "500.0 gram"),
        ("500g", WEIGHT, "500.0 gram"), ("5,5 kg", WEIGHT, "5.5 kilogram"), ("1 1/2 lb", WEIGHT, "1.5 pound"),
        ("0.50 Kilograms", WEIGHT, "0.5 kilogram"), ("12 fl. oz.", VOLUME, "12.0 fluid ounce"),
        ("12 oz", VOLUME, "12.0 fluid ounce"), ("12 oz", WEIGHT, "12.0 ounce"), ("5'11\"", LENGTH, "71.0 inch"),
    ],
)  # fmt: skip
def test_what_people_type(text: str, entity: Entity, form: str) -> None:
    assert written_form(text, entity) == form


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5 cm", "the unit centimetre is not allowed for item_weight (gram, kilogram"),
        ("500", "is no quantity"),
        ("unsure", "is no quantity"),
        ("", "is no quantity"),
        ("10-12 kg", "more than one number and its unit"),
        ("500 g / 1.1 lb", "put other right forms into `also`"),
        ("about 500 g", "more than one number and its unit"),
        ("500 g?", "more than one number and its unit"),
        ("=1+1", "is no quantity"),
    ],
)
def test_what_is_no_label(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        written_form(text, WEIGHT)


def test_a_unit_of_ones_own_schema() -> None:
    power = Entity("power", "power", ("horsepower", "flux"), ())
    assert written_form("3 horsepower", power) == "3.0 horsepower"
    assert written_form("3 flux", power) == "3.0 flux"


@given(st.text(max_size=60))
def test_a_form_is_a_legal_quantity_and_stands_still(text: str) -> None:
    try:
        form = written_form(text, WEIGHT)
    except ValueError:
        return
    quantity = parse_written(form)
    assert quantity is not None
    assert quantity.unit in WEIGHT.units
    assert written_form(form, WEIGHT) == form


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T10:00:00.123456Z", "2026-11-20T10:00:00.123456Z"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000000Z"),
        ("2026-11-20T10:00:00+05:30", "2026-11-20T04:30:00.000000Z"),
        ("2026-11-20 10:00", "2026-11-20T10:00:00.000000Z"),
        ("0001-01-01T00:00+14:00", ""),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
        (17, ""),
    ],
)
def test_times_sort_as_texts(text: object, moment: str) -> None:
    assert utc(text) == moment


def test_what_a_database_cannot_hold_is_marked() -> None:
    assert storable("a\0b\ud800c é") == "a?b?c é"


def test_a_problem_in_words() -> None:
    assert str(Problem("line 5", 7, "ann", "no")) == "line 5 (question 7): no"
    assert str(Problem("task 1", None, "", "no")) == "task 1: no"


OUTCOMES = {"accepted": 3, "corrected": 1, "filled in": 1, "taken back": 1}
"""Of TRUTH against what was decided: 0, 4 and 5 accepted, 1 corrected, 2 filled in, 3 taken back."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_reviewed(tmp_path / "s.duckdb")


def labelled_by(queue: Queue, truth: Mapping[int, str], number: int = 1, **more: Any) -> list[dict[str, Any]]:
    """The export of a project in which one person answered every task that the truth has."""
    tasks = list(make_tasks(queue))
    annotations: list[list[dict[str, Any]]] = [[] for _ in tasks]
    for place, data in enumerate(task["data"] for task in tasks):
        choices = [choice["value"] for choice in data["choices"]]
        if data["index"] in truth:
            annotations[place] = [annotation(100 * number + place, truth[data["index"]], choices=choices, **more)]
    return exported(tasks, annotations)


def take(store_path: Path, file: Path, source: str = "review", annotator: str = "") -> Intake:
    with Store(store_path, write=True) as store:
        return import_reviews(store, file, CHALLENGE, source, annotator)


def typed(store_path: Path, *rows: str, header: str = "index,answer,annotator", name: str = "q.csv") -> Intake:
    """What importing a table of these rows does."""
    file = store_path.with_name(name)
    file.write_text("\n".join([header, *rows]) + "\n")
    return take(store_path, file)


def labels(store_path: Path) -> Path:
    out = store_path.with_name("labels.csv")
    with Store(store_path) as store:
        write_labels(store, out)
    return out


@pytest.mark.parametrize("flat", [False, True], ids=["json", "json-min"])
def test_label_studio_and_back_is_the_truth(path: Path, flat: bool, tmp_path: Path) -> None:
    export = labelled_by(queue_of(path), TRUTH)
    file = write_json(tmp_path / "project.json", minified(export) if flat else export)
    intake = take(path, file)
    assert (intake.read, intake.added, intake.problems, dict(intake.outcomes)) == (6, 6, (), OUTCOMES)
    assert labels_of(labels(path)) == TRUTH
    with Store(path) as store:
        review = next(one for one in load_reviews(store) if one.index == 1)
    assert (review.annotator, review.source, review.lead_seconds, review.file) == ("1", "review", 3.25, "project.json")
    assert review.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert review.said == {"decided": "6.0 gram", "arms": {"a": "6.0 gram", "b": "6.0 ounce"}}
    assert review.reviewed == "2026-11-20T10:00:00.000000Z"


def test_a_spreadsheet_and_back_is_the_truth(path: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "queue.csv"
    write_sheet(queue_of(path), sheet)
    rows = rows_of(sheet)
    for index, row in rows.items():
        decided = "" if row["decided"] == "nothing" else row["decided"]
        row["answer"] = "ok" if TRUTH[index] == decided else TRUTH[index] or "none"
    _write(sheet, rows)
    intake = take(path, sheet, annotator="ann")
    assert (intake.added, intake.problems, dict(intake.outcomes)) == (6, (), OUTCOMES)
    assert labels_of(labels(path)) == TRUTH
    assert {row["annotator"] for row in rows_of(labels(path)).values()} == {"ann"}


def _write(sheet: Path, rows: Mapping[int, dict[str, str]]) -> None:
    with sheet.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(next(iter(rows.values()))))
        writer.writeheader()
        writer.writerows(rows.values())


def test_the_labels_are_gold_for_everything_that_reads_gold(path: Path, tmp_path: Path) -> None:
    export = labelled_by(queue_of(path), TRUTH)
    export[0]["annotations"][0]["result"].append(
        {"id": "x", "from_name": "also", "to_name": "image", "type": "textarea", "value": {"text": ["0.3 oz"]}}
    )
    take(path, write_json(tmp_path / "project.json", export))
    out = labels(path)
    assert rows_of(out)[2]["also"] == "0.3 ounce"
    truths = read_truth(out).by_index
    assert {index: truth.present for index, truth in truths.items()} == {i: bool(text) for i, text in TRUTH.items()}
    assert {str(right) for right in truths[2].rights} == {"9.0 gram", "0.3 ounce"}
    with Store(path) as store:
        gold = read_gold(out, store, CHALLENGE)
    assert [(row.index, row.truth) for row in gold.rows] == list(TRUTH.items())
    predictions = tmp_path / "pred.csv"
    predictions.write_text("index,prediction\n" + "".join(f"{i},{text}\n" for i, text in TRUTH.items()))
    assert evaluate(predictions, out, CHALLENGE).overall.counts.f1 == 1.0


def test_a_file_again_and_a_longer_export_add_only_what_is_new(path: Path, tmp_path: Path) -> None:
    queue = queue_of(path)
    part = write_json(tmp_path / "part.json", labelled_by(queue, {1: TRUTH[1], 2: TRUTH[2]}))
    first = take(path, part)
    assert (first.added, first.unanswered) == (2, 4)
    assert take(path, part).added == 0
    whole = write_json(tmp_path / "whole.json", labelled_by(queue, TRUTH, at="2026-11-21T10:00:00Z"))
    assert take(path, whole).added == 4
    assert take(path, whole).added == take(path, part).added == 0
    assert labels_of(labels(path)) == TRUTH


def test_a_spreadsheet_again_does_not_bring_back_what_was_changed_since(path: Path) -> None:
    """A table has no times: it is as old as its first import."""
    assert [typed(path, f"1,{answer},ann").added for answer in ("6 g", "7 g", "6 g", "7 g")] == [1, 1, 0, 0]
    assert labels_of(labels(path)) == {1: "7.0 gram"}


def test_a_refused_row_comes_in_once_its_question_is_there(path: Path) -> None:
    rows = ("1,6 g,", "77,7 g,")
    first = typed(path, *rows)
    assert first.added == 1
    assert [problem.reason for problem in first.problems] == ["the store has no question of this index"]
    with Store(path, write=True) as store:
        add_questions(store, [Question(77, "77.jpg", "g", "item_weight")], "late.csv")
    assert (typed(path, *rows).added, typed(path, *rows).problems) == (1, ())


def test_people_who_disagree_make_no_label_until_it_is_settled(path: Path, tmp_path: Path) -> None:
    queue = queue_of(path)
    ann = labelled_by(queue, TRUTH, 1, who="ann")
    bob = labelled_by(queue, {1: "", 2: "9 g", 5: "8 gram"}, 2, who="bob")
    for task, other in zip(ann, bob, strict=True):
        task["annotations"] += other["annotations"]
    intake = take(path, write_json(tmp_path / "project.json", ann))
    (problem,) = intake.problems
    assert (problem.index, problem.annotator, problem.place) == (1, "ann, bob", "reviewers disagree")
    assert problem.reason.startswith("ann: 6.5 gram; bob: none; no label")
    assert labels_of(labels(path)) == {index: text for index, text in TRUTH.items() if index != 1}
    assert rows_of(labels(path))[2]["annotator"] == "ann, bob"
    # one of them is marked as ground truth
    next(task for task in ann if task["data"]["index"] == 1)["annotations"][1]["ground_truth"] = True
    settled = take(path, write_json(tmp_path / "later.json", ann))
    assert (settled.added, settled.problems) == (1, ())
    assert labels_of(labels(path)) == {**TRUTH, 1: ""}


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        (["1,5 cm,,", "2,6 g,,"], ["'5 cm': the unit centimetre is not allowed for item_weight"]),
        (["99,5 g,,", "2,6 g,,"], ["the store has no question of this index"]),
        (["1,5 g,,voltage", "2,6 g,,"], ["asks 'voltage', the store's question 'item_weight'"]),
        (["1,5 g,ann,", "1,6 g,ann,", "2,6 g,,"], ["the same annotator answers differently in line 3"]),
        (["1,5 g | 6 g,,", "2,6 g,,"], ["is more than one number and its unit"]),
        (["1,dunno,,", "2,6 g,,", "3,?,,"], ["is no quantity", "is no quantity"]),
        (["2,6 g,,", "2,6 g,,"], []),  # the same said twice is no contradiction
    ],
)
def test_what_is_no_label_is_listed_and_the_rest_comes_in(rows: list[str], reasons: list[str], path: Path) -> None:
    intake = typed(path, *rows, header="index,answer,annotator,entity_name")
    assert len(intake.problems) == len(reasons)
    for problem, reason in zip(intake.problems, reasons, strict=True):
        assert reason in problem.reason
    assert (intake.added, dict(intake.outcomes)) == (1, {"answered": 1})
    assert labels_of(labels(path)) == {2: "6.0 gram"}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("q.txt", "index,answer\n1,5 g\n", "expected Label Studio's export"),
        ("q.csv", "index,answer\n98,5 g\n99,5 g\n", "has none of the 2 answered questions"),
        ("q.json", "[{]", "not JSON"),
    ],
)
def test_files_that_are_refused_leave_nothing(name: str, text: str, says: str, path: Path) -> None:
    with pytest.raises(InputError, match=says):
        typed(path, header=text, name=name)
    with Store(path) as store:
        assert load_reviews(store) == []


def test_without_reviews_the_labels_are_a_header(path: Path) -> None:
    assert labels(path).read_text() == "index,image,entity_name,entity_value,also,annotator\n"


def test_no_cell_of_the_labels_is_one_that_a_spreadsheet_runs(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with Store(path, write=True) as store:
        add_questions(store, [Question(1, '=cmd|"/c calc"!A1', "g", "item_weight")], "t.csv")
    typed(path, "1,5 g,@SUM(1)")
    assert rows_of(labels(path))[1] == {
        "index": "1", "image": "'=cmd|\"/c calc\"!A1", "entity_name": "item_weight", "entity_value": "5.0 gram",
        "also": "", "annotator": "'@SUM(1)",
    }  # fmt: skip


_TYPED = st.text(max_size=25) | st.sampled_from(["5 g", "none", "ok", "6.5 kg", "1 lb", "=5 g", "0.5 kilogram", "7"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6, deadline=None)
@given(typed=st.lists(_TYPED, min_size=6, max_size=6))
def test_whatever_is_typed_is_a_label_or_a_problem(typed: list[str], untouched: tuple[Path, Queue]) -> None:
    """None is lost, and importing again changes nothing."""
    store, queue = untouched
    path = Path(shutil.copy(store, store.with_name("copy.duckdb")))
    file = write_json(store.with_name("project.json"), labelled_by(queue, dict(enumerate(typed))))
    intake = take(path, file)
    assert intake.read + len(intake.problems) == 6
    written = labels_of(labels(path))
    assert len(written) == intake.read == intake.added
    assert written.keys().isdisjoint({problem.index for problem in intake.problems})
    assert take(path, file) == Intake(intake.read, 0, intake.outcomes, 0, 0, intake.problems)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Queue]:
    """A store that is copied before it is written to, and its queue."""
    path = make_reviewed(tmp_path_factory.mktemp("typed") / "s.duckdb")
    return path, queue_of(path)
