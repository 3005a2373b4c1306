"""Files of fitted ensembles that are damaged, foreign or hostile: read as they were written, or refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.ensemble.decision import Objective
from entx.ensemble.fit import FORMAT, Fitted, FoldModel, load_fitted, parse_fitted, rounded
from entx.ensemble.job import load_default, shipped_path
from entx.ensemble.judge import Judge, Logistic
from entx.storage.questions import FOLDS

MODEL = Logistic(("a", "b"), (0.5, 0.0), (1.0, 2.0), (1.0 / 3.0, -2.0), 0.25)
FITTED = Fitted(
    "stack", ("rules", "vlm"), "schema", 60, "hash",
    tuple(FoldModel({}, Judge(MODEL, MODEL), ((0.9, 0.95), (fold / 10, 0.5))) for fold in range(FOLDS)),
    {"p": {"rows": 3}}, ("r", "q"),
)  # fmt: skip
PLAIN: dict[str, Any] = json.loads(FITTED.text())
DEEP = "[" * 100_000


def test_a_text_keeps_what_was_fitted_to_nine_digits() -> None:
    again = parse_fitted(FITTED.text())
    assert again.text() == FITTED.text()
    assert again.digest == FITTED.digest
    assert (again.strategy, again.stages, again.runs, again.rows) == ("stack", ("rules", "vlm"), ("r", "q"), 60)
    judge = again.folds[0].judge
    assert judge is not None
    assert judge.right.weights == (0.333333333, -2.0)
    assert parse_fitted(again.text()) == again
    assert FITTED.folds[1].held_out == again.folds[1].held_out


def test_another_content_has_another_digest() -> None:
    others = [{**PLAIN, "rows": 61}, {**PLAIN, "stages": ["vlm", "rules"]}, {**PLAIN, "data": "other"}]
    digests = {parse_fitted(json.dumps(plain)).digest for plain in [PLAIN, *others]}
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DEEP, "not a fitted ensemble"),
        ("", "not JSON"),
        ("NaN", "found None"),
        (json.dumps({**PLAIN, "rows": 1e999}), "damaged"),
        (json.dumps({**PLAIN, "rows": None}), "damaged"),
        (json.dumps({**PLAIN, "folds": PLAIN["folds"] * 2}), f"{2 * FOLDS} folds, expected {FOLDS}"),
        (json.dumps({**PLAIN, "format": str(FORMAT)}), f"found {FORMAT}"),
        (json.dumps({key: value for key, value in PLAIN.items() if key != "runs"}), "KeyError 'runs'"),
    ],
)
def test_what_is_no_fitted_ensemble_is_told_in_a_line(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        load_fitted(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)


@given(key=st.sampled_from(sorted(PLAIN.keys() - {"format"})), value=JSON)
def test_a_changed_part_is_read_or_refused(key: str, value: Any) -> None:
    told = ""
    try:
        parse_fitted(json.dumps({**PLAIN, key: value})).check("stack", ["rules", "vlm"], "schema")
    except InputError as error:
        told = str(error)
    assert not told or told.startswith(("a damaged", "fitted "))


@given(inside=st.sampled_from(["state", "judge", "held_out"]), value=JSON)
def test_a_changed_fold_is_read_or_refused(inside: str, value: Any) -> None:
    folds = [{**PLAIN["folds"][0], inside: value}, *PLAIN["folds"][1:]]
    told = ""
    try:
        parse_fitted(json.dumps({**PLAIN, "folds": folds}))
    except InputError as error:
        told = str(error)
    assert not told or told.startswith("a damaged fitted ensemble: ")


@pytest.mark.parametrize("text", [DEEP, "[]", "3", '{"format": 1}', "", '{"ensembles": []}'])
def test_what_is_no_default_ensemble_is_told_in_a_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"d\.json: a damaged default ensemble|not a default ensemble") as caught:
        load_default(["rules"], path)
    assert "\n" not in str(caught.value)


def test_the_shipped_file_refuses_readers_it_was_not_fitted_for() -> None:
    plain = json.loads(shipped_path().read_text(encoding="utf-8"))
    stages = [tuple(one["stages"]) for one in plain["ensembles"]]
    for own in stages:
        assert load_default(own).stages == own
        with pytest.raises(InputError, match="not for"):
            load_default([*own, "another"])
        if len(set(own)) > 1 and own[::-1] not in stages:
            with pytest.raises(InputError, match="fitted for"):
                load_default(own[::-1])  # arms are known by their place


def test_a_folds_threshold_is_that_of_its_held_out_rows() -> None:
    fold = FoldModel({}, None, ((0.9, 0.95), (0.4, 0.5), (0.2, 0.3)))
    assert fold.threshold(Objective.parse("precision@0.9")) == 0.9
    assert fold.threshold(Objective.parse("precision@0.5")) == 0.2  # .9, .4 and .2 are .5 on average
    assert FoldModel({}, None, ()).threshold(Objective.parse("challenge-f1")) == 0.0


@given(JSON)
def test_rounding_changes_no_shape_and_is_done_once(value: Any) -> None:
    once = rounded(value)
    assert json.dumps(rounded(once)) == json.dumps(once)
    assert json.dumps(once).count("[") == json.dumps(value).count("[")


@given(st.floats(1e-6, 1e6))
def test_nine_digits_are_kept(value: float) -> None:
    (kept,) = rounded([value])
    assert kept == pytest.approx(value, rel=1e-8)
    assert rounded({"a": (value, True, 7, "x")}) == {"a": [kept, True, 7, "x"]}
