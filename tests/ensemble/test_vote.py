"""Hand-worked ballots, and what must hold for any ballot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.ensemble.strategies import Confidence, Vote
from entx.ensemble.strategy import Strategy
from tests.ensemble.arms import Said, ballot, winner

VOTE, CONFIDENCE = Vote(), Confidence()


def _wins(strategy: Strategy, *said: Said, entity: str = "item_weight") -> str:
    of = ballot(*said, entity=entity)
    return winner(strategy.rank([of])[0], of)


@pytest.mark.parametrize(
    ("said", "wins"),
    [
        (["5 gram", "6 gram", "6 gram"], "6.0 gram"),
        (["5 gram", "6 gram", "7 gram"], "5.0 gram"),  # a tie goes to the first arm
        (["5 gram", "", ""], ""),  # two say nothing
        (["", "5 gram"], ""),
        (["5 gram", ""], "5.0 gram"),
        ([None, None, "5 gram"], "5.0 gram"),  # not asked is no vote
        (["", None, "5 gram", "5 gram"], "5.0 gram"),
        (["1 kilogram", "7 gram", "1000 gram"], "1.0 kilogram"),  # a conversion supports
        ([("5 gram", 0.4), ("6 gram", 0.7)], "6.0 gram"),  # a tie by confidence
        ([("5 gram", 0.9), ("6 gram", 0.3), ("6 gram", 0.2)], "6.0 gram"),  # no tie, no confidence
        ([("5 gram", 0.4), "6 gram"], "5.0 gram"),  # confidence decides only where all tied options have one
        ([("5 gram", 0.1), ("", 0.8)], ""),
        ([("5 gram", 0.6), ("", 0.2)], "5.0 gram"),
        (["5 volt", "6 gram"], "6.0 gram"),  # an illegal unit has no chance
        (["5 volt", "5 volt", "6 gram"], "6.0 gram"),
        (["5 volt"], ""),
    ],
)
def test_vote_by_hand(said: list[Said], wins: str) -> None:
    assert _wins(VOTE, *said) == wins


def test_a_tie_goes_to_arms_with_legal_units_before_the_first_arm() -> None:
    said = ["1 kilometre", "5 metre", "1000 metre", "5 metre"]
    assert _wins(VOTE, *said, entity="height") == "5.0 metre"
    assert _wins(VOTE, "1000 metre", *said[1:], entity="height") == "1000.0 metre"


@pytest.mark.parametrize(
    ("said", "wins"),
    [
        ([("5 gram", 0.4), ("6 gram", 0.7), ("5 gram", 0.5)], "6.0 gram"),  # the surest, not the most
        ([("5 gram", 0.4), ("", 0.7)], ""),
        ([("5 gram", 0.8), ("", 0.7), None], "5.0 gram"),
        ([("5 gram", 0.4), "6 gram"], "5.0 gram"),  # not comparable: the order of the arms
        (["5 gram", ("6 gram", 0.9)], "5.0 gram"),
        ([("5 gram", 0.7), ("6 gram", 0.7)], "5.0 gram"),
        ([("5 volt", 0.9), ("6 gram", 0.1)], "6.0 gram"),
        ([None, ("6 gram", 0.1)], "6.0 gram"),
        ([("5 volt", 0.9)], ""),
    ],
)
def test_confidence_by_hand(said: list[Said], wins: str) -> None:
    assert _wins(CONFIDENCE, *said) == wins


def test_all_options_are_ranked() -> None:
    of = ballot("5 gram", "6 gram", "6 gram", "")
    assert VOTE.rank([of, ballot("5 volt")]) == [[1, 0, 2], []]
    assert sorted(CONFIDENCE.rank([of])[0]) == [0, 1, 2]


SIZES = ["5 gram", "6 gram", "0.006 kilogram", "0.2 ounce", "7 gram", "5 volt", "6 horsepower", "", None]
SAID = st.lists(st.sampled_from(SIZES), min_size=1, max_size=7)
SURE = st.lists(
    st.sampled_from(SIZES).flatmap(
        lambda text: st.just(None) if text is None else st.sampled_from([0.1, 0.4, 0.8]).map(lambda p: (text, p))
    ),
    min_size=1,
    max_size=7,
)
BOTH = pytest.mark.parametrize("strategy", [VOTE, CONFIDENCE])


@given(st.permutations(["5 gram", "5 gram", "5 gram", "6 gram", "6 gram", "7 gram", ""]))
def test_the_order_of_arms_does_not_matter_without_a_tie(said: list[str]) -> None:
    assert _wins(VOTE, *said) == "5.0 gram"


@given(said=SURE, seed=st.randoms(use_true_random=False))
def test_the_order_of_arms_matters_only_in_ties(said: list[Said], seed: object) -> None:
    shuffled = list(said)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    of = ballot(*said)
    counts = sorted((len(option.arms) for option in of.options), reverse=True)
    if len(counts) > 1 and counts[0] > counts[1]:
        first, second = ballot(*said), ballot(*shuffled)
        ours = first.options[VOTE.rank([first])[0][0]]
        theirs = second.options[VOTE.rank([second])[0][0]]
        assert (ours.quantity is None) == (theirs.quantity is None)
        assert set(ours.spoken) == set(theirs.spoken)


@BOTH
@given(said=st.one_of(SAID, SURE))
def test_an_illegal_unit_never_wins(strategy: Strategy, said: list[Said]) -> None:
    of = ballot(*said)
    for option in strategy.rank([of])[0]:
        quantity = of.options[option].quantity
        assert quantity is None or quantity.unit in CHALLENGE["item_weight"].units


@BOTH
@given(said=st.one_of(SAID, SURE))
def test_a_copy_of_the_winner_changes_nothing(strategy: Strategy, said: list[Said]) -> None:
    of = ballot(*said)
    order = strategy.rank([of])[0]
    if order:
        chosen = said[of.options[order[0]].arms[0]]
        again = ballot(*said, chosen)
        assert again.options[strategy.rank([again])[0][0]].quantity == of.options[order[0]].quantity


@BOTH
@given(said=st.one_of(SAID, SURE), times=st.integers(1, 4))
def test_the_choice_of_a_choice_is_itself(strategy: Strategy, said: list[Said], times: int) -> None:
    chosen = _wins(strategy, *said)
    assert _wins(strategy, *[chosen] * times) == chosen
