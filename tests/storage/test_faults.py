"""What a full disk, a damaged file and a wrong name leave: a line that says what to do, and all that was committed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from entx.core.errors import StoreBusy, StoreError
from entx.core.types import Answer, OcrPage, PageKey, PageStatus, Question
from entx.storage.pages import add_pages
from entx.storage.questions import add_questions
from entx.storage.runs import add_answers, load_answers
from entx.storage.store import TABLES, Store, fetch, repair
from entx.storage.transfer import export_table
from tests.cli.runner import run_entx

KEY = PageKey("fake", "m", "p")


@contextmanager
def _full_disk(room: int) -> Iterator[None]:
    """A limit on the size of files, in bytes, stands for the disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _ask(store: Store, count: int = 2000) -> None:
    add_questions(store, [Question(i, f"{os.urandom(8).hex()}.jpg", "g", "height") for i in range(count)], "t.csv")


def _answer(store: Store, batch: int) -> None:
    add_answers(store, "r", [(batch * 100 + i, Answer(None, os.urandom(50).hex())) for i in range(100)])


def _logged(path: Path, batches: int = 5) -> list[int]:
    """A store as a kill leaves it: batches in the log only, and the log's size after each."""
    with Store(path, write=True) as store:
        _ask(store)
    log, sizes = path.with_name(path.name + ".wal"), []
    with Store(path, write=True) as store:
        for batch in range(batches):
            _answer(store, batch)
            sizes.append(log.stat().st_size)
        saved = {file: file.read_bytes() for file in (path, log)}
    for file, content in saved.items():
        file.write_bytes(content)
    return sizes


def test_a_full_disk_costs_the_batch_in_flight_and_the_work_goes_on(path: Path) -> None:
    with Store(path, write=True) as store:
        _ask(store)
    done = []

    def fill() -> None:
        with Store(path, write=True) as store:
            for batch in range(1000):
                _answer(store, batch)
                done.append(batch)

    says = (
        r"^\S+store\.duckdb: File too large; free some space and run the command again; all that was committed is kept$"
    )
    with pytest.raises(StoreError, match=says), _full_disk(path.stat().st_size + 100_000):
        fill()
    batch = len(done)
    assert 3 < batch < 999
    with Store(path, write=True) as store:
        assert set(dict(load_answers(store, "r"))) == set(range(batch * 100))
        _answer(store, batch)
    with Store(path) as store:
        assert len(list(load_answers(store, "r"))) == (batch + 1) * 100


@pytest.mark.parametrize("room", [0, 5000, 20_000])
def test_a_store_that_the_disk_cannot_hold_leaves_neither_file_nor_folders(tmp_path: Path, room: int) -> None:
    path = tmp_path / "new" / "deep" / "s.duckdb"
    with pytest.raises(StoreError, match="File too large"), _full_disk(room), Store(path, write=True) as store:
        _ask(store)
    assert list(tmp_path.iterdir()) == []


def test_a_compaction_that_the_disk_cannot_hold_says_why_and_leaves_the_store_alone(path: Path) -> None:
    with Store(path, write=True) as store:
        _ask(store, 20_000)
    before = path.read_bytes()
    with (
        pytest.raises(StoreError, match=r"store\.duckdb\.compact: File too large; free some space"),
        _full_disk(200_000),
        Store(path, write=True) as store,
    ):
        store.compact()
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == before


def test_an_export_that_the_disk_cannot_hold_leaves_no_file(path: Path, tmp_path: Path) -> None:
    with Store(path, write=True) as store:
        _ask(store, 20_000)
    for name in ("q.csv", "q.parquet", "q.jsonl"):
        with Store(path) as store, _full_disk(100_000), pytest.raises(StoreError, match=f"{name}: File too large"):
            export_table(store, "questions", tmp_path / name)
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_leaves_a_new_store_only_where_it_has_committed(path: Path) -> None:
    def fail(questions: int) -> None:
        with Store(path, write=True) as store:
            if questions:
                _ask(store, questions)
            raise ZeroDivisionError

    for questions, stays in ((0, False), (2000, True), (0, True)):
        with pytest.raises(ZeroDivisionError):
            fail(questions)
        assert path.exists() == stays
    assert Store(path).questions().shape[0] == 2000


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_store_that_another_process_is_making_is_not_removed(path: Path) -> None:
    path.symlink_to("real.duckdb")  # through a link, as one on another disk is
    real = path.with_name("real.duckdb")
    held = os.open(real, os.O_CREAT | os.O_RDWR)
    os.write(held, bytes(8) + b"DUCK")
    pid = os.fork()
    if pid == 0:
        os.lockf(held, os.F_LOCK, 0)
        os.kill(os.getpid(), signal.SIGSTOP)  # holding it
    os.waitpid(pid, os.WUNTRACED)
    with pytest.raises(StoreBusy):
        Store(path, write=True)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(held)
    assert real.stat().st_size == 12
    assert path.is_symlink()


@pytest.mark.parametrize("name", [":memory:", ":memory:x", "md:x", "sqlite:x", "s3://b/x", "file:x", "~x", "a?b*.db"])
def test_a_path_is_a_file_of_that_name_whatever_duckdb_takes_it_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(name, write=True) as store:
        _ask(store)
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
            assert store.connection.execute(f"select current_setting('{setting}')").fetchall() == [(False,)]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]
    assert Store(name).questions().shape[0] == 2000


def test_what_is_no_store_is_refused_and_stays_byte_for_byte(path: Path, tmp_path: Path) -> None:
    with Store(path, write=True) as store:
        _ask(store)
        export_table(store, "questions", tmp_path / "q.csv")
        export_table(store, "questions", tmp_path / "q.parquet")
    with sqlite3.connect(tmp_path / "q.sqlite") as connection:
        connection.execute("create table t (i)")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    before = {file: file.read_bytes() for file in tmp_path.glob("q.*")}
    for file in [*before, tmp_path / "fifo", tmp_path / "loop", tmp_path, path / "below", tmp_path / ("x" * 300)]:
        for write in (False, True):
            with pytest.raises(StoreError):
                Store(file, write=write)
    assert {file: file.read_bytes() for file in tmp_path.glob("q.*")} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "fifo", "loop", "q.csv", "q.parquet", "q.sqlite", path.name,
    ]  # fmt: skip


def test_standard_output_is_no_store_whatever_the_shell_made_of_it(tmp_path: Path) -> None:
    said = tmp_path / "said"
    code = "import sys; from entx.storage.store import Store; Store(sys.argv[1], write=True)"
    for name in ("/dev/stdout", str(said)):
        with said.open("w") as stdout:
            run = subprocess.run(
                [sys.executable, "-c", code, name], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
            )
        assert "is standard output; choose another --store" in run.stderr
        assert [file.name for file in tmp_path.iterdir()] == ["said"]


def test_an_empty_file_is_filled_by_what_makes_stores_and_by_nothing_else(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreError, match="an empty file; begin with: entx ingest"):
        Store(path, write=True, create=False)
    assert path.stat().st_size == 0
    with Store(path, write=True) as store:
        _ask(store)
    with Store(path, write=True, create=False) as store:
        assert len(store.questions()) == 2000


def test_of_a_damaged_file_the_other_tables_are_exported(path: Path, tmp_path: Path) -> None:
    with Store(path, write=True) as store:
        _ask(store, 20_000)
    with Store(path, write=True) as store:
        add_pages(store, KEY, "r", [OcrPage(os.urandom(99).hex(), PageStatus.OK) for _ in range(20_000)])
    content = bytearray(path.read_bytes())
    for start in range(len(content) // 2, len(content) // 2 + 600_000, 4096):  # the later half holds the pages
        content[start] ^= 1
    path.write_bytes(content)
    line = (
        r"^\S+store\.duckdb: damaged: Corrupt [^\n]+; restore a copy, or save .+: entx store export TABLE --store \S+$"
    )
    with Store(path) as store:
        with pytest.raises(StoreError, match=line):
            store.pages()
        with pytest.raises(StoreError, match=line):
            export_table(store, "pages", tmp_path / "pages.parquet")
        assert export_table(store, "questions", tmp_path / "questions.parquet") == 20_000
    with pytest.raises(StoreError, match=line), Store(path) as store:  # whatever the block itself asked
        store.connection.execute("select max(picture) from pages").fetchall()
    assert not (tmp_path / "pages.parquet").exists()


def test_a_damaged_log_is_cut_after_the_last_transaction_that_is_whole(path: Path, tmp_path: Path) -> None:
    sizes = _logged(path)
    log = path.with_name(path.name + ".wal")
    for number, at in enumerate(range(sizes[0] // 2, sizes[-1], sizes[-1] // 9)):
        folder = tmp_path / str(number)
        folder.mkdir()
        copy, copied = (Path(shutil.copy(file, folder)) for file in (path, log))
        content = bytearray(log.read_bytes())
        content[at] ^= 4
        copied.write_bytes(content)
        with pytest.raises(
            StoreError, match=f"cut its log there, which keeps a copy: entx store repair --store {copy}$"
        ):
            Store(copy)
        kept, cut = repair(copy) or (Path(), 0)
        assert kept.read_bytes() == content
        assert copied.stat().st_size == len(content) - cut
        assert repair(copy) is None
        whole = sum(size <= at for size in sizes)
        with Store(copy, write=True) as store:
            assert set(dict(load_answers(store, "r"))) == set(range(whole * 100))
            _answer(store, whole)


def test_a_log_of_another_database_is_set_aside_and_one_of_another_duckdb_is_left(path: Path) -> None:
    _logged(path)
    log = path.with_name(path.name + ".wal")
    content = log.read_bytes()
    log.write_bytes(content[:9] + bytes([content[9] ^ 1]) + content[10:])  # in the database's own number
    with pytest.raises(StoreError, match="WAL does not match database file; cut its log there, which keeps a copy"):
        Store(path)
    kept, cut = repair(path) or (Path(), 0)
    assert cut == len(kept.read_bytes()) == len(content)
    with Store(path) as store:
        assert (len(store.questions()), len(store.answers())) == (2000, 0)
    log.write_bytes(content[:5] + b"\x09" + content[6:])
    with pytest.raises(StoreError, match="WAL of version 9"):
        repair(path)
    assert log.stat().st_size == len(content)


def test_a_damage_in_any_place_is_told_or_changes_no_table(path: Path) -> None:
    """One flipped bit every so many bytes, in file and log."""
    sizes = _logged(path)
    log = path.with_name(path.name + ".wal")
    saved = {file: file.read_bytes() for file in (path, log)}
    with Store(path) as store:
        right = {name: store.table(name).to_dict("list") for name in TABLES}
    told = 0
    places = [(file, at) for file, content in saved.items() for at in range(5, len(content), len(content) // 10)]
    for damaged, at in places:
        for one, content in saved.items():
            one.write_bytes(content)
        with damaged.open("r+b") as stream:
            stream.seek(at)
            stream.write(bytes([saved[damaged][at] ^ 16]))
        try:
            with Store(path) as store:
                found = {name: store.table(name).to_dict("list") for name in TABLES}
        except StoreError:
            told += 1
            continue
        whole = sum(size <= at for size in sizes) if damaged == log else len(sizes)
        assert len(found["answers"]["run"]) in {100 * whole, 100 * len(sizes)}
        assert {name: rows for name, rows in found.items() if name != "answers"} == {
            name: rows for name, rows in right.items() if name != "answers"
        }
    assert told > 5


def test_an_error_of_a_query_or_of_a_file_that_it_reads_is_none_of_the_store(store: Store) -> None:
    with pytest.raises(duckdb.IOException):
        fetch(store, "from read_csv('absent.csv')")
    with pytest.raises(duckdb.BinderException), store.transaction() as connection:
        connection.execute("select nothing from questions")


@pytest.mark.parametrize(
    "command",
    [
        "predict --stage rules", "ocr-cache", "ensemble --runs a,b", "import-predictions t.csv --stage vlm --run r",
        "store info", "store import p.parquet", "store compact", "store repair", "review import labels.csv",
        "ingest absent.csv",
    ],
)  # fmt: skip
def test_a_command_makes_no_store_of_a_mistyped_name_or_a_failed_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("index,image_link,entity_name,text\n0,a.jpg,height,5 cm\n")
    run_entx(capsys, *command.split(), "--store", "new/s.duckdb").assert_refused("no such")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    run_entx(capsys, *command.split(), "--store", "t.csv").assert_refused("no")
    assert (tmp_path / "t.csv").read_text().endswith("5 cm\n")


def test_the_command_repairs_a_log_and_says_where_the_old_one_is(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = _logged(path)
    with path.with_name(path.name + ".wal").open("r+b") as log:
        log.seek(sizes[2] + 100)
        log.write(bytes(200))
    run_entx(capsys, "store", "info", "--store", path).assert_refused("entx store repair --store")
    done = run_entx(capsys, "store", "repair", "--store", path, "--json")
    assert Path(done.json["kept"]).parent == path.parent
    assert sizes[-1] - sizes[2] - 100 <= done.json["cut"] < sizes[-1] - sizes[2]
    assert "not damaged" in run_entx(capsys, "store", "repair", "--store", path).out
    assert len(Store(path).answers()) == 300
