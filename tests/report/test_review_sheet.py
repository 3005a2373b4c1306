from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import TableError
from entx.core.files import FORMULA_STARTS, harmless_cell
from entx.core.types import Answer, parse_written
from entx.ensemble.ballot import make_ballot
from entx.report.review.decided import Decided
from entx.report.review.queue import Queue, QueuedQuestion
from entx.report.review.sheet import read_sheet, write_sheet
from entx.report.review.tasks import PictureAddress
from tests.report.reviewed import make_reviewed, queue_of, rows_of

WEB = PictureAddress()


def _sheet(path: Path, *rows: str, header: str = "index,decided,said by a,said by =b,answer,also,annotator") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_table_in_full(tmp_path: Path) -> None:
    queue = queue_of(make_reviewed(tmp_path / "s.duckdb"), most=2)
    write_sheet(queue, tmp_path / "queue.csv", WEB)
    assert (tmp_path / "queue.csv").read_text() == (
        "index,image,entity_name,units,decided,said by a,said by b,answer,also,annotator,p_correct,p_present,gain\n"
        '2,https://pictures.example/2.jpg,item_weight,"gram, kilogram, microgram, milligram, ounce, pound, ton",'
        f"nothing,nothing,9.0 gram,,,,,0.7000,{queue.questions[0].gain:.4g}\n"
        '1,https://pictures.example/1.jpg,item_weight,"gram, kilogram, microgram, milligram, ounce, pound, ton",'
        f"6.0 gram,6.0 gram,6.0 ounce,,,,0.4000,0.9000,{queue.questions[1].gain:.4g}\n"
    )


def test_an_empty_table_says_nothing(tmp_path: Path) -> None:
    queue = queue_of(make_reviewed(tmp_path / "s.duckdb"))
    write_sheet(queue, tmp_path / "queue.csv", WEB)
    found = read_sheet(tmp_path / "queue.csv")
    assert (found.verdicts, found.problems, found.unanswered) == ([], [], 6)


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
    found = read_sheet(_sheet(tmp_path / "q.csv", f"7,5.0 gram,5.0 gram,,{cells}ann"))
    (verdict,) = found.verdicts
    assert (verdict.index, verdict.texts, verdict.annotator, verdict.place) == (7, texts, "ann", "line 2")
    assert verdict.said == {"decided": "5.0 gram", "arms": {"a": "5.0 gram"}}
    assert (verdict.reviewed, verdict.final, verdict.task) == ("", False, "")


def test_ok_to_nothing_is_none(tmp_path: Path) -> None:
    found = read_sheet(_sheet(tmp_path / "q.csv", "7,nothing,nothing,5.0 gram,ok,,"))
    assert found.verdicts[0].texts == ()
    assert found.verdicts[0].said["arms"] == {"a": "nothing", "=b": "5.0 gram"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7,5.0 gram,,,,6 gram,", "`also` is filled in and `answer` names no value"),
        ("7,5.0 gram,,,none,6 gram,", "`also` is filled in and `answer` names no value"),
        ("7,,,,ok,,", "`ok` needs the column decided"),
    ],
)
def test_rows_that_say_no_one_thing(row: str, reason: str, tmp_path: Path) -> None:
    found = read_sheet(_sheet(tmp_path / "q.csv", row))
    assert not found.verdicts
    assert (found.problems[0].index, found.problems[0].reason) == (7, reason)


def test_two_columns_are_enough(tmp_path: Path) -> None:
    found = read_sheet(_sheet(tmp_path / "q.csv", "7,6 g", "8,", "9,none", header="index,answer"))
    assert [(verdict.index, verdict.texts, verdict.entity_name) for verdict in found.verdicts] == [
        (7, ("6 g",), ""), (9, (), ""),
    ]  # fmt: skip
    assert found.unanswered == 1


def test_a_table_that_breaks_its_contract_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="column answer: the column is missing"):
        read_sheet(_sheet(tmp_path / "q.csv", "7,6 g", header="index,value"))
    with pytest.raises(TableError, match="line 3, column index: 'seven' is no index"):
        read_sheet(_sheet(tmp_path / "q.csv", "7,6 g", "seven,6 g", header="index,answer"))
    with pytest.raises(TableError, match="no such file"):
        read_sheet(tmp_path / "none.csv")


def _queue(link: str, runs: tuple[str, ...], said: str) -> Queue:
    answers = [Answer(parse_written(said), said)] * len(runs)
    made = make_ballot(3, CHALLENGE["item_weight"], answers)
    decided = Decided(parse_written(said), 0.5, 0.9, False)
    return Queue((QueuedQuestion(made, decided, 0.1, link, None, None, None),), runs, "vote", 1, 0, 0.5, 0.6)


_TEXT = st.text(max_size=30) | st.sampled_from(
    ["=1+1", "+x", "-x", "@x", "\tx", "\r=x", "\n=x", "a,b", 'a"b', "'=x", ""]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(link=_TEXT, run=_TEXT, said=st.sampled_from(["5 gram", "-5 gram"]))
def test_no_cell_is_one_that_a_spreadsheet_runs(link: str, run: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    write_sheet(_queue(link, (run,), said), path, WEB)
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
    (verdict,) = read_sheet(path).verdicts
    assert (verdict.texts, verdict.annotator) == ((answer.strip(),), who.strip())


def test_columns_may_be_moved_and_added(tmp_path: Path) -> None:
    queue = queue_of(make_reviewed(tmp_path / "s.duckdb"), most=1)
    write_sheet(queue, tmp_path / "q.csv", WEB)
    ((_, row),) = rows_of(tmp_path / "q.csv").items()
    moved = {"note": "hm", **dict(reversed(row.items())), "answer": "9 g"}
    with (tmp_path / "q.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(moved))
        writer.writeheader()
        writer.writerow(moved)
    (verdict,) = read_sheet(tmp_path / "q.csv").verdicts
    assert replace(verdict, said={}, place="").texts == ("9 g",)
    assert verdict.said == {"decided": "nothing", "arms": {"a": "nothing", "b": "9.0 gram"}}
