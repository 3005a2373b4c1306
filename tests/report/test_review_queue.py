from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Answer, Question, parse_written
from entx.ensemble.decision import CHALLENGE_F1
from entx.ensemble.fit import Truth
from entx.ensemble.job import Policy, fit_on_gold, run_ensemble
from entx.report.review.panel import ensemble_among, make_panel
from entx.report.review.queue import Wanted, make_queue, printed_forms
from entx.storage.labels import Review, add_reviews
from entx.storage.questions import add_questions
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.ensemble.arms import Said, ballot, make_store
from tests.report.reviewed import PAGE, SURE, make_reviewed, queue_of

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
    assert [question.index for question in queue.questions] == [2, 1, 5, 3, 4, 0]  # 1 before 5: a tie, by index
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
    assert [question.index for question in queue.questions] == [2, 1]
    assert queue.left_out == {"worth less than those handed out": 4}
    top, bottom = 4.3 - 0.8 + 2 * (0.7 + 0.9), 6.9 - 0.7 - 1.4 + 2 * (0.7 + 0.9)
    assert queue.f1_after == pytest.approx(top / bottom)


def test_filters_name_their_reasons(path: Path) -> None:
    disagree = queue_of(path, disagree=True)
    assert [question.index for question in disagree.questions] == [2, 1, 3]
    assert disagree.left_out == {"the runs agree": 3}
    assert queue_of(path, entities=frozenset({"voltage"})).left_out == {"of another entity": 6}
    labelled = queue_of(path, labelled={2, 5, 99})
    assert [question.index for question in labelled.questions] == [1, 3, 4, 0]
    assert labelled.left_out == {"labelled in --gold": 2}
    assert labelled.f1 == queue_of(path).f1


def test_what_people_have_settled_is_not_asked_again_but_disputes_are(path: Path) -> None:
    with Store(path, write=True) as store:
        add_reviews(store, [
            Review(2, ("9.0 gram",), "review", "ann", AT), Review(1, (), "review", "ann", AT),
            Review(1, ("6.0 gram",), "review", "bob", AT),
        ])  # fmt: skip
    queue = queue_of(path, most=2)
    assert [question.index for question in queue.questions] == [1, 5]
    assert queue.left_out == {"worth less than those handed out": 3, "reviewed already": 1}
    assert queue_of(path, most=1, again=True).questions[0].index == 2


def test_without_an_ensemble_the_runs_vote(path: Path) -> None:
    queue = queue_of(path, ["a", "b"])
    assert (queue.decided_by, queue.estimated, queue.promises) == ("vote of the runs", 6, None)
    # 1: 6 gram against 6 ounce; 2: nothing against 9 gram; 3: 7 gram against nothing; then those that agree
    first = [question.index for question in queue.questions[:3]]
    assert sorted(first) == [1, 2, 3]
    assert [question.index for question in queue.questions[3:]] == [0, 5, 4]


def test_a_single_run_goes_by_its_own_probabilities(path: Path) -> None:
    with Store(path, write=True) as store:
        begin_run(store, "solo", "llm", {})
        quantity = parse_written("5 gram")
        rows = [
            (0, Answer(quantity, p_correct=0.9, p_present=0.9)),
            (1, Answer(quantity, p_correct=0.2, p_present=0.9)),
        ]
        add_answers(store, "solo", rows)
    queue = queue_of(path, ["solo"])
    assert (queue.decided_by, queue.decided, queue.estimated) == ("solo", 2, 0)
    assert [question.index for question in queue.questions] == [1, 0]


def test_a_question_that_the_ensemble_was_not_asked_is_counted(path: Path) -> None:
    with Store(path, write=True) as store:
        add_questions(store, [Question(9, "9.jpg", "g", "item_weight")], "late.csv")
        add_answers(store, "a", [(9, Answer(parse_written("1 gram")))])
    queue = queue_of(path)
    assert (queue.decided, queue.left_out) == (6, {"not decided: asked of an arm since": 1})


def test_an_ensemble_beside_some_of_its_arms(path: Path) -> None:
    queue = queue_of(path, ["b", "picked(a,b)"])
    assert (queue.runs, queue.decided_by) == (("b",), "picked(a,b)")
    assert [question.index for question in queue.questions] == [2, 1, 5, 3, 4, 0]
    assert all(len(question.ballot.answers) == 1 for question in queue.questions)


def test_a_real_ensemble_is_decided_as_it_was(tmp_path: Path) -> None:
    """A fit on gold rows, applied here and as a stored run: one and the same queue."""
    draw = random.Random(1)
    truths = {i: f"{draw.randint(1, 99)} gram" if i % 4 else "" for i in range(200)}
    wrong = {i: f"{draw.randint(100, 199)} gram" for i in truths}
    a: list[Said] = [truths[i] if draw.random() < 0.8 else wrong[i] for i in truths]
    b: list[Said] = [truths[i] if draw.random() < 0.6 else wrong[i] for i in truths]
    path = make_store(tmp_path / "s.duckdb", {"a": a, "b": b})
    gold = {i: Truth(frozenset({q} if (q := parse_written(text)) else ()), bool(text)) for i, text in truths.items()}
    with Store(path, write=True) as store:
        fitted = fit_on_gold(store, "stack", ["a", "b"], CHALLENGE, {i: gold[i] for i in range(120)})
        wanted = Wanted(most=40, labelled=range(120))
        here = make_queue(store, make_panel(store, ["a", "b"], CHALLENGE, fitted), CHALLENGE, wanted)
        run_ensemble(store, "stack", ["a", "b"], CHALLENGE, "kept", fitted=fitted, policy=Policy(CHALLENGE_F1))
        kept = make_queue(store, make_panel(store, ["kept"], CHALLENGE), CHALLENGE, wanted)
    assert here.decided_by == "stack (fitted)"
    assert here.estimated == kept.estimated == 0
    assert [question.index for question in here.questions] == [question.index for question in kept.questions]
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
        gold = {i: Truth(frozenset(), False) for i in range(60)}
        fitted = fit_on_gold(store, "vote", ["a"], CHALLENGE, gold)
    with Store(path) as store:
        assert ensemble_among(store, ["a", "b"], CHALLENGE) is None
        with pytest.raises(InputError, match="give one of them"):
            make_panel(store, ["picked(a,b)"], CHALLENGE, fitted)
        with pytest.raises(InputError, match="fitted for arms of the stages vlm"):
            make_panel(store, ["a", "b"], CHALLENGE, fitted)


def test_forms_in_illegal_units_are_no_choices() -> None:
    assert [str(form) for form in printed_forms(ballot("3 horsepower", "500 gram", "0.5 kilogram", ""))] == [
        "500.0 gram", "0.5 kilogram",
    ]  # fmt: skip
    assert printed_forms(replace(ballot("", ""))) == []


def test_progress_is_told_once_a_question(path: Path) -> None:
    told: list[int] = []
    with Store(path) as store:
        make_queue(store, make_panel(store, ["a", "b"], CHALLENGE), CHALLENGE, Wanted(), told.append)
    assert sum(told) == len(SURE)
