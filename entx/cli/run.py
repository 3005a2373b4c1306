"""`entx run`: the whole line from a table of questions to answers, part by part, here or on a Ray cluster."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Argument, Option

from entx.cli import app as cli
from entx.core.entities import Schema, load_schema
from entx.core.errors import ExitCode, InputError
from entx.core.files import Writes
from entx.core.memory import require_memory

if TYPE_CHECKING:
    from entx.parts.plan import Job


@cli.command("run")
def run_command(
    words: cli.Output,
    table: Annotated[Path, Argument(help="Questions: .csv, .jsonl (also .gz) or .parquet; also s3://, gs://.")],
    out: Annotated[Path, Option("--out", help="Folder of the parts; also s3://, gs://."), Writes(("plan.json",))],
    stages: Annotated[str, Option("--stages", help="Some of ocr,rules,llm,vlm,ensemble, in this order.")],
    images: Annotated[
        list[Path] | None, Option("--images", help="Folder of pictures; default: links are followed.")
    ] = None,
    column: Annotated[
        str | None, Option("--column", help="The Parquet table's column that holds the pictures' bytes.")
    ] = None,
    ocr: Annotated[
        list[str] | None,
        Option("--ocr", help="engine=paddleocr, or a setting of it; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    llm: Annotated[
        list[str] | None,
        Option("--llm", help="As `entx predict`: model=DIR, hint_run=rules; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    vlm: Annotated[
        list[str] | None,
        Option("--vlm", help="As `entx predict`: model=DIR, four_bit=true; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    ensemble: Annotated[
        list[str] | None,
        Option("--ensemble", help="As `entx ensemble`: strategy=stack, fitted=FILE.json.", metavar="NAME=VALUE"),
    ] = None,
    pictures_a_part: Annotated[int, Option("--pictures-a-part", min=1, help="So many distinct links a part.")] = 500,
    executor: Annotated[Literal["local", "ray"], Option("--executor", help="Who works the parts off.")] = "local",
    address: Annotated[
        str | None, Option("--address", help="ray: of the cluster, host:port; default: one of this machine.")
    ] = None,
    workers: Annotated[
        int | None,
        Option("--workers", min=1, help="OCR processes; ray: of each actor [1]. Default: one a core."),
    ] = None,
    worker_memory: cli.WorkerMemoryOption = None,
    picture_seconds: cli.PictureSecondsOption = 60.0,
    allow_host: Annotated[
        list[str] | None, Option("--allow-host", help="A host of links that may be at an address that is not public.")
    ] = None,
    schema: cli.SchemaOption = None,
) -> None:
    """Answer a table in parts, each of which is finished once and for all, on one machine or on a Ray cluster.

    The same call goes on after whatever ended it; another table or other settings need another --out. Each distinct
    link is read once. Labels of the table are not read: what the labels of product groups say is learned from a whole
    store only. OUT then holds predictions.csv and, as Parquet files by part, questions, pages, runs, answers with all
    that they hold, and predictions with probabilities and evidence; `entx store import OUT` makes a store of them.

    Example: entx run test.csv --images pictures --out parts --stages ocr,rules,llm,ensemble
    Example: entx run test.csv --out s3://bucket/parts --stages vlm --vlm model=DIR --executor ray --address head:6379
    """
    from entx.ocr_stage.pool import default_workers
    from entx.parts.place import Place
    from entx.parts.plan import PREDICTIONS, cut_table, settle
    from entx.parts.work import work_by_ray, work_here, write_predictions_file

    if address is not None and executor != "ray":
        raise InputError("--address is for --executor ray")
    require_memory()
    limits = cli.worker_limits(worker_memory, picture_seconds)
    job = _job(
        table, out, stages, {"ocr": ocr, "llm": llm, "vlm": vlm, "ensemble": ensemble}, load_schema(schema),
        column=column, allow_hosts=tuple(allow_host or ()), limits=limits,
        workers=workers or (1 if executor == "ray" else default_workers(limits)),
    )  # fmt: skip
    cut = cut_table(job, images or [], pictures_a_part)
    if not cut.indexed:
        words.notice(f"{table} has no index column: its rows are numbered from 0")
    settle(job, cut, pictures_a_part)
    done = Place(out).names(PREDICTIONS)
    todo = [part for part in cut.parts if part.name not in done]
    pages, without, questions, seconds = Counter[str](), 0, 0, 0.0
    with words.progress("parts", len(todo), unit="parts") as advance:
        for report in work_by_ray(job, todo, address) if executor == "ray" and todo else work_here(job, todo):
            for notice in report.notices:
                words.notice(f"{report.name}: {notice}")
            pages.update(report.pages)
            without, questions, seconds = (
                without + report.without_picture, questions + report.questions, seconds + report.seconds,
            )  # fmt: skip
            advance(1)
    counts = write_predictions_file(job, cut)
    words.line(
        f"{len(todo)} of {len(cut.parts)} parts worked off: {questions} questions in {seconds:.1f} worker seconds"
    )
    if pages:
        words.line("pages: " + ", ".join(f"{count} {status}" for status, count in pages.most_common()))
    if without:
        words.notice(f"{without} links have no picture; the reason stands in the predictions")
    words.line(f"{counts['answered']} of {counts['questions']} questions answered: {out}/predictions.csv")
    words.result({
        "parts": len(cut.parts), "worked": len(todo), "read": questions, "pages": dict(pages),
        "without_picture": without, "seconds": round(seconds, 3), **counts,
    })  # fmt: skip
    if without or pages.keys() - {"ok"}:
        raise typer.Exit(ExitCode.QUARANTINED)


def _job(
    table: Path, out: Path, stages: str, given: dict[str, list[str] | None], schema: Schema, **rest: Any
) -> Job:  # fmt: skip
    """The job that the options ask for. Raises InputError: options of a stage that is not asked, or that it lacks."""
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.parts.plan import Job, ensemble_stage, model_stage, parse_stages

    chosen = parse_stages(stages)
    told = {stage: dict(cli.named_values(f"--{stage}", texts, "NAME=VALUE")) for stage, texts in given.items() if texts}
    if foreign := [f"--{stage}" for stage in told if stage not in chosen]:
        raise InputError(f"{', '.join(foreign)}: not among --stages {stages}")
    params = {name: cli.plain_value(value) for name, value in told.get("ocr", {}).items()}
    engine = EngineSpec.of(str(params.pop("engine", "rapidocr")), **params)
    models = {stage: model_stage(stage, told.get(stage, {})) for stage in chosen if stage in ("llm", "vlm")}
    plain = Schema(dict(schema.entities))  # which can be sent to another process
    return Job(table, out, chosen, plain, engine, models, ensemble_stage(told.get("ensemble", {})), **rest)
