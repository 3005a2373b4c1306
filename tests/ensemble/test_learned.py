"""What the learning strategies learn, and that a fit never sees the rows it is told of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from entx.core.errors import InputError
from entx.ensemble.ballot import Ballot
from entx.ensemble.fit import Fitted, fit_ensemble, load_fitted
from entx.ensemble.job import OWN, Choice, Chooser, Policy
from entx.ensemble.judge import answer_features, ballot_features, fit_judge, option_features
from entx.ensemble.strategies import PRIOR_ROWS, Confidence, Stack, Vote, Weighted
from entx.ensemble.strategy import Example, Strategy, StrategyFactory
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm
from tests.ensemble.arms import answer, ballot, winner
from tests.ensemble.examples import labelled

ARMS = [Arm("a", "rules", "h", 1), Arm("b", "vlm", "h", 1)]
TRAIN, OTHERS = labelled(400), labelled(400, seed=1)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_ensemble("stack", Stack, ARMS, "s", TRAIN)


def _example(of: Ballot, *rights: str) -> Example:
    quantities = [made.quantity for text in rights if (made := answer(text)) and made.quantity]
    return Example(of, frozenset(quantities), bool(rights))


def _share_right(strategy: Strategy, examples: list[Example]) -> float:
    orders = strategy.rank([example.ballot for example in examples])
    picked = [
        example.is_right(example.ballot.options[order[0]]) for example, order in zip(examples, orders, strict=True)
    ]
    return sum(picked) / len(picked)


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
    vote = _share_right(Vote(), OTHERS)
    for factory in (Weighted, Confidence, Stack):
        assert _share_right(factory(factory.fit(TRAIN, factory.params)), OTHERS) > vote + 0.05


def test_the_judge_is_calibrated_and_consistent() -> None:
    judge = fit_judge(TRAIN)
    verdicts = judge.verdicts([example.ballot for example in OTHERS])
    for example, verdict in zip(OTHERS, verdicts, strict=True):
        for option, chance in zip(example.ballot.options, verdict.right, strict=True):
            if option.quantity is None:
                assert chance == pytest.approx(1.0 - verdict.present)
            else:
                assert 0.0 <= chance <= verdict.present <= 1.0
    shown = sum(example.present for example in OTHERS) / len(OTHERS)
    assert sum(verdict.present for verdict in verdicts) / len(OTHERS) == pytest.approx(shown, abs=0.05)
    assert judge.verdicts([]) == []


def test_features_know_arms_by_position_and_skip_those_not_asked() -> None:
    of = ballot("5 gram", None, "")
    option = option_features(of, of.options[0])
    assert option["0 for"] == 1.0
    assert option["2 nothing"] == 1.0
    assert not any(name.startswith("1 ") for name in (*option, *ballot_features(of)))
    assert option["share for"] == 0.5
    assert option["no page"] == 1.0
    assert set(answer_features(of, 0)) == {"something", "something item_weight", "no page"}
    sure = replace(of.answers[0] or answer("5 gram"), log_prob=-0.5, score=0.7, p_correct=0.5)  # type: ignore[type-var]
    scored = answer_features(replace(of, answers=(sure, None, of.answers[2])), 0)
    assert (scored["something score"], scored["something p"]) == (pytest.approx(0.8472979), 0.0)
    assert "something log_prob" not in scored  # the score says it


def test_a_fold_is_decided_by_a_model_that_has_not_seen_it(fitted: Fitted) -> None:
    poisoned = [
        replace(example, rights=frozenset(), present=not example.present) if example.ballot.fold == 2 else example
        for example in TRAIN
    ]
    other = fit_ensemble("stack", Stack, ARMS, "s", poisoned)
    assert other.folds[2] == fitted.folds[2]
    assert all(other.folds[fold] != fitted.folds[fold] for fold in range(FOLDS) if fold != 2)
    assert other.data != fitted.data
    assert len(fitted.folds[2].held_out) == sum(example.ballot.fold != 2 for example in TRAIN)


def test_told_calibration_is_out_of_fold_and_small(fitted: Fitted) -> None:
    assert fitted.reliability["q"]["rows"] == len(TRAIN)
    assert fitted.reliability["p"]["error"] < 0.08
    assert fitted.reliability["q"]["error"] < 0.08


def test_a_file_is_read_as_it_was_written(fitted: Fitted, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    fitted.save(path)
    assert load_fitted(path) == fitted
    assert load_fitted(path).digest == fitted.digest
    assert fit_ensemble("stack", Stack, ARMS, "s", list(TRAIN)).text() == path.read_text()


def test_wrong_files_are_told(fitted: Fitted, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    with pytest.raises(InputError, match=r"f\.json: cannot be read"):
        load_fitted(path)
    plain = json.loads(fitted.text())
    for text, says in (
        ("{", "not JSON"),
        ("[]", "format 2"),
        (json.dumps({**plain, "format": 99}), "found 99"),
        (json.dumps({**plain, "folds": plain["folds"][:2]}), "2 folds"),
        (json.dumps({**plain, "folds": [{}] * FOLDS}), "damaged"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=says):
            load_fitted(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not text"):
        load_fitted(path)


def test_another_ensembles_fit_is_refused(fitted: Fitted) -> None:
    fitted.check("stack", ["rules", "vlm"], "s")
    for arguments, says in (
        (("vote", ["rules", "vlm"], "s"), "fitted for --strategy stack"),
        (("stack", ["vlm", "rules"], "s"), "rules, vlm in this order"),
        (("stack", ["rules"], "s"), "rules, vlm in this order"),
        (("stack", ["rules", "vlm"], "t"), "another schema"),
    ):
        with pytest.raises(InputError, match=says):
            fitted.check(*arguments)


def test_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match=r"12 labelled rows .* at least 50"):
        fit_ensemble("vote", Vote, ARMS, "s", TRAIN[:12])


def _chosen(policy: Policy, fitted: Fitted | None, factory: StrategyFactory = Stack) -> list[Choice]:
    chooser = Chooser("stack", factory, ["a", "b"], fitted, policy)
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

    def right(choices: list[Choice]) -> list[bool]:
        return [
            example.is_right(choice.ballot.options[choice.option])
            for example, choice in zip(OTHERS, choices, strict=True)
            if choice.option is not None
        ]

    assert sum(right(precise)) / len(right(precise)) > 0.93
    assert sum(right(always)) / len(right(always)) < 0.8
    for choice in best:
        assert choice.p_present is not None
        assert (choice.option is None) == (choice.p_correct is None)
        assert bool(choice.reason) == (choice.option is None)
    withheld = [choice for choice, other in zip(best, always, strict=True) if choice.option != other.option]
    assert all("is not worth the risk: right with" in choice.reason for choice in withheld)


def test_without_a_fit_only_what_needs_none_works() -> None:
    chosen = _chosen(Policy(), None, Vote)
    assert all(choice.p_correct is None and choice.p_present is None for choice in chosen)
    always = _chosen(Policy(always=True), None, Vote)
    assert sum(choice.option is None for choice in always) < sum(choice.option is None for choice in chosen)
    with pytest.raises(InputError, match="--strategy stack learns from labelled rows"):
        _chosen(Policy(), None)
    with pytest.raises(InputError, match="--optimise challenge-f1 needs probabilities"):
        _chosen(Policy("challenge-f1"), None, Vote)


def test_a_question_with_spoiled_answers_only_is_not_answered(fitted: Fitted) -> None:
    spoiled = ballot("5 volt", "6 volt")
    for policy in (Policy(OWN), Policy("challenge-f1"), Policy(always=True)):
        (choice,) = Chooser("stack", Stack, ["a", "b"], fitted, policy).choose([spoiled])
        assert choice.option is None
        assert choice.reason == "no arm's answer is in a legal unit"
