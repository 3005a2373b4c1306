"""The parent's side of one worker: its process, its pipe and what it holds.

Workers are spawned, never forked: a forked child would inherit the store's handle and the parent's threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from entx.ocr_stage.quarantine import Case
from entx.ocr_stage.worker import serve

NEVER = float("inf")
_SPAWN = multiprocessing.get_context("spawn")
_THREAD_COUNTS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip


@dataclass(eq=False, slots=True)
class WorkerProcess:
    """A worker and the pool's notes on it; times are monotonic.

    Args:
        deadline: when it is killed: while it starts, or while it reads `cases[0]`.
        ready: its reader is built.
        cases: the first is being read, the second waits in the pipe.
        since: when the first of `cases` became the first.
        answered: pages so far.
        retiring: due for replacement; it reads on until its successor is ready.
        leaving: its successor is ready; it gets no more pictures.
    """

    process: SpawnProcess
    pipe: Connection
    deadline: float
    ready: bool = False
    cases: deque[Case] = field(default_factory=deque)
    since: float = 0.0
    answered: int = 0
    retiring: bool = False
    leaving: bool = False

    @classmethod
    def start(
        cls, make_reader: bytes, *, threads: int | None, deadline: float, address_space: int | None
    ) -> WorkerProcess:
        """Starts a worker (see `serve`).

        Args:
            make_reader: pickled callable that builds the reader.
            threads: threads of numerical libraries where the user's environment does not say; None: theirs to choose.
            deadline: by when it must be ready.
            address_space: RLIMIT_AS in bytes, or None.
        """
        ours, theirs = _SPAWN.Pipe()
        in_main_thread = threading.current_thread() is threading.main_thread()
        process = _SPAWN.Process(
            target=serve,
            args=(theirs, make_reader),
            kwargs={"die_with_thread": in_main_thread, "address_space": address_space},
            name="entx OCR worker",
            daemon=True,
        )
        with _ctrl_c_blocked(), _environment(threads):
            process.start()
        theirs.close()  # so that the worker's death ends the pipe
        return cls(process, ours, deadline)

    def begin(self, seconds: float) -> None:
        """Starts the clock of the first case."""
        self.since = time.monotonic()
        self.deadline = self.since + seconds

    def kill(self) -> None:
        """Ends the process at once. It owns nothing but memory, so the hard way is a clean one."""
        self.process.kill()
        self.process.join(5.0)  # bounded: a process in an uninterruptible read of a dead network drive never ends
        self.pipe.close()


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Blocks SIGINT while a child starts, which inherits that.

    The child must not die of a Ctrl-C while it still imports, before it can say that it ignores it.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # else the first start would start it too, and that unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(threads: int | None) -> Iterator[None]:
    """Tells a child's numerical libraries how many threads to use; they ask the environment when first imported."""
    added = {name: str(threads) for name in _THREAD_COUNTS if threads is not None and name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
