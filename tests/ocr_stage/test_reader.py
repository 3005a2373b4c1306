from __future__ import annotations

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import Alignment, Answer, OcrLine, OcrPage, PageStatus
from entx.ocr_stage.reader import RulesReader

READER = RulesReader(CHALLENGE)


def _page(*lines: tuple[str, float, float]) -> OcrPage:
    """Lines of (text, left, top): 20 pixels high, 10 a letter."""
    made = []
    for text, x, y in lines:
        right, bottom = x + 10 * len(text), y + 20
        made.append(OcrLine(text, 0.99, (x, y, right, y, right, bottom, x, bottom)))
    return OcrPage("s", PageStatus.OK, "", 1000, 1000, tuple(made))


def _ask(page: OcrPage, entity: str) -> Answer:
    (answer,) = READER.read(page, [entity])
    return answer


def _said(page: OcrPage, entity: str) -> str:
    answer = _ask(page, entity)
    return answer.quantity.text if answer.quantity else ""


def test_the_first_legal_quantity_is_the_answer_where_nothing_else_helps() -> None:
    page = _page(("12V 30 cm", 0, 0), ("40 cm", 500, 500))
    assert _said(page, "height") == "30.0 centimetre"
    assert _said(page, "voltage") == "12.0 volt"
    assert _said(page, "item_weight") == ""


def test_a_label_at_the_number_wins_over_order() -> None:
    page = _page(("W 30 cm", 0, 0), ("H 40 cm", 500, 500))
    assert _said(page, "height") == "40.0 centimetre"
    assert _said(page, "width") == "30.0 centimetre"


def test_a_cue_word_on_the_line_wins_over_order() -> None:
    page = _page(("Protein 20 g", 0, 0), ("Net weight 500 g", 500, 500))
    assert _said(page, "item_weight") == "500.0 gram"


def test_a_cue_word_above_or_to_the_left_wins_over_order() -> None:
    above = _page(("20 g", 600, 0), ("NET WT", 100, 300), ("500 g", 100, 330))
    assert _said(above, "item_weight") == "500.0 gram"
    left = _page(("20 g", 600, 0), ("NET WT", 100, 300), ("500 g", 180, 300))
    assert _said(left, "item_weight") == "500.0 gram"


def test_a_cue_far_away_does_not_help() -> None:
    page = _page(("20 g", 600, 0), ("NET WT", 100, 300), ("500 g", 100, 700))
    assert _said(page, "item_weight") == "20.0 gram"


def test_a_number_labelled_for_another_entity_of_the_kind_is_left_alone() -> None:
    page = _page(("Height: 30 cm", 0, 0))
    assert _said(page, "height") == "30.0 centimetre"
    assert _said(page, "width") == ""


def test_a_single_letter_in_a_text_is_no_cue() -> None:
    page = _page(("30 cm", 0, 0), ("vitamin d 40 cm", 500, 500))
    assert _said(page, "depth") in ("30.0 centimetre", "40.0 centimetre")
    assert _said(_page(("30 cm", 0, 0), ("plan d", 500, 500), ("40 cm", 500, 530)), "depth") == "30.0 centimetre"


def test_the_upper_end_of_a_range_is_the_rated_value() -> None:
    assert _said(_page(("Input 100-240V", 0, 0)), "voltage") == "240.0 volt"


def test_the_evidence_is_the_line_and_its_polygon() -> None:
    page = _page(("Nice bag", 0, 0), ("NET WT 500g", 100, 300))
    answer = _ask(page, "item_weight")
    assert answer.evidence.line_ids == (1,)
    assert answer.evidence.polygon == page.lines[1].polygon
    assert answer.evidence.alignment is Alignment.EXACT
    assert answer.text == "500g"
    assert answer.reason == ""


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (OcrPage("s", PageStatus.REFUSED, "69 megapixels"), "picture refused: 69 megapixels"),
        (OcrPage("s", PageStatus.OK), "no text in the picture"),
        (_page(("hello", 0, 0)), "no quantity with a legal unit in the text"),
    ],
)
def test_an_answer_that_is_not_given_has_a_reason_and_no_evidence(page: OcrPage, reason: str) -> None:
    answer = _ask(page, "height")
    assert (answer.quantity, answer.reason) == (None, reason)
    assert answer.evidence.alignment is Alignment.NONE
    assert answer.evidence.polygon is None


def test_every_entity_asked_gets_its_answer_in_order() -> None:
    page = _page(("H 40 cm", 0, 0), ("12V", 0, 300))
    answers = READER.read(page, ["voltage", "height", "item_volume"])
    assert [a.quantity.text if a.quantity else "" for a in answers] == ["12.0 volt", "40.0 centimetre", ""]
