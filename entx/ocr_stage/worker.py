"""One OCR worker: a spawned process that owns one reader and answers one picture after the other.

What it promises to the pool: it says `Ready` once its reader is built, or `Unable` with the reason; it answers tasks in
the order they were sent, each by one `Done`; it outlives neither its parent nor the parent's end of the pipe; Ctrl-C,
which a terminal sends to every process of the job, it leaves to the parent. What it does not do: catch what kills a
process (signals, the out-of-memory killer, native crashes) or watch its own time. That is the pool's work.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import psutil

from entx.core.errors import EntxError, PictureError
from entx.core.files import picture_bytes
from entx.core.types import OcrPage, PageStatus

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class Reader(Protocol):
    """Reads one picture. Built and used inside one worker process."""

    def read(self, picture: str, data: bytes) -> OcrPage:
        """The page of the picture with that sha256 and these file bytes; a broken picture is a page with a status."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to read: the sha256 that it had when it was ingested, and the file that holds it."""

    picture: str
    path: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The reader is built; tasks may come."""


@dataclass(frozen=True, slots=True)
class Unable:
    """The reader cannot be built, for this reason; the worker ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The oldest task is answered; `rss_bytes` is the worker's resident memory after it."""

    page: OcrPage
    rss_bytes: int


def serve(pipe: Connection, make_reader: bytes, *, die_with_thread: bool) -> None:
    """The worker's life, from building its reader to the end of the pipe.

    Args:
        pipe: the worker's end: receives `Task`, sends `Ready`, `Unable` and `Done`.
        make_reader: a pickled callable that builds the reader. It comes as bytes so that what goes wrong in importing
            it is reported to the parent like anything else that goes wrong in building.
        die_with_thread: whether the kernel may tie this process to the thread that started it (only right when that is
            the parent's main thread, which lives as long as the parent).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.dup2(2, 1)  # what a library prints must not get into the parent's output
    _end_with_parent(die_with_thread)
    try:
        reader: Reader = pickle.loads(make_reader)()
    except Exception as error:  # whatever an engine raises while it loads: the parent shows it
        reason = str(error) if isinstance(error, EntxError) else f"{type(error).__name__}: {error}"
        pipe.send(Unable(reason))
        return
    process = psutil.Process()
    pipe.send(Ready())
    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, OSError):
            return
        page = read_task(reader, task)
        pipe.send(Done(page, process.memory_info().rss))


def read_task(reader: Reader, task: Task) -> OcrPage:
    """The page of one task; what is wrong with the file or raised by the reader is a status and a reason.

    UNREADABLE: the file is missing or may not be read. FAILED: its bytes are not those that were ingested, or the
    reader raised, which its contract rules out: the reason then names the exception.
    """
    started = time.perf_counter()

    def failed(status: PageStatus, reason: str) -> OcrPage:
        return OcrPage(task.picture, status, reason, seconds=time.perf_counter() - started)

    path = Path(task.path)
    try:
        data = picture_bytes(path)
    except PictureError as error:
        return failed(PageStatus.UNREADABLE, f"{path}: {error}")
    if hashlib.sha256(data).hexdigest() != task.picture:
        return failed(PageStatus.FAILED, f"{path}: the file changed since ingest; run `entx ingest` again")
    try:
        return reader.read(task.picture, data)
    except Exception as error:
        return failed(PageStatus.FAILED, f"the reader raised {type(error).__name__}: {error}")


def _end_with_parent(die_with_thread: bool) -> None:
    """Ends this process when its parent is gone, however it went, even in the middle of a picture.

    The watching thread works everywhere but needs the interpreter's lock; Linux's parent-death signal needs nothing.
    """
    if sys.platform == "linux" and die_with_thread:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, name="parent watch", daemon=True).start()
