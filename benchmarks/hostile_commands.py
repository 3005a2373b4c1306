"""Hostile command lines: every command with options, files and surroundings drawn by a seed; what ends in a traceback?

Makes a set of inputs by the demo (a store, tables, exports, a picture, a model folder, and files that are none of what
they are called), then runs command lines over it. Each option gets a good value or a hostile one: numbers out of any
range, control characters, names of 300 and 5,000 characters, files of another kind, folders, devices, FIFOs, loops of
links. Every seventh runs as a process of its own in surroundings that are drawn too (closed or full streams, locales,
COLUMNS=1, no HOME, a working folder that is gone, few file handles, files of 1,000 bytes at most); the
others are forks of this process, which has imported the commands, for a start takes longer than most of them.

An ending is good by its exit code (0, 2, 3, 4), without a traceback, in at most eight lines on stderr (typer's errors
of usage are a box of its own), within --seconds, and with every input as it was: only what --store or an option that
writes names, and no other option of the same line, may have changed.

    python benchmarks/hostile_commands.py --at FOLDER [--count 1000] [--seed 1] [--seconds 60] [--only 17,203]
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
import pkgutil
import random
import re
import resource
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperOption

import entx
from benchmarks.shared import ROOT, arguments, write_json
from entx.cli.app import all_commands, main

WRITES = {"out", "out_dir", "csv", "csv_out", "json_out", "save", "config_out", "target", "images"}
DEAR = {"demo": 0.02, "doctor": 0.02, "extract": 0.1, "train": 0.1, "merge-adapter": 0.1, "calibrate": 0.1}
"""Weights in the draw of commands whose good lines take many seconds; 1 for all others."""

TEXTS = [
    "", " ", "-", "--", "-1", "0", "1", "1e400", "nan", "-inf", "9" * 20, "0.5", "-0", "1e-320", "0x10", "ü", "日本語",
    "\x1b[31mred", "\x07", "a\nb", "a\rb", "\udcff", "%s%n{}{0}", "'; drop table pages; --", "../case/in/gold.csv",
    "a" * 300, "a" * 5000, "=cmd()", ":memory:", "md:x", "http://127.0.0.1:1/x.jpg", "s3://x/y", "A=B", "=", "x=",
    "x=nan", "threads=0", "max_side=1e9", "models=/dev/null", "1/0", "5/4", "1/4", "rules,llm", "vote(rules,llm)",
    "a,,b", "((", "~", "$HOME", "*", "?", "[", "con.csv", "x.csv.gz", "x.parquet", "x.xlsx", "item_weight", "true",
]  # fmt: skip
FILES = [
    "s.duckdb", "rules.csv", "gold.csv", "questions.csv", "pages.parquet", "pages.jsonl", "answers.csv", "fit.json",
    "tasks.json", "schema.toml", "recipe.toml", "one.jpg", "model", "pictures", "empty", "empty.csv", "empty.duckdb",
    "text.csv", "text.duckdb", "text.json", "text.parquet", "text.jpg", "store.csv", "picture.parquet", "table.duckdb",
    "noise.csv", "noise.json", "noise.toml", "noise.jsonl", "gz.csv.gz", "cut.jpg", "cut.duckdb", "fifo", "fifo.csv",
    "loop.csv", "loop.duckdb", "dangling.csv", "link.duckdb", "locked.csv", "locked", "deep.json", "wide.csv",
    "nul.csv",
]  # fmt: skip
DEVICES = ["in/null", "in/full", "in/stdin", "in/stdout", "in/memory", "in/null.csv", ".", ".."]
GOOD = {
    "store": ["in/s.duckdb"], "gold": ["in/gold.csv"], "predictions": ["in/rules.csv"], "test": ["in/questions.csv"],
    "table": ["in/questions.csv"], "only": ["in/questions.csv"], "pages": ["in/pages.parquet", "in/pages.jsonl"],
    "runs": ["rules,llm", "rules"], "stage": ["rules", "llm"], "entity": ["item_weight", "height"],
    "what": ["0", "5", "in/one.jpg"],
    "images": ["in/pictures"], "model": ["in/model"], "schema": ["in/schema.toml"], "recipe": ["in/recipe.toml"],
    "name": ["in/recipe.toml", "entx-small"], "file": ["in/answers.csv", "in/tasks.json"], "fitted": ["in/fit.json"],
    "parts": ["in/rules.csv"], "out": ["out/x.csv", "out/x.html", "out/y"], "out_dir": ["out/made"], "seed": ["1"],
    "engine": ["rapidocr"], "strategy": ["vote", "stack"], "by": ["picture", "entity"], "target": ["out/mine.toml"],
    "param": ["threads=1"], "run": ["rules", "mine"], "workers": ["1"], "batch": ["8"], "base_url": ["http://127.0.0.1:9/v1"],
    "limit": ["3"], "backend": ["transformers", "openai"], "set": ["train.lr=1e-3"], "style": ["compact"],
}  # fmt: skip


def make_inputs(at: Path) -> Path:
    """The set of inputs, made once for a folder."""
    found = at / "inputs"
    if found.is_dir():
        return found
    part = at / "part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)

    def call(*options: object) -> None:
        subprocess.run([sys.executable, "-m", "entx", *map(str, options), "--quiet"], cwd=part, check=True,
                       env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip

    shipped = ROOT / "entx" / "demo"
    call("demo", "--out", "made")
    shutil.copy(part / "made" / "demo.duckdb", part / "s.duckdb")
    shutil.copy(part / "made" / "predictions.csv", part / "rules.csv")
    shutil.rmtree(part / "made")
    shutil.copy(shipped / "truth.csv", part / "gold.csv")
    shutil.copy(shipped / "questions.csv", part / "questions.csv")
    (part / "pictures").mkdir()
    for picture in sorted((shipped / "pictures").iterdir())[:3]:
        shutil.copy(picture, part / "pictures")
    shutil.copy(shipped / "pictures" / "01_pouch.jpg", part / "one.jpg")
    shutil.copytree(ROOT / "entx" / "models" / "entx-small", part / "model")
    for name in ("pages.parquet", "pages.jsonl", "answers.csv"):
        call("store", "export", name.split(".")[0], "--store", "s.duckdb", "--out", name)
    call("ensemble", "--store", "s.duckdb", "--runs", "rules,llm", "--strategy", "weighted", "--gold", "gold.csv",
         "--save", "fit.json")  # fmt: skip
    call("review", "export", "--store", "s.duckdb", "--runs", "rules,llm", "--gold", "gold.csv", "--out", "tasks.json")
    (part / "schema.toml").write_text('[entity.span]\nkind = "length"\nunits = ["centimetre"]\ncues = ["span"]\n')
    recipe = (ROOT / "entx" / "recipes" / "entx-small.toml").read_text()
    (part / "recipe.toml").write_text(recipe)
    chance = random.Random(0)
    store, picture = (part / "s.duckdb").read_bytes(), (part / "one.jpg").read_bytes()
    contents = {
        "empty": b"", "text": b"index,prediction\n1,2 gram\nbanana", "noise": chance.randbytes(3000), "store": store,
        "picture": picture, "table": (part / "gold.csv").read_bytes(), "gz": b"\x1f\x8b\x08\0garbage",
        "deep": b"[" * 100_000, "wide": b"a," * 5000 + b"\n" + b"1," * 5000, "nul": b"index,prediction\n0,\0\n",
        "locked": b"index,prediction\n",
    }  # fmt: skip
    for name in (*FILES, "null", "full", "null.csv", "stdin", "stdout", "memory"):
        path, kind = part / name, name.split(".")[0]
        if kind == "fifo":
            os.mkfifo(path)
        elif kind in ("null", "full"):
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3 if kind == "null" else 7))
        elif kind in ("stdin", "stdout", "memory"):
            path.symlink_to({"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "memory": "/proc/self/mem"}[kind])
        elif kind == "loop":
            path.symlink_to(name)
        elif kind == "dangling":
            path.symlink_to("nothing-here")
        elif kind == "link":
            path.symlink_to("s.duckdb")
        elif kind == "cut":
            source = store if name.endswith("duckdb") else picture
            path.write_bytes(source[: len(source) // 2])
        elif not path.exists():
            path.write_bytes(contents[kind])
    (part / "locked.csv").chmod(0)
    (part / "locked").unlink()
    (part / "locked").mkdir(mode=0o500)
    part.rename(found)
    return found


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, (*path, name))


class Drawn:
    """One command line and its surroundings."""

    def __init__(self, number: int, seed: int) -> None:
        self.chance = random.Random(f"{seed} {number}")
        commands = list(leaves(typer.main.get_command(all_commands())))
        weights = [DEAR.get(" ".join(path), 1.0) for path, _ in commands]
        path, command = self.chance.choices(commands, weights)[0]
        self.command = " ".join(path)
        self.named: dict[str, list[str]] = defaultdict(list)  # values by parameter
        hostility = self.chance.choice((0.1, 0.25, 0.6))
        words: list[list[str]] = []
        for one in command.params:
            needed = self.chance.random() > 0.03 if one.required else self.chance.random() < 0.2
            if one.name == "help" or not needed:
                continue
            times = self.chance.choice((1, 1, 1, 2)) if getattr(one, "multiple", False) or one.nargs == -1 else 1
            times += self.chance.random() < 0.01
            for _ in range(times):
                option = [self.chance.choice(one.opts)] if isinstance(one, TyperOption) else []
                if getattr(one, "is_flag", False):
                    words.append(option)
                    continue
                value = self.value(str(one.name), hostility)
                self.named[str(one.name)].append(value)
                words.append([*option, value])
        self.chance.shuffle(words)
        self.arguments = [*path, *(word for group in words for word in group)]
        if self.chance.random() < 0.02:
            self.arguments.append(self.chance.choice(TEXTS))
        self.surroundings = self.chance.choice(SURROUNDINGS) if self.chance.random() < 0.15 else ""

    def value(self, name: str, hostility: float) -> str:
        """A good or a hostile value; all are relative names, so that a fault costs nothing outside of the case."""
        if self.chance.random() > hostility:
            good = GOOD.get(name, ["1"])
            if name == "stage":
                good = ["rules", "rules", "llm", "vlm"] if self.chance.random() < 0.1 else ["rules"]
                if self.command in ("train", "calibrate", "dataset"):
                    good = ["llm", "llm", "llm", "vlm"]
            if name == "images" and self.command == "extract":
                good = ["in/one.jpg"]
            if name == "table" and self.command == "store export":
                good = ["pages", "answers"]
            return self.chance.choice(good)
        pool = self.chance.choice((TEXTS, [f"in/{file}" for file in FILES], [f"in/{file}" for file in FILES], DEVICES))
        if name in WRITES and self.chance.random() < 0.3:
            return "out/" + self.chance.choice(
                ("\x1b[31m.csv", "a" * 300 + ".csv", "ü.csv", "x/y/z.parquet", "\udcff.csv")
            )
        return self.chance.choice(pool)

    def shown(self) -> str:
        line = shlex.join(["entx", *(one if len(one) < 200 else f"{one[:20]}...{len(one)}" for one in self.arguments)])
        line = line.encode("utf-8", "backslashreplace").decode()
        return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line) + (
            f"   [{self.surroundings}]" if self.surroundings else ""
        )


SURROUNDINGS = [
    "no stdin", "no stdout", "no stderr", "full stdout", "full stderr", "broken pipe", "LC_ALL=C",
    "PYTHONIOENCODING=ascii", "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0", "COLUMNS=1", "COLUMNS=x", "-HOME",
    "TMPDIR=/nowhere", "HOME=/nowhere",
    "HOME=/dev/null", "umask", "no folder", "few handles", "small files", "OMP_NUM_THREADS=x", "OMP_NUM_THREADS=-1",
    "ENTX_CACHE=/dev/null", "ENTX_OFFLINE=banana", "ENTX_API_KEY=\x1b[31m\n", "XDG_CACHE_HOME=relative", "TERM=nothing",
    "FORCE_COLOR=1", "TZ=x/y/z", "HF_HUB_OFFLINE=x", "PYTHONWARNINGS=always", "small memory",
]  # fmt: skip


def enter(case: Path, surroundings: str) -> None:
    """In the child: streams, limits and user of the surroundings; the rest is in its environment."""
    os.setsid()
    streams = [os.open("/dev/null", os.O_RDONLY), *(
        os.open(case / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in ("stdout", "stderr"))]  # fmt: skip
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if surroundings.startswith("full"):
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1 if surroundings.endswith("stdout") else 2)
    elif surroundings == "broken pipe":
        reading, writing = os.pipe()
        os.dup2(writing, 1)
        os.close(reading)
        os.close(writing)
    elif surroundings == "umask":
        os.umask(0o777)
    elif surroundings == "few handles":
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    elif surroundings == "small files":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    elif surroundings == "small memory":
        resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, 1_500_000_000))
    elif surroundings == "no folder":
        gone = case / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
    elif surroundings.startswith("no "):
        os.close(["no stdin", "no stdout", "no stderr"].index(surroundings))


def environment(case: Path, surroundings: str) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "OMP_NUM_THREADS")}
    found |= {"HOME": str(case / "home"), "PYTHONPATH": str(ROOT), "ENTX_CACHE": str(case.parent / "cache")}
    for word in surroundings.split(" ") if "=" in surroundings else [surroundings]:
        name, equals, value = word.partition("=")
        if equals:
            found[name] = value
    if surroundings == "-HOME":
        del found["HOME"]
    return found


def run(drawn: Drawn, case: Path, seconds: float) -> tuple[int | None, float]:
    """The exit status (negative: of a signal; None: it hung), and how long it took."""
    began = time.monotonic()
    arguments = [os.fsencode(one) for one in drawn.arguments]
    child = os.fork()
    if not child:
        code = 70
        try:
            os.chdir(case)
            if drawn.surroundings:
                variables = environment(case, drawn.surroundings)
                enter(case, drawn.surroundings)
                os.execve(sys.executable, [sys.executable, "-m", "entx", *arguments], variables)
            os.environ.clear()
            os.environ.update(environment(case, ""))
            enter(case, drawn.surroundings)
            sys.argv = ["entx", *drawn.arguments]
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
                code = 1
            with contextlib.suppress(Exception):
                sys.stdout.flush()
        finally:
            os._exit(code)
    while time.monotonic() - began < seconds:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # workers that it left
            return os.waitstatus_to_exitcode(status), time.monotonic() - began
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, time.monotonic() - began


def state(folder: Path) -> dict[str, tuple[int, ...]]:
    """What a look at every file of a folder shows without reading it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        found[str(path.relative_to(folder))] = (seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ino)
    return found


def changed(drawn: Drawn, inputs: Path, before: dict[str, tuple[int, ...]], folder: Path) -> list[str]:
    """Inputs that are no longer what they were, though nothing said that they may change."""
    after, faults = state(folder), []
    naming: Counter[str] = Counter()
    written = set()
    for name, values in drawn.named.items():
        for value in values:
            target = Path(os.path.realpath(folder.parent / value))
            naming[str(target)] += 1
            if name in WRITES or name == "store":
                written.add((str(target), name))
    for name, seen in before.items():
        if after.get(name) == seen:
            continue
        path = Path(os.path.realpath(folder / name))  # unlike resolve(), no fault at a loop
        with contextlib.suppress(OSError):
            if name in after and not path.is_dir() and digest(folder / name) == digest(inputs / name):
                continue
        by = {option for target, option in written if path == Path(target) or path.is_relative_to(target)}
        if by == {"store"} or (by and naming[str(path)] == 1 and "duckdb" not in name):
            continue
        faults.append(name)
    return faults


def digest(path: Path) -> str:
    """Of a file's bytes; of a link where it leads."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(path.readlink())


def kind_of(said: str) -> str:
    """What a traceback is about: its error, and the deepest place of ours."""
    places = re.findall(r'File "[^"]*/entx/([^"]+)", line (\d+), in (\w+)', said)
    last = [line for line in said.strip().splitlines() if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit)\b", line)]
    error = re.sub(r"[0-9]+|'[^']*'|\"[^\"]*\"", "#", last[-1])[:110] if last else said.strip().splitlines()[-1][:110]
    return f"{error}  at {places[-1][0]}:{places[-1][1]} {places[-1][2]}" if places else error


def main_of_this() -> None:
    parser = arguments(__doc__, "--at")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", default="", help="numbers of command lines, shown with all that they said")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    if os.getuid() == 0 and "AS_ANYBODY" not in os.environ:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: permissions count for root too
            ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP, which takes effect in a new program
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "AS_ANYBODY": "1"})
    at = chosen.at.resolve()
    inputs = make_inputs(at)
    for module in pkgutil.walk_packages(entx.__path__, "entx."):  # so that forks need not
        if module.name != "entx.__main__":
            importlib.import_module(module.name)
    for name in ("duckdb", "pandas", "pyarrow.parquet", "sklearn.linear_model", "torch", "transformers"):
        importlib.import_module(name)

    case = at / "case"
    only = [int(number) for number in chosen.only.split(",") if number]
    endings: Counter[str] = Counter()
    faults: dict[str, list[str]] = defaultdict(list)
    slowest: list[tuple[float, str]] = []
    before: dict[str, tuple[int, ...]] = {}
    for number in only or range(chosen.count):
        drawn = Drawn(number, chosen.seed)
        if not case.exists():
            shutil.copytree(inputs, case / "in", symlinks=True, copy_function=copy)
            case.chmod(0o777)
            before = state(case / "in")
        for name in ("out", "home"):
            clear(case / name)
            (case / name).mkdir(mode=0o777)
        code, took = run(drawn, case, chosen.seconds)
        said = (case / "stderr").read_text("utf-8", "backslashreplace")
        spoken = (case / "stdout").read_text("utf-8", "backslashreplace")
        problems = []
        if code is None:
            problems.append("hang")
        elif "Traceback (most recent call last)" in said:
            problems.append("traceback: " + kind_of(said))
        elif code not in (0, 2, 3, 4):
            problems.append(f"exit {code}: {said.strip().splitlines()[-1][:100] if said.strip() else ''}")
        elif code == 2 and said.count("\n") > 8 and "Usage:" not in said:
            problems.append("more than eight lines")
        problems += [f"changed: {name}" for name in changed(drawn, inputs, before, case / "in")]
        endings["hang" if code is None else str(code)] += 1
        if number % 100 == 99:
            print(f"{number + 1} lines", flush=True)
        slowest.append((took, f"{number}: {drawn.shown()[:150]}"))
        for problem in problems:
            faults[problem].append(f"{number}: {drawn.shown()}")
            print(f"{number} {problem}\n    {drawn.shown()}", flush=True)
        if only:
            print(f"{drawn.shown()}\n-> {code} in {took:.1f} s\n{spoken[-1500:]}{said[-3000:]}")
        if state(case / "in") != before:
            clear(case)
    print("\nendings:", ", ".join(f"{code}: {count}" for code, count in sorted(endings.items())))
    for problem, lines in sorted(faults.items(), key=lambda one: -len(one[1])):
        print(f"{len(lines):4}  {problem}   e.g. {lines[0][:200]}")
    print("slowest:", *(f"\n  {took:.1f} s  {line}" for took, line in sorted(slowest, reverse=True)[:8]))
    write_json(chosen.json, {"endings": endings, "faults": faults})


def clear(folder: Path) -> None:
    """Removes a folder, whatever the rights of what is in it."""
    with contextlib.suppress(FileNotFoundError):
        try:
            shutil.rmtree(folder)
        except PermissionError:
            subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(folder)


def copy(source: str, target: str) -> None:
    """One file as it is, be it a FIFO or a device."""
    seen = Path(source).stat()
    if not stat.S_ISREG(seen.st_mode) or not seen.st_mode & 0o400:
        os.mknod(target, seen.st_mode, seen.st_rdev)  # which makes plain files, too
    else:
        shutil.copy2(source, target)


if __name__ == "__main__":
    main_of_this()
