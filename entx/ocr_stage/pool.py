"""Reads pictures in spawned worker processes and survives what the pictures do to them.

    with contextlib.closing(read_pages(tasks, functools.partial(PageReader, spec), workers=2)) as pages:
        for page in pages:
            ...

What it covers: one picture per worker (and one more waiting in its pipe, so that it need not wait for the parent), the
replacement of workers that died, hang or have grown, the retries and the quarantine of pictures that killed theirs, and
that no worker outlives the parent. What it does not: engines (a reader is built by `make_reader` inside the worker) and
storage (pages go to the caller, who is the only writer).

Workers are spawned, never forked: a forked child would inherit the store's handle and the parent's threads. Spawning
imports the parent's main module again, under the name `__mp_main__`; so a script that calls this must do its work under
`if __name__ == "__main__":`. The `entx` command, `python -m entx` and pytest are safe.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import psutil

from entx.core.errors import EngineError
from entx.core.memory import available_cores, available_memory
from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.worker import Done, Reader, Ready, Task, Unable, serve

MAX_DOUBTS = 6
NEVER = float("inf")

_EXPLAINED = 2  # doubted strikes after which a picture explains the deaths of its workers itself
_FROM_OUTSIDE = {"SIGKILL", "SIGTERM"}
_AHEAD = 2  # pictures handed to a worker: the one it reads and the next
_MAX_FAILED_STARTS = 5
_LOOK_SECONDS = 0.2  # between two looks at the memory of workers, where it is limited
_SPAWN = multiprocessing.get_context("spawn")
_THREAD_COUNTS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """When a worker is replaced, and when a picture is given up."""

    seconds_per_picture: float = 60.0  # a worker that takes longer is killed; the picture gets a strike
    # a worker that takes longer to build its reader is killed; nobody gets a strike. When workers are killed from
    # outside while they start, the pool tries for this long before it gives up
    seconds_to_start: float = 120.0
    strikes: int = 3  # dead workers after which a picture is quarantined
    quiet_seconds: float = 10.0  # for so long a worker's death casts doubt on others; pause after a doubtful strike
    pictures_per_worker: int = 2000  # a worker is replaced after so many, since engines leak
    rss_bytes: int = 2 * 2**30  # a worker whose resident memory is over this after a picture is replaced
    # a worker whose resident memory is over this is killed; the picture gets a strike. No limit on addresses: libraries
    # that get no memory say that a picture is damaged
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended."""

    how: str  # in words, for example "killed by SIGSEGV"
    outside: bool  # whether something outside the process may have done it
    seconds: float = 0.0  # for how long it had been reading its picture


def death_of(exit_code: int | None, seconds: float = 0.0) -> Death:
    """The death that `Process.exitcode` tells of (negative: the number of a signal)."""
    if exit_code is None or exit_code >= 0:
        return Death(f"ended with exit code {exit_code}", False, seconds)
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:  # one of the unnamed real-time signals
        name = f"signal {-exit_code}"
    note = " (out of memory, or from outside)" if name == "SIGKILL" else ""
    return Death(f"killed by {name}{note}", name in _FROM_OUTSIDE, seconds)


@dataclass(slots=True)
class Case:
    """A task on its way: how its workers died so far, and the time (monotonic) before which it is not tried again."""

    task: Task
    deaths: list[Death] = field(default_factory=list)
    not_before: float = 0.0

    def verdict(self) -> OcrPage:
        """The page of a picture that is given up; its seconds are those of the last attempt."""
        ways = Counter(death.how for death in self.deaths)
        how = ", ".join(f"{count} times {way}" if count > 1 else way for way, count in ways.items())
        reason = f"given up after {len(self.deaths)} attempts, the worker each time lost: {how}"
        return OcrPage(self.task.picture, PageStatus.QUARANTINED, reason, seconds=self.deaths[-1].seconds)


class Quarantine:
    """Counts strikes and decides which pictures are given up.

    A picture that kills its worker (a crash in native code, all memory, endless work) would be fed to worker after
    worker. After so many strikes it is given up. But workers also die for reasons that no picture has: an operator's
    kill, the out-of-memory killer choosing a bystander. Both look like SIGKILL. So:

    - a struck picture is tried again after all others, the last time while no other picture is being read;
    - a crash signal, an exit and a time-out are the picture's own doing and always count;
    - a kill that may come from outside is in doubt while other workers are being killed too: in the last quiet seconds
      one died that was reading nothing, or that was reading another picture (unless that one has many strikes: then it
      was that picture). A last strike in doubt does not give the picture up: it is tried again after a pause, at most
      `MAX_DOUBTS` times.

    So a healthy picture is given up only when a killer hits its worker each time and, before the last, no other worker;
    or when killing goes on for longer than `MAX_DOUBTS` pauses and hits this picture at each attempt. The price:
    pictures that die of SIGKILL within a quiet time of each other cost up to three attempts more.
    """

    def __init__(self, strikes: int, quiet_seconds: float) -> None:
        self._strikes, self._quiet_seconds = strikes, quiet_seconds
        # The latest kills that may have had nothing to do with the picture (None: a worker that was reading nothing).
        self._unexplained: dict[str | None, float] = {}

    def is_last_try(self, case: Case) -> bool:
        """Whether this picture's next strike may be its last."""
        return len(case.deaths) >= max(self._strikes - 1, 1)

    def bystander(self, death: Death, now: float) -> None:
        """Notes the death of a worker that was reading nothing."""
        if death.outside:
            self._unexplained[None] = now

    def strike(self, case: Case, death: Death, now: float) -> bool:
        """Notes the death of a worker that was reading this picture; whether the picture is given up."""
        picture = case.task.picture
        self._unexplained.pop(picture, None)
        self._unexplained = {key: at for key, at in self._unexplained.items() if now - at < self._quiet_seconds}
        doubtful = death.outside and bool(self._unexplained) and len(case.deaths) < self._strikes - 1 + MAX_DOUBTS
        case.deaths.append(death)
        if death.outside and len(case.deaths) < self._strikes + _EXPLAINED:
            self._unexplained[picture] = now
        if len(case.deaths) < self._strikes:
            return False
        if doubtful:
            case.not_before = now + self._quiet_seconds
        return not doubtful


@dataclass(eq=False, slots=True)
class WorkerProcess:
    """The parent's side of one worker: its process, its pipe and what it holds; times are monotonic."""

    process: SpawnProcess
    pipe: Connection
    deadline: float  # when it is killed: while it starts, or while it reads `cases[0]`
    ready: bool = False  # its reader is built
    cases: deque[Case] = field(default_factory=deque)  # the first is being read, the second waits in the pipe
    since: float = 0.0  # when the first of `cases` became the first
    answered: int = 0  # pages so far
    retiring: bool = False  # due for replacement; it reads on until its successor is ready
    leaving: bool = False  # its successor is ready; it gets no more pictures

    @classmethod
    def start(cls, make_reader: bytes, *, threads: int | None, deadline: float) -> WorkerProcess:
        """Starts a worker (see `serve`).

        Args:
            threads: of numerical libraries, where the user's environment does not say; None: theirs to choose.
            deadline: by when it must be ready.
        """
        ours, theirs = _SPAWN.Pipe()
        in_main_thread = threading.current_thread() is threading.main_thread()
        process = _SPAWN.Process(
            target=serve,
            args=(theirs, make_reader),
            kwargs={"die_with_thread": in_main_thread},
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

    def rss_bytes(self) -> int:
        """Its resident memory now; 0 once it is gone."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

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


def read_pages(
    tasks: Iterable[Task], make_reader: Callable[[], Reader], *, workers: int, limits: Limits | None = None
) -> Generator[OcrPage, None, None]:
    """One page for each task, as they are done, by processes of this call's own.

    A generator: its end, an exception in it and its `close()` kill the workers. After an exception of the caller's own
    (Ctrl-C) it is closed when it is collected; `contextlib.closing` makes that a known moment. Without tasks no process
    is started, and there are never more than tasks left.

    Args:
        tasks: consumed lazily, a few ahead of the reading. Pictures should be distinct.
        make_reader: builds the reader inside the worker; must be picklable (`functools.partial(PageReader, spec)`).
        workers: number of processes that read at once; a successor may run beside the worker that it replaces.
        limits: defaults to `Limits()`.

    Raises:
        EngineError: a worker cannot build its reader, or workers keep dying before they are ready.
    """
    with closing(Pool(make_reader, workers=workers, limits=limits, keep=False)) as pool:
        yield from pool.pages(tasks)


class Pool:
    """Worker processes that stay, with their readers, from one `pages` to the next; `close` kills them.

    Args:
        make_reader, workers, limits: as for `read_pages`.
        keep: False dismisses workers that find nothing more to read.
    """

    def __init__(
        self, make_reader: Callable[[], Reader], *, workers: int, limits: Limits | None = None, keep: bool = True
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._make_reader, self._size, self._keep = pickle.dumps(make_reader), workers, keep
        self._limits = limits or Limits()
        self._quarantine = Quarantine(self._limits.strikes, self._limits.quiet_seconds)
        self._workers: list[WorkerProcess] = []
        self._failed_starts: list[float] = []  # when, since a worker was ready last
        self._begin(())

    def _begin(self, tasks: Iterable[Task]) -> None:
        self._tasks: Iterator[Task] | None = iter(tasks)
        self._fresh: deque[Case] = deque()
        self._again: deque[Case] = deque()  # struck: after all fresh ones
        self._last: list[Case] = []  # on their last try: after all others, one at a time

    def pages(self, tasks: Iterable[Task]) -> Generator[OcrPage, None, None]:
        """As `read_pages`, by these workers; where it does not come to its end they are killed."""
        self._begin(tasks)
        try:
            yield from self._pages()
        except BaseException:
            self.close()  # what they hold is nobody's any more
            raise

    def _pages(self) -> Iterator[OcrPage]:
        """Until all tasks are answered."""
        pages: list[OcrPage] = []
        while True:
            self._fill()
            self._replace()
            self._hand_out()
            yield from pages  # the workers have their next pictures by now: they need not wait for the caller
            if not self._waiting() and not any(worker.cases for worker in self._workers):
                return
            pages = self._take()

    def _take(self) -> list[OcrPage]:
        """Waits until something happens; the pages that came of it."""
        pages = [page for worker in self._wait() for page in self._listen(worker)]
        now = time.monotonic()
        most = self._limits.most_bytes
        for worker in list(self._workers):
            if now >= worker.deadline:
                allowed = self._limits.seconds_per_picture if worker.ready else self._limits.seconds_to_start
                pages += self._bury(worker, now, f"not done after {allowed:g} s")
            elif most is not None and worker.ready and worker.rss_bytes() > most:
                pages += self._bury(worker, now, f"took more than {most / 1e9:.3g} GB of memory")
        return pages

    def close(self) -> None:
        """Ends all workers."""
        for worker in self._workers:
            worker.process.kill()  # all first: then joining one does not leave the others running
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def _fill(self) -> None:
        """Takes so many tasks ahead that all that can be handed out now is there, and one for each worker after it."""
        while self._tasks is not None and len(self._fresh) < (_AHEAD + 1) * self._size:
            task = next(self._tasks, None)
            if task is None:
                self._tasks = None
            else:
                self._fresh.append(Case(task))

    def _replace(self) -> None:
        """Dismisses and starts workers, so that as many as can be used are there."""
        waiting = self._waiting()
        if not waiting and not self._last_try_runs():  # idle ones stay beside a last try: their deaths tell of a killer
            for worker in [worker for worker in self._workers if not worker.cases and not self._keep]:
                self._dismiss(worker)
            return
        retiring = [worker for worker in self._workers if worker.retiring]
        staff = [worker for worker in self._workers if not worker.retiring]
        surplus = len(retiring) + sum(worker.ready for worker in staff) - self._size
        for worker in retiring[: max(surplus, 0)]:
            worker.leaving = True
        for worker in retiring:
            if worker.leaving and not worker.cases:
                self._dismiss(worker)
        wanted = min(self._size, waiting + sum(len(worker.cases) for worker in staff))
        threads = max(1, available_cores() // self._size) if self._size > 1 else None
        for _ in range(wanted - len(staff)):
            deadline = time.monotonic() + self._limits.seconds_to_start
            worker = WorkerProcess.start(self._make_reader, threads=threads, deadline=deadline)
            self._workers.append(worker)

    def _waiting(self) -> int:
        return len(self._fresh) + len(self._again) + len(self._last)

    def _dismiss(self, worker: WorkerProcess) -> None:
        self._workers.remove(worker)
        worker.kill()

    def _hand_out(self) -> None:
        """Gives each ready worker a picture to read, then, while there are plenty, a second to wait in its pipe."""
        for held in range(_AHEAD):
            if held and len(self._fresh) < self._size:  # near the end it would wait there while others are idle
                return
            for worker in self._workers:
                if worker.ready and not worker.leaving and len(worker.cases) == held:
                    case = self._next_case()
                    if case is None:
                        return
                    self._send(worker, case)

    def _next_case(self) -> Case | None:
        if self._last_try_runs():
            return None
        if self._fresh:
            return self._fresh.popleft()
        if self._again:
            return self._again.popleft()
        now = time.monotonic()
        due = [case for case in self._last if case.not_before <= now]
        if not due or any(worker.cases for worker in self._workers):
            return None
        self._last.remove(due[0])
        return due[0]

    def _last_try_runs(self) -> bool:
        return any(self._quarantine.is_last_try(case) for worker in self._workers for case in worker.cases)

    def _send(self, worker: WorkerProcess, case: Case) -> None:
        if not worker.cases:
            worker.begin(self._limits.seconds_per_picture)
        worker.cases.append(case)
        try:
            worker.pipe.send(case.task)
        except OSError:  # dead, and not yet noticed: the end of its pipe will tell, and this picture was never begun
            worker.cases.pop()
            self._give_back(case)

    def _give_back(self, case: Case) -> None:
        if not case.deaths:
            self._fresh.appendleft(case)
        elif self._quarantine.is_last_try(case):
            self._last.append(case)
        else:
            self._again.append(case)

    def _wait(self) -> list[WorkerProcess]:
        """The workers that said something or died; none when a deadline comes first."""
        now = time.monotonic()
        moments = [worker.deadline for worker in self._workers]
        moments += [case.not_before for case in self._last if case.not_before > now]
        if self._limits.most_bytes is not None:
            moments.append(now + _LOOK_SECONDS)
        timeout = max(min(moments) - now, 0.0)
        pipes = [worker.pipe for worker in self._workers]
        ends = [worker.process.sentinel for worker in self._workers]
        happened = set(wait([*pipes, *ends], None if timeout == NEVER else timeout))
        return [w for w in self._workers if w.pipe in happened or w.process.sentinel in happened]

    def _listen(self, worker: WorkerProcess) -> list[OcrPage]:
        """Takes everything the worker has said, and notes its end; the pages that came of it."""
        pages: list[OcrPage] = []
        try:
            while worker.pipe.poll():
                message = worker.pipe.recv()
                if isinstance(message, Done):
                    pages.append(self._done(worker, message))
                elif isinstance(message, Ready):
                    worker.ready, worker.deadline = True, NEVER
                    self._failed_starts.clear()
                elif isinstance(message, Unable):
                    raise EngineError(message.reason)
        except (EOFError, OSError):  # the pipe ended, perhaps in the middle of a message
            ended = True
        else:
            ended = not worker.process.is_alive() and not worker.pipe.poll()
        if ended:
            worker.process.join(1.0)  # its own end, not our kill, shall decide its exit code
            pages += self._bury(worker, time.monotonic())
        return pages

    def _done(self, worker: WorkerProcess, message: Done) -> OcrPage:
        worker.cases.popleft()
        worker.answered += 1
        if worker.cases:
            worker.begin(self._limits.seconds_per_picture)
        else:
            worker.deadline = NEVER
        due = worker.answered >= self._limits.pictures_per_worker or message.rss_bytes > self._limits.rss_bytes
        if due and all(other.ready for other in self._workers):  # one successor at a time: they cost memory too
            worker.retiring = True
        return message.page

    def _bury(self, worker: WorkerProcess, now: float, ours: str = "") -> list[OcrPage]:
        """Removes a dead worker, or kills one for a reason of ours.

        Its picture gets a strike, which may give a page; the one behind it none.
        """
        self._dismiss(worker)
        seconds = now - worker.since if worker.cases else 0.0
        death = Death(ours, False, seconds) if ours else death_of(worker.process.exitcode, seconds)
        if not worker.ready:
            self._failed_starts.append(now)
            patience = self._limits.seconds_to_start if death.outside else 0.0
            if len(self._failed_starts) >= _MAX_FAILED_STARTS and now - self._failed_starts[0] >= patience:
                raise EngineError(
                    f"{len(self._failed_starts)} workers in a row could not start; the last: {death.how}. If this is a "
                    'script of yours, do its work under `if __name__ == "__main__":`'
                )
        if not worker.cases:
            self._quarantine.bystander(death, now)
            return []
        struck, *waiting = worker.cases
        for case in waiting:
            self._give_back(case)
        if self._quarantine.strike(struck, death, now):
            return [struck.verdict()]
        self._give_back(struck)
        return []


def default_workers(limits: Limits) -> int:
    """One a core, as far as memory goes."""
    return max(1, min(available_cores(), available_memory() // (limits.most_bytes or limits.rss_bytes)))
