"""A small HTTP server that plays an OpenAI-compatible API; what it answers is the test's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Played(BaseHTTPRequestHandler):
    """Answers /models by itself and everything else by `answer`.

    Attributes:
        answer: a request's JSON to (status, JSON).
        owner: who the server says it is in its list of models.
        seen: the requests, each with its path.
        keys: what stood in the header Authorization whenever the list was asked for.
    """

    answer: Callable[[dict[str, Any]], tuple[int, Any]]
    owner = "vllm"
    seen: list[dict[str, Any]]
    keys: list[str | None]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, content: object) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.keys.append(self.headers.get("Authorization"))
        self.reply(200, {"data": [{"id": "played", "owned_by": self.owner}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"path": self.path, **request})
        self.reply(*type(self).answer(request))


@contextmanager
def playing(answer: Callable[[dict[str, Any]], tuple[int, Any]], owner: str = "vllm") -> Iterator[tuple[Any, str]]:
    """The handler's class and the base URL, while it runs."""
    handler = type("Handler", (Played,), {"seen": [], "keys": [], "answer": staticmethod(answer), "owner": owner})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield handler, f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
