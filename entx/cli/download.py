"""`entx download`: the pictures of a table, by their links."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.output import Output


@app.command("download")
def download_command(
    table: Annotated[Path, typer.Argument(help="A table with an image_link column (.csv, .jsonl, .parquet; .gz too).")],
    images: Annotated[Path, typer.Option("--images", help="Folder for the pictures; made if absent.")],
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="Pictures fetched at a time.")] = 16,
    per_host: Annotated[
        int, typer.Option("--per-host", min=1, max=256, help="At most so many of them from one host.")
    ] = 16,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="A host that may be at an address that is not public, on any port."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N distinct links.")] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1.0, help="Seconds for one picture, with all its tries.")
    ] = 60.0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fetch the pictures of a table by their links.

    Pictures that are there already are skipped, so a broken run is resumed by the same command. Each picture is
    decoded before it gets its name; none is ever replaced by a placeholder. Links to addresses that are not public
    are refused. What could not be had stands with its reason in download-failures.csv beside the pictures, and
    the exit status is 3.

    Example: entx download test.csv --images pictures --workers 32
    """
    import itertools
    import logging
    import signal
    import threading
    import time
    import warnings

    from entx.core.errors import ExitCode
    from entx.core.tables import read_table
    from entx.download.fetch import Fetcher
    from entx.download.guard import AddressGuard
    from entx.download.job import FAILURES_FILE, download

    out = Output(quiet=quiet, as_json=as_json)
    links = list(itertools.islice(dict.fromkeys(read_table(table, ["image_link"])["image_link"]), limit))
    # Remarks on one odd picture or answer belong to no line of ours: what matters is the reason in the list.
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)

    stop = threading.Event()
    received: list[int] = []

    def end(number: int, _frame: object) -> None:
        received.append(number)
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    started = time.perf_counter()
    try:
        fetcher = Fetcher(AddressGuard(allow_host or ()), connections=workers, timeout=timeout)
        with out.progress("download", len(links), unit="pictures") as advance:
            report = download(
                links, images, fetcher, workers=workers, per_host=per_host, stop=stop, advance=advance
            )  # fmt: skip
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    seconds = time.perf_counter() - started

    failed = len(report.failures)
    out.line(
        f"{report.links} links: {report.present} pictures were there, {report.fetched} fetched "
        f"({report.bytes / 1e6:.1f} MB in {seconds:.1f} s), {failed} missing"
        + (f", {report.left} left for the next run" if report.left else "")
    )
    if failed:
        out.notice(f"the missing ones and why: {images / FAILURES_FILE}")
    out.result(
        {
            "links": report.links,
            "present": report.present,
            "fetched": report.fetched,
            "failed": failed,
            "bytes": report.bytes,
            "seconds": round(seconds, 3),
            "left": report.left,
            "failures_file": str(images / FAILURES_FILE) if failed else None,
        }
    )
    if received:
        raise typer.Exit(128 + received[0])  # the shell's convention for a command that a signal ended
    if failed:
        raise typer.Exit(int(ExitCode.QUARANTINED))
