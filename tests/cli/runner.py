"""Runs `entx` in this process, by the same entry point as the installed command."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import typer

from entx.cli.app import main


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object of --json, which is all of stdout."""
        return json.loads(self.out)

    def assert_refused(self, says: str) -> None:
        """Wrong use: exit code 2, and one line that says why."""
        assert (self.code, self.err.count("\n")) == (2, 1), self
        assert says in self.err, self
        assert "Traceback" not in self.err, self


Entx = Callable[..., Ended]
"""The fixture `entx`: runs the command with these arguments."""


_get_command = functools.cache(typer.main.get_command)
"""Typer reads the hints of every command's options again for each call: half the time of a light one."""


def run_entx(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    capsys.readouterr()
    code = call_entx(*arguments)
    out, err = capsys.readouterr()
    return Ended(code, out, err)


def call_entx(*arguments: object) -> int:
    """Runs it where no test captures what it prints; gives the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["entx", *map(str, arguments)])
        patch.setattr(typer.main, "get_command", _get_command)
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
