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

from entx.core.errors import InputError, StoreBusy, StoreError, StoreForked
from entx.core.types import Alignment, Answer, Evidence, OcrLine, OcrPage, PageKey, PageStatus, Quantity, Question
from entx.storage import pages, questions, runs
from entx.storage import runs as answers
from entx.storage import store as migrations
from entx.storage.store import Store

KEY = PageKey("fake", "m1", "p1")
BOX = (1.0, 2.0, 30.5, 2.0, 30.5, 12.0, 1.0, 12.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


def _question(index: int, link: str = "a.jpg", entity: str = "height", label: str | None = None) -> Question:
    return Question(index, link, "g1", entity, None, label)


def _file(link: str, picture: str, path: str = "/pictures/a.jpg") -> questions.LinkedFile:
    return questions.LinkedFile(link, picture, path, 10, 1)


def _page(picture: str, *texts: str) -> OcrPage:
    lines = tuple(OcrLine(text, 0.5, BOX, 90.0, 2.0) for text in texts)
    return OcrPage(picture, PageStatus.OK, "", 640, 480, lines, 0.25)


def test_what_is_written_is_read_back_after_reopening(path: Path) -> None:
    page = _page("s1", "10 cm", "＂weird 'quotes\n")
    failed = OcrPage("s2", PageStatus.REFUSED, "69 megapixels")
    answer = Answer(
        Quantity(Decimal("8.25"), "inch"), "8 1/4in", "", Evidence(Alignment.EXACT, (0,), BOX), -0.5, 0.9, 0.8, 0.5, 0.7
    )
    with Store(path, write=True) as store:
        questions.add_questions(store, [_question(7), _question(3, "b.jpg", label="1.0 foot")], "t.csv")
        questions.add_files(store, [_file("a.jpg", "s1")])
        pages.add_pages(store, KEY, "r", [page, failed])
        answers.add_answers(store, "r", [(7, answer), (3, Answer(None, reason="no text"))])
    with Store(path) as store:
        assert list(questions.load_questions(store)) == [
            Question(3, "b.jpg", "g1", "height", None, "1.0 foot"),
            Question(7, "a.jpg", "g1", "height", "s1", None),
        ]
        assert list(pages.load_pages(store, KEY)) == [page, failed]
        assert list(pages.load_pages(store, KEY, ["s2", "zz"])) == [failed]
        assert list(answers.load_answers(store, "r")) == [(3, Answer(None, reason="no text")), (7, answer)]
        assert answers.answered_indices(store, "r") == {3, 7}
        assert pages.count_pages(store, KEY) == {"ok": 1, "refused": 1}


def test_equal_bytes_under_many_names_are_one_pending_picture(path: Path) -> None:
    with Store(path, write=True) as store:
        questions.add_questions(store, [_question(i, f"{i % 4}.jpg") for i in range(12)], "t.csv")
        questions.add_files(store, [_file("0.jpg", "s1"), _file("1.jpg", "s1"), _file("2.jpg", "s2")])
        assert [p.picture for p in pages.pending_pictures(store, KEY)] == ["s1", "s2"]
        pages.add_pages(store, KEY, "r", [_page("s1")])
        assert [p.picture for p in pages.pending_pictures(store, KEY)] == ["s2"]


@pytest.mark.parametrize(
    "other", [PageKey("other", "m1", "p1"), PageKey("fake", "m2", "p1"), PageKey("fake", "m1", "p2")]
)
def test_a_page_of_another_engine_model_or_parameter_is_never_reused(path: Path, other: PageKey) -> None:
    with Store(path, write=True) as store:
        questions.add_questions(store, [_question(1)], "t.csv")
        questions.add_files(store, [_file("a.jpg", "s1")])
        pages.add_pages(store, KEY, "r", [_page("s1", "10 cm")])
        assert [p.picture for p in pages.pending_pictures(store, other)] == ["s1"]
        assert list(pages.load_pages(store, other)) == []
        pages.add_pages(store, other, "r", [_page("s1", "11 cm")])
        assert [page.lines[0].text for page in pages.load_pages(store, KEY)] == ["10 cm"]
        assert pages.page_keys(store) == [(other, 1), (KEY, 1)]


def test_failed_pages_can_be_forgotten_and_good_ones_stay(path: Path) -> None:
    with Store(path, write=True) as store:
        pages.add_pages(store, KEY, "r", [_page("s1"), OcrPage("s2", PageStatus.QUARANTINED, "SIGKILL")])
        assert pages.forget_failed_pages(store, KEY) == 1
        assert [page.picture for page in pages.load_pages(store, KEY)] == ["s1"]


def test_a_link_follows_its_newest_file(path: Path) -> None:
    with Store(path, write=True) as store:
        questions.add_questions(store, [_question(1)], "t.csv")
        questions.add_files(store, [_file("a.jpg", "old")])
        questions.add_files(store, [_file("a.jpg", "new", "/pictures/b.jpg")])
        assert questions.load_files(store)["a.jpg"].picture == "new"
        assert [p.path for p in pages.pending_pictures(store, KEY)] == ["/pictures/b.jpg"]


def test_ingesting_twice_adds_nothing_and_a_taken_index_is_refused(path: Path) -> None:
    with Store(path, write=True) as store:
        assert questions.add_questions(store, [_question(1), _question(2)], "t.csv") == 2
        assert questions.add_questions(store, [_question(1), _question(2), _question(3)], "t.csv") == 1
        with pytest.raises(InputError, match=r"u.csv: index 2 is already .* as height of a.jpg"):
            questions.add_questions(store, [_question(2, entity="width"), _question(9)], "u.csv")
        assert [q.index for q in questions.load_questions(store)] == [1, 2, 3]


def test_a_run_is_continued_only_with_the_same_settings(path: Path) -> None:
    with Store(path, write=True) as store:
        assert runs.begin_run(store, "rules", "rules", {"reader": 1}) is False
        assert runs.begin_run(store, "rules", "rules", {"reader": 1}) is True
        with pytest.raises(InputError, match=r"reader was 1, is 2.*choose another --run"):
            runs.begin_run(store, "rules", "rules", {"reader": 2})
        with pytest.raises(InputError, match="stage rules"):
            runs.begin_run(store, "rules", "vlm", {"reader": 1})
        runs.end_run(store, "rules", 1.5, {"answered": 3})
        assert runs.run_settings(store, "rules") == {"reader": 1}
        with pytest.raises(InputError, match=r"no run 'x' .* holds: rules"):
            runs.run_settings(store, "x")


def test_a_second_writer_and_a_reader_fail_clean_and_name_the_holder(path: Path) -> None:
    with Store(path, write=True):
        for write in (True, False):
            began = time.monotonic()
            code = (
                "import sys; from pathlib import Path; from entx.storage.store import Store\n"
                "from entx.core.errors import StoreBusy\n"
                "try: Store(Path(sys.argv[1]), write=sys.argv[2] == 'True')\n"
                "except StoreBusy as e: print(int(e.exit_code), e)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, str(path), str(write)], capture_output=True, text=True, check=False
            )
            assert done.stdout.startswith(f"4 {path}: in use by process {os.getpid()} ("), done.stderr
            assert time.monotonic() - began < 5


def test_two_readers_share_the_store(path: Path) -> None:
    Store(path, write=True).close()
    with Store(path):
        code = (
            "import sys; from pathlib import Path; from entx.storage.store import Store; Store(Path(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_a_busy_store_that_frees_up_in_time_is_opened(path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from entx.storage.store import Store\n"
        "s = Store(Path(sys.argv[1]), write=True); print('open', flush=True); time.sleep(0.7); s.close()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        Store(path, write=True).close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_refused(path: Path) -> None:
    with Store(path, write=True) as store:
        child = os.fork()
        if child == 0:
            try:
                pages.add_pages(store, KEY, "r", [_page("s1")])
            except StoreForked:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert list(pages.load_pages(store, KEY)) == []


@pytest.mark.parametrize("content", [b"not a database" * 400, b""])
def test_a_file_that_is_no_store_is_refused_for_reading(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.duckdb"):
        Store(path)


def test_a_foreign_database_is_refused_and_left_alone(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table mine (a integer)")
    with pytest.raises(StoreError, match=r"store\.duckdb: .*no entx store"):
        Store(path, write=True)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("select table_name from duckdb_tables()").fetchall() == [("mine",)]


def test_a_missing_store_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(StoreError, match="entx ingest"):
        Store(path)
    assert not path.exists()


def test_a_store_of_a_newer_entx_is_refused(path: Path) -> None:
    with Store(path, write=True) as store:
        store.connection.execute("insert into migrations values (99, 'future', now())")
    with pytest.raises(StoreError, match="newer entx"):
        Store(path, write=True)


def test_an_old_store_is_migrated_step_by_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        connection = duckdb.connect(str(path))
        migrations.migrate(connection)
        connection.close()
    with pytest.raises(StoreError, match="schema 1"):
        Store(path)
    with Store(path, write=True) as store:
        assert migrations.schema_version(store.connection) == len(migrations.MIGRATIONS)


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    def write_and_fail(store: Store) -> None:
        with store.transaction() as connection:
            connection.execute("insert into run_ends values ('r', now(), 1, '{}')")
            connection.execute("select cast('x' as integer)")

    with Store(path, write=True) as store:
        with pytest.raises(duckdb.ConversionException):
            write_and_fail(store)
        assert store.connection.execute("select count(*) from run_ends").fetchall() == [(0,)]


def test_compacting_shrinks_the_file_and_keeps_every_row(path: Path) -> None:
    rng = random.Random(0)
    noise = [OcrPage(f"s{i}", PageStatus.FAILED, rng.randbytes(500).hex()) for i in range(2000)]
    with Store(path, write=True) as store:
        pages.add_pages(store, KEY, "r", [*noise, _page("kept", "10 cm")])
        store.connection.execute("checkpoint")
        pages.forget_failed_pages(store, KEY)
        store.connection.execute("checkpoint")
        before, after = store.compact()
    assert after < before / 2
    assert after == path.stat().st_size
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]
    with Store(path) as store:
        assert [page.picture for page in pages.load_pages(store, KEY)] == ["kept"]
        assert migrations.schema_version(store.connection) == len(migrations.MIGRATIONS)


def test_reading_pages_may_interleave_with_writing(path: Path) -> None:
    with Store(path, write=True) as store:
        pages.add_pages(store, KEY, "r", [_page(f"s{i}") for i in range(3000)])
        seen = 0
        for page in pages.load_pages(store, KEY):
            if seen % 1000 == 0:
                answers.add_answers(store, "r", [(seen, Answer(None, page.picture))])
            seen += 1
        assert seen == 3000
        assert len(answers.answered_indices(store, "r")) == 3


def test_busy_is_a_store_error_with_its_own_exit_code() -> None:
    assert issubclass(StoreBusy, StoreError)
    assert StoreBusy("x").exit_code == 4
