"""The judge: what it sees, what its regressions find, that its chances are chances; and when it answers on them."""

from __future__ import annotations

import builtins
import json
import math
from dataclasses import asdict, replace
from itertools import product
from math import exp, isfinite, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Alignment, parse_written
from entx.ensemble.ballot import Ballot, Example, make_ballot
from entx.ensemble.judge import (
    CHALLENGE_F1,
    MICRO_F1,
    Judge,
    Logistic,
    Objective,
    answer_features,
    ballot_features,
    fit_judge,
    fit_logistic,
    option_features,
)
from tests.ensemble.arms import answer, ballot, heard, labelled


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


@pytest.mark.parametrize(
    ("labels", "share"), [([True] * 9, 9.5 / 10), ([False] * 9, 0.5 / 10), ([], 0.5), ([True] * 3 + [False], 3.5 / 5)]
)
def test_without_both_labels_or_a_feature_that_varies_it_is_a_share(labels: list[bool], share: float) -> None:
    model = fit_logistic([{"x": 1.0}] * len(labels), labels)
    assert model.probabilities([{"x": 5.0}])[0] == pytest.approx(share)


def test_far_odds_stay_finite() -> None:
    model = Logistic(("a",), (0.0,), (1.0,), (1e6,), 0.0)
    assert list(model.probabilities([{"a": 1.0}, {"a": -1.0}])) == pytest.approx([1.0, 0.0])


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="unequal length"):
        Logistic(("a",), (), (1.0,), (1.0,), 0.0)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"entx-hybrid\[ensemble\]"):
        fit_logistic([{"x": 1.0}, {"x": 2.0}], [True, False])


def test_an_option_by_hand() -> None:
    of = heard(answer("5 gram", score=0.8), answer("6 gram", log_prob=-0.1), answer(""), None)
    assert option_features(of, of.options[0]) == {
        "entity item_weight": 1.0, "options": 2.0, "candidates": log(3.0),
        "0 for": 1.0, "0 for item_weight": 1.0, "0 for score": pytest.approx(log(4.0)),
        "0 for score item_weight": pytest.approx(log(4.0)),
        "1 against": 1.0, "1 against log_prob": pytest.approx(log(exp(-0.1) / (1.0 - exp(-0.1)))), "2 nothing": 1.0,
        "share for": pytest.approx(1 / 3), "converted": 0.0, "alignment exact": 1.0,
    }  # fmt: skip


def test_a_question_by_hand() -> None:
    of = heard(answer("", score=0.2), answer("6 gram"), candidates=1, alignment=Alignment.NONE)
    assert ballot_features(of) == {
        "entity item_weight": 1.0, "options": 1.0, "candidates": log(2.0), "one candidate": 1.0,
        "0 nothing": 1.0, "0 nothing item_weight": 1.0, "0 nothing score": pytest.approx(log(0.25)),
        "0 nothing score item_weight": pytest.approx(log(0.25)),
        "1 something": 1.0, "1 something item_weight": 1.0, "share of the largest": 0.5, "a grounded one": 0.0,
    }  # fmt: skip
    assert ballot_features(heard(answer("6 gram"), candidates=0))["no candidate"] == 1.0


def test_an_ungrounded_option_says_so_for_its_entity() -> None:
    of = heard(answer("5 gram"), alignment=Alignment.NONE)
    found = option_features(of, of.options[0])
    assert found["alignment none"] == found["ungrounded item_weight"] == 1.0
    without = heard(answer("5 gram"), candidates=None, alignment=Alignment.NONE)
    names = option_features(without, without.options[0])
    assert not any(name.startswith(("alignment", "ungrounded")) for name in names)


def test_one_arms_features_hold_nothing_of_the_others() -> None:
    alone = answer_features(heard(answer("5 gram", score=0.8)), 0)
    assert answer_features(heard(answer("5 gram", score=0.8), answer("6 gram", log_prob=-3.0)), 0) == alone
    spoiled = make_ballot(0, CHALLENGE["item_weight"], [answer("5 volt")], candidates=2)
    assert answer_features(spoiled, 0)["alignment none"] == 1.0


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-300, 0.5])
def test_certainty_and_impossibility_stay_finite(value: float) -> None:
    of = heard(answer("5 gram", p_correct=value, p_present=value, log_prob=log(value) if value else -1e308))
    for found in (option_features(of, of.options[0]), ballot_features(of), answer_features(of, 0)):
        assert all(isfinite(one) for one in found.values())
        assert all(abs(one) <= 6.0 for one in found.values())


def test_features_know_arms_by_position_and_skip_those_not_asked() -> None:
    of = ballot("5 gram", None, "")
    option = option_features(of, of.options[0])
    assert [option[name] for name in ("0 for", "2 nothing", "share for", "no page")] == [1.0, 1.0, 0.5, 1.0]
    assert not any(name.startswith("1 ") for name in (*option, *ballot_features(of)))
    assert set(answer_features(of, 0)) == {"something", "something item_weight", "no page"}
    scored = answer_features(heard(answer("5 gram", log_prob=-0.5, score=0.7, p_correct=0.5), None, answer("")), 0)
    assert (scored["something score"], scored["something p"]) == (pytest.approx(0.8472979), 0.0)
    assert "something log_prob" not in scored  # the score says it


TRAIN = labelled(300)
JUDGE = fit_judge(TRAIN)
TEXTS = st.sampled_from(["5 gram", "6 gram", "0.006 kilogram", "5 volt", "", None])
SCORE = st.one_of(st.none(), st.floats(0.0, 1.0))
SAID = st.lists(st.tuples(TEXTS, SCORE), min_size=2, max_size=2)


def _ballot(said: list[tuple[str | None, float | None]], *, candidates: int | None = 1, index: int = 0) -> Ballot:
    alignment = Alignment.EXACT if candidates else Alignment.NONE
    answers = (answer(text, score=score) for text, score in said)
    return heard(*answers, candidates=candidates, index=index, alignment=alignment)


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
        assert (*verdict.right, verdict.present) == pytest.approx((*alone.right, alone.present))
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
    said = answer("5 gram", score=0.6), answer("", score=0.3)
    not_found, grounded = (heard(*said, candidates=1, alignment=how) for how in (Alignment.NONE, Alignment.EXACT))
    assert JUDGE.verdicts([not_found])[0].right[0] < JUDGE.verdicts([grounded])[0].right[0] - 0.2


def test_an_entity_that_was_never_labelled_is_judged_like_an_average_one() -> None:
    said = [answer("5 gram"), answer("")]
    weight = CHALLENGE["item_weight"]
    entities = (weight, replace(weight, name="net_content"))
    known, foreign = JUDGE.verdicts([make_ballot(0, entity, said, candidates=1) for entity in entities])
    assert 0.0 < foreign.right[0] < 1.0
    assert foreign.right[0] != known.right[0]


def test_rows_of_one_kind_make_a_judge_that_says_so() -> None:
    of = ballot("5 gram", "5 gram")
    judge = fit_judge([Example(of, frozenset([parse_written("5 gram")]), True)] * 9)
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
    verdict, sure = judge.verdicts([heard(answer("5 gram", score=score), answer("")) for score in (0.5, 0.9)])
    assert verdict.present == pytest.approx(0.7310586)  # log-odds 1: (1 - .5) / .5
    assert verdict.right == (pytest.approx(0.5), pytest.approx(1 - 0.7310586))
    assert sure.right[0] == pytest.approx(0.7310586)  # .988, but at most q


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
    given = [option for option in of.options if option.quantity]
    of_options = [option_features(of, option) for option in given]
    for found in (ballot_features(of), *of_options):
        assert not {name.split()[0] for name in found} & silent
        assert all(isinstance(value, float) for value in found.values())
    for option, found in zip(given, of_options, strict=True):
        stands = [sum(f"{arm} {how}" in found for how in ("for", "against", "nothing")) for arm in of.asked]
        assert stands == [1] * len(of.asked)
        assert found["share for"] == pytest.approx(len(option.arms) / len(of.asked))
    for arm in of.asked:
        assert ("nothing" in answer_features(of, arm)) == (said[arm] == "")


CHANCES = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=8
)


def _best_f1(objective: Objective, p: np.ndarray, q: np.ndarray) -> float:
    return max(
        objective.expected_f1(p, q, np.array(given, dtype=np.float64)) for given in product((0.0, 1.0), repeat=len(p))
    )


@pytest.mark.parametrize("name", [CHALLENGE_F1, MICRO_F1])
@given(rows=CHANCES)
def test_no_other_set_of_answers_has_a_higher_expected_f1(name: str, rows: list[tuple[float, float]]) -> None:
    objective = Objective.parse(name)
    p, q = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    threshold = objective.threshold(list(p), list(q))
    given = np.array([objective.gives(*row, threshold) for row in rows], dtype=np.float64)
    best = _best_f1(objective, p, q)
    assert objective.expected_f1(p, q, given) == pytest.approx(best, abs=1e-9)
    assert threshold == pytest.approx(best, abs=1e-9)


def test_expected_f1_by_hand() -> None:
    p, q, given = np.array([0.8, 0.5, 0.3]), np.array([0.9, 0.5, 0.6]), np.array([1.0, 1.0, 0.0])
    ours, micro = Objective(CHALLENGE_F1), Objective(MICRO_F1)
    assert ours.expected_f1(p, q, given) == pytest.approx(2.6 / 3.9)  # TP 1.3, FP .2 + .5, FN .6
    assert micro.expected_f1(p, q, given) == pytest.approx(2.6 / 4.0)  # two given, two present
    assert ours.expected_f1(p, q, np.zeros(3)) == 0.0


def test_where_a_value_is_sure_to_be_there_always_answer() -> None:
    assert Objective(CHALLENGE_F1).gives(0.01, 1.0, 0.99)
    assert not Objective(CHALLENGE_F1).gives(0.01, 0.9, 0.99)
    assert not Objective(MICRO_F1).gives(0.01, 1.0, 0.99)


def test_the_rule_beats_always_and_half_of_f_on_simulated_rows() -> None:
    draw = np.random.default_rng(0)
    present = draw.random(200_000) < 0.69
    q = np.clip(np.where(present, draw.beta(5, 2, 200_000), draw.beta(2, 3, 200_000)), 0.01, 0.99)
    bins = (q * 50).astype(int)  # q calibrated by construction: the share of present rows of its bin
    q = np.array([present[bins == b].mean() if (bins == b).any() else 0.0 for b in range(51)])[bins]
    p = q * draw.beta(4, 2, len(q))
    right = draw.random(len(q)) < p / np.maximum(q, 1e-9)
    right &= present

    def f1(given: np.ndarray) -> float:
        tp = (right & given).sum()
        return float(2 * tp / (2 * tp + (given & ~right).sum() + (present & ~given).sum()))

    ours = Objective.parse(CHALLENGE_F1)
    threshold = ours.threshold(list(p[:5000]), list(q[:5000]))
    rule = f1(p * (2 - threshold) > threshold * (1 - q))
    assert rule > f1(p > threshold / 2)
    assert rule > f1(np.ones(len(q), dtype=bool))
    assert rule == pytest.approx(threshold, abs=0.02)


@given(rows=CHANCES, precision=st.sampled_from([0.5, 0.8, 0.95]))
def test_precision_is_kept_and_nothing_more_could_be_given(rows: list[tuple[float, float]], precision: float) -> None:
    objective = Objective.parse(f"precision@{precision}")
    p = [row[0] for row in rows]
    threshold = objective.threshold(p, [row[1] for row in rows])
    given = sorted((one for one in p if objective.gives(one, 1.0, threshold)), reverse=True)
    rest = sorted((one for one in p if not objective.gives(one, 1.0, threshold)), reverse=True)
    if given:
        assert np.mean(given) >= precision - 1e-9
    if rest:
        assert np.mean([*given, *(one for one in rest if one == rest[0])]) < precision + 1e-9


def test_objectives_are_read_and_an_unknown_one_is_told() -> None:
    names = ("precision@.9", "precision@1", "micro-f1")
    assert list(map(Objective.parse, names)) == [
        Objective("precision", 0.9),
        Objective("precision", 1.0),
        Objective(MICRO_F1),
    ]
    for text in ("f1", "precision", "precision@0", "precision@1.2", "precision@x", "own", ""):
        with pytest.raises(InputError, match="expected challenge-f1, micro-f1 or precision@X"):
            Objective.parse(text)


def test_no_rows_and_no_chances() -> None:
    assert Objective(CHALLENGE_F1).threshold([], []) == Objective(CHALLENGE_F1).threshold([0.0], [0.5]) == 0.0
    assert Objective("precision", 0.9).threshold([], []) > 1.0


@given(
    name=st.sampled_from([CHALLENGE_F1, MICRO_F1, "precision@0.9"]), p=st.floats(0.0, 1.0), q=st.floats(0.0, 1.0),
    more=st.floats(0.0, 1.0), threshold=st.floats(0.0, 1.0),
)  # fmt: skip
def test_a_likelier_answer_is_given_wherever_a_less_likely_one_is(
    name: str, p: float, q: float, more: float, threshold: float
) -> None:
    objective = Objective.parse(name)
    low, high = sorted((p, more))
    assert objective.gives(low, q, threshold) <= objective.gives(high, q, threshold)
    assert objective.gives(low, min(q, more), threshold) <= objective.gives(low, max(q, more), threshold)


@given(rows=CHANCES, copies=st.integers(2, 4))
def test_the_threshold_is_a_property_of_the_mix_not_of_the_number_of_rows(
    rows: list[tuple[float, float]], copies: int
) -> None:
    for name in (CHALLENGE_F1, MICRO_F1, "precision@0.8"):
        objective = Objective.parse(name)
        once, often = (objective.threshold(*zip(*rows * times, strict=True)) for times in (1, copies))
        assert often == pytest.approx(once, abs=1e-9)
        assert objective.threshold(*zip(*rows[::-1], strict=True)) == pytest.approx(once, abs=1e-9)
