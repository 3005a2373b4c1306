"""`entx ensemble`: the answers of several runs become one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import ForOption, Json, Quiet, SchemaOption, StoreOption, app, run_names, wanted_indices
from entx.cli.output import Output
from entx.core.errors import InputError


@app.command("ensemble")
def ensemble(
    store: StoreOption,
    runs: Annotated[str, typer.Option("--runs", help="The arms: runs of the store, the best first.", metavar="A,B,C")],
    strategy: Annotated[
        str, typer.Option("--strategy", help="vote, confidence, weighted, stack, cascade, or a plug-in.")
    ] = "vote",
    gold: Annotated[
        Path | None,
        typer.Option("--gold", help="Labelled rows to learn from: index, entity_value or value.", metavar="GOLD.csv"),
    ] = None,
    fitted: Annotated[
        Path | None, typer.Option("--fitted", help="What an earlier call learned and saved.", metavar="FILE.json")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep what was learned from --gold.", metavar="FILE.json")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="Of the strategy, when it learns: ask=0.4 (cascade).", metavar="NAME=NUMBER"),
    ] = None,
    optimise: Annotated[
        str | None,
        typer.Option(
            "--optimise",
            help="When an answer is given: challenge-f1 (default where something is learned), micro-f1, "
            "precision@X, or own: as the strategy says.",
        ),
    ] = None,
    always: Annotated[
        bool, typer.Option("--always-answer", help="Give the best answer there is, whatever its chances.")
    ] = False,
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

    With labelled rows (--gold) each answer gets two probabilities, that it is right and that the picture shows a value,
    and is given where that raises the metric. What is learned is cross-validated by picture: a labelled picture never
    decides its own answer.

    Example: entx ensemble --strategy vote --store s.duckdb --runs rules,qwen --out pred.csv
    """
    from entx.core.entities import load_schema
    from entx.core.evaluation import read_truth
    from entx.ensemble.fit import load_fitted
    from entx.ensemble.job import OWN, Policy, fit_on_gold, run_ensemble
    from entx.ensemble.judge import CHALLENGE_F1
    from entx.storage.questions import FOLDS
    from entx.storage.runs import count_asked
    from entx.storage.store import Store
    from entx.storage.transfer import coverage, write_predictions

    words = Output(quiet=quiet, as_json=as_json)
    names = run_names(runs)
    if gold and fitted:
        raise InputError("--gold learns anew, --fitted uses what was learned; give one of them")
    if save and not gold:
        raise InputError("--save keeps what is learned from --gold; give that too")
    if param and not gold:
        raise InputError("--param is of what is learned from --gold; give that too")
    params = dict(map(_number, param or ()))
    policy = Policy(optimise or (CHALLENGE_F1 if gold or fitted else OWN), always)
    learned = load_fitted(fitted) if fitted else None
    truths = read_truth(gold).by_index if gold else None
    entities = load_schema(schema)
    indices = wanted_indices(only)
    with Store(store, write=True) as opened:
        if truths is not None:
            learned = fit_on_gold(opened, strategy, names, entities, truths, params)
            if save:
                learned.save(save)
        with words.progress("questions", count_asked(opened, names)) as advance:
            report = run_ensemble(
                opened, strategy, names, entities, run, fitted=learned, policy=policy, advance=advance
            )
        covered = coverage(opened, report.run, indices)
        if out is not None:
            write_predictions(opened, report.run, out, indices)
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
    words.line(f"run {report.run}: {covered.asked} of {covered.questions} questions asked, {covered.answered} answered")
    words.result({
        "run": report.run, "decided": report.questions, "seconds": round(report.seconds, 3),
        "not_asked": report.not_asked, "looked_at": report.looked_at, "spoiled": report.spoiled,
        "converted": report.converted,
        "alignments": dict(report.alignments) if report.grounded else None, "questions": covered.questions,
        "asked": covered.asked, "answered": covered.answered,
        "reliability": dict(learned.reliability) if learned else None,
    })  # fmt: skip


def _number(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        if name and equals:
            return name, float(value)
    except ValueError:
        pass
    raise InputError(f"--param {text!r} is not NAME=NUMBER, for example ask=0.4")
