"""The cascade: whom it asks, what it never looks at, what it wins back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import Alignment, Evidence, Quantity
from entx.ensemble.ballot import Ballot, make_ballot
from entx.ensemble.cascade import Cascade, asks_others, first_arms_only, shortfall
from entx.ensemble.judge import Judge
from entx.ensemble.strategy import Example, State
from tests.ensemble.arms import answer, ballot, winner
from tests.ensemble.examples import labelled

TRAIN, OTHERS = labelled(400), labelled(400, seed=1)  # the first arm is good at weights, the second at heights


@pytest.fixture(scope="module")
def state() -> State:
    return Cascade.fit(TRAIN, {"ask": 0.4, "cost": 0.0, "first": 1})


def _asked(state: State) -> dict[str, float]:
    """Share of rows on which the second arm is asked, by entity."""
    seen = Cascade(state).view([example.ballot for example in OTHERS])
    shares = {}
    for name in ("item_weight", "height"):
        own = [1 in found.asked for found in seen if found.entity.name == name]
        shares[name] = sum(own) / len(own)
    return shares


def test_it_asks_where_the_other_arm_is_better_and_not_too_often(state: State) -> None:
    shares = _asked(state)
    assert shares["height"] > 2 * shares["item_weight"]
    assert 0.1 < sum(shares.values()) / 2 <= 0.47  # at most 0.4 of the rows it was fitted on
    assert state["rates"]["height"] > state["rates"]["item_weight"]


def test_it_wins_back_a_part_of_what_the_first_arm_loses(state: State) -> None:
    strategy = Cascade(state)
    seen = strategy.view([example.ballot for example in OTHERS])
    alone = [first_arms_only(example.ballot, 1) for example in OTHERS]

    def right(ballots: list, orders: list) -> int:  # type: ignore[type-arg]
        return sum(
            bool(order) and example.is_right(found.options[order[0]])
            for example, found, order in zip(OTHERS, ballots, orders, strict=True)
        )

    assert right(list(seen), strategy.rank(seen)) > right(alone, strategy.rank(alone)) + 20


def test_a_high_cost_asks_nobody_and_a_share_of_one_asks_wherever_something_is_to_gain() -> None:
    nobody = Cascade.fit(TRAIN, {"ask": 0.4, "cost": 10.0, "first": 1})
    assert _asked(nobody) == {"item_weight": 0.0, "height": 0.0}
    everywhere = _asked(Cascade.fit(TRAIN, {"ask": 1.0, "cost": 0.0, "first": 1}))
    assert everywhere["height"] > 0.9


def test_what_was_not_asked_changes_nothing(state: State) -> None:
    strategy = Cascade(state)
    seen = strategy.view([example.ballot for example in OTHERS])
    spared = [place for place, found in enumerate(seen) if 1 not in found.asked]
    assert len(spared) > 50
    for place in spared:
        old = OTHERS[place].ballot
        lied = replace(old, answers=(old.answers[0], answer("777 gram")), options=seen[place].options)
        assert strategy.view([lied]) == [seen[place]]


def test_a_question_that_the_first_arm_was_not_asked_goes_to_the_others(state: State) -> None:
    strategy = Cascade(state)
    (seen,) = strategy.view([ballot(None, "5 gram")])
    assert winner(strategy.rank([seen])[0], seen) == "5.0 gram"


def test_the_first_arms_own_form_is_used_while_no_other_was_asked() -> None:
    def find(arm: int, _: object) -> Evidence:
        return Evidence(Alignment.EXACT if arm == 1 else Alignment.NONE, (arm,))

    said = [answer("0.5 kilogram"), answer("500 gram")]
    both = make_ballot(0, ballot("").entity, said, find=find)
    assert str(both.options[0].quantity) == "500.0 gram"
    alone = first_arms_only(both, 1)
    assert [str(option.quantity) for option in alone.options] == ["0.5 kilogram"]
    assert alone.options[0].evidence.alignment is Alignment.NONE
    assert alone.asked == (0,)
    assert first_arms_only(ballot("", "5 gram"), 1).options[0].quantity is None
    assert first_arms_only(ballot("1 kilometre", "1000 metre", entity="width"), 1).options == ()


def test_without_any_other_arm_there_is_nothing_to_gain() -> None:
    alone = [Example(first_arms_only(example.ballot, 1), example.rights, example.present) for example in TRAIN]
    assert Cascade.fit(alone, Cascade.params)["rates"] == {"": 0.0}


def _three(rows: int, seed: int) -> list[Example]:
    """The two arms of `labelled`, and one before them that knows nothing."""
    made = []
    for example in labelled(rows, seed=seed):
        said = [answer("999 gram" if example.ballot.index % 3 else ""), *example.ballot.answers]
        known = {option.quantity: option.evidence for option in example.ballot.options}
        of = make_ballot(
            example.ballot.index, example.ballot.entity, said, fold=example.ballot.fold,
            find=lambda _, quantity, known=known: known.get(quantity, Evidence(Alignment.NONE)), candidates=1,
        )  # fmt: skip
        made.append(Example(of, example.rights, example.present))
    return made


def test_several_arms_can_be_cheap() -> None:
    state = Cascade.fit(_three(400, 0), {"ask": 0.3, "cost": 0.0, "first": 2})
    others = _three(300, 1)
    seen = Cascade(state).view([example.ballot for example in others])
    asked = [2 in found.asked for found in seen]
    assert all({0, 1} <= set(found.asked) for found in seen)
    assert 0.05 < sum(asked) / len(asked) <= 0.37
    alone = next(found for found in seen if 2 not in found.asked)
    assert alone.answers[2] is None
    assert all(2 not in option.arms for option in alone.options)


def test_each_ballot_is_judged_by_the_judge_of_such_ballots(state: State) -> None:
    strategy = Cascade(state)
    seen = strategy.view([example.ballot for example in OTHERS[:60]])
    cheap, full = (Judge.of(state[which]).verdicts(seen) for which in ("cheap", "full"))
    told = strategy.verdicts(seen)
    assert {1 in found.asked for found in seen} == {True, False}
    for found, verdict, one, other in zip(seen, told, cheap, full, strict=True):
        assert verdict == (other if 1 in found.asked else one)


SAID = st.lists(st.sampled_from(["5 gram", "6 gram", "0.006 kilogram", "5 volt", "", None]), min_size=3, max_size=3)


def _found(arm: int, quantity: Quantity) -> Evidence:
    """The second arm's answers and kilograms stand in the lines."""
    return Evidence(Alignment.EXACT, (arm,)) if arm == 1 or quantity.unit == "kilogram" else Evidence(Alignment.NONE)


@given(said=SAID, first=st.integers(1, 3))
def test_what_stands_behind_the_first_arms_leaves_no_trace(said: list[str | None], first: int) -> None:
    def grounded(texts: list[str | None]) -> Ballot:
        return make_ballot(0, CHALLENGE["item_weight"], [answer(text) for text in texts], find=_found)

    alone = first_arms_only(grounded(said), first)
    blank = grounded([*said[:first], *[None] * (3 - first)])
    assert alone.answers == blank.answers
    assert alone.options == blank.options
    assert first_arms_only(alone, first) == alone
    assert asks_others(alone, first) is False
    assert asks_others(ballot(*said), first) == any(one is not None for one in said[first:])


@given(right=st.floats(0.0, 1.0), more=st.floats(0.0, 1.0), present=st.floats(0.0, 1.0), reached=st.floats(0.0, 0.99))
def test_nothing_is_to_gain_where_the_truth_is_known_and_never_less_than_nothing(
    right: float, more: float, present: float, reached: float
) -> None:
    right, more = sorted((min(right, present), min(more, present)))
    assert shortfall(right, present, reached) >= -1e-12
    assert shortfall(more, present, reached) <= shortfall(right, present, reached) + 1e-12  # the surer, the less
    assert shortfall(1.0, 1.0, reached) == pytest.approx(0.0, abs=1e-12)
    assert shortfall(0.0, 0.0, reached) == pytest.approx(0.0, abs=1e-12)
