"""Fault test: kill -9 at random moments of the ocr-cache job, then resume, over real pictures.

    python benchmarks/kill_resume.py --images ../shared/data/images --count 300 --kills 20

Runs the job once unbroken and once killed again and again at random moments (parent only: its workers must end by
themselves), each time checking that nothing committed was lost. Prints, and exits with 1 when violated:
one row a picture; committed pages lost (0); pictures read more than once against kills x (batch + in flight);
pages whose text differs from the unbroken run (0); workers left alive (0).
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.shared import arguments, files_in
from entx.core.entities import CHALLENGE
from entx.core.types import OcrPage
from entx.ocr_stage.engines.base import EngineSpec, page_key
from entx.storage.pages import load_pages
from entx.storage.store import Store
from entx.storage.transfer import ingest

WORKERS = 2
BATCH = 32  # the job's own
IN_FLIGHT = 2 * WORKERS

# The job as the command runs it, writing one byte for each page that reached the parent.
CHILD = """
import os, sys
from pathlib import Path
from entx.ocr_stage.engines.base import EngineSpec
from entx.ocr_stage.cache import fill_cache
from entx.storage.store import Store

if __name__ == "__main__":
    count = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with Store(Path(sys.argv[1]), write=True) as store:
        fill_cache(store, EngineSpec(), workers=int(sys.argv[3]), begin=lambda _: lambda n: os.write(count, b"x" * n))
"""


def main() -> int:
    parser = arguments(__doc__, "--images")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    files = files_in([args.images])
    chosen = rng.sample(files, min(args.count, len(files)))
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder), chosen, args.kills, rng)


def _run(folder: Path, files: list[Path], kills: int, rng: random.Random) -> int:
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, file in enumerate(files):
        (pictures / f"{number}{file.suffix}").write_bytes(file.read_bytes())
    table = folder / "t.csv"
    rows = [f"{number},{number}{file.suffix},height" for number, file in enumerate(files)]
    table.write_text("\n".join(["index,image_link,entity_name", *rows]) + "\n", encoding="utf-8")
    script = folder / "child.py"
    script.write_text(CHILD, encoding="utf-8")

    whole, broken = folder / "whole.duckdb", folder / "broken.duckdb"
    for path in (whole, broken):
        with Store(path, write=True) as store:
            distinct = ingest(store, table, [pictures], CHALLENGE).pictures
    began = time.monotonic()
    subprocess.run([sys.executable, script, whole, folder / "whole.count", str(WORKERS)], check=True)
    unbroken_seconds = time.monotonic() - began
    expected = _pages(whole)

    committed: dict[str, OcrPage] = {}
    lost = orphans = 0
    for kill in range(kills):
        process = subprocess.Popen([sys.executable, script, broken, folder / "broken.count", str(WORKERS)])
        # Moments spread over the job's life: a few seconds of start-up, then its share of the reading.
        time.sleep(rng.uniform(0.2, 6.0 + 2 * unbroken_seconds / kills))
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGKILL)
        process.wait()
        orphans += len(psutil.wait_procs(children, timeout=3)[1])
        now = _pages(broken)
        lost += sum(now.get(picture) != page for picture, page in committed.items())
        print(f"kill {kill + 1:2d}: {len(now):4d} pages committed ({len(now) - len(committed):+d})", flush=True)
        committed = now
    subprocess.run([sys.executable, script, broken, folder / "broken.count", str(WORKERS)], check=True)
    final = _pages(broken)
    with Store(broken) as store:
        rows_in_store = store.connection.execute("select count(*) from pages").fetchall()[0][0]
    read = (folder / "broken.count").stat().st_size
    differing = sum(_text(final[picture]) != _text(page) for picture, page in expected.items() if picture in final)
    bound = kills * (BATCH + IN_FLIGHT)
    print(f"{distinct} distinct pictures, unbroken run {unbroken_seconds:.1f} s")
    print(f"rows {rows_in_store}, pages {len(final)}; committed and lost {lost}")
    print(f"read again {read - distinct} (bound {bound})")
    print(f"pages differing from the unbroken run {differing}; workers left alive {orphans}")
    fine = rows_in_store == len(final) == distinct and not (lost or differing or orphans) and read - distinct <= bound
    print("PASSED" if fine else "FAILED")
    return 0 if fine else 1


def _pages(path: Path) -> dict[str, OcrPage]:
    with Store(path, write=True) as store:  # write: replays the log that the kill left
        return {page.picture: page for page in load_pages(store, page_key(EngineSpec()))}


def _text(page: OcrPage) -> tuple[str, ...]:
    return tuple(line.text for line in page.lines)


if __name__ == "__main__":
    sys.exit(main())
