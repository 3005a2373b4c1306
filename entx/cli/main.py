"""Entry point: runs the application and turns every end into a line and an exit code."""

from __future__ import annotations

import sys

from entx.cli import download  # noqa: F401 - registers its command
from entx.cli.app import app
from entx.core.errors import EntxError, ExitCode


def main() -> None:
    """Runs `entx`; the exit codes are those of `ExitCode`."""
    try:
        app()
    except EntxError as error:
        print(f"entx: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away (`entx ... | head`): nothing to add
        sys.exit(int(ExitCode.DONE))
