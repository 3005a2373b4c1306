"""The Typer application and the options that every command shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx import __version__

app = typer.Typer(
    name="entx",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")]
StoreOption = Annotated[Path, typer.Option("--store", help="The DuckDB store.")]
SchemaOption = Annotated[
    Path | None,
    typer.Option("--schema", help="TOML file with entities added to the challenge's eight, or replacing them."),
]
ForOption = Annotated[
    Path | None,
    typer.Option(
        "--for",
        help="Table whose rows --out gets, in its order; default: every question of the store.",
        metavar="TABLE",
    ),
]


def wanted_indices(only: Path | None) -> list[int] | None:
    """The rows of --for in their order; None without it.

    Raises:
        InputError: no such table, or a cell of its column `index` is no index.
    """
    from entx.core.tables import parse_indices, read_table

    return None if only is None else parse_indices(read_table(only, ["index"]))


def run_names(runs: str) -> list[str]:
    """The names of --runs A,B,C; a comma in brackets is part of a name, as in vote(A,B).

    Raises:
        InputError: nothing stands between two commas.
    """
    from entx.core.errors import InputError

    names, depth = [""], 0
    for letter in runs:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            names.append("")
        else:
            names[-1] += letter
    names = [name.strip() for name in names]
    if not all(names):
        raise InputError(f"--runs {runs!r} names no run between two commas; for example --runs rules,qwen")
    return names


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"entx {__version__}")
        raise typer.Exit


@app.callback()
def entx(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Read quantities off product pictures: a number, its unit, where it stands, and how sure it is.

    A first session: entx demo
    """
