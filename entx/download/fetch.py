"""One link -> the bytes of one verified picture, within bounds of size, time and trust.

What counts as a picture: bytes that say so, a size within bounds, and pixels that can all be decoded.
"""

from __future__ import annotations

import http.client
import io
import random
import ssl
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import IO
from urllib.parse import urljoin

import urllib3
from PIL import Image
from urllib3 import exceptions

from entx import __version__
from entx.core.errors import PictureError
from entx.core.images import MAX_PIXELS, kind_of
from entx.download.guard import AddressGuard, Attempt, Connections, Deadlines, DownloadError, Target, shown

_MIN_SIDE = 8  # pixels; servers send a dot (often 1 x 1) for a picture that they do not have
_LARGE = 4_000_000  # pixels; larger ones are decoded one at a time, so that many threads need no more memory
_TAIL = 1024  # bytes at the end in which the end mark must stand; some cameras append a few
_MAGIC = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"RIFF": "WEBP",
    b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF",
}  # fmt: skip
_END_MARK = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}

_one_large = threading.Lock()


def verify_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Decodes a whole picture (of an animation its first frame).

    Raises:
        PictureError: no picture, cut off, broken, a placeholder dot, or over `max_pixels` (told from the header).
    """
    size, name = _read_header(io.BytesIO(data), max_pixels)
    with _one_large if size > _LARGE else nullcontext():
        try:
            with Image.open(io.BytesIO(data), formats=[name]) as picture:
                # A JPEG is decoded to an eighth of its size: every byte is read all the same, at less cost.
                picture.draft("L", (1, 1))
                picture.load()
        except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, MemoryError and more
            reason = f"a broken {name}: it cannot be decoded to its end ({type(error).__name__})"
            raise PictureError(reason) from None


def is_good_file(path: Path) -> bool:
    """Whether a file is a whole picture: by header and end mark where the format has one, else by decoding it."""
    try:
        with path.open("rb") as stream:
            _, name = _read_header(stream, MAX_PIXELS)
            stream.seek(max(0, stream.seek(0, io.SEEK_END) - _TAIL))
            mark = _END_MARK.get(name)
            if mark is None or mark not in stream.read():
                verify_picture(path.read_bytes())
    except (OSError, PictureError):
        return False
    return True


def _read_header(stream: IO[bytes], max_pixels: int) -> tuple[int, str]:
    """The number of pixels and the format."""
    start = stream.read(512)
    name = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    if name is None:
        raise PictureError(f"not a picture: {(kind_of(start) or 'an unknown format') if start else 'an empty body'}")
    stream.seek(0)
    try:
        with Image.open(stream, formats=[name]) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"the picture has more than {max_pixels / 1e6:g} megapixels") from None
    except Exception as error:  # as above
        raise PictureError(f"a broken {name}: its header cannot be read ({type(error).__name__})") from None
    if width * height > max_pixels:
        raise PictureError(f"the picture has {width} x {height} pixels, over {max_pixels / 1e6:g} megapixels")
    if width < _MIN_SIDE and height < _MIN_SIDE:
        raise PictureError(f"a placeholder: the picture has {width} x {height} pixels")
    return width * height, name


MAX_BYTES = 30_000_000
TIMEOUT = 60.0

_CONNECT_TIMEOUT = 10.0  # seconds for one address
_READ_TIMEOUT = 20.0  # seconds without a byte
_MAX_ADDRESSES = 3  # of one host that are tried
_MAX_REDIRECTS = 5
_TRIES = 4
_FIRST_WAIT = 0.5  # seconds before the second try; doubled for each further one
_LONGEST_WAIT = 30.0  # seconds that a server's Retry-After is heeded
_CHUNK = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEADERS = {
    "User-Agent": f"entx/{__version__}",
    "Accept": "image/jpeg, image/png, image/webp, image/gif, image/*;q=0.5",
    "Accept-Encoding": "identity",
}


class Fetcher:
    """Fetches pictures. Safe to share between threads.

    Args:
        guard: says where connections may go; asked for every hop.
        connections: kept open to one address.
        timeout: seconds for one link, all its tries, redirects and waits together.
        max_bytes: largest body.
        max_pixels: largest picture, told from its header.
        tries: how often a link is tried while its failures are temporary.
        first_wait: seconds before the second try.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        connections: int = 1,
        timeout: float = TIMEOUT,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
        tries: int = _TRIES,
        first_wait: float = _FIRST_WAIT,
    ) -> None:
        self._guard, self._connections, self._deadlines = guard, Connections(connections), Deadlines()
        self._timeout, self._max_bytes, self._max_pixels = timeout, max_bytes, max_pixels
        self._tries, self._first_wait = tries, first_wait

    def fetch(self, link: str) -> bytes:
        """The bytes of the picture, exactly as sent.

        Server faults (5xx, 429), timeouts and broken connections are tried again; anything else is final.

        Raises:
            DownloadError: there is no such picture; the reason.
        """
        with self._deadlines.within(self._timeout) as attempt:
            wait = self._first_wait
            for number in range(1, self._tries + 1):
                try:
                    return self._fetch_once(link, attempt)
                except PictureError as error:
                    raise DownloadError(str(error)) from None
                except DownloadError as error:
                    if attempt.left <= 0:
                        raise DownloadError(self._why_over()) from None
                    pause = max(wait * random.uniform(0.75, 1.25), error.after)
                    if not error.temporary:
                        raise
                    if number == self._tries or pause >= attempt.left:
                        raise DownloadError(f"{error} (tried {number} times)") from None
                self._deadlines.stopped.wait(pause)
                wait *= 2
        raise AssertionError("the last try either returns or raises")

    def close(self) -> None:
        """Ends every fetch at once, in all threads, and all to come; closes the kept connections."""
        self._deadlines.stop()
        self._connections.close()

    def _fetch_once(self, link: str, attempt: Attempt) -> bytes:
        url = link
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                response = self._open(self._guard.check(url), attempt)
            except DownloadError as error:
                if url is link:
                    raise
                raise DownloadError(f"redirected: {error}", temporary=error.temporary, after=error.after) from None
            try:
                if response.status not in _REDIRECTS:
                    data = self._read(response, attempt)
                    verify_picture(data, self._max_pixels)
                    return data
                location = response.headers.get("Location")
            finally:
                response.close()  # drops the connection unless the body was read to its end
            if location is None:
                raise DownloadError(f"status {response.status} without a Location")
            try:
                url = urljoin(url, location)
            except ValueError:
                raise DownloadError(f"redirected: not a valid link: {shown(location)}") from None
        raise DownloadError(f"more than {_MAX_REDIRECTS} redirects")

    def _open(self, target: Target, attempt: Attempt) -> urllib3.BaseHTTPResponse:
        failure = DownloadError(f"{target.host} cannot be reached", temporary=True)
        for address in target.addresses[:_MAX_ADDRESSES]:
            if attempt.left <= 0:
                raise DownloadError(self._why_over())
            timeout = urllib3.Timeout(connect=min(_CONNECT_TIMEOUT, attempt.left), read=_READ_TIMEOUT)
            try:
                return self._connections.get(target, address, _HEADERS, timeout)
            except (exceptions.NewConnectionError, exceptions.ConnectTimeoutError):
                failure = DownloadError(f"{target.host} does not accept a connection", temporary=True)
            except exceptions.HTTPError as error:
                raise _as_download_error(error, target.host) from None
        raise failure

    def _read(self, response: urllib3.BaseHTTPResponse, attempt: Attempt) -> bytes:
        if response.status != 200:
            temporary = response.status in _TEMPORARY
            raise DownloadError(f"status {response.status}", temporary=temporary, after=_retry_after(response))
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise DownloadError("the body is compressed though it was asked for as it is")
        length = _content_length(response)
        if length is not None and length > self._max_bytes:
            raise DownloadError(f"the body is over {self._max_bytes / 1e6:g} MB")
        body = bytearray()
        try:
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > self._max_bytes:
                    raise DownloadError(f"the body is over {self._max_bytes / 1e6:g} MB")
                if attempt.left <= 0:
                    raise DownloadError(self._why_over())
        except exceptions.HTTPError as error:
            raise _as_download_error(error, "the server") from None
        if attempt.over or (length is not None and len(body) != length):
            raise DownloadError("the body is shorter than announced", temporary=True)
        return bytes(body)

    def _why_over(self) -> str:
        return "stopped" if self._deadlines.stopped.is_set() else f"not there within {self._timeout:g} seconds"


def _content_length(response: urllib3.BaseHTTPResponse) -> int | None:
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return None  # RFC 9112, 6.3: the chunks say where the body ends
    text = response.headers.get("Content-Length")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise DownloadError("the body's length is not a number")
    return None if text is None else int(text)


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0


def _as_download_error(error: exceptions.HTTPError, host: str) -> DownloadError:
    if isinstance(error, exceptions.SSLError):
        if error.args and isinstance(error.args[0], ssl.SSLCertVerificationError):
            return DownloadError(f"{host} has no certificate that can be trusted for its name")
        return DownloadError(f"the encrypted connection to {host} broke", temporary=True)
    if isinstance(error, exceptions.ReadTimeoutError):
        return DownloadError(f"{host} was silent for too long", temporary=True)
    if any(isinstance(part, http.client.IncompleteRead) for part in (error, *error.args)):
        return DownloadError("the body is shorter than announced", temporary=True)
    if isinstance(error, exceptions.ProtocolError):
        return DownloadError(f"{host} broke the connection off, or does not speak HTTP", temporary=True)
    return DownloadError(f"{host} gave no valid answer ({type(error).__name__})")
