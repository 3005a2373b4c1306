"""From ballots to choices, for any policy and a judge that is known; and the job over real stores."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Alignment, Answer, Evidence, PageKey
from entx.ensemble.ballot import pages_to_ground_in
from entx.ensemble.fit import Fitted, FoldModel, fit_ensemble
from entx.ensemble.job import NO_LEGAL_ANSWER, OWN, Choice, Chooser, EnsembleReport, Policy, run_ensemble
from entx.ensemble.judge import CHALLENGE_F1, MICRO_F1, Judge, Logistic, fit_judge
from entx.ensemble.strategies import Cascade, Ranked, Stack, Vote, rank
from entx.storage.pages import add_pages
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm, add_answers, find_arms, load_answers, run_settings
from entx.storage.store import Store
from tests.ensemble.arms import KEY, PAGES, Said, answer, ballot, labelled, make_store
from tests.rules.pages import Text, page

RUNS = ["a", "b"]
MEMBERS = [Arm("a", "rules", "h", 1), Arm("b", "vlm", "h", 1)]
TRAIN, OTHERS = labelled(120), labelled(400, seed=1)
FITTED = {name: fit_ensemble(name, MEMBERS, "s", TRAIN) for name in ("vote", "stack", "cascade")}
NAMES = st.sampled_from(sorted(FITTED))
SAID = st.lists(
    st.sampled_from(["5 gram", "6 gram", "0.006 kilogram", "5 volt", "3 metre", "", None]), min_size=2, max_size=2
)
FOLD = st.integers(0, FOLDS - 1)
PRECISION = st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.99, 1.0])


@cache
def _chooser(name: str, policy: Policy) -> Chooser:
    return Chooser(name, RUNS, FITTED[name], policy)


def _choose(name: str, said: list[Said], fold: int, policy: Policy) -> Choice:
    return _chooser(name, policy).choose([ballot(*said, fold=fold)])[0]


@given(name=NAMES, said=SAID, fold=FOLD)
def test_always_answering_gives_an_answer_wherever_a_legal_one_was_said(name: str, said: list[Said], fold: int) -> None:
    choice = _choose(name, said, fold, Policy(CHALLENGE_F1, always=True))
    legal = any(option.quantity is not None for option in choice.ballot.options)
    assert (choice.option is not None) == legal == (not choice.reason)


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


SURE, NEVER = (Judge(*[Logistic((), (), (), (), odds)] * 2) for odds in (3.0, -3.0))


def _by(*judges: Judge) -> Fitted:
    """A vote that is judged by these, one a fold."""
    folds = tuple(FoldModel({}, judge, ((0.9, 0.9), (0.1, 0.1))) for judge in judges)
    return Fitted("vote", ("rules", "vlm"), "s", 2, "d", folds)


def test_each_fold_is_decided_by_its_own_model() -> None:
    chooser = Chooser("vote", RUNS, _by(NEVER, *[SURE] * (FOLDS - 1)), Policy(CHALLENGE_F1))
    given = [chooser.choose([ballot("5 gram", "5 gram", fold=fold)])[0].option for fold in range(FOLDS)]
    assert given == [None, 0, 0, 0, 0]


def test_the_judge_is_asked_or_the_strategy_that_judges_itself() -> None:
    of = [example.ballot for example in TRAIN[:5]]
    state, other = FITTED["stack"].folds[0].state, fit_judge(TRAIN)
    assert [one.verdict for one in rank(Stack(state), None, of)] == Judge(**state).verdicts(of)
    assert [one.verdict for one in rank(Vote(), other, of)] == other.verdicts(of)
    assert [one.verdict for one in rank(Vote(), None, of, learned=False)] == [None] * 5


def test_the_order_of_a_judging_strategy_is_that_of_its_verdicts() -> None:
    of = [example.ballot for example in labelled(60, seed=5)]
    for name, factory in (("stack", Stack), ("cascade", Cascade)):
        strategy = factory(FITTED[name].folds[0].state)
        seen = strategy.view(of)
        for order, verdict in zip(strategy.rank(seen), strategy.verdicts(seen), strict=True):
            assert [verdict.right[option] for option in order] == sorted(verdict.right, reverse=True)


def test_spoiled_ballots_and_withheld_answers_say_why() -> None:
    for policy in (Policy(OWN), Policy(CHALLENGE_F1), Policy(always=True)):
        (choice,) = _chooser("stack", policy).choose([ballot("5 volt", "3 metre")])
        assert (choice.option, choice.reason) == (None, "no arm's answer is in a legal unit")
    (choice,) = Chooser("vote", RUNS, None, Policy(OWN)).choose([ballot("5 volt", "3 metre")])
    assert (choice.option, choice.reason) == (None, NO_LEGAL_ANSWER)
    (choice,) = Chooser("vote", RUNS, _by(*[NEVER] * FOLDS), Policy(MICRO_F1)).choose([ballot("5 gram")])
    says = "5.0 gram is not worth the risk: right with 0.05, a value is shown with 0.05 (micro-f1)"
    assert (choice.option, choice.reason) == (None, says)


def test_an_unknown_objective_is_told_at_once() -> None:
    with pytest.raises(InputError, match="coin"):
        Policy("coin")


@given(st.lists(st.one_of(st.none(), st.just(True)), max_size=4))
def test_the_favourite_is_the_first_that_is_an_answer(which: list[bool | None]) -> None:
    of = ballot(*(f"{place + 1} gram" if one else "" for place, one in enumerate(which)))
    answers = [place for place, option in enumerate(of.options) if option.quantity is not None]
    assert Ranked(of, range(len(of.options)), None).favourite == (answers[0] if answers else None)


@pytest.mark.parametrize("name", ["vote", "stack"])
def test_a_fit_is_the_same_whatever_the_order_of_its_rows(name: str) -> None:
    turned = fit_ensemble(name, MEMBERS, "s", TRAIN[::-1])
    assert turned.data == FITTED[name].data
    of = [example.ballot for example in labelled(40, seed=9)]
    for policy in (Policy(CHALLENGE_F1), Policy(OWN)):
        one, other = (Chooser(name, RUNS, fitted, policy).choose(of) for fitted in (FITTED[name], turned))
        assert [choice.option for choice in one] == [choice.option for choice in other]


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_ensemble("stack", MEMBERS, "s", labelled(400))


def _chosen(policy: Policy, fitted: Fitted | None, name: str = "stack") -> list[Choice]:
    chooser = Chooser(name, RUNS, fitted, policy)
    return chooser.choose([example.ballot for example in OTHERS])


def test_policies(fitted: Fitted) -> None:
    always, best, own, precise = (
        _chosen(policy, fitted)
        for policy in (
            Policy("challenge-f1", always=True), Policy("challenge-f1"), Policy(OWN), Policy("precision@0.97")
        )
    )  # fmt: skip
    given = [sum(choice.option is not None for choice in some) for some in (always, best, own, precise)]
    assert given[0] > given[1] > given[3] > 0
    assert given[2] < given[0]

    def precision(choices: list[Choice]) -> float:
        rows = zip(OTHERS, choices, strict=True)
        return np.mean([example.is_right(choice.given) for example, choice in rows if choice.given is not None])

    assert precision(precise) > 0.93
    assert precision(always) < 0.8
    for choice in best:
        assert choice.p_present is not None
        assert (choice.option is None) == (choice.p_correct is None)
        assert bool(choice.reason) == (choice.option is None)
    withheld = [choice for choice, other in zip(best, always, strict=True) if choice.option != other.option]
    assert all("is not worth the risk: right with" in choice.reason for choice in withheld)


def test_without_a_fit_only_what_needs_none_works() -> None:
    chosen = _chosen(Policy(), None, "vote")
    assert all(choice.p_correct is None and choice.p_present is None for choice in chosen)
    always = _chosen(Policy(always=True), None, "vote")
    assert sum(choice.option is None for choice in always) < sum(choice.option is None for choice in chosen)
    with pytest.raises(InputError, match="--strategy stack learns from labelled rows"):
        _chosen(Policy(), None)
    with pytest.raises(InputError, match="--optimise challenge-f1 needs probabilities"):
        _chosen(Policy("challenge-f1"), None, "vote")


LABEL = replace(page(Text("Net weight", 0, 0), Text("500 g", 0, 100), Text("1.1 lbs", 0, 200)), picture="s1")


def _decide(path: Path, runs: list[str], strategy: str = "vote", run: str | None = None) -> EnsembleReport:
    with Store(path, write=True) as store:
        return run_ensemble(store, strategy, runs, CHALLENGE, run)


def _answers(path: Path, run: str) -> dict[int, Answer]:
    with Store(path) as store:
        return dict(load_answers(store, run))


def _texts(path: Path, run: str) -> list[str]:
    return [answer.quantity.text if answer.quantity else "" for answer in _answers(path, run).values()]


ARMS: dict[str, list[Said]] = {
    "a": ["5 gram", "", "7 gram", "3 volt", None],
    "b": ["6 gram", "", "8 gram", None, "1 gram"],
    "c": ["6 gram", "2 gram", None, None, ""],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_store(tmp_path / "s.duckdb", ARMS)


def test_the_choices_are_a_run_with_reason_and_tally(path: Path) -> None:
    report = _decide(path, ["a", "b", "c"])
    assert report.run == "vote(a,b,c)"
    assert _texts(path, report.run) == ["6.0 gram", "", "7.0 gram", "", "1.0 gram"]
    assert [(answer.text, answer.reason) for answer in _answers(path, report.run).values()] == [
        ("5.0 gram: a; 6.0 gram: b, c", ""),
        ("nothing: a, b; 2.0 gram: c", "no answer, as a, b said"),
        ("7.0 gram: a; 8.0 gram: b", ""),
        ("3.0 volt: a (not a legal unit)", "no arm's answer is in a legal unit"),
        ("1.0 gram: b; nothing: c", ""),
    ]
    assert (report.questions, report.spoiled, report.converted) == (5, 1, 0)
    assert report.not_asked == {"a": 1, "b": 1, "c": 2}
    assert not report.grounded


def test_the_runs_settings_name_its_arms(path: Path) -> None:
    _decide(path, ["b", "a"], run="mine")
    with Store(path) as store:
        settings = run_settings(store, "mine")
        assert settings["members"] == [arm.as_dict() for arm in find_arms(store, ["b", "a"], CHALLENGE.digest)]
    assert settings["strategy"] == "vote"
    assert [(one["run"], one["rows"]) for one in settings["members"]] == [("b", 4), ("a", 4)]


def test_calling_again_adds_nothing_and_an_interrupted_run_goes_on(path: Path) -> None:
    _decide(path, ["a", "b"])
    before = _answers(path, "vote(a,b)")
    with Store(path, write=True) as store:
        store.connection.execute("delete from answers where run = 'vote(a,b)' and idx >= 2")
    assert _decide(path, ["a", "b"]).questions == 3
    assert _answers(path, "vote(a,b)") == before
    assert _decide(path, ["a", "b"]).questions == 0


def test_a_run_whose_arms_have_grown_is_refused(path: Path) -> None:
    _decide(path, ["a", "b"], run="mine")
    with Store(path, write=True) as store:
        add_answers(store, "a", [(4, answer("9 gram"))])
    with pytest.raises(InputError, match=r"'mine' stands in .* with other settings .*members.*'rows': 4.*'rows': 5"):
        _decide(path, ["a", "b"], run="mine")
    with pytest.raises(InputError, match="stage vlm"):
        _decide(path, ["a", "b"], run="a")


def test_an_ensemble_can_be_an_arm(path: Path) -> None:
    inner = _decide(path, ["a", "b", "c"])
    again = _decide(path, [inner.run], run="again")
    assert again.questions == inner.questions
    assert _texts(path, "again") == _texts(path, inner.run)


def test_an_answer_is_grounded_in_the_pages_of_the_store(tmp_path: Path) -> None:
    arms: dict[str, list[Said]] = {
        "a": ["0.5 kilogram", "500 gram", "1.1 pound", "77 gram", ""],
        "b": ["500 gram", "500 gram", "2 pound", "77 gram", ""],
    }
    path = make_store(tmp_path / "s.duckdb", arms, page=LABEL)
    report = _decide(path, ["a", "b"])
    answers = _answers(path, report.run)
    assert _texts(path, report.run) == ["500.0 gram", "500.0 gram", "1.1 pound", "77.0 gram", ""]
    assert [answers[i].evidence.line_ids for i in range(5)] == [(1,), (1,), (2,), (), ()]
    assert answers[0].evidence.polygon == LABEL.lines[1].polygon
    assert answers[3].evidence == Evidence(Alignment.NONE)
    assert report.grounded
    assert report.alignments["none"] == 1
    assert sum(report.alignments.values()) == 4
    assert report.converted == 1


@pytest.mark.parametrize(("engine", "lines"), [("rapidocr", (0,)), ("paddleocr", (2,))])
def test_an_arms_own_evidence_counts_only_in_its_own_pages(tmp_path: Path, engine: str, lines: tuple[int]) -> None:
    path = tmp_path / "s.duckdb"
    settings = {"first": PAGES, "a": {**PAGES, "engine": engine}}
    make_store(path, {"first": ["3 volt"], "a": [None]}, page=LABEL, settings=settings)
    said = answer("1.1 pound")
    with Store(path, write=True) as store:
        add_answers(store, "a", [(0, replace(said, evidence=Evidence(Alignment.FUZZY, (0,), (1.0,) * 8)))])
    _decide(path, ["first", "a"], run="both")
    assert _answers(path, "both")[0].evidence.line_ids == lines


def test_pages_are_those_of_the_first_arm_that_read_some(tmp_path: Path) -> None:
    path = make_store(tmp_path / "s.duckdb", {"a": ["5 gram"], "b": ["5 gram"]}, settings={"b": PAGES})
    newer = PageKey("paddleocr", "m", "p")
    with Store(path, write=True) as store:
        both = find_arms(store, ["a", "b"], CHALLENGE.digest)
        assert pages_to_ground_in(store, both[:1]) is None
        add_pages(store, newer, "ocr", [LABEL])
        assert pages_to_ground_in(store, both) == KEY
        assert pages_to_ground_in(store, both[:1]) == newer
