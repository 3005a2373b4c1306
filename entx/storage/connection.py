"""Opening the store: one writer or many readers, never across a fork, always at the newest schema.

DuckDB's own file lock is the guard (one read-write process, or many read-only ones); this module turns its errors into
ours and adds what it lacks: a fork check and a short patience for a holder that is about to leave.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import duckdb

from entx.core.errors import StoreBusy, StoreError, StoreForked
from entx.storage.migrations import MIGRATIONS, migrate, schema_version

_PATIENCE_SECONDS = 2.0
_HOLDER = re.compile(r"held in (.+?) \(PID (\d+)\)")


class Store:
    """One DuckDB file, open in this process. Use as a context manager.

    Args:
        path: the file; its folder must exist.
        write: open for writing (creates the file and migrates an older schema); otherwise read-only.

    Raises:
        StoreBusy: another process holds it; the message names file and process.
        StoreError: no such file, not a store, damaged, or written by a newer entx.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self.path = path
        self._pid = os.getpid()
        if not write and not path.is_file():
            raise StoreError(f"{path}: no such store; make one with: entx ingest TABLE.csv --images DIR --store {path}")
        self._connection = _connect(path, read_only=not write)
        try:
            if write:
                migrate(self._connection)
            elif (version := schema_version(self._connection)) != len(MIGRATIONS):
                raise StoreError(
                    f"schema {version}, this entx reads {len(MIGRATIONS)}; any writing command migrates it"
                )
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
            connection.execute(
                "checkpoint"
            )  # so that nothing of this file's log is left to be replayed into the new one
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
