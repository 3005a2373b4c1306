"""`entx ingest`: questions and pictures into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output


@app.command("ingest")
def ingest_command(
    table: Annotated[Path, typer.Argument(help="Questions: .csv, .jsonl (also .gz) or .parquet.")],
    store: StoreOption,
    images: Annotated[
        list[Path] | None, typer.Option("--images", help="Folder of pictures, searched in all depths; may be repeated.")
    ] = None,
    schema: SchemaOption = None,
    index_from: Annotated[
        int, typer.Option("--index-from", min=0, help="First index for a table without an index column.")
    ] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put a table of questions and its picture files into a store; creates the store.

    The table has image_link and entity_name, and as far as known index, group_id and entity_value. A link finds its
    file by name. Repeating the call adds nothing twice: call it again when more pictures have arrived.

    Example: entx ingest test.csv --images pictures --store challenge.duckdb
    """
    from entx.core.entities import load_schema
    from entx.storage.store import Store
    from entx.storage.transfer import ingest

    out = Output(quiet=quiet, as_json=as_json)
    entities = load_schema(schema)
    store.parent.mkdir(parents=True, exist_ok=True)
    with Store(store, write=True) as opened, out.progress("links", None, unit="links") as advance:
        report = ingest(opened, table, images or [], entities, index_from=index_from, advance=advance)
    if not report.indexed:
        out.notice(f"{table} has no index column: its rows are numbered from {index_from}")
    if report.without_file:
        link, reason = next(iter(report.without_file.items()))
        out.notice(
            f"{len(report.without_file)} of {report.links} links have no picture file, for example {link}: {reason}"
        )
    out.line(f"{report.questions} questions, {report.new} of them new")
    out.line(f"{report.pictures} distinct pictures behind {report.links} links")
    out.result({
        "questions": report.questions, "new": report.new, "links": report.links, "pictures": report.pictures,
        "without_file": len(report.without_file),
    })  # fmt: skip
