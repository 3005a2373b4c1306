"""Where a download may connect to, and for how long: public addresses, hosts allowed by name, and a deadline.

A table of links is somebody else's text. Without this guard it could make the machine that downloads fetch from its
own services, its network's, or its cloud's metadata server. The guard resolves a host itself and hands back the
addresses that it checked; the connection goes to one of those and never resolves the name again.

A socket's timeout bounds one read, so a server that sends a byte a second (of its handshake, its headers or its body)
holds a connection for hours. Here a watch shuts the socket itself when its time is up, which ends any read at once.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from entx.core.errors import EntxError
from entx.core.settings import refuse_offline

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f.]*:[0-9a-f:.]+(%[a-z0-9_.-]+)?")  # a name or IPv4, or IPv6 with its zone
_RESOLVED_FOR = 60.0  # seconds; a table holds thousands of links of one host
_MAX_RESOLVED = 4096  # hosts kept
_SHOWN = 200  # characters of a link in a reason

# IANA special-purpose registry for IPv4 without its globally reachable anycast blocks, plus multicast, reserved, the
# retired 6to4 relay, and the one public address that Azure answers with its host's services. Written out because
# `ipaddress.is_global` changed its mind between Python releases.
_NOT_PUBLIC_V4 = tuple(map(ipaddress.IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)))  # fmt: skip
# Of IPv6 only global unicast is public, without protocol assignments (Teredo among them), documentation and 6to4.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: how an IPv6-only network reaches public IPv4 hosts


class DownloadError(EntxError):
    """One link gives no picture; `str(error)` is the reason for the list of failures.

    Args:
        reason: in our words: nothing that a server sent, but for links.
        temporary: whether a later try may succeed.
        after: seconds that the server asked to wait before it.
    """

    def __init__(self, reason: str, *, temporary: bool = False, after: float = 0.0) -> None:
        super().__init__(reason)
        self.temporary, self.after = temporary, after


@dataclass(frozen=True, slots=True)
class Target:
    """Where a checked link leads."""

    scheme: str  # "http" or "https"
    host: str  # as in the link, lower case, without brackets or closing dot; what a certificate must name
    port: int  # of the server
    path: str  # with the query, as it goes into the request
    addresses: tuple[str, ...]  # checked IP addresses of the host, in the order to try

    @property
    def host_header(self) -> str:
        """The `Host` header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def is_public(address: str) -> bool:
    """Whether an IP address (as `getaddrinfo` writes it) belongs to the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        return ip in _GLOBAL_V6 and not any(ip in network for network in _NOT_PUBLIC_V6)
    return not any(ip in network for network in _NOT_PUBLIC_V4)


class AddressGuard:
    """Turns links into checked targets; hosts allowed by name may be anywhere, on any port. Safe to share.

    With --offline there is none: InputError.
    """

    def __init__(self, allowed_hosts: Collection[str] = ()) -> None:
        refuse_offline("links are not followed")
        self._allowed = frozenset(_plain_host(host) for host in allowed_hosts)
        self._resolved: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def check(self, url: str) -> Target:
        """The target of a link or a redirect; DownloadError where it is not to be followed, or has no such host."""
        try:
            parsed = parse_url(url)
        except LocationParseError:
            raise DownloadError(f"not a valid link: {shown(url)}") from None
        if parsed.scheme not in _PORTS:
            raise DownloadError(f"only http and https links are followed: {shown(url)}")
        if parsed.auth is not None:
            raise DownloadError("links with a user name are refused")
        host = _plain_host(parsed.host or "")
        if not _HOST.fullmatch(host):
            raise DownloadError(f"not a valid link: {shown(url)}")
        allowed = host in self._allowed
        port = _PORTS[parsed.scheme] if parsed.port is None else parsed.port
        if port not in _PORTS.values() and not allowed:
            raise DownloadError(f"port {port} is refused (allow it with --allow-host {host})")
        addresses = self._resolve(host)
        private = next((address for address in addresses if not is_public(address)), None)
        if private is not None and not allowed:
            raise DownloadError(f"{host} is at {private}, which is not public (allow it with --allow-host {host})")
        return Target(parsed.scheme, host, port, parsed.request_uri, addresses)

    def _resolve(self, host: str) -> tuple[str, ...]:
        now = time.monotonic()
        with self._lock:
            known = self._resolved.get(host)
        if known and now - known[0] < _RESOLVED_FOR:
            return known[1]
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:  # UnicodeError is a ValueError: a label over 63 characters
            temporary = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            raise DownloadError(f"the host {shown(host)} cannot be found", temporary=temporary) from None
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        with self._lock:
            if len(self._resolved) >= _MAX_RESOLVED:
                self._resolved.clear()
            self._resolved[host] = (now, addresses)
        return addresses


def shown(text: str) -> str:
    """Somebody else's text as it may stand in a reason: printable, and not endless."""
    return re.sub(r"[^\x20-\x7e]", "?", text[:_SHOWN]) + ("..." if len(text) > _SHOWN else "")


def _plain_host(host: str) -> str:
    return host.lower().removeprefix("[").removesuffix("]").removesuffix(".")


_TICK = 0.1  # seconds between two looks at the deadlines
_MAX_HOSTS = 32  # connection pools kept open

_thread = threading.local()  # .attempt: what this thread's connections belong to


class Attempt:
    """The time that one link has, in seconds from now on."""

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
        self.stopped = threading.Event()  # set by `stop`; to wait on between two tries
        threading.Thread(target=self._watch, name="download-deadlines", daemon=True).start()

    @contextmanager
    def within(self, seconds: float) -> Iterator[Attempt]:
        """An attempt for this thread's connections; it is over when the block ends."""
        attempt = Attempt(seconds)
        with self._lock:
            self._attempts.add(attempt)
        _thread.attempt = attempt
        try:
            if self.stopped.is_set():
                attempt.cut()
            yield attempt
        finally:
            _thread.attempt = None
            attempt.uses(None)
            with self._lock:
                self._attempts.discard(attempt)

    def stop(self) -> None:
        """Cuts every attempt, now and from now on."""
        self.stopped.set()
        self._cut(float("inf"))

    def _watch(self) -> None:
        while not self.stopped.wait(_TICK):
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
    """

    def __init__(self, per_host: int) -> None:  # connections kept open to one address
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
