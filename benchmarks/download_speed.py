"""Pictures per second of `entx download` against a plain `requests` loop, both from one server on 127.0.0.1.

The server is a process of its own that sends JPEGs of about 46 kB (drawn noise; the challenge's small pictures have
31 kB) after a fixed wait that stands for the way to a real server. Arms take turns in one run, so that the machine's
other work hits all alike; the figure is the median over the rounds. The loops fetch the first 300 pictures only (their
rate does not depend on the number) and write what they get; one of them also decodes it. `entx download` verifies,
decodes and renames each picture, and its time includes the start of Python.

    python benchmarks/download_speed.py                           # 2,000 pictures, 0 and 40 ms from the server
    python benchmarks/download_speed.py --pictures 300 --rounds 1

`requests` is no dependency of entx (rapidocr brings it along).
"""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.shared import arguments, entx

LOOP = 300  # pictures that the loops fetch


def draw_pictures(count: int) -> list[bytes]:
    """JPEGs of 640 x 640 pixels, about 46 kB each."""
    from PIL import Image

    pictures = []
    for seed in range(count):
        noise = Image.frombytes("L", (60, 60), random.Random(seed).randbytes(3600))
        stream = io.BytesIO()
        noise.resize((640, 640)).convert("RGB").save(stream, "JPEG", quality=60)
        pictures.append(stream.getvalue())
    return pictures


def serve(ready: Connection, wait: float) -> None:
    """Serves pictures until it is ended; sends its port first."""
    pictures = draw_pictures(16)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            time.sleep(wait)
            body = pictures[int(self.path.strip("/").partition(".")[0]) % len(pictures)]
            head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    ready.send((server.server_address[1], statistics.mean(map(len, pictures))))
    server.serve_forever()


def requests_loop(links: list[str], folder: Path, *, session: bool, decode: bool) -> float:
    """Seconds of the loop everybody writes: with one session or a connection a picture, checked or taken on trust."""
    import requests
    from PIL import Image

    folder.mkdir()
    get = requests.Session().get if session else requests.get
    started = time.perf_counter()
    for number, link in enumerate(links):
        response = get(link, timeout=10)
        response.raise_for_status()
        if decode:
            Image.open(io.BytesIO(response.content)).load()
        (folder / f"{number}.jpg").write_bytes(response.content)
    return time.perf_counter() - started


def measure(pictures: int, workers: int, rounds: int, wait: float) -> dict[str, object]:
    """One table of links at one distance of the server."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(theirs, wait), daemon=True)
    server.start()
    port, size = ours.recv()
    links = [f"http://127.0.0.1:{port}/{number}.jpg" for number in range(pictures)]
    rates: dict[str, list[float]] = {}
    loops = [
        ("requests loop, one session", True, False),
        ("requests loop, one session, decoded", True, True),
        ("requests loop, plain get", False, False),
    ]
    try:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as scratch:
                table = Path(scratch, "table.csv")
                with table.open("w", newline="") as stream:
                    csv.writer(stream).writerows([["image_link"], *([link] for link in links)])
                for name, counted in ((f"entx download, {workers} workers", "fetched"), ("the same again", "present")):
                    took, report = entx("download", table, "--images", Path(scratch, "entx"), "--workers", workers,
                                        "--per-host", workers, "--allow-host", "127.0.0.1")  # fmt: skip
                    assert report[counted] == pictures, report
                    rates.setdefault(name, []).append(pictures / took)
                for name, session, decode in loops:
                    took = requests_loop(links[:LOOP], Path(scratch, name), session=session, decode=decode)
                    rates.setdefault(name, []).append(min(LOOP, pictures) / took)
    finally:
        server.terminate()
        server.join()
    return {
        "pictures": pictures,
        "mean_bytes": round(size),
        "server_wait_ms": wait * 1000,
        "pictures_per_second": {name: [round(rate) for rate in sorted(of_rounds)] for name, of_rounds in rates.items()},
        "median_pictures_per_second": {name: round(statistics.median(of), 1) for name, of in rates.items()},
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wait", type=float, nargs="*", default=[0.0, 0.04], help="seconds before each answer")
    options = parser.parse_args()
    for wait in options.wait:
        print(json.dumps(measure(options.pictures, options.workers, options.rounds, wait), indent=2))


if __name__ == "__main__":
    main()
