"""`entx run` with the real engine: what it answers, and what ends it, against a store that the commands fill."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from entx.core.settings import OFFLINE
from entx.storage.store import Store, fetch
from tests.cli.runner import Entx, call_entx, run_entx

ROOT = Path(__file__).parents[2]
DEMO = sorted(Path(str(files("entx") / "demo" / "pictures")).iterdir())
ENTITIES = ("width", "height", "voltage")
STAGES = ("--stages", "ocr,rules,llm,ensemble", "--llm", "hint_run=rules")
QUICK = ("--stages", "ocr,rules")
pytestmark = pytest.mark.engine
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (extra ray)")

ANSWERS = """
    select run, idx, value, unit, text, reason, log_prob, p_correct, p_present, alignment, line_ids, polygon, score
    from answers order by run, idx"""
PAGES = "select * exclude (seconds, run) from pages order by picture"
QUESTIONS = "select * from questions order by idx"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, one of them under two names, one cut off and one no picture; a table that also asks for one more."""
    home = tmp_path_factory.mktemp("home")
    (home / "pictures").mkdir()
    for path in DEMO[:4]:
        (home / "pictures" / path.name).write_bytes(path.read_bytes())
    (home / "pictures" / "copy.jpg").write_bytes(DEMO[0].read_bytes())
    (home / "pictures" / "cut.jpg").write_bytes(DEMO[1].read_bytes()[:2000])
    (home / "pictures" / "page.jpg").write_text("<html>not found</html>")
    links = [*sorted(path.name for path in (home / "pictures").iterdir()), "gone.jpg"]
    rows = [(link, entity) for entity in ENTITIES for link in links]  # a picture's questions lie apart
    write_table(home / "t.csv", [(f"{3 * n + 1}", link, "g", entity) for n, (link, entity) in enumerate(rows)])
    write_table(home / "other.csv", [("0", links[0], "g", "depth")])
    return home


@pytest.fixture
def entx(capsys: pytest.CaptureFixture[str]) -> Entx:
    return partial(run_entx, capsys)


def write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([("index", "image_link", "group_id", "entity_name"), *rows])


def command(home: Path, out: Path, *arguments: object, size: int = 3) -> list[str]:
    given = ("run", home / "t.csv", "--out", out, "--images", home / "pictures", "--workers", 1, "--json")
    return [*map(str, given), "--pictures-a-part", str(size), *map(str, arguments)]


@pytest.fixture(scope="module")
def worked(home: Path) -> Path:
    """A finished run, in three parts."""
    assert call_entx(*command(home, home / "worked", *STAGES)) == 3  # of what cannot be read
    return home / "worked"


def contents(folder: Path, table: str) -> list[dict[str, Any]]:
    """Rows of all parts, without what is another in each run."""
    rows = [row for path in sorted((folder / table).iterdir()) for row in pq.read_table(path).to_pylist()]
    other = {"seconds", "started", "finished", "wall_seconds", "run"} if table == "pages" else {"seconds"}
    return [{name: value for name, value in row.items() if name not in other} for row in rows]


def imported(folder: Path, store: Path, entx: Entx) -> Path:
    ended = entx("store", "import", folder, "--store", store, "--json")
    assert ended.code == 0, ended.err
    return store


def test_a_run_answers_as_the_commands_do_on_a_store(home: Path, worked: Path, tmp_path: Path, entx: Entx) -> None:
    store = ("--store", tmp_path / "s.duckdb")
    entx("ingest", home / "t.csv", "--images", home / "pictures", *store)
    entx("ocr-cache", *store, "--workers", 1)
    entx("predict", "--stage", "rules", *store)
    entx("predict", "--stage", "llm", "--hint-run", "rules", *store)
    out = tmp_path / "p.csv"
    ended = entx("ensemble", "--runs", "rules,llm", "--run", "ensemble", *store, "--out", out, "--for", home / "t.csv")
    assert ended.code == 0, ended.err
    assert (worked / "predictions.csv").read_bytes() == out.read_bytes()
    made = imported(worked, tmp_path / "made.duckdb", entx)
    with Store(store[1]) as here, Store(made) as there:
        assert fetch(there, QUESTIONS) == fetch(here, QUESTIONS)
        assert fetch(there, PAGES) == fetch(here, PAGES)
        for ours, theirs in zip(fetch(there, ANSWERS), fetch(here, ANSWERS), strict=True):
            assert [pytest.approx(x, rel=1e-4) if isinstance(x, float) else x for x in theirs] == list(ours)


def test_an_imported_run_is_continued_and_imported_once(worked: Path, tmp_path: Path, entx: Entx) -> None:
    made = imported(worked, tmp_path / "made.duckdb", entx)
    again = entx("store", "import", worked, "--store", made, "--json").json
    assert set(again["added"].values()) == {0}
    assert entx("predict", "--stage", "rules", "--store", made, "--json").json["read"] == 0
    decided = entx("ensemble", "--runs", "rules,llm", "--run", "ensemble", "--store", made, "--json")
    assert (decided.code, decided.json["decided"]) == (0, 0)


def test_what_cannot_be_read_is_a_row_with_its_reason(worked: Path) -> None:
    with Path(worked, "predictions.csv").open() as stream:
        assert [int(row["index"]) for row in csv.DictReader(stream)] == [3 * n + 1 for n in range(24)]
    reasons = {row["index"]: row["reason"] for row in contents(worked, "predictions")}
    links = {row["index"]: row["image_link"] for row in contents(worked, "questions")}
    why = {links[index]: reason for index, reason in reasons.items()}
    assert why["gone.jpg"] == "no file gone.jpg"
    assert "no answer" in why["cut.jpg"] or "picture unreadable" in why["cut.jpg"]
    statuses = {row["status"] for row in contents(worked, "pages")}
    assert statuses == {"ok", "unreadable"}
    assert all(not list((worked / table).glob(".*")) for table in ("answers", "predictions"))


def test_a_finished_part_is_never_worked_on_again(home: Path, worked: Path, entx: Entx) -> None:
    before = {path: path.stat().st_mtime_ns for path in worked.rglob("*.parquet")}
    ended = entx(*command(home, worked, *STAGES))
    assert (ended.code, ended.json["worked"], ended.json["questions"]) == (0, 0, 24)
    assert {path: path.stat().st_mtime_ns for path in worked.rglob("*.parquet")} == before


def test_another_table_or_other_settings_are_refused(home: Path, worked: Path, entx: Entx) -> None:
    before = sorted(worked.rglob("*"))
    other = ("run", home / "other.csv", "--out", worked, "--images", home / "pictures", "--pictures-a-part", 3, *STAGES)
    entx(*other).assert_refused("holds parts of another run (parts was 3, is 1; ")
    entx(*command(home, worked, *STAGES, size=4)).assert_refused("pictures_a_part was 3, is 4")
    entx(*command(home, worked, *STAGES, "--ocr", "max_side=1000")).assert_refused("ocr was ")
    entx(*command(home, worked, "--stages", "ocr,rules")).assert_refused("stages was ")
    assert sorted(worked.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stages", "rules,ocr"], "in this order"), (["--stages", "llm"], "begin with ocr"),
        (["--stages", "ocr,ensemble"], "decides among the answers"), (["--stages", "ocr,vlm"], "--vlm model=DIR"),
        (["--stages", "ocr", "--llm", "model=x"], "--llm: not among --stages ocr"),
        (["--stages", "ocr,llm", "--llm", "modle=x"], "--llm modle: unknown; there are: model, adapter"),
        (["--stages", "ocr,llm", "--llm", "pixels=9"], "--llm pixels: unknown"),
        (["--stages", "ocr,llm", "--llm", "threads=many"], "--llm threads=many: "),
        (["--stages", "ocr,rules,ensemble", "--ensemble", "runs=qwen"], "qwen is no stage of this call"),
        (["--stages", "ocr,rules,ensemble", "--ensemble", "strategy=stack"], "learns from labelled rows"),
        (["--stages", "ocr", "--address", "h:1"], "--address is for --executor ray"),
        (["--stages", "ocr", "--column", "image"], "t.csv"),
    ],
)  # fmt: skip
def test_wrong_use_is_told_before_work(
    home: Path, tmp_path: Path, entx: Entx, arguments: list[str], says: str
) -> None:  # fmt: skip
    entx(*command(home, tmp_path / "out", *arguments)).assert_refused(says)
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_is_not_imported(home: Path, tmp_path: Path, entx: Entx) -> None:
    assert entx(*command(home, tmp_path / "out", "--stages", "ocr", size=8)).code == 3
    next((tmp_path / "out" / "predictions").iterdir()).unlink()
    ended = entx("store", "import", tmp_path / "out", "--store", tmp_path / "s.duckdb")
    ended.assert_refused("1 of 1 parts are not finished")


def test_pictures_come_from_a_column_and_from_links(home: Path, worked: Path, tmp_path: Path, entx: Entx) -> None:
    with Path(home, "t.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["image_link"].startswith(("01", "02"))]
    data = [(home / "pictures" / row["image_link"]).read_bytes() for row in rows]
    plain = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    wanted = {row["index"]: row["prediction"] for row in contents(worked, "predictions")}
    rules = {row["index"]: row["value"] for row in contents(worked, "answers") if row["run"] == "rules"}
    assert any(wanted.values())
    for kind, column in (("bytes", data), ("records", [{"bytes": one, "path": None} for one in data])):
        pq.write_table(plain.append_column("image", pa.array(column)), tmp_path / f"{kind}.parquet", row_group_size=2)
        out = tmp_path / kind
        arguments = ("--stages", "ocr,rules", "--column", "image", "--workers", 1, "--pictures-a-part", 1)
        ended = entx("run", tmp_path / f"{kind}.parquet", "--out", out, *arguments)
        assert ended.code == 0, ended.err
        answers = {row["index"]: row["value"] for row in contents(out, "answers")}
        assert answers == {index: rules[index] for index in answers}
        assert len(answers) == 6
        assert {row["path"] for row in contents(out, "pictures")} == {row["image_link"] for row in rows}


def test_links_are_fetched_by_the_guarded_downloader(
    home: Path, tmp_path: Path, entx: Entx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFLINE, "0")  # which --offline changes
    hits: Counter[str] = Counter()

    class Served(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            hits[self.path] += 1

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Served, directory=str(home / "pictures")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    links = [f"http://127.0.0.1:{server.server_port}/{name}" for name in (DEMO[0].name, "nowhere.jpg", DEMO[1].name)]
    write_table(tmp_path / "t.csv", [(str(n), link, "", "height") for n, link in enumerate([*links, links[0]])])
    arguments = ("run", tmp_path / "t.csv", "--stages", "ocr,rules", "--workers", 1, "--json")
    refused = entx(*arguments, "--out", tmp_path / "refused")
    assert (refused.code, refused.json["without_picture"], not hits) == (3, 3, True)
    ended = entx(*arguments, "--out", tmp_path / "out", "--allow-host", "127.0.0.1")
    server.shutdown()
    server.server_close()
    assert (ended.code, ended.json["without_picture"], ended.json["pages"]) == (3, 1, {"ok": 2})
    assert hits[f"/{DEMO[0].name}"] == 1
    assert "404" in {row["index"]: row["reason"] for row in contents(tmp_path / "out", "predictions")}[1]
    entx(*arguments, "--out", tmp_path / "off", "--offline").assert_refused("links are not followed")


def started(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "entx", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_parts(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    while len(list((out / "predictions").glob("part*"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def assert_whole(out: Path, worked: Path) -> None:
    """Every question stands there once, and the rules answered it as in the unbroken run."""
    assert sorted(row["index"] for row in contents(out, "predictions")) == [3 * n + 1 for n in range(24)]
    unbroken = [row for row in contents(worked, "answers") if row["run"] == "rules"]
    assert sorted(contents(out, "answers"), key=itemgetter("index")) == sorted(unbroken, key=itemgetter("index"))


@pytest.mark.fault
def test_a_killed_run_goes_on_with_the_parts_that_are_missing(home: Path, worked: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = started(command(home, out, *QUICK, size=1))
    wait_for_parts(out, 1, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = len(list((out / "predictions").glob("part*")))
    assert 0 < done < 8
    ended = started(command(home, out, *QUICK, size=1))
    said, _ = ended.communicate()
    assert (ended.returncode, json.loads(said)["worked"]) == (3, 8 - done)
    assert_whole(out, worked)


@needs_ray
@pytest.mark.fault
def test_ray_writes_the_same_parts(home: Path, worked: Path, tmp_path: Path) -> None:
    ended = started(command(home, tmp_path / "out", *STAGES, "--executor", "ray"))
    said, complaint = ended.communicate()
    assert ended.returncode == 3, complaint
    assert json.loads(said)["worked"] == 3
    for table in ("questions", "pictures", "pages", "answers", "predictions"):
        assert contents(tmp_path / "out", table) == contents(worked, table), table
    assert (tmp_path / "out" / "predictions.csv").read_bytes() == (worked / "predictions.csv").read_bytes()


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes on this machine: one with a CPU, one, without which nothing works in turns, with two."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=2)
    yield cluster
    cluster.shutdown()


@needs_ray
@pytest.mark.fault
def test_a_lost_driver_and_a_lost_node_cost_the_parts_in_flight(
    home: Path, worked: Path, tmp_path: Path, cluster: Any
) -> None:  # fmt: skip
    out = tmp_path / "out"
    arguments = command(home, out, *QUICK, "--executor", "ray", "--address", cluster.address, size=1)
    first = started(arguments)
    wait_for_parts(out, 1, first)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    done = len(list((out / "predictions").glob("part*")))
    assert done < 6
    second = started(arguments)
    wait_for_parts(out, done + 1, second)
    (lost,) = cluster.worker_nodes
    cluster.remove_node(lost, allow_graceful=False)
    said, complaint = second.communicate()
    assert second.returncode == 3, complaint
    assert json.loads(said)["questions"] == 24
    assert_whole(out, worked)
