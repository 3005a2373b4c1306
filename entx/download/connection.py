"""Connections to a checked address that end at a deadline.

A socket's timeout bounds one read, so a server that sends a byte a second (of its handshake, its headers or its body)
holds a connection for hours. Here a watch shuts the socket itself when its time is up, which ends any read at once.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from entx.download.guard import Target

_TICK = 0.1  # seconds between two looks at the deadlines
_MAX_HOSTS = 32  # connection pools kept open

_thread = threading.local()  # .attempt: what this thread's connections belong to


class Attempt:
    """The time that one link has.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds
        self.over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds left, 0 when it is over."""
        return 0.0 if self.over else max(0.0, self.ends - time.monotonic())

    def uses(self, connected: socket.socket | None) -> None:
        """The socket to shut when time is up; None between two connections."""
        with self._lock:
            self._socket = connected
            if self.over:
                self._shut()

    def cut(self) -> None:
        """Ends the attempt: its socket is shut, and so is any that it opens later."""
        with self._lock:
            self.over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # the connection is gone already
                self._socket.shutdown(socket.SHUT_RDWR)


class Deadlines:
    """Cuts attempts whose time is up. One daemon thread; safe to share."""

    def __init__(self) -> None:
        self._attempts: set[Attempt] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="download-deadlines", daemon=True).start()

    @contextmanager
    def within(self, seconds: float) -> Iterator[Attempt]:
        """An attempt for this thread's connections; it is over when the block ends."""
        attempt = Attempt(seconds)
        with self._lock:
            self._attempts.add(attempt)
        _thread.attempt = attempt
        try:
            if self._stopped.is_set():
                attempt.cut()
            yield attempt
        finally:
            _thread.attempt = None
            attempt.uses(None)
            with self._lock:
                self._attempts.discard(attempt)

    def stop(self) -> None:
        """Cuts every attempt, now and from now on."""
        self._stopped.set()
        self._cut(float("inf"))

    @property
    def stopped(self) -> threading.Event:
        """Set by `stop`; to wait on between two tries."""
        return self._stopped

    def _watch(self) -> None:
        while not self._stopped.wait(_TICK):
            self._cut(time.monotonic())

    def _cut(self, moment: float) -> None:
        with self._lock:
            due = [attempt for attempt in self._attempts if attempt.ends <= moment]
        for attempt in due:
            attempt.cut()


class _Watched(HTTPConnection):
    """Tells the thread's attempt which socket is in use.

    It keeps a duplicate of the plain socket, because TLS takes the first one over, and a TLS socket cannot be shut
    from another thread in the middle of its handshake.
    """

    _plain: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self._plain = connected.dup()
        self._tell()
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._tell()  # a kept connection opens no socket
        super().request(*args, **kwargs)

    def close(self) -> None:
        super().close()
        if self._plain is not None:
            self._plain.close()
            self._plain = None

    def _tell(self) -> None:
        attempt: Attempt | None = getattr(_thread, "attempt", None)
        if attempt is not None:
            attempt.uses(self._plain)


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class Connections:
    """Kept connections to checked addresses. Safe to share between threads.

    Environment proxies are not used: what a proxy connects to cannot be checked here.

    Args:
        per_host: connections kept open to one address.
    """

    def __init__(self, per_host: int) -> None:
        self._manager = urllib3.PoolManager(
            num_pools=_MAX_HOSTS, maxsize=per_host, retries=False, ssl_context=ssl.create_default_context()
        )
        self._manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def get(
        self, target: Target, address: str, headers: dict[str, str], timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        """Requests a target from one of its addresses; the body is still to be read, as it was sent.

        Raises:
            urllib3.exceptions.HTTPError: no connection, an untrusted certificate, a broken answer.
        """
        pool = self._manager.connection_from_host(
            address, target.port, target.scheme,
            pool_kwargs={"server_hostname": target.host},  # what the certificate must name
        )  # fmt: skip
        return pool.urlopen(
            "GET", target.path, headers={"Host": target.host_header, **headers}, redirect=False, retries=False,
            timeout=timeout, preload_content=False, decode_content=False,
        )  # fmt: skip

    def close(self) -> None:
        """Closes the kept connections."""
        self._manager.clear()
