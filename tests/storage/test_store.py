"""The file: what it is opened as, who else may hold it, and what a transaction and a compaction leave."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from entx.core.errors import StoreBusy, StoreError, StoreForked
from entx.core.types import Alignment, Answer, Evidence, OcrLine, OcrPage, PageKey, PageStatus, Quantity, Question
from entx.storage import pages, questions, runs
from entx.storage.store import SCHEMA_VERSION, Store

KEY = PageKey("fake", "m1", "p1")
BOX = (1.0, 2.0, 30.5, 2.0, 30.5, 12.0, 1.0, 12.0)
OPEN = "import sys, time; from pathlib import Path; from entx.storage.store import Store\n"


def _open_elsewhere(code: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OPEN + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=check)


def test_what_is_written_is_read_back_after_reopening(path: Path) -> None:
    lines = tuple(OcrLine(text, 0.5, BOX, 90.0, 2.0) for text in ("10 cm", "＂weird 'quotes\n"))
    page = OcrPage("s1", PageStatus.OK, "", 640, 480, lines, 0.25)
    failed = OcrPage("s2", PageStatus.REFUSED, "69 megapixels")
    answer = Answer(
        Quantity(Decimal("8.25"), "inch"), "8 1/4in", "", Evidence(Alignment.EXACT, (0,), BOX), -0.5, 0.9, 0.8, 0.5, 0.7
    )
    asked = [Question(7, "a.jpg", "g1", "height"), Question(3, "b.jpg", "g1", "height", None, "1.0 foot")]
    with Store(path, write=True) as store:
        questions.add_questions(store, asked, "t.csv")
        questions.add_files(store, [questions.LinkedFile("a.jpg", "s1", "/pictures/a.jpg", 10, 1)])
        pages.add_pages(store, KEY, "r", [page, failed])
        runs.add_answers(store, "r", [(7, answer), (3, Answer(None, reason="no text"))])
    with Store(path) as store:
        assert list(questions.load_questions(store)) == [
            Question(3, "b.jpg", "g1", "height", None, "1.0 foot"),
            Question(7, "a.jpg", "g1", "height", "s1", None),
        ]
        assert list(pages.load_pages(store, KEY)) == [page, failed]
        assert list(pages.load_pages(store, KEY, ["s2", "zz"])) == [failed]
        assert list(runs.load_answers(store, "r")) == [(3, Answer(None, reason="no text")), (7, answer)]
        assert pages.count_pages(store, KEY) == {"ok": 1, "refused": 1}


def test_a_second_writer_and_a_reader_fail_clean_and_name_the_holder(path: Path) -> None:
    code = (
        "from entx.core.errors import StoreBusy\n"
        "try: Store(Path(sys.argv[1]), write=sys.argv[2] == 'True')\n"
        "except StoreBusy as e: print(int(e.exit_code), e)"
    )
    with Store(path, write=True):
        for write in (True, False):
            began = time.monotonic()
            done = _open_elsewhere(code, path, write, check=False)
            assert done.stdout.startswith(f"4 {path}: in use by process {os.getpid()} ("), done.stderr
            assert time.monotonic() - began < 5


def test_two_readers_share_the_store(path: Path) -> None:
    Store(path, write=True).close()
    with Store(path):
        _open_elsewhere("Store(Path(sys.argv[1]))", path)


def test_a_busy_store_that_frees_up_in_time_is_opened(path: Path) -> None:
    code = OPEN + "s = Store(Path(sys.argv[1]), write=True); print('open', flush=True); time.sleep(0.7); s.close()"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "open\n"
        Store(path, write=True).close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_refused(store: Store) -> None:
    child = os.fork()
    if child == 0:
        try:
            pages.add_pages(store, KEY, "r", [OcrPage("s1", PageStatus.OK)])
        except StoreForked:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert list(pages.load_pages(store, KEY)) == []


@pytest.mark.parametrize(
    ("content", "says"), [(b"not a database" * 400, r"store\.duckdb"), (b"", r"store\.duckdb"), (None, "entx ingest")]
)
def test_a_file_that_is_no_store_or_is_missing_is_refused_for_reading(
    path: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=says):
        Store(path)
    assert path.exists() == (content is not None)


def test_a_foreign_database_is_refused_and_left_alone(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table mine (a integer)")
    with pytest.raises(StoreError, match=r"store\.duckdb: .*no entx store"):
        Store(path, write=True)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("select table_name from duckdb_tables()").fetchall() == [("mine",)]


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize(
    ("version", "says"), [(99, "newer entx .*upgrade entx"), (5, "older entx .*run its stages again into another")]
)
def test_a_store_of_another_version_is_refused_in_one_line(path: Path, version: int, says: str, write: bool) -> None:
    with Store(path, write=True) as store:
        store.connection.execute("update migrations set version = ?", [version])
    with pytest.raises(StoreError, match=rf"^{path}: written by an? {says}[^\n]*$"):
        Store(path, write=write)


def test_a_store_that_a_newer_entx_took_further_is_refused(path: Path) -> None:
    """Its step stands beside ours: the newest counts."""
    with Store(path, write=True) as store:
        store.connection.execute("insert into migrations values (99, 'future', now())")
    for write in (True, False):
        with pytest.raises(StoreError, match="newer entx"):
            Store(path, write=write)


def test_a_store_that_was_migrated_to_this_version_step_by_step_is_opened(path: Path) -> None:
    """As the code before the one create script left it: a row for each step, the newest column of a table last."""
    Store(path, write=True).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from migrations")
        for version in range(1, SCHEMA_VERSION + 1):
            connection.execute("insert into migrations values (?, 'step', now())", [version])
        tables = ("pages", "answers")
        last = [connection.execute(f"describe {table}").fetchall()[-1][0] for table in tables]
        assert last == ["geometry", "score"]
    with Store(path, write=True) as store:
        assert store.connection.execute("select count(*) from migrations").fetchall() == [(SCHEMA_VERSION,)]
    Store(path).close()


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def write_and_fail() -> None:
        with store.transaction() as connection:
            connection.execute("insert into run_ends values ('r', now(), 1, '{}')")
            connection.execute("select cast('x' as integer)")

    with pytest.raises(duckdb.ConversionException):
        write_and_fail()
    assert store.connection.execute("select count(*) from run_ends").fetchall() == [(0,)]


def test_compacting_shrinks_the_file_and_keeps_every_row(path: Path) -> None:
    rng = random.Random(0)
    noise = [OcrPage(f"s{i}", PageStatus.FAILED, rng.randbytes(500).hex()) for i in range(2000)]
    with Store(path, write=True) as store:
        pages.add_pages(store, KEY, "r", [*noise, OcrPage("kept", PageStatus.OK)])
        store.connection.execute("checkpoint")
        pages.forget_failed_pages(store, KEY, every=True)
        store.connection.execute("checkpoint")
        before, after = store.compact()
    assert after < before / 2
    assert after == path.stat().st_size
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]
    with Store(path) as store:
        assert [page.picture for page in pages.load_pages(store, KEY)] == ["kept"]


def test_busy_is_a_store_error_with_its_own_exit_code() -> None:
    assert issubclass(StoreBusy, StoreError)
    assert StoreBusy("x").exit_code == 4
