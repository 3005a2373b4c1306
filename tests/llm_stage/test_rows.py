from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE, Schema, load_schema
from entx.core.types import PageStatus
from entx.llm_stage.prompt import Style
from entx.llm_stage.rows import PageRows, PageWriter, Row, RowSettings, Tally, Unreadable, read_rows
from entx.neural.labels import RangePolicy
from tests.llm_stage.stores import KEY, WRITER, Asked, Shown, fill

DRAWING = ["24.5 cm / 9.6 in", "18 cm"]


def _read(
    tmp_path: Path,
    pictures: list[Shown],
    settings: RowSettings | None = None,
    writer: PageWriter = WRITER,
    schema: Schema = CHALLENGE,
) -> tuple[list[PageRows], Tally]:
    tally = Tally()
    with fill(tmp_path / "s.duckdb", pictures) as store:
        return list(read_rows(store, KEY, schema, writer, settings or RowSettings(), tally)), tally


def _only(pages: list[PageRows]) -> Row:
    ((row,),) = [page.rows for page in pages]
    return row


def test_a_labelled_question_becomes_a_row_with_its_choices(tmp_path: Path) -> None:
    pages, tally = _read(tmp_path, [Shown(DRAWING, [Asked("width", "18.0 centimetre", "own.csv", "mugs")])])
    row = _only(pages)
    assert (row.index, row.picture, row.group_id, row.entity_name, row.source) == (0, "p0", "mugs", "width", "own.csv")
    assert row.choices == ("24.5 centimetre", "9.6 inch", "18 centimetre", "none")
    assert row.right == 2
    assert (row.weight, row.weak, row.generated) == (1.0, False, False)
    assert row.page.startswith("<page>")
    assert "[18 centimetre]" in row.page
    assert +tally.questions == Counter({"used: a candidate": 1})


def test_an_empty_label_is_the_answer_none(tmp_path: Path) -> None:
    pages, tally = _read(tmp_path, [Shown(DRAWING, [Asked("depth", "")])])
    row = _only(pages)
    assert (row.truth, row.choices[row.right or 0]) == (None, "none")
    assert tally.questions["used: none"] == 1


def test_weights_come_from_the_first_pattern_that_fits(tmp_path: Path) -> None:
    settings = RowSettings(sources={"train_own*": 0.8, "train*": 0.4, "off.csv": 0.0})
    questions = [
        Asked("width", "18 centimetre", "train.csv.gz"),
        Asked("height", "24.5 centimetre", "train_own.csv"),
        Asked("depth", "18 centimetre", "off.csv"),
        Asked("item_weight", "", "mine.csv"),
    ]
    pages, tally = _read(tmp_path, [Shown(DRAWING, questions)], settings)
    found = {row.entity_name: (row.weight, row.weak) for row in pages[0].rows}
    assert found == {"width": (0.4, True), "height": (0.8, True), "item_weight": (1.0, False)}
    assert tally.questions["dropped: weight 0"] == 1


def test_a_weight_may_be_for_one_entity_of_a_table(tmp_path: Path) -> None:
    settings = RowSettings(sources={"train*/depth": 0.0, "train*/w*": 0.2, "train*": 0.5})
    questions = [Asked(name, "18 centimetre", "train.csv") for name in ("depth", "width", "height")]
    pages, tally = _read(tmp_path, [Shown(DRAWING, questions)], settings)
    assert {row.entity_name: row.weight for row in pages[0].rows} == {"width": 0.2, "height": 0.5}
    assert +tally.questions == Counter({"used: a candidate": 2, "dropped: weight 0": 1})


@pytest.mark.parametrize(
    ("policy", "weight", "answer"), [(Unreadable.EMPTY, 0.2, "none"), (Unreadable.KEEP, 0.4, None)]
)
def test_a_weak_label_that_is_not_on_the_page(
    tmp_path: Path, policy: Unreadable, weight: float, answer: str | None
) -> None:
    settings = RowSettings(sources={"train*": 0.4}, unreadable=policy)
    pages, tally = _read(tmp_path, [Shown(DRAWING, [Asked("width", "99 inch", "train.csv")])], settings)
    row = _only(pages)
    assert row.weight == pytest.approx(weight)
    assert (None if row.right is None else row.choices[row.right]) == answer
    assert (row.truth is None) == (policy is Unreadable.EMPTY)
    assert sum(tally.questions.values()) == 1


def test_a_trusted_label_that_is_not_on_the_page_keeps_its_weight(tmp_path: Path) -> None:
    pages, _ = _read(tmp_path, [Shown(DRAWING, [Asked("width", "99 inch")])])
    assert (_only(pages).truth, _only(pages).weight) == (None, 1.0)


def test_unreadable_labels_can_be_dropped(tmp_path: Path) -> None:
    settings = RowSettings(unreadable=Unreadable.DROP)
    pages, tally = _read(tmp_path, [Shown(DRAWING, [Asked("width", "99 inch"), Asked("depth", "")])], settings)
    assert [row.entity_name for page in pages for row in page.rows] == ["depth"]
    assert tally.questions["dropped: label is not on the page"] == 1


def test_every_question_is_counted_once_by_its_reason(tmp_path: Path) -> None:
    pictures = [
        Shown(["230 V"], [Asked("voltage", "[220.0, 230.0] volt"), Asked("wattage", "2 horsepower")]),
        Shown(["x"], [Asked("height", "0.0 inch"), Asked("width", "tall")]),
        Shown(["never read"], [Asked("height", "5 inch")], PageStatus.FAILED),
    ]
    pages, tally = _read(tmp_path, pictures, RowSettings(ranges=RangePolicy.UPPER))
    assert len(pages) == 1
    assert +tally.questions == Counter({
        "used: a candidate": 1, "dropped: unit not allowed": 1, "dropped: absurd value": 1, "dropped: no quantity": 1,
        "dropped: no page": 1,
    })  # fmt: skip
    assert (tally.pages["used"], tally.pages["without a usable label"]) == (1, 1)


def test_a_trusted_label_replaces_a_weak_one(tmp_path: Path) -> None:
    questions = [Asked("width", "24.5 centimetre", "train.csv"), Asked("width", "18 centimetre", "curated.csv")]
    pages, tally = _read(tmp_path, [Shown(DRAWING, questions)], RowSettings(sources={"train*": 0.4}))
    assert _only(pages).source == "curated.csv"
    assert tally.questions["dropped: asked of this picture before"] == 1


def test_labels_of_one_weight_that_contradict_each_other_both_fall_away(tmp_path: Path) -> None:
    questions = [Asked("width", "24.5 centimetre"), Asked("width", "18 centimetre"), Asked("height", "24.5 centimetre")]
    pages, tally = _read(tmp_path, [Shown(DRAWING, questions)])
    assert _only(pages).entity_name == "height"
    assert tally.questions["dropped: contradicted"] + tally.questions["dropped: asked of this picture before"] == 2


def test_negatives_are_asked_of_pages_that_have_a_label(tmp_path: Path) -> None:
    pages, _ = _read(tmp_path, [Shown(["Net weight 100 g"], [Asked("item_weight", "100 gram")])])
    negatives = {row.entity_name: row for row in pages[0].negatives}
    assert set(negatives) == set(CHALLENGE.entities) - {"item_weight"}
    absent, swapped = negatives["voltage"], negatives["maximum_weight_recommendation"]
    assert (absent.source, absent.choices, absent.right) == ("negative:absent", ("none",), 0)
    assert (swapped.source, swapped.choices, swapped.right) == ("negative:swapped", ("100 gram", "none"), 1)
    assert absent.generated
    assert absent.index is None
    assert absent.page is pages[0].rows[0].page


def test_a_weak_label_swaps_nothing(tmp_path: Path) -> None:
    shown = Shown(["Net weight 100 g"], [Asked("item_weight", "100 gram", "train.csv")])
    pages, _ = _read(tmp_path, [shown], RowSettings(sources={"train*": 0.4}))
    assert "maximum_weight_recommendation" not in {row.entity_name for row in pages[0].negatives}


def test_an_entity_whose_label_was_dropped_is_not_generated(tmp_path: Path) -> None:
    questions = [Asked("item_weight", "100 gram"), Asked("wattage", "2 horsepower")]
    pages, _ = _read(tmp_path, [Shown(["Net weight 100 g"], questions)])
    assert "wattage" not in {row.entity_name for row in pages[0].negatives}


def test_negatives_can_be_left_out(tmp_path: Path) -> None:
    pages, _ = _read(tmp_path, [Shown(["x"], [Asked("item_weight", "")])], RowSettings(negatives=False))
    assert pages[0].negatives == ()


def test_nothing_is_learnt_from_pictures_that_are_held_out(tmp_path: Path) -> None:
    pictures = [Shown(DRAWING, [Asked("width", "18 centimetre"), Asked("depth", "")]) for _ in range(3)]
    pages, tally = _read(tmp_path, pictures, RowSettings(held_out=frozenset({"p0", "p2"})))
    assert {row.picture for page in pages for row in (*page.rows, *page.negatives)} == {"p1"}
    assert +tally.questions == Counter({"dropped: picture is held out": 4, "used: a candidate": 1, "used: none": 1})


def test_lines_beyond_the_budget_are_counted_and_offer_no_choice(tmp_path: Path) -> None:
    lines = [f"size {n} cm" for n in range(1, 40)]
    writer = PageWriter(Style.COMPACT, lambda texts: [10] * len(texts), 60)
    shown = Shown(lines, [Asked("width", "39 centimetre")])
    pages, tally = _read(tmp_path, [shown], writer=writer)
    row = _only(pages)
    assert tally.pages["dropped lines"] == 39 - 5
    assert tally.pages["with dropped lines"] == 1
    assert len(row.choices) == 5 + 1
    assert row.truth is None  # what the prompt does not show cannot be read


def test_entities_of_another_schema_are_counted(tmp_path: Path) -> None:
    toml = tmp_path / "schema.toml"
    toml.write_text('[entity.threads]\nkind = "thread"\nunits = ["stitch"]\n')
    shown = Shown(["400 stitch"], [Asked("threads", "400 stitch")])
    pages, tally = _read(tmp_path, [shown], schema=load_schema(toml))
    assert _only(pages).choices == ("400 stitch", "none")
    (tmp_path / "s.duckdb").unlink()
    pages, tally = _read(tmp_path, [shown])
    assert not pages
    assert +tally.questions == Counter({"dropped: unknown entity": 1})
