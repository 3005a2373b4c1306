"""The judge by properties: its chances are consistent whatever was said, and a file keeps them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import Alignment, Answer, Evidence, parse_written
from entx.ensemble.ballot import Ballot, make_ballot
from entx.ensemble.judge import Judge, Logistic, fit_judge
from entx.ensemble.strategy import Example
from tests.ensemble.arms import answer, ballot
from tests.ensemble.examples import labelled

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
    again = Judge.of(json.loads(json.dumps(JUDGE.as_dict())))
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
