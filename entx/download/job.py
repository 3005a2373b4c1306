"""A table's links -> picture files in a folder, and a list of what could not be had.

A file appears under its final name only when it is whole and verified, so whatever ends a run (a full disk, a signal,
kill -9), the next one goes on from the files that are there. Nothing is ever written in place of a missing picture.
"""

from __future__ import annotations

import csv
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from entx.core.errors import InputError
from entx.core.files import atomic_text, file_name, harmless_cell, is_url, writing
from entx.download.fetch import Fetcher, is_good_file
from entx.download.guard import DownloadError

FAILURES_FILE = "download-failures.csv"
WORKERS = 16
PER_HOST = 16

_PART = ".entx-{}.part"
_POLL = 0.2  # seconds between two looks at the stop event
_JOIN = 5.0  # seconds that all workers together get to end after a stop


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one link ended."""

    link: str  # as in the table
    reason: str = ""  # why there is no file; "" when there is one
    size: int = 0  # bytes fetched in this run; 0 for a file that was there already


@dataclass(frozen=True, slots=True)
class DownloadReport:
    """What a run did."""

    links: int  # distinct links that were asked for
    present: int  # files that were there already
    fetched: int  # files written in this run
    bytes: int  # their size
    failures: list[Outcome]  # the links without a file, in the table's order, with their reasons
    left: int  # links that were not tried, or not to their end, because the run was stopped


def download(
    links: Iterable[str],
    folder: Path,
    fetcher: Fetcher,
    *,
    workers: int = WORKERS,
    per_host: int = PER_HOST,
    stop: threading.Event | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> DownloadReport:
    """Fetches every distinct link that has no good file in the folder yet.

    Args:
        links: of a table; repeated ones are fetched once.
        folder: made if absent. The list of failures, `download-failures.csv`, is written there too.
        fetcher: closed when the run ends.
        per_host: threads that may ask one host at a time.
        stop: when set, the run ends within seconds: links under way are cut, finished files stay.
        advance: called with 1 for each link that ended.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    wanted = list(dict.fromkeys(links))
    stop = stop or threading.Event()
    _prepare(folder)
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    for link in _hosts_in_turn(wanted):
        todo.put(link)
    done: queue.SimpleQueue[Outcome | Exception] = queue.SimpleQueue()
    turns = _Turns(per_host)

    def work() -> None:
        while not stop.is_set():
            try:
                link = todo.get_nowait()
            except queue.Empty:
                return
            try:
                outcome = _obtain(link, folder, fetcher, turns, stop)
            except Exception as error:  # a full disk, or a fault of ours: the run ends with it
                done.put(error)
                return
            if not (outcome.reason and stop.is_set()):  # what the stop itself cut is no failure
                done.put(outcome)

    threads = [threading.Thread(target=work, name=f"download-{i}", daemon=True) for i in range(workers)]
    for thread in threads:
        thread.start()
    ended: dict[str, Outcome] = {}

    def gather(wait: float) -> None:
        with suppress(queue.Empty):
            outcome = done.get(timeout=wait)
            if isinstance(outcome, Exception):
                raise outcome
            ended[outcome.link] = outcome
            advance(1)

    try:
        while len(ended) < len(wanted) and not stop.is_set():
            gather(_POLL)
    except BaseException:
        stop.set()
        raise
    finally:
        fetcher.close()
        ends = time.monotonic() + _JOIN
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
    while not done.empty():  # what was finished between the stop and the end of its thread
        gather(0.0)
    outcomes = [ended[link] for link in wanted if link in ended]
    failures = [outcome for outcome in outcomes if outcome.reason]
    _write_failures(folder / FAILURES_FILE, failures)
    return DownloadReport(
        links=len(wanted),
        present=sum(not outcome.reason and not outcome.size for outcome in outcomes),
        fetched=sum(outcome.size > 0 for outcome in outcomes),
        bytes=sum(outcome.size for outcome in outcomes),
        failures=failures,
        left=len(wanted) - len(outcomes),
    )


class _Turns:
    """At most so many threads at one host; the threads that wait end with the run."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()

    @contextmanager
    def at(self, host: str, stop: threading.Event) -> Iterator[None]:
        with self._lock:
            slot = self._slots.setdefault(host, threading.BoundedSemaphore(self._per_host))
        while not slot.acquire(timeout=_POLL):
            if stop.is_set():
                raise DownloadError("stopped")
        try:
            yield
        finally:
            slot.release()


def _obtain(link: str, folder: Path, fetcher: Fetcher, turns: _Turns, stop: threading.Event) -> Outcome:
    path = folder / file_name(link)
    if is_good_file(path):
        return Outcome(link)
    try:
        if not is_url(link):
            raise DownloadError("a file name, not a link")
        with turns.at(_host(link), stop):
            data = fetcher.fetch(link)
    except DownloadError as error:
        return Outcome(link, reason=str(error))
    _write(path, data)
    return Outcome(link, size=len(data))


def _prepare(folder: Path) -> None:
    """Makes the folder and removes what a killed run left."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(_PART.format("*")):
            part.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    """Writes under a temporary name and renames.

    Not `atomic_path`: that one reads the process's umask, which threads must not do, and flushes each file to the disk.
    A file that a power cut left empty is no good file, and fetched again.
    """
    for _ in range(2):  # another run may have cleared our part away as a leftover
        part = path.with_name(_PART.format(uuid.uuid4().hex))
        try:
            part.write_bytes(data)
            part.replace(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            part.unlink(missing_ok=True)
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        return
    raise InputError(f"{path}: cannot be written: something removes files from its folder")


def _write_failures(path: Path, failures: list[Outcome]) -> None:
    if not failures:
        path.unlink(missing_ok=True)
        return
    with atomic_text(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["image_link", "reason"])
        writer.writerows([harmless_cell(failure.link), harmless_cell(failure.reason)] for failure in failures)


def _host(link: str) -> str:
    return link.partition("://")[2].partition("/")[0].lower()


def _hosts_in_turn(links: list[str]) -> Iterator[str]:
    """The links, one host after the other, so that a slow host does not hold all threads from the start."""
    by_host: dict[str, list[str]] = {}
    for link in links:
        by_host.setdefault(_host(link) if is_url(link) else "", []).append(link)
    waiting = [iter(of_host) for of_host in by_host.values()]
    while waiting:
        turn = [(of_host, next(of_host, None)) for of_host in waiting]
        waiting = [of_host for of_host, link in turn if link is not None]
        yield from (link for _, link in turn if link is not None)
