"""The strategies: by hand, for any ballot, what they learn, whom a cascade asks, and how others plug in."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core import settings as plugins
from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Alignment, Evidence, Quantity
from entx.ensemble.ballot import Ballot, Example, make_ballot
from entx.ensemble.judge import Judge, Verdict
from entx.ensemble.strategies import (
    BUILT_IN,
    GROUP,
    PRIOR_ROWS,
    Cascade,
    Confidence,
    Stack,
    State,
    Strategy,
    Vote,
    Weighted,
    asks_others,
    best,
    find_strategy,
    first_arms_only,
    shortfall,
    strategy_names,
)
from tests.ensemble.arms import Said, answer, ballot, labelled, winner


def test_the_built_in_ones_are_those_of_pyproject() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["project"]["entry-points"][GROUP] == BUILT_IN


def test_each_built_in_one_loads_and_an_unknown_one_is_told_which_there_are() -> None:
    for factory in map(find_strategy, BUILT_IN):
        if not factory.needs:
            assert factory(None).rank([ballot("5 gram")]) == [[0]]
    with pytest.raises(InputError, match=r"unknown strategy 'coin'; there are: .*vote"):
        find_strategy("coin")


def test_others_plug_in_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [EntryPoint("mine", "entx.ensemble.strategies:Vote", GROUP), EntryPoint("broken", "no.such:X", GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: mine if group == GROUP else [])
    assert find_strategy("mine") is Vote
    assert {"mine", "broken", "vote"} <= set(strategy_names())
    with pytest.raises(InputError, match="'broken' cannot be imported: No module named 'no'"):
        find_strategy("broken")


VOTE, CONFIDENCE = Vote(), Confidence()
TRAIN, OTHERS = labelled(400), labelled(400, seed=1)  # the first arm is good at weights, the second at heights
OTHER_BALLOTS = [example.ballot for example in OTHERS]


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
        (["5 gram"], "5.0 gram"),
        ([None], ""),
        (["", "5 gram", ""], ""),
    ],
)
def test_vote_by_hand(said: list[Said], wins: str) -> None:
    assert _wins(VOTE, *said) == wins


def test_all_options_are_ranked_and_a_tie_goes_to_arms_with_legal_units_before_the_first_arm() -> None:
    assert VOTE.rank([ballot("5 gram", "6 gram", "6 gram", ""), ballot("5 volt")]) == [[1, 0, 2], []]
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
LEARNED = [factory(factory.fit(TRAIN, factory.params)) for factory in (Weighted, Confidence, Stack, Cascade)]


@given(said=SURE, draw=st.randoms(use_true_random=False))
def test_the_order_of_arms_matters_only_in_ties(said: list[Said], draw: Random) -> None:
    first, second = ballot(*said), ballot(*draw.sample(said, len(said)))
    counts = sorted((len(option.arms) for option in first.options), reverse=True)
    if len(counts) > 1 and counts[0] > counts[1]:
        ours, theirs = (of.options[VOTE.rank([of])[0][0]] for of in (first, second))
        assert (ours.quantity is None) == (theirs.quantity is None)
        assert set(ours.spoken) == set(theirs.spoken)


@pytest.mark.parametrize("strategy", [VOTE, CONFIDENCE, *LEARNED], ids=lambda one: type(one).__name__)
@given(said=st.one_of(SAID, SURE))
def test_an_illegal_unit_never_wins_and_every_option_is_ranked(strategy: Strategy, said: list[Said]) -> None:
    said = [*said, None][:2] if strategy in LEARNED else said  # these know two arms
    (seen,) = strategy.view([ballot(*said)])
    (order,) = strategy.rank([seen])
    assert sorted(order) == list(range(len(seen.options)))
    for option in seen.options:
        assert option.quantity is None or option.quantity.unit in CHALLENGE["item_weight"].units


@BOTH
@given(said=st.one_of(SAID, SURE))
def test_a_copy_of_the_winner_changes_nothing(strategy: Strategy, said: list[Said]) -> None:
    of = ballot(*said)
    order = strategy.rank([of])[0]
    if order:
        chosen = said[of.options[order[0]].arms[0]]
        again = ballot(*said, chosen)
        wins = again.options[strategy.rank([again])[0][0]]
        assert wins.quantity == of.options[order[0]].quantity
        assert set(of.options[order[0]].arms) <= set(wins.arms)


@BOTH
@given(said=st.one_of(SAID, SURE), times=st.integers(1, 4))
def test_the_choice_of_a_choice_is_itself(strategy: Strategy, said: list[Said], times: int) -> None:
    chosen = _wins(strategy, *said)
    assert _wins(strategy, *[chosen] * times) == chosen


def _example(of: Ballot, *rights: str) -> Example:
    quantities = [made.quantity for text in rights if (made := answer(text)) and made.quantity]
    return Example(of, frozenset(quantities), bool(rights))


def _share_right(strategy: Strategy, examples: list[Example], ballots: Sequence[Ballot] = ()) -> float:
    """Of the choices among these ballots, by default the examples' own."""
    seen = ballots or [example.ballot for example in examples]
    rows = zip(examples, seen, strategy.rank(seen), strict=True)
    return np.mean([bool(order) and example.is_right(of.options[order[0]]) for example, of, order in rows])


def test_weights_by_hand() -> None:
    rows = [_example(ballot("5 gram", "6 gram"), "5 gram")] * 3 + [_example(ballot("5 gram", ""), "6 gram")]
    rows += [_example(ballot("5 metre", None, entity="height"), "5 metre")]
    state = Weighted.fit(rows, {})
    first_all, first_weight = 8 / 9, 6 / 7  # TP 4 FP 1; of weights TP 3, FP 1
    assert state["weights"][0] == {
        "height": pytest.approx((1 + PRIOR_ROWS * first_all) / (1 + PRIOR_ROWS)),
        "item_weight": pytest.approx((4 * first_weight + PRIOR_ROWS * first_all) / (4 + PRIOR_ROWS)),
        "": pytest.approx(first_all),
    }
    assert state["weights"][1] == {"item_weight": 0.0, "": 0.0}


@pytest.mark.parametrize(
    ("said", "wins"),
    [
        (["5 gram", "6 gram", "7 gram"], "5.0 gram"),
        (["5 gram", "6 gram", "6 gram"], "6.0 gram"),  # .5 + .4 > .8
        ([None, "6 gram", "7 gram"], "6.0 gram"),
        (["", "6 gram", "7 gram"], ""),
        (["5 volt", "6 gram", "7 gram"], "6.0 gram"),  # the heaviest arm's unit is not legal
    ],
)
def test_weighted_by_hand(said: list[str | None], wins: str) -> None:
    of = ballot(*said)
    strategy = Weighted({"weights": [{"item_weight": 0.8, "": 0.1}, {"item_weight": 0.5, "": 0.9}, {"": 0.4}]})
    assert winner(strategy.rank([of])[0], of) == wins
    heights = ballot("5 metre", "6 metre", "7 metre", entity="height")  # no weight of its own: the one of all rows
    assert winner(strategy.rank([heights])[0], heights) == "6.0 metre"


def test_each_learning_strategy_beats_the_vote_on_rows_it_has_not_seen() -> None:
    vote = _share_right(VOTE, OTHERS)
    for factory in (Weighted, Confidence, Stack):
        assert _share_right(factory(factory.fit(TRAIN, factory.params)), OTHERS) > vote + 0.05


@pytest.fixture(scope="module")
def cascade() -> State:
    return Cascade.fit(TRAIN, {"ask": 0.4, "cost": 0.0, "first": 1})


def _asked(cascade: State) -> dict[str, float]:
    """Share of rows on which the second arm is asked, by entity."""
    seen = Cascade(cascade).view(OTHER_BALLOTS)
    names = ("item_weight", "height")
    return {name: np.mean([1 in found.asked for found in seen if found.entity.name == name]) for name in names}


def test_it_asks_where_the_other_arm_is_better_and_not_too_often(cascade: State) -> None:
    shares = _asked(cascade)
    assert shares["height"] > 2 * shares["item_weight"]
    assert 0.1 < sum(shares.values()) / 2 <= 0.47  # at most 0.4 of the rows it was fitted on
    assert cascade["rates"]["height"] > cascade["rates"]["item_weight"]


def test_it_wins_back_a_part_of_what_the_first_arm_loses(cascade: State) -> None:
    seen, alone = Cascade(cascade).view(OTHER_BALLOTS), [first_arms_only(ballot, 1) for ballot in OTHER_BALLOTS]
    assert _share_right(Cascade(cascade), OTHERS, seen) > _share_right(Cascade(cascade), OTHERS, alone) + 20 / 400


def test_a_high_cost_asks_nobody_and_a_share_of_one_asks_wherever_something_is_to_gain() -> None:
    nobody, everywhere = (
        _asked(Cascade.fit(TRAIN, {"ask": ask, "cost": cost, "first": 1})) for ask, cost in ((0.4, 10.0), (1.0, 0.0))
    )
    assert nobody == {"item_weight": 0.0, "height": 0.0}
    assert everywhere["height"] > 0.9


def test_what_was_not_asked_changes_nothing(cascade: State) -> None:
    strategy = Cascade(cascade)
    seen = strategy.view(OTHER_BALLOTS)
    spared = [place for place, found in enumerate(seen) if 1 not in found.asked]
    assert len(spared) > 50
    for place in spared:
        old = OTHER_BALLOTS[place]
        lied = replace(old, answers=(old.answers[0], answer("777 gram")), options=seen[place].options)
        assert strategy.view([lied]) == [seen[place]]


def test_a_question_that_the_first_arm_was_not_asked_goes_to_the_others(cascade: State) -> None:
    (seen,) = Cascade(cascade).view([ballot(None, "5 gram")])
    assert winner(Cascade(cascade).rank([seen])[0], seen) == "5.0 gram"


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
    alone = [replace(example, ballot=first_arms_only(example.ballot, 1)) for example in TRAIN]
    assert Cascade.fit(alone, Cascade.params)["rates"] == {"": 0.0}


def _three(rows: int, seed: int) -> list[Example]:
    """The two arms of `labelled`, and one before them that knows nothing."""
    made = []
    for example in labelled(rows, seed=seed):
        said = [answer("999 gram" if example.ballot.index % 3 else ""), *example.ballot.answers]
        known = {option.quantity: option.evidence for option in example.ballot.options}
        find = lambda _, quantity, known=known: known.get(quantity, Evidence(Alignment.NONE))  # noqa: E731
        old = example.ballot
        of = make_ballot(old.index, old.entity, said, fold=old.fold, find=find, candidates=1)
        made.append(replace(example, ballot=of))
    return made


def test_several_arms_can_be_cheap() -> None:
    cascade = Cascade.fit(_three(400, 0), {"ask": 0.3, "cost": 0.0, "first": 2})
    others = _three(300, 1)
    seen = Cascade(cascade).view([example.ballot for example in others])
    asked = [2 in found.asked for found in seen]
    assert all({0, 1} <= set(found.asked) for found in seen)
    assert 0.05 < sum(asked) / len(asked) <= 0.37
    alone = next(found for found in seen if 2 not in found.asked)
    assert alone.answers[2] is None
    assert all(2 not in option.arms for option in alone.options)


def test_each_ballot_is_judged_by_the_judge_of_such_ballots(cascade: State) -> None:
    strategy = Cascade(cascade)
    seen = strategy.view(OTHER_BALLOTS[:60])
    cheap, full = (Judge(**cascade[which]).verdicts(seen) for which in ("cheap", "full"))
    told = strategy.verdicts(seen)
    assert {1 in found.asked for found in seen} == {True, False}
    for found, verdict, one, other in zip(seen, told, cheap, full, strict=True):
        assert verdict == (other if 1 in found.asked else one)


@given(SAID, st.integers(0, 6))
def test_the_first_arms_alone_are_a_ballot_of_their_own(said: list[Said], first: int) -> None:
    def find(arm: int, quantity: Quantity) -> Evidence:
        """The second arm's answers and kilograms stand in the lines."""
        stands = arm == 1 or quantity.unit == "kilogram"
        return Evidence(Alignment.EXACT, (arm,)) if stands else Evidence(Alignment.NONE)

    def grounded(kept: Sequence[Said]) -> Ballot:
        answers = [answer(one) for one in kept]
        return make_ballot(3, CHALLENGE["item_weight"], answers, fold=2, find=find, candidates=4)

    alone = first_arms_only(grounded(said), first)
    assert alone == grounded([*said[:first], *[None] * (len(said) - first)])  # the others leave no trace
    assert first_arms_only(alone, first) == alone
    assert not asks_others(alone, first)
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


def test_the_best_of_a_verdict_is_an_answer() -> None:
    of = ballot("", "5 gram", "6 gram")
    assert best(Verdict((0.9, 0.2, 0.4), 0.1), of) == (0.4, of.options[2])
    assert best(Verdict((0.9,), 0.1), ballot("")) == (0.0, None)
    with pytest.raises(ValueError, match="longer"):
        best(Verdict((0.9,), 0.1), of)
