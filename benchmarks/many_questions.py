"""Seconds and peak memory of each step from pages to a scored vote, for as many questions as asked for.

Copies a store that has pages of real pictures and repeats its questions, those that the submissions answer: under
copies of its pages and pictures (as a catalogue has them), or with --shared on the pages that are there (as a benchmark
of a few pictures has them, the questions of one picture far apart). Then, each a process of its own: `predict --stage
rules`, `import-predictions` of public submissions to the same questions, `ensemble --strategy vote` over all of them,
`evaluate` of its file against a gold table whose rows are repeated in the same way, and `ablate` on the gold rows.

    python -m benchmarks.many_questions --store s.duckdb --data ../shared/data --questions 1000000 --shared
"""

from __future__ import annotations

import resource
import shutil
import tempfile
from pathlib import Path

import duckdb

from benchmarks.full_store import SHIFT, fill
from benchmarks.shared import PeakMemory, arguments, entx

ARMS = {"team": "team_t", "idefics2": "idefics2_finetuned"}
"""Names of the imported runs, and the submissions that they are."""


def write_tables(path: Path, data: Path, folder: Path) -> None:
    """Writes what each submission says to the questions of a store, and the gold rows with a row for each copy."""
    with duckdb.connect(str(path), read_only=True) as store:
        copies = f"(select idx, image_link, entity_name, idx % {SHIFT} as first from questions order by idx) q"
        for run, name in ARMS.items():
            store.execute(f"""copy (select q.idx as index, prediction from {copies}
                join read_csv('{data}/predictions/{name}.csv.gz', all_varchar = true) p on p.index::bigint = q.first)
                to '{folder}/{run}.csv' (header)""")
        store.execute(f"""copy (select q.idx as index, q.image_link, q.entity_name, value, also from {copies}
            join read_csv('{data}/gold/dev.csv', all_varchar = true) g on g.index::bigint = q.first)
            to '{folder}/gold.csv' (header)""")


def step(*command: object) -> None:
    """Runs an `entx` command and prints what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with PeakMemory() as memory:
        seconds, _ = entx(*command)
        after, peak = resource.getrusage(resource.RUSAGE_CHILDREN), memory.look()[1]
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{command[0]:20s} {seconds:8.1f} s {busy:8.1f} s of processors {peak / 1e6:8.0f} MB", flush=True)


def main() -> None:
    parser = arguments(__doc__, "--store", "--data")
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--shared", action="store_true", help="all questions on the store's own pages")
    parser.add_argument("--at", type=Path, help="folder to work in and keep; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.at and options.at.parent) as temporary:
        folder = options.at or Path(temporary)
        folder.mkdir(exist_ok=True)
        store, gold = folder / "many.duckdb", options.data / "gold" / "dev.csv"
        shutil.copyfile(options.store, store)
        with duckdb.connect(str(store)) as opened:
            answered = f"select index from read_csv('{options.data}/predictions/{ARMS['team']}.csv.gz')"
            opened.execute(f"delete from questions where idx not in ({answered})")
        asked, pages = fill(store, options.questions, pictures=not options.shared)
        write_tables(store, options.data, folder)
        print(f"{asked:,} questions on {pages:,} pages; {store.stat().st_size / 1e6:.0f} MB", flush=True)
        step("predict", "--stage", "rules", "--store", store)
        for run in ARMS:
            step("import-predictions", folder / f"{run}.csv", "--store", store, "--run", run, "--stage", "vlm")
        out, runs = folder / "vote.csv", ",".join(("rules", *ARMS))
        step("ensemble", "--strategy", "vote", "--store", store, "--runs", runs, "--run", "vote", "--out", out)
        step("evaluate", out, "--gold", folder / "gold.csv")
        step("ablate", "--store", store, "--gold", gold, "--runs", runs, "--strategies", "vote")


if __name__ == "__main__":
    main()
