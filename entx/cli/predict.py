"""`entx predict`: a stage answers the questions of the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entx.cli.app import ForOption, Json, Quiet, SchemaOption, StoreOption, app, wanted_indices
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.core.entities import Schema
    from entx.core.types import PageKey
    from entx.llm_stage.loading import ModelOptions
    from entx.storage.connection import Store

    Job = Callable[[Store, PageKey, str, Callable[[int], None]], tuple[int, float, dict[str, int]]]


@app.command("predict")
def predict(
    stage: Annotated[
        str,
        typer.Option("--stage", help="rules: from the OCR lines, without any model. llm: a text model reads them."),
    ],
    store: StoreOption,
    engine: Annotated[str | None, typer.Option("--engine", help="Whose pages; default: those written last.")] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Name of the run in the store; default: the stage's name.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the run as index,prediction.")] = None,
    only: ForOption = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="llm: a model folder, or a server's name for it; default: the one that ships."),
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option("--adapter", help="llm: folder of a LoRA adapter on top of --model.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="llm: transformers (default), vllm or openai (any such server).")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="llm, openai: http://host:port/v1; its key in $ENTX_API_KEY.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="llm: candidates (default: weigh the values that stand there) or free (write)."),
    ] = None,
    hint_run: Annotated[
        str | None, typer.Option("--hint-run", help="llm: tell the model what this run of the store answered.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="llm: float32 (default on a CPU) or bfloat16 (default on a GPU).")
    ] = None,
    four_bit: Annotated[
        bool | None, typer.Option("--four-bit", help="llm: nf4 weights by bitsandbytes.", show_default=False)
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="llm: pages read side by side and committed together [64].")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="llm: threads of torch.")] = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Answer the questions of a store and keep the answers, with their evidence, as a run.

    A run that was interrupted, or whose store has grown, is continued by the same call.

    Example: entx predict --stage rules --store challenge.duckdb --out predictions.csv
    Example: entx predict --stage llm --store challenge.duckdb --hint-run rules --out llm.csv
    Example: entx predict --stage llm --store challenge.duckdb --backend openai --base-url http://localhost:8000/v1
    --mode free
    """
    from entx.core.entities import load_schema
    from entx.storage.connection import Store
    from entx.storage.pages import choose_pages
    from entx.storage.submission import coverage, write_predictions

    of_llm = {
        "--model": model, "--adapter": adapter, "--backend": backend, "--base-url": base_url, "--mode": mode,
        "--hint-run": hint_run, "--dtype": dtype, "--four-bit": four_bit, "--batch": batch, "--threads": threads,
    }  # fmt: skip
    if stage not in ("rules", "llm"):
        raise InputError(
            f"--stage {stage}: this version has: rules, llm (a model's own answers come in by import-predictions)"
        )
    if stage == "rules" and (foreign := [name for name, value in of_llm.items() if value is not None]):
        raise InputError(f"{', '.join(foreign)}: of --stage llm only; the rules reader has no model")
    words = Output(quiet=quiet, as_json=as_json)
    name = run or stage
    entities = load_schema(schema)
    indices = wanted_indices(only)
    if stage == "rules":
        job = _rules(entities)
    else:
        from entx.llm_stage.loading import ModelOptions

        options = ModelOptions(
            model, adapter, backend or "transformers", mode or "candidates", dtype, bool(four_bit), threads, base_url
        )
        job = _llm(options, entities, hint_run, batch)
    with Store(store, write=True) as opened:
        key = choose_pages(opened, engine)
        with words.progress("questions", coverage(opened, name).questions) as advance:
            read, seconds, counts = job(opened, key, name, advance)
        covered = coverage(opened, name, indices)
        if out is not None:
            write_predictions(opened, name, out, indices)
    if covered.asked < covered.questions:
        words.notice(
            f"{covered.questions - covered.asked} questions have no page of {key.engine} yet and stay without an answer"
        )
    rate = f" ({read / seconds:,.0f} a second)" if read else ""
    words.line(f"{read} questions read in {seconds:.2f} s{rate}")
    if counts:
        words.line(", ".join(f"{what.replace('_', ' ')}: {count}" for what, count in counts.items()))
    words.line(f"run {name}: {covered.asked} of {covered.questions} questions asked, {covered.answered} answered")
    words.result({
        "run": name, "read": read, "seconds": round(seconds, 3), "questions": covered.questions,
        "asked": covered.asked, "answered": covered.answered, **({"counts": counts} if counts else {}),
    })  # fmt: skip


def _rules(entities: Schema) -> Job:
    from entx.ocr_stage.answer import answer_questions

    def job(store: Store, key: PageKey, name: str, advance: Callable[[int], None]) -> tuple[int, float, dict[str, int]]:
        report = answer_questions(store, key, entities, name, advance=advance)
        return report.asked, report.seconds, {}

    return job


def _llm(options: ModelOptions, entities: Schema, hint_run: str | None, batch: int | None) -> Job:
    from entx.llm_stage.infer import PAGES_PER_COMMIT, answer_questions
    from entx.llm_stage.loading import open_reader

    reader, settings = open_reader(options, entities)

    def job(store: Store, key: PageKey, name: str, advance: Callable[[int], None]) -> tuple[int, float, dict[str, int]]:
        report = answer_questions(
            store, key, entities, reader, name, settings, hint_run=hint_run,
            pages_per_commit=batch or PAGES_PER_COMMIT, advance=advance,
        )  # fmt: skip
        return report.answered, report.seconds, dict(report.counts)

    return job
