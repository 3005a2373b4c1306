"""The pool when workers die, hang, are killed from outside, or lose their parent."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from entx.core.errors import EngineError
from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.pool import Limits, read_pages
from tests.ocr_stage.fake_reader import make, task, tasks, text, workers_of

ROOT = Path(__file__).parents[2]
SOON = Limits(quiet_seconds=0.5)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")


def statuses(pages: list[OcrPage]) -> dict[str, PageStatus]:
    found = {page.picture: page.status for page in pages}
    assert len(found) == len(pages)  # no picture twice
    return found


@contextlib.contextmanager
def killer(every: float, seconds: float) -> Iterator[list[int]]:
    """Kills a random worker of this process again and again while the block runs; yields the list of its victims."""
    rng, over, victims = random.Random(7), threading.Event(), []

    def kill() -> None:
        end = time.monotonic() + seconds
        while not over.wait(every) and time.monotonic() < end:
            alive = workers_of(os.getpid())
            if alive:
                victim = rng.choice(alive)
                with contextlib.suppress(psutil.Error):
                    victim.kill()
                    victims.append(victim.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield victims
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("command", "how"),
    [
        ("!signal SIGKILL", "3 times killed by SIGKILL (out of memory, or from outside)"),
        ("!signal SIGSEGV", "3 times killed by SIGSEGV"),
        ("!exit 3", "3 times ended with exit code 3"),
    ],
)
def test_a_picture_that_kills_its_worker_is_quarantined_and_no_other(tmp_path: Path, command: str, how: str) -> None:
    given = tasks(tmp_path, 200)
    poison = task(tmp_path, "poison", f"poison\n{command}")
    given.insert(50, poison)
    pages = list(read_pages(given, make(), workers=2))
    found = statuses(pages)
    assert found.pop(poison.picture) is PageStatus.QUARANTINED
    assert list(found.values()) == [PageStatus.OK] * 200
    assert pages[-1].picture == poison.picture  # it was tried again after all the others
    assert pages[-1].reason == f"given up after 3 attempts, the worker each time lost: {how}"


def test_several_pictures_that_kill_their_workers_are_all_quarantined(tmp_path: Path) -> None:
    poison = [task(tmp_path, f"poison{i}", f"{i}\n!signal SIGKILL") for i in range(3)]
    found = statuses(list(read_pages([*poison, *tasks(tmp_path, 20)], make(), workers=2, limits=SOON)))
    assert [found[p.picture] for p in poison] == [PageStatus.QUARANTINED] * 3
    assert list(found.values()).count(PageStatus.OK) == 20


@pytest.mark.parametrize("times", [1, 2])
def test_a_picture_that_is_struck_less_often_is_read_in_the_end(tmp_path: Path, times: int) -> None:
    dies = "\n".join(f"!once {tmp_path / f'mark{i}'} signal SIGSEGV" for i in range(times))
    given = [task(tmp_path, "unlucky", f"unlucky\n{dies}"), *tasks(tmp_path, 10)]
    pages = list(read_pages(given, make(), workers=1))
    assert set(statuses(pages).values()) == {PageStatus.OK}
    assert text(pages[-1]) == "unlucky"
    assert all((tmp_path / f"mark{i}").exists() for i in range(times))


def test_the_picture_waiting_behind_a_killer_gets_no_strike(tmp_path: Path) -> None:
    given = [
        task(tmp_path, f"poison{i}", f"{i}\n!signal SIGSEGV") if i % 2 else t for i, t in enumerate(tasks(tmp_path, 12))
    ]
    found = statuses(list(read_pages(given, make(), workers=1, limits=Limits(strikes=1))))
    assert [found[t.picture] for t in given] == [PageStatus.OK, PageStatus.QUARANTINED] * 6


def test_a_picture_that_outlasts_its_time_is_quarantined(tmp_path: Path) -> None:
    given = [task(tmp_path, "endless", "endless\n!sleep 60"), *tasks(tmp_path, 20)]
    started = time.monotonic()
    pages = list(read_pages(given, make(), workers=2, limits=Limits(seconds_per_picture=0.5)))
    assert time.monotonic() - started < 10
    found = statuses(pages)
    assert found.pop(given[0].picture) is PageStatus.QUARANTINED
    assert set(found.values()) == {PageStatus.OK}
    assert "3 times not done after 0.5 s" in pages[-1].reason
    assert 0.5 <= pages[-1].seconds < 2


def test_a_caller_that_is_away_for_long_does_not_make_pictures_late(tmp_path: Path) -> None:
    pages = read_pages(
        tasks(tmp_path, 6, "!sleep 0.1"), make(), workers=1, limits=Limits(seconds_per_picture=1, strikes=1)
    )
    found = []
    for page in pages:
        found.append(page.status)
        if len(found) < 3:
            time.sleep(1.5)
    assert found == [PageStatus.OK] * 6


def test_workers_that_die_while_they_start_are_an_error_after_five(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="5 workers in a row could not start; the last: killed by SIGABRT"):
        list(read_pages(tasks(tmp_path, 20), make("signal SIGABRT"), workers=2))
    assert workers_of(os.getpid()) == []


def test_workers_killed_from_outside_while_they_start_are_an_error_after_a_while(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(EngineError, match="workers in a row could not start; the last: killed by SIGKILL"):
        list(read_pages(tasks(tmp_path, 2), make("signal SIGKILL"), workers=1, limits=Limits(seconds_to_start=2)))
    assert time.monotonic() - started >= 2


def test_many_kills_at_the_start_are_outlived(tmp_path: Path) -> None:
    start = "; ".join(f"once {tmp_path / f'mark{i}'} signal SIGKILL" for i in range(8))
    assert len(list(read_pages(tasks(tmp_path, 5), make(start), workers=2))) == 5
    assert len(list(tmp_path.glob("mark*"))) == 8


def test_workers_that_never_get_ready_are_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"not done after 0\.2 s"):
        list(read_pages(tasks(tmp_path, 2), make("sleep 60"), workers=1, limits=Limits(seconds_to_start=0.2)))


def test_a_worker_killed_while_it_starts_strikes_nobody(tmp_path: Path) -> None:
    start = f"once {tmp_path / 'mark'} signal SIGKILL"
    pages = list(read_pages(tasks(tmp_path, 10), make(start), workers=1, limits=Limits(strikes=1)))
    assert set(statuses(pages).values()) == {PageStatus.OK}


@pytest.mark.fault
def test_a_random_killer_loses_nothing_and_quarantines_only_the_poison(tmp_path: Path) -> None:
    given = tasks(tmp_path, 150, "!sleep 0.05")
    poison = task(tmp_path, "poison", "poison\n!signal SIGKILL")
    given.insert(10, poison)
    with killer(every=0.3, seconds=6) as victims:
        pages = list(read_pages(given, make(), workers=2, limits=Limits(quiet_seconds=2)))
    found = statuses(pages)
    assert len(victims) >= 5
    assert found.pop(poison.picture) is PageStatus.QUARANTINED
    assert list(found.values()) == [PageStatus.OK] * 150
    assert {text(page) for page in pages if page.status is PageStatus.OK} == {f"text {i}" for i in range(150)}


@pytest.mark.fault
def test_a_few_slow_pictures_outlive_a_killer(tmp_path: Path) -> None:
    """The hard case: hardly anything to read, each kill likely to hit the same pictures again."""
    given = tasks(tmp_path, 3, "!sleep 0.6")
    with killer(every=0.5, seconds=6) as victims:
        pages = list(read_pages(given, make(), workers=2, limits=Limits(quiet_seconds=2)))
    assert len(victims) >= 3
    assert set(statuses(pages).values()) == {PageStatus.OK}


PARENT = """
    import contextlib, signal, sys, threading, time
    from pathlib import Path
    from entx.ocr_stage.pool import read_pages
    from tests.ocr_stage.fake_reader import make, tasks

    def stop(number, frame):
        raise SystemExit(143)

    def work():
        given = tasks(Path(sys.argv[1]), 200, "!sleep " + sys.argv[2])
        with contextlib.closing(read_pages(given, make(), workers=2)) as pages:
            for page in pages:
                print(page.lines[0].text, flush=True)

    if __name__ == "__main__":
        if "handle" in sys.argv:
            signal.signal(signal.SIGTERM, stop)
        if "thread" in sys.argv:
            threading.Thread(target=work).start()
        else:
            work()
"""


@contextlib.contextmanager
def parent_at_work(
    folder: Path, seconds: str, *options: str
) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A process of its own group whose two workers have read something, and all of its descendants."""
    script = folder / "parent.py"
    script.write_text(textwrap.dedent(PARENT), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder), seconds, *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline()
        deadline = time.monotonic() + 10
        while len(workers_of(process.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process, psutil.Process(process.pid).children(recursive=True)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def still_alive(processes: list[psutil.Process], *, after: float) -> list[psutil.Process]:
    """Those that have not ended within so many seconds; a zombie has ended."""
    end = time.monotonic() + after
    while True:
        alive = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        if not alive or time.monotonic() > end:
            return alive
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("signal_name", "options", "code"),
    [
        ("SIGKILL", (), -9), ("SIGKILL", ("thread",), -9), ("SIGTERM", (), -15), ("SIGTERM", ("handle",), 143),
        ("SIGINT", (), -2),
    ],
)  # fmt: skip
def test_no_worker_outlives_its_parent(tmp_path: Path, signal_name: str, options: tuple[str, ...], code: int) -> None:
    with parent_at_work(tmp_path, "0.7", *options) as (process, family):
        assert len(family) >= 2
        time.sleep(0.2)  # in the middle of a picture
        os.kill(process.pid, signal.Signals[signal_name])
        assert process.wait(timeout=10) == code
        assert still_alive(family, after=2) == []


def test_ctrl_c_in_a_terminal_is_the_parents_to_answer(tmp_path: Path) -> None:
    """The terminal signals the whole group: workers must not answer with tracebacks or die as if they were struck."""
    with parent_at_work(tmp_path, "0.3") as (process, family):
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert errors.count("Traceback") == 1  # the parent's own KeyboardInterrupt
        assert "KeyboardInterrupt" in errors
        assert still_alive(family, after=2) == []


def test_a_worker_ignores_ctrl_c_and_reads_on(tmp_path: Path) -> None:
    with parent_at_work(tmp_path, "0.2") as (process, _):
        workers = workers_of(process.pid)
        for worker in workers:
            worker.send_signal(signal.SIGINT)
        for _ in range(6):
            assert process.stdout.readline()
        assert {w.pid for w in workers_of(process.pid)} == {w.pid for w in workers}
