"""`entx download` as a user starts, stops and kills it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entx.core.files import file_name
from entx.download.job import FAILURES_FILE

Table = Callable[..., Path]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(tmp_path: Path) -> Callable[[list[str]], Path]:
    def write(links: list[str]) -> Path:
        path = tmp_path / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["index", "image_link", "group_id", "entity_name"])
            writer.writerows([i, link, "1", "width"] for i, link in enumerate(links))
        return path

    return write


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "entx", "download", *map(str, arguments), "--allow-host", "127.0.0.1"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_all_there_is_exit_0_and_json(server: Any, table: Table, images: Path) -> None:
    links = [server.url(f"good/{i}.jpg") for i in range(5)] * 2
    done = run(table(links), "--images", images, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result.pop("seconds") > 0
    size = sum(len(server.picture(i)) for i in range(5))
    assert result == {
        "links": 5, "present": 0, "fetched": 5, "failed": 0, "left": 0, "bytes": size, "failures_file": None
    }  # fmt: skip
    assert done.stderr == ""
    again = run(table(links), "--images", images)
    assert again.returncode == 0
    assert again.stdout.startswith("5 links: 5 pictures were there, 0 fetched (0.0 MB in ")
    assert again.stdout.endswith(" s), 0 missing\n")


def test_missing_ones_are_exit_3_and_named(server: Any, table: Table, images: Path) -> None:
    links = [server.url("good/1.jpg"), server.url("404"), "http://localhost/a.jpg", server.url("html")]
    done = run(table(links), "--images", images, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    rows = list(csv.reader((images / FAILURES_FILE).open(encoding="utf-8")))
    assert [link for link, _ in rows[1:]] == links[1:]
    assert rows[1][1] == "status 404"
    assert "not public (allow it with --allow-host localhost)" in rows[2][1]
    said = run(table(links), "--images", images, "--limit", "2")
    assert said.returncode == 3
    assert said.stdout.startswith("2 links: 1 pictures were there, 0 fetched")
    assert said.stderr == f"entx: the missing ones and why: {images / FAILURES_FILE}\n"


def test_wrong_use_is_exit_2_in_one_line(tmp_path: Path, table: Table, images: Path) -> None:
    (tmp_path / "other.csv").write_text("index,link\n1,a\n")
    for arguments in (
        [tmp_path / "none.csv", "--images", images],
        [tmp_path / "other.csv", "--images", images],
        [table(["http://127.0.0.1:9/a.jpg"]), "--images", tmp_path / "other.csv"],
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("entx: ")
    assert run(table([]), "--workers", "0", "--images", images).returncode == 2
    assert not images.exists()


def test_a_full_disk_is_one_line_and_no_partial_file(server: Any, table: Table, images: Path) -> None:
    path = table([server.url(f"good/{i}.jpg") for i in range(10)])
    assert all(len(server.picture(i)) > 4096 for i in range(10))
    limited = ["bash", "-c", 'ulimit -f 4; exec "$@"', "bash", *command(path, "--images", images)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("entx: ")
    assert "cannot be written: File too large" in done.stderr
    assert files(images) == []
    assert run(path, "--images", images).returncode == 0
    assert len(files(images)) == 10


@pytest.mark.fault
def test_killed_at_any_moment_it_is_resumed(server: Any, table: Table, images: Path) -> None:
    links = [server.url(f"good/{i}.jpg") for i in range(120)]
    path = table(links)
    server.delay = 0.02
    workers, kills = 4, 0
    for moment in (1, 25, 50, 80):
        process = subprocess.Popen(command(path, "--images", images, "--workers", str(workers), "--quiet"), cwd=ROOT)
        while sum(name.endswith(".jpg") for name in files(images)) < moment and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        for i, link in enumerate(links):
            if (images / file_name(link)).exists():
                assert (images / file_name(link)).read_bytes() == server.picture(i)
    assert kills == 4
    assert run(path, "--images", images).returncode == 0
    assert files(images) == sorted(map(file_name, links))
    for i, link in enumerate(links):
        assert (images / file_name(link)).read_bytes() == server.picture(i)
    assert sum(server.hits.values()) <= len(links) + kills * workers


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_seconds(server: Any, table: Table, images: Path, number: signal.Signals) -> None:
    good = [server.url(f"good/{i}.jpg") for i in range(20)]
    hanging = [server.url(f"{name}/{i}") for i in range(10) for name in ("silent", "drip", "drip-headers")]
    process = subprocess.Popen(
        command(table([*good, *hanging]), "--images", images, "--workers", "8", "--json"),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while sum(server.hits.values()) < 28:
        assert process.poll() is None, "it must still be at work"
        time.sleep(0.01)
    started = time.monotonic()
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert time.monotonic() - started < 5
    assert process.returncode == 128 + number
    assert stderr == f"entx: stopped by {number.name}; the same command goes on from here\n"
    result = json.loads(stdout)
    assert (result["fetched"], result["failed"], result["left"]) == (20, 0, 30)
    assert files(images) == sorted(map(file_name, good))


def test_help_carries_an_example() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "Example: entx download test.csv --images pictures" in done.stdout
