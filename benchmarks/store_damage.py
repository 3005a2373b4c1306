"""Fault test: a store damaged at random places of its file and its log, and what the commands then do.

    python -m benchmarks.store_damage --count 100

The demo's store, read and answered, with 20 transactions more that stand in the log only. Each damage (a flipped bit,
64 bytes of garbage, a zeroed page of 4096 bytes, the end cut off) is done to a fresh copy. Where a command names
`entx store repair` it is run, and all commands again. Counts the commands by how they ended: "right", as on the whole
store with exactly the transactions before the damage; "earlier", with fewer of them; "told", one line with a remedy and
code 2; "else", anything else; "wrong", other rows. Exits with 1 when there are any of the last two.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from unittest import mock

from benchmarks.shared import ROOT, arguments
from entx.cli.app import main as entx_main
from entx.core.types import Answer
from entx.storage.runs import add_answers
from entx.storage.store import TABLES, Store

HOWS = ("bit", "garbage", "zeros", "cut")
REMEDIES = ("entx store repair", "entx store export", "restore a copy", "begin with: entx ingest")
TRANSACTIONS = 20


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, ends, bad = random.Random(args.seed), Counter[tuple[str, ...]](), []
    with tempfile.TemporaryDirectory() as folder:
        store, sizes = make_store(Path(folder))
        log = store.with_name("s.duckdb.wal")
        whole = {file.name: file.read_bytes() for file in (store, log)}
        right = [outputs(store, whole | {log.name: whole[log.name][:size]}) for size in sizes]
        for number in range(args.count):
            file, how = (store, log)[number % 2], rng.choice(HOWS)
            content = bytearray(whole[file.name])
            at = rng.randrange(len(content))
            damage(content, at, how, rng)
            found = outputs(store, whole | {file.name: bytes(content)})
            reached = sum(size <= at for size in sizes[1:]) if file == log else TRANSACTIONS
            given = {name: end for name, end in found.items() if end[0] == 0 or any(end == one[name] for one in right)}
            fits = [n for n, one in enumerate(right) if all(one[name] == end for name, end in given.items())]
            gave = "right" if reached in fits else "earlier" if fits and fits[-1] < reached else "wrong"
            for name, (code, said) in found.items():
                told = code == 2 and said.count("\n") == 1 and any(remedy in said for remedy in REMEDIES)
                end = gave if name in given else "told" if told else "else"
                ends[file.suffix, how, end] += 1
                bad += [f"{file.name} {how} at {at}: {name}: {code} {said[-400:]}"] * (end in ("wrong", "else"))
    for key, count in sorted(ends.items()):
        print(f"{count:5d}  {'  '.join(key)}")
    for end in ("right", "earlier", "told", "else", "wrong"):
        print(f"{sum(count for key, count in ends.items() if key[2] == end):5d} of {ends.total()} commands  {end}")
    print("\n".join(bad) or f"PASSED: {args.count} damages")
    return 1 if bad else 0


def make_store(folder: Path) -> tuple[Path, list[int]]:
    """The store, and the size of its log before the transactions and after each of them."""
    demo, store = ROOT / "entx/demo", folder / "s.duckdb"
    for command in (f"ingest {demo}/questions.csv --images {demo}/pictures", "ocr-cache", "predict --stage rules"):
        assert call(*command.split(), "--store", store)[0] == 0
    assert call("ensemble", "--runs", "rules", "--run", "logged", "--store", store)[0] == 0
    with Store(store, write=True) as opened:
        opened.connection.execute("delete from answers where run = 'logged'")
    log, sizes, saved = folder / "s.duckdb.wal", [0], {}
    with Store(store, write=True) as opened:
        for number in range(TRANSACTIONS):
            add_answers(opened, "logged", [(3 * number + i, Answer(None, f"{number} {i}" * 99)) for i in range(3)])
            sizes.append(log.stat().st_size)
        saved = {file: file.read_bytes() for file in (store, log)}
    for file, content in saved.items():  # as a kill leaves it
        file.write_bytes(content)
    return store, sizes


def damage(content: bytearray, at: int, how: str, rng: random.Random) -> None:
    if how == "bit":
        content[at] ^= 1 << rng.randrange(8)
    elif how == "cut":
        del content[at:]
    else:
        length = min(len(content) - at, {"garbage": 64, "zeros": 4096}[how])
        content[at : at + length] = rng.randbytes(length) if how == "garbage" else bytes(length)


def outputs(store: Path, files: dict[str, bytes]) -> dict[str, tuple[int, str]]:
    """Code and output of each command on a store of these files; those after a repair, where one is named."""
    for file in store.parent.iterdir():
        file.unlink()
    for name, content in files.items():
        store.with_name(name).write_bytes(content)
    out = store.with_name("out.jsonl")
    commands = {f"export {table}": ("store", "export", table, "--out", out) for table in TABLES}
    commands |= {"info": ("store", "info"), "predict": ("predict", "--stage", "rules", "--run", "new", "--out", out)}
    commands |= {"ensemble": ("ensemble", "--runs", "rules,logged", "--run", "both", "--out", out)}
    ended = {}
    for name, command in commands.items():
        code, said = call(*command, "--store", store, *(["--json"] if name == "info" else []))
        if "entx store repair" in said and call("store", "repair", "--store", store)[0] == 0:
            code, said = call(*command, "--store", store, *(["--json"] if name == "info" else []))
        ended[name] = code, out.read_text() if code == 0 and name != "info" else said
    return ended


def call(*command: object) -> tuple[int, str]:
    """Runs the command in this process: its code and what it printed."""
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        mock.patch("sys.argv", ["entx", *map(str, command)]),
    ):
        try:
            entx_main()
        except SystemExit as end:
            return int(end.code or 0), printed.getvalue()
        except Exception:
            return 1, traceback.format_exc()
    return 0, printed.getvalue()


if __name__ == "__main__":
    sys.exit(main())
