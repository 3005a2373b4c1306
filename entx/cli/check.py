"""`entx check`: is a prediction file fit to be handed in?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, SchemaOption, app
from entx.cli.output import Output
from entx.core.errors import InputError


@app.command("check")
def check_command(
    predictions: Annotated[Path, typer.Argument(help="Predictions: index, prediction.", metavar="PRED.csv")],
    test: Annotated[Path, typer.Option("--test", help="The questions: index and entity_name.", metavar="TEST.csv")],
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a prediction file; each fault is named with its line, and the exit status is the verdict (0 or 2).

    Stricter than the challenge's own script: what passes here passes there. A row for every test row, in its order;
    each answer empty or a plain number and a unit that the entity allows.

    Example: entx check pred.csv --test test.csv
    """
    from entx.core.entities import load_schema
    from entx.core.submission import check_file

    out = Output(quiet=quiet, as_json=as_json)
    faults = check_file(predictions, test, load_schema(schema))
    for fault in faults:
        out.line(str(fault))
    out.result({"ok": not faults, "faults": [asdict(fault) for fault in faults]})
    if faults:
        raise InputError(
            f"{predictions}: {len(faults):,} {'faults' if len(faults) > 1 else 'fault'}; the first: {faults[0]}"
        )
    out.line(f"{predictions}: no fault")
