"""The alarm for an engine that has gone blind; pictures that cannot be had now."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import OcrLine, OcrPage, PageStatus
from entx.ocr_stage.cache import CacheReport, PageHealth, fill_cache
from entx.ocr_stage.engines.base import EngineSpec, page_key
from entx.storage.pages import add_pages, load_pages
from entx.storage.store import Store
from entx.storage.transfer import ingest
from tests.ocr_stage.pictures import encoded, label

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


def filled(folder: Path, *names: str) -> Path:
    """A store of pictures in folder/pictures."""
    (folder / "pictures").mkdir()
    for name in names:
        (folder / "pictures" / name).write_bytes(encoded(label([name], size=12, width=160)))
    table = folder / "t.csv"
    table.write_text("image_link,entity_name\n" + "".join(f"{name},height\n" for name in names))
    with Store(folder / "s.duckdb", write=True) as store:
        ingest(store, table, [folder / "pictures"], CHALLENGE)
    return folder / "s.duckdb"


def fill(path: Path) -> tuple[CacheReport, list[str]]:
    said: list[str] = []
    with Store(path, write=True) as store:
        return fill_cache(store, EngineSpec(), workers=1, warn=said.append), said


@pytest.mark.parametrize("leave_empty", [False, True])  # True: as the place of an unmounted folder
def test_a_folder_that_is_gone_is_said_once_and_its_pictures_stay_pending(tmp_path: Path, leave_empty: bool) -> None:
    path = filled(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "pictures").rename(tmp_path / "away")
    if leave_empty:
        (tmp_path / "pictures").mkdir()
    report, said = fill(path)
    assert (report.read, report.left, report.pages) == (0, 3, {})
    assert said == [
        f"{tmp_path / 'pictures'}: is not there or is empty (not mounted?): its pictures stay pending",
        "3 pictures could not be had and stay pending: the next call tries them again",
    ]


@pytest.mark.engine
def test_a_picture_that_cannot_be_had_has_no_page_and_is_read_by_the_next_call(tmp_path: Path) -> None:
    path, key = filled(tmp_path, "a.png", "b.png", "c.png", "d.png"), page_key(EngineSpec())
    a, b, c, d = sorted((tmp_path / "pictures").iterdir())
    whole = {file: file.read_bytes() for file in (a, b, c, d)}
    states = {a: f"{a}: No such file or directory", b: "not enough memory to decode it", d: "damaged picture: d"}
    with Store(path, write=True) as store:  # as an older entx kept them; d's is a verdict
        pages = [
            OcrPage(hashlib.sha256(whole[file]).hexdigest(), PageStatus.UNREADABLE, reason)
            for file, reason in states.items()
        ]
        add_pages(store, key, "old", pages)
    a.unlink()
    b.write_bytes(whole[c])
    report, said = fill(path)
    assert (report.read, report.left, report.pages) == (1, 2, {"ok": 1, "unreadable": 1})
    assert said == [
        f"{a}: No such file or directory",
        f"{b}: the file changed since ingest; run `entx ingest` again",
        "2 pictures could not be had and stay pending: the next call tries them again",
    ]
    a.write_bytes(whole[a])
    b.write_bytes(whole[b])
    report, _ = fill(path)
    assert (report.read, report.left, report.pages) == (2, 0, {"ok": 3, "unreadable": 1})
    with Store(path) as store:
        assert {page.lines[0].text for page in load_pages(store, key) if page.lines} == {"a.png", "b.png", "c.png"}
