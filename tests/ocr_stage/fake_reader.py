"""A real reader for the pool's tests: the file's text is its page, and commands in the text are obeyed first.

A file holds lines; a line that starts with "!" is a command: `!signal SIGSEGV`, `!exit 3`, `!sleep 0.5`, `!raise`,
`!print WORD`, `!hold MEBIBYTES` (allocates and keeps), `!once FILE COMMAND...` (obeys COMMAND while there is no FILE,
and makes it).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import signal
import threading
import time
from pathlib import Path

import psutil

from entx.core.errors import EngineError
from entx.core.types import OcrLine, OcrPage, PageStatus
from entx.ocr_stage.worker import Task

SQUARE = (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0)


class FakeReader:
    """Answers with the file's lines; "pid", "environment NAME", "reads" are answered with what they name."""

    def __init__(self, start: str = "") -> None:
        self.held: list[bytes] = []
        self.reads = 0
        if start == "refuse":
            raise EngineError("no such model: v9")
        if start == "break":
            raise KeyError("v9")
        for command in start.split(";"):
            if command:
                self._obey(command.split())

    def read(self, picture: str, data: bytes) -> OcrPage:
        self.reads += 1
        lines = []
        for text in data.decode().splitlines():
            if text.startswith("!"):
                self._obey(text[1:].split())
            else:
                lines.append(OcrLine(self._answer(text), 1.0, SQUARE))
        return OcrPage(picture, PageStatus.OK, width=10, height=10, lines=tuple(lines))

    def _answer(self, text: str) -> str:
        if text == "pid":
            return str(os.getpid())
        if text == "reads":
            return str(self.reads)
        if text.startswith("environment "):
            return os.environ.get(text.split()[1], "")
        return text

    def _obey(self, words: list[str]) -> None:
        match words:
            case ["signal", name]:
                os.kill(os.getpid(), signal.Signals[name])
                threading.Event().wait()  # a process may live on for a moment after signalling itself
            case ["exit", code]:
                os._exit(int(code))
            case ["sleep", seconds]:
                time.sleep(float(seconds))
            case ["print", word]:
                print(word, flush=True)
            case ["raise"]:
                raise RuntimeError("the engine broke")
            case ["hold", mebibytes]:
                self.held.append(b"\1" * (int(mebibytes) << 20))
            case ["once", file, *rest]:
                if not Path(file).exists():
                    Path(file).touch()
                    self._obey(rest)
            case _:
                raise ValueError(words)


def make(start: str = "") -> functools.partial[FakeReader]:
    """A picklable maker of readers."""
    return functools.partial(FakeReader, start)


def task(folder: Path, name: str, content: str) -> Task:
    """A file with that content, as a task."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return Task(hashlib.sha256(content.encode()).hexdigest(), str(path))


def tasks(folder: Path, count: int, content: str = "") -> list[Task]:
    """Files "text 0", "text 1" ..., each with further content."""
    return [task(folder, f"{i}.txt", f"text {i}\n{content}") for i in range(count)]


def workers_of(pid: int) -> list[psutil.Process]:
    """Living worker processes of a parent, without multiprocessing's own resource tracker."""
    found = []
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE and any("spawn_main" in word for word in child.cmdline()):
                found.append(child)
    return found


def text(page: OcrPage) -> str:
    """The first line of a page."""
    return page.lines[0].text
