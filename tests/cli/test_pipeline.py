"""The commands of the main line, with the real engine in real worker processes, on the pictures that ship."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from PIL import Image

from entx.storage.store import Store
from tests.cli.runner import Entx

pytestmark = pytest.mark.engine
DEMO = Path(str(files("entx") / "demo"))
PICTURES = sorted((DEMO / "pictures").iterdir())


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store whose pictures have been read: six good ones, one twice, and three bad ones."""
    folder = tmp_path_factory.mktemp("read")
    pictures = folder / "pictures"
    pictures.mkdir()
    for picture in PICTURES[:6]:
        (pictures / picture.name).write_bytes(picture.read_bytes())
    (pictures / "copy.jpg").write_bytes(PICTURES[0].read_bytes())
    (pictures / "cut.jpg").write_bytes(PICTURES[1].read_bytes()[:2000])
    (pictures / "page.jpg").write_text("<html>not found</html>")
    Image.new("1", (9000, 9000)).save(pictures / "bomb.png")
    names = sorted(path.name for path in pictures.iterdir())
    rows = [
        f"{i},{name},g,{entity}" for i, (name, entity) in enumerate((n, e) for n in names for e in ("height", "width"))
    ]
    (folder / "t.csv").write_text("index,image_link,group_id,entity_name\n" + "\n".join(rows) + "\n")
    command = [sys.executable, "-m", "entx"]
    ingest = subprocess.run(
        [*command, "ingest", folder / "t.csv", "--images", pictures, "--store", folder / "s.duckdb", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ingest.stdout)["pictures"] == len(names) - 1
    cached = subprocess.run(
        [*command, "ocr-cache", "--store", folder / "s.duckdb", "--json"], capture_output=True, text=True, check=False
    )
    assert cached.returncode == 3, cached.stderr
    assert json.loads(cached.stdout)["read"] == len(names) - 1
    (folder / "stderr.txt").write_text(cached.stderr)
    return folder


def test_pictures_that_cannot_be_read_are_rows_with_a_reason(read: Path) -> None:
    said = (read / "stderr.txt").read_text()
    for name, status in [("cut.jpg", "unreadable"), ("page.jpg", "unreadable"), ("bomb.png", "refused")]:
        (line,) = [line for line in said.splitlines() if name in line]
        assert f": {status}: " in line
    with Store(read / "s.duckdb") as store:
        counts = store.connection.execute(
            "select status, count(*), count(nullif(reason, '')) from pages group by 1"
        ).fetchall()
    assert sorted(counts) == [("ok", 6, 0), ("refused", 1, 1), ("unreadable", 2, 2)]


def test_a_second_call_reads_nothing_and_is_quick(read: Path, entx: Entx) -> None:
    began = time.monotonic()
    ended = entx("ocr-cache", "--store", read / "s.duckdb", "--json")
    assert ended.json["read"] == 0
    assert time.monotonic() - began < 3
    assert ended.code == 3  # what is quarantined stays known


def test_predictions_pass_the_check_and_name_every_question(read: Path, entx: Entx) -> None:
    out = read / "p.csv"
    ended = entx("predict", "--stage", "rules", "--store", read / "s.duckdb", "--out", out, "--json")
    assert ended.code == 0
    result = ended.json
    assert result["asked"] == result["questions"] == 20
    assert result["answered"] >= 2
    assert entx("check", out, "--test", read / "t.csv").code == 0
    with out.open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 20
    again = entx("predict", "--stage", "rules", "--store", read / "s.duckdb", "--json")
    assert again.json["read"] == 0


def test_extract_gives_the_answer_with_its_place(entx: Entx) -> None:
    truth = {(row["image_link"], row["entity_name"]): row["value"] for row in _rows(DEMO / "truth.csv")}
    picture = next(path for path in PICTURES if "cabinet" in path.name)
    ended = entx("extract", picture, "--entity", "height", "--stage", "rules", "--json")
    (answer,) = ended.json["answers"]
    assert float(answer["value"]) == float(truth[picture.name, "height"].split()[0])
    assert answer["alignment"] in ("exact", "normalised")
    assert len(answer["polygon"]) == 8


def test_extract_of_what_is_no_picture_says_so(tmp_path: Path, entx: Entx) -> None:
    (tmp_path / "x.jpg").write_text("hello")
    files = tmp_path / "x.jpg", tmp_path / "gone.jpg"
    ended = entx("extract", *files, "--entity", "height", "--stage", "rules")
    assert ended.code == 3
    assert "picture unreadable" in ended.out
    assert "No such file" in ended.out
    assert "p(" not in ended.out  # nothing is known of a picture that was not seen
    assert entx("extract", tmp_path / "x.jpg", "--entity", "hight").code == 2


def test_the_demo_runs_and_is_repeatable(tmp_path: Path, entx: Entx) -> None:
    first = entx("demo", "--out", tmp_path, "--json")
    assert first.code == 0, first.err
    overall = first.json["overall"]
    arms = first.json["arms"]
    assert list(arms) == ["rules", "llm"]
    assert {arm["n"] for arm in arms.values()} == {len(_rows(DEMO / "truth.csv"))}
    assert min(arm["f1"] for arm in arms.values()) > 0.6
    assert "Question" in (tmp_path / "evidence.html").read_text(encoding="utf-8")
    assert "vote" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with Image.open(tmp_path / "evidence.png") as picture:
        assert picture.width > 300
    again = entx("demo", "--out", tmp_path, "--json")
    assert again.json["overall"] == overall


def test_doctor_reads_the_known_picture(entx: Entx) -> None:
    ended = entx("doctor", "--json")
    assert ended.code == 0
    found = ended.json
    assert found["engines"]["rapidocr"]["right"]
    assert {"duckdb", "rapidfuzz", "torch", "trl", "peft", "bitsandbytes"} <= set(found["versions"])
    assert found["machine"]["cuda"] == torch.version.cuda


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stopped_ocr_cache_loses_nothing_committed_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in PICTURES:  # each twice with different bytes: enough to be stopped in the middle
        (pictures / path.name).write_bytes(path.read_bytes())
        (pictures / f"again_{path.name}").write_bytes(path.read_bytes() + b"\0")
    names = sorted(path.name for path in pictures.iterdir())
    rows = [f"{i},{name},height" for i, name in enumerate(names)]
    (tmp_path / "t.csv").write_text("index,image_link,entity_name\n" + "\n".join(rows) + "\n")
    store = tmp_path / "s.duckdb"
    command = [sys.executable, "-m", "entx"]
    subprocess.run(
        [*command, "ingest", tmp_path / "t.csv", "--images", pictures, "--store", store, "--quiet"], check=True
    )
    process = subprocess.Popen(
        [*command, "ocr-cache", "--store", store, "--workers", "2", "--quiet"], stderr=subprocess.PIPE
    )
    log = store.with_name("s.duckdb.wal")
    while not log.exists() or log.stat().st_size < 8192:  # until pages stand in it: the run's own record is smaller
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, number)
    began = time.monotonic()
    process.communicate()
    assert time.monotonic() - began < 10
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    with Store(store, write=True) as opened:
        before = opened.connection.execute("select picture, lines from pages order by picture").fetchall()
    assert 0 < len(before) < len(names)
    subprocess.run([*command, "ocr-cache", "--store", store, "--quiet"], check=True)
    with Store(store) as opened:
        after = opened.connection.execute("select picture, lines from pages order by picture").fetchall()
    assert len(after) == len({picture for picture, _ in after}) == len(names)
    assert [row for row in after if row[0] in {picture for picture, _ in before}] == before


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
