"""`entx evaluate`: a prediction file against a truth table.

`entx check`: is a prediction file fit to be handed in?

`entx merge`: the part files of a sharded run into one prediction file.

`entx split`: a labelled table into train, validation and test parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entx.cli.app import Json, Quiet, SchemaOption, app
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.core.evaluation import Evaluation, Score
    from entx.core.tables import Table

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
    if found.ranges:
        out.notice(f"{found.ranges:,} truths are ranges or the like; only the very same text counts as right there")
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


_PARTS = ("train", "val", "test")


class Stratum(StrEnum):
    """What the parts should agree in."""

    GROUP = "group_id"
    ENTITY = "entity_name"


@app.command("split")
def split_command(
    table_path: Annotated[Path, typer.Argument(help="Labelled rows, as CSV.", metavar="TABLE.csv")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for train.csv, val.csv and test.csv.")],
    by: Annotated[
        Stratum, typer.Option("--by", help="group_id (groups of fewer than 4 rows go to train) or entity_name.")
    ],
    ratios: Annotated[str, typer.Option("--ratios", help="Shares of train, val and test.")] = "0.8,0.1,0.1",
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal parts.")] = 0,
    leaky: Annotated[
        bool,
        typer.Option("--leaky", help="Split row by row, as the published systems did; scores on the parts will lie."),
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Split a labelled table into train.csv, val.csv and test.csv, stratified and without leaks.

    Rows of one picture, and rows of one product group with the same entity and value, stay together. Rows are copied
    byte for byte, each into exactly one part.

    Example: entx split train.csv --out parts --by group_id
    """
    from entx.core.splits import SMALL_STRATUM, deal_families
    from entx.core.tables import read_table

    out = Output(quiet=quiet, as_json=as_json)
    shares = _shares(ratios)
    _refuse_targets(table_path, out_dir)
    table = read_table(table_path, ["image_link", by.value], ["group_id", "entity_name", "entity_value", "value"])
    families = list(range(len(table))) if leaky else _families(table, out)
    small = SMALL_STRATUM if by is Stratum.GROUP else 0
    parts = deal_families(families, table[by.value], shares, seed=seed, small_to_first=small)
    _write(table, parts, out_dir)

    counts = [parts.count(part) for part in range(len(_PARTS))]
    strata = _strata(table[by.value], parts)
    drift, worst = max(
        ((_drift(row, counts), name) for name, row in strata.items() if sum(row) >= 1 / min(shares)), default=(0.0, "")
    )
    header = ("part of", *_PARTS)
    lines = [("all", *(f"{count:,}" for count in counts))]
    if len(strata) <= 20:
        lines += [(f"  {name}", *(f"{count:,}" for count in row)) for name, row in strata.items()]
    out.table(header, lines)
    if worst:
        out.line(f"largest drift of a {by.value}'s share from the whole: {100 * drift:.2f} points ({worst})")
    out.result(
        {
            "rows": dict(zip(_PARTS, counts, strict=True)),
            "families": len(set(families)),
            "leaky": leaky,
            "strata": {name: dict(zip(_PARTS, row, strict=True)) for name, row in strata.items()},
            "largest_drift": drift,
        }
    )


def _shares(text: str) -> list[float]:
    try:
        shares = [float(word) for word in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) != len(_PARTS) or not all(0 < share < 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"--ratios {text!r} is not three shares with sum 1, such as 0.8,0.1,0.1")
    return shares


def _refuse_targets(table_path: Path, out_dir: Path) -> None:
    if not table_path.name.removesuffix(".gz").lower().endswith(".csv"):
        raise InputError(f"{table_path}: split copies the rows of CSV files (.csv or .csv.gz) only")
    for part in _PARTS:
        target = out_dir / f"{part}.csv"
        if target.exists() and table_path.exists() and target.samefile(table_path):
            raise InputError(f"{target}: would overwrite the table that is split; choose another --out")


def _families(table: Table, out: Output) -> list[int]:
    from entx.core.splits import join_families
    from entx.core.types import parse_written

    values = table.get("entity_value") or table.get("value")
    groups, entities = table.get("group_id"), table.get("entity_name")
    pictures = [link or None for link in table["image_link"]]
    if not values or not groups or not entities:
        out.notice("only rows of one picture stay together: the table lacks group_id, entity_name or entity_value")
        return join_families(pictures)
    amounts = {value: parse_written(value) or value for value in set(values)}
    clusters = [
        (group, entity, amounts[value]) if group else None
        for group, entity, value in zip(groups, entities, values, strict=True)
    ]
    return join_families(pictures, clusters)


def _write(table: Table, parts: Sequence[int], out_dir: Path) -> None:
    """All three files, or none."""
    from entx.core.files import atomic_text
    from entx.core.tables import raw_rows

    header, rows = raw_rows(table)
    with ExitStack() as stack:
        streams = [stack.enter_context(atomic_text(out_dir / f"{part}.csv")) for part in _PARTS]
        for stream in streams:
            stream.write(header)
        for row, part in zip(rows, parts, strict=True):
            streams[part].write(row)


def _strata(names: Sequence[str], parts: Sequence[int]) -> dict[str, list[int]]:
    strata: dict[str, list[int]] = {}
    for name, part in zip(names, parts, strict=True):
        strata.setdefault(name, [0] * len(_PARTS))[part] += 1
    return dict(sorted(strata.items(), key=lambda item: -sum(item[1])))


def _drift(row: Sequence[int], counts: Sequence[int]) -> float:
    """Largest difference between a part's share of the stratum and its share of all rows."""
    return max(abs(here / sum(row) - count / sum(counts)) for here, count in zip(row, counts, strict=True))
