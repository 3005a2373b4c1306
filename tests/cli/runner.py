"""Runs `entx` in this process, by the same entry point as the installed command."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from entx.cli.app import main


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def run_entx(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["entx", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    out, err = capsys.readouterr()
    return Ended(code, out, err)
