"""What a label is worth, who decides, and in which order questions are handed out."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.evaluation import Truth
from entx.core.types import Answer, Question, parse_written
from entx.ensemble.job import Policy, fit_on_gold, run_ensemble
from entx.ensemble.judge import CHALLENGE_F1, Objective
from entx.report.queue import (
    Panel,
    Queue,
    Wanted,
    decide,
    ensemble_among,
    expected_counts,
    expected_f1,
    expected_gains,
    make_panel,
    make_queue,
    printed_forms,
    vote_chances,
)
from entx.storage.labels import Review, add_reviews
from entx.storage.questions import add_questions
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.ensemble.arms import Said, answer, ballot, make_store
from tests.report.reviewed import PAGE, SURE, make_reviewed, queue_of

SHARE = st.floats(0.0, 1.0)
ROWS = st.lists(st.tuples(SHARE, SHARE, st.booleans()), min_size=1, max_size=12)


def _arrays(rows: list[tuple[float, float, bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = np.array([min(one, two) for one, two, _ in rows])
    q = np.array([max(one, two) for one, two, _ in rows])
    return p, q, np.array([given for _, _, given in rows])


def test_a_hand_worked_example() -> None:
    # two given answers and one withheld: N = 2 (.9 + .5) = 2.8; D = 1.9 + 1.5 + .6 = 4; F = .7
    p, q, gives = np.array([0.9, 0.5, 0.2]), np.array([1.0, 0.6, 0.6]), np.array([True, True, False])
    assert expected_counts(p, q, gives) == pytest.approx((2.8, 4.0))
    assert expected_f1(p, q, gives) == pytest.approx(0.7)
    # .1 (1.3) / 4; (.1 (1.3) + .4 (.7)) / 4; .6 (1.3) / 4
    assert expected_gains(p, q, gives) == pytest.approx([0.0325, 0.1025, 0.195])
    # the last one made right: N = 2.8 + 1.2, D = 3.4 + 1.2
    assert expected_f1(p, q, gives, np.array([False, False, True])) == pytest.approx(4.0 / 4.6)


@given(ROWS)
def test_a_gain_is_the_derivative_of_f1(rows: list[tuple[float, float, bool]]) -> None:
    """Replace a small share of a question by its truth and see how F1 moves."""
    p, q, gives = _arrays(rows)
    top, bottom = expected_counts(p, q, gives)
    if bottom < 0.01:
        return
    step = 1e-7
    for place, gain in enumerate(expected_gains(p, q, gives)):
        own_top = 2 * p[place] if gives[place] else 0.0
        own_bottom = 1 + p[place] if gives[place] else q[place]
        moved = (top + step * (2 * q[place] - own_top)) / (bottom + step * (2 * q[place] - own_bottom))
        assert (moved - top / bottom) / step == pytest.approx(gain, abs=1e-3)


@given(ROWS)
def test_no_truth_makes_it_worse_and_all_truths_make_it_perfect(rows: list[tuple[float, float, bool]]) -> None:
    p, q, gives = _arrays(rows)
    assert (expected_gains(p, q, gives) >= -1e-12).all()
    before = expected_f1(p, q, gives)
    for place in range(len(rows)):
        one = np.arange(len(rows)) == place
        assert expected_f1(p, q, gives, one) >= before - 1e-9
    everything = np.ones(len(rows), dtype=bool)
    assert expected_f1(p, q, gives, everything) == (pytest.approx(1.0) if q.sum() > 0 else 0.0)
    assert expected_f1(p, q, gives, ~everything) == pytest.approx(before)


@given(SHARE, SHARE, SHARE)
def test_the_decision_rule_takes_the_side_that_leaves_less_to_gain(one: float, two: float, reached: float) -> None:
    """`decision.py` gives an answer exactly where what a label would then gain is less than where it is withheld."""
    p, q = min(one, two), max(one, two)
    given, withheld = (q - p) * (2 - reached) + (1 - q) * reached, q * (2 - reached)
    if abs(given - withheld) > 1e-9:
        assert Objective.parse("challenge-f1").gives(p, q, reached) == (given < withheld)


def test_a_wrong_value_weighs_more_than_a_superfluous_one_and_nothing_decided_is_worth_nothing() -> None:
    # equally likely to be wrong: the one's picture surely shows a value, the other's perhaps none
    p, q, gives = np.array([0.5, 0.5, 0.9]), np.array([1.0, 0.5, 0.9]), np.array([True, True, True])
    wrong, superfluous, _ = expected_gains(p, q, gives)
    assert wrong > superfluous > 0
    for count in (0, 2):
        silent = np.zeros(count), np.zeros(count), np.zeros(count, dtype=bool)
        assert expected_gains(*silent).tolist() == [0.0] * count
        assert expected_f1(*silent) == expected_f1(*silent, np.ones(count, dtype=bool)) == 0.0


@pytest.mark.parametrize(
    ("said", "decided", "right", "present"),
    [
        (["5 gram", "5 gram", "5 gram"], "5 gram", 3 / 4, 3.5 / 4),
        (["5 gram", "6 gram", "7 gram"], "5 gram", 1 / 4, 3.5 / 4),
        (["5 gram", "", ""], "", 0.0, 1.5 / 4),
        (["5 gram", "", ""], "5 gram", 1 / 4, 1.5 / 4),
        (["", "", ""], "", 0.0, 0.5 / 4),
        (["5 gram"], "5 gram", 1 / 2, 1.5 / 2),
        (["5 gram", None, None], "5 gram", 1 / 2, 1.5 / 2),
        (["500 gram", "0.5 kilogram"], "0.5 kilogram", 2 / 3, 2.5 / 3),
        (["5 gram", "6 gram"], "9 gram", 0.0, 2.5 / 3),
    ],
)
def test_votes_stand_for_probabilities(said: list[str | None], decided: str, right: float, present: float) -> None:
    assert vote_chances(ballot(*said), parse_written(decided)) == pytest.approx((right, present))


SAID = st.sampled_from(["5 gram", "6 gram", "", "500 gram", "0.5 kilogram", "3 horsepower"])


@given(st.lists(SAID, min_size=1, max_size=5))
def test_votes_never_make_right_likelier_than_present(said: list[str]) -> None:
    made = ballot(*said)
    for option in made.options:
        p, q = vote_chances(made, option.quantity)
        assert 0.0 <= p <= q < 1.0


def test_a_stored_run_brings_its_own_probabilities_and_votes_fill_the_gaps() -> None:
    made = [ballot("5 gram", "", index=number) for number in range(4)]
    said: list[Said] = [("5 gram", 0.8), ("", 0.7), "5 gram"]
    stored = {index: one for index, text in enumerate(said) if (one := answer(text)) is not None}
    *found, missing = decide(Panel((), None, None, "run"), made, stored)
    assert [(one.right, one.present, one.estimated) for one in found if one is not None] == [
        (0.8, 0.8, True),  # q from votes, at least p
        (0.0, pytest.approx(0.3), False),
        (pytest.approx(1 / 3), pytest.approx(0.5), True),
    ]
    assert missing is None


def _indices(queue: Queue) -> list[int]:
    return [question.index for question in queue.questions]


AT = "2026-11-20T10:00:00.000000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_reviewed(tmp_path / "s.duckdb")


def test_the_order_and_the_figures_by_hand(path: Path) -> None:
    """N = 2 (.95 + .4 + .4 + .4) = 4.3; D = 1.95 + 3 (1.4) + .7 + .05 = 6.9; F = .6232."""
    queue = queue_of(path)
    f1 = 4.3 / 6.9
    assert queue.f1 == pytest.approx(f1)
    wrong = (0.5 * (2 - f1) + 0.1 * f1) / 6.9
    expected = {
        2: 0.7 * (2 - f1) / 6.9, 1: wrong, 5: wrong, 3: (0.1 * (2 - f1) + 0.5 * f1) / 6.9,
        4: 0.05 * (2 - f1) / 6.9, 0: (0.04 * (2 - f1) + 0.01 * f1) / 6.9,
    }  # fmt: skip
    assert _indices(queue) == [2, 1, 5, 3, 4, 0]  # 1 before 5: a tie, by index
    assert {question.index: question.gain for question in queue.questions} == pytest.approx(expected)
    assert queue.f1_after == pytest.approx(1.0)
    assert (queue.decided, queue.estimated, queue.left_out) == (6, 0, {})
    assert queue.promises == (queue.f1, queue.f1_after)
    assert (queue.decided_by, queue.runs) == ("picked(a,b)", ("a", "b"))


def test_what_a_labeller_is_shown(path: Path) -> None:
    first, second, *_ = queue_of(path, most=2).questions
    assert (first.index, first.decided.quantity, first.path) == (2, None, str(path.parent / "p 2.jpg"))
    assert first.image_link == "https://pictures.example/2.jpg"
    assert first.size == (PAGE.width, PAGE.height)
    assert [str(form) for form in printed_forms(second.ballot)] == ["6.0 gram", "6.0 ounce"]
    assert second.entity.name == "item_weight"


def test_only_the_first_ones_are_handed_out_and_the_others_counted(path: Path) -> None:
    queue = queue_of(path, most=2)
    assert _indices(queue) == [2, 1]
    assert queue.left_out == {"worth less than those handed out": 4}
    top, bottom = 4.3 - 0.8 + 2 * (0.7 + 0.9), 6.9 - 0.7 - 1.4 + 2 * (0.7 + 0.9)
    assert queue.f1_after == pytest.approx(top / bottom)


def test_filters_name_their_reasons(path: Path) -> None:
    disagree = queue_of(path, disagree=True)
    assert _indices(disagree) == [2, 1, 3]
    assert disagree.left_out == {"the runs agree": 3}
    assert queue_of(path, entities=frozenset({"voltage"})).left_out == {"of another entity": 6}
    labelled = queue_of(path, labelled={2, 5, 99})
    assert _indices(labelled) == [1, 3, 4, 0]
    assert labelled.left_out == {"labelled in --gold": 2}
    assert labelled.f1 == queue_of(path).f1


def test_what_people_have_settled_is_not_asked_again_but_disputes_are(path: Path) -> None:
    with Store(path, write=True) as store:
        add_reviews(store, [
            Review(2, ("9.0 gram",), "review", "ann", AT), Review(1, (), "review", "ann", AT),
            Review(1, ("6.0 gram",), "review", "bob", AT),
        ])  # fmt: skip
    queue = queue_of(path, most=2)
    assert _indices(queue) == [1, 5]
    assert queue.left_out == {"worth less than those handed out": 3, "reviewed already": 1}
    assert queue_of(path, most=1, again=True).questions[0].index == 2


def test_without_an_ensemble_the_runs_vote(path: Path) -> None:
    queue = queue_of(path, ["a", "b"])
    assert (queue.decided_by, queue.estimated, queue.promises) == ("vote of the runs", 6, None)
    # 1: 6 gram against 6 ounce; 2: nothing against 9 gram; 3: 7 gram against nothing; then those that agree
    assert (set(_indices(queue)[:3]), _indices(queue)[3:]) == ({1, 2, 3}, [0, 5, 4])


def test_a_single_run_goes_by_its_own_probabilities(path: Path) -> None:
    with Store(path, write=True) as store:
        begin_run(store, "solo", "llm", {})
        rows = [Answer(parse_written("5 gram"), p_correct=p, p_present=0.9) for p in (0.9, 0.2)]
        add_answers(store, "solo", list(enumerate(rows)))
    queue = queue_of(path, ["solo"])
    assert (queue.decided_by, queue.decided, queue.estimated) == ("solo", 2, 0)
    assert _indices(queue) == [1, 0]


def test_a_question_that_the_ensemble_was_not_asked_is_counted(path: Path) -> None:
    with Store(path, write=True) as store:
        add_questions(store, [Question(9, "9.jpg", "g", "item_weight")], "late.csv")
        add_answers(store, "a", [(9, Answer(parse_written("1 gram")))])
    queue = queue_of(path)
    assert (queue.decided, queue.left_out) == (6, {"not decided: asked of an arm since": 1})


def test_an_ensemble_beside_some_of_its_arms(path: Path) -> None:
    queue = queue_of(path, ["b", "picked(a,b)"])
    assert (queue.runs, queue.decided_by) == (("b",), "picked(a,b)")
    assert _indices(queue) == [2, 1, 5, 3, 4, 0]
    assert all(len(question.ballot.answers) == 1 for question in queue.questions)


def test_a_real_ensemble_is_decided_as_it_was(tmp_path: Path) -> None:
    """A fit on gold rows, applied here and as a stored run: one and the same queue."""
    draw = random.Random(1)
    truths = {i: f"{draw.randint(1, 99)} gram" if i % 4 else "" for i in range(200)}
    wrong = {i: f"{draw.randint(100, 199)} gram" for i in truths}
    a: list[Said] = [truths[i] if draw.random() < 0.8 else wrong[i] for i in truths]
    b: list[Said] = [truths[i] if draw.random() < 0.6 else wrong[i] for i in truths]
    path = make_store(tmp_path / "s.duckdb", {"a": a, "b": b})
    gold = {i: Truth(i, text) for i, text in truths.items()}
    with Store(path, write=True) as store:
        fitted = fit_on_gold(store, "stack", ["a", "b"], CHALLENGE, {i: gold[i] for i in range(120)})
        wanted = Wanted(most=40, labelled=range(120))
        here = make_queue(store, make_panel(store, ["a", "b"], CHALLENGE, fitted), CHALLENGE, wanted)
        run_ensemble(store, "stack", ["a", "b"], CHALLENGE, "kept", fitted=fitted, policy=Policy(CHALLENGE_F1))
        kept = make_queue(store, make_panel(store, ["kept"], CHALLENGE), CHALLENGE, wanted)
    assert here.decided_by == "stack (fitted)"
    assert here.estimated == kept.estimated == 0
    assert _indices(here) == _indices(kept)
    assert [question.decided for question in here.questions] == [question.decided for question in kept.questions]
    assert here.left_out["labelled in --gold"] == 120


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        (["a", "nobody"], "run 'nobody' is not in"),
        (["picked(a,b)", "again(a,b)"], "2 ensembles; name the one"),
        (["a", "a"], "names a twice"),
    ],
)
def test_runs_that_make_no_panel(path: Path, runs: list[str], says: str) -> None:
    with Store(path, write=True) as store:
        begin_run(store, "again(a,b)", "ensemble", {"members": [{"run": "a"}]})
        add_answers(store, "again(a,b)", [(0, Answer(None))])
        with pytest.raises(InputError, match=says):
            make_panel(store, runs, CHALLENGE)


def test_a_fit_and_an_ensemble_exclude_each_other(path: Path, tmp_path: Path) -> None:
    store_path = make_store(tmp_path / "g.duckdb", {"a": [f"{i + 1} gram" for i in range(60)]})
    with Store(store_path) as store:
        gold = {i: Truth(i, "") for i in range(60)}
        fitted = fit_on_gold(store, "vote", ["a"], CHALLENGE, gold)
    with Store(path) as store:
        assert ensemble_among(store, ["a", "b"], CHALLENGE) is None
        with pytest.raises(InputError, match="give one of them"):
            make_panel(store, ["picked(a,b)"], CHALLENGE, fitted)
        with pytest.raises(InputError, match="fitted for arms of the stages vlm"):
            make_panel(store, ["a", "b"], CHALLENGE, fitted)


def test_forms_in_illegal_units_are_no_choices() -> None:
    forms = printed_forms(ballot("3 horsepower", "500 gram", "0.5 kilogram", ""))
    assert [str(form) for form in forms] == ["500.0 gram", "0.5 kilogram"]
    assert printed_forms(ballot("", "")) == []


def test_progress_is_told_once_a_question(path: Path) -> None:
    told: list[int] = []
    with Store(path) as store:
        make_queue(store, make_panel(store, ["a", "b"], CHALLENGE), CHALLENGE, Wanted(), told.append)
    assert sum(told) == len(SURE)
