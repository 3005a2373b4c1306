"""HTTPS: the certificate must be trusted and name the host, though the connection goes to an address."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from entx.download.fetch import Fetcher
from entx.download.guard import AddressGuard, DownloadError

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command makes the certificates")


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, and server.pem with server.key for pictures.test and 127.0.0.1, signed by it."""
    folder = tmp_path_factory.mktemp("tls")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(
        "req", "-x509", *new_key, "-days", "2", "-subj", "/CN=test authority", "-keyout", folder / "ca.key",
        "-addext", "keyUsage=critical,keyCertSign", "-out", folder / "ca.pem",
    )  # fmt: skip
    openssl("req", *new_key, "-subj", "/CN=x", "-keyout", folder / "server.key", "-out", folder / "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:pictures.test,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    openssl(
        "x509", "-req", "-in", folder / "server.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", folder / "names", "-out", folder / "server.pem",
    )  # fmt: skip
    return folder


@pytest.fixture
def server(certificates: Path, tls_server: Callable[[ssl.SSLContext], Any]) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    return tls_server(context)


def fetcher(timeout: float = 20.0) -> Fetcher:
    return Fetcher(
        AddressGuard(["127.0.0.1", "pictures.test", "other.test"]), timeout=timeout, tries=2, first_wait=0.01
    )


def https(server: Any, path: str, host: str) -> str:
    return server.url(path, host).replace("http:", "https:")


def test_a_trusted_certificate_of_the_name(
    server: Any, certificates: Path, resolver: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver["pictures.test"] = ["127.0.0.1"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    fetch = fetcher()
    assert fetch.fetch(https(server, "good/1", "pictures.test")) == server.picture(1)
    assert fetch.fetch(https(server, "good/2", "127.0.0.1")) == server.picture(2)
    assert server.hosts == {f"pictures.test:{server.port}": 1, f"127.0.0.1:{server.port}": 1}
    fetch.close()


def test_a_certificate_of_another_name_is_refused(
    server: Any, certificates: Path, resolver: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver["other.test"] = ["127.0.0.1"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with pytest.raises(DownloadError, match=r"other.test has no certificate that can be trusted for its name"):
        fetcher().fetch(https(server, "good", "other.test"))
    assert not server.hits


def test_a_certificate_of_nobody_known_is_refused(server: Any) -> None:
    with pytest.raises(DownloadError, match="no certificate that can be trusted"):
        fetcher().fetch(https(server, "good", "127.0.0.1"))
    assert not server.hits


@contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """A link to a listener without TLS that answers each connection so, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            with suppress(OSError):  # the listener's end
                while True:
                    connection, _address = listener.accept()
                    with connection:
                        answer(connection)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/a.jpg"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_without_tls_is_no_picture() -> None:
    broke = r"the encrypted connection to 127.0.0.1 broke|broke the connection off"
    plain = listening(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n"))
    with plain as link, pytest.raises(DownloadError, match=broke):
        fetcher().fetch(link)


def test_a_handshake_of_a_byte_now_and_then_ends_in_time() -> None:
    def drip(connection: socket.socket) -> None:
        for byte in b"\x16\x03\x03\x40\x00\x02" + b"\0" * 1000:  # a TLS record that announces 16 kB of handshake
            if ended.wait(0.05):
                return
            connection.sendall(bytes([byte]))

    ended = threading.Event()
    with listening(drip) as link:
        started = time.monotonic()
        with pytest.raises(DownloadError, match="not there within 1 seconds"):
            fetcher(timeout=1.0).fetch(link)
        assert time.monotonic() - started < 5
        ended.set()
