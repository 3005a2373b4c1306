"""When a picture is to blame for the death of its worker: strikes, doubt, quarantine.

A picture that kills its worker (a crash in native code, all memory, endless work) would be fed to worker after worker.
After so many strikes it is given up. But workers also die for reasons that no picture has: an operator's kill, the
out-of-memory killer choosing a bystander. Both look like SIGKILL. So:

- a struck picture is tried again after all others, the last time while no other picture is being read;
- a crash signal, an exit and a time-out are the picture's own doing and always count;
- a kill that may come from outside is in doubt while other workers are being killed too: in the last quiet seconds one
  died that was reading nothing, or that was reading another picture (unless that one has many strikes: then it was
  that picture). A last strike in doubt does not give the picture up: it is tried again after a pause, at most
  `MAX_DOUBTS` times.

So a healthy picture is given up only when a killer hits its worker each time and, before the last, no other worker; or
when killing goes on for longer than `MAX_DOUBTS` pauses and hits this picture at each attempt. The price: pictures that
die of SIGKILL within a quiet time of each other cost up to three attempts more.
"""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, field

from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.worker import Task

MAX_DOUBTS = 6
_EXPLAINED = 2  # doubted strikes after which a picture explains the deaths of its workers itself
_FROM_OUTSIDE = {"SIGKILL", "SIGTERM"}


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended.

    Args:
        how: in words, for example "killed by SIGSEGV".
        outside: whether something outside the process may have done it.
        seconds: for how long it had been reading its picture.
    """

    how: str
    outside: bool
    seconds: float = 0.0


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

    Args:
        strikes: deaths that give a picture up.
        quiet_seconds: for how long another worker's death casts doubt, and the pause after a doubtful strike.
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
