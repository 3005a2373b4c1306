"""A real HTTP server on 127.0.0.1 that answers honestly, or as badly as a path asks it to."""

import gzip
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
from PIL import Image

from tests.ocr_stage.pictures import encoded


def jpeg(seed: int = 0) -> bytes:
    """A real JPEG of 160 x 120 pixels; different bytes for different seeds."""
    noise = bytes((i * 37 + seed * 101 + (i // 97) * 13) % 256 for i in range(160 * 120))
    return encoded(Image.frombytes("L", (160, 120), noise), "JPEG", quality=80, comment=f"picture {seed}".encode())


def png_bomb(width: int, height: int) -> bytes:
    """A few hundred bytes that announce a picture of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width // 8 + 1) * 16)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gzip_bomb(megabytes: int) -> bytes:
    """A gzip stream that unpacks to so many zeros."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(b"\0" * 1_000_000) for _ in range(megabytes)), packer.flush()])


HONEST = jpeg()
GZIP_BOMB = gzip_bomb(50)
PLAIN: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "404": (404, HONEST, {}),
    "always-500": (500, HONEST, {}),
    "partial": (206, HONEST, {}),
    "empty": (200, b"", {}),
    "html": (200, b"<!doctype html><title>Not found</title>", {}),
    "svg": (200, b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', {}),
    "text": (200, b"no picture" * 100, {}),
    "cut": (200, HONEST[:-500], {}),
    "until-close": (200, HONEST, {"Content_Length": "", "Connection": "close"}),
    "cut-until-close": (200, HONEST[:-500], {"Content_Length": "", "Connection": "close"}),
    "dot": (200, encoded(Image.new("P", (1, 1)), "GIF"), {}),
    "longer": (200, HONEST + HONEST, {"Content_Length": str(len(HONEST) - 500)}),
    "two-lengths": (200, HONEST, {"Content_Length": f"{len(HONEST)}, 17"}),
    "odd-length": (200, HONEST, {"Content_Length": "many"}),
    "announces-much": (200, HONEST, {"Content_Length": str(10**12)}),
    "gzip-bomb": (200, GZIP_BOMB, {"Content_Encoding": "gzip"}),
    "gzip-picture": (200, gzip.compress(HONEST), {"Content_Encoding": "gzip"}),
    "bomb": (200, png_bomb(60_000, 60_000), {}),
    "large": (200, png_bomb(8_000, 8_000), {}),
    "nowhere": (302, b"", {}),
}
"""What one call of `answer` serves: status, body, headers."""


class PictureServer(ThreadingHTTPServer):
    """Counts what it was asked for; `delay` is slept before each honest answer."""

    daemon_threads = True
    request_queue_size = 128
    honest = HONEST
    picture = staticmethod(jpeg)
    png_bomb = staticmethod(png_bomb)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hits: Counter[str] = Counter()
        self.hosts: Counter[str] = Counter()
        self.at_once: Counter[int] = Counter()
        self.active = 0
        self.delay = 0.0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that hang up are what these tests are about


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: PictureServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        with self.server.lock:
            self.server.hits[path] += 1
            self.server.hosts[self.headers["Host"]] += 1
            self.server.active += 1
            self.server.at_once[self.server.active] += 1
        try:
            first = path.partition("/")[0]
            serve = getattr(self, f"serve_{first.replace('-', '_')}", None)
            if serve is not None:
                serve()
            else:
                status, body, headers = PLAIN.get(first, PLAIN["404"])
                self.answer(status, body, **headers)
        finally:
            with self.server.lock:
                self.server.active -= 1

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        fields = {"Content_Length": str(len(body)), "Content_Type": "image/jpeg", **headers}
        for name, value in fields.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def times(self) -> int:
        return self.server.hits[self.path.strip("/")]

    # honest

    def serve_good(self) -> None:
        time.sleep(self.server.delay)
        name = self.path.rpartition("/")[2].partition(".")[0]
        self.answer(200, jpeg(int(name)) if name.isdigit() else HONEST)

    def serve_chunked(self) -> None:
        self.answer(200, b"", Content_Length="", Transfer_Encoding="chunked")
        for start in range(0, len(HONEST), 1000):
            part = HONEST[start : start + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def serve_flaky(self) -> None:
        self.answer(500) if self.times() == 1 else self.answer(200, HONEST)

    def serve_busy(self) -> None:
        self.answer(429, Retry_After="1") if self.times() == 1 else self.answer(200, HONEST)

    def serve_drops_once(self) -> None:
        self.serve_drop() if self.times() == 1 else self.answer(200, HONEST)

    # hostile

    def serve_drop(self) -> None:
        self.answer(200, HONEST[:1000], Content_Length=str(len(HONEST)))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def serve_drop_chunked(self) -> None:
        self.answer(200, b"%x\r\n%s" % (len(HONEST), HONEST[:1000]), Content_Length="", Transfer_Encoding="chunked")
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def serve_endless(self) -> None:
        self.answer(200, HONEST, Content_Length="")
        self.pour(lambda: self.wfile.write(b"\0" * 65536))

    def serve_endless_chunks(self) -> None:
        self.answer(200, b"", Content_Length="", Transfer_Encoding="chunked")
        self.pour(lambda: self.wfile.write(b"10000\r\n" + b"\0" * 65536 + b"\r\n"))

    def serve_drip(self) -> None:
        self.answer(200, HONEST[:10], Content_Length=str(len(HONEST)))
        self.drip(HONEST[10:])

    def serve_drip_headers(self) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000)

    def serve_continues(self) -> None:
        self.pour(lambda: self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n"))

    def serve_silent(self) -> None:
        self.server.closing.wait(60)

    def serve_garbage(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        self.close_connection = True

    def serve_loop(self) -> None:
        self.answer(302, Location=self.path)

    def serve_redirect(self) -> None:
        self.answer(302, HONEST, Location=unquote(self.path.partition("?to=")[2]))

    def serve_hop(self) -> None:
        left = int(self.path.rpartition("/")[2])
        self.answer(307, Location=f"/hop/{left - 1}" if left > 1 else "/good/1.jpg")

    def pour(self, write: Callable[[], object]) -> None:
        ends = time.monotonic() + 30
        while time.monotonic() < ends and not self.server.closing.is_set():
            write()

    def drip(self, data: bytes) -> None:
        for byte in data:
            if self.server.closing.wait(0.05):
                return
            self.wfile.write(bytes([byte]))


def serving(server: PictureServer) -> Iterator[PictureServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[PictureServer]:
    """Plain HTTP."""
    yield from serving(PictureServer())


@pytest.fixture
def tls_server() -> Iterator[Callable[[ssl.SSLContext], PictureServer]]:
    """Makes HTTPS servers from a context."""
    running: list[Iterator[PictureServer]] = []

    def start(context: ssl.SSLContext) -> PictureServer:
        server = PictureServer()
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        running.append(serving(server))
        return next(running[-1])

    yield start
    for generator in running:
        next(generator, None)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names of a private name server: fill in name -> addresses. Counts its look-ups under "asked"."""
    known: dict[str, list[str]] = {"asked": []}
    real = socket.getaddrinfo

    def answer(host: str, port: object, *args: object, **kwargs: object) -> list[tuple[object, ...]]:
        known["asked"].append(host)
        if host not in known:
            return real(host, port, *args, **kwargs)  # type: ignore[arg-type, return-value]
        return [real(address, port, *args, **kwargs)[0] for address in known[host]]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known
