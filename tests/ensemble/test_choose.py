"""From verdicts to choices: what must hold for any ballot, any policy, and a judge that is known."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.ensemble.cascade import Cascade
from entx.ensemble.decision import CHALLENGE_F1, MICRO_F1, Objective
from entx.ensemble.fit import Fitted, FoldModel, favourite, fit_ensemble, parse_fitted, rounded
from entx.ensemble.job import NO_LEGAL_ANSWER, OWN, Choice, Chooser, Policy, not_worth
from entx.ensemble.judge import Judge, Logistic, fit_judge, verdicts_of
from entx.ensemble.strategies import Stack, Vote
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm
from tests.ensemble.arms import Said, ballot
from tests.ensemble.examples import labelled

RUNS = ["a", "b"]
ARMS = [Arm("a", "rules", "h", 1), Arm("b", "vlm", "h", 1)]
TRAIN = labelled(120)
FITTED = {
    name: fit_ensemble(name, factory, ARMS, "s", TRAIN)
    for name, factory in (("vote", Vote), ("stack", Stack), ("cascade", Cascade))
}
FACTORIES = {"vote": Vote, "stack": Stack, "cascade": Cascade}
NAMES = st.sampled_from(sorted(FITTED))
SAID = st.lists(
    st.sampled_from(["5 gram", "6 gram", "0.006 kilogram", "5 volt", "3 metre", "", None]), min_size=2, max_size=2
)
FOLD = st.integers(0, FOLDS - 1)
PRECISION = st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.99, 1.0])


@cache
def _chooser(name: str, policy: Policy) -> Chooser:
    return Chooser(name, FACTORIES[name], RUNS, FITTED[name], policy)


def _choose(name: str, said: list[Said], fold: int, policy: Policy) -> Choice:
    return _chooser(name, policy).choose([ballot(*said, fold=fold)])[0]


@given(name=NAMES, said=SAID, fold=FOLD)
def test_always_answering_gives_an_answer_wherever_a_legal_one_was_said(name: str, said: list[Said], fold: int) -> None:
    choice = _choose(name, said, fold, Policy(CHALLENGE_F1, always=True))
    legal = any(option.quantity is not None for option in choice.ballot.options)
    assert (choice.option is not None) == legal
    if not legal:
        assert choice.reason


@given(name=NAMES, said=SAID, fold=FOLD, low=PRECISION, high=PRECISION)
def test_more_precision_never_gives_more(name: str, said: list[Said], fold: int, low: float, high: float) -> None:
    easy, strict = (_choose(name, said, fold, Policy(f"precision@{one}")).option for one in sorted((low, high)))
    assert strict is None or strict == easy


@given(name=NAMES, said=SAID, fold=FOLD)
def test_what_is_given_is_always_the_favourite_and_keeps_its_chances(name: str, said: list[Said], fold: int) -> None:
    always = _choose(name, said, fold, Policy(CHALLENGE_F1, always=True))
    for optimise in (CHALLENGE_F1, MICRO_F1, "precision@0.9"):
        choice = _choose(name, said, fold, Policy(optimise))
        assert choice.p_present == always.p_present
        if choice.option is not None:
            assert (choice.option, choice.p_correct) == (always.option, always.p_correct)
        else:
            assert choice.reason
            assert choice.p_correct is None


@given(said=st.lists(SAID, min_size=1, max_size=8), fold=FOLD)
def test_a_batch_is_decided_as_its_questions_are_one_by_one(said: list[list[Said]], fold: int) -> None:
    ballots = [ballot(*one, index=place, fold=(fold + place) % FOLDS) for place, one in enumerate(said)]
    chooser = _chooser("stack", Policy(CHALLENGE_F1))
    together = chooser.choose(ballots)
    for choice, one in zip(together, ballots, strict=True):
        (alone,) = chooser.choose([one])
        assert (choice.option, choice.ballot) == (alone.option, alone.ballot)
        assert (choice.p_correct, choice.p_present) == (pytest.approx(alone.p_correct), pytest.approx(alone.p_present))
    assert [choice.ballot.index for choice in together] == list(range(len(said)))


def test_each_fold_is_decided_by_its_own_model() -> None:
    sure = Judge(Logistic((), (), (), (), 3.0), Logistic((), (), (), (), 3.0))
    never = Judge(Logistic((), (), (), (), -3.0), Logistic((), (), (), (), -3.0))
    pairs = ((0.9, 0.9), (0.1, 0.1))
    folds = tuple(FoldModel({}, sure if fold else never, pairs) for fold in range(FOLDS))
    fitted = Fitted("vote", ("rules", "vlm"), "s", 2, "d", folds)
    chooser = Chooser("vote", Vote, RUNS, fitted, Policy(CHALLENGE_F1))
    given = [chooser.choose([ballot("5 gram", "5 gram", fold=fold)])[0].option for fold in range(FOLDS)]
    assert given == [None, 0, 0, 0, 0]


def test_a_strategy_that_judges_itself_is_asked_and_has_no_second_judge() -> None:
    for name in ("stack", "cascade"):
        assert all(fold.judge is None for fold in FITTED[name].folds)
        assert parse_fitted(FITTED[name].text()) == FITTED[name]
    assert all(fold.judge is not None for fold in FITTED["vote"].folds)
    of = [example.ballot for example in TRAIN[:5]]
    own = Judge.of(FITTED["stack"].folds[0].state)
    assert verdicts_of(None, Stack(FITTED["stack"].folds[0].state), of) == own.verdicts(of)
    other = fit_judge(TRAIN)
    assert verdicts_of(other, Vote(), of) == other.verdicts(of)


def test_the_order_of_a_judging_strategy_is_that_of_its_verdicts() -> None:
    of = [example.ballot for example in labelled(60, seed=5)]
    for name in ("stack", "cascade"):
        strategy = FACTORIES[name](FITTED[name].folds[0].state)
        seen = strategy.view(of)
        for order, verdict in zip(strategy.rank(seen), strategy.verdicts(seen), strict=True):  # type: ignore[attr-defined]
            assert [verdict.right[option] for option in order] == sorted(verdict.right, reverse=True)


@given(st.lists(st.one_of(st.none(), st.just(True)), max_size=4))
def test_the_favourite_is_the_first_that_is_an_answer(which: list[bool | None]) -> None:
    of = ballot(*(f"{place + 1} gram" if one else "" for place, one in enumerate(which)))
    found = favourite(of, range(len(of.options)))
    answers = [place for place, option in enumerate(of.options) if option.quantity is not None]
    assert found == (answers[0] if answers else None)


def test_spoiled_ballots_and_withheld_answers_say_why() -> None:
    (choice,) = Chooser("vote", Vote, RUNS, None, Policy(OWN)).choose([ballot("5 volt", "3 metre")])
    assert (choice.option, choice.reason) == (None, NO_LEGAL_ANSWER)
    said = not_worth(ballot("5 gram").options[0], 0.123, 0.456, MICRO_F1)
    assert said == "5.0 gram is not worth the risk: right with 0.12, a value is shown with 0.46 (micro-f1)"


def test_an_unknown_objective_is_told_at_once() -> None:
    with pytest.raises(InputError, match="coin"):
        Policy("coin")


@given(st.floats(1e-12, 1.0 - 1e-12))
def test_rounding_keeps_nine_digits(value: float) -> None:
    plain = rounded({"a": [value, (value, "x")], "b": {"c": value, "d": 3}})
    assert plain["a"][0] == plain["a"][1][0] == plain["b"]["c"] == pytest.approx(value, rel=1e-8)
    assert rounded(plain) == plain
    assert plain["b"]["d"] == 3
    assert json.loads(json.dumps(plain)) == {"a": [plain["a"][0], [plain["a"][0], "x"]], "b": plain["b"]}


@pytest.mark.parametrize("name", ["vote", "stack"])
def test_a_fit_is_the_same_whatever_the_order_of_its_rows(name: str) -> None:
    turned = fit_ensemble(name, FACTORIES[name], ARMS, "s", TRAIN[::-1])
    assert turned.data == FITTED[name].data
    of = [example.ballot for example in labelled(40, seed=9)]
    for policy in (Policy(CHALLENGE_F1), Policy(OWN)):
        one, other = (
            Chooser(name, FACTORIES[name], RUNS, fitted, policy).choose(of) for fitted in (FITTED[name], turned)
        )
        assert [choice.option for choice in one] == [choice.option for choice in other]


def test_the_threshold_is_taken_from_held_out_rows_of_the_other_folds() -> None:
    fold = FITTED["stack"].folds[2]
    objective = Objective(CHALLENGE_F1)
    assert len(fold.held_out) == sum(example.ballot.fold != 2 for example in TRAIN)
    assert fold.threshold(objective) == objective.threshold(*zip(*fold.held_out, strict=True))
    assert replace(fold, held_out=()).threshold(objective) == 0.0
