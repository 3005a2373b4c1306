from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from entx.core.errors import InputError
from entx.core.types import Direction, LineGeometry, OcrLine, OcrPage, PageGeometry, PageKey, PageStatus, Stroke
from entx.storage import store as migrations
from entx.storage.pages import add_pages, from_row, load_pages, to_row
from entx.storage.store import Store
from entx.storage.transfer import export_table, import_pages

KEY = PageKey("fake", "m", "p")
BOX = (0.0, 0.0, 9.5, 0.0, 9.5, 5.0, 0.0, 5.0)
LINES = (OcrLine("H", 0.5, BOX), OcrLine("25 cm", 1.0, BOX, 90.0), OcrLine("10 in", 1.0, BOX))
UPRIGHT = Stroke(Direction.VERTICAL, (4.0, 2.0), (4.5, 90.25), 88.25, 1.5, 0.875, True, 2)
LEVEL = Stroke(Direction.HORIZONTAL, (4.0, 7.0), (80.0, 7.0), 76.0, 0.0, 0.0625)
SLANTED = Stroke(Direction.OBLIQUE, (1.0, 1.0), (4.0, 5.0), 5.0, 12.0, 0.25, False, 1)
GEOMETRY = PageGeometry(
    (10.0, 20.5, 300.0, 400.0),
    0.75,
    3,
    (LineGeometry(1, UPRIGHT, LEVEL, SLANTED, -0.5, 0.25), LineGeometry(2, None, LEVEL, None, 1.25, 2.0)),
    (0,),
    0.5,
)  # numbers that single precision holds exactly
BARE = PageGeometry(white=0.125)
OLD_PAGE = OcrPage("old", PageStatus.OK, "", 10, 20, LINES, 0.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.duckdb"


@pytest.fixture
def old_store(path: Path) -> Path:
    """A store as entx wrote it before pages had a geometry, with one page."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table migrations (version integer, name varchar, applied timestamptz)")
        for number, step in enumerate(migrations.MIGRATIONS[:3], start=1):
            step(connection)
            connection.execute("insert into migrations values (?, ?, now())", [number, step.__name__])
        lines = [
            {"text": x.text, "score": x.score, "polygon": x.polygon, "rotation": x.rotation, "scale": x.scale}
            for x in LINES
        ]
        connection.execute(
            "insert into pages values ('old', 'fake', 'm', 'p', 'ok', '', 10, 20, 0.5, 'r', ?)",
            [lines],
        )
    return path


@pytest.mark.parametrize("geometry", [GEOMETRY, BARE, None])
def test_a_row_holds_the_geometry(geometry: PageGeometry | None) -> None:
    assert from_row(to_row(geometry)) == geometry


@pytest.mark.parametrize("geometry", [GEOMETRY, BARE, None])
def test_the_store_holds_the_geometry(path: Path, geometry: PageGeometry | None) -> None:
    page = replace(OLD_PAGE, geometry=geometry)
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", [page])
    with Store(path) as store:
        assert list(load_pages(store, KEY)) == [page]


def test_numbers_are_kept_in_single_precision(path: Path) -> None:
    stroke = replace(UPRIGHT, score=1 / 3, gap=0.1)
    page = replace(OLD_PAGE, geometry=PageGeometry(white=0.7, lines=(LineGeometry(1, stroke),)))
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", [page])
        (read,) = load_pages(store, KEY)
    assert read.geometry is not None
    assert read.geometry.white == pytest.approx(0.7, abs=1e-7)
    found = read.geometry.lines[0].vertical
    assert found is not None
    assert (found.score, found.gap) == (pytest.approx(1 / 3, abs=1e-7), pytest.approx(0.1, abs=1e-7))


def test_pages_of_an_old_store_have_no_geometry_and_new_ones_do(old_store: Path) -> None:
    new = replace(OLD_PAGE, picture="new", geometry=GEOMETRY)
    with Store(old_store, write=True) as store:
        assert migrations.schema_version(store.connection) == len(migrations.MIGRATIONS)
        assert list(load_pages(store, KEY)) == [OLD_PAGE]
        add_pages(store, KEY, "r", [new])
        assert list(load_pages(store, KEY)) == [OLD_PAGE, new]


def test_columns_can_be_asked_with_sql(path: Path) -> None:
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", [replace(OLD_PAGE, geometry=GEOMETRY)])
        rows = store.connection.execute(
            "select g.line, g.vertical.ticks, g.vertical.score from (select unnest(geometry.lines) as g from pages)"
        ).fetchall()
    assert rows == [(1, 2, 0.875), (2, None, None)]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@pytest.mark.parametrize("geometries", [[GEOMETRY, None, BARE], [None], [BARE]])
def test_geometry_travels_with_its_pages(
    path: Path, tmp_path: Path, suffix: str, geometries: list[PageGeometry | None]
) -> None:
    pages = [replace(OLD_PAGE, picture=f"p{i}", geometry=geometry) for i, geometry in enumerate(geometries)]
    out = tmp_path / f"pages{suffix}"
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", pages)
        export_table(store, "pages", out)
    with Store(tmp_path / "other.duckdb", write=True) as other:
        assert import_pages(other, out) == (len(pages), len(pages))
        assert list(load_pages(other, KEY)) == pages


@pytest.mark.parametrize("kind", ["parquet", "json"])
def test_pages_that_an_older_entx_exported_come_in_without_geometry(old_store: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"pages.{'jsonl' if kind == 'json' else kind}"
    with duckdb.connect(str(old_store)) as connection:
        connection.execute(f"copy pages to '{out}' (format {kind})")
    with Store(tmp_path / "other.duckdb", write=True) as other:
        assert import_pages(other, out) == (1, 1)
        assert list(load_pages(other, KEY)) == [OLD_PAGE]


def test_an_export_without_another_column_is_refused(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "pages.parquet"
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", [OLD_PAGE])
        store.connection.execute(f"copy (select * exclude (lines) from pages) to '{out}' (format parquet)")
        with pytest.raises(InputError, match="no export of pages"):
            import_pages(store, out)
