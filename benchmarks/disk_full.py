"""Fault test: every command that writes, on a full disk, and again when there is room.

    python -m benchmarks.disk_full          # as root: it mounts a tmpfs of 64 MB and fills it

A row for each command and room: its exit code; whether it said one line with cause and remedy ("fits" where the room
was enough); whether the store then opens with all rows that stood in it before, and nothing half; how much it left
beside the store and its log; its exit code with room made; and whether the store is then that of an unbroken run. Exits
with 1 where one of these is not as it must be, or no room was too small for a command.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.shared import ROOT, arguments
from entx.core.errors import EntxError
from entx.storage.store import Store, fetch

DEMO = ROOT / "entx/demo"
ROOMS = (0, 20_000, 400_000)  # bytes: nothing; an empty database and little more; less than the demo's pages
COMMANDS = {  # the store before each is what those above it made
    "ingest": f"ingest {DEMO}/questions.csv --images {DEMO}/pictures --store s.duckdb",
    "ocr-cache": "ocr-cache --store s.duckdb --workers 2",
    "predict": "predict --stage rules --store s.duckdb --out rules.csv",
    "ensemble": "ensemble --runs rules --run vote --store s.duckdb --out vote.csv",
    "import-predictions": "import-predictions sentences.csv --stage vlm --run said --store s.duckdb --out said.csv",
    "review import": "review import labels.csv --store s.duckdb --out settled.csv",
    "store export": "store export pages --store s.duckdb --out pages.jsonl",
    "store import": "store import pages.jsonl --store s.duckdb",
    "store compact": "store compact --store s.duckdb",
    "demo": "demo --out .",
}
TABLES = {
    "questions": "idx, entity_name", "pictures": "image_link, picture", "pages": "picture, status, lines::varchar",
    "runs where stage <> 'ocr'": "run, settings_hash",  # one of reading has the time in its name
    "answers": "run, idx, value, unit, text", "reviews": "idx, rights::varchar",
}  # fmt: skip


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--rooms", type=int, nargs="+", default=ROOMS, help="bytes that are left")
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), help="to test; the others only prepare")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder, "disk")
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            print("SKIPPED: no right to mount a file system of its own")
            return 0
        try:
            return measure(disk, Path(folder, "before"), args.rooms, args.commands)
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def measure(disk: Path, before: Path, rooms: Sequence[int], tested: Sequence[str]) -> int:
    """Prints the table; `before` holds what stands on the disk before each command."""
    before.mkdir()
    with (DEMO / "truth.csv").open(newline="") as file:
        truth = [(row["index"], row["value"] or "none") for row in csv.DictReader(file)]
    for name, column in (("labels", "answer"), ("sentences", "text")):
        lines = [f"{index},{value}{' as I see it' * 900 * (name == 'sentences')}" for index, value in truth]
        (before / f"{name}.csv").write_text(f"index,{column}\n" + "\n".join(lines) + "\n")
    bad, small = 0, Counter[str]()
    print("command              room  code  says   opens  left  code  same")
    for name, command in COMMANDS.items():
        after = before.with_name(name)
        shutil.copytree(before, after)
        unbroken = run(command, after)
        for room in rooms if name in tested else ():
            shutil.copytree(before, disk, dirs_exist_ok=True)
            names, held = {file.name for file in before.rglob("*")}, rows(disk)
            fill(disk, room)
            ended = run(command, disk)
            says = "fits" if ended.returncode == unbroken.returncode else is_told(ended)
            left = {file.name for file in disk.rglob("*")} - names - {"fill", "s.duckdb.wal", "demo.duckdb.wal"}
            left -= {file.name for file in after.rglob("*")}  # whole under its own name: compared below
            opened = rows(disk)
            opens = opened is not None and not (held or Counter()) - opened and not opened - (rows(after) or Counter())
            (disk / "fill").unlink()
            again = run(command, disk)
            same = rows(disk) == rows(after)
            fine = says and opens and not left and again.returncode == unbroken.returncode and same
            bad, small[name] = bad + (not fine), small[name] + (says != "fits")
            cells = f"{ended.returncode:4d}  {says!s:5s}  {opens!s:5s}  {len(left):4d}  {again.returncode:4d}  {same}"
            print(
                f"{name:18s} {room:6d}  {cells}",
                "" if fine else f"  {left} {ended.stderr[-300:]} {again.stderr[-300:]}",
            )
            for file in disk.iterdir():
                shutil.rmtree(file) if file.is_dir() else file.unlink()
        if name not in ("store import", "demo"):
            shutil.rmtree(before)
            shutil.copytree(after, before)
        if name == "store export":  # the import has something to add
            with Store(before / "s.duckdb", write=True) as store:
                store.connection.execute("delete from pages")
    never = [name for name in tested if not small[name]]
    print(f"no room was too small for: {never}" if never else "", "FAILED" if bad or never else "PASSED")
    return 1 if bad or never else 0


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command as users call it, in this folder."""
    entx = [sys.executable, "-m", "entx", *command.split()]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    return subprocess.run(entx, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def is_told(ended: subprocess.CompletedProcess[str]) -> bool:
    last = ended.stderr.strip().splitlines()[-1:]
    return ended.returncode == 2 and "Traceback" not in ended.stderr and any("No space left" in one for one in last)


def fill(disk: Path, room: int) -> None:
    """Leaves so many bytes, in whole pages."""
    with (disk / "fill").open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - room)))


def rows(folder: Path) -> Counter[Any] | None:
    """Every row of the folder's store, none where there is no store, None where it does not open."""
    found: Counter[Any] = Counter()
    for path in folder.glob("*.duckdb"):
        try:
            with Store(path) as store:
                for table, columns in TABLES.items():
                    found.update((table, *row) for row in fetch(store, f"select {columns} from {table}"))
        except EntxError:
            return None
    return found


if __name__ == "__main__":
    sys.exit(main())
