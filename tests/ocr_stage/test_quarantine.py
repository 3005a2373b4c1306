"""Strikes and doubt, as plain logic with a clock of numbers."""

from __future__ import annotations

import random

import pytest

from entx.core.types import PageStatus
from entx.ocr_stage.pool import MAX_DOUBTS, Case, Death, Quarantine, death_of
from entx.ocr_stage.worker import Task

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


def test_a_kill_is_doubted_while_a_worker_that_read_nothing_was_killed_too() -> None:
    quarantine, struck = Quarantine(3, 10), case()
    quarantine.strike(struck, KILL, 0)
    quarantine.strike(struck, KILL, 2)
    quarantine.bystander(KILL, 4)
    assert not quarantine.strike(struck, KILL, 6)
    assert struck.not_before == 16
    assert quarantine.strike(struck, KILL, 17)  # quiet since: it was the picture


def test_a_kill_is_doubted_while_other_pictures_lose_their_workers() -> None:
    quarantine, struck, other = Quarantine(3, 10), case("a"), case("b")
    quarantine.strike(struck, KILL, 0)
    quarantine.strike(struck, KILL, 2)
    quarantine.strike(other, KILL, 4)
    assert not quarantine.strike(struck, KILL, 6)


def test_a_crash_is_never_doubted_and_casts_no_doubt() -> None:
    quarantine, struck, other = Quarantine(3, 10), case("a"), case("b")
    for now in range(3):
        quarantine.bystander(KILL, now)
        given_up = quarantine.strike(struck, CRASH, now)
    assert given_up
    quarantine = Quarantine(3, 10)
    for now in range(3):
        quarantine.bystander(CRASH, now)
        quarantine.strike(other, CRASH, now)
        given_up = quarantine.strike(struck := struck if now else case("c"), KILL, now)
    assert given_up


def test_doubt_ends() -> None:
    quarantine, struck = Quarantine(3, 10), case()
    attempts = 0
    while True:
        quarantine.bystander(KILL, attempts)
        attempts += 1
        if quarantine.strike(struck, KILL, attempts):
            break
    assert attempts == 3 + MAX_DOUBTS


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
