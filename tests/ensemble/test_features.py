"""What a judge sees, by hand, and what must hold for any ballot."""

from __future__ import annotations

from dataclasses import replace
from math import exp, isfinite, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import Alignment, Answer, Evidence
from entx.ensemble.ballot import Ballot, make_ballot
from entx.ensemble.cascade import Cascade
from entx.ensemble.judge import answer_features, ballot_features, fit_judge, option_features
from entx.ensemble.strategies import Confidence, Stack, Weighted
from entx.ensemble.strategy import Strategy
from tests.ensemble.arms import answer, ballot
from tests.ensemble.examples import labelled


def _answer(text: str, **numbers: float) -> Answer:
    made = answer(text)
    assert made is not None
    return replace(made, **numbers)


def _ballot(*answers: Answer | None, candidates: int | None = 2, alignment: Alignment = Alignment.EXACT) -> Ballot:
    return make_ballot(0, CHALLENGE["item_weight"], answers, find=lambda *_: Evidence(alignment), candidates=candidates)


def test_an_option_by_hand() -> None:
    of = _ballot(_answer("5 gram", score=0.8), _answer("6 gram", log_prob=-0.1), _answer(""), None)
    assert option_features(of, of.options[0]) == {
        "entity item_weight": 1.0, "options": 2.0, "candidates": log(3.0),
        "0 for": 1.0, "0 for item_weight": 1.0, "0 for score": pytest.approx(log(4.0)),
        "0 for score item_weight": pytest.approx(log(4.0)),
        "1 against": 1.0, "1 against log_prob": pytest.approx(log(exp(-0.1) / (1.0 - exp(-0.1)))), "2 nothing": 1.0,
        "share for": pytest.approx(1 / 3), "converted": 0.0, "alignment exact": 1.0,
    }  # fmt: skip


def test_a_question_by_hand() -> None:
    of = _ballot(_answer("", score=0.2), _answer("6 gram"), candidates=1, alignment=Alignment.NONE)
    assert ballot_features(of) == {
        "entity item_weight": 1.0, "options": 1.0, "candidates": log(2.0), "one candidate": 1.0,
        "0 nothing": 1.0, "0 nothing item_weight": 1.0, "0 nothing score": pytest.approx(log(0.25)),
        "0 nothing score item_weight": pytest.approx(log(0.25)),
        "1 something": 1.0, "1 something item_weight": 1.0, "share of the largest": 0.5, "a grounded one": 0.0,
    }  # fmt: skip
    assert ballot_features(_ballot(_answer("6 gram"), candidates=0))["no candidate"] == 1.0


def test_an_ungrounded_option_says_so_for_its_entity() -> None:
    of = _ballot(_answer("5 gram"), alignment=Alignment.NONE)
    found = option_features(of, of.options[0])
    assert found["alignment none"] == found["ungrounded item_weight"] == 1.0
    without = _ballot(_answer("5 gram"), candidates=None, alignment=Alignment.NONE)
    assert not any(
        name.startswith(("alignment", "ungrounded")) for name in option_features(without, without.options[0])
    )


def test_one_arms_features_hold_nothing_of_the_others() -> None:
    alone = answer_features(_ballot(_answer("5 gram", score=0.8)), 0)
    assert answer_features(_ballot(_answer("5 gram", score=0.8), _answer("6 gram", log_prob=-3.0)), 0) == alone
    spoiled = make_ballot(0, CHALLENGE["item_weight"], [_answer("5 volt")], candidates=2)
    assert answer_features(spoiled, 0)["alignment none"] == 1.0


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-300, 0.5])
def test_certainty_and_impossibility_stay_finite(value: float) -> None:
    of = _ballot(_answer("5 gram", p_correct=value, p_present=value, log_prob=log(value) if value else -1e308))
    for found in (option_features(of, of.options[0]), ballot_features(of), answer_features(of, 0)):
        assert all(isfinite(one) for one in found.values())
        assert all(abs(one) <= 6.0 for one in found.values())


TRAIN = labelled(200)
STRATEGIES = {
    factory.__name__: factory(factory.fit(TRAIN, factory.params))  # type: ignore[attr-defined]
    for factory in (Weighted, Confidence, Stack, Cascade)
}
SAID = st.lists(
    st.sampled_from(["5 gram", "6 gram", "0.006 kilogram", "5 volt", "3 metre", "", None]), min_size=2, max_size=2
)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())
@given(said=SAID)
def test_no_learned_strategy_ever_names_an_illegal_unit(strategy: Strategy, said: list[str | None]) -> None:
    (seen,) = strategy.view([ballot(*said)])
    (order,) = strategy.rank([seen])
    assert sorted(order) == list(range(len(seen.options)))
    for option in order:
        quantity = seen.options[option].quantity
        assert quantity is None or quantity.unit in CHALLENGE["item_weight"].units


@given(said=SAID)
def test_the_judges_chances_are_chances(said: list[str | None]) -> None:
    (verdict,) = JUDGE.verdicts([ballot(*said)])
    assert 0.0 <= verdict.present <= 1.0
    assert len(verdict.right) == len(ballot(*said).options)
    assert all(0.0 <= chance <= 1.0 for chance in verdict.right)


JUDGE = fit_judge(TRAIN)
