"""`entx merge`: the part files of a sharded run into one prediction file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.output import Output


@app.command("merge")
def merge_command(
    parts: Annotated[list[Path], typer.Argument(help="Tables with index and prediction.", metavar="PART...")],
    test: Annotated[Path, typer.Option("--test", help="The table whose rows must all be there, each once.")],
    out: Annotated[Path, typer.Option("--out", help="index,prediction in the order of --test.")],
    column: Annotated[str, typer.Option("--column", help="The parts' column of predictions.")] = "prediction",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put part files together, whatever system wrote them; csv, jsonl or parquet.

    Every index of --test must stand in exactly one part. What is missing, foreign or there twice is named by count and
    first indices; then nothing is written and the exit code is 2.

    Example: entx merge part1.csv part2.csv part3.csv part4.csv --test test.csv --out predictions.csv
    """
    from entx.core.submission import merge_parts

    words = Output(quiet=quiet, as_json=as_json)
    merged = merge_parts(parts, test, out, column)
    listed = " + ".join(str(rows) for rows in merged.parts)
    words.line(f"{listed} = {merged.rows} rows, {merged.answered} with a prediction; written: {out}")
    words.result({"rows": merged.rows, "answered": merged.answered, "parts": list(merged.parts), "out": str(out)})
