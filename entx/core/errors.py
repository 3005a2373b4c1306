"""The error tree. Each message says what was wrong, where, and what to do next; `entx` shows it without a traceback.

EntxError                 exit code 2
|- InputError             wrong use or input: a table, a schema, an option
|  `- TableError          ... with file, line and column
|- PictureError           one picture cannot be decoded (becomes a row with this reason, not a failed run)
|  |- PictureRefused      ... it may be sound, but is over a limit
|  `- PictureUnavailable  ... now: a state of the machine (becomes no row, and is tried again)
|- EngineError            an OCR engine or its model files cannot be loaded
`- StoreError             the store cannot be used
   |- StoreBusy           exit code 4: another process holds it
   `- StoreForked         a forked child used its parent's handle
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What the process exit status says; the same for every command."""

    DONE = 0
    FAULT = 1
    WRONG_INPUT = 2
    QUARANTINED = 3
    STORE_BUSY = 4


class EntxError(Exception):
    """Root of all errors that a user can mend; shown as one line."""

    exit_code = ExitCode.WRONG_INPUT


class InputError(EntxError):
    """Wrong use or input."""


class TableError(InputError):
    """A table breaks its contract; `line` counts from 1 on, as a text editor does (the header is line 1)."""

    def __init__(self, path: Path | str, problem: str, *, line: int | None = None, column: str | None = None) -> None:
        self.path, self.line, self.column = Path(path), line, column
        where = str(path)
        if line is not None:
            where += f", line {line}"
        if column is not None:
            where += f", column {column}"
        super().__init__(f"{where}: {problem}")


class PictureError(EntxError):
    """One picture cannot be decoded; `str(error)` is the reason kept in its row."""


class PictureRefused(PictureError):  # noqa: N818 - a verdict on the picture, not a fault
    """The picture may be sound, but is over a limit."""


class PictureUnavailable(PictureError):  # noqa: N818 - a state, not a failure
    """The file cannot be opened now, is another one than was ingested, or there is no memory for it."""


class EngineError(EntxError):
    """An OCR engine or its model files cannot be loaded."""


class StoreError(EntxError):
    """The store cannot be used as asked."""


class StoreBusy(StoreError):  # noqa: N818 - a state, not a failure
    """Another process holds the store."""

    exit_code = ExitCode.STORE_BUSY


class StoreForked(StoreError):  # noqa: N818
    """A forked child used the handle that its parent opened; such writes report success and are lost."""
