"""The pool when nothing goes wrong from outside; strikes and doubt, as plain logic with a clock of numbers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from entx.core.errors import EngineError
from entx.core.types import PageStatus
from entx.ocr_stage.pool import MAX_DOUBTS, Case, Death, Limits, Pool, Quarantine, death_of, read_pages
from entx.ocr_stage.worker import Task
from tests.ocr_stage.fake_reader import make, task, tasks, text, workers_of

ROOT = Path(__file__).parents[2]


def workers_alive() -> list[psutil.Process]:
    return workers_of(os.getpid())


@pytest.mark.parametrize("workers", [1, 3])
def test_each_picture_gives_exactly_its_page(tmp_path: Path, workers: int) -> None:
    given = tasks(tmp_path, 100)
    pages = list(read_pages(given, make(), workers=workers))
    assert len(pages) == 100
    assert {page.picture: text(page) for page in pages} == {t.picture: f"text {i}" for i, t in enumerate(given)}
    assert {page.status for page in pages} == {PageStatus.OK}
    assert workers_alive() == []


def test_a_pool_keeps_its_readers_from_one_reading_to_the_next(tmp_path: Path) -> None:
    with contextlib.closing(Pool(make(), workers=1)) as pool:
        (first,), (again,) = (list(pool.pages([task(tmp_path, name, f"pid\n{name}")])) for name in ("a", "b"))
        assert text(first) == text(again)
        assert list(pool.pages([])) == []
        (killed,) = pool.pages([task(tmp_path, "d", "!signal SIGSEGV")])
        assert killed.status is PageStatus.QUARANTINED
        reading = pool.pages([task(tmp_path, "e", "one"), task(tmp_path, "f", "two")])
        next(reading)
        reading.close()
        assert workers_alive() == []
        assert [text(page) for page in pool.pages([task(tmp_path, "g", "three")])] == ["three"]
    assert workers_alive() == []


def test_pages_come_as_they_are_done(tmp_path: Path) -> None:
    given = [task(tmp_path, "slow", "slow\n!sleep 1.5"), *tasks(tmp_path, 20)]
    order = [text(page) for page in read_pages(given, make(), workers=2)]
    assert order.index("slow") >= 19  # only the one picture that waited behind it may come later


def test_no_tasks_start_no_worker(tmp_path: Path) -> None:
    assert list(read_pages([], make("refuse"), workers=4)) == []


def test_few_tasks_start_few_workers(tmp_path: Path) -> None:
    pages = read_pages(tasks(tmp_path, 2), make("sleep 0.1"), workers=8)
    with contextlib.closing(pages):
        next(pages)
        assert len(workers_alive()) <= 2


def test_tasks_are_taken_as_needed(tmp_path: Path) -> None:
    content = "the same picture again and again"
    taken = 0

    def endless() -> Iterator[Task]:
        nonlocal taken
        one = task(tmp_path, "one", content)
        while True:
            taken += 1
            yield one

    pages = read_pages(endless(), make(), workers=2)
    for _ in range(50):
        next(pages)
    assert taken <= 50 + 2 * 2 + 3 * 2 + 2 * 2  # in the workers' hands, ahead of them, done but not yet given out
    pages.close()
    assert workers_alive() == []


def test_work_is_shared(tmp_path: Path) -> None:
    pages = list(read_pages([task(tmp_path, str(i), f"pid\n{i}\n!sleep 0.01") for i in range(80)], make(), workers=3))
    assert len({text(page) for page in pages}) == 3


def test_a_worker_reads_on_while_the_caller_is_busy(tmp_path: Path) -> None:
    pages = read_pages(tasks(tmp_path, 4, "!sleep 0.6"), make(), workers=1)
    next(pages)
    time.sleep(2)  # meanwhile the next two are read: one in hand, one ahead
    started = time.monotonic()
    next(pages)
    next(pages)
    assert time.monotonic() - started < 0.5
    pages.close()


def test_an_exception_of_the_caller_ends_the_workers(tmp_path: Path) -> None:
    def break_in_the_middle() -> None:
        with contextlib.closing(read_pages(tasks(tmp_path, 30, "!sleep 0.1"), make(), workers=2)) as pages:
            for page in pages:
                assert workers_alive() != []
                raise KeyboardInterrupt(page.picture)

    with pytest.raises(KeyboardInterrupt):
        break_in_the_middle()
    assert workers_alive() == []


def test_an_exception_of_the_tasks_reaches_the_caller(tmp_path: Path) -> None:
    def broken() -> Iterator[Task]:
        yield from tasks(tmp_path, 5)
        raise LookupError("the table ended in the middle")

    with pytest.raises(LookupError):
        list(read_pages(broken(), make(), workers=2))
    assert workers_alive() == []


def test_the_caller_never_reads_a_page_twice_when_it_stops_early(tmp_path: Path) -> None:
    pages = read_pages(tasks(tmp_path, 100), make(), workers=2)
    some = [next(pages).picture for _ in range(10)]
    started = time.monotonic()
    pages.close()
    assert time.monotonic() - started < 2
    assert len(set(some)) == 10
    assert workers_alive() == []


def test_a_file_that_changed_is_unavailable_with_its_reason(tmp_path: Path) -> None:
    changed = task(tmp_path, "changed", "as ingested")
    Path(changed.path).write_text("otherwise")
    (page,) = read_pages([changed], make(), workers=1)
    assert page.status is PageStatus.UNAVAILABLE
    assert page.reason == f"{changed.path}: the file changed since ingest; run `entx ingest` again"
    assert page.lines == ()


def test_files_that_cannot_be_read_are_rows_with_reasons(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    given = [Task(digest, path) for path in (str(tmp_path / "gone.jpg"), str(tmp_path), "nul\0name")]
    pages = read_pages(given, make(), workers=1)
    reasons = {page.reason for page in pages if page.status is PageStatus.UNAVAILABLE}
    assert len(reasons) == 3
    assert any("No such file" in reason for reason in reasons)
    assert any("not a regular file" in reason for reason in reasons)


def test_a_reader_that_raises_fails_only_that_picture(tmp_path: Path) -> None:
    given = [task(tmp_path, "bad", "x\n!raise"), task(tmp_path, "binary", "\x00"), *tasks(tmp_path, 10)]
    pages = {page.picture: page for page in read_pages(given, make(), workers=1)}
    assert pages[given[0].picture].status is PageStatus.FAILED
    assert pages[given[0].picture].reason == "RuntimeError: the engine broke"
    assert [pages[t.picture].status for t in given[2:]] == [PageStatus.OK] * 10


@pytest.mark.parametrize(("start", "said"), [("refuse", "no such model: v9"), ("break", "KeyError: 'v9'")])
def test_a_reader_that_cannot_be_built_is_one_error_at_once(tmp_path: Path, start: str, said: str) -> None:
    started = time.monotonic()
    with pytest.raises(EngineError, match=said):
        list(read_pages(tasks(tmp_path, 50), make(start), workers=2))
    assert time.monotonic() - started < 10
    assert workers_alive() == []


def test_workers_are_replaced_after_so_many_pictures(tmp_path: Path) -> None:
    given = [task(tmp_path, str(i), f"pid\n{i}\n!sleep 0.02") for i in range(120)]
    pages = list(read_pages(given, make(), workers=1, limits=Limits(pictures_per_worker=20)))
    assert len({page.picture for page in pages}) == 120
    by_worker = [sum(text(page) == pid for page in pages) for pid in {text(page) for page in pages}]
    assert len(by_worker) >= 3
    assert max(by_worker) < 60  # 20, and those it read while its successor started


def test_a_worker_works_on_until_its_successor_is_ready(tmp_path: Path) -> None:
    given = [task(tmp_path, str(i), f"reads\n{i}\n!sleep 0.05") for i in range(40)]
    slow_start = make("sleep 1")
    reads = [int(text(page)) for page in read_pages(given, slow_start, workers=1, limits=Limits(pictures_per_worker=5))]
    assert max(reads) > 10  # the first one went on for the second that its successor needed
    assert reads.count(1) >= 2  # and was then replaced


def test_workers_that_grow_are_replaced(tmp_path: Path) -> None:
    given = [task(tmp_path, str(i), f"pid\n{i}\n!hold 20\n!sleep 0.02") for i in range(60)]
    limit = 400 << 20  # several times a fresh worker, a third of what one would come to
    pages = list(read_pages(given, make(), workers=1, limits=Limits(rss_bytes=limit)))
    assert len({page.picture for page in pages}) == 60
    assert len({text(page) for page in pages}) >= 2
    flat = [task(tmp_path, f"flat{i}", f"pid\n{i}\n!sleep 0.02") for i in range(60)]
    assert len({text(page) for page in read_pages(flat, make(), workers=1, limits=Limits(rss_bytes=limit))}) == 1


def test_a_picture_that_takes_too_much_memory_is_given_up_and_the_others_are_read(tmp_path: Path) -> None:
    given = [task(tmp_path, "big", "big\n!hold 600\n!sleep 5"), *tasks(tmp_path, 5)]
    pages = list(read_pages(given, make(), workers=2, limits=Limits(most_bytes=400 << 20)))
    assert len(pages) == 6
    (big,) = [page for page in pages if page.status is not PageStatus.OK]
    assert big.picture == given[0].picture
    assert big.reason.endswith("the worker each time lost: 3 times took more than 0.419 GB of memory")


@pytest.mark.parametrize("workers", [1, 2])
def test_several_workers_share_the_threads(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    given = [task(tmp_path, f"{i}", f"environment OMP_NUM_THREADS\nenvironment MKL_NUM_THREADS\n{i}") for i in range(4)]
    for page in read_pages(given, make(), workers=workers):
        assert (text(page) == "") == (workers == 1)
        assert page.lines[1].text == "7"  # the user's own word stands


def test_no_workers_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next(read_pages([], make(), workers=0))


def test_what_a_library_prints_stays_out_of_the_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    list(read_pages([task(tmp_path, "loud", "!print chatter")], make(), workers=1))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "chatter\n")


SCRIPT = """
    import functools, sys
    from entx.ocr_stage.pool import read_pages
    from tests.ocr_stage.fake_reader import FakeReader, task
    from pathlib import Path

    class Mine(FakeReader):
        pass

    def work():
        given = [task(Path(sys.argv[1]), str(i), f"text {i}") for i in range(5)]
        print(sorted(page.lines[0].text for page in read_pages(given, Mine, workers=2)))
"""


def run_script(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(textwrap.dedent(script), encoding="utf-8")
    command, environment = [sys.executable, str(path), str(folder)], {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_a_guarded_script_can_use_the_pool_and_a_reader_of_its_own(tmp_path: Path) -> None:
    done = run_script(tmp_path, SCRIPT + "\n    if __name__ == '__main__':\n        work()\n")
    assert done.stdout.strip() == str([f"text {i}" for i in range(5)]), done.stderr


def test_an_unguarded_script_is_told_about_the_guard(tmp_path: Path) -> None:
    done = run_script(tmp_path, SCRIPT + "\n    work()\n")
    assert done.returncode != 0
    assert 'do its work under `if __name__ == "__main__":`' in done.stderr


CRASH = Death("killed by SIGSEGV", outside=False)
KILL = Death("killed by SIGKILL", outside=True)


def case(name: str = "p") -> Case:
    return Case(Task(name, f"/{name}.jpg"))


@pytest.mark.parametrize("death", [CRASH, KILL])
@pytest.mark.parametrize("strikes", [1, 2, 3])
def test_a_picture_alone_is_given_up_at_its_last_strike(death: Death, strikes: int) -> None:
    quarantine, poison = Quarantine(strikes, 10), case()
    assert [quarantine.strike(poison, death, float(i)) for i in range(strikes)] == [False] * (strikes - 1) + [True]


def test_the_reason_names_every_way_the_worker_ended() -> None:
    poison = case("abc")
    poison.deaths += [death_of(-11), death_of(-9, 2.0), death_of(-11), Death("not done after 60 s", False, 60.0)]
    page = poison.verdict()
    assert (page.picture, page.status, page.seconds) == ("abc", PageStatus.QUARANTINED, 60.0)
    assert "4 attempts" in page.reason
    assert "2 times killed by SIGSEGV, killed by SIGKILL" in page.reason
    assert page.reason.endswith("not done after 60 s")


@pytest.mark.parametrize(
    ("exit_code", "how", "outside"),
    [
        (-9, "killed by SIGKILL (out of memory, or from outside)", True),
        (-15, "killed by SIGTERM", True),
        (-6, "killed by SIGABRT", False),
        (-50, "killed by signal 50", False),
        (3, "ended with exit code 3", False),
        (0, "ended with exit code 0", False),
    ],
)
def test_deaths_are_named_by_their_exit_code(exit_code: int, how: str, outside: bool) -> None:
    death = death_of(exit_code, 1.5)
    assert (death.how, death.outside, death.seconds) == (how, outside, 1.5)


def test_only_the_try_before_the_last_strike_is_the_last() -> None:
    quarantine, poison = Quarantine(3, 10), case()
    assert not quarantine.is_last_try(poison)
    quarantine.strike(poison, CRASH, 0)
    assert not quarantine.is_last_try(poison)
    quarantine.strike(poison, CRASH, 0)
    assert quarantine.is_last_try(poison)
    assert not Quarantine(1, 10).is_last_try(case())  # else no two pictures would ever be read at once


@pytest.mark.parametrize(
    ("before", "given_up"),
    [
        pytest.param(
            [("a", KILL, 0), ("a", KILL, 2), (None, KILL, 4)], False, id="a worker that read nothing was killed"
        ),
        pytest.param([("a", KILL, 0), ("a", KILL, 2), ("b", KILL, 4)], False, id="other pictures lose their workers"),
        pytest.param(
            [("a", KILL, 0), ("a", KILL, 2), (None, CRASH, 4), ("b", CRASH, 4)], True, id="a crash is no doubt"
        ),
    ],
)
def test_a_last_kill_is_doubted_while_others_are_killed(
    before: list[tuple[str | None, Death, float]], given_up: bool
) -> None:
    quarantine, cases = Quarantine(3, 10), {"a": case("a"), "b": case("b")}
    for name, death, now in before:
        if name is None:
            quarantine.bystander(death, now)
        else:
            quarantine.strike(cases[name], death, now)
    assert quarantine.strike(cases["a"], KILL, 6) is given_up
    if not given_up:
        assert cases["a"].not_before == 16
        assert quarantine.strike(cases["a"], KILL, 17)  # quiet since: it was the picture


def test_a_crash_is_never_doubted() -> None:
    quarantine, struck = Quarantine(3, 10), case("a")
    for now in range(3):
        quarantine.bystander(KILL, now)
        given_up = quarantine.strike(struck, CRASH, now)
    assert given_up


def test_doubt_ends() -> None:
    quarantine, struck, given_up = Quarantine(3, 10), case(), False
    while not given_up:
        quarantine.bystander(KILL, len(struck.deaths))
        given_up = quarantine.strike(struck, KILL, len(struck.deaths) + 1)
    assert len(struck.deaths) == 3 + MAX_DOUBTS


def test_two_pictures_that_are_killed_each_time_cost_each_other_at_most_three_attempts() -> None:
    quarantine, now = Quarantine(3, 10), 0.0
    cases = [case(str(i)) for i in range(5)]
    waiting, attempts = list(cases), 0
    while waiting:
        attempts += 1
        now = max(now + 1, min(c.not_before for c in waiting))
        poison = min(waiting, key=lambda c: (len(c.deaths), c.not_before))
        if quarantine.strike(poison, KILL, now):
            waiting.remove(poison)
    assert attempts <= 6 * len(cases)


@pytest.mark.parametrize("seeds", [range(i, i + 50) for i in range(0, 200, 50)])
def test_a_killer_at_random_gives_up_no_healthy_picture(seeds: range) -> None:
    """Slow pictures on two workers, one of which is killed every 2 s for a minute, wherever it stands."""
    for seed in seeds:
        rng = random.Random(seed)
        quarantine, now = Quarantine(3, 10), 0.0
        waiting = [case(str(i)) for i in range(8)]
        while waiting and now < 60:
            now += 2
            due = [c for c in waiting if c.not_before <= now]
            if not due or rng.random() < 0.3:  # starting, or idle
                quarantine.bystander(KILL, now)
                continue
            victim = min(due, key=lambda c: len(c.deaths))
            assert not quarantine.strike(victim, KILL, now), (seed, now, len(victim.deaths))
            if rng.random() < 0.2:
                waiting.remove(rng.choice(waiting))  # read well between two kills
