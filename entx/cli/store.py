"""`entx store`: looking into the store, copying tables in and out, and making the file small again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, StoreOption, app
from entx.cli.output import Output

store_app = typer.Typer(help="Look into a store, export and import its tables, compact it.", no_args_is_help=True)
app.add_typer(store_app, name="store")


@store_app.command("info")
def info(store: StoreOption, quiet: Quiet = False, as_json: Json = False) -> None:
    """Print what a store holds.

    Example: entx store info --store challenge.duckdb
    """
    from entx.storage.pages import count_pages, page_keys
    from entx.storage.store import Store

    out = Output(quiet=quiet, as_json=as_json)
    with Store(store) as opened:
        rows = opened.connection.execute("""
            select (select count(*) from questions), (select count(distinct image_link) from questions),
                   (select count(distinct picture) from pictures)""").fetchall()
        questions, links, pictures = rows[0]
        pages = [(key, count_pages(opened, key)) for key, _ in page_keys(opened)]
        runs = opened.connection.execute("""
            select run, stage, count(a.idx), count(a.unit) from runs left join answers a using (run)
            group by run, stage, started order by started""").fetchall()
    out.line(f"{questions} questions on {links} links, {pictures} distinct pictures")
    for key, counts in pages:
        listed = ", ".join(f"{count} {status}" for status, count in counts.items())
        out.line(f"{key.engine} pages (model {key.model_hash[:8]}, parameters {key.params_hash[:8]}): {listed}")
    for run, stage, rows_of_run, answered in runs:
        if stage != "ocr":
            out.line(f"run {run} ({stage}): {rows_of_run} questions, {answered} with an answer")
    out.result({
        "questions": questions, "links": links, "pictures": pictures,
        "pages": [{**asdict(key), **counts} for key, counts in pages],
        "runs": [dict(zip(("run", "stage", "questions", "answered"), row, strict=True)) for row in runs],
    })  # fmt: skip


@store_app.command("export")
def export(
    table: Annotated[str, typer.Argument(help="questions, pages, lines, runs, answers or reviews.")],
    store: StoreOption,
    out: Annotated[Path, typer.Option("--out", help="File to write: .csv, .parquet or .jsonl.")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a table of the store to a file.

    Example: entx store export pages --store challenge.duckdb --out pages.parquet
    """
    from entx.storage.store import Store
    from entx.storage.transfer import export_table

    words = Output(quiet=quiet, as_json=as_json)
    with Store(store) as opened:
        rows = export_table(opened, table, out)
    words.line(f"{rows} rows written to {out}")
    words.result({"rows": rows})


@store_app.command("import")
def import_command(
    pages: Annotated[Path, typer.Argument(help="An export of pages: .parquet or .jsonl.")],
    store: StoreOption,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Add OCR pages that another store exported, so that those pictures need no reading here.

    Example: entx store import pages.parquet --store challenge.duckdb
    """
    from entx.storage.store import Store
    from entx.storage.transfer import import_pages

    out = Output(quiet=quiet, as_json=as_json)
    with Store(store, write=True) as opened:
        total, added = import_pages(opened, pages)
    out.line(f"{added} of {total} pages added; the others were here already")
    out.result({"pages": total, "added": added})


@store_app.command("compact")
def compact(store: StoreOption, quiet: Quiet = False, as_json: Json = False) -> None:
    """Rewrite the file without the space of deleted rows; needs as much free disk again.

    Example: entx store compact --store challenge.duckdb
    """
    from entx.core.errors import StoreError
    from entx.storage.store import Store

    out = Output(quiet=quiet, as_json=as_json)
    if not store.is_file():
        raise StoreError(f"{store}: no such store")
    with Store(store, write=True) as opened:
        before, after = opened.compact()
    out.line(f"{before:,} bytes before, {after:,} after")
    out.result({"before": before, "after": after})
