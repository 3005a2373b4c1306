"""Tables of the store as files: csv for people, parquet and jsonl exact and importable."""

from __future__ import annotations

from pathlib import Path

import duckdb

from entx.core.errors import InputError
from entx.core.files import FORMULA_STARTS, atomic_path
from entx.storage.connection import Store

_QUERIES = {
    "questions": "select idx as index, image_link, group_id, entity_name, label, source from questions order by idx",
    "pages": "select * from pages",
    "lines": """
        select picture, engine, model_hash, params_hash, width, height, line_id - 1 as line_id, line.text, line.score,
               line.polygon, line.rotation, line.scale
        from (select *, unnest(lines) as line, generate_subscripts(lines, 1) as line_id from pages)""",
    "runs": "select * from runs left join run_ends using (run) order by started",
    "answers": """
        select a.*, q.entity_name, q.image_link from (select idx as index, * exclude (idx) from answers) a
        join questions q on q.idx = a.index order by run, index""",
    "reviews": "select idx as index, * exclude (idx, seq) from reviews order by seq",
}
TABLES = tuple(_QUERIES)
"""What can be exported."""

_LATER_COLUMNS = frozenset({"geometry"})
"""Of pages: an export by an older entx does not have them."""

_OPTIONS = {".csv": "format csv, header", ".parquet": "format parquet, compression zstd", ".jsonl": "format json"}


def export_table(store: Store, table: str, out: Path) -> int:
    """Writes a table to a file whose suffix says the format; returns the number of rows.

    In csv a text that a spreadsheet would run (`FORMULA_STARTS`) gets an apostrophe before it; parquet and jsonl are
    exact.

    Raises:
        InputError: unknown table or suffix, or the file cannot be written.
    """
    if table not in _QUERIES:
        raise InputError(f"unknown table {table!r}; there are: {', '.join(TABLES)}")
    options = _OPTIONS.get(out.suffix)
    if options is None:
        raise InputError(f"{out}: unknown format; use one of {', '.join(_OPTIONS)}")
    query = _QUERIES[table]
    if out.suffix == ".csv":
        query = _harmless(store, query)
    with atomic_path(out) as part:
        quoted = str(part).replace("'", "''")
        rows = store.connection.execute(f"copy ({query}) to '{quoted}' ({options})").fetchall()
    return int(rows[0][0])


def import_pages(store: Store, path: Path) -> tuple[int, int]:
    """Adds pages that another store exported (parquet or jsonl); pages that are here already are left as they are.

    Returns:
        (pages in the file, pages added).

    Raises:
        InputError: another format, or columns that are not those of an export of pages.
    """
    readers = {".parquet": "read_parquet", ".jsonl": "read_json"}
    if path.suffix not in readers:
        raise InputError(f"{path}: pages are imported from {' or '.join(readers)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    connection = store.connection
    names = [row[0] for row in connection.execute("describe pages").fetchall()]
    try:
        there = {
            row[0] for row in connection.execute(f"describe from {readers[path.suffix]}(?)", [str(path)]).fetchall()
        }
        columns = ", ".join(name for name in names if name in there or name not in _LATER_COLUMNS)
        connection.execute(
            f"create temp table incoming as select {columns} from {readers[path.suffix]}(?)", [str(path)]
        )
        with store.transaction():
            added = connection.execute(f"""
                insert into pages ({columns}) select {columns} from incoming i where not exists (
                    from pages p where (p.picture, p.engine, p.model_hash, p.params_hash)
                                     = (i.picture, i.engine, i.model_hash, i.params_hash)) returning 1""").fetchall()
        total = connection.execute("select count(*) from incoming").fetchall()[0][0]
    except (duckdb.BinderException, duckdb.ConversionException, duckdb.InvalidInputException) as error:
        raise InputError(f"{path}: is no export of pages: {str(error).splitlines()[0]}") from None
    finally:
        connection.execute("drop table if exists incoming")
    return int(total), len(added)


def _harmless(store: Store, query: str) -> str:
    """The query with every text column made safe for spreadsheets."""
    columns = store.connection.execute(f"describe {query}").fetchall()
    texts = [f'"{name}"' for name, kind, *_ in columns if kind == "VARCHAR"]
    codes = ", ".join(str(ord(start)) for start in FORMULA_STARTS)
    changed = ", ".join(
        f"case when ascii({name}) in ({codes}) then '''' || {name} else {name} end as {name}" for name in texts
    )
    return f"select * replace ({changed}) from ({query})"
