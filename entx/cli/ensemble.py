"""`entx ensemble`, which makes one run of several, and `entx ablate`, which says what each run and hybrid is worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from entx.cli import app as cli
from entx.core.entities import load_schema
from entx.core.errors import InputError
from entx.core.files import Writes


@cli.command("ensemble")
def ensemble(
    words: cli.Output,
    store: cli.StoreOption,
    runs: Annotated[str, Option("--runs", help="The arms: runs of the store, the best first.", metavar="A,B,C")],
    strategy: Annotated[
        str, Option("--strategy", help="vote, confidence, weighted, stack, cascade, or a plug-in.")
    ] = "vote",
    gold: Annotated[
        Path | None,
        Option("--gold", help="Labelled rows to learn from: index, entity_value or value.", metavar="GOLD.csv"),
    ] = None,
    fitted: Annotated[
        Path | None, Option("--fitted", help="What an earlier call learned and saved.", metavar="FILE.json")
    ] = None,
    save: Annotated[
        Path | None, Option("--save", help="Keep what was learned from --gold.", metavar="FILE.json"), Writes()
    ] = None,
    param: Annotated[
        list[str] | None,
        Option("--param", help="Of the strategy, when it learns: ask=0.4 (cascade).", metavar="NAME=NUMBER"),
    ] = None,
    optimise: Annotated[
        str | None,
        Option(
            "--optimise",
            help="When an answer is given: challenge-f1 (default where something is learned), micro-f1, "
            "precision@X, or own: as the strategy says.",
        ),
    ] = None,
    always: Annotated[
        bool, Option("--always-answer", help="Give the best answer there is, whatever its chances.")
    ] = False,
    run: Annotated[str | None, Option("--run", help="Name of the run in the store; default: STRATEGY(A,B,C).")] = None,
    out: cli.RunFileOption = None,
    only: cli.ForOption = None,
    schema: cli.SchemaOption = None,
) -> None:
    """Pick one answer per question among the answers of several runs, and keep the picks as a run.

    Answers are equal when number and unit are, or when they are one size in two units; an answer in a unit that the
    entity does not allow never wins. The answer carries its place in the OCR lines, if it is found there.

    With labelled rows (--gold) each answer gets two probabilities, that it is right and that the picture shows a value,
    and is given where that raises the metric. What is learned is cross-validated by picture: a labelled picture never
    decides its own answer.

    Example: entx ensemble --strategy vote --store s.duckdb --runs rules,qwen --out pred.csv
    """
    from entx.core.evaluation import read_truth
    from entx.ensemble.fit import load_fitted
    from entx.ensemble.job import Policy, fit_on_gold, run_ensemble
    from entx.storage.questions import FOLDS
    from entx.storage.runs import count_asked

    names = cli.run_names(runs)
    if gold and fitted:
        raise InputError("--gold learns anew, --fitted uses what was learned; give one of them")
    if save and not gold:
        raise InputError("--save keeps what is learned from --gold; give that too")
    if param and not gold:
        raise InputError("--param is of what is learned from --gold; give that too")
    params = cli.named_numbers("--param", param, "NAME=NUMBER, for example ask=0.4")
    policy = Policy.of_options(optimise, always=always, learned=bool(gold or fitted))
    learned = load_fitted(fitted) if fitted else None
    truths = read_truth(gold).by_index if gold else None
    entities = load_schema(schema)
    indices = cli.begin_run_file(out, only)
    with cli.open_store(store, write=True) as opened:
        if truths is not None:
            learned = fit_on_gold(opened, strategy, names, entities, truths, params)
            if save:
                learned.save(save)
        with words.progress("questions", count_asked(opened, names)) as advance:
            report = run_ensemble(
                opened, strategy, names, entities, run, fitted=learned, policy=policy, advance=advance
            )
        covered = cli.end_run_file(opened, report.run, out, indices)
    for arm, count in report.not_asked.items():
        if count:
            words.notice(f"{arm} was not asked {count:,} of these questions and has no vote there")
    for arm, count in report.looked_at.items():
        spared = report.questions - report.not_asked[arm] - count
        if spared:
            words.line(f"{arm}: asked {count:,} questions, {spared:,} spared")
    if report.spoiled:
        words.notice(f"{report.spoiled:,} answers name a unit that their entity does not allow; they cannot win")
    if learned is not None:
        errors = {name: found["error"] for name, found in learned.reliability.items()}
        words.line(
            f"learned from {learned.rows} labelled rows, {FOLDS} folds by picture; expected calibration error out of "
            f"fold: p {errors['p']:.3f}, q {errors['q']:.3f}"
        )
    rate = f" ({report.questions / report.seconds:,.0f} a second)" if report.questions else ""
    words.line(f"{report.questions:,} questions decided in {report.seconds:.2f} s{rate}")
    if report.grounded:
        words.line("in the OCR lines: " + ", ".join(f"{n:,} {how}" for how, n in report.alignments.most_common()))
    cli.say_run(words, report.run, covered, {
        "decided": report.questions, "seconds": round(report.seconds, 3), "not_asked": report.not_asked,
        "looked_at": report.looked_at, "spoiled": report.spoiled, "converted": report.converted,
        "alignments": dict(report.alignments) if report.grounded else None,
        "reliability": dict(learned.reliability) if learned else None,
    })  # fmt: skip


@cli.command("ablate")
def ablate(
    words: cli.Output,
    store: cli.StoreOption,
    gold: cli.GoldOption,
    runs: Annotated[str, Option("--runs", help="Runs of the store, the best first.", metavar="A,B,C")],
    out: Annotated[
        Path | None, Option("--out", help="The report, one HTML file.", metavar="REPORT.html"), Writes()
    ] = None,
    json_out: Annotated[
        Path | None,
        Option("--json-out", help="The figures and every answer, as a file.", metavar="FILE.json"),
        Writes(),
    ] = None,
    old: Annotated[
        Path | None, Option("--diff", help="The --json-out of an earlier report: what changed.", metavar="OLD.json")
    ] = None,
    strategies: Annotated[
        str | None,
        Option("--strategies", help="Hybrids to decide over the runs: names, or none. Default: all.", metavar="X,Y"),
    ] = None,
    fitted: Annotated[
        list[Path] | None,
        Option("--fitted", help="A hybrid that `entx ensemble --save` kept; repeatable.", metavar="FILE.json"),
    ] = None,
    where: cli.WhereOption = None,
    common: Annotated[bool, Option("--common", help="Only rows that every run was asked.")] = False,
    train: Annotated[
        Path | None,
        Option("--train", help="Labelled table to audit; default: other labels in the store.", metavar="TABLE"),
    ] = None,
    price: Annotated[float | None, Option("--price", help="Of one hour of the machine.", min=0.0)] = None,
    took: Annotated[
        list[str] | None,
        Option("--seconds", help="What 1,000 rows of an imported run took; repeatable.", metavar="RUN=SECONDS"),
    ] = None,
    no_pictures: Annotated[bool, Option("--no-pictures", help="Leave the pictures out of the report.")] = False,
    picture_mb: Annotated[float, Option("--picture-mb", help="Most that all pictures may take.", min=0.0)] = 16.0,
    cards: Annotated[int, Option("--cards", help="Most questions in the gallery of errors.", min=0)] = 1000,
    seed: Annotated[int, Option("--seed", help="Of the bootstrap.", min=0)] = 0,
    schema: cli.SchemaOption = None,
) -> None:
    """Compare runs and hybrids on labelled rows: scores with intervals, paired tests, causes, cost, gallery of errors.

    It runs no model: everything comes from the store, so that a report after a changed threshold takes seconds. Only
    the gold rows are measured; coverage and seconds are those of all rows of a run.

    Example: entx ablate --store s.duckdb --gold gold.csv --runs rules,qwen --out report.html --json-out report.json
    """
    from entx.ensemble.strategies import strategy_names
    from entx.report.page import make_gallery, write_html
    from entx.report.summary import Options, diff, load_ablation, load_summary, summarise, write_json

    names = cli.run_names(runs)
    chosen = strategy_names() if strategies is None else [name.strip() for name in strategies.split(",")]
    seconds = cli.named_numbers("--seconds", took, "RUN=SECONDS, for example qwen=1940", low=0.0)
    options = Options(
        tuple(dict.fromkeys(chosen)) if chosen != ["none"] else (), tuple(fitted or ()), tuple(cli.where_pairs(where)),
        common, train, price, tuple(seconds.items()), seed,
    )  # fmt: skip
    before = load_summary(old) if old else None
    entities = load_schema(schema)
    with cli.open_store(store) as opened:
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
    header = ("", "asked", "F1", "95 % interval", "precision", "recall", "coverage")
    words.table(header, [_row(column) for column in summary["columns"]])
    _say_findings(words, summary)
    words.result(summary, indent=1)


def _row(column: Mapping[str, Any]) -> tuple[str, ...]:
    score = column["scores"]["all"][""]
    shares = ("-" if score[name] is None else f"{score[name]:.3f}" for name in ("precision", "recall", "coverage"))
    interval = f"[{score['f1_low']:.3f}, {score['f1_high']:.3f}]"
    return (column["name"], f"{column['asked']:,}", f"{score['f1']:.3f}", interval, *shares)


def _say_findings(words: cli.Output, summary: Mapping[str, Any]) -> None:
    """The best two of each kind compared, the oracle, and what changed since an older report."""
    by_f1 = sorted(summary["columns"], key=lambda column: -column["scores"]["all"][""]["f1"])
    best = {kind: next((one["name"] for one in by_f1 if one["kind"] == kind), None) for kind in ("arm", "hybrid")}
    second = best["hybrid"] or next((one["name"] for one in by_f1[1:]), None)
    both = {best["arm"], second}
    for test in summary["pairs"]:
        if test["part"] or {test["first"], test["second"]} != both:
            continue
        verdict = "" if test["separable"] else "not separable: "
        words.line(
            f"{test['first']} less {test['second']} on {test['n']:,} rows: {verdict}{test['difference']:+.3f} "
            f"[{test['low']:+.3f}, {test['high']:+.3f}], p {test['p']:.3f}"
        )
    if summary["oracle"] is not None:
        whole = summary["oracle"]["parts"][""]
        words.line(f"perfect pick among the arms: {whole['f1']:.3f} [{whole['low']:.3f}, {whole['high']:.3f}]")
    for one in summary.get("diff", {}).get("columns", ()):
        words.line(
            f"{one['name']}: F1 {one['old_f1']:.3f} -> {one['new_f1']:.3f}, {len(one['changed']):,} rows changed"
        )
