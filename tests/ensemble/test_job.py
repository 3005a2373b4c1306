"""The job over real stores: choices, evidence, continuing, refusing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Alignment, Answer, Evidence, PageKey
from entx.ensemble.ballot import choose_pages
from entx.ensemble.job import EnsembleReport, run_ensemble
from entx.storage.pages import add_pages
from entx.storage.runs import add_answers, find_arms, load_answers, run_settings
from entx.storage.store import Store
from tests.ensemble.arms import KEY, PAGES, Said, answer, make_store
from tests.ocr_stage.pages import Text, page

LABEL = replace(page(Text("Net weight", 0, 0), Text("500 g", 0, 100), Text("1.1 lbs", 0, 200)), picture="s1")


def _decide(path: Path, runs: list[str], strategy: str = "vote", run: str | None = None) -> EnsembleReport:
    with Store(path, write=True) as store:
        return run_ensemble(store, strategy, runs, CHALLENGE, run)


def _answers(path: Path, run: str) -> dict[int, Answer]:
    with Store(path) as store:
        return dict(load_answers(store, run))


def _texts(path: Path, run: str) -> list[str]:
    return [answer.quantity.text if answer.quantity else "" for answer in _answers(path, run).values()]


ARMS: dict[str, list[Said]] = {
    "a": ["5 gram", "", "7 gram", "3 volt", None],
    "b": ["6 gram", "", "8 gram", None, "1 gram"],
    "c": ["6 gram", "2 gram", None, None, ""],
}


def test_the_choices_are_a_run_with_reason_and_tally(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", ARMS)
    report = _decide(path, ["a", "b", "c"])
    assert report.run == "vote(a,b,c)"
    assert _texts(path, report.run) == ["6.0 gram", "", "7.0 gram", "", "1.0 gram"]
    answers = _answers(path, report.run)
    assert [answers[i].text for i in range(5)] == [
        "5.0 gram: a; 6.0 gram: b, c",
        "nothing: a, b; 2.0 gram: c",
        "7.0 gram: a; 8.0 gram: b",
        "3.0 volt: a (not a legal unit)",
        "1.0 gram: b; nothing: c",
    ]
    assert [answers[i].reason for i in range(5)] == [
        "", "no answer, as a, b said", "", "no arm's answer is in a legal unit", "",
    ]  # fmt: skip
    assert (report.questions, report.spoiled, report.converted) == (5, 1, 0)
    assert report.not_asked == {"a": 1, "b": 1, "c": 2}
    assert not report.grounded


def test_the_runs_settings_name_its_arms(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", ARMS)
    _decide(path, ["b", "a"], run="mine")
    with Store(path) as store:
        settings = run_settings(store, "mine")
        members = find_arms(store, ["b", "a"], CHALLENGE.digest)
    assert settings["strategy"] == "vote"
    assert settings["members"] == [arm.as_dict() for arm in members]
    assert [(one["run"], one["rows"]) for one in settings["members"]] == [("b", 4), ("a", 4)]


def test_calling_again_adds_nothing_and_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", ARMS)
    _decide(path, ["a", "b"])
    before = _answers(path, "vote(a,b)")
    with Store(path, write=True) as store:
        store.connection.execute("delete from answers where run = 'vote(a,b)' and idx >= 2")
    assert _decide(path, ["a", "b"]).questions == 3
    assert _answers(path, "vote(a,b)") == before
    assert _decide(path, ["a", "b"]).questions == 0


def test_a_run_whose_arms_have_grown_is_refused(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", ARMS)
    _decide(path, ["a", "b"], run="mine")
    more = answer("9 gram")
    assert more is not None
    with Store(path, write=True) as store:
        add_answers(store, "a", [(4, more)])
    with pytest.raises(InputError, match=r"'mine' stands in .* with other settings .*members.*'rows': 4.*'rows': 5"):
        _decide(path, ["a", "b"], run="mine")
    with pytest.raises(InputError, match="stage vlm"):
        _decide(path, ["a", "b"], run="a")


def test_an_ensemble_can_be_an_arm(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", ARMS)
    inner = _decide(path, ["a", "b", "c"])
    again = _decide(path, [inner.run], run="again")
    assert again.questions == inner.questions
    assert _texts(path, "again") == _texts(path, inner.run)


def test_an_answer_is_grounded_in_the_pages_of_the_store(tmp_path: Path) -> None:
    arms: dict[str, list[Said]] = {
        "a": ["0.5 kilogram", "500 gram", "1.1 pound", "77 gram", ""],
        "b": ["500 gram", "500 gram", "2 pound", "77 gram", ""],
    }
    path = make_store(tmp_path / "s.duckdb", arms, page=LABEL)
    report = _decide(path, ["a", "b"])
    answers = _answers(path, report.run)
    assert _texts(path, report.run) == ["500.0 gram", "500.0 gram", "1.1 pound", "77.0 gram", ""]
    assert [answers[i].evidence.line_ids for i in range(5)] == [(1,), (1,), (2,), (), ()]
    assert answers[0].evidence.polygon == LABEL.lines[1].polygon
    assert answers[3].evidence == Evidence(Alignment.NONE)
    assert report.grounded
    assert report.alignments["none"] == 1
    assert sum(report.alignments.values()) == 4
    assert report.converted == 1


@pytest.mark.parametrize(("engine", "lines"), [("rapidocr", (0,)), ("paddleocr", (2,))])
def test_an_arms_own_evidence_counts_only_in_its_own_pages(tmp_path: Path, engine: str, lines: tuple[int]) -> None:
    path = tmp_path / "s.duckdb"
    settings = {"first": PAGES, "a": {**PAGES, "engine": engine}}
    make_store(path, {"first": ["3 volt"], "a": [None]}, page=LABEL, settings=settings)
    said = answer("1.1 pound")
    assert said is not None
    with Store(path, write=True) as store:
        add_answers(store, "a", [(0, replace(said, evidence=Evidence(Alignment.FUZZY, (0,), (1.0,) * 8)))])
    _decide(path, ["first", "a"], run="both")
    assert _answers(path, "both")[0].evidence.line_ids == lines


def test_pages_are_those_of_the_first_arm_that_read_some(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", {"a": ["5 gram"], "b": ["5 gram"]}, settings={"b": PAGES})
    newer = PageKey("paddleocr", "m", "p")
    with Store(path, write=True) as store:
        both = find_arms(store, ["a", "b"], CHALLENGE.digest)
        assert choose_pages(store, both[:1]) is None
        add_pages(store, newer, "ocr", [LABEL])
        assert choose_pages(store, both) == KEY
        assert choose_pages(store, both[:1]) == newer
