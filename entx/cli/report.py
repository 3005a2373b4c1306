"""`entx show`, a page with all that was read on it, and `entx review`, people's answers to what is most uncertain."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from entx.cli.app import Output, SchemaOption, StoreOption, app, command, open_store, run_names
from entx.core.entities import load_schema
from entx.core.errors import ExitCode, InputError
from entx.core.files import Writes, atomic_text


@command("show")
def show(
    words: Output,
    what: Annotated[str, Argument(metavar="IMAGE|INDEX", help="A picture file, or a question of --store.")],
    store: Annotated[Path | None, Option("--store", help="The DuckDB store that INDEX is in.")] = None,
    entity: Annotated[
        list[str] | None,
        Option("--entity", help="What to read off IMAGE; may be repeated. Default: all of the schema."),
    ] = None,
    run: Annotated[
        list[str] | None, Option("--run", help="Whose answers to INDEX; may be repeated. Default: all runs'.")
    ] = None,
    engine: Annotated[
        str | None,
        Option("--engine", help="Who reads IMAGE, or read the page of INDEX; default: rapidocr, or the newest pages."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        Option("--out", help="FILE.html or FILE.png; may be repeated. Default: NAME.entx.html in this folder."),
        Writes(),
    ] = None,
    schema: SchemaOption = None,
) -> None:
    """Show the lines, geometry, candidates and answers of one page, drawn on the picture and listed beside it.

    An HTML page is one file that loads nothing; its layers can be switched on and off. IMAGE is read on the spot;
    INDEX shows what stands in the store.

    Example: entx show 131 --store challenge.duckdb --out 131.html --out 131.png
    """
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.report.show import question_view, read_picture_view, write_page_html, write_page_png

    writers = {".html": write_page_html, ".png": write_page_png}
    entities = load_schema(schema)
    files = out or [Path(f"{Path(what).stem}.entx.html")]
    for file in files:
        if file.suffix.lower() not in writers:
            raise InputError(f"--out {file}: write .html or .png")
    if store is not None:
        if not what.isdecimal():
            raise InputError(f"{what}: with --store give a question's index; without it a picture is read on the spot")
        if entity:
            raise InputError(f"--entity is for a picture file; question {what} asks for its own")
        with open_store(store) as opened:
            view = question_view(opened, int(what), entities, engine=engine, runs=run or ())
    else:
        if run:
            raise InputError("--run needs --store and a question's index")
        if what.isdecimal() and not Path(what).exists():
            raise InputError(f"{what}: no such file; for a question's index name its store with --store")
        view = read_picture_view(
            Path(what), EngineSpec.of(engine or "rapidocr"), entities, entity or list(entities.entities)
        )
    for file in files:
        writers[file.suffix.lower()](view, file)
    for shown in view.answers:
        said = shown.answer.quantity.text if shown.answer.quantity else f"-  ({shown.answer.reason})"
        words.line(f"{shown.run}  {shown.entity_name}  {said}")
    words.line(
        f"{len(view.page.lines)} lines, {len(view.candidates)} candidates; written: {', '.join(map(str, files))}"
    )
    words.result({
        "title": view.title, "files": [str(file) for file in files], "lines": len(view.page.lines),
        "candidates": len(view.candidates),
        "answers": [
            {"run": shown.run, "entity": shown.entity_name, "truth": shown.truth,
             "answer": shown.answer.quantity.text if shown.answer.quantity else "", "reason": shown.answer.reason}
            for shown in view.answers
        ],
    })  # fmt: skip


review_app = typer.Typer(
    help="Ask people where it is worth most, in Label Studio or a spreadsheet.", no_args_is_help=True
)
app.add_typer(review_app, name="review")

_MOST_LINES = 20


@command("export", review_app)
def export(
    words: Output,
    store: StoreOption,
    runs: Annotated[
        str, Option("--runs", help="Runs of the store; an ensemble among them is what has decided.", metavar="A,B,C")
    ],
    gold: Annotated[
        Path | None,
        Option(
            "--gold",
            help="Labelled rows: left out, and learned from unless --fitted or an ensemble decides.",
            metavar="GOLD.csv",
        ),
    ] = None,
    fitted: Annotated[
        Path | None, Option("--fitted", help="What `entx ensemble --save` learned.", metavar="FILE.json")
    ] = None,
    strategy: Annotated[str, Option("--strategy", help="What learns from --gold.")] = "stack",
    most: Annotated[int, Option("--most", help="At most so many questions.", min=1)] = 1000,
    entity: Annotated[list[str] | None, Option("--entity", help="Only questions about this; repeatable.")] = None,
    disagree: Annotated[bool, Option("--disagree", help="Only where the runs do not all say the same.")] = False,
    again: Annotated[bool, Option("--again", help="Also questions that people have settled already.")] = False,
    out: Annotated[Path | None, Option("--out", help="Tasks for Label Studio.", metavar="TASKS.json"), Writes()] = None,
    sheet: Annotated[
        Path | None, Option("--csv", help="The same for a spreadsheet.", metavar="QUEUE.csv"), Writes()
    ] = None,
    config_out: Annotated[
        Path | None, Option("--config-out", help="Label Studio's labelling interface.", metavar="LABELS.xml"), Writes()
    ] = None,
    local_root: Annotated[
        Path | None,
        Option(
            "--local-root",
            help="Folder that Label Studio serves as local files; default: it fetches the links.",
            metavar="DIR",
        ),
    ] = None,
    schema: SchemaOption = None,
) -> None:
    """Write the questions where a human label is worth most, the one with the highest expected gain first.

    The gain is how far F1 is expected to rise when the answer is made right: from the two probabilities of an ensemble
    or a fit, else from how much the runs disagree (then it orders the questions, and is no calibrated figure).

    Example: entx review export --store s.duckdb --runs rules,llm,qwen --fitted stack.json --most 500 --out tasks.json
    """
    from entx.core.evaluation import read_truth
    from entx.ensemble.fit import load_fitted
    from entx.ensemble.job import fit_on_gold
    from entx.report.forms import labelling_config, picture_address, write_sheet, write_tasks
    from entx.report.queue import Wanted, ensemble_among, make_panel, make_queue
    from entx.storage.runs import count_asked

    if out is None and sheet is None:
        raise InputError("nothing to write; give --out TASKS.json, --csv QUEUE.csv, or both")
    if local_root is not None and not local_root.is_dir():
        raise InputError(f"--local-root {local_root}: no such folder")
    names = run_names(runs)
    entities = load_schema(schema)
    chosen = frozenset(entities[name].name for name in entity or ())
    truths = read_truth(gold).by_index if gold else {}
    learned = load_fitted(fitted) if fitted else None
    with open_store(store) as opened:
        if truths and learned is None and ensemble_among(opened, names, entities) is None:
            learned = fit_on_gold(opened, strategy, names, entities, truths)
        panel = make_panel(opened, names, entities, learned)
        wanted = Wanted(most, chosen, disagree, truths.keys(), again)
        with words.progress("questions", count_asked(opened, names)) as advance:
            queue = make_queue(opened, panel, entities, wanted, advance)
    if out is not None:
        write_tasks(queue, out, local_root)
    if sheet is not None:
        write_sheet(queue, sheet, local_root)
    if config_out is not None:
        with atomic_text(config_out) as stream:
            stream.write(labelling_config())
    unreachable = sum(picture_address(question, local_root) is None for question in queue.questions)
    if unreachable:
        hint = "are not under --local-root" if local_root else "have no web address; give --local-root DIR"
        words.notice(f"pictures of {unreachable:,} questions {hint}; Label Studio will not show them")
    if queue.estimated:
        words.notice(
            f"{queue.estimated:,} of {queue.decided:,} answers have no calibrated probabilities; theirs are estimated "
            "from the votes of the runs, which orders the questions and promises no figure"
        )
    words.line(f"{queue.decided:,} answers decided by {queue.decided_by}")
    for reason, count in queue.left_out.items():
        words.line(f"{count:,} left out: {reason}")
    now, after = queue.promises or (None, None)
    told = "" if now is None else f"; expected F1 {now:.3f} now, {after:.3f} when they are made right"
    words.line(f"{len(queue.questions):,} questions queued{told}")
    words.result({
        "queued": len(queue.questions), "decided_by": queue.decided_by, "decided": queue.decided,
        "estimated": queue.estimated, "left_out": dict(queue.left_out), "without_picture": unreachable,
        "f1": now, "f1_after": after,
    })  # fmt: skip


@command("import", review_app)
def import_command(
    words: Output,
    file: Annotated[Path, Argument(help="Label Studio's export (JSON, JSON-MIN), or the filled-in table (.csv).")],
    store: StoreOption,
    source: Annotated[
        str, Option("--source", help="Name of this labelling; training names its rows by it.")
    ] = "review",
    annotator: Annotated[str, Option("--annotator", help="Who, where the file does not say.")] = "",
    out: Annotated[
        Path | None,
        Option(
            "--out", help="All labels that the store's reviewers agree on, as --gold takes them.", metavar="LABELS.csv"
        ),
        Writes(),
    ] = None,
    schema: SchemaOption = None,
) -> None:
    """Take answers of people into the store, with who gave them, when, and what the runs had said.

    What is no label (an illegal unit, an unknown question, people who disagree) is listed with its reason, and the
    command ends with code 3. Importing a file again, or a longer export of the same project, adds only what is new.

    Example: entx review import project-1.json --store s.duckdb --out labels.csv
    """
    from entx.report.intake import import_reviews, write_labels

    entities = load_schema(schema)
    with open_store(store, write=True) as opened:
        intake = import_reviews(opened, file, entities, source, annotator)
        labels = write_labels(opened, out) if out is not None else None
    for problem in intake.problems[:_MOST_LINES]:
        words.notice(str(problem))
    if len(intake.problems) > _MOST_LINES:
        words.notice(f"and {len(intake.problems) - _MOST_LINES:,} more; --json lists all")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in intake.outcomes.most_common())
    words.line(f"{intake.read:,} answers read{f' ({kinds})' if kinds else ''}: {intake.added:,} new in the store")
    if intake.skipped or intake.unanswered:
        words.line(f"{intake.skipped:,} skipped by their annotator, {intake.unanswered:,} not answered yet")
    if labels is not None:
        words.line(f"{labels:,} labels written to {out}")
    words.result({
        "read": intake.read, "added": intake.added, "outcomes": dict(intake.outcomes), "skipped": intake.skipped,
        "unanswered": intake.unanswered, "problems": [asdict(problem) for problem in intake.problems],
        "labels": labels,
    })  # fmt: skip
    if intake.problems:
        raise typer.Exit(ExitCode.QUARANTINED)


@command("config", review_app)
def config(words: Output) -> None:
    """Print Label Studio's labelling interface for the tasks (Settings, Labeling Interface, Code).

    Example: entx review config > labels.xml
    """
    from entx.report.forms import labelling_config

    for row in labelling_config().rstrip("\n").split("\n"):
        words.line(row)
    words.result({"config": labelling_config()})
