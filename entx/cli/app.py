"""The `entx` command: its entry point, what every command says and is asked alike, and how a command is registered.

A command is a function whose first parameter is its `Output`; `command` adds --quiet and --json to its own options. The
modules beside this one hold the commands; `main` imports them, so that each may import this one.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO, TypeVar, get_args

import typer
from typer import Option
from typer.core import TyperCommand

from entx import __version__
from entx.core.errors import EntxError, InputError
from entx.core.files import Writes, is_stdout, replaced_file, same_file
from entx.core.memory import memory_error
from entx.core.settings import OFFLINE

if TYPE_CHECKING:
    from entx.ocr_stage.pool import Limits
    from entx.storage.store import Store
    from entx.storage.transfer import Coverage

app = typer.Typer(
    name="entx",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_Command = TypeVar("_Command", bound=Callable[..., None])

_OfflineOption = Annotated[bool, Option("--offline", help=f"Nothing leaves this machine; also by {OFFLINE}=1.")]
_FLAGS = {
    "quiet": Annotated[bool, Option("--quiet", help="Print nothing but errors.")],
    "as_json": Annotated[bool, Option("--json", help="Print one JSON object on stdout instead of text.")],
    "offline": _OfflineOption,
}
StoreOption = Annotated[Path, Option("--store", help="The DuckDB store.")]
SchemaOption = Annotated[
    Path | None, Option("--schema", help="TOML file with entities added to the challenge's eight, or replacing them.")
]
ForOption = Annotated[
    Path | None,
    Option(
        "--for",
        help="Table whose rows --out gets, in its order; default: every question of the store.",
        metavar="TABLE",
    ),
]
GoldOption = Annotated[
    Path, Option("--gold", help="Truth: index, entity_value or value; perhaps also, slice.", metavar="GOLD.csv")
]
WhereOption = Annotated[
    list[str] | None, Option("--where", help="Only gold rows with this cell; repeatable.", metavar="COLUMN=VALUE")
]
RunFileOption = Annotated[
    Path | None, Option("--out", help="Also write the run as index,prediction; -: stdout."), Writes()
]
PagesOption = Annotated[str | None, Option("--engine", help="Whose pages; default: those written last.")]
EngineOption = Annotated[str, Option("--engine", help="rapidocr, paddleocr, or one that a plug-in adds.")]
WorkersOption = Annotated[
    int | None, Option("--workers", min=1, help="Reading processes; default: one a core, as far as memory goes.")
]
WorkerMemoryOption = Annotated[
    float | None, Option("--worker-memory", min=1.0, help="GB of a process; one over it is killed.")
]
PictureSecondsOption = Annotated[float, Option("--picture-seconds", min=1.0, help="Time for a picture; three tries.")]


class Output:
    """Where a command's words go: text for a person, one JSON object with --json, nothing but errors with --quiet."""

    def __init__(self, *, quiet: bool, as_json: bool, stream: TextIO | None = None) -> None:
        self._text = not quiet and not as_json
        self._json = as_json
        self._stream = stream or sys.stdout

    def line(self, text: str = "") -> None:
        """One line for a person."""
        if self._text:
            _say(shown(text), self._stream)

    def notice(self, text: str) -> None:
        """Something the user should know, on stderr; kept in --json mode, dropped by --quiet."""
        if self._text or self._json:
            _say(f"entx: {shown(text)}", sys.stderr)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> None:
        """Aligned columns: the first `words` ones, which hold words, to the left; numbers to the right."""
        shown_rows = [[shown(cell) for cell in row] for row in [header, *rows]]
        widths = [max(map(len, column)) for column in zip(*shown_rows, strict=True)]
        for row in shown_rows:
            cells = [
                cell.ljust(width) if i < words else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  ".join(cells).rstrip())

    def result(self, result: Mapping[str, Any], *, indent: int | None = None) -> None:
        """The JSON object of --json."""
        if self._json:
            lines = json.dumps(result, ensure_ascii=False, indent=indent).split("\n")
            _say("\n".join(map(shown, lines)), self._stream)

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

    @contextmanager
    def begin(self, label: str, *, unit: str = "rows") -> Iterator[Callable[[int], Callable[[int], None]]]:
        """A bar for work that finds out itself how much there is: yields begin(total), which gives advance(n)."""
        with ExitStack() as stack:
            yield lambda total: stack.enter_context(self.progress(label, total, unit=unit))


_UNSHOWN = re.compile(r"[^\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """A text in one line, without what a terminal obeys or cannot show: those as in JSON, the escape as \\u001b."""
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _say(text: str, stream: TextIO) -> None:
    """Prints a line at once. When the reader has gone (`entx check ... | head`), the command works on in silence.

    Any other fault of standard output is an InputError; of one of stderr nobody can be told.
    """
    try:
        print(text, flush=True, file=stream)
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # so that the interpreter's own last flush does not fail either
        os.close(nowhere)
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise InputError(f"standard output cannot be written: {error.strerror}") from None


class _OnceEach(TyperCommand):
    """A command that refuses an option given twice, unless it is a list: the last would win without a word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = Counter(self.make_parser(ctx).parse_args(args=list(args))[2])
        for option, times in given.items():
            if times > 1 and not getattr(option, "multiple", False):
                raise InputError(f"{option.opts[0]} is given {times} times; it takes one value")
        return super().parse_args(ctx, args)


def command(name: str, group: typer.Typer = app) -> Callable[[_Command], _Command]:
    """Registers a command: it is called with its `Output`, which --quiet and --json set, and its checked options."""

    def register(function: _Command) -> _Command:
        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        marks = {one.name: mark for one in own for mark in get_args(one.annotation) if isinstance(mark, Writes)}

        @functools.wraps(function)
        def run(*, quiet: bool, as_json: bool, offline: bool, **options: Any) -> None:
            os.environ |= {OFFLINE: "1"} if offline else {}
            stream = sys.stderr if _check_outputs(marks, options) else sys.stdout
            function(Output(quiet=quiet, as_json=as_json, stream=stream), **options)

        last = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
            for option, kind in _FLAGS.items()
        ]
        vars(run)["__signature__"] = inspect.Signature([*own, *last])
        group.command(name, cls=_OnceEach)(run)
        return function

    return register


def _check_outputs(marks: Mapping[str, Writes], options: Mapping[str, Any]) -> bool:
    """Before a command's work: refuses to write what would be lost; tells whether its data go to standard output."""
    paths = [(marks.get(name), path) for name, of in options.items() for path in (of if isinstance(of, list) else [of])]
    read = [path for mark, path in paths if isinstance(path, Path) and mark is None]
    taken = [*read, *(Path(f"{name}.wal") for path in read for name in (path, os.path.realpath(path)))]  # stores' logs
    written = [path / name for mark, path in paths if path and mark is not None for name in mark.names]
    for file in written:
        if other := next((other for other in taken if same_file(file, other)), None):
            raise InputError(f"{file}: would be overwritten, and this call needs it as {other}; choose another name")
        replaced_file(file)
        taken.append(file)
    return any(map(is_stdout, written))


def open_store(path: Path, *, write: bool = False, create: bool = False) -> Store:
    """The store; its library is loaded only now. `create` also makes one: elsewhere a new name is a mistyped one."""
    from entx.storage.store import Store

    return Store(path, write=write or create, create=create)


def worker_limits(memory: float | None, seconds: float) -> Limits:
    """The limits of reading processes that --worker-memory (GB) and --picture-seconds ask for."""
    from entx.ocr_stage.pool import Limits

    return Limits(seconds, most_bytes=None if memory is None else round(memory * 1e9))


def begin_run_file(out: Path | None, only: Path | None) -> Sequence[int] | None:
    """Before a run's work: the rows of --for in their order, None for all; refuses a name that --out cannot have."""
    from entx.core.tables import parse_indices, read_table
    from entx.storage.transfer import check_predictions_name

    if out is not None:
        check_predictions_name(out)
    return None if only is None else parse_indices(read_table(only, ["index"]))


def end_run_file(store: Store, run: str, out: Path | None, indices: Sequence[int] | None) -> Coverage:
    """After a run's work: writes --out, and counts the rows of --for."""
    from entx.storage.transfer import coverage, write_predictions

    if out is not None:
        write_predictions(store, run, out, indices)
    return coverage(store, run, indices)


def say_run(words: Output, run: str, covered: Coverage, result: Mapping[str, Any]) -> None:
    """The last line of a command that made a run, and its JSON object."""
    words.line(f"run {run}: {covered.asked} of {covered.questions} questions asked, {covered.answered} answered")
    words.result({"run": run, **result, **asdict(covered)})


def named_values(option: str, texts: Sequence[str] | None, form: str) -> list[tuple[str, str]]:
    """Names and values of a repeatable option; InputError, with the `form`, where one is not NAME=VALUE."""
    pairs = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InputError(f"{option} {text!r} is not {form}")
        pairs.append((name, value))
    return pairs


def plain_value(text: str) -> str | int | float | bool:
    """A setting of the type that it looks like."""
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def named_numbers(
    option: str, texts: Sequence[str] | None, form: str, *, low: float = -math.inf, high: float = math.inf
) -> dict[str, float]:
    """The same for NAME=NUMBER, with a number from `low` to `high`; the name may hold a "=" itself."""
    numbers = {}
    for text in texts or ():
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not name or not math.isfinite(number) or not low <= number <= high:
            raise InputError(f"{option} {text!r} is not {form}")
        numbers[name] = number
    return numbers


def where_pairs(where: Sequence[str] | None) -> list[tuple[str, str]]:
    """Columns and values of --where."""
    return named_values("--where", where, "COLUMN=VALUE, for example origin=test")


def run_names(runs: str) -> list[str]:
    """The names of --runs A,B,C, none of them empty; a comma in brackets is part of a name, as in vote(A,B)."""
    names, depth = [""], 0
    for letter in runs:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            names.append("")
        else:
            names[-1] += letter
    names = [name.strip() for name in names]
    if not all(names):
        raise InputError(f"--runs {runs!r} names no run between two commas; for example --runs rules,qwen")
    return names


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"entx {__version__}")
        raise typer.Exit


@app.callback()
def entx(
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    offline: _OfflineOption = False,
) -> None:
    """Read quantities off product pictures: a number, its unit, where it stands, and how sure it is.

    A first session: entx demo
    """
    os.environ |= {OFFLINE: "1"} if offline else {}


_heard: list[int] = []
"""The signal that ends this process, once there is one."""


def all_commands() -> typer.Typer:
    """The application with its commands, which their modules register when they are imported."""
    from entx.cli import demo, ensemble, predict, report, run, store, tables, train  # noqa: F401

    return app


def main() -> None:
    """Runs `entx`; the exit codes are those of `ExitCode`, and 128 + its number when a signal ends it."""
    while (free := os.open(os.devnull, os.O_RDWR)) < 3:  # a store under a closed stream's number would get its words
        pass
    os.close(free)
    # All models are folders of this machine: no library need ask a hub for one, or count its users.
    os.environ |= {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "UNSLOTH_DISABLE_STATISTICS": "1"}
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started this
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif hasattr(getattr(sys, name), "reconfigure"):  # a terminal may lack a letter of a file's name
            getattr(sys, name).reconfigure(errors="backslashreplace")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        all_commands()()
    except Exception as error:
        if _heard:  # inside a query DuckDB asks for signals, and makes an error of its own of what their handler raises
            sys.exit(128 + _heard[0])
        if isinstance(error, OSError) and error.strerror:  # a name, a folder or a disk as the machine cannot have it
            error = InputError(": ".join(str(part) for part in (error.filename, error.strerror) if part))
        known = error if isinstance(error, EntxError) else memory_error(error)
        if known is None:
            raise
        _say(f"entx: {shown(str(known))}", sys.stderr)
        sys.exit(int(known.exit_code))


def say_stopped(number: int) -> None:
    """The line of every command that a signal ends."""
    print(f"entx: stopped by {signal.Signals(number).name}; the same command goes on from here", file=sys.stderr)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Ends through every `finally`, so that batches in flight are committed and workers ended."""
    _heard.append(number)
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean end short
    say_stopped(number)
    sys.exit(128 + number)
