"""Hybrids of stored runs; the frontier of the cascade, whose ends are known, asks nobody more than was allowed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.evaluation import Counts
from entx.ensemble.ballot import Example
from entx.ensemble.fit import fit_ensemble
from entx.ensemble.job import Chooser, Policy
from entx.ensemble.judge import CHALLENGE_F1, Objective
from entx.ensemble.strategies import first_arms_only, learn
from entx.report.columns import Column, Gold, GoldRow
from entx.report.hybrids import ASKS, CLOSE, Frontier, cheap_arms, frontier_figures, sweep
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm
from entx.storage.store import Store
from tests.ensemble.arms import labelled
from tests.report.ablations import default_arms, make_store, measured, of, summary
from tests.report.tables import macros


def test_hybrids_of_two_arms_and_the_first_arm_wins_ties(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny, strategies=("vote",))
    vote = of(found["columns"], "vote")
    assert (vote["kind"], vote["asked"]) == ("hybrid", 8)
    answers = [row["answers"]["vote"] for row in found["rows"]]
    assert answers == ["500.0 gram", "2.0 kilogram", "1.0 gram", "4.0 pound", "24.0 volt", "", "", ""]
    assert any(note.startswith("vote learns nothing here: 8 labelled rows") for note in found["notes"])


def test_a_stored_ensemble_has_no_vote_in_hybrids(tmp_path: Path) -> None:
    path, table = make_store(tmp_path)
    from entx.ensemble.job import run_ensemble  # a real run, as `entx ensemble` makes it

    with Store(path, write=True) as store:
        run_ensemble(store, "vote", ["rules", "qwen"], CHALLENGE, "kept")
    found = summary(path, table, "rules,qwen,kept", strategies=("vote",))
    assert [row["answers"]["kept"] == row["answers"]["vote"] for row in found["rows"]] == [True] * 8
    assert found["oracle"]["arms"] == ["rules", "qwen"]
    assert of(found["variants"], "kept")["strict"] is None


def test_fewer_than_two_arms_make_no_hybrid(tiny: tuple[Path, Path]) -> None:
    found = summary(*tiny, runs="rules", strategies=("vote",))
    assert [column["name"] for column in found["columns"]] == ["rules"]
    assert "no hybrids: fewer than two arms" in found["notes"]
    assert found["pairs"] == []


def test_an_unknown_strategy_and_a_run_with_a_hybrids_name(tmp_path: Path) -> None:
    path, table = make_store(tmp_path, {**default_arms(), "vote": default_arms()["qwen"]})
    with pytest.raises(InputError, match="unknown strategy 'coin'"):
        measured(path, table, strategies=("coin",))
    with pytest.raises(InputError, match="run 'vote' has the name of a hybrid"):
        measured(path, table, "rules,vote", strategies=("vote",))


ARMS = [Arm("rules", "rules", "h", 1), Arm("qwen", "vlm", "h", 1)]
ROWS = 300
COSTS = {
    "rules": {"answering_seconds": 2.0, "reading_seconds": 30.0},
    "qwen": {"answering_seconds": 1000.0, "reading_seconds": 0.0},
}


@cache
def _sample() -> tuple[list[Example], Gold]:
    """Labelled rows, and the same as gold."""
    examples = labelled(ROWS)
    rows = tuple(
        GoldRow(
            example.ballot.index, example.ballot.entity.name, f"{example.ballot.index}.jpg", "g", None,
            example.ballot.fold, None, None, "", next((q.text for q in example.rights), ""), (),
        )
        for example in examples
    )  # fmt: skip
    return examples, Gold(Path("gold.csv"), rows, (), np.arange(ROWS, dtype=np.int64))


@pytest.fixture(scope="module")
def found() -> Frontier:
    return sweep(_sample()[0], ARMS, _sample()[1])


@pytest.fixture(scope="module")
def told(found: Frontier) -> dict[str, Any]:
    plain = frontier_figures(found, COSTS, 3600.0, 0)
    assert plain is not None
    return plain


def test_shares_rise_from_none_to_all_and_are_nearly_what_was_allowed(found: Frontier) -> None:
    assert found.asked[0] == 0.0
    assert found.asked[-1] == 1.0
    assert list(found.asked) == sorted(found.asked)
    for ask, asked in zip(ASKS, found.asked, strict=True):
        assert asked == pytest.approx(ask, abs=0.12)  # a share of other pictures


@pytest.mark.parametrize(("end", "arms"), [(0, 1), (-1, 2)])
def test_the_ends_are_stack_over_the_cheap_arms_and_over_all(found: Frontier, end: int, arms: int) -> None:
    examples = [replace(example, ballot=first_arms_only(example.ballot, arms)) for example in _sample()[0]]
    fitted = fit_ensemble("stack", ARMS, "s", examples)
    choices = Chooser("stack", ["rules", "qwen"], fitted, Policy(CHALLENGE_F1, always=True)).choose(
        [example.ballot for example in examples]
    )
    for choice, answer in zip(choices, found.columns[end].answers, strict=True):
        assert answer is not None
        assert answer.p_present == pytest.approx(choice.p_present, abs=1e-6)  # the file keeps nine digits
        if answer.quantity is not None and choice.option is not None:
            assert answer.quantity == choice.ballot.options[choice.option].quantity
            assert answer.p_correct == pytest.approx(choice.p_correct, abs=1e-6)


def test_a_costly_arm_that_is_better_is_worth_asking(told: dict[str, Any]) -> None:
    points = told["points"]
    assert points[-1]["f1"] > points[0]["f1"] + 0.05
    half = next(point for point in points if point["ask"] == 0.5)
    assert half["f1"] > (points[0]["f1"] + points[-1]["f1"]) / 2 + 0.02  # better than to ask by lot
    assert 0.0 < told["near"] < 1.0


def test_every_figure_of_a_point(found: Frontier, told: dict[str, Any]) -> None:
    assert (told["cheap"], told["costly"]) == (["rules"], ["qwen"])
    for point, column, asked in zip(told["points"], found.columns, found.asked, strict=True):
        assert point["f1"] == Counts.of(column.outcomes).f1
        assert point["low"] <= point["f1"] <= point["high"]
        assert point["asked"] == asked
        assert point["seconds"] == pytest.approx(32.0 + 1000.0 * asked)
        assert point["cost"] == pytest.approx(point["seconds"])  # 3600 an hour
        assert point["against"]["difference"] == pytest.approx(point["f1"] - told["points"][-1]["f1"])
    near = [point for point in told["points"] if point["asked"] >= told["near"]]
    assert near[0]["f1"] >= told["points"][-1]["f1"] - CLOSE


def test_a_run_without_times_has_none_where_it_is_asked(found: Frontier) -> None:
    untimed = {"answering_seconds": None, "reading_seconds": 0.0}
    plain = frontier_figures(found, {**COSTS, "qwen": untimed}, None, 0) or {}
    assert plain["points"][0]["seconds"] == 32.0
    assert all(point["seconds"] is None for point in plain["points"][1:])
    assert all(point["cost"] is None for point in plain["points"])
    assert frontier_figures(None, COSTS, None, 0) is None


def test_a_labelled_picture_never_decides_its_own_answer(found: Frontier) -> None:
    examples, gold = _sample()
    lies = [Example(example.ballot, frozenset(), not example.present) for example in examples]
    other = sweep([lie if lie.ballot.fold == 1 else one for lie, one in zip(lies, examples, strict=True)], ARMS, gold)
    own = {row.index for row in gold.rows if row.fold == 1}
    for ours, theirs in zip(found.columns, other.columns, strict=True):
        assert _said(ours, own) == _said(theirs, own)
    others = set(range(ROWS)) - own
    assert _said(found.columns[-1], others) != _said(other.columns[-1], others)


def _said(column: Column, indices: set[int]) -> list[Any]:
    return [answer for row, answer in zip(column.gold.rows, column.answers, strict=True) if row.index in indices]


@pytest.mark.parametrize(
    ("stages", "cheap"),
    [("rules vlm", 1), ("rules llm vlm", 2), ("rules llm", 1), ("vlm vlm rules", 1), ("rules llm llm vlm vlm", 3)],
)
def test_cheap_are_the_arms_before_the_first_vision_model(stages: str, cheap: int) -> None:
    assert cheap_arms([Arm(f"{place}", stage, "h", 1) for place, stage in enumerate(stages.split())]) == cheap


@given(ask=st.floats(0.0, 1.0), more=st.floats(0.0, 1.0))
def test_who_may_ask_more_needs_less_to_gain(ask: float, more: float) -> None:
    low, high = sorted((ask, more))
    assert LEARNED.least(high) <= LEARNED.least(low)
    asked = sum(gain > LEARNED.least(low) for gain in LEARNED.gains)
    assert asked <= low * len(LEARNED.gains) + 1


LEARNED = learn(labelled(150), 1)


def test_what_is_held_out_was_held_out() -> None:
    rows = labelled(150)
    assert len(LEARNED.held_out) == len(rows)
    lied = [Example(row.ballot, frozenset(), False) if row.ballot.fold == 0 else row for row in rows]
    other = learn(lied, 1)
    for ours, theirs in zip(LEARNED.held_out, other.held_out, strict=True):
        same = (ours.cheap, ours.full) == (theirs.cheap, theirs.full)
        assert same == (ours.example.ballot.fold == 0)
    assert {row.example.ballot.fold for row in LEARNED.held_out} == set(range(FOLDS))
    assert 0.0 < LEARNED.reached < 1.0
    assert Objective(CHALLENGE_F1).name == CHALLENGE_F1


def test_the_section_and_its_absence(told: dict[str, Any]) -> None:
    page = macros("sections.html").frontier({"frontier": {**told, "costly": ["<b>qwen"]}, "price": 3600.0})
    assert "&lt;b&gt;qwen" in page
    assert page.count("<tr>") == 1 + len(ASKS)
    assert '<th scope="col">cost' in page
    assert '<th scope="col">cost' not in macros("sections.html").frontier({"frontier": told, "price": None})
    assert macros("sections.html").frontier({"frontier": None, "price": None}).strip() == ""
