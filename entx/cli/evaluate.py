"""`entx evaluate`: a prediction file against a truth table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entx.cli.app import Json, Quiet, SchemaOption, app
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.core.evaluation import Evaluation, Score

_HEADER = ("rows of", "n", "F1", "95 % interval", "precision", "recall", "coverage", "F1 string")


@app.command("evaluate")
def evaluate_command(
    predictions: Annotated[Path, typer.Argument(help="Predictions: index, prediction.", metavar="PRED.csv")],
    gold: Annotated[
        Path,
        typer.Option("--gold", help="Truth: index, entity_value or value, perhaps also.", metavar="GOLD.csv"),
    ],
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Score only gold rows with this cell; repeatable.", metavar="COLUMN=VALUE"),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Score each value of this gold column apart; repeatable.", metavar="COLUMN"),
    ] = None,
    no_also: Annotated[
        bool, typer.Option("--no-also", help="Leave out the gold column also: only the value itself is right.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap intervals.", min=0)] = 0,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score predictions: F1 of number and unit, with intervals, overall and in parts.

    The metric is the challenge's own: a wrong answer costs one false positive and no false negative. Intervals resample
    whole pictures (column image_link or image of the truth table).

    Example: entx evaluate pred.csv --gold gold/dev.csv --where origin=test --by slice
    """
    from entx.core.entities import load_schema
    from entx.core.evaluation import evaluate

    out = Output(quiet=quiet, as_json=as_json)
    pairs = [pair_of(text) for text in where or ()]
    found = evaluate(predictions, gold, load_schema(schema), where=pairs, by=by or (), use_also=not no_also, seed=seed)
    if found.missing:
        out.notice(f"{found.missing:,} truth rows have no prediction row; they count as not answered")
    if found.ignored:
        out.notice(f"{found.ignored:,} prediction rows have an index that the truth table lacks; they are ignored")
    print_evaluation(out, found)
    out.result(
        {
            "overall": found.overall.as_dict(),
            "by": {
                column: {value: score.as_dict() for value, score in parts.items()}
                for column, parts in found.parts.items()
            },
            "missing": found.missing,
            "ignored": found.ignored,
        }
    )


def print_evaluation(out: Output, found: Evaluation) -> None:
    """Prints the table: all rows, then each part."""
    rows = [_row("all", found.overall)]
    for column, parts in found.parts.items():
        rows.append((column, *[""] * (len(_HEADER) - 1)))
        rows += [_row(f"  {_printable(value)}", score) for value, score in parts.items()]
    out.table(_HEADER, rows)


def pair_of(text: str) -> tuple[str, str]:
    """Column and value of a --where.

    Raises:
        InputError: the text is not COLUMN=VALUE.
    """
    column, equals, value = text.partition("=")
    if not column or not equals:
        raise InputError(f"--where {text!r} is not COLUMN=VALUE, for example origin=test")
    return column, value


def _row(name: str, score: Score) -> tuple[str, ...]:
    counts = score.counts
    shares = [counts.precision, counts.recall, counts.coverage, score.counts_string.f1]
    cells = ("-" if share is None else f"{share:.3f}" for share in shares)
    return (name, f"{counts.rows:,}", f"{counts.f1:.3f}", str(score.interval), *cells)


def _printable(value: str) -> str:
    """A cell of somebody's table, without control characters for the terminal."""
    return value if value.isprintable() and value else repr(value)
