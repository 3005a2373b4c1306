"""The commands that take and give tables and need no store: evaluate, check, split."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from entx.cli.app import GoldOption, Output, SchemaOption, WhereOption, command, where_pairs
from entx.core.entities import load_schema
from entx.core.errors import InputError
from entx.core.files import Writes

if TYPE_CHECKING:
    from entx.core.evaluation import Evaluation, Score

_HEADER = ("rows of", "n", "F1", "95 % interval", "precision", "recall", "coverage", "F1 string")


@command("evaluate")
def evaluate_command(
    words: Output,
    predictions: Annotated[Path, Argument(help="Predictions: index, prediction.", metavar="PRED.csv")],
    gold: GoldOption,
    where: WhereOption = None,
    by: Annotated[
        list[str] | None,
        Option("--by", help="Score each value of this gold column apart; repeatable.", metavar="COLUMN"),
    ] = None,
    no_also: Annotated[
        bool, Option("--no-also", help="Leave out the gold column also: only the value itself is right.")
    ] = False,
    seed: Annotated[int, Option("--seed", help="Of the bootstrap intervals.", min=0)] = 0,
    schema: SchemaOption = None,
) -> None:
    """Score predictions: F1 of number and unit, with intervals, overall and in parts.

    The metric is the challenge's own: a wrong answer costs one false positive and no false negative. Intervals resample
    whole pictures (column image_link or image of the truth table).

    Example: entx evaluate pred.csv --gold gold/dev.csv --where origin=test --by slice
    """
    from entx.core.evaluation import evaluate

    pairs = where_pairs(where)
    found = evaluate(predictions, gold, load_schema(schema), where=pairs, by=by or (), use_also=not no_also, seed=seed)
    if found.missing:
        words.notice(f"{found.missing:,} truth rows have no prediction row; they count as not answered")
    if found.ranges:
        words.notice(f"{found.ranges:,} truths are ranges or the like; only the very same text counts as right there")
    if found.ignored:
        words.notice(f"{found.ignored:,} prediction rows have an index that the truth table lacks; they are ignored")
    print_evaluation(words, found)
    words.result({
        "overall": found.overall.as_dict(),
        "by": {name: {value: one.as_dict() for value, one in parts.items()} for name, parts in found.parts.items()},
        "missing": found.missing, "ignored": found.ignored,
    })  # fmt: skip


def print_evaluation(words: Output, found: Evaluation) -> None:
    """Prints the table: all rows, then each part."""
    rows = [_row("all", found.overall)]
    for column, parts in found.parts.items():
        rows.append((column, *[""] * (len(_HEADER) - 1)))
        for value, score in parts.items():
            rows.append(_row(f"  {value or repr(value)}", score))
    words.table(_HEADER, rows)


def _row(name: str, score: Score) -> tuple[str, ...]:
    counts = score.counts
    shares = [counts.precision, counts.recall, counts.coverage, score.counts_string.f1]
    cells = ("-" if share is None else f"{share:.3f}" for share in shares)
    return (name, f"{counts.rows:,}", f"{counts.f1:.3f}", str(score.interval), *cells)


@command("check")
def check_command(
    words: Output,
    predictions: Annotated[Path, Argument(help="Predictions: index, prediction.", metavar="PRED.csv")],
    test: Annotated[Path, Option("--test", help="The questions: index and entity_name.", metavar="TEST.csv")],
    schema: SchemaOption = None,
) -> None:
    """Check a prediction file; each fault is named with its line, and the exit status is the verdict (0 or 2).

    Stricter than the challenge's own script: what passes here passes there. A row for every test row, in its order;
    each answer empty or a plain number and a unit that the entity allows.

    Example: entx check pred.csv --test test.csv
    """
    from entx.core.submission import check_file

    faults = check_file(predictions, test, load_schema(schema))
    for fault in faults:
        words.line(str(fault))
    words.result({"ok": not faults, "faults": [asdict(fault) for fault in faults]})
    if faults:
        raise InputError(
            f"{predictions}: {len(faults):,} {'faults' if len(faults) > 1 else 'fault'}; the first: {faults[0]}"
        )
    words.line(f"{predictions}: no fault")


@command("split")
def split_command(
    words: Output,
    table: Annotated[Path, Argument(help="Labelled rows, as CSV.", metavar="TABLE.csv")],
    out_dir: Annotated[
        Path,
        Option("--out", help="Folder for train.csv, val.csv and test.csv."),
        Writes(("train.csv", "val.csv", "test.csv")),
    ],
    by: Annotated[
        Literal["group_id", "entity_name"],
        Option("--by", help="group_id (groups of fewer than 4 rows go to train) or entity_name."),
    ],
    ratios: Annotated[str, Option("--ratios", help="Shares of train, val and test.")] = "0.8,0.1,0.1",
    seed: Annotated[int, Option("--seed", help="Equal seeds give equal parts.")] = 0,
    leaky: Annotated[
        bool, Option("--leaky", help="Split row by row, as the published systems did; scores on the parts will lie.")
    ] = False,
) -> None:
    """Split a labelled table into train.csv, val.csv and test.csv, stratified and without leaks.

    Rows of one picture, and rows of one product group with the same entity and value, stay together. Rows are copied
    byte for byte, each into exactly one part.

    Example: entx split train.csv --out parts --by group_id
    """
    from entx.core.splits import PARTS, split_table

    shares = _shares(ratios)
    split = split_table(table, out_dir, by, shares, seed=seed, leaky=leaky)
    if not split.labelled:
        words.notice("only rows of one picture stay together: the table lacks group_id, entity_name or entity_value")
    drift, worst = split.largest_drift(1 / min(shares))
    rows = [("all", split.rows)]
    if len(split.strata) <= 20:
        rows += [(f"  {name}", row) for name, row in split.strata.items()]
    words.table(("part of", *PARTS), [(name, *(f"{count:,}" for count in row)) for name, row in rows])
    if worst:
        words.line(f"largest drift of a {by}'s share from the whole: {100 * drift:.2f} points ({worst})")
    words.result({
        "rows": dict(zip(PARTS, split.rows, strict=True)), "families": split.families, "leaky": leaky,
        "strata": {name: dict(zip(PARTS, row, strict=True)) for name, row in split.strata.items()},
        "largest_drift": drift,
    })  # fmt: skip


def _shares(text: str) -> list[float]:
    try:
        shares = [float(word) for word in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) != 3 or not all(0 < share < 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"--ratios {text!r} is not three shares with sum 1, such as 0.8,0.1,0.1")
    return shares
