"""The ballot: who agrees with whom by hand and for any answers, where an answer stands, and how sure its arms are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.candidates import evidence_of, find_candidates
from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, OcrPage, PageKey, Quantity, parse_written
from entx.core.units import exact_size, same_in_print
from entx.ensemble import ballot as ballot_module
from entx.ensemble.ballot import (
    Ballot,
    Example,
    ballots,
    confidence_of,
    make_ballot,
    pages_to_ground_in,
    stated_confidence,
    tally,
)
from entx.storage.questions import LinkedFile, add_files
from entx.storage.runs import add_answers, find_arms, load_arms
from entx.storage.store import Store
from tests.ensemble.arms import KEY, PAGES, Said, answer, ballot, make_store
from tests.rules.pages import Text, page


def _options(*said: str | None, entity: str = "item_weight") -> dict[str, tuple[int, ...]]:
    return {
        option.quantity.text if option.quantity else "": option.arms for option in ballot(*said, entity=entity).options
    }


@pytest.mark.parametrize(
    ("said", "options"),
    [
        (["5 gram", "5.0 gram", "5.00 gram", "6 gram"], {"5.0 gram": (0, 1, 2), "6.0 gram": (3,)}),
        (["0.5 kilogram", "500 gram", "500 gram"], {"0.5 kilogram": (0, 1, 2)}),  # the first arm gives the unit
        (["5 kilogram", "11 pound", "11 pound"], {"5.0 kilogram": (0, 1, 2)}),  # converted as packs print it
        (["1 kilogram", "800 gram"], {"1.0 kilogram": (0,), "800.0 gram": (1,)}),
        (["6 gram", "5 kilogram", "", "11 pound"], {"6.0 gram": (0,), "5.0 kilogram": (1, 3), "": (2,)}),
        (["", None, "5 gram", ""], {"": (0, 3), "5.0 gram": (2,)}),  # an arm that was not asked is in none
    ],
)
def test_equal_and_converted_answers_are_one_option(said: list[Said], options: dict[str, tuple[int, ...]]) -> None:
    assert _options(*said) == options
    assert list(_options(*said)) == list(options)
    assert ballot(*said).asked == tuple(arm for arm, text in enumerate(said) if text is not None)


def test_an_option_knows_whether_its_arms_named_different_units() -> None:
    assert ballot("0.5 kilogram", "500 gram").options[0].converted
    assert not ballot("500.0 gram", "500 gram").options[0].converted


def test_where_it_is_not_clear_who_says_the_same_nobody_is_joined() -> None:
    # 11 inch are 28 cm; 27.9 cm are 11 inch; but 28 cm are not 27.9 cm
    apart = {"11.0 inch": (0,), "28.0 centimetre": (1,), "27.9 centimetre": (2,)}
    assert _options("11 inch", "28 centimetre", "27.9 centimetre", entity="width") == apart
    assert set(_options("27.9 centimetre", "28 centimetre", "11 inch", entity="width")) == set(apart)
    assert _options("11 inch", "27.94 centimetre", "28 centimetre", entity="width") == {
        "11.0 inch": (0, 1), "28.0 centimetre": (2,),
    }  # fmt: skip


def test_the_printed_form_wins_over_the_first_arms() -> None:
    printed = {"500.0 gram": Alignment.EXACT}

    def find(_: int, quantity: Quantity) -> Evidence:
        alignment = printed.get(quantity.text)
        return Evidence(alignment, (3,), (0.0,) * 8) if alignment else NO_EVIDENCE

    said = [answer("0.5 kilogram"), answer("500 gram")]
    for kilogram, form in (("none", "500.0 gram"), ("fuzzy", "500.0 gram"), ("normalised", "0.5 kilogram")):
        printed["0.5 kilogram"] = Alignment(kilogram)
        (option,) = make_ballot(0, CHALLENGE["item_weight"], said, find=find).options
        assert (option.quantity.text, option.arms, option.evidence.line_ids) == (form, (0, 1), (3,))


def test_an_illegal_unit_is_no_option_but_supports_its_size() -> None:
    assert _options("3 horsepower", entity="wattage") == {}
    assert _options("3 horsepower", "5 watt", entity="wattage") == {"5.0 watt": (1,)}
    assert _options("1 kilometre", "1000 metre", entity="width") == {"1000.0 metre": (0, 1)}
    found = ballot("1 kilometre", "1000 metre", "", None, entity="width")
    assert [found.legal(arm) for arm in range(4)] == [False, True, True, False]


def test_the_tally_is_a_sentence() -> None:
    said = ballot("0.5 kilogram", "", "500 gram", None, "3 volt")
    assert tally(said, ["a", "b", "c", "d", "e"]) == "0.5 kilogram: a, c; nothing: b; 3.0 volt: e (not a legal unit)"


TEXTS = [
    "500 gram", "500.0 gram", "0.5 kilogram", "1.1 pound", "501 gram", "17.6 ounce", "2 ton", "3 volt", "12 inch", "",
    None,
]  # fmt: skip
LENGTHS = ["11 inch", "28 centimetre", "27.9 centimetre", "279 millimetre", "27.94 centimetre", "0.28 metre", "1 foot"]
CHAIN = st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=5)  # to be the same in print is not transitive
SAID = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6)
ALIGNMENT = st.sampled_from(list(Alignment))
GRAMS = st.integers(1, 5000).map(lambda tenth: Quantity(Decimal(tenth) / 10, "gram"))
OUNCES = st.integers(1, 2000).map(lambda tenth: Quantity(Decimal(tenth) / 10, "ounce"))


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


@given(
    st.one_of(st.tuples(SAID, st.just("item_weight")), st.tuples(CHAIN, st.just("width"))),
    st.randoms(use_true_random=False),
)
def test_who_agrees_with_whom_does_not_hang_on_the_order_of_the_arms(
    asked: tuple[list[Said], str], draw: Random
) -> None:
    said, entity = asked
    order = draw.sample(range(len(said)), len(said))
    turned, of = (ballot(*arms, entity=entity) for arms in ([said[arm] for arm in order], said))
    joined = {frozenset(order[arm] for arm in option.arms) for option in turned.options}
    assert joined == {frozenset(option.arms) for option in of.options}


@given(SAID)
def test_one_size_exactly_is_always_one_option(said: list[Said]) -> None:
    of = ballot(*said)
    sizes = [exact_size(one.quantity) if one and one.quantity else None for one in of.answers]
    for option in of.options:
        for size in {sizes[arm] for arm in option.arms} - {None}:
            assert {other for other, its in enumerate(sizes) if its == size} <= set(option.arms)


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


@given(SAID)
def test_the_tally_names_every_arm_that_was_asked_once(said: list[Said]) -> None:
    of, runs = ballot(*said), [f"run{arm}" for arm in range(len(said))]
    told = tally(of, runs)
    for arm, run in enumerate(runs):
        assert told.count(run) == (arm in of.asked)
    assert told.count("(not a legal unit)") == len(of.asked) - sum(len(option.arms) for option in of.options)


@given(st.lists(st.tuples(st.sampled_from(["5 gram", "6 gram", ""]), st.floats(0.0, 1.0)), min_size=1, max_size=5))
def test_an_option_is_as_sure_as_its_surest_arm(said: list[Said]) -> None:
    of = ballot(*said)
    for option in of.options:
        sure = [stated_confidence(own) for arm in option.arms if (own := of.answers[arm]) is not None]
        assert confidence_of(of, option) == max(one for one in sure if one is not None)
        assert sure == pytest.approx([said[arm][1] for arm in option.arms])  # type: ignore[index]


def test_scores_and_log_probabilities_are_no_confidence() -> None:
    assert stated_confidence(answer("5 gram", score=0.9, log_prob=-0.1, p_present=0.4)) is None
    assert stated_confidence(Answer(None, p_correct=0.9, p_present=0.4)) == pytest.approx(0.6)
    assert stated_confidence(Answer(None, score=0.9)) is None
    mixed = ballot(("5 gram", 0.3), "5 gram", "6 gram")
    assert confidence_of(mixed, mixed.options[0]) == 0.3
    assert confidence_of(mixed, mixed.options[1]) is None


@given(SAID, st.sampled_from(["500 gram", "501 gram"]), st.booleans())
def test_at_most_what_is_true_is_right(said: list[Said], truth: str, present: bool) -> None:
    quantity = parse_written(truth)
    of = ballot(*said)
    example = Example(of, frozenset([quantity]) if present else frozenset(), present)
    right = [option for option in of.options if example.is_right(option)]
    assert len(right) <= 1
    for option in right:
        assert (option.quantity == quantity) if present else option.quantity is None


LABEL = replace(
    page(Text("NET WT 1.1 lbs", 0, 0), Text("500 g", 0, 100), Text("5OO ml", 0, 200), Text("500 g", 0, 300)),
    picture="s1",
)


AS_PRINTED = {Alignment.EXACT, Alignment.NORMALISED}


@pytest.mark.parametrize(
    ("text", "entity", "line", "alignments"),
    [
        ("500 gram", "item_weight", 1, AS_PRINTED),  # the first of two
        ("500.0 gram", "item_weight", 1, AS_PRINTED),
        ("1.1 pound", "item_weight", 0, AS_PRINTED),
        ("500 millilitre", "item_volume", 2, {Alignment.FUZZY}),  # letters for digits
        *((text, "item_weight", None, ()) for text in ("0.5 kilogram", "17.6 ounce", "501 gram", "500 milligram")),
    ],
)
def test_an_answer_is_found_as_printed_and_no_conversion_or_other_number(
    text: str, entity: str, line: int | None, alignments: set[Alignment]
) -> None:
    found = evidence_of(parse_written(text), find_candidates(LABEL, CHALLENGE[entity]))
    if line is None:
        assert found == NO_EVIDENCE
        return
    assert (found.line_ids, found.polygon) == ((line,), LABEL.lines[line].polygon)
    assert found.alignment in alignments


def _ballots(path: Path, key: PageKey | None = None, runs: Sequence[str] = ("a",), **how: bool) -> list[Ballot]:
    with Store(path) as store:
        arms, rows = find_arms(store, runs, CHALLENGE.digest), load_arms(store, runs)
        batches = ballots(store, rows, arms, CHALLENGE, key or pages_to_ground_in(store, arms), **how)
        return [one for batch in batches for one in batch]


@pytest.mark.parametrize("most", [0, 9])  # pages that stay from batch to batch
def test_many_questions_of_one_page_and_questions_without_one(
    tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballot_module, "_PAGES", most)
    monkeypatch.setattr(ballot_module, "_BATCH", 1000)
    count = 2500  # more than two batches
    path = make_store(tmp_path / "s.duckdb", {"a": ["500 gram"] * count}, page=LABEL)
    with Store(path, write=True) as store:
        add_files(store, [LinkedFile(f"{i}.jpg", "not read", "n.jpg", 1, 1) for i in range(0, count, 5)])
    made = _ballots(path)
    assert [one.index for one in made] == list(range(count))
    for one in made:
        unread = one.index % 5 == 0
        assert one.candidates == (None if unread else 2)  # 1.1 lb and 500 g
        assert one.options[0].evidence.line_ids == (() if unread else (1,))


def test_arms_are_believed_for_each_other_where_no_judge_asks_for_the_pages(tmp_path: Path) -> None:
    path, found = tmp_path / "s.duckdb", Evidence(Alignment.EXACT, (3,), LABEL.lines[3].polygon)  # the second 500 g
    rough = replace(found, alignment=Alignment.FUZZY)
    said = ["500 gram", "500 gram", "1.1 pound", "500 gram", "3 volt"]
    make_store(path, {"a": said, "told": [None] * 5}, page=LABEL, settings={"told": PAGES})
    with Store(path, write=True) as store:
        told = [(0, found), (1, rough), (2, found), (3, NO_EVIDENCE)]
        add_answers(store, "told", [(i, Answer(parse_written("500 gram"), evidence=own)) for i, own in told])
    made, judged = (_ballots(path, runs=["a", "told"], count=count) for count in (False, True))
    where = [[one.line_ids for option in of.options for one in option.found] for of in made]
    assert where == [[(3,), (3,)], [(1,), (3,)], [(0,), (3,)], [(1,), (1,)], []]
    assert [one.line_ids for option in judged[0].options for one in option.found] == [(1,), (3,)]
    assert {of.candidates for of in made} == {None} != {of.candidates for of in judged}
    for one, other in zip(made, judged, strict=True):
        assert [option.quantity for option in one.options] == [option.quantity for option in other.options]


@pytest.mark.parametrize(("page", "key"), [(None, None), (LABEL, replace(KEY, params_hash="other"))])
def test_a_store_without_pages_or_with_those_of_another_key_grounds_nothing(
    tmp_path: Path, page: OcrPage | None, key: PageKey | None
) -> None:
    (only,) = _ballots(make_store(tmp_path / "s.duckdb", {"a": ["500 gram"]}, page=page), key)
    assert (only.candidates, only.options[0].evidence) == (None, NO_EVIDENCE)


def test_an_entity_that_the_schema_lacks_is_told(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", {"a": ["500 gram"]}, ["colour"])
    with pytest.raises(InputError, match="unknown entity 'colour'"):
        _ballots(path)
