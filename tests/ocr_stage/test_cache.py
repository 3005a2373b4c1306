"""The alarm for an engine that has gone blind."""

from __future__ import annotations

from entx.core.types import OcrLine, OcrPage, PageStatus
from entx.ocr_stage.cache import PageHealth

POLYGON = (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0)
FULL = OcrPage("a", PageStatus.OK, lines=(OcrLine("5 kg", 0.9, POLYGON),))
EMPTY = OcrPage("b", PageStatus.OK)
UNREADABLE = OcrPage("c", PageStatus.UNREADABLE, "no picture")
FAILED = OcrPage("d", PageStatus.FAILED, "the reader raised TypeError: list")


def warnings(health: PageHealth, pages: list[OcrPage]) -> list[tuple[int, str]]:
    said = [(i, health.observe(page)) for i, page in enumerate(pages)]
    return [(i, text) for i, text in said if text]


def test_a_blind_engine_is_reported_once_and_not_before_there_is_enough_to_judge() -> None:
    ((at, text),) = warnings(PageHealth(), [EMPTY] * 500)
    assert at == 49
    assert "50 of the last 50 pictures had no text" in text
    assert "entx doctor" in text


def test_the_usual_share_of_empty_pictures_is_no_alarm() -> None:
    assert warnings(PageHealth(), ([FULL] * 3 + [EMPTY]) * 100) == []


def test_an_engine_that_goes_blind_later_is_reported() -> None:
    ((at, _),) = warnings(PageHealth(), [FULL] * 10_000 + [EMPTY] * 200)
    assert 10_000 < at < 10_200


def test_pictures_that_cannot_be_read_say_nothing_about_the_engine() -> None:
    assert warnings(PageHealth(), [UNREADABLE] * 300 + [EMPTY] * 49) == []


def test_an_engine_that_fails_on_everything_is_reported_with_its_last_reason() -> None:
    ((at, text),) = warnings(PageHealth(), [FAILED] * 300)
    assert at == 49
    assert "TypeError" in text


def test_both_alarms_can_sound() -> None:
    assert len(warnings(PageHealth(), [EMPTY] * 60 + [FAILED] * 200)) == 2
