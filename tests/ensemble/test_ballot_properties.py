"""What holds for the ballot of any answers: nobody's vote is lost or counted twice, and no order but a tie decides."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, Quantity, parse_written
from entx.core.units import exact_size, same_in_print
from entx.ensemble.ballot import Ballot, confidence_of, make_ballot, stated_confidence, tally
from entx.ensemble.cascade import asks_others, best, first_arms_only, shortfall
from entx.ensemble.judge import Verdict, answer_features, ballot_features, option_features
from entx.ensemble.strategies import Vote
from entx.ensemble.strategy import Example
from tests.ensemble.arms import Said, answer, ballot, winner

TEXTS = [
    "500 gram", "500.0 gram", "0.5 kilogram", "1.1 pound", "501 gram", "17.6 ounce", "2 ton", "3 volt", "12 inch", "",
    None,
]  # fmt: skip
SAID = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6)
ALIGNMENT = st.sampled_from(list(Alignment))
GRAMS = st.integers(1, 5000).map(lambda tenth: Quantity(Decimal(tenth) / 10, "gram"))
OUNCES = st.integers(1, 2000).map(lambda tenth: Quantity(Decimal(tenth) / 10, "ounce"))


def _forms(of: Ballot) -> set[frozenset[int]]:
    return {frozenset(option.arms) for option in of.options}


@given(SAID)
def test_every_vote_is_in_one_option_or_spoiled(said: list[Said]) -> None:
    of = ballot(*said)
    supporting = [arm for option in of.options for arm in option.arms]
    assert len(supporting) == len(set(supporting))
    assert set(supporting) <= set(of.asked)
    assert of.asked == tuple(arm for arm, text in enumerate(said) if text is not None)
    for arm in set(of.asked) - set(supporting):
        assert not of.legal(arm)  # only an illegal one is left out
    for option in of.options:
        assert option.arms == tuple(sorted(option.arms))
        assert len(option.spoken) == len(option.found) == (len(option.arms) if option.quantity else 0)
        assert option.quantity is None or option.quantity in option.spoken
    firsts = [option.arms[0] for option in of.options]
    assert firsts == sorted(firsts)
    assert sum(option.quantity is None for option in of.options) == any(text == "" for text in said)


@given(SAID, st.randoms(use_true_random=False))
def test_who_agrees_with_whom_does_not_hang_on_the_order_of_the_arms(said: list[Said], draw: object) -> None:
    order = list(range(len(said)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    turned = ballot(*(said[arm] for arm in order))
    assert {frozenset(order[arm] for arm in arms) for arms in _forms(turned)} == _forms(ballot(*said))


LENGTHS = ["11 inch", "28 centimetre", "27.9 centimetre", "279 millimetre", "27.94 centimetre", "0.28 metre", "1 foot"]


@given(st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_nor_does_it_where_to_be_the_same_in_print_goes_in_a_chain(said: list[str], draw: object) -> None:
    order = list(range(len(said)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    turned = ballot(*(said[arm] for arm in order), entity="width")
    assert {frozenset(order[arm] for arm in arms) for arms in _forms(turned)} == _forms(ballot(*said, entity="width"))


@given(SAID)
def test_one_size_exactly_is_always_one_option(said: list[Said]) -> None:
    of = ballot(*said)
    for option in of.options:
        for arm in option.arms:
            own = of.answers[arm]
            assert own is not None
            for other, answered in enumerate(of.answers):
                if own.quantity and answered and answered.quantity:
                    same = exact_size(own.quantity) == exact_size(answered.quantity)
                    assert not same or other in option.arms


@given(GRAMS, OUNCES)
def test_what_print_rounds_alike_is_joined_and_nothing_else(gram: Quantity, ounce: Quantity) -> None:
    assert same_in_print(gram, ounce) == same_in_print(ounce, gram)
    joined = len(make_ballot(0, CHALLENGE["item_weight"], [Answer(gram), Answer(ounce)]).options) == 1
    assert joined == (same_in_print(gram, ounce) or exact_size(gram) == exact_size(ounce))


@given(SAID, st.dictionaries(st.sampled_from(TEXTS), ALIGNMENT))
def test_the_form_that_is_printed_best_is_given(said: list[Said], printed: dict[Said, Alignment]) -> None:
    where = {parse_written(text): alignment for text, alignment in printed.items() if isinstance(text, str) and text}

    def find(_: int, quantity: Quantity) -> Evidence:
        return Evidence(where.get(quantity, Alignment.NONE))

    steps = {Alignment.EXACT: 0, Alignment.NORMALISED: 0, Alignment.FUZZY: 1, Alignment.NONE: 2}
    entity = CHALLENGE["item_weight"]
    for option in make_ballot(0, entity, [answer(one) for one in said], find=find).options:
        if option.quantity is None:
            assert option.evidence == NO_EVIDENCE
            continue
        legal = [form for form in option.spoken if form.unit in entity.units]
        ranks = [steps[find(0, form).alignment] for form in legal]
        assert option.quantity == legal[ranks.index(min(ranks))]
        assert option.evidence == find(0, option.quantity)
        illegal = [own for form, own in zip(option.spoken, option.found, strict=True) if form not in legal]
        assert all(own == NO_EVIDENCE for own in illegal)


@given(SAID, st.integers(0, 6))
def test_the_first_arms_alone_are_a_ballot_of_their_own(said: list[Said], first: int) -> None:
    def find(arm: int, quantity: Quantity) -> Evidence:
        return Evidence(Alignment.EXACT if quantity.unit == "gram" else Alignment.NONE, (arm,))

    entity, answers = CHALLENGE["item_weight"], [answer(one) for one in said]
    whole = make_ballot(3, entity, answers, fold=2, find=find, candidates=4)
    kept: list[Answer | None] = [one if arm < first else None for arm, one in enumerate(answers)]
    assert first_arms_only(whole, first) == make_ballot(3, entity, kept, fold=2, find=find, candidates=4)
    assert not asks_others(first_arms_only(whole, first), first)
    assert asks_others(whole, first) == any(arm >= first for arm in whole.asked)


@given(SAID)
def test_the_tally_names_every_arm_that_was_asked_once(said: list[Said]) -> None:
    of, runs = ballot(*said), [f"run{arm}" for arm in range(len(said))]
    told = tally(of, runs)
    for arm, run in enumerate(runs):
        assert told.count(run) == (arm in of.asked)
    assert told.count("(not a legal unit)") == len(of.asked) - sum(len(option.arms) for option in of.options)


@given(SAID)
def test_features_are_numbers_of_the_arms_that_were_asked(said: list[Said]) -> None:
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


@given(st.lists(st.tuples(st.sampled_from(["5 gram", "6 gram", ""]), st.floats(0.0, 1.0)), min_size=1, max_size=5))
def test_an_option_is_as_sure_as_its_surest_arm(said: list[Said]) -> None:
    of = ballot(*said)
    for option in of.options:
        sure = [stated_confidence(own) for arm in option.arms if (own := of.answers[arm]) is not None]
        assert confidence_of(of, option) == max(one for one in sure if one is not None)
        assert sure == pytest.approx([said[arm][1] for arm in option.arms])  # type: ignore[index]


def test_scores_and_log_probabilities_are_no_confidence() -> None:
    five = answer("5 gram")
    assert five is not None
    assert stated_confidence(replace(five, score=0.9, log_prob=-0.1, p_present=0.4)) is None
    assert stated_confidence(Answer(None, p_correct=0.9, p_present=0.4)) == pytest.approx(0.6)
    assert stated_confidence(Answer(None, score=0.9)) is None
    mixed = ballot(("5 gram", 0.3), "5 gram", "6 gram")
    assert confidence_of(mixed, mixed.options[0]) == 0.3
    assert confidence_of(mixed, mixed.options[1]) is None


@given(SAID)
def test_one_more_vote_for_the_winner_never_makes_it_lose(said: list[Said]) -> None:
    of = ballot(*said)
    (order,) = Vote().rank([of])
    if not order:
        return
    chosen = of.options[order[0]]
    again = of.answers[chosen.arms[0]]
    more = make_ballot(0, of.entity, [*of.answers, again])
    (then,) = Vote().rank([more])
    assert set(chosen.arms) <= set(more.options[then[0]].arms)


@pytest.mark.parametrize(
    ("said", "wins"),
    [(["5 gram"], "5.0 gram"), (["5 volt"], ""), ([None], ""), (["", "5 gram", ""], ""), (["", "5 gram"], "")],
)
def test_votes_of_few(said: list[Said], wins: str) -> None:
    assert winner(Vote().rank([ballot(*said)])[0], ballot(*said)) == wins


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_there_is_always_something_to_gain_and_less_where_more_is_sure(
    one: float, other: float, present: float, reached: float
) -> None:
    low, high = sorted((min(one, present), min(other, present)))
    assert shortfall(low, present, reached) >= shortfall(high, present, reached)
    assert shortfall(present, present, reached) >= -1e-12
    assert shortfall(1.0, 1.0, reached) == pytest.approx(0.0)


def test_the_best_of_a_verdict_is_an_answer() -> None:
    of = ballot("", "5 gram", "6 gram")
    assert best(Verdict((0.9, 0.2, 0.4), 0.1), of) == (0.4, of.options[2])
    assert best(Verdict((0.9,), 0.1), ballot("")) == (0.0, None)
    with pytest.raises(ValueError, match="longer"):
        best(Verdict((0.9,), 0.1), of)


@given(SAID, st.sampled_from(["500 gram", "501 gram"]), st.booleans())
def test_at_most_what_is_true_is_right(said: list[Said], truth: str, present: bool) -> None:
    quantity = parse_written(truth)
    assert quantity is not None
    of = ballot(*said)
    example = Example(of, frozenset([quantity]) if present else frozenset(), present)
    right = [option for option in of.options if example.is_right(option)]
    assert len(right) <= 1
    for option in right:
        assert (option.quantity == quantity) if present else option.quantity is None
