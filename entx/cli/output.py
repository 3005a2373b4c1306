"""What commands print: text for a person, one JSON object with --json, nothing with --quiet; progress on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


class Output:
    """Where a command's words go.

    Args:
        quiet: print nothing but errors.
        as_json: print only the result, as one JSON object on stdout.
    """

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self._text = not quiet and not as_json
        self._json = as_json

    def line(self, text: str = "") -> None:
        """One line for a person."""
        if self._text:
            _say(text)

    def notice(self, text: str) -> None:
        """Something the user should know, on stderr; kept in --json mode, dropped by --quiet."""
        if self._text or self._json:
            print(f"entx: {text}", file=sys.stderr)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> None:
        """Aligned columns: the first `words` ones, which hold words, to the left; numbers to the right."""
        if not self._text:
            return
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        for row in [header, *rows]:
            cells = [
                cell.ljust(width) if i < words else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            _say("  ".join(cells).rstrip())

    def result(self, result: Mapping[str, Any]) -> None:
        """The JSON object of --json."""
        if self._json:
            _say(json.dumps(result, ensure_ascii=False))

    @contextmanager
    def progress(self, label: str, total: int | None, *, unit: str = "rows") -> Iterator[Callable[[int], None]]:
        """A bar on stderr with count, rate and time left; yields advance(n). Silent unless stderr is a terminal."""
        if not self._text or not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        rate = TextColumn("{task.fields[rate]}")
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task(label, total=total, rate="")

            def advance(count: int) -> None:
                bar.advance(task, count)
                speed = bar.tasks[0].speed
                bar.update(task, rate=f"{speed:.1f} {unit}/s" if speed else "")

            yield advance


def _say(text: str) -> None:
    """Prints a line at once. When the reader has gone (`entx check ... | head`), the command works on in silence."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # so that the interpreter's own last flush does not fail either
        os.close(nowhere)
