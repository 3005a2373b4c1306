import hashlib

import pytest
from PIL import Image

from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.engines.base import BUILT_IN, EngineSpec, RawLine
from entx.ocr_stage.page_reader import PageReader
from tests.core.test_images import mutations
from tests.ocr_stage.fake_engine import FakeEngine, box
from tests.ocr_stage.pictures import encoded, label


def read(reader: PageReader, data: bytes) -> OcrPage:
    picture = hashlib.sha256(data).hexdigest()
    page = reader.read(picture, data)
    assert page.picture == picture
    assert page.seconds > 0
    assert (page.status is PageStatus.OK) == (page.reason == "")
    return page


@pytest.fixture(scope="module")
def reader() -> PageReader:
    return PageReader(EngineSpec())


@pytest.mark.engine
def test_a_picture_becomes_a_page(reader: PageReader) -> None:
    page = read(reader, encoded(label(["NET WT 12.5 kg", "Height 30.4 cm"]), "JPEG"))
    assert page.status is PageStatus.OK
    assert (page.width, page.height) == (560, 204)
    assert [line.text for line in page.lines] == ["NET WT 12.5 kg", "Height 30.4 cm"]
    assert all(line.rotation == 0.0 for line in page.lines)


@pytest.mark.engine
def test_exif_is_applied_before_reading(reader: PageReader) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned counter-clockwise by 90 degrees
    page = read(reader, encoded(label(["NET WT 12.5 kg"], turn=90), "JPEG", exif=exif))
    assert [(line.text, line.rotation) for line in page.lines] == [("NET WT 12.5 kg", 0.0)]
    assert page.width > page.height


@pytest.mark.engine
def test_small_print_is_read_better_at_twice_the_size(reader: PageReader) -> None:
    single = PageReader(EngineSpec.of(passes="single"))
    picture = label(["Net weight 18.25 oz", "Made of 100% steel"], size=8, width=640)
    both, once = read(reader, encoded(picture)), read(single, encoded(picture))
    assert {line.scale for line in once.lines} == {1.0}
    assert sum(line.score for line in both.lines) >= sum(line.score for line in once.lines)


@pytest.mark.engine
def test_a_picture_without_text_is_ok_and_empty(reader: PageReader) -> None:
    page = read(reader, encoded(Image.new("RGB", (300, 200), "white")))
    assert (page.status, page.lines) == (PageStatus.OK, ())
    assert (page.width, page.height) == (300, 200)


@pytest.mark.engine
def test_what_is_wrong_with_a_picture_is_its_status(reader: PageReader) -> None:
    whole = encoded(label(["12.5 kg"]), "JPEG")
    assert read(reader, b"").status is PageStatus.UNREADABLE
    assert read(reader, b"<html>").status is PageStatus.UNREADABLE
    assert read(reader, whole[: len(whole) // 2]).status is PageStatus.UNREADABLE
    assert read(reader, encoded(Image.new("1", (9000, 9000)))).status is PageStatus.REFUSED


@pytest.mark.engine
def test_broken_pictures_all_get_a_page(reader: PageReader) -> None:
    statuses = {read(reader, data).status for data in mutations(60, seed=8)}
    assert PageStatus.UNREADABLE in statuses
    assert PageStatus.FAILED not in statuses


def with_engine(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine, **params: int) -> PageReader:
    """A reader whose engine is this one, found as any plug-in of a source tree would be."""
    monkeypatch.setattr("tests.ocr_stage.test_page_reader.CURRENT", engine, raising=False)
    monkeypatch.setitem(BUILT_IN, "fake", "tests.ocr_stage.test_page_reader:current")
    return PageReader(EngineSpec.of("fake", **params))


def current() -> FakeEngine:
    return CURRENT  # noqa: F821 - set by with_engine


def test_lines_come_cleaned_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = [
        RawLine("１２ｃｍ", 0.95, box(10, 80, 50, 10)),
        RawLine(">", 0.95, box(70, 80, 10, 10)),
        RawLine("Height", 0.95, box(10, 20, 50, 10)),
    ]
    page = read(with_engine(monkeypatch, FakeEngine({100: raw})), encoded(Image.new("RGB", (100, 100))))
    assert [line.text for line in page.lines] == ["Height", "12cm"]


def test_an_engine_that_raises_fails_the_page_and_keeps_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = with_engine(monkeypatch, FakeEngine(error=RuntimeError("shape\nmismatch")))
    page = read(reader, encoded(Image.new("RGB", (100, 90))))
    assert page.status is PageStatus.FAILED
    assert page.reason == "RuntimeError: shape mismatch"
    assert (page.width, page.height, page.lines) == (100, 90, ())


def test_out_of_memory_is_a_status_too(monkeypatch: pytest.MonkeyPatch) -> None:
    page = read(with_engine(monkeypatch, FakeEngine(error=MemoryError())), encoded(Image.new("RGB", (100, 90))))
    assert (page.status, page.reason) == (PageStatus.FAILED, "MemoryError")


def test_the_limit_of_pixels_is_a_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    page = read(with_engine(monkeypatch, FakeEngine(), max_pixels=8999), encoded(Image.new("RGB", (100, 90))))
    assert page.status is PageStatus.REFUSED
    assert "100 x 90" in page.reason
