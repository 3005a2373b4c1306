"""`entx store`, and the commands that fill one: ingest, download, ocr-cache, import-predictions."""

from __future__ import annotations

import itertools
import logging
import signal
import threading
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from entx.cli import app as cli
from entx.core.entities import load_schema
from entx.core.errors import ExitCode
from entx.core.files import Writes
from entx.core.memory import require_memory

store_app = typer.Typer(
    help="Look into a store, export and import its tables, compact or repair it.", no_args_is_help=True
)
cli.app.add_typer(store_app, name="store")


@cli.command("info", store_app)
def info(words: cli.Output, store: cli.StoreOption) -> None:
    """Print what a store holds.

    Example: entx store info --store challenge.duckdb
    """
    from entx.storage.pages import count_pages, page_keys

    with cli.open_store(store) as opened:
        questions, links, pictures = opened.connection.execute("""
            select (select count(*) from questions), (select count(distinct image_link) from questions),
                   (select count(distinct picture) from pictures)""").fetchall()[0]
        pages = [(key, count_pages(opened, key)) for key, _ in page_keys(opened)]
        runs = opened.connection.execute("""
            select run, stage, count(a.idx), count(a.unit) from runs left join answers a using (run)
            group by run, stage, started order by started""").fetchall()
    words.line(f"{questions} questions on {links} links, {pictures} distinct pictures")
    for key, counts in pages:
        listed = ", ".join(f"{count} {status}" for status, count in counts.items())
        words.line(f"{key.engine} pages (model {key.model_hash[:8]}, parameters {key.params_hash[:8]}): {listed}")
    for run, stage, rows_of_run, answered in runs:
        if stage != "ocr":
            words.line(f"run {run} ({stage}): {rows_of_run} questions, {answered} with an answer")
    words.result({
        "questions": questions, "links": links, "pictures": pictures,
        "pages": [{**asdict(key), **counts} for key, counts in pages],
        "runs": [dict(zip(("run", "stage", "questions", "answered"), row, strict=True)) for row in runs],
    })  # fmt: skip


@cli.command("export", store_app)
def export(
    words: cli.Output,
    table: Annotated[str, Argument(help="questions, pictures, pages, lines, runs, answers or reviews.")],
    store: cli.StoreOption,
    out: Annotated[Path, Option("--out", help="File to write: .csv, .parquet or .jsonl; -: csv on stdout."), Writes()],
) -> None:
    """Write a table of the store to a file.

    Example: entx store export pages --store challenge.duckdb --out pages.parquet
    """
    from entx.storage.transfer import export_table

    with cli.open_store(store) as opened:
        rows = export_table(opened, table, out)
    words.line(f"{rows} rows written to {out}")
    words.result({"rows": rows})


@cli.command("import", store_app)
def import_command(
    words: cli.Output,
    pages: Annotated[Path, Argument(help="An export of pages: .parquet or .jsonl; or the folder of an `entx run`.")],
    store: cli.StoreOption,
) -> None:
    """Add OCR pages that another store exported, so that those pictures need no reading here.

    Of the folder of a finished `entx run` everything is added: questions, pages, runs and answers with all that they
    hold. That may also make the store. Repeating the call adds nothing twice.

    Example: entx store import pages.parquet --store challenge.duckdb
    Example: entx store import parts --store challenge.duckdb
    """
    from entx.parts.plan import finished_parts
    from entx.storage.transfer import import_pages, import_parts

    with finished_parts(pages) as folder:
        if folder is not None:
            with cli.open_store(store, create=True) as opened:
                rows = import_parts(opened, folder)
            listed = ", ".join(f"{count} {table}" for table, count in rows.items() if count)
            words.line(f"added: {listed or 'nothing, all was here already'}")
            words.result({"added": rows})
            return
    with cli.open_store(store, write=True) as opened:
        total, added = import_pages(opened, pages)
    words.line(f"{added} of {total} pages added; the others were here already")
    words.result({"pages": total, "added": added})


@cli.command("compact", store_app)
def compact(words: cli.Output, store: cli.StoreOption) -> None:
    """Rewrite the file without the space of deleted rows; needs as much free disk again.

    Example: entx store compact --store challenge.duckdb
    """
    with cli.open_store(store, write=True) as opened:
        before, after = opened.compact()
    words.line(f"{before:,} bytes before, {after:,} after")
    words.result({"before": before, "after": after})


@cli.command("repair", store_app)
def repair_command(words: cli.Output, store: cli.StoreOption) -> None:
    """Cut a damaged log (STORE.wal) where the damage begins; what was committed before it stays.

    The whole log is kept beside it. A damaged store file cannot be mended: export the tables that can be read.

    Example: entx store repair --store challenge.duckdb
    """
    from entx.storage.store import repair

    kept, cut = repair(store) or (None, 0)
    with cli.open_store(store):
        words.line(f"{cut:,} bytes cut off; the log as it was: {kept}" if kept else "the log is not damaged")
    words.result({"cut": cut, "kept": kept and str(kept)})


@cli.command("ingest")
def ingest_command(
    words: cli.Output,
    table: Annotated[Path, Argument(help="Questions: .csv, .jsonl (also .gz) or .parquet.")],
    store: cli.StoreOption,
    images: Annotated[
        list[Path] | None, Option("--images", help="Folder of pictures, searched in all depths; may be repeated.")
    ] = None,
    schema: cli.SchemaOption = None,
    index_from: Annotated[
        int, Option("--index-from", min=0, help="First index for a table without an index column.")
    ] = 0,
) -> None:
    """Put a table of questions and its picture files into a store; creates the store.

    The table has image_link and entity_name, and as far as known index, group_id and entity_value. A link finds its
    file by name. Repeating the call adds nothing twice: call it again when more pictures have arrived.

    Example: entx ingest test.csv --images pictures --store challenge.duckdb
    """
    from entx.storage.transfer import ingest

    entities = load_schema(schema)
    with cli.open_store(store, create=True) as opened, words.progress("links", None, unit="links") as advance:
        report = ingest(opened, table, images or [], entities, index_from=index_from, advance=advance)
    if not report.indexed:
        words.notice(f"{table} has no index column: its rows are numbered from {index_from}")
    if report.without_file:
        link, reason = next(iter(report.without_file.items()))
        words.notice(
            f"{len(report.without_file)} of {report.links} links have no picture file, for example {link}: {reason}"
        )
    words.line(f"{report.questions} questions, {report.new} of them new")
    words.line(f"{report.pictures} distinct pictures behind {report.links} links")
    words.result({**asdict(report), "without_file": len(report.without_file)})


@cli.command("download")
def download_command(
    words: cli.Output,
    table: Annotated[Path, Argument(help="A table with an image_link column (.csv, .jsonl, .parquet; .gz too).")],
    images: Annotated[
        Path, Option("--images", help="Folder for the pictures; made if absent."), Writes(("download-failures.csv",))
    ],
    workers: Annotated[int, Option("--workers", min=1, max=256, help="Pictures fetched at a time.")] = 16,
    per_host: Annotated[int, Option("--per-host", min=1, max=256, help="At most so many of them from one host.")] = 16,
    allow_host: Annotated[
        list[str] | None,
        Option("--allow-host", help="A host that may be at an address that is not public, on any port."),
    ] = None,
    limit: Annotated[int | None, Option("--limit", min=1, help="Only the first N distinct links.")] = None,
    timeout: Annotated[float, Option("--timeout", min=1.0, help="Seconds for one picture, with all its tries.")] = 60.0,
) -> None:
    """Fetch the pictures of a table by their links.

    Pictures that are there already are skipped, so a broken run is resumed by the same command. Each picture is
    decoded before it gets its name; none is ever replaced by a placeholder. Links to addresses that are not public
    are refused. What could not be had stands with its reason in download-failures.csv beside the pictures, and
    the exit status is 3.

    Example: entx download test.csv --images pictures --workers 32
    """
    from entx.core.tables import read_table
    from entx.download.fetch import Fetcher
    from entx.download.guard import AddressGuard
    from entx.download.job import FAILURES_FILE, download

    guard = AddressGuard(allow_host or ())
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
        fetcher = Fetcher(guard, connections=workers, timeout=timeout)
        with words.progress("download", len(links), unit="pictures") as advance:
            report = download(links, images, fetcher, workers=workers, per_host=per_host, stop=stop, advance=advance)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    seconds = time.perf_counter() - started

    failed = len(report.failures)
    words.line(
        f"{report.links} links: {report.present} pictures were there, {report.fetched} fetched "
        f"({report.bytes / 1e6:.1f} MB in {seconds:.1f} s), {failed} missing"
        + (f", {report.left} left for the next run" if report.left else "")
    )
    if failed:
        words.notice(f"the missing ones and why: {images / FAILURES_FILE}")
    words.result({
        "links": report.links, "present": report.present, "fetched": report.fetched, "failed": failed,
        "bytes": report.bytes, "seconds": round(seconds, 3), "left": report.left,
        "failures_file": str(images / FAILURES_FILE) if failed else None,
    })  # fmt: skip
    if received:
        cli.say_stopped(received[0])
        raise typer.Exit(128 + received[0])  # the shell's convention for a command that a signal ended
    if failed:
        raise typer.Exit(int(ExitCode.QUARANTINED))


@cli.command("ocr-cache")
def ocr_cache(
    words: cli.Output,
    store: cli.StoreOption,
    engine: cli.EngineOption = "rapidocr",
    param: Annotated[
        list[str] | None, Option("--param", help="Engine or reader setting as NAME=VALUE; may be repeated.")
    ] = None,
    workers: cli.WorkersOption = None,
    worker_memory: cli.WorkerMemoryOption = None,
    picture_seconds: cli.PictureSecondsOption = 60.0,
    retry_failed: Annotated[bool, Option("--retry-failed", help="Read pictures again that failed before.")] = False,
) -> None:
    """Read every picture of the store that has not been read with this engine and setting, and keep its page.

    Can be stopped at any moment and goes on where it was. A picture that cannot be read gets a page with the reason,
    one whose file is not there now stays pending, and the exit code is then 3.

    Example: entx ocr-cache --store challenge.duckdb --workers 2
    """
    from entx.ocr_stage.cache import fill_cache
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.ocr_stage.pool import default_workers
    from entx.storage.pages import failed_pages

    settings = {name: cli.plain_value(value) for name, value in cli.named_values("--param", param, "NAME=VALUE")}
    require_memory()
    spec = EngineSpec.of(engine, **settings)
    limits = cli.worker_limits(worker_memory, picture_seconds)
    with cli.open_store(store, write=True) as opened, words.begin("pictures", unit="pictures") as begin:
        report = fill_cache(
            opened,
            spec,
            workers=workers or default_workers(limits),
            limits=limits,
            retry_failed=retry_failed,
            warn=words.notice,
            begin=begin,
        )
        failed = failed_pages(opened, report.key, most=5)
    for path, status, reason in failed:
        words.notice(f"{path}: {status}: {reason}")
    rate = f", {report.read / report.seconds:.1f} a second" if report.read else ""
    words.line(f"{report.read} pictures read in {report.seconds:.1f} s{rate}")
    counts = ", ".join(f"{count} {status}" for status, count in sorted(report.pages.items())) or "none"
    words.line(f"pages of {engine} in the store: {counts}")
    words.result({
        "engine": engine, "read": report.read, "seconds": round(report.seconds, 3), "pages": report.pages,
        "left": report.left,
    })  # fmt: skip
    if report.left or any(status != "ok" for status in report.pages):
        raise typer.Exit(ExitCode.QUARANTINED)


@cli.command("import-predictions")
def import_predictions_command(
    words: cli.Output,
    file: Annotated[Path, Argument(help="Table with index and a column of answers or sentences.")],
    stage: Annotated[str, Option("--stage", help="What made them, for example vlm.")],
    run: Annotated[str, Option("--run", help="Name of the run in the store.")],
    store: cli.StoreOption,
    column: Annotated[str | None, Option("--column", help="The column of answers; found by its usual names.")] = None,
    out: cli.RunFileOption = None,
    only: cli.ForOption = None,
    schema: cli.SchemaOption = None,
) -> None:
    """Read a model's raw answers through the shared postprocessor and keep them as a run.

    Rows of questions that are not in the store are counted and left out. The store may be one without pictures (entx
    ingest TABLE.csv --store S).

    Example: entx import-predictions qwen.csv.gz --stage vlm --run qwen --store challenge.duckdb --out pred.csv
    """
    from entx.storage.transfer import import_predictions

    entities = load_schema(schema)
    indices = cli.begin_run_file(out, only)
    with cli.open_store(store, write=True) as opened, words.begin("answers") as begin:
        report = import_predictions(opened, file, stage=stage, run=run, schema=entities, column=column, begin=begin)
        covered = cli.end_run_file(opened, run, out, indices)
    rate = f" ({report.added / report.seconds:,.0f} a second)" if report.added else ""
    words.line(f"{report.rows} rows, column {report.column}: {report.added} added{rate}")
    words.line(f"{report.foreign} rows left out: their questions are not in the store")
    cli.say_run(words, run, covered, {**asdict(report), "seconds": round(report.seconds, 3)})
