"""One OCR worker: a spawned process that owns one reader and answers one picture after the other.

What it promises to the pool: it says `Ready` once its reader is built, or `Unable` with the reason; it answers tasks in
the order they were sent, each by one `Done`; it outlives neither its parent nor the parent's end of the pipe; Ctrl-C,
which a terminal sends to every process of the job, it leaves to the parent. What it does not do: catch what kills a
process (signals, the out-of-memory killer, native crashes) or watch its own time. That is the pool's work.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import psutil

from entx.core.errors import EntxError, PictureError, PictureRefused, PictureUnavailable
from entx.core.files import picture_bytes
from entx.core.types import OcrPage, PageStatus

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# As OpenCV, OpenVINO and ONNX Runtime say it: they raise no MemoryError.
_NO_MEMORY = re.compile("bad.?alloc|insufficient memory|failed to allocate|cannot allocate", re.IGNORECASE)


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
    """The page of one task; what is wrong with the file or raised by the reader is a status and a reason."""
    started = time.perf_counter()
    try:
        page = reader.read(task.picture, picture_bytes(Path(task.path), task.picture))
    except Exception as error:
        page = OcrPage(task.picture, *verdict(error), seconds=time.perf_counter() - started)
    named = f"{task.path}: {page.reason}"  # no store keeps it, so that the reason alone must say which picture it was
    return replace(page, reason=named) if page.status is PageStatus.UNAVAILABLE else page


def verdict(error: Exception) -> tuple[PageStatus, str]:
    """How the page of a picture ends whose file or reading raised this, and the reason."""
    said = " ".join(str(error).split())[:200]
    if isinstance(error, PictureError):
        kinds = {PictureUnavailable: PageStatus.UNAVAILABLE, PictureRefused: PageStatus.REFUSED}
        return kinds.get(type(error), PageStatus.UNREADABLE), said
    if isinstance(error, MemoryError) or _NO_MEMORY.search(said):
        return PageStatus.UNAVAILABLE, "not enough memory to read it"
    return PageStatus.FAILED, f"{type(error).__name__}: {said}".removesuffix(": ")


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
