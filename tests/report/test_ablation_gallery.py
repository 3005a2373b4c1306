"""The gallery, the causes and the diff by properties: for any answers, every card, cause and change adds up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.core.evaluation import Counts, Outcome
from entx.core.types import Alignment, Answer, Evidence, OcrLine, OcrPage, PageStatus, Quantity
from entx.report.ablation.causes import Cause, cause_of, causes, oracle
from entx.report.ablation.columns import ARM, HYBRID, Column
from entx.report.ablation.diff import diff, load_summary
from entx.report.ablation.gallery import KINDS, error_kind, make_gallery
from entx.report.ablation.gold import Gold, GoldRow
from entx.report.ablation.measure import Measured
from tests.report.ablations import gram, of, summary
from tests.report.chance import RIGHT, ROWS, make_chance_store

BOX, OTHER = (10.0, 10.0, 60.0, 10.0, 60.0, 30.0, 10.0, 30.0), (10.0, 40.0, 60.0, 40.0, 60.0, 60.0, 10.0, 60.0)
PAGE = OcrPage("p", PageStatus.OK, "", 200, 100, (OcrLine("1 g net", 0.9, BOX), OcrLine("2 g", 0.9, OTHER)), 0.1)

TRUTHS = st.sampled_from(["", "1 gram", "2 gram"])
SAID = st.sampled_from([None, "", "1 gram", "2 gram", "0.001 kilogram", "7 gram"])
ROW = st.tuples(TRUTHS, SAID, SAID, SAID)
TABLE = st.lists(ROW, min_size=1, max_size=10)


def _quantity(text: str) -> Quantity | None:
    if not text:
        return None
    return gram(int(text.split()[0])) if text.endswith(" gram") else replace(gram(1), value=gram(1).value / 1000,
                                                                            unit="kilogram")  # fmt: skip


def _answer(text: str | None) -> Answer | None:
    if text is None:
        return None
    evidence = Evidence(Alignment.EXACT, (1,), OTHER) if text == "2 gram" else Evidence(Alignment.NONE)
    return Answer(_quantity(text), text, "" if text else "nothing seen", evidence)


def _measured(table: Sequence[tuple[Any, ...]]) -> Measured:
    rows = tuple(
        GoldRow(place, "item_weight", "", truth, (), f"{place}.jpg", "g", 0, f"{place}", f"{place}.jpg")
        for place, (truth, *_) in enumerate(table)
    )
    gold = Gold(Path("gold.csv"), rows, (), np.arange(len(rows), dtype=np.int64))
    kinds = ((ARM, "rules"), (ARM, "vlm"), (HYBRID, "ensemble"))
    columns = tuple(
        Column(name, kind, stage, tuple(_answer(row[1 + number]) for row in table), gold)
        for number, (name, (kind, stage)) in enumerate(zip("abc", kinds, strict=True))
    )
    pages = {f"{place}": replace(PAGE, picture=f"{place}") for place in range(len(rows))}
    return Measured(gold, (), columns, {}, {}, None, None, pages, tuple(() for _ in rows))


@given(TABLE)
def test_a_card_for_each_row_that_somebody_has_wrong_and_every_wrong_column_on_it(table: list[tuple[Any, ...]]) -> None:
    measured = _measured(table)
    gallery = make_gallery(measured, most=100, picture_bytes=0)
    wrong = [place for place in range(len(table)) if not all(bool(column.right[place]) for column in measured.columns)]
    assert (gallery.wrong, gallery.shown, gallery.without_picture) == (len(wrong), len(wrong), len(wrong))
    cards = re.findall(r'data-wrong="([^"]*)"><h3>(\d+) ', gallery.cards)
    assert [int(index) for _, index in cards] == wrong
    for told, index in cards:
        kinds = {number: error_kind(column, int(index)) for number, column in enumerate(measured.columns)}
        assert told.split() == [f"{number}:{kind}" for number, kind in kinds.items() if kind]
        assert set(kinds.values()) - {None} <= KINDS.keys()


@given(TABLE, st.integers(0, 4))
def test_a_bound_on_cards_keeps_the_first(table: list[tuple[Any, ...]], most: int) -> None:
    measured = _measured(table)
    some, every = (make_gallery(measured, most=number, picture_bytes=0) for number in (most, 100))
    assert some.shown == min(most, every.wrong)
    assert every.cards.startswith(some.cards)
    assert some.cards.count("<article") == some.shown


@given(TABLE)
def test_the_kind_of_an_error_is_its_outcome_told_finer(table: list[tuple[Any, ...]]) -> None:
    measured = _measured(table)
    for column in measured.columns:
        for place, row in enumerate(measured.gold.rows):
            kind = error_kind(column, place)
            assert (kind is None) == bool(column.right[place])
            assert (kind == "missed") == (column.outcomes[place] == Outcome.FN)
            assert (kind == "empty") == (column.outcomes[place] == Outcome.FP and not row.truth)
            assert (kind == "unit") == (column.texts[place] == "0.001 kilogram" and row.truth == "1 gram")


@given(TABLE)
def test_every_wrong_row_has_one_cause_that_fits_it(table: list[tuple[Any, ...]]) -> None:
    measured = _measured(table)
    arms = list(measured.columns[:2])
    for column in measured.columns:
        for place, row in enumerate(measured.gold.rows):
            cause, others = cause_of(place, column, arms), any(bool(arm.right[place]) for arm in arms)
            assert (cause is None) == bool(column.right[place])
            assert (cause is Cause.EMPTY) == (not row.truth and not column.right[place])
            if cause in (Cause.PICK, Cause.ABSTAINED):
                assert others
                assert (cause is Cause.ABSTAINED) == (not column.texts[place])
            if cause is Cause.NO_ARM:
                assert not others


@given(TABLE, st.booleans())
def test_causes_add_up_and_what_every_arm_has_wrong_no_column_can_have_less_of(
    table: list[tuple[Any, ...]], seen: bool
) -> None:
    measured = _measured(table)
    found = causes(measured.columns, [seen] * len(table))
    *own, every = found
    assert every["name"] == "every arm"
    for told in found:
        assert told["wrong"] == sum(told[cause.value] for cause in Cause)
        assert told["in_text"] <= (told["wrong"] if seen else 0)
    assert all(told["wrong"] >= every["wrong"] for told in own[:2])
    assert every["wrong"] == sum(
        not any(bool(arm.right[place]) for arm in measured.columns[:2]) for place in range(len(table))
    )


@given(TABLE)
def test_the_best_arm_closes_nothing_and_nobody_of_the_arms_more(table: list[tuple[Any, ...]]) -> None:
    measured = _measured(table)
    found = oracle(measured.columns, 0)
    assert found is not None
    whole = found["parts"][""]
    scores = {column.name: Counts.of(column.outcomes).f1 for column in measured.columns}
    assert whole["best_f1"] == max(scores["a"], scores["b"])
    assert whole["f1"] >= whole["best_f1"] - 1e-12
    for name, closed in whole["closed"].items():
        if closed is not None:
            assert name == "c" or closed <= 1e-9  # a hybrid may give a form that no arm gave
            assert closed * (whole["f1"] - whole["best_f1"]) == pytest.approx(scores[name] - whole["best_f1"])


def test_boxes_are_the_answers_own_evidence_and_equal_ones_are_one() -> None:
    measured = _measured([("7 gram", "2 gram", "2 gram", "2 gram"), ("7 gram", "1 gram", "2 gram", "")])
    cards = make_gallery(measured, most=9, picture_bytes=0).cards.split("<article")[1:]
    assert [card.count('class="box') for card in cards] == [1, 1]
    assert "<title>a, b, c</title>" in cards[0]
    assert "<title>b</title>" in cards[1]
    assert "10,40 60,40 60,60 10,60" in cards[1]


def test_what_an_arm_wrote_is_cut_and_a_hybrids_words_are_not_repeated() -> None:
    measured = _measured([("7 gram", "1 gram", "", "1 gram")])
    long = replace(measured.columns[0], answers=(Answer(gram(1), "x" * 500),))
    measured = replace(measured, columns=(long, *measured.columns[1:]))
    card = make_gallery(measured, most=9, picture_bytes=0).cards
    assert "x" * 160 + "…" in card
    assert "x" * 161 not in card
    assert card.count('class="words"') == 2  # the arms; "nothing seen" is the second's
    assert "nothing seen" in card


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return summary(*make_chance_store(tmp_path_factory.mktemp("diff")), ",".join(RIGHT))


CHANGES = st.lists(
    st.tuples(st.integers(0, ROWS - 1), st.sampled_from(["", "1.0 gram"]), st.sampled_from(["FP", "FN"]))
)


@given(changes=CHANGES, gone=st.sets(st.integers(0, ROWS - 1), max_size=20))
def test_a_diff_finds_exactly_what_was_changed(found: dict[str, Any], changes: list[Any], gone: set[int]) -> None:
    rows = [
        {**row, "answers": dict(row["answers"]), "outcomes": dict(row["outcomes"])}
        for row in found["rows"]
        if row["index"] not in gone
    ]
    by_index = {row["index"]: row for row in rows}
    for index, text, outcome in changes:
        if index in by_index:
            by_index[index]["answers"]["good"], by_index[index]["outcomes"]["good"] = text, outcome
    told = diff(found, {**found, "rows": rows})
    assert (told["added"], told["removed"]) == ([], [])
    assert told["rows"] == {
        "compared": len(rows), "only_old": ROWS - len(rows), "only_new": 0, "truth_changed": 0,
    }  # fmt: skip
    before = {row["index"]: row for row in found["rows"]}
    differ = [
        index
        for index, row in by_index.items()
        if (row["answers"]["good"], row["outcomes"]["good"])
        != (before[index]["answers"]["good"], before[index]["outcomes"]["good"])
    ]
    assert [row["index"] for row in of(told["columns"], "good")["changed"]] == differ
    assert all(not one["changed"] for one in told["columns"] if one["name"] != "good")
    for one in told["columns"]:
        now = Counts.of(np.array([Outcome[row["outcomes"][one["name"]]] for row in rows], dtype=np.int64)).f1
        assert one["new_f1"] == pytest.approx(now, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"format": 1}', "damaged"),
        ('{"format": 1, "rows": [{"index": "0"}], "columns": []}', "damaged"),
        ('{"format": 1, "rows": [], "columns": [{"name": 3}]}', "damaged"),
        (
            '{"format": 1, "rows": [{"index": 0, "truth": "", "outcomes": {"a": "TP"}, "answers": {}}], "columns": []}',
            "different names",
        ),
        ("3", "found None"),
        ("[" * 100_000, "not the JSON"),
    ],
)
def test_files_that_only_look_like_a_report(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        load_summary(path)
