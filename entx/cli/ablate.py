"""`entx ablate`: what each run of a store and each hybrid is worth on labelled rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app, run_names
from entx.cli.output import Output
from entx.core.errors import InputError

_HEADER = ("", "asked", "F1", "95 % interval", "precision", "recall", "coverage")
_NO_STRATEGY = "none"


@app.command("ablate")
def ablate(
    store: StoreOption,
    gold: Annotated[
        Path,
        typer.Option("--gold", help="Truth: index, entity_value or value; perhaps also, slice.", metavar="GOLD.csv"),
    ],
    runs: Annotated[str, typer.Option("--runs", help="Runs of the store, the best first.", metavar="A,B,C")],
    out: Annotated[Path | None, typer.Option("--out", help="The report, one HTML file.", metavar="REPORT.html")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json-out", help="The figures and every answer, as a file.", metavar="FILE.json")
    ] = None,
    old: Annotated[
        Path | None,
        typer.Option("--diff", help="The --json-out of an earlier report: what changed.", metavar="OLD.json"),
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option(
            "--strategies", help="Hybrids to decide over the runs: names, or none. Default: all.", metavar="X,Y"
        ),
    ] = None,
    fitted: Annotated[
        list[Path] | None,
        typer.Option("--fitted", help="A hybrid that `entx ensemble --save` kept; repeatable.", metavar="FILE.json"),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only gold rows with this cell; repeatable.", metavar="COLUMN=VALUE"),
    ] = None,
    common: Annotated[bool, typer.Option("--common", help="Only rows that every run was asked.")] = False,
    train: Annotated[
        Path | None,
        typer.Option("--train", help="Labelled table to audit; default: other labels in the store.", metavar="TABLE"),
    ] = None,
    price: Annotated[float | None, typer.Option("--price", help="Of one hour of the machine.", min=0.0)] = None,
    took: Annotated[
        list[str] | None,
        typer.Option("--seconds", help="What 1,000 rows of an imported run took; repeatable.", metavar="RUN=SECONDS"),
    ] = None,
    no_pictures: Annotated[bool, typer.Option("--no-pictures", help="Leave the pictures out of the report.")] = False,
    picture_mb: Annotated[float, typer.Option("--picture-mb", help="Most that all pictures may take.", min=0.0)] = 16.0,
    cards: Annotated[int, typer.Option("--cards", help="Most questions in the gallery of errors.", min=0)] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap.", min=0)] = 0,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare runs and hybrids on labelled rows: scores with intervals, paired tests, causes, cost, gallery of errors.

    It runs no model: everything comes from the store, so that a report after a changed threshold takes seconds. Only
    the gold rows are measured; coverage and seconds are those of all rows of a run.

    Example: entx ablate --store s.duckdb --gold gold.csv --runs rules,qwen --out report.html --json-out report.json
    """
    from entx.cli.tables import pair_of
    from entx.core.entities import load_schema
    from entx.ensemble.strategies import strategy_names
    from entx.report.page import make_gallery, write_html
    from entx.report.summary import Options, diff, json_text, load_ablation, load_summary, summarise, write_json
    from entx.storage.store import Store

    words = Output(quiet=quiet, as_json=as_json)
    names = run_names(runs)
    chosen = strategy_names() if strategies is None else [name.strip() for name in strategies.split(",")]
    if chosen == [_NO_STRATEGY]:
        chosen = []
    options = Options(
        tuple(dict.fromkeys(chosen)), tuple(fitted or ()), tuple(pair_of(text) for text in where or ()), common, train,
        price, tuple(map(_seconds, took or ())), seed,
    )  # fmt: skip
    before = load_summary(old) if old else None
    entities = load_schema(schema)
    with Store(store) as opened:
        ablation = load_ablation(opened, gold, names, entities, options)
        summary = summarise(opened, ablation, entities, options)
    if before is not None:
        summary["diff"] = diff(before, summary)
    if out is not None:
        budget = 0 if no_pictures else int(picture_mb * 1e6)
        gallery = make_gallery(ablation, most=cards, picture_bytes=budget)
        write_html(summary, gallery, out, old=old.name if old else "")
    if json_out is not None:
        write_json(summary, json_out)
    for line in summary["notes"]:
        words.notice(line)
    words.table(_HEADER, [_row(column) for column in summary["columns"]])
    for line in _findings(summary):
        words.line(line)
    if as_json:
        typer.echo(json_text(summary), nl=False)


def _seconds(text: str) -> tuple[str, float]:
    run, equals, value = text.rpartition("=")
    try:
        if run and equals and 0.0 <= float(value) < math.inf:
            return run, float(value)
    except ValueError:
        pass
    raise InputError(f"--seconds {text!r} is not RUN=SECONDS, for example qwen=1940")


def _row(column: Mapping[str, Any]) -> tuple[str, ...]:
    score = column["scores"]["all"][""]
    shares = ("-" if score[name] is None else f"{score[name]:.3f}" for name in ("precision", "recall", "coverage"))
    interval = f"[{score['f1_low']:.3f}, {score['f1_high']:.3f}]"
    return (column["name"], f"{column['asked']:,}", f"{score['f1']:.3f}", interval, *shares)


def _findings(summary: Mapping[str, Any]) -> list[str]:
    """The best two of each kind compared, the oracle, and what changed since an older report."""
    lines = []
    by_f1 = sorted(summary["columns"], key=lambda column: -column["scores"]["all"][""]["f1"])
    best = {kind: next((one["name"] for one in by_f1 if one["kind"] == kind), None) for kind in ("arm", "hybrid")}
    second = best["hybrid"] or next((one["name"] for one in by_f1[1:]), None)
    test = _test(summary["pairs"], [best["arm"], second])
    if test is not None:
        verdict = "" if test["separable"] else "not separable: "
        lines.append(
            f"{test['first']} less {test['second']} on {test['n']:,} rows: {verdict}{test['difference']:+.3f} "
            f"[{test['low']:+.3f}, {test['high']:+.3f}], p {test['p']:.3f}"
        )
    if summary["oracle"] is not None:
        whole = summary["oracle"]["parts"][""]
        lines.append(f"perfect pick among the arms: {whole['f1']:.3f} [{whole['low']:.3f}, {whole['high']:.3f}]")
    for one in summary.get("diff", {}).get("columns", ()):
        lines.append(
            f"{one['name']}: F1 {one['old_f1']:.3f} -> {one['new_f1']:.3f}, {len(one['changed']):,} rows changed"
        )
    return lines


def _test(tests: Sequence[Mapping[str, Any]], names: Sequence[str | None]) -> Mapping[str, Any] | None:
    return next((one for one in tests if not one["part"] and {one["first"], one["second"]} == set(names)), None)
