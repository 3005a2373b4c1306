"""Pages by their key, the geometry in their column, and which pictures a run still has to look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from entx.core.errors import InputError
from entx.core.types import (
    Answer,
    Direction,
    LineGeometry,
    OcrLine,
    OcrPage,
    PageGeometry,
    PageKey,
    PageStatus,
    Question,
    Stroke,
)  # fmt: skip
from entx.storage import pages as pages_module
from entx.storage.pages import (
    add_pages,
    forget_failed_pages,
    from_row,
    load_pages,
    open_pictures,
    page_keys,
    pending_pictures,
    to_row,
    unanswered_pages,
)  # fmt: skip
from entx.storage.questions import LinkedFile, add_files, add_questions, load_files
from entx.storage.runs import add_answers, load_answers
from entx.storage.store import Store, fetch
from entx.storage.transfer import export_table, import_pages

KEY = PageKey("fake", "m1", "p1")
BOX = (0.0, 0.0, 9.5, 0.0, 9.5, 5.0, 0.0, 5.0)
LINES = (OcrLine("H", 0.5, BOX), OcrLine("25 cm", 1.0, BOX, 90.0), OcrLine("10 in", 1.0, BOX))
UPRIGHT = Stroke(Direction.VERTICAL, (4.0, 2.0), (4.5, 90.25), 88.25, 1.5, 0.875, True, 2)
LEVEL = Stroke(Direction.HORIZONTAL, (4.0, 7.0), (80.0, 7.0), 76.0, 0.0, 0.0625)
SLANTED = Stroke(Direction.OBLIQUE, (1.0, 1.0), (4.0, 5.0), 5.0, 12.0, 0.25, False, 1)
BOTH = LineGeometry(1, UPRIGHT, LEVEL, SLANTED, -0.5, 0.25), LineGeometry(2, None, LEVEL, None, 1.25, 2.0)
GEOMETRY = PageGeometry((10.0, 20.5, 300.0, 400.0), 0.75, 3, BOTH, (0,), 0.5)  # all exact in single precision
BARE = PageGeometry(white=0.125)
PAGE = OcrPage("0" * 64, PageStatus.OK, "", 10, 20, LINES, 0.5)


def _page(picture: str, *texts: str) -> OcrPage:
    return OcrPage(picture, PageStatus.OK, "", 640, 480, tuple(OcrLine(text, 0.5, BOX) for text in texts), 0.25)


def _file(link: str, picture: str, path: str = "/pictures/a.jpg") -> LinkedFile:
    return LinkedFile(link, picture, path, 10, 1)


def _pending(store: Store, key: PageKey = KEY) -> list[str]:
    return [picture for picture, _ in pending_pictures(store, key)]


def test_equal_bytes_under_many_names_are_one_pending_picture(store: Store) -> None:
    add_questions(store, [Question(i, f"{i % 4}.jpg", "g1", "height") for i in range(12)], "t.csv")
    add_files(store, [_file("0.jpg", "s1"), _file("1.jpg", "s1"), _file("2.jpg", "s2")])
    assert _pending(store) == ["s1", "s2"]
    add_pages(store, KEY, "r", [_page("s1")])
    assert _pending(store) == ["s2"]


@pytest.mark.parametrize(
    "other", [PageKey("other", "m1", "p1"), PageKey("fake", "m2", "p1"), PageKey("fake", "m1", "p2")]
)
def test_a_page_of_another_engine_model_or_parameter_is_never_reused(store: Store, other: PageKey) -> None:
    add_questions(store, [Question(1, "a.jpg", "g1", "height")], "t.csv")
    add_files(store, [_file("a.jpg", "s1")])
    add_pages(store, KEY, "r", [_page("s1", "10 cm")])
    assert _pending(store, other) == ["s1"]
    assert list(load_pages(store, other)) == []
    add_pages(store, other, "r", [_page("s1", "11 cm")])
    assert [page.lines[0].text for page in load_pages(store, KEY)] == ["10 cm"]
    assert page_keys(store) == [(other, 1), (KEY, 1)]


def test_failed_pages_can_be_forgotten_and_good_ones_stay(store: Store) -> None:
    add_pages(store, KEY, "r", [_page("s1"), OcrPage("s2", PageStatus.QUARANTINED, "SIGKILL")])
    assert forget_failed_pages(store, KEY, every=True) == 1
    assert [page.picture for page in load_pages(store, KEY)] == ["s1"]


def test_pages_of_an_older_entx_that_tell_of_the_machine_are_forgotten_and_verdicts_stay(store: Store) -> None:
    reasons = {
        "s1": "/pictures/a.jpg: Stale file handle", "s2": "not enough memory to decode it", "s3": "MemoryError",
        "s4": "damaged picture: decoder error -2", "s5": "9000 x 9000 pixels, over the limit of 40000000 pixels",
    }  # fmt: skip
    add_pages(store, KEY, "r", [OcrPage(name, PageStatus.UNREADABLE, reason) for name, reason in reasons.items()])
    assert forget_failed_pages(store, KEY, every=False) == 3
    assert [page.picture for page in load_pages(store, KEY)] == ["s4", "s5"]


def test_a_link_follows_its_newest_file(store: Store) -> None:
    add_questions(store, [Question(1, "a.jpg", "g1", "height")], "t.csv")
    add_files(store, [_file("a.jpg", "old")])
    add_files(store, [_file("a.jpg", "new", "/pictures/b.jpg")])
    assert load_files(store)["a.jpg"].picture == "new"
    assert [path for _, path in pending_pictures(store, KEY)] == ["/pictures/b.jpg"]


def test_reading_pages_may_interleave_with_writing(store: Store) -> None:
    add_pages(store, KEY, "r", [_page(f"s{i}") for i in range(3000)])
    for number, page in enumerate(load_pages(store, KEY)):
        if number % 1000 == 0:
            add_answers(store, "r", [(number, Answer(None, page.picture))])
    assert number == 2999
    assert len(list(load_answers(store, "r"))) == 3


@pytest.fixture
def asked(store: Store) -> Store:
    """Links a and b name one picture; of d there is no file."""
    rows = [(5, "a", "height"), (1, "b", "width"), (3, "c", "depth"), (2, "a", "depth"), (4, "d", "voltage")]
    add_questions(store, [Question(index, link, "g", name) for index, link, name in rows], "t.csv")
    add_files(store, [LinkedFile(link, f"sha-{name}", f"/old/{link}.jpg", 1, 1) for link, name in ("ax", "bx")])
    add_files(store, [LinkedFile("c", "sha-y", "/new/c.jpg", 1, 1), LinkedFile("b", "sha-x", "/new/b.jpg", 1, 2)])
    return store


def test_questions_come_by_picture_whatever_their_link(asked: Store) -> None:
    found = list(open_pictures(asked, "vlm"))
    assert [(one.picture, str(one.path), [q.index for q in one.questions]) for one in found] == [
        ("sha-x", "/new/b.jpg", [1, 2, 5]), ("sha-y", "/new/c.jpg", [3]),
    ]  # fmt: skip
    assert [q.entity_name for q in found[0].questions] == ["width", "depth", "height"]


@pytest.mark.parametrize(("in_order", "ahead"), [(1 << 18, 256), (2, 1), (1, 2)])
def test_pages_come_with_what_a_run_has_not_answered(
    asked: Store, in_order: int, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_module, "_PAGES_IN_ORDER", in_order)
    monkeypatch.setattr(pages_module, "_PAGES_AHEAD", ahead)
    add_pages(asked, KEY, "r", [_page("nobody"), _page("sha-y"), _page("old")])
    add_pages(asked, replace(KEY, engine="other"), "r", [_page("sha-x"), _page("sha-y")])
    add_pages(asked, KEY, "r", [_page("sha-x")])
    add_files(asked, [LinkedFile("d", "old", "/old/d.jpg", 1, 1)])
    add_files(asked, [LinkedFile("d", "sha-y", "/new/d.jpg", 1, 2)])
    add_answers(asked, "rules", [(2, Answer(None))])
    found = []
    for page, questions in unanswered_pages(asked, KEY, "rules"):
        found.append((page.picture, [(one.index, one.entity_name) for one in questions]))
        add_answers(asked, "rules", [(one.index, Answer(None)) for one in questions])
    assert found == [("sha-y", [(3, "depth"), (4, "voltage")]), ("sha-x", [(1, "width"), (5, "height")])]
    assert list(unanswered_pages(asked, KEY, "rules")) == []


def test_only_what_the_run_has_not_answered(asked: Store) -> None:
    add_answers(asked, "vlm", [(1, Answer(None)), (3, Answer(None))])
    add_answers(asked, "other", [(5, Answer(None))])
    assert [[q.index for q in one.questions] for one in open_pictures(asked, "vlm")] == [[2, 5]]


def test_answers_that_are_added_meanwhile_change_nothing(asked: Store) -> None:
    pictures = open_pictures(asked, "vlm")
    asked_first = [q.index for q in next(pictures).questions]
    add_answers(asked, "vlm", [(index, Answer(None)) for index in (*asked_first, 3)])
    assert [one.picture for one in pictures] == ["sha-y"]


@pytest.mark.parametrize("geometry", [GEOMETRY, BARE, None])
def test_row_and_store_hold_the_geometry(path: Path, geometry: PageGeometry | None) -> None:
    assert from_row(to_row(geometry)) == geometry
    page = replace(PAGE, geometry=geometry)
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", [page])
    with Store(path) as store:
        assert list(load_pages(store, KEY)) == [page]


def test_numbers_are_kept_in_single_precision(store: Store) -> None:
    stroke = replace(UPRIGHT, score=1 / 3, gap=0.1)
    add_pages(store, KEY, "r", [replace(PAGE, geometry=PageGeometry(white=0.7, lines=(LineGeometry(1, stroke),)))])
    (read,) = load_pages(store, KEY)
    found = read.geometry.lines[0].vertical
    assert (read.geometry.white, found.score, found.gap) == pytest.approx((0.7, 1 / 3, 0.1), abs=1e-7)


def test_columns_can_be_asked_with_sql(store: Store) -> None:
    add_pages(store, KEY, "r", [replace(PAGE, geometry=GEOMETRY)])
    query = "select g.line, g.vertical.ticks, g.vertical.score from (select unnest(geometry.lines) as g from pages)"
    assert fetch(store, query) == [(1, 2, 0.875), (2, None, None)]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@pytest.mark.parametrize("geometries", [[GEOMETRY, None, BARE], [None], [BARE]])
def test_geometry_travels_with_its_pages(
    store: Store, tmp_path: Path, suffix: str, geometries: list[PageGeometry | None]
) -> None:
    pages = [replace(PAGE, picture=f"{i:064x}", geometry=geometry) for i, geometry in enumerate(geometries)]
    out = tmp_path / f"pages{suffix}"
    add_pages(store, KEY, "r", pages)
    export_table(store, "pages", out)
    with Store(tmp_path / "other.duckdb", write=True) as other:
        assert import_pages(other, out) == (len(pages), len(pages))
        assert list(load_pages(other, KEY)) == pages


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_an_older_export_comes_in_without_geometry_and_none_without_lines(
    store: Store, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"pages.{suffix}"
    kind = "json" if suffix == "jsonl" else suffix
    with Store(tmp_path / "older.duckdb", write=True) as older:
        add_pages(older, KEY, "r", [replace(PAGE, geometry=GEOMETRY)])
        older.connection.execute(f"copy (select * exclude (geometry) from pages) to '{out}' (format {kind})")
        assert import_pages(store, out) == (1, 1)
        assert list(load_pages(store, KEY)) == [PAGE]
        older.connection.execute(f"copy (select * exclude (lines) from pages) to '{out}' (format {kind})")
        with pytest.raises(InputError, match=r"no export of pages|column lines"):
            import_pages(store, out)


def test_pages_of_a_store_that_was_written_without_geometry_have_none(path: Path) -> None:
    Store(path, write=True).close()
    with duckdb.connect(str(path)) as connection:
        lines = [{name: getattr(line, name) for name in line.__slots__} for line in LINES]
        values = f"'{PAGE.picture}', 'fake', 'm1', 'p1', 'ok', '', 10, 20, 0.5, 'r', ?, null"
        connection.execute(f"insert into pages values ({values})", [lines])
    new = replace(PAGE, picture="new", geometry=GEOMETRY)
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", [new])
        assert list(load_pages(store, KEY)) == [PAGE, new]
