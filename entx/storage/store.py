"""The one DuckDB file: its tables, and how it is opened, written and read.

All tables are append-only, without secondary indexes: rows are found by scanning columns, which DuckDB does at millions
of rows a second, and a crash can then lose only the rows of the transaction in flight.

The file is open in one writer or in many readers, never across a fork. DuckDB's own file lock is the guard; its errors
are turned into ours, and what it lacks is added: a fork check, and a short patience for a holder that is about to
leave. What the rows mean stands in `questions`, `pages`, `runs` and `labels`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from entx.core.errors import StoreBusy, StoreError, StoreForked

SCHEMA_VERSION = 6
"""Of the tables below. The versions before it were never released; a later one gets a step from this one."""

_STROKE = """struct(direction varchar, x1 float, y1 float, x2 float, y2 float, length float, gap float, score float,
        broken boolean, ticks tinyint)"""
_CREATE = f"""
create table migrations (             -- the newest version counts
    version integer not null,
    name varchar not null,
    applied timestamptz not null
);

-- What is asked, and of which picture.

create table questions (
    idx bigint not null,              -- the table's index, unique in the store
    image_link varchar not null,
    group_id varchar not null,
    entity_name varchar not null,
    label varchar,                    -- the table's entity_value; null for a table without labels
    source varchar not null           -- name of the ingested table
);

create table pictures (               -- which file a link named; the newest row of a link counts
    image_link varchar not null,
    picture varchar not null,         -- sha256 of the file
    path varchar not null,
    bytes bigint not null,
    mtime_ns bigint not null,
    seq bigint not null
);

-- What was read in the pictures.

create table pages (
    picture varchar not null,
    engine varchar not null,          -- with the two hashes the key: pages of different keys never mix
    model_hash varchar not null,
    params_hash varchar not null,
    status varchar not null,
    reason varchar not null,
    width integer not null,
    height integer not null,
    seconds float not null,
    run varchar not null,
    lines struct(text varchar, score float, polygon float[8], rotation float, scale float)[] not null,
    geometry struct(                  -- null for a page that is not ok
        product float[4],             -- null where the background is not plain
        white float,
        parts integer,
        lines struct(line integer, vertical {_STROKE}, horizontal {_STROKE}, oblique {_STROKE},
                     across float, down float)[],
        marks integer[],
        roundness float)
);

-- What the stages answered.

create table runs (
    run varchar not null,
    stage varchar not null,
    settings_hash varchar not null,
    settings varchar not null,        -- JSON: recipe, model, seed, page key
    versions varchar not null,        -- JSON: entx and the libraries that matter
    started timestamptz not null
);

create table run_ends (               -- several for a run that was continued
    run varchar not null,
    finished timestamptz not null,
    wall_seconds double not null,
    counts varchar not null           -- JSON
);

create table answers (
    run varchar not null,
    idx bigint not null,
    value varchar,                    -- exact decimal; null with unit when the stage gave no quantity
    unit varchar,
    text varchar not null,            -- raw, before the postprocessor
    reason varchar not null,
    log_prob double,
    p_correct double,
    p_present double,
    alignment varchar not null,
    line_ids integer[] not null,
    polygon float[8],
    seconds float not null,
    score double                      -- null for a stage without one
);

-- What people said.

create table reviews (                -- the newest row of a reviewer on a question counts
    idx bigint not null,
    rights varchar[] not null,        -- written forms that are right; empty where the picture states none
    source varchar not null,          -- name of the labelling, as training names a table
    annotator varchar not null,       -- within that source
    reviewed varchar not null,        -- UTC, ISO 8601; of the import where the file does not tell
    final boolean not null,           -- marked as ground truth: settles what others disagree on
    lead_seconds double,
    task varchar not null,            -- of the labelling tool, "" for a spreadsheet
    said varchar not null,            -- JSON: what was decided and what each arm had answered when it was asked
    file varchar not null,
    sha256 varchar not null,          -- of that file
    seq bigint not null
);

insert into migrations values ({SCHEMA_VERSION}, 'create', now());
"""
_PATIENCE_SECONDS = 2.0
_FETCH_ROWS = 1024  # rows of a stream in memory: a thousand pages with their geometry are some 20 MB
_HOLDER = re.compile(r"held in (.+?) \(PID (\d+)\)")


class Store:
    """One DuckDB file, open in this process. Use as a context manager.

    Args:
        path: the file; its folder must exist.
        write: open for writing, which creates a file that is not there; otherwise read-only.

    Raises:
        StoreBusy: another process holds it; the message names file and process.
        StoreError: no such file, not a store, damaged, or written by another version of entx.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self.path = path
        self._pid = os.getpid()
        if not write and not path.is_file():
            raise StoreError(f"{path}: no such store; make one with: entx ingest TABLE.csv --images DIR --store {path}")
        self._connection = _connect(path, read_only=not write)
        try:
            if not _is_created(self._connection):
                if not write:
                    raise StoreError("an empty file; fill it with: entx ingest TABLE.csv --images DIR --store FILE")
                with self.transaction() as connection:
                    connection.execute(_CREATE)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, StoreError):
                raise StoreError(f"{path}: {error}") from None
            raise

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection.

        Raises:
            StoreForked: called in a forked child. There an insert reports success and is lost.
        """
        if os.getpid() != self._pid:
            raise StoreForked(
                f"{self.path}: opened by process {self._pid}, used by its forked child {os.getpid()}; "
                "open it anew there, or spawn"
            )
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All that the block writes, or nothing.

        Raises:
            StoreError: the disk is full or the file cannot be written; what was committed before stays.
        """
        connection = self.connection
        try:
            connection.begin()
            yield connection
            connection.commit()
        except BaseException as error:
            with suppress(duckdb.Error):  # it may be gone already; the first error is the one to tell
                connection.rollback()
            if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.OutOfMemoryException):
                raise StoreError(
                    f"{self.path}: cannot be written: {_first_line(error)}; free some space and run the command again"
                ) from None
            raise

    def compact(self) -> tuple[int, int]:
        """Rewrites the file without the space of replaced blocks (DuckDB never shrinks a file by itself).

        Returns:
            Bytes before and after. The old file is replaced only after the new one is complete; this handle is closed.
        """
        before = self.path.stat().st_size
        part = self.path.with_name(self.path.name + ".compact")
        part.unlink(missing_ok=True)
        connection = self.connection
        quoted = str(part).replace("'", "''")
        source = connection.execute("select current_database()").fetchall()[0][0]
        try:
            connection.execute("checkpoint")  # else the rest of this file's log could be replayed into the new one
            connection.execute(f"attach '{quoted}' as compacted")
            connection.execute(f'copy from database "{source}" to compacted')
            connection.execute("detach compacted")
            part.replace(self.path)
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: cannot be compacted: {_first_line(error)}") from None
        finally:
            self.close()
            part.unlink(missing_ok=True)
        return before, self.path.stat().st_size

    def close(self) -> None:
        """Closes the file; a writer's log is folded in."""
        if os.getpid() == self._pid:
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fetch(store: Store, query: str, parameters: Any = None) -> list[Any]:
    """All rows of a query's result, as tuples."""
    return store.connection.execute(query, parameters).fetchall()


def insert(store: Store, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """Commits rows, given as columns of plain values, in one transaction."""
    with store.transaction() as connection, registered(connection, table, columns):
        connection.execute(f"insert into {table} by name select * from batch")


@contextmanager
def registered(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Sequence[Any]]
) -> Iterator[None]:
    """Makes the columns the view `batch`, with the types that those of the table have."""
    types = connection.table(table).limit(0).to_arrow_table().schema
    connection.register(
        "batch", pa.Table.from_pydict(columns, schema=pa.schema([types.field(name) for name in columns]))
    )
    yield
    connection.unregister("batch")


def next_seq(store: Store, table: str) -> int:
    """The first number of a `seq` column that is not taken."""
    return int(fetch(store, f"select coalesce(max(seq), 0) + 1 from {table}")[0][0])


def integers(numbers: Iterable[int], name: str = "idx") -> pa.Table:
    """A view's worth of whole numbers, in one column."""
    return pa.table({name: pa.array(list(numbers), pa.int64())})


def stream(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """The rows of a cursor's result, some in memory at a time."""
    while rows := cursor.fetchmany(_FETCH_ROWS):
        yield from rows


def _is_created(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file holds the tables of this version; False for an empty file.

    Raises:
        StoreError: it holds others.
    """
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not tables:
        return False
    if "migrations" not in tables:
        raise StoreError("a DuckDB file, but no entx store: it has other tables; choose another --store")
    version = connection.execute("select coalesce(max(version), 0) from migrations").fetchall()[0][0]
    if version > SCHEMA_VERSION:
        raise StoreError(f"written by a newer entx (schema {version}, this one knows {SCHEMA_VERSION}); upgrade entx")
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"written by an older entx (schema {version}, this one reads {SCHEMA_VERSION}); ingest its tables and run "
            "its stages again into another --store"
        )
    return True


def _connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            text = _first_line(error)
            if "lock" not in text:
                raise StoreError(f"{path}: cannot be opened as a store: {text}") from None
            if time.monotonic() > deadline:
                holder = _HOLDER.search(text)
                who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
                raise StoreBusy(f"{path}: in use by {who}; wait for it or stop it, then run this again") from None
        except duckdb.Error as error:
            raise StoreError(
                f"{path}: damaged: {_first_line(error)}; restore a copy, or if only {path.name}.wal is damaged "
                "move that file away to go back to the last checkpoint"
            ) from None
        time.sleep(0.1)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].removeprefix("IO Error: ")
