"""`entx import-predictions`: anybody's raw answers become an arm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import ForOption, Json, Quiet, SchemaOption, StoreOption, app, wanted_indices
from entx.cli.output import Output


@app.command("import-predictions")
def import_predictions_command(
    file: Annotated[Path, typer.Argument(help="Table with index and a column of answers or sentences.")],
    stage: Annotated[str, typer.Option("--stage", help="What made them, for example vlm.")],
    run: Annotated[str, typer.Option("--run", help="Name of the run in the store.")],
    store: StoreOption,
    column: Annotated[
        str | None, typer.Option("--column", help="The column of answers; found by its usual names.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the run as index,prediction.")] = None,
    only: ForOption = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Read a model's raw answers through the shared postprocessor and keep them as a run.

    Rows of questions that are not in the store are counted and left out. The store may be one without pictures (entx
    ingest TABLE.csv --store S).

    Example: entx import-predictions qwen.csv.gz --stage vlm --run qwen --store challenge.duckdb --out pred.csv
    """
    from contextlib import ExitStack

    from entx.core.entities import load_schema
    from entx.storage.store import Store
    from entx.storage.transfer import coverage, import_predictions, write_predictions

    words = Output(quiet=quiet, as_json=as_json)
    entities = load_schema(schema)
    indices = wanted_indices(only)
    with Store(store, write=True) as opened, ExitStack() as stack:
        report = import_predictions(
            opened, file, stage=stage, run=run, schema=entities, column=column,
            begin=lambda total: stack.enter_context(words.progress("answers", total)),
        )  # fmt: skip
        covered = coverage(opened, run, indices)
        if out is not None:
            write_predictions(opened, run, out, indices)
    rate = f" ({report.added / report.seconds:,.0f} a second)" if report.added else ""
    words.line(f"{report.rows} rows, column {report.column}: {report.added} added{rate}")
    words.line(f"{report.foreign} rows left out: their questions are not in the store")
    words.line(f"{covered.questions} questions: {covered.asked} asked, {covered.answered} answered")
    words.result({
        "column": report.column, "rows": report.rows, "added": report.added, "foreign": report.foreign,
        "seconds": round(report.seconds, 3), "questions": covered.questions, "asked": covered.asked,
        "answered": covered.answered,
    })  # fmt: skip
