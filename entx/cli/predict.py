"""`entx predict`: a stage answers the questions of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import ForOption, Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.core.errors import InputError


@app.command("predict")
def predict(
    stage: Annotated[str, typer.Option("--stage", help="rules: from the OCR lines, without any model.")],
    store: StoreOption,
    engine: Annotated[str | None, typer.Option("--engine", help="Whose pages; default: those written last.")] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Name of the run in the store; default: the stage's name.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the run as index,prediction.")] = None,
    only: ForOption = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Answer the questions of a store and keep the answers, with their evidence, as a run.

    A run that was interrupted, or whose store has grown, is continued by the same call.

    Example: entx predict --stage rules --store challenge.duckdb --out predictions.csv
    """
    from entx.core.entities import load_schema
    from entx.core.tables import parse_indices, read_table
    from entx.ocr_stage.answer import answer_questions, choose_pages
    from entx.storage.connection import Store
    from entx.storage.submission import coverage, write_predictions

    if stage != "rules":
        raise InputError(
            f"--stage {stage}: this version has: rules (a model's own answers come in by import-predictions)"
        )
    words = Output(quiet=quiet, as_json=as_json)
    name = run or stage
    entities = load_schema(schema)
    indices = parse_indices(read_table(only, ["index"])) if only else None
    with Store(store, write=True) as opened:
        key = choose_pages(opened, engine)
        with words.progress("questions", coverage(opened, name).questions) as advance:
            report = answer_questions(opened, key, entities, name, advance=advance)
        covered = coverage(opened, name, indices)
        if out is not None:
            write_predictions(opened, name, out, indices)
    if covered.asked < covered.questions:
        words.notice(
            f"{covered.questions - covered.asked} questions have no page of {key.engine} yet and stay without an answer"
        )
    rate = f" ({report.asked / report.seconds:,.0f} a second)" if report.asked else ""
    words.line(f"{report.asked} questions read in {report.seconds:.2f} s{rate}")
    words.line(f"run {name}: {covered.asked} of {covered.questions} questions asked, {covered.answered} answered")
    words.result({
        "run": name, "read": report.asked, "seconds": round(report.seconds, 3), "questions": covered.questions,
        "asked": covered.asked, "answered": covered.answered,
    })  # fmt: skip
