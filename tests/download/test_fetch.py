"""Fault 12: of all that a server may answer, only an honest picture comes through, and nothing outlasts its time."""

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from entx.download.fetch import Fetcher
from entx.download.guard import AddressGuard, DownloadError

Make = Callable[..., Fetcher]

AMPLE = 20.0  # seconds; the machine that runs the tests may be busy
MAX_BYTES = 2_000_000

HONEST = ["good", "chunked", "until-close", "flaky", "drops-once", "hop/5"]
HOSTILE = [
    ("404", "status 404"), ("partial", "status 206"), ("always-500", r"status 500 \(tried 3 times\)"),
    ("empty", "an empty body"), ("html", "not a picture: an HTML page"), ("svg", "not a picture: an SVG"),
    ("text", "not a picture: text"), ("drop", r"shorter than announced \(tried 3 times\)"),
    ("drop-chunked", r"\(tried 3 times\)"), ("cut", "cannot be decoded to its end"),
    ("cut-until-close", "cannot be decoded to its end"), ("longer", "cannot be decoded to its end"),
    ("two-lengths", "no valid answer|not a number"), ("odd-length", "not a number"), ("announces-much", "over 2 MB"),
    ("endless", "over 2 MB"), ("endless-chunks", "over 2 MB"), ("drip", "not there within 1 seconds"),
    ("drip-headers", "not there within 1 seconds"), ("continues", "not there within 1 seconds|broke the connection"),
    ("silent", "not there within 1 seconds"), ("garbage", "does not speak HTTP"), ("gzip-bomb", "compressed"),
    ("gzip-picture", "compressed"), ("bomb", "megapixels"), ("large", "8000 x 8000 pixels, over 40 megapixels"),
    ("dot", "a placeholder"), ("loop", "more than 5 redirects"), ("hop/6", "more than 5 redirects"),
    ("nowhere", "without a Location"),
]  # fmt: skip
REDIRECTS = [
    ("file:///etc/passwd", "redirected: only http and https"),
    ("ftp://127.0.0.1/a.jpg", "redirected: only http and https"),
    ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "redirected: only http and https"),
    ("http://[", "redirected: not a valid link"),
    ("http://localhost/secret", "redirected: localhost is at .* not public"),
    ("http://127.0.0.2/secret", "redirected: 127.0.0.2 is at 127.0.0.2, which is not public"),
    ("http://2130706433/secret", "redirected: 2130706433 is at 127.0.0.1"),
    ("http://[::1]/secret", "redirected: ::1 is at ::1"),
    ("http://169.254.169.254/latest/meta-data/", "169.254.169.254, which is not public"),
    ("http://10.0.0.1/", "not public"), ("http://192.168.0.1/", "not public"), ("https://172.16.0.1/", "not public"),
    ("http://localhost:{port}/secret", "port .* is refused"), ("//localhost/secret", "redirected: localhost is at"),
    ("http://user:password@127.0.0.1:{port}/good", "redirected: links with a user name"),
    ("http://inner.test/secret", "redirected: inner.test is at 10.0.0.1"),
]  # fmt: skip


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes fetchers that may go to the test's server, and closes them."""
    made: list[Fetcher] = []

    def build(**options: Any) -> Fetcher:
        bounds = {"timeout": AMPLE, "max_bytes": MAX_BYTES, "tries": 3, "first_wait": 0.01, **options}
        made.append(Fetcher(AddressGuard(["127.0.0.1", "pictures.test"]), connections=4, **bounds))
        return made[-1]

    yield build
    for fetcher in made:
        fetcher.close()


@pytest.mark.parametrize("path", HONEST)
def test_an_honest_picture_comes_as_it_was_sent(server: Any, make: Make, path: str) -> None:
    data = make().fetch(server.url(path))
    assert data == (server.picture(1) if path.startswith("hop") else server.honest)


@pytest.mark.parametrize(("path", "reason"), HOSTILE)
def test_a_hostile_answer_gives_nothing_and_ends_in_time(server: Any, make: Make, path: str, reason: str) -> None:
    timeout = 1.0 if "not there within 1 seconds" in reason else AMPLE
    started = time.monotonic()
    with pytest.raises(DownloadError, match=reason):
        make(timeout=timeout).fetch(server.url(path))
    assert time.monotonic() - started < timeout + 4


@pytest.mark.parametrize(("location", "reason"), REDIRECTS)
def test_a_redirect_is_checked_like_a_link(
    server: Any, make: Make, resolver: dict[str, list[str]], location: str, reason: str
) -> None:
    resolver["inner.test"] = ["10.0.0.1"]
    with pytest.raises(DownloadError, match=reason):
        make().fetch(server.url("redirect?to=" + quote(location.format(port=server.port), safe="")))
    assert list(server.hits) == ["redirect"]


@pytest.mark.parametrize(
    "location", ["/good/7", "../good/7", "//127.0.0.1:{port}/good/7", "http://127.0.0.1:{port}/good/7"]
)
def test_a_redirect_to_an_allowed_host_is_followed(server: Any, make: Make, location: str) -> None:
    data = make().fetch(server.url("redirect/x?to=" + quote(location.format(port=server.port), safe="")))
    assert data == server.picture(7)


@pytest.mark.parametrize("path", ["404", "html", "gzip-bomb", "cut", "loop/"])
def test_what_will_not_change_is_asked_once(server: Any, make: Make, path: str) -> None:
    with pytest.raises(DownloadError):
        make().fetch(server.url(path))
    assert server.hits[path.strip("/")] == (6 if path == "loop/" else 1)


def test_a_busy_server_is_given_the_time_that_it_asks_for(server: Any, make: Make) -> None:
    started = time.monotonic()
    assert make().fetch(server.url("busy")) == server.honest
    assert 1.0 <= time.monotonic() - started < 5
    with pytest.raises(DownloadError, match=r"status 429 \(tried 1 times\)"):
        make(timeout=0.9).fetch(server.url("busy/2"))


def test_a_compressed_bomb_is_never_unpacked(server: Any, make: Make) -> None:
    fetcher = make()
    tracemalloc.start()
    with pytest.raises(DownloadError, match="compressed"):
        fetcher.fetch(server.url("gzip-bomb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_nothing_is_connected_to_a_closed_port(make: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=r"127.0.0.1 does not accept a connection \(tried 3 times\)"):
        make().fetch(f"http://127.0.0.1:{port}/a.jpg")


def test_the_next_address_of_a_host_is_tried(server: Any, make: Make, resolver: dict[str, list[str]]) -> None:
    resolver["pictures.test"] = ["127.0.0.2", "127.0.0.1"]  # the server listens on the second only
    assert make().fetch(server.url("good", "pictures.test")) == server.honest
    assert server.hosts == {f"pictures.test:{server.port}": 1}


def test_the_connection_goes_to_the_address_that_was_checked(
    server: Any, make: Make, resolver: dict[str, list[str]]
) -> None:
    resolver["pictures.test"] = ["127.0.0.1"]
    fetcher = make()
    assert fetcher.fetch(server.url("good/1", "pictures.test")) == server.picture(1)
    resolver["pictures.test"] = ["127.0.0.3"]  # a name server that changes its mind after the check
    assert fetcher.fetch(server.url("good/2", "pictures.test")) == server.picture(2)
    assert resolver["asked"].count("pictures.test") == 1, "nobody but the guard may resolve the name"


def test_connections_are_kept(server: Any, make: Make) -> None:
    accepted: list[object] = []
    real = server.process_request

    def count(request: Any, address: Any) -> None:
        accepted.append(address)
        real(request, address)

    server.process_request = count  # type: ignore[method-assign]
    fetcher = make()
    for number in range(20):
        assert fetcher.fetch(server.url(f"good/{number}")) == server.picture(number)
    assert len(accepted) == 1
    with pytest.raises(DownloadError):
        fetcher.fetch(server.url("longer"))
    assert fetcher.fetch(server.url("good/3")) == server.picture(3), "what was sent beyond the length is thrown away"


def test_environment_proxies_are_not_used(server: Any, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert make().fetch(server.url("good")) == server.honest


def test_stop_ends_every_fetch_at_once(server: Any, make: Make) -> None:
    fetcher = make(timeout=60.0)
    reasons: list[str] = []

    def fetch(path: str) -> None:
        try:
            fetcher.fetch(server.url(path))
        except DownloadError as error:
            reasons.append(str(error))

    threads = [
        threading.Thread(target=fetch, args=(path,)) for path in ("silent", "drip", "endless-chunks", "drip-headers")
    ]
    for thread in threads:
        thread.start()
    while sum(server.hits.values()) < len(threads):
        time.sleep(0.01)
    started = time.monotonic()
    fetcher.close()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 1
    assert len(reasons) == len(threads)
    assert set(reasons) <= {"stopped", "the body is over 2 MB"}
    with pytest.raises(DownloadError, match="stopped"):
        fetcher.fetch(server.url("good"))
