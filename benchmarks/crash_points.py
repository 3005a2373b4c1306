"""Fault test: the process of ocr-cache ends at set points, five times at each; then the same command goes on.

    python -m benchmarks.crash_points --images DATA/images [--count 12]

Points: pages read and not inserted; inserted and not committed; committed; in a checkpoint (DuckDB's own switch for
it); before the rename of an export. A case is fine where no committed page is lost, each picture has one page after the
resume, all are those of an unbroken run, and no part of an export has its final name. Exit status 1 where one is not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.shared import arguments, files_in
from entx.core.entities import CHALLENGE
from entx.storage.store import Store, fetch
from entx.storage.transfer import ingest

POINTS = ("read", "inserted", "committed", "checkpoint", "rename")

# The job as the command runs it, in batches of two pages; it ends where it comes by a point for the n-th time.
CHILD = """
import os, pathlib, sys
from contextlib import contextmanager
from entx.ocr_stage import cache
from entx.ocr_stage.engines.base import EngineSpec
from entx.storage.store import Store
from entx.storage.transfer import export_table

point, number, store, out = sys.argv[1], int(sys.argv[2]), *map(pathlib.Path, sys.argv[3:])
passed = 0

def at(here):
    global passed
    passed += here == point
    if here == point and passed == number:
        os._exit(9)

add, transaction, replace = cache.add_pages, Store.transaction, pathlib.Path.replace

def add_pages(*given):
    at("read")
    add(*given)
    at("committed")

@contextmanager
def dying(self):
    with transaction(self) as connection:
        yield connection
        at("inserted")

def dying_replace(self, target):
    at("rename")
    return replace(self, target)

if __name__ == "__main__":
    cache.add_pages, cache._BATCH_PAGES = add_pages, 2
    Store.transaction, pathlib.Path.replace = dying, dying_replace
    with Store(store, write=True) as opened:
        cache.fill_cache(opened, EngineSpec(), workers=1)
        if point == "checkpoint":
            modes = ("before_truncate", "before_header", "after_free_list_write")
            opened.connection.execute(f"set debug_checkpoint_abort = '{modes[number % 3]}'")
            try:
                opened.connection.execute("checkpoint")
            finally:
                os._exit(9)
        for _ in range(number):
            export_table(opened, "pages", out)
"""
SAID = "picture, status, reason, width, height, lines::varchar, geometry::varchar"


def pages(store: Path) -> dict[str, tuple[object, ...]]:
    """Everything that was said of each picture; a picture with two pages is a fault."""
    with Store(store) as opened:
        rows = fetch(opened, f"select {SAID} from pages")
    found = {row[0]: row for row in rows}
    if len(found) != len(rows):
        raise AssertionError(f"{len(rows) - len(found)} pictures have two pages")
    return found


def run(*words: object) -> int:
    return subprocess.run([sys.executable, "-c", CHILD, *map(str, words)], check=False, timeout=300).returncode


def main() -> int:
    parser = arguments(__doc__, "--images")
    parser.add_argument("--count", type=int, default=12)
    given = parser.parse_args()
    every = files_in([given.images])
    pictures = every[:: len(every) // given.count][: given.count]
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        table, begun, whole, out = place / "t.csv", place / "begun.duckdb", place / "whole.duckdb", place / "p.parquet"
        rows = "".join(f"{index},{picture.name},height\n" for index, picture in enumerate(pictures))
        table.write_text("index,image_link,entity_name\n" + rows)
        with Store(begun, write=True) as store:
            ingest(store, table, [given.images], CHALLENGE)
        whole.write_bytes(begun.read_bytes())
        run("nowhere", 0, whole, out)
        expected = pages(whole)
        for point in POINTS:
            for number in range(1, 6):
                path = place / f"{point}{number}.duckdb"
                path.write_bytes(begun.read_bytes())
                ended = run(point, number, path, out)
                left, stray = pages(path), out.exists() and number == 1
                again = run("nowhere", 0, path, out)
                resumed = pages(path)
                fine = (ended, again, stray) == (9, 0, False) and resumed == expected
                fine &= all(resumed.get(picture) == page for picture, page in left.items())
                passed += fine
                print(
                    f"{point} {number}: ended {ended}, {len(left)} pages kept; {'fine' if fine else 'FAULT'}",
                    flush=True,
                )
                out.unlink(missing_ok=True)
    print(f"{len(pictures)} pictures, {passed} of {5 * len(POINTS)} fine")
    return int(passed < 5 * len(POINTS))


if __name__ == "__main__":
    sys.exit(main())
