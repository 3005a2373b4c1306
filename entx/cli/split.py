"""`entx split`: a labelled table into train, validation and test parts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.core.tables import Table

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
