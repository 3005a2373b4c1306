"""The cascade: whom it asks, what it never looks at, what it wins back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from entx.core.types import Alignment, Evidence
from entx.ensemble.ballot import make_ballot
from entx.ensemble.strategies.cascade import Cascade, first_arms_only
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
