"""The one DuckDB file: its tables (`schema.sql`), and how it is opened, written and read.

All tables are append-only, without secondary indexes: rows are found by scanning columns, which DuckDB does at millions
of rows a second, and a crash can then lose only the rows of the transaction in flight.

The file is open in one writer or in many readers, never across a fork. DuckDB's own file lock is the guard; its errors
are turned into ours, and what it lacks is added: a fork check, a short patience for a holder that is about to leave,
and the cut of a damaged log. A path goes to it as an absolute one, because ":memory:" and "md:x" are orders to it, and
a file's first bytes are looked at before, because it opens other databases and tables too. What the rows mean stands
in `questions`, `pages`, `runs` and `labels`.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from entx.core.errors import InputError, StoreBusy, StoreError, StoreForked
from entx.core.files import FORMULA_STARTS, is_stdout

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 6
"""Of the tables of schema.sql. The versions before it were never released; a later one gets a step from this one."""

TABLES = {  # columns, source and order of each table
    "questions": (
        "*", "select idx as index, image_link, group_id, entity_name, label, source from questions", "order by index",
    ),
    "pictures": ("* exclude (seq)", "from pictures", "order by seq"),
    "pages": ("*", "from pages", ""),
    "lines": ("*", """
        select picture, engine, model_hash, params_hash, width, height, line_id - 1 as line_id, line.text, line.score,
               line.polygon, line.rotation, line.scale
        from (select *, unnest(lines) as line, generate_subscripts(lines, 1) as line_id from pages)""", ""),
    "runs": ("*", "from runs left join run_ends using (run)", "order by started"),
    "answers": ("*", """
        select a.*, q.entity_name, q.image_link from (select idx as index, * exclude (idx) from answers) a
        join questions q on q.idx = a.index""", "order by run, index"),
    "reviews": ("* exclude (seq)", "select idx as index, * exclude (idx) from reviews", "order by seq"),
}  # fmt: skip
_PATIENCE_SECONDS = 2.0
_SETTLE_SECONDS = 0.2  # a file that stays empty so long is not one that another process is just making
_FETCH_ROWS = 1024  # rows of a stream in memory: a thousand pages with their geometry are some 20 MB
_HOLDER = re.compile(r"held in (.+?) \(PID (\d+)\)")
_OFFLINE: Any = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_REMEDIES = {  # by what DuckDB's text says
    **dict.fromkeys(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)), "free some space"),
    **dict.fromkeys(map(os.strerror, (errno.EACCES, errno.EPERM, errno.EROFS)), "see to the rights of file and folder"),
    "Out of Memory": "end other programs, or free space for temporary files",
}
_BROKEN_LOG = re.compile(r'(?:replaying WAL file "(.+?)": |This WAL was created)(?:.*entry at byte position (\d+))?')


class Store:
    """One DuckDB file, open in this process. Use as a context manager; for a look, the tables are frames of pandas.

    Args:
        path: the file.
        write: open for writing; otherwise read-only.
        create: writing makes a file that is not there, and its folders. They are removed again where the block fails
            before it has committed anything.

    Raises:
        StoreBusy: another process holds it; the message names file and process.
        StoreError: no such file, not a store, damaged, or written by another version of entx.
    """

    def __init__(self, path: str | Path, *, write: bool = False, create: bool = True) -> None:
        self.path = path = Path(path)
        self._pid = os.getpid()
        create = create and write
        if is_stdout(path):  # a file that the shell made, empty, and that our own words go to
            raise StoreError(f"{path}: is standard output; choose another --store")
        head = _first_bytes(path)
        if head == b"" and create:
            time.sleep(_SETTLE_SECONDS)
            head = _first_bytes(path)
        ingest = f"begin with: entx ingest TABLE.csv --images DIR --store {path}"
        if not head and not create:
            raise StoreError(f"{path}: {'no such store' if head is None else 'an empty file'}; {ingest}")
        file = Path(os.path.realpath(path))
        folders = itertools.takewhile(lambda folder: not folder.exists(), file.parents)
        self._made = [] if head else [file, *folders]  # by this handle, which has committed nothing yet
        try:
            with guarded(path), ExitStack() as stack:
                if not head:
                    file.parent.mkdir(parents=True, exist_ok=True)
                if head == b"":
                    file.unlink()  # DuckDB refuses an empty file
                self._connection = stack.enter_context(closing(_connect(path, read_only=not write)))
                if _is_created(path, self._connection):
                    self._made = []
                elif not create:
                    raise StoreError(f"{path}: a store without tables; {ingest}")
                else:
                    tables = (files("entx.storage") / "schema.sql").read_text(encoding="utf-8")
                    version = f"insert into migrations values ({SCHEMA_VERSION}, 'create', now())"
                    self._connection.execute(f"begin; {tables} {version}; commit")
                stack.pop_all()
        except BaseException as error:
            if not isinstance(error, StoreBusy):
                _remove(self._made)
            if isinstance(error, OSError):
                raise StoreError(f"{path}: cannot be made: {error.strerror}") from None
            raise

    def questions(self) -> pd.DataFrame:
        """A row a question: index, image_link, group_id, entity_name, label, source."""
        return self.table("questions")

    def pages(self) -> pd.DataFrame:
        """A row an OCR page: its picture and key, status and reason, size, and its lines as a list of records."""
        return self.table("pages")

    def runs(self) -> pd.DataFrame:
        """A row an execution of a stage: run, stage, settings, versions, when and how it ended."""
        return self.table("runs")

    def answers(self, run: str | None = None) -> pd.DataFrame:
        """A row an answer, of one run or of all: run, index, value, unit, text, reason, probabilities, evidence."""
        return self.table("answers", run)

    def table(self, name: str, run: str | None = None) -> pd.DataFrame:
        """A table by its name in `TABLES`, whole or only the rows of a run; InputError: unknown, or of no run."""
        query = select(self, name)
        if run is not None and "run" not in (column for column, *_ in fetch(self, f"describe {query}")):
            raise InputError(f"the rows of {name} belong to no run; leave run out")
        wanted, given = (query, None) if run is None else (f"from ({query}) where run = ?", [run])
        with guarded(self.path):
            return self.connection.execute(wanted, given).df()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection; StoreForked in a forked child, where an insert would report success and be lost."""
        if os.getpid() != self._pid:
            raise StoreForked(
                f"{self.path}: opened by process {self._pid}, used by its forked child {os.getpid()}; "
                "open it anew there, or spawn"
            )
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All that the block writes, or nothing; StoreError where the disk or the file does not take it."""
        connection = self.connection
        with guarded(self.path):
            try:
                connection.begin()
                yield connection
                connection.commit()
            except BaseException:
                with suppress(duckdb.Error):  # it may be gone already; the first error is the one to tell
                    connection.rollback()
                raise
        self._made = []

    def compact(self) -> tuple[int, int]:
        """Rewrites the file without the space of replaced blocks (DuckDB never shrinks a file by itself).

        Returns:
            Bytes before and after. The old file is replaced only after the new one is complete; this handle is closed.
        """
        before = self.path.stat().st_size
        file = Path(os.path.realpath(self.path))
        part = file.with_name(file.name + ".compact")
        _remove([part])
        connection = self.connection
        quoted = str(part).replace("'", "''")
        source = connection.execute("select current_database()").fetchall()[0][0]
        try:
            with guarded(self.path, part):
                connection.execute("checkpoint")  # else the rest of this file's log could be replayed into the new one
                connection.execute(f"attach '{quoted}' as compacted")
                connection.execute(f'copy from database "{source}" to compacted')
                connection.execute("detach compacted")
                part.replace(file)
        finally:
            self.close()
            _remove([part])
        return before, self.path.stat().st_size

    def close(self) -> None:
        """Closes the file; a writer's log is folded in."""
        if os.getpid() == self._pid:
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.close()
        if error is not None and os.getpid() == self._pid:
            _remove(self._made)
        if isinstance(error, duckdb.Error):
            with guarded(self.path):
                raise error


@contextmanager
def guarded(path: Path, out: Path | None = None) -> Iterator[None]:
    """Makes a StoreError of one line of what the machine or a damaged file lets DuckDB raise; errors of a query pass.

    Args:
        path: the store.
        out: the file that is written meanwhile, if it is another one.
    """
    try:
        yield
    except duckdb.Error as error:
        text, machine = str(error), duckdb.IOException | duckdb.FatalException | duckdb.OutOfMemoryException
        if not (isinstance(error, machine) or type(error) is duckdb.Error or "Failed to commit" in text):
            raise  # damage comes as the root of DuckDB's errors
        for cause, remedy in _REMEDIES.items():
            if cause in text:
                again = "run the command again; all that was committed is kept"
                raise StoreError(f"{out or path}: {cause}; {remedy} and {again}") from None
        todo = f"restore a copy, or save each table that can be read ({', '.join(TABLES)}): entx store export TABLE"
        if _BROKEN_LOG.search(text):
            todo = "cut its log there, which keeps a copy: entx store repair"
        elif isinstance(error, duckdb.IOException) and os.path.realpath(path) not in text:
            raise  # another file, which an import reads
        raise StoreError(f"{path}: damaged: {_first_line(error)}; {todo} --store {path}") from None


def repair(path: Path) -> tuple[Path, int] | None:
    """Cuts a damaged log where DuckDB stumbles, or empties it where that names no place.

    A log that ends within an entry is to DuckDB one that a crash cut off: exactly what was committed before is there.

    Returns:
        The log as it was, under a new name, and the bytes that were cut off; None where it is not damaged.
    """
    if not _first_bytes(path):
        raise StoreError(f"{path}: no such store")
    with guarded(path):
        try:
            _connect(path, read_only=True).close()
        except duckdb.Error as error:
            found = _BROKEN_LOG.search(str(error))
            if found is None:
                raise
            if "WAL of version" in str(error):
                raise StoreError(f"{path}: {_first_line(error)}; move the log away to go back to before it") from None
            log, end = Path(found[1] or f"{os.path.realpath(path)}.wal"), int(found[2] or 0)
            kept = log.with_name(f"{log.name}.damaged-{time.time_ns()}")
            try:
                shutil.copyfile(log, kept)
                os.truncate(log, end)
            except OSError as problem:
                kept.unlink(missing_ok=True)
                raise StoreError(f"{log}: cannot be repaired: {problem.strerror}") from None
            return kept, kept.stat().st_size - end
    return None


def fetch(store: Store, query: str, parameters: Any = None, **views: pa.Table) -> list[Any]:
    """All rows of a query's result, as tuples; the query may name the views. Without any it joins a transaction."""
    connection = with_views(store, views) if views else store.connection
    with guarded(store.path):
        return connection.execute(query, parameters).fetchall()


def stream(store: Store, query: str, parameters: Any = None, **views: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows of a query's result, some in memory at a time; the caller may query and write meanwhile."""
    with guarded(store.path):
        cursor = with_views(store, views).execute(query, parameters)
        while rows := cursor.fetchmany(_FETCH_ROWS):
            yield from rows


def with_views(store: Store, views: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """A cursor of its own, which sees these tables as views."""
    cursor = store.connection.cursor()
    for name, table in views.items():
        cursor.register(name, table)
    return cursor


def select(store: Store, name: str, *, harmless: bool = False) -> str:
    """The query for a table (InputError: unknown) as shown outside; `harmless` makes texts safe for spreadsheets."""
    if name not in TABLES:
        raise InputError(f"unknown table {name!r}; there are: {', '.join(TABLES)}")
    columns, source, order = TABLES[name]
    query = f"select {columns} from ({source}) {order}"
    if not harmless:
        return query
    texts = [f'"{column}"' for column, kind, *_ in fetch(store, f"describe {query}") if kind == "VARCHAR"]
    starts = ", ".join(str(ord(start)) for start in FORMULA_STARTS)
    changed = ", ".join(f"if(ascii({text}) in ({starts}), '''' || {text}, {text}) as {text}" for text in texts)
    return f"select {columns} replace ({changed}) from ({source}) {order}"


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


def columns_of(rows: Sequence[Any], *names: str, **renamed: str) -> dict[str, Sequence[Any]]:
    """Columns with the values of these attributes; those of another name are given as column=attribute."""
    attributes = dict(zip(names, names, strict=True)) | renamed
    return {column: [getattr(row, name) for row in rows] for column, name in attributes.items()}


def next_seq(store: Store, table: str) -> int:
    """The first number of a `seq` column that is not taken."""
    return int(fetch(store, f"select coalesce(max(seq), 0) + 1 from {table}")[0][0])


def integers(numbers: Iterable[int]) -> pa.Table:
    """A view's worth of whole numbers, in the one column idx."""
    return pa.table({"idx": pa.array(list(numbers), pa.int64())})


def _first_bytes(path: Path) -> bytes | None:
    """Those of a DuckDB file; empty for an empty one, None where there is none; a StoreError for all else."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StoreError(f"{path}: not a regular file; choose another --store")
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened as a store: {error.strerror}") from None
    if head and head[8:] != b"DUCK":  # a checksum goes before
        raise StoreError(f"{path}: not a DuckDB file, and left as it is; choose another --store, or restore a copy")
    return head


def _remove(made: Sequence[Path]) -> None:
    """Removes a file with its log, and the folders made for it that hold nothing else."""
    with suppress(OSError):
        for file in made[:1]:
            file.unlink(missing_ok=True)
            file.with_name(f"{file.name}.wal").unlink(missing_ok=True)
        for folder in made[1:]:
            folder.rmdir()


def _is_created(path: Path, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file holds the tables of this version; False for an empty file, StoreError for others."""
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not tables:
        return False
    if "migrations" not in tables:
        raise StoreError(f"{path}: a DuckDB file, but no entx store: it has other tables; choose another --store")
    version = connection.execute("select coalesce(max(version), 0) from migrations").fetchall()[0][0]
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path}: written by a newer entx (schema {version}, not {SCHEMA_VERSION}); upgrade entx")
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by an older entx (schema {version}, this one reads {SCHEMA_VERSION}); ingest its tables "
            "and run its stages again into another --store"
        )
    return True


def _connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return duckdb.connect(os.path.realpath(path), read_only=read_only, config=_OFFLINE)
        except duckdb.ConnectionException as error:
            raise StoreError(f"{path}: cannot be opened as a store: {_first_line(error)}") from None
        except duckdb.IOException as error:
            text = _first_line(error)
            if "Could not set lock" not in text:
                raise
            if time.monotonic() > deadline:
                holder = _HOLDER.search(text)
                who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
                raise StoreBusy(f"{path}: in use by {who}; wait for it or stop it, then run this again") from None
        time.sleep(0.1)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].removeprefix("IO Error: ").rstrip(".")
