"""Output files that appear whole or not at all."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from entx.core.errors import InputError

FORMULA_STARTS = "=+-@\t\r\n"
"""A text of a csv file for people that begins with one of these gets an apostrophe before it: spreadsheets run it."""


def harmless_cell(text: str) -> str:
    """A csv cell that no spreadsheet takes for a formula, without characters that a text file cannot hold."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    return f"'{text}" if text.startswith(tuple(FORMULA_STARTS)) else text


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, flushed to disk and renamed to it when the block ends well, removed otherwise.

    Raises:
        InputError: the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.chmod(0o666 & ~_umask())  # mkstemp makes it private; the final file has the usual rights
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_text(path: Path) -> Iterator[IO[str]]:
    """A utf-8 text stream with "\\n" line ends that becomes `path` when the block ends well; gzip for `*.gz`."""
    with atomic_path(path) as part, _writer(part, zipped=path.suffix == ".gz") as stream:
        yield stream


def _writer(path: Path, *, zipped: bool) -> IO[str]:
    if zipped:
        return cast("IO[str]", gzip.open(path, "wt", encoding="utf-8", newline="\n"))
    return path.open("w", encoding="utf-8", newline="\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
