"""Questions per second of `entx predict --stage rules` from a full store, end to end, and its peak memory.

Copies a store that has pages of real pictures, repeats its pages under other pictures and other links, each with the
questions of its own picture, until --questions of them have a page, and runs the command there as a user does:
questions and habits read, pages parsed, answers committed. The rate is of the whole process, by the clock and by the
processor time that it took (which a busy machine changes less). Then checks that every copy of a question has its
original's answer; the fold of a picture comes from its link, so that a copy sees other labels: depths may differ.

    python -m benchmarks.full_store --store s.duckdb [--questions 20000] [--at copy.duckdb]
"""

from __future__ import annotations

import resource
import shutil
import tempfile
from pathlib import Path

from benchmarks.shared import PeakMemory, arguments, entx
from entx.storage.pages import choose_pages
from entx.storage.store import Store

SHIFT = 100_000_000
"""Added to the index of a question for each copy."""


def fill(path: Path, questions: int, *, pictures: bool = True) -> tuple[int, int]:
    """Repeats the questions of the read pictures of a store, and their pictures and pages, which are shared without.

    Returns:
        Questions with a page, and pages.
    """
    with Store(path, write=True) as store, store.transaction() as connection:
        key = choose_pages(store, None)
        connection.execute("delete from pages where (engine, model_hash, params_hash) <> (?, ?, ?)",
                           [key.engine, key.model_hash, key.params_hash])  # fmt: skip
        connection.execute("""create temp table asked as select q.* from questions q
                              where image_link in (select image_link from pictures join pages using (picture))""")
        connection.execute("create temp table read as select distinct p.* from pictures p join pages using (picture)")
        connection.execute("create temp table page as select * from pages where picture in (select picture from read)")
        have = connection.execute("select count(*) from asked").fetchall()[0][0]
        copies = f"range(1, {-(-questions // have)}) copy(number)"
        link, picture = "image_link || '?' || number", "picture || '-' || number"
        changed = f", {link} as image_link" if pictures else ""
        connection.execute(f"""insert into questions by name
            select asked.* replace (idx + {SHIFT} * number as idx{changed}) from {copies}, asked""")
        if pictures:
            connection.execute(f"""insert into pictures by name
                select read.* replace ({link} as image_link, {picture} as picture) from {copies}, read""")
            connection.execute(f"""insert into pages by name
                select page.* replace ({picture} as picture) from {copies}, page""")
        rows = connection.execute("""select (select count(*) from questions join pictures using (image_link)
                                             join pages using (picture)), (select count(*) from pages)""").fetchall()
    return int(rows[0][0]), int(rows[0][1])


def differing(path: Path, run: str) -> tuple[int, int, int]:
    """Copies whose answer is not the original's, those of them that ask a depth, and copies."""
    with Store(path) as store:
        rows = store.connection.execute(
            f"""select count(*) filter (different), count(*) filter (different and entity_name = 'depth'), count(*)
                from (select (a.value, a.unit) is distinct from (b.value, b.unit) as different, entity_name
                      from answers a join answers b on b.run = a.run and b.idx = a.idx % {SHIFT}
                      join questions q on q.idx = a.idx where a.run = ? and a.idx >= {SHIFT})""", [run]
        ).fetchall()  # fmt: skip
    return rows[0][0], rows[0][1], rows[0][2]


def main() -> None:
    parser = arguments(__doc__, "--store")
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--at", type=Path, help="keep the filled store there; default: a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.at or Path(folder) / "full.duckdb"
        shutil.copyfile(options.store, path)
        asked, pages = fill(path, options.questions)
        print(f"{asked} questions on {pages} pages; {path.stat().st_size / 1e6:.0f} MB")
        run = "full-store"
        with PeakMemory() as memory:
            wall, said = entx("predict", "--stage", "rules", "--store", path, "--run", run)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = used.ru_utime + used.ru_stime
        print(f"{said['read']} questions in {wall:.2f} s by the clock, {said['read'] / wall:,.0f} a second")
        print(f"processor time {busy:.2f} s, {said['read'] / busy:,.0f} questions in a second of it")
        print(f"peak memory {memory.look()[0] / 1e6:.0f} MB; {said['answered']} answered")
        others, depths, copies = differing(path, run)
        print(f"{others} of {copies} copies have another answer than their original, {depths} of them depths")


if __name__ == "__main__":
    main()
