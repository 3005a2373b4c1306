"""The judge: what it sees by hand and for any ballot, what its regressions find, and that its chances are chances."""

from __future__ import annotations

import builtins
import json
import math
from dataclasses import asdict, replace
from math import exp, isfinite, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Alignment, Answer, Evidence, parse_written
from entx.ensemble.ballot import Ballot, Example, make_ballot
from entx.ensemble.judge import (
    Judge,
    Logistic,
    answer_features,
    ballot_features,
    fit_judge,
    fit_logistic,
    option_features,
)
from tests.ensemble.arms import answer, ballot
from tests.ensemble.examples import labelled


def _rows(count: int = 400) -> tuple[list[dict[str, float]], list[bool]]:
    """Labels follow x alone, with odds of 2x; z says nothing, c never changes."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=count)
    rows = [
        {"x": float(one), "z": float(other), "c": 1.0} for one, other in zip(x, draw.normal(size=count), strict=True)
    ]
    return rows, [bool(u < 1 / (1 + math.exp(-2 * one))) for one, u in zip(x, draw.random(count), strict=True)]


def test_it_finds_what_the_labels_follow() -> None:
    rows, labels = _rows()
    model = fit_logistic(rows, labels, penalty=10.0)
    assert model.names == ("x", "z")  # a constant says nothing
    assert model.weights[0] / model.scale[0] == pytest.approx(2.0, abs=0.4)
    assert abs(model.weights[1]) < 0.3
    low, middle, high = model.probabilities([{"x": -1.0}, {"x": 0.0}, {"x": 1.0, "unknown": 99.0}])
    assert low < 0.25 < middle < 0.75 < high
    assert middle == pytest.approx(model.probabilities([{}])[0])


def test_applied_by_hand() -> None:
    model = Logistic(("a", "b"), (1.0, 0.0), (2.0, 1.0), (3.0, -1.0), 0.5)
    odds = 0.5 + 3.0 * (5.0 - 1.0) / 2.0 - 1.0 * 4.0
    assert model.probabilities([{"a": 5.0, "b": 4.0}])[0] == pytest.approx(1 / (1 + math.exp(-odds)))
    assert len(model.probabilities([])) == 0


def test_fitting_again_gives_the_same_and_json_keeps_it() -> None:
    rows, labels = _rows(100)
    model = fit_logistic(rows, labels)
    assert fit_logistic(rows, labels) == model
    assert Logistic(**json.loads(json.dumps(asdict(model)))) == model


@pytest.mark.parametrize(("labels", "share"), [([True] * 9, 9.5 / 10), ([False] * 9, 0.5 / 10), ([], 0.5)])
def test_without_rows_of_both_labels_it_is_a_share(labels: list[bool], share: float) -> None:
    model = fit_logistic([{"x": 1.0}] * len(labels), labels)
    assert model.probabilities([{"x": 5.0}])[0] == pytest.approx(share)


def test_without_a_feature_that_varies_it_is_a_share() -> None:
    model = fit_logistic([{"x": 1.0}] * 4, [True, True, True, False])
    assert model.probabilities([{"x": 5.0}])[0] == pytest.approx(3.5 / 5)


def test_far_odds_stay_finite() -> None:
    model = Logistic(("a",), (0.0,), (1.0,), (1e6,), 0.0)
    assert list(model.probabilities([{"a": 1.0}, {"a": -1.0}])) == pytest.approx([1.0, 0.0])


def test_columns_of_unequal_length_are_refused() -> None:
    plain: dict[str, Any] = {"names": ["a"], "mean": [], "scale": [1], "weights": [1], "intercept": 0}
    with pytest.raises(ValueError, match="unequal length"):
        Logistic(**plain)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"entx-hybrid\[ensemble\]"):
        fit_logistic([{"x": 1.0}, {"x": 2.0}], [True, False])


def _answer(text: str, **numbers: float) -> Answer:
    made = answer(text)
    assert made is not None
    return replace(made, **numbers)


def _heard(*answers: Answer | None, candidates: int | None = 2, alignment: Alignment = Alignment.EXACT) -> Ballot:
    return make_ballot(0, CHALLENGE["item_weight"], answers, find=lambda *_: Evidence(alignment), candidates=candidates)


def test_an_option_by_hand() -> None:
    of = _heard(_answer("5 gram", score=0.8), _answer("6 gram", log_prob=-0.1), _answer(""), None)
    assert option_features(of, of.options[0]) == {
        "entity item_weight": 1.0, "options": 2.0, "candidates": log(3.0),
        "0 for": 1.0, "0 for item_weight": 1.0, "0 for score": pytest.approx(log(4.0)),
        "0 for score item_weight": pytest.approx(log(4.0)),
        "1 against": 1.0, "1 against log_prob": pytest.approx(log(exp(-0.1) / (1.0 - exp(-0.1)))), "2 nothing": 1.0,
        "share for": pytest.approx(1 / 3), "converted": 0.0, "alignment exact": 1.0,
    }  # fmt: skip


def test_a_question_by_hand() -> None:
    of = _heard(_answer("", score=0.2), _answer("6 gram"), candidates=1, alignment=Alignment.NONE)
    assert ballot_features(of) == {
        "entity item_weight": 1.0, "options": 1.0, "candidates": log(2.0), "one candidate": 1.0,
        "0 nothing": 1.0, "0 nothing item_weight": 1.0, "0 nothing score": pytest.approx(log(0.25)),
        "0 nothing score item_weight": pytest.approx(log(0.25)),
        "1 something": 1.0, "1 something item_weight": 1.0, "share of the largest": 0.5, "a grounded one": 0.0,
    }  # fmt: skip
    assert ballot_features(_heard(_answer("6 gram"), candidates=0))["no candidate"] == 1.0


def test_an_ungrounded_option_says_so_for_its_entity() -> None:
    of = _heard(_answer("5 gram"), alignment=Alignment.NONE)
    found = option_features(of, of.options[0])
    assert found["alignment none"] == found["ungrounded item_weight"] == 1.0
    without = _heard(_answer("5 gram"), candidates=None, alignment=Alignment.NONE)
    assert not any(
        name.startswith(("alignment", "ungrounded")) for name in option_features(without, without.options[0])
    )


def test_one_arms_features_hold_nothing_of_the_others() -> None:
    alone = answer_features(_heard(_answer("5 gram", score=0.8)), 0)
    assert answer_features(_heard(_answer("5 gram", score=0.8), _answer("6 gram", log_prob=-3.0)), 0) == alone
    spoiled = make_ballot(0, CHALLENGE["item_weight"], [_answer("5 volt")], candidates=2)
    assert answer_features(spoiled, 0)["alignment none"] == 1.0


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-300, 0.5])
def test_certainty_and_impossibility_stay_finite(value: float) -> None:
    of = _heard(_answer("5 gram", p_correct=value, p_present=value, log_prob=log(value) if value else -1e308))
    for found in (option_features(of, of.options[0]), ballot_features(of), answer_features(of, 0)):
        assert all(isfinite(one) for one in found.values())
        assert all(abs(one) <= 6.0 for one in found.values())


def test_features_know_arms_by_position_and_skip_those_not_asked() -> None:
    of = ballot("5 gram", None, "")
    option = option_features(of, of.options[0])
    assert option["0 for"] == 1.0
    assert option["2 nothing"] == 1.0
    assert not any(name.startswith("1 ") for name in (*option, *ballot_features(of)))
    assert option["share for"] == 0.5
    assert option["no page"] == 1.0
    assert set(answer_features(of, 0)) == {"something", "something item_weight", "no page"}
    sure = replace(of.answers[0] or answer("5 gram"), log_prob=-0.5, score=0.7, p_correct=0.5)  # type: ignore[type-var]
    scored = answer_features(replace(of, answers=(sure, None, of.answers[2])), 0)
    assert (scored["something score"], scored["something p"]) == (pytest.approx(0.8472979), 0.0)
    assert "something log_prob" not in scored  # the score says it


TRAIN = labelled(300)
JUDGE = fit_judge(TRAIN)
TEXTS = st.sampled_from(["5 gram", "6 gram", "0.006 kilogram", "5 volt", "", None])
SCORE = st.one_of(st.none(), st.floats(0.0, 1.0))
SAID = st.lists(st.tuples(TEXTS, SCORE), min_size=2, max_size=2)


def _ballot(said: list[tuple[str | None, float | None]], *, candidates: int | None = 1, index: int = 0) -> Ballot:
    answers = [None if (made := answer(text)) is None else replace(made, score=score) for text, score in said]
    grounded = Evidence(Alignment.EXACT if candidates else Alignment.NONE)
    return make_ballot(index, CHALLENGE["item_weight"], answers, find=lambda *_: grounded, candidates=candidates)


@given(said=SAID, candidates=st.sampled_from([None, 0, 1, 7]))
def test_an_answer_is_never_likelier_right_than_there_is_a_value(
    said: list[tuple[str | None, float | None]], candidates: int | None
) -> None:
    of = _ballot(said, candidates=candidates)
    (verdict,) = JUDGE.verdicts([of])
    assert 0.0 < verdict.present < 1.0
    assert len(verdict.right) == len(of.options)
    for option, chance in zip(of.options, verdict.right, strict=True):
        if option.quantity is None:
            assert chance == 1.0 - verdict.present
        else:
            assert 0.0 < chance <= verdict.present


@given(st.lists(SAID, min_size=1, max_size=6))
def test_a_batch_is_judged_as_its_ballots_are_one_by_one(batch: list[list[tuple[str | None, float | None]]]) -> None:
    ballots = [_ballot(said, index=place) for place, said in enumerate(batch)]
    together = JUDGE.verdicts(ballots)
    for of, verdict in zip(ballots, together, strict=True):
        (alone,) = JUDGE.verdicts([of])
        assert verdict.right == pytest.approx(alone.right)
        assert verdict.present == pytest.approx(alone.present)
    assert [one.right for one in JUDGE.verdicts(ballots[::-1])] == [pytest.approx(one.right) for one in together[::-1]]


@given(said=SAID)
def test_a_file_keeps_every_digit(said: list[tuple[str | None, float | None]]) -> None:
    again = Judge(**json.loads(json.dumps(asdict(JUDGE))))
    assert again == JUDGE
    assert again.verdicts([_ballot(said)]) == JUDGE.verdicts([_ballot(said)])


def test_support_is_worth_more_than_contradiction() -> None:
    agreed, apart = (JUDGE.verdicts([_ballot([("5 gram", 0.7), (other, 0.7)])])[0] for other in ("5 gram", "6 gram"))
    assert agreed.right[0] > apart.right[0]
    assert agreed.present > 0.9


def test_what_is_not_on_the_page_is_less_likely_right() -> None:
    said = [("5 gram", 0.6), ("", 0.3)]
    grounded, not_found = _ballot(said), replace(_ballot(said))  # type: ignore[arg-type]
    options = tuple(replace(option, evidence=Evidence(Alignment.NONE)) for option in not_found.options)
    not_found = replace(not_found, options=options)
    assert JUDGE.verdicts([not_found])[0].right[0] < JUDGE.verdicts([grounded])[0].right[0] - 0.2


def test_an_entity_that_was_never_labelled_is_judged_like_an_average_one() -> None:
    said = [answer("5 gram"), answer("")]
    known = [make_ballot(0, CHALLENGE[name], said, candidates=1) for name in ("item_weight",)]
    foreign = make_ballot(0, replace(CHALLENGE["item_weight"], name="net_content"), said, candidates=1)
    (verdict,) = JUDGE.verdicts([foreign])
    assert 0.0 < verdict.right[0] < 1.0
    assert verdict.right[0] != JUDGE.verdicts(known)[0].right[0]


def test_rows_of_one_kind_make_a_judge_that_says_so() -> None:
    five = answer("5 gram")
    assert five is not None
    of = ballot("5 gram", "5 gram")
    right = frozenset([five.quantity]) if five.quantity else frozenset()
    judge = fit_judge([Example(of, right, True)] * 9)
    (verdict,) = judge.verdicts([of])
    assert verdict.right == (pytest.approx(9.5 / 10),)
    assert verdict.present == pytest.approx(9.5 / 10)
    silent = fit_judge([Example(ballot("", ""), frozenset(), False)] * 9)
    assert silent.verdicts([ballot("", "")])[0].right == (pytest.approx(9.5 / 10),)


def test_nobody_asked_is_judged_by_the_page_alone() -> None:
    (verdict,) = JUDGE.verdicts([ballot(None, None)])
    assert verdict.right == ()
    assert 0.0 < verdict.present < 1.0


def test_by_hand() -> None:
    judge = Judge(
        Logistic(("0 for score",), (0.0,), (1.0,), (2.0,), 0.0), Logistic(("0 something",), (0.5,), (0.5,), (1.0,), 0.0)
    )
    quantity = parse_written("5 gram")
    of = make_ballot(0, CHALLENGE["item_weight"], [Answer(quantity, score=0.5), Answer(None)])
    (verdict,) = judge.verdicts([of])
    assert verdict.present == pytest.approx(0.7310586)  # log-odds 1: (1 - .5) / .5
    assert verdict.right == (pytest.approx(0.5), pytest.approx(1 - 0.7310586))
    sure = make_ballot(0, CHALLENGE["item_weight"], [Answer(quantity, score=0.9), Answer(None)])
    assert judge.verdicts([sure])[0].right[0] == pytest.approx(0.7310586)  # .988, but at most q


def test_the_judge_is_calibrated_on_other_rows() -> None:
    others = labelled(400, seed=1)
    verdicts = JUDGE.verdicts([example.ballot for example in others])
    shown = sum(example.present for example in others) / len(others)
    assert sum(verdict.present for verdict in verdicts) / len(others) == pytest.approx(shown, abs=0.05)
    assert JUDGE.verdicts([]) == []


@given(st.lists(st.sampled_from(["500 gram", "0.5 kilogram", "501 gram", "3 volt", "", None]), min_size=1, max_size=6))
def test_features_are_numbers_of_the_arms_that_were_asked(said: list[str | None]) -> None:
    of = ballot(*said)
    silent = {str(arm) for arm, text in enumerate(said) if text is None}
    every = [ballot_features(of), *(option_features(of, option) for option in of.options if option.quantity)]
    for found in every:
        assert not {name.split()[0] for name in found} & silent
        assert all(isinstance(value, float) for value in found.values())
    for option in of.options:
        if option.quantity is not None:
            found = option_features(of, option)
            stands = [sum(f"{arm} {how}" in found for how in ("for", "against", "nothing")) for arm in of.asked]
            assert stands == [1] * len(of.asked)
            assert found["share for"] == pytest.approx(len(option.arms) / len(of.asked))
    for arm in of.asked:
        assert ("nothing" in answer_features(of, arm)) == (said[arm] == "")
