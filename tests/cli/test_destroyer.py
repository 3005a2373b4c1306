"""Every option that writes, given what must not be lost or cannot be written: nothing is lost, and one line says why.

What writes is found in the commands themselves: a `Writes` in the annotation, and no path that is neither marked so nor
listed below as one that is only read.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from PIL import Image

from entx.cli.app import all_commands
from entx.core.files import Writes
from entx.core.types import Answer, parse_written
from entx.storage.pages import add_pages
from entx.storage.questions import LinkedFile, add_files
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.cli.runner import call_entx
from tests.llm_stage.stores import KEY, Asked, Shown, fill, page_of

READ = {
    "store", "schema", "only", "gold", "model", "adapter", "fitted", "old", "train", "images", "pages", "table", "file",
    "held_out", "predictions", "test", "parts", "local_root",
}  # fmt: skip
"""Parameters with paths that a call reads, or that name its store."""

FILES: dict[tuple[str, str], tuple[str, str]] = {
    ("predict", "out"): (".csv", "predict --stage rules --store s.duckdb --for table.csv --out"),
    ("import-predictions", "out"): (".csv", "import-predictions p.csv --stage v --run p --store s.duckdb --out"),
    ("ensemble", "out"): (".csv", "ensemble --runs a,b --store s.duckdb --for table.csv --out"),
    ("ensemble", "save"): (".json", "ensemble --runs a,b --store s.duckdb --strategy weighted --gold table.csv --save"),
    ("ablate", "out"): (".html", "ablate --store s.duckdb --gold table.csv --runs a,b --strategies none --out"),
    ("ablate", "json_out"): (".json", "ablate --store s.duckdb --gold table.csv --runs a --strategies none --json-out"),
    ("store export", "out"): (".csv", "store export answers --store s.duckdb --out"),
    ("show", "out"): (".html", "show 0 --store s.duckdb --out"),
    ("review export", "out"): (".json", "review export --store s.duckdb --runs a,b --out"),
    ("review export", "sheet"): (".csv", "review export --store s.duckdb --runs a,b --csv"),
    ("review export", "config_out"): (".xml", "review export --store s.duckdb --runs a,b --out q.json --config-out"),
    ("review import", "out"): (".csv", "review import q.csv --store s.duckdb --out"),
    ("recipe copy", "target"): (".toml", "recipe copy entx-small"),
}
"""Options that name a file: the ending that they take, and a call that lacks only the name."""

FOLDERS: dict[tuple[str, str], str] = {
    ("split", "out_dir"): "split table.csv --by entity_name --out",
    ("dataset", "out_dir"): "dataset --stage llm --store s.duckdb --out",
    ("download", "images"): "download table.csv --images",  # plain names, no links: all of them are failures
    ("demo", "out"): "demo --out",
    ("run", "out"): "run table.csv --images . --stages ocr,rules --out",
    ("train", "out_dir"): "train --stage llm --recipe entx-small --store s.duckdb --out",
    ("import-model", "out_dir"): "import-model p.csv --out",
    ("merge-adapter", "out_dir"): "merge-adapter --model m --adapter m --store s.duckdb --out",
    ("calibrate", "out"): "calibrate --stage llm --store s.duckdb --gold table.csv --out",
}
"""Options that name a folder."""

ROWS = 60  # more than a fit needs

REFUSED = {("show", "-"), *(("recipe copy", kind) for kind in ("a link", "a pipe", "-", "/dev/null", "/dev/stdout"))}
"""Commands and targets: an ending is asked for, or a file that is new."""

HEAVY = {"demo", "train", "import-model", "merge-adapter", "calibrate"}
"""Commands that take minutes: here they are given only what they must refuse before their work."""


def parameters() -> Iterator[tuple[str, inspect.Parameter]]:
    """Each command's own parameters."""

    def walk(app: typer.Typer, before: str) -> Iterator[tuple[str, inspect.Parameter]]:
        for one in app.registered_commands:
            assert one.callback is not None
            for parameter in inspect.signature(one.callback).parameters.values():
                yield f"{before}{one.name}", parameter
        for group in app.registered_groups:
            assert group.typer_instance is not None
            yield from walk(group.typer_instance, f"{group.name} ")

    yield from walk(all_commands(), "")


def test_every_path_of_a_command_is_known_to_be_written_or_only_read() -> None:
    written = set()
    for command, parameter in parameters():
        if any(isinstance(mark, Writes) for mark in get_args(parameter.annotation)):
            written.add((command, parameter.name))
        elif "Path" in str(parameter.annotation):
            assert parameter.name in READ, (command, parameter.name)
    assert written == FILES.keys() | FOLDERS.keys()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with pages and runs, and the tables, sheets and the picture that calls read."""
    home = tmp_path_factory.mktemp("home")
    shows = [Shown([f"{20 + n} cm"], [Asked("height", f"{20 + n}.0 centimetre")]) for n in range(ROWS)]
    Image.new("RGB", (64, 48), "white").save(home / "0.png")
    with fill(home / "s.duckdb", shows) as store:
        known = (home / "0.png").stat()
        sha256 = hashlib.sha256((home / "0.png").read_bytes()).hexdigest()
        add_files(store, [LinkedFile("0.jpg", sha256, str(home / "0.png"), known.st_size, known.st_mtime_ns)])
        add_pages(store, KEY, "made", [page_of(sha256, ["20 cm"])])
        for run in ("a", "b"):
            begin_run(store, run, "rules", {})
            add_answers(store, run, [(n, Answer(parse_written(f"{20 + n // 2} centimetre"))) for n in range(ROWS)])
    rows = [f"{n},{n}.jpg,g{n},height,{20 + n}.0 centimetre\n" for n in range(ROWS)]
    (home / "table.csv").write_text("index,image_link,group_id,entity_name,entity_value\n" + "".join(rows))
    (home / "p.csv").write_text("index,prediction\n" + "".join(f"{n},5 gram\n" for n in range(ROWS)))
    (home / "other.duckdb").write_bytes((home / "s.duckdb").read_bytes())
    (home / "plain.txt").write_text("old\n")
    (home / "m").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        assert call_entx("review", "export", "--store", "s.duckdb", "--runs", "a,b", "--csv", "q.csv", "--quiet") == 0
    return home


@dataclass
class Target:
    """What an option is given, and what must come of it."""

    path: Path
    written: bool = False  # whether the call must end well, with its data there
    read: Callable[[], bytes] = lambda: b"any"  # the data


def drained(end: int) -> bytes:
    """All that is written into a pipe, whose reading end is open and waits for a writer."""
    os.set_blocking(end, True)
    with select.epoll() as waiting:
        waiting.register(end, select.EPOLLIN)
        waiting.poll()
    with open(end, "rb") as stream:
        return stream.read()


def named(home: Path, scratch: Path, kind: str, suffix: str, stack: ExitStack) -> Target:
    """A hostile target of an option that names a file."""
    path = scratch / f"x{suffix}"
    if kind.startswith(("link to ", "hard link to ")):
        source = home / kind.rpartition(" ")[2]
        os.link(source, path) if kind.startswith("hard") else path.symlink_to(source)
    elif kind.endswith((".duckdb", ".wal", ".csv")):
        return Target(Path(kind))
    elif kind == "itself":
        path.symlink_to(path)
    elif kind == "a link":
        (scratch / "aim").write_text("old\n")
        path.symlink_to("aim")
        return Target(path, True, lambda: (scratch / "aim").read_bytes() if path.is_symlink() else b"")
    elif kind == "a dangling link":
        path.symlink_to("aim")
        return Target(path, True, lambda: (scratch / "aim").read_bytes() if path.is_symlink() else b"")
    elif kind == "another store":
        shutil.copy(home / "other.duckdb", path)
    elif kind == "a picture":
        shutil.copy(home / "0.png", path)
    elif kind == "a pipe":
        os.mkfifo(path)
        got: list[bytes] = []
        end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # open before the command looks who reads, not some time after
        reader = threading.Thread(target=lambda: got.append(drained(end)), daemon=True)
        reader.start()
        return Target(path, True, lambda: (reader.join(10), b"".join(got))[1] if path.is_fifo() else b"")
    elif kind == "a pipe that nobody reads":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a full disk":
        stack.enter_context(full_disk(scratch / "disk"))
        return Target(scratch / "disk" / path.name if suffix else scratch / "disk")
    elif kind == "a read-only folder":
        stack.enter_context(read_only(scratch / "sealed"))
        return Target(scratch / "sealed" / "new" / path.name)
    elif kind == "a long name":
        return Target(scratch / ("n" * 300 + suffix))
    elif kind == "below a file":
        return Target(home / "plain.txt" / path.name)
    elif kind == "-":
        return Target(Path("-"), True)
    else:  # a device; the endings of a name are kept by a link
        path.symlink_to(kind)
        return Target(path, kind != "/dev/full")
    return Target(path)


KINDS = (
    "itself", "a link", "a dangling link", "another store", "a picture", "a pipe", "a pipe that nobody reads",
    "a folder", "a full disk", "a read-only folder", "a long name", "below a file", "-", "/dev/null", "/dev/stdout",
    "/dev/full",
)  # fmt: skip


def cases() -> Iterator[Any]:
    """Each option with each kind of target, those among them that its call reads."""
    for option, (_, call) in FILES.items():
        inputs = [word for word in call.split() if word.endswith((".csv", ".duckdb"))]
        logs = [f"{word}.wal" for word in inputs if word.endswith(".duckdb")]
        links = [f"{how} to {word}" for word in inputs for how in ("link", "hard link")]
        for kind in (*inputs, *logs, *links, *KINDS):
            yield pytest.param(option, kind, id=f"{' '.join(option)}, {kind}")


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """A file system of one page that is taken."""
    path.mkdir()
    with mounted(path, "-t", "tmpfs", "-o", "size=4k", "none"):
        (path / "taken").write_bytes(bytes(4096))
        yield


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Also for root."""
    path.mkdir()
    with mounted(path, "-t", "tmpfs", "-o", "ro", "none"):
        yield


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[None]:
    if os.geteuid() or subprocess.run(["mount", *options, path], capture_output=True, check=False).returncode:
        pytest.skip("this needs the right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def everything(home: Path) -> dict[str, str]:
    """What lies at home but the store, which calls may add to."""
    files = (path for path in sorted(home.iterdir()) if path.is_file() and not path.name.startswith("s.duckdb"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def held(path: Path) -> bytes | str:
    """What lies at a target now."""
    try:
        if path.is_symlink():
            return str(path.readlink())
        if path.is_dir():
            return str(sorted(path.iterdir()))
        return path.read_bytes() if path.is_file() else str(os.lstat(path).st_mode)
    except OSError as error:
        return str(error)


def go(
    call: Sequence[str], target: Target, home: Path, capfd: pytest.CaptureFixture[str], code: int | None = None
) -> None:
    """Makes the call and holds it to the rule: nothing is lost, and an end that is not good is told in one line."""
    before, at_target, store_before = everything(home), held(target.path), (home / "s.duckdb").stat()
    capfd.readouterr()
    ended = call_entx(*call, target.path)
    out, err = capfd.readouterr()
    assert ended == (2 if not target.written else code or 0), (out, err)
    if target.written:
        assert target.read()
    else:
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        assert held(target.path) == at_target
    assert {name: of for name, of in everything(home).items() if name in before} == before
    assert not list(home.glob(".entx.*"))
    if (home / "s.duckdb").stat() != store_before:
        with Store(home / "s.duckdb") as store:
            assert (len(store.questions()), len(store.pages())) == (ROWS, ROWS + 1)


@pytest.mark.parametrize(("option", "kind"), list(cases()))
def test_an_option_that_names_a_file_loses_nothing(
    option: tuple[str, str], kind: str, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    suffix, call = FILES[option]
    monkeypatch.chdir(home)
    with ExitStack() as stack:
        target = named(home, tmp_path, kind, suffix, stack)
        target.written &= (option[0], kind) not in REFUSED
        go(call.split(), target, home, capfd)


def folder_cases() -> Iterator[Any]:
    """The same for options that name a folder; what they write into it may be there already, as something else."""
    inner = {"split": "train.csv", "dataset": "train.jsonl", "download": "download-failures.csv", "demo": "report.html",
             "run": "plan.json"}  # fmt: skip
    for option, call in FOLDERS.items():
        kinds = ["s.duckdb", "table.csv", "itself", "a pipe that nobody reads", "another store", "a picture",
                 "a read-only folder", "a long name", "below a file", "/dev/null", "/dev/full"]  # fmt: skip
        if option[0] in inner:
            kinds += [f"{kind} as {inner[option[0]]}" for kind in ("a folder", "another store", "link to s.duckdb")]
        else:
            kinds += ["a folder", "a dangling link"]
        if "table.csv" in call and option[0] in inner:
            kinds += [f"{how} to table.csv as {inner[option[0]]}" for how in ("link", "hard link")]
        if option[0] not in HEAVY:
            kinds += ["a full disk", "a link"]
        for kind in kinds:
            yield pytest.param(option, kind, id=f"{' '.join(option)}, {kind}")


@pytest.mark.parametrize(("option", "kind"), list(folder_cases()))
def test_an_option_that_names_a_folder_loses_nothing(
    option: tuple[str, str], kind: str, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(home)
    with ExitStack() as stack:
        kind, _, inner = kind.partition(" as ")
        target = named(home, tmp_path, kind, "", stack)
        target.written = kind == "a link"
        if inner:
            (tmp_path / "x").rename(tmp_path / inner)
            target = Target(tmp_path)
        elif kind == "a link":
            (tmp_path / "aim").unlink()
            (tmp_path / "aim").mkdir()
            target.read = lambda: b"any" if target.path.is_symlink() and any((tmp_path / "aim").iterdir()) else b""
        contents = {path: held(path) for path in tmp_path.iterdir()}
        call = FOLDERS[option].replace("calibrate", f"calibrate --model {home / 'm'}").split()
        go(call, target, home, capfd, code=3 if target.written and option[0] in ("download", "run") else None)
        if not target.written:
            assert {path: held(path) for path in tmp_path.iterdir()} == contents


def test_a_closed_standard_output_is_no_name_for_the_store(home: Path, tmp_path: Path) -> None:
    """The system gives a closed stream's number to the file that is opened next: the store."""
    store = shutil.copy(home / "s.duckdb", tmp_path)
    call = 'exec "$0" -m entx import-predictions "$1" --stage v --run closed --store "$2" --out - >&-'
    done = subprocess.run(["sh", "-c", call, sys.executable, home / "p.csv", store], check=False)
    assert done.returncode == 0
    with Store(store) as opened:
        assert len(opened.answers("closed")) == ROWS
