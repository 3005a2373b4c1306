"""`entx ensemble`: the answers of several runs become one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import ForOption, Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.core.errors import InputError


@app.command("ensemble")
def ensemble(
    store: StoreOption,
    runs: Annotated[str, typer.Option("--runs", help="The arms: runs of the store, the best first.", metavar="A,B,C")],
    strategy: Annotated[str, typer.Option("--strategy", help="vote, confidence, or a plug-in.")] = "vote",
    run: Annotated[
        str | None, typer.Option("--run", help="Name of the run in the store; default: STRATEGY(A,B,C).")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the run as index,prediction.")] = None,
    only: ForOption = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Pick one answer per question among the answers of several runs, and keep the picks as a run.

    Answers are equal when number and unit are, or when they are one size in two units; an answer in a unit that the
    entity does not allow never wins. The answer carries its place in the OCR lines, if it is found there.

    Example: entx ensemble --strategy vote --store s.duckdb --runs rules,qwen --out pred.csv
    """
    from entx.core.entities import load_schema
    from entx.core.tables import parse_indices, read_table
    from entx.ensemble.job import run_ensemble
    from entx.storage.arms import count_asked
    from entx.storage.connection import Store
    from entx.storage.submission import coverage, write_predictions

    words = Output(quiet=quiet, as_json=as_json)
    names = [name.strip() for name in runs.split(",")]
    if not all(names):
        raise InputError(f"--runs {runs!r} names no run between two commas; for example --runs rules,qwen")
    entities = load_schema(schema)
    indices = parse_indices(read_table(only, ["index"])) if only else None
    with Store(store, write=True) as opened:
        with words.progress("questions", count_asked(opened, names)) as advance:
            report = run_ensemble(opened, strategy, names, entities, run, advance=advance)
        covered = coverage(opened, report.run, indices)
        if out is not None:
            write_predictions(opened, report.run, out, indices)
    for arm, count in report.not_asked.items():
        if count:
            words.notice(f"{arm} was not asked {count:,} of these questions and has no vote there")
    if report.spoiled:
        words.notice(f"{report.spoiled:,} answers name a unit that their entity does not allow; they cannot win")
    rate = f" ({report.questions / report.seconds:,.0f} a second)" if report.questions else ""
    words.line(f"{report.questions:,} questions decided in {report.seconds:.2f} s{rate}")
    if report.grounded:
        words.line("in the OCR lines: " + ", ".join(f"{n:,} {how}" for how, n in report.alignments.most_common()))
    words.line(f"run {report.run}: {covered.asked} of {covered.questions} questions asked, {covered.answered} answered")
    words.result({
        "run": report.run, "decided": report.questions, "seconds": round(report.seconds, 3),
        "not_asked": report.not_asked, "spoiled": report.spoiled, "converted": report.converted,
        "alignments": dict(report.alignments) if report.grounded else None, "questions": covered.questions,
        "asked": covered.asked, "answered": covered.answered,
    })  # fmt: skip
