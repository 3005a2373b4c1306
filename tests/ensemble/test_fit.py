"""Fitting: labelled rows, folds that never see themselves, and files that are read as written or refused in a line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.core.evaluation import Truth
from entx.ensemble.fit import (
    FORMAT,
    Fitted,
    FoldModel,
    digest,
    examples_of,
    file_text,
    fit_ensemble,
    load_fitted,
    parse_file,
)
from entx.ensemble.judge import CHALLENGE_F1, Judge, Logistic, Objective
from entx.storage.questions import FOLDS
from entx.storage.runs import Arm
from tests.ensemble.arms import ballot, labelled


def test_examples_are_the_ballots_with_a_truth() -> None:
    ballots = [ballot("5 gram", "", index=1), ballot("6 gram", "", index=2)]
    (example,) = examples_of(ballots, {2: Truth(2, "6 gram"), 9: Truth(9, "")})
    assert example.ballot.index == 2
    assert [example.is_right(option) for option in example.ballot.options] == [True, False]
    nothing = replace(example, rights=frozenset(), present=False)
    assert [nothing.is_right(option) for option in example.ballot.options] == [False, True]


def test_the_digest_tells_rows_and_answers_apart_and_knows_no_order() -> None:
    truths = {1: Truth(1, "5 gram"), 2: Truth(2, "")}
    rows = examples_of([ballot("5 gram", index=1), ballot("6 gram", index=2)], truths)
    assert digest(rows) == digest(rows[::-1])
    assert len(digest(rows)) == 64
    others = [
        examples_of([ballot("5 gram", index=1), ballot(("6 gram", 0.5), index=2)], truths),
        examples_of([ballot("5 gram", index=1), ballot("7 gram", index=2)], truths),
        [rows[0], replace(rows[1], present=True)],
        rows[:1],
    ]
    assert len({digest(rows), *map(digest, others)}) == 5


ARMS = [Arm("a", "rules", "h", 1), Arm("b", "vlm", "h", 1)]
TRAIN = labelled(400)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_ensemble("stack", ARMS, "s", TRAIN)


def test_a_fold_is_decided_by_a_model_that_has_not_seen_it(fitted: Fitted) -> None:
    poisoned = [
        replace(example, rights=frozenset(), present=not example.present) if example.ballot.fold == 2 else example
        for example in TRAIN
    ]
    other = fit_ensemble("stack", ARMS, "s", poisoned)
    assert other.folds[2] == fitted.folds[2]
    assert all(other.folds[fold] != fitted.folds[fold] for fold in range(FOLDS) if fold != 2)
    assert other.data != fitted.data


def test_calibration_is_measured_out_of_fold_and_small(fitted: Fitted) -> None:
    assert fitted.reliability["q"]["rows"] == len(TRAIN)
    assert all(fitted.reliability[which]["error"] < 0.08 for which in "pq")


def test_the_threshold_is_taken_from_held_out_rows_of_the_other_folds(fitted: Fitted) -> None:
    fold = fitted.folds[2]
    objective = Objective(CHALLENGE_F1)
    assert len(fold.held_out) == sum(example.ballot.fold != 2 for example in TRAIN)
    assert fold.threshold(objective) == objective.threshold(*zip(*fold.held_out, strict=True))
    assert replace(fold, held_out=()).threshold(objective) == 0.0
    by_hand = FoldModel({}, None, ((0.9, 0.95), (0.4, 0.5), (0.2, 0.3)))
    assert by_hand.threshold(Objective("precision", 0.9)) == 0.9
    assert by_hand.threshold(Objective("precision", 0.5)) == 0.2  # .9, .4 and .2 are .5 on average


def test_a_strategy_that_judges_itself_has_no_second_judge(fitted: Fitted) -> None:
    vote, cascade = (fit_ensemble(name, ARMS, "s", TRAIN[:120]) for name in ("vote", "cascade"))
    assert all(fold.judge is None for fold in [*fitted.folds, *cascade.folds])
    assert all(fold.judge is not None for fold in vote.folds)
    assert all(_parse(json.loads(one.text())) == one for one in (vote, cascade))  # read as written


@pytest.mark.parametrize("arguments", [{"strategy": "vote"}, {"stages": ["vlm", "rules"]}, {"stages": ["rules"]},
                                       {"schema": "t"}], ids=str)  # fmt: skip
def test_another_ensembles_fit_is_refused(fitted: Fitted, arguments: dict[str, Any]) -> None:
    own: dict[str, Any] = {"strategy": "stack", "stages": ["rules", "vlm"], "schema": "s"}
    fitted.check(**own)
    says = {"strategy": "fitted for --strategy stack", "stages": "rules, vlm in this order", "schema": "another schema"}
    with pytest.raises(InputError, match=says[next(iter(arguments))]):
        fitted.check(**{**own, **arguments})


def test_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match=r"12 labelled rows .* at least 50"):
        fit_ensemble("vote", ARMS, "s", TRAIN[:12])


def test_a_file_is_read_as_it_was_written(fitted: Fitted, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    fitted.save(path)
    assert load_fitted(path) == fitted
    assert load_fitted(path).digest == fitted.digest
    assert fit_ensemble("stack", ARMS, "s", list(TRAIN)).text() == path.read_text()


MODEL = Logistic(("a", "b"), (0.5, 0.0), (1.0, 2.0), (1.0 / 3.0, -2.0), 0.25)
SMALL = Fitted(
    "stack", ("rules", "vlm"), "schema", 60, "hash",
    tuple(FoldModel({}, Judge(MODEL, MODEL), ((0.9, 0.95), (fold / 10, 0.5))) for fold in range(FOLDS)),
    {"p": {"rows": 3}}, ("r", "q"),
)  # fmt: skip
PLAIN: dict[str, Any] = json.loads(SMALL.text())
DEEP = "[" * 100_000


def _parse(plain: dict[str, Any]) -> Fitted:
    return parse_file(Fitted, json.dumps(plain), "fitted ensemble", FORMAT)


def test_a_text_keeps_what_was_fitted_to_nine_digits() -> None:
    again = _parse(PLAIN)
    assert again.text() == SMALL.text()
    assert again.digest == SMALL.digest
    assert (again.strategy, again.stages, again.runs, again.rows) == ("stack", ("rules", "vlm"), ("r", "q"), 60)
    assert again.folds[0].judge.right.weights == (0.333333333, -2.0)
    others = [{**PLAIN, "rows": 61}, {**PLAIN, "stages": ["vlm", "rules"]}, {**PLAIN, "data": "other"}]
    assert len({_parse(plain).digest for plain in [PLAIN, *others]}) == 4
    assert SMALL.folds[1].held_out == again.folds[1].held_out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe", "not text"),
        (DEEP, "not a fitted ensemble"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("1" * 5_000, "not JSON"),
        ("NaN", "found None"),
        ("[]", f"format {FORMAT}"),
        ({**PLAIN, "format": 99}, "found 99"),
        ({**PLAIN, "format": str(FORMAT)}, f"found {FORMAT}"),
        ({**PLAIN, "rows": 1e999}, "damaged fitted ensemble: rows"),
        ({**PLAIN, "rows": None, "data": 3}, r"damaged fitted ensemble: rows: .*; data: "),
        ({**PLAIN, "folds": PLAIN["folds"] * 2}, f"{2 * FOLDS} folds, expected {FOLDS}"),
        ({**PLAIN, "folds": PLAIN["folds"][:2]}, "2 folds"),
        ({**PLAIN, "folds": [{}] * FOLDS}, r"folds\.0\.state: Field required; .*and 7 more"),
        ({**PLAIN, "weights": [1]}, "weights: Unexpected keyword"),
        ({key: value for key, value in PLAIN.items() if key != "schema"}, "schema: Field required"),
    ],
)  # fmt: skip
def test_what_is_no_fitted_ensemble_is_told_in_a_line(content: Any, says: str, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        load_fitted(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)


@given(key=st.sampled_from([*sorted(PLAIN.keys() - {"format"}), "state", "judge", "held_out"]), value=JSON)
def test_a_changed_part_is_read_or_refused(key: str, value: Any) -> None:
    changed = {**PLAIN, key: value}
    if key not in PLAIN:
        changed = {**PLAIN, "folds": [{**PLAIN["folds"][0], key: value}, *PLAIN["folds"][1:]]}
    try:
        _parse(changed).check("stack", ["rules", "vlm"], "schema")
    except InputError as error:
        assert str(error).startswith(("a damaged fitted ensemble: ", "fitted "))  # noqa: PT017


@given(JSON, st.floats(1e-6, 1e6))
def test_a_file_keeps_nine_digits_and_every_shape(value: Any, number: float) -> None:
    text = file_text(1, {"value": value, "pair": (number, True, 7, "x")})
    plain = json.loads(text)
    assert plain["pair"] == [pytest.approx(number, rel=1e-8), True, 7, "x"]
    assert file_text(1, plain) == text
    assert text.count("[") == json.dumps({"value": value, "pair": [1]}).count("[")
