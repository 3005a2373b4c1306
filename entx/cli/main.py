"""Entry point: runs the application and turns every end into a line and an exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

from entx.cli import (  # noqa: F401 - importing a command registers it
    ablate,
    calibrate,
    dataset,
    demo,
    doctor,
    ensemble,
    extract,
    predict,
    recipe,
    review,
    show,
    store,
    tables,
    train,
)
from entx.cli.app import app
from entx.core.errors import EntxError

_heard: list[int] = []
"""The signal that ends this process, once there is one."""


def main() -> None:
    """Runs `entx`; the exit codes are those of `ExitCode`, and 128 + its number when a signal ends it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app()
    except Exception as error:
        if _heard:  # inside a query DuckDB asks for signals, and makes an error of its own of what their handler raises
            sys.exit(128 + _heard[0])
        if not isinstance(error, EntxError):
            raise
        print(f"entx: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Ends through every `finally`, so that batches in flight are committed and workers ended."""
    _heard.append(number)
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean end short
    print(f"entx: stopped by {signal.Signals(number).name}; the same command goes on from here", file=sys.stderr)
    sys.exit(128 + number)
