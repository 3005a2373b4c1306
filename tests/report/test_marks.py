"""Layers of marks: what is drawn where, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, LineGeometry, PageGeometry
from entx.report.marks import ANSWERS, CANDIDATES, GEOMETRY, LINES, Layer, Mark, ShownAnswer, Side, page_layers
from tests.report.views import BRAND, HEIGHT_ANSWER, TALL, VERTICAL, page, view


def layers(*answers: ShownAnswer, **options: object) -> dict[str, Layer]:
    return {layer.name: layer for layer in page_layers(view(*answers, **options))}  # type: ignore[arg-type]


def cell(layer: Layer, row: int, column: str) -> str:
    return layer.marks[row].cells[layer.columns.index(column)]


def test_the_answer_lies_above_all_and_the_lines_below() -> None:
    assert list(layers()) == [LINES, GEOMETRY, CANDIDATES, ANSWERS]
    assert list(layers(shown=page(geometry=None))) == [LINES, CANDIDATES, ANSWERS]


def test_every_layer_has_a_cell_for_every_column_and_every_key_once() -> None:
    every = [mark for layer in layers().values() for mark in layer.marks]
    assert len({mark.key for mark in every}) == len(every)
    for layer in layers().values():
        assert all(len(mark.cells) == len(layer.columns) for mark in layer.marks)
    known = {mark.key for mark in every}
    assert all(set(mark.related) <= known for mark in every)


def test_a_line_tells_text_score_rotation_pass_and_place() -> None:
    lines = layers()[LINES]
    assert lines.marks[1].cells == ("24 cm", "0.88", "90°", "1x", "left")
    assert lines.marks[1].points == ((20, 200), (20, 120), (40, 120), (40, 200))
    assert cell(lines, 2, "pass") == "2x"
    assert [mark.faint for mark in lines.marks] == [False, False, True]
    assert cell(layers(shown=page(geometry=None))[LINES], 1, "stands") == ""


def test_strokes_belong_to_their_number_and_only_the_best_is_bold() -> None:
    geometry = layers()[GEOMETRY]
    assert [mark.key for mark in geometry.marks] == [
        "product", "stroke-1-vertical", "stroke-1-oblique", "stroke-2-horizontal",
    ]  # fmt: skip
    product, vertical, oblique, horizontal = geometry.marks
    assert product.points == ((100, 90), (320, 90), (320, 230), (100, 230))
    assert vertical.cells == ("24 cm", "0.75", "vertical", "140\xa0px", "4\xa0px", "2", "yes")
    assert vertical.related == ("line-1",)
    assert not vertical.closed
    assert (vertical.faint, oblique.faint, horizontal.faint) == (False, True, False)
    assert [mark.label for mark in geometry.marks] == ["product", "v1", "", "h2"]


def test_candidates_tell_their_score_for_each_entity_and_why() -> None:
    candidates = layers(
        ShownAnswer("rules", "height", HEIGHT_ANSWER), ShownAnswer("rules", "item_weight", Answer(None)),
        ShownAnswer("rules", "width", Answer(None)),
    )[CANDIDATES]  # fmt: skip
    assert [mark.cells[0] for mark in candidates.marks] == ["24.0 centimetre", "30.0 centimetre", "11.8 inch"]
    upright = re.fullmatch(r"height (0\.\d\d), width (0\.\d\d)", cell(candidates, 0, "score"))
    assert upright is not None  # the best first: its dimension line is vertical
    assert float(upright[1]) > float(upright[2])
    assert cell(candidates, 1, "score").startswith("width ")
    assert re.fullmatch(r"height: [\w ]+ [+-]\d+\.\d(, [\w ]+ [+-]\d+\.\d)*", cell(candidates, 0, "because"))
    assert candidates.marks[2].related == ("line-2",)
    assert cell(candidates, 2, "role").startswith("same of ")
    one = cell(layers(ShownAnswer("rules", "height", HEIGHT_ANSWER))[CANDIDATES], 0, "because")
    assert re.fullmatch(r"[\w ]+ [+-].*", one)  # no entity is named where only one was asked
    assert one.count(",") <= 4


def test_marks_in_one_place_share_one_label() -> None:
    candidates = layers()[CANDIDATES]
    assert [mark.label for mark in candidates.marks] == ["c0", "c1, c2", ""]
    two = layers(ShownAnswer("a", "height", HEIGHT_ANSWER), ShownAnswer("b", "height", HEIGHT_ANSWER))[ANSWERS]
    assert [mark.label for mark in two.marks] == ["a, b", ""]


def test_answers_are_labelled_by_what_tells_them_apart() -> None:
    assert layers()[ANSWERS].marks[0].label == "height"
    brand = replace(HEIGHT_ANSWER, evidence=Evidence(Alignment.FUZZY, (0,), BRAND))
    runs = layers(ShownAnswer("rules", "height", HEIGHT_ANSWER), ShownAnswer("vlm", "height", brand))[ANSWERS]
    assert [mark.label for mark in runs.marks] == ["rules", "vlm"]


def test_an_answer_tells_where_it_was_read_or_why_there_is_none() -> None:
    answers = layers()[ANSWERS]
    assert answers.marks[0].tag == "24.0 centimetre"
    assert answers.marks[0].cells == ("height", "rules", "24 cm", "exact", "0.75", "0.84", "24.0 centimetre")
    assert answers.marks[0].related == ("line-1",)
    assert answers.marks[1].tag == "no answer"
    assert answers.marks[1].cells[2] == "no quantity with a legal unit in the text"
    assert answers.marks[1].points == ()


def test_an_answer_without_evidence_has_no_place_and_evidence_of_two_lines_names_both() -> None:
    none = replace(HEIGHT_ANSWER, text="It is 24 cm", evidence=NO_EVIDENCE)
    both = replace(HEIGHT_ANSWER, evidence=Evidence(Alignment.NORMALISED, (0, 1), TALL))
    first, second = layers(ShownAnswer("vlm", "height", none), ShownAnswer("rules", "height", both))[ANSWERS].marks
    assert (first.points, first.cells[2:4]) == ((), ("It is 24 cm", "in no line"))
    assert (second.cells[2], second.related) == ("Nordhaven / 24 cm", ("line-0", "line-1"))


@pytest.mark.parametrize(
    ("name", "points", "place", "side"),
    [
        (LINES, ((10, 10), (50, 10), (50, 20), (10, 20)), (10, 10), Side.ABOVE),
        (LINES, ((20, 200), (20, 120), (40, 120), (40, 200)), (20, 120), Side.ABOVE),
        (CANDIDATES, ((10, 10), (50, 10), (50, 20), (10, 20)), (50, 20), Side.BELOW),
        (ANSWERS, ((10, 10), (50, 10), (50, 20), (10, 20)), (50, 15), Side.RIGHT),
        (ANSWERS, ((60, 10), (90, 10), (90, 20), (60, 20)), (60, 15), Side.LEFT),
    ],
)
def test_labels_of_different_layers_stand_on_different_sides(
    name: str, points: tuple[tuple[float, float], ...], place: tuple[float, float], side: Side
) -> None:
    layer = Layer(name, name, (0, 0, 0), (), ())
    assert layer.label_place(Mark("k", "t", (), points), 100) == (place, side)


def test_a_stroke_is_labelled_beside_its_middle_where_the_number_may_stand() -> None:
    mark = Mark("k", "t", (), ((0, 10), (40, 30)), closed=False)
    (x, y), side = Layer(GEOMETRY, "", (0, 0, 0), (), ()).label_place(mark, 100)
    assert (round(x, 3), round(y, 3), side) == (4.8, 12.4, Side.CENTRE)


@pytest.mark.parametrize(
    ("start", "end", "parts"),
    [
        ((30, 90), (30, 230), ((30, 90), (30, 120), (30, 200), (30, 230))),  # through the text
        ((30, 150), (30, 230), ((30, 200), (30, 230))),  # out of it
        ((30, 90), (30, 150), ((30, 90), (30, 120))),  # into it
        ((30, 130), (30, 190), ((30, 130), (30, 190))),  # only inside: drawn all the same
        ((50, 90), (50, 230), ((50, 90), (50, 230))),  # beside it
        ((0, 100), (60, 100), ((0, 100), (60, 100))),  # above it
        ((0, 90), (20, 230), ((0, 90), (20, 230))),  # aslant, past it
        ((10, 190), (50, 130), ((10, 190), (20, 175), (40, 145), (50, 130))),  # aslant, through it
    ],
)
def test_a_stroke_does_not_cover_its_number(
    start: tuple[float, float], end: tuple[float, float], parts: tuple[tuple[float, float], ...]
) -> None:
    stroke = replace(VERTICAL, start=start, end=end)
    geometry = PageGeometry(lines=(LineGeometry(1, vertical=stroke),))
    (mark,) = layers(shown=page(geometry=geometry))[GEOMETRY].marks
    assert mark.points == pytest.approx(np.array(parts))
