"""The ensemble that ships: what it decides, that its file is whole, and that it was fitted on today's readers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer
from entx.ensemble.ballot import Ballot, make_ballot
from entx.ensemble.job import DefaultEnsemble, load_default, shipped_path
from entx.ensemble.judge import CHALLENGE_F1, Objective, fit_judge
from entx.llm_stage import reader as text_reader
from entx.llm_stage.prompt import PROMPT_VERSION
from entx.llm_stage.reader import shipped_model
from entx.neural.model_folder import model_hash
from entx.rules import reader as rules_reader
from entx.rules.reader import shipped_weights
from lab.default_calibration import save_default
from tests.ensemble.arms import answer, heard, labelled

BOTH = load_default()
SCORES = st.floats(0.01, 0.99)
TEXTS = ["5 gram", "6 gram", "0.005 kilogram", "5 volt", ""]


def _ballot(*said: tuple[str, float], **how: Any) -> Ballot:
    """What the rules say with their chances, and then a model with its probability."""
    arms = [
        answer(text, score=sure, p_correct=sure if text else None, p_present=sure) if arm == 0
        else answer(text, log_prob=math.log(sure)) for arm, (text, sure) in enumerate(said)
    ]  # fmt: skip
    return heard(*arms, **how)


def test_the_shipped_file_says_what_it_was_fitted_on_and_keeps_its_word() -> None:
    assert BOTH.stages == ("rules", "llm")
    assert BOTH.entities == tuple(sorted(CHALLENGE.entities))
    assert BOTH.rows == BOTH.measured["asked"]["all"]["n"] + BOTH.measured["everything"]["all"]["n"] == 868 + 1184
    assert len(BOTH.data) == 64
    assert BOTH.versions.keys() == set(BOTH.stages)
    for measured, reached, error in (
        (BOTH.measured["asked"], BOTH.reached, 0.05),
        (BOTH.measured["everything"], BOTH.reached_everything, 0.065),  # of 340 answers chance alone makes .05
    ):
        told = measured["reliability"]
        assert told["p"]["error"] <= error
        assert told["q"]["error"] <= 0.05
        assert told["q"]["rows"] == measured["all"]["n"]
        assert 0.8 < measured["all"]["f1"] < measured["all"]["high"]
        assert abs(reached - measured["all"]["f1"]) < 0.03  # the F that its threshold expects


def test_the_shipped_file_holds_no_row_and_is_small() -> None:
    text = shipped_path().read_text(encoding="utf-8")
    assert len(text) < 60_000
    assert "http" not in text
    assert not any(name in text for name in (".jpg", "held_out", "polygon", "index"))


def test_it_was_fitted_on_the_readers_of_today() -> None:
    rules = f"{rules_reader.READER_VERSION} {shipped_weights().digest}"
    llm = f"{text_reader.READER_VERSION} {PROMPT_VERSION} {model_hash(shipped_model())}"
    assert BOTH.versions == {"rules": rules, "llm": llm}, "a reader has changed: run lab/default_calibration.py again"


@given(sure=SCORES, more=SCORES, entity=st.sampled_from(sorted(CHALLENGE.entities)))
def test_surer_rules_are_never_less_likely_right(sure: float, more: float, entity: str) -> None:
    unit = CHALLENGE[entity].units[0]
    low, high = sorted((sure, more))
    said = [_ballot((f"5 {unit}", one), (f"5 {unit}", 0.5), entity=entity) for one in (low, high)]
    first, second = BOTH.judge.verdicts(said)
    assert first.right[0] <= second.right[0] + 1e-12
    assert first.present <= second.present + 1e-12


@given(st.lists(st.tuples(st.sampled_from(TEXTS), SCORES), min_size=2, max_size=2), st.booleans())
def test_whatever_is_said_the_choice_is_legal_and_its_chances_are_chances(
    said: list[tuple[str, float]], everything: bool
) -> None:
    of = replace(_ballot(*said), everything=everything)
    choice = BOTH.decide(of)
    assert 0.0 < choice.p_present < 1.0
    if choice.option is None:
        assert choice.p_correct is None
        assert choice.reason
    else:
        assert of.options[choice.option].quantity.unit in CHALLENGE["item_weight"].units
        assert 0.0 < choice.p_correct <= choice.p_present
        reached = BOTH.reached_everything if everything else BOTH.reached
        assert Objective(CHALLENGE_F1).gives(choice.p_correct, choice.p_present, reached)


def test_two_readers_that_agree_are_surer_than_two_that_do_not() -> None:
    agreed, apart = (BOTH.judge.verdicts([_ballot(("5 gram", 0.6), (other, 0.6))])[0] for other in ("5 gram", "6 gram"))
    assert agreed.right[0] > apart.right[0] + 0.03


def test_nothing_said_is_no_answer_with_the_first_readers_reason() -> None:
    empty = make_ballot(0, CHALLENGE["depth"], [Answer(None, reason="none drawn"), Answer(None, reason="says none")])
    choice = BOTH.decide(empty)
    assert (choice.option, choice.reason, choice.p_correct) == (None, "none drawn", None)
    assert choice.p_present < 0.5


def test_an_unlikely_answer_is_withheld_and_told() -> None:
    choice = BOTH.decide(_ballot(("5 centimetre", 0.02), ("", 0.02), entity="depth", candidates=6))
    assert choice.option is None
    assert "5.0 centimetre is not worth the risk: right with 0." in choice.reason


def _own() -> DefaultEnsemble:
    rows, numbers = labelled(80), {"n": 80}
    names = ("height", "item_weight")
    return DefaultEnsemble(("a", "b"), fit_judge(rows), 0.75, 0.7, names, 80, "x", {"a": "1"}, numbers)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    save_default(path, _own())
    found = load_default(path)
    save_default(tmp_path / "again.json", found)
    assert (tmp_path / "again.json").read_text() == path.read_text()
    assert (found.stages, found.reached, found.versions, found.measured) == (("a", "b"), 0.75, {"a": "1"}, {"n": 80})
    of = [example.ballot for example in labelled(20, seed=3)]
    for ours, theirs in zip(_own().judge.verdicts(of), found.judge.verdicts(of), strict=True):
        assert (*theirs.right, theirs.present) == pytest.approx((*ours.right, ours.present))


NOT_ONE = ["[" * 100_000, "[]", "3", "", "{", {"format": 99}, {"format": 2}, {"format": 2, "stages": ["a"]}]


@pytest.mark.parametrize("content", NOT_ONE)
def test_what_is_no_default_ensemble_is_told_in_a_line(content: str | dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"d\.json: (a damaged default ensemble: |not a default ensemble)") as caught:
        load_default(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"d\.json: cannot be read"):
        load_default(tmp_path / "d.json")


def test_the_shipped_figures_are_told_for_every_slice() -> None:
    for name, rows in ("asked", (868, 622, 246)), ("everything", (1184, 160, 1024)):
        measured = BOTH.measured[name]
        for part, number in zip(("all", "small", "large"), rows, strict=True):
            assert measured[part]["n"] == number
            assert measured[part]["low"] <= measured[part]["f1"] <= measured[part]["high"]
