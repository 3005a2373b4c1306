"""A table's links into a folder: resumed, stopped, reported; only whole pictures ever carry a final name."""

import csv
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from entx.core.errors import InputError
from entx.core.files import file_name
from entx.download.fetch import Fetcher
from entx.download.guard import AddressGuard
from entx.download.job import FAILURES_FILE, DownloadReport, download

Get = Callable[..., DownloadReport]


@pytest.fixture
def get(tmp_path: Path) -> Iterator[Get]:
    """Downloads links of the test's server into `tmp_path / "pictures"`."""

    def run(links: list[str], *, timeout: float = 20.0, tries: int = 2, **options: Any) -> DownloadReport:
        guard = AddressGuard(["127.0.0.1", "pictures.test", "other.test"])
        fetcher = Fetcher(guard, connections=8, timeout=timeout, max_bytes=2_000_000, tries=tries, first_wait=0.01)
        return download(links, tmp_path / "pictures", fetcher, **{"workers": 8, **options})

    yield run
    assert not list(tmp_path.rglob("*.part"))


def assert_whole(folder: Path, links: list[str], server: Any) -> None:
    """Each link "good/N.jpg", by its place in the list, is the server's picture N."""
    for i, link in enumerate(links):
        assert (folder / file_name(link)).read_bytes() == server.picture(i)


def failures(folder: Path) -> list[tuple[str, str]]:
    with (folder / FAILURES_FILE).open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["image_link", "reason"]
    return [(link, reason) for link, reason in rows]


def test_only_honest_pictures_become_files(server: Any, get: Get, tmp_path: Path) -> None:
    honest = ["good/1.jpg", "chunked", "until-close", "flaky", "drops-once", "hop/3"]
    hostile = [
        "404", "always-500", "empty", "html", "text", "drop", "drop-chunked", "cut", "cut-until-close", "longer",
        "two-lengths", "announces-much", "endless", "endless-chunks", "drip", "drip-headers", "silent", "garbage",
        "gzip-bomb", "gzip-picture", "bomb", "large", "dot", "loop", "redirect?to=file:///etc/passwd",
        "redirect?to=http://localhost/", "redirect?to=http://169.254.169.254/",
    ]  # fmt: skip
    links = [server.url(path) for pair in zip(hostile, honest * 5, strict=False) for path in pair]
    links = list(dict.fromkeys(links))
    foreign = ["http://localhost/a.jpg", "http://10.0.0.1/a.jpg", "file:///etc/passwd", "a.jpg", "=1+1", "-2\0", ""]
    report = get([*links, *foreign], timeout=3.0)
    folder = tmp_path / "pictures"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [FAILURES_FILE, *(file_name(server.url(path)) for path in honest)]
    )
    for path in honest:
        content = (folder / file_name(server.url(path))).read_bytes()
        assert content == (server.picture(1) if path in ("good/1.jpg", "hop/3") else server.honest)
    assert (report.links, report.present, report.fetched) == (len(links) + len(foreign), 0, len(honest))
    assert report.left == 0
    listed = failures(folder)
    assert [link for link, _ in listed if link.startswith("http")] == [
        *(link for link in links if link not in {server.url(path) for path in honest}), *foreign[:2]
    ]  # fmt: skip
    assert [link for link, _ in listed][-5:] == ["file:///etc/passwd", "a.jpg", "'=1+1", "'-2?", ""]
    assert all(reason and reason[0].isalnum() for _, reason in listed)


def test_each_distinct_link_is_fetched_once(server: Any, get: Get, tmp_path: Path) -> None:
    links = [server.url(f"good/{i % 10}.jpg") for i in range(50)]
    steps: list[int] = []
    report = get(links, advance=steps.append)
    assert (report.links, report.fetched, report.failures) == (10, 10, [])
    assert report.bytes == sum(len(server.picture(i)) for i in range(10))
    assert sum(steps) == 10
    assert set(server.hits.values()) == {1}
    assert not (tmp_path / "pictures" / FAILURES_FILE).exists()


def test_links_of_one_base_name_share_no_file(
    server: Any, get: Get, resolver: dict[str, list[str]], tmp_path: Path
) -> None:
    resolver["pictures.test"] = resolver["other.test"] = ["127.0.0.1"]
    links = [
        server.url("good/1.jpg"), server.url("good/1.jpg", "pictures.test"), server.url("good/1.jpg", "other.test"),
        server.url("good/1.jpg?size=2"), server.url("good//1.jpg"), server.url("good/x/1.jpg"),
        server.url("good/1.jpg#a"),
    ]  # fmt: skip
    report = get(links)
    assert report.fetched == len(links)
    assert len(list((tmp_path / "pictures").iterdir())) == len(links)


def test_a_second_run_asks_for_what_is_missing_only(server: Any, get: Get, tmp_path: Path) -> None:
    links = [server.url(f"good/{i}.jpg") for i in range(12)]
    folder = tmp_path / "pictures"
    assert get([*links[:8], server.url("404")]).fetched == 8
    assert [link for link, _ in failures(folder)] == [server.url("404")]
    cut, empty, html = (folder / file_name(link) for link in links[:3])
    cut.write_bytes(cut.read_bytes()[:-300])
    empty.write_bytes(b"")
    html.write_text("<html>")
    server.hits.clear()
    report = get(links)
    assert (report.present, report.fetched) == (5, 7)
    assert sum(server.hits.values()) == 7
    assert_whole(folder, links, server)
    assert not (folder / FAILURES_FILE).exists(), "an old list of failures does not outlive its failures"
    server.hits.clear()
    assert get(links).present == 12
    assert not server.hits


def test_leftovers_of_a_killed_run_go_and_other_files_stay(server: Any, get: Get, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / ".entx-0123.part").write_bytes(b"half")
    (folder / "mine.txt").write_text("kept")
    get([server.url("good/1.jpg")])
    assert sorted(path.name for path in folder.iterdir()) == sorted(["mine.txt", file_name(server.url("good/1.jpg"))])


def test_one_host_is_asked_by_so_many_at_a_time(server: Any, get: Get) -> None:
    server.delay = 0.02
    get([server.url(f"good/{i}") for i in range(30)], workers=12, per_host=3)
    assert max(server.at_once) == 3
    get([server.url(f"good/{i}") for i in range(100, 160)], workers=12, per_host=12)
    assert 6 < max(server.at_once) <= 12


def test_a_stop_ends_within_seconds_and_keeps_what_is_whole(server: Any, get: Get, tmp_path: Path) -> None:
    links = [server.url(f"good/{i}.jpg") for i in range(40)]
    for name in ("silent", "drip", "drip-headers", "always-500"):
        links += [server.url(f"{name}/{i}") for i in range(5)]
    stop = threading.Event()
    result: list[DownloadReport] = []
    options = {"stop": stop, "timeout": 60.0, "tries": 9, "workers": 6, "per_host": 5}
    thread = threading.Thread(target=lambda: result.append(get(links, **options)))
    thread.start()
    while len(list((tmp_path / "pictures").glob("*.jpg"))) < 40:
        time.sleep(0.01)
    time.sleep(0.2)  # by now the workers hang on the links that give nothing
    started = time.monotonic()
    stop.set()
    thread.join()
    assert time.monotonic() - started < 3
    report = result[0]
    assert report.fetched == 40
    assert report.left == 20
    assert report.failures == [], "what the stop cut is left for the next run, and no failure"
    assert_whole(tmp_path / "pictures", links[:40], server)


def test_a_folder_that_cannot_be_written_ends_the_run(server: Any, get: Get, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file")
    with pytest.raises(InputError, match="pictures: cannot be written"):
        get([server.url("good/1.jpg")])
    (tmp_path / "pictures").unlink()
    links = [server.url(f"good/{i}.jpg") for i in range(50)]
    (tmp_path / "pictures" / file_name(links[0]) / "in the way").mkdir(parents=True)
    started = time.monotonic()
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        get(links)
    assert time.monotonic() - started < 5


def test_two_runs_in_one_folder_do_not_disturb_each_other(server: Any, get: Get, tmp_path: Path) -> None:
    links = [server.url(f"good/{i}.jpg") for i in range(60)]
    reports: list[DownloadReport] = []
    threads = [threading.Thread(target=lambda: reports.append(get(links, workers=4))) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert [len(report.failures) for report in reports] == [0, 0, 0]
    assert_whole(tmp_path / "pictures", links, server)
