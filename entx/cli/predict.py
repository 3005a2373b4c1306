"""`entx predict`: a stage answers the questions of the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import ForOption, Json, Quiet, SchemaOption, StoreOption, app, wanted_indices
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.neural.predict import Reader

STAGES = ("rules", "llm", "vlm")

EngineOption = Annotated[str | None, typer.Option("--engine", help="Whose pages; default: those written last.")]
AdapterOption = Annotated[Path | None, typer.Option("--adapter", help="Folder of a LoRA adapter on top of --model.")]
DtypeOption = Annotated[
    str | None, typer.Option("--dtype", help="float32 (default on a CPU) or bfloat16 (default on a GPU).")
]
FourBitOption = Annotated[
    bool | None, typer.Option("--four-bit", help="nf4 weights by bitsandbytes.", show_default=False)
]
BatchOption = Annotated[
    int | None, typer.Option("--batch", min=1, help="Pages (pictures) read and committed together [llm: 64, vlm: 32].")
]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="Threads of torch.")]
PixelsOption = Annotated[
    int | None, typer.Option("--pixels", help="vlm: budget of a picture; default: the model's, or 262144.")
]
CropsOption = Annotated[
    bool | None,
    typer.Option(
        "--crops", help="vlm: spend it on the whole picture and close-ups of its numbers.", show_default=False
    ),
]
"""Options of the commands that run a model."""


@app.command("predict")
def predict(
    stage: Annotated[
        str,
        typer.Option(
            "--stage",
            help="rules: from the OCR lines, without any model. llm: a text model reads them. vlm: a vision-language "
            "model reads the picture; no OCR needed.",
        ),
    ],
    store: StoreOption,
    engine: EngineOption = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Name of the run in the store; default: the stage's name.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the run as index,prediction.")] = None,
    only: ForOption = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="A model folder, or a server's name for it; llm: default the one that ships."),
    ] = None,
    adapter: AdapterOption = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", help="transformers (default), vllm, openai (any such server); vlm: unsloth."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Of openai: http://host:port/v1; its key in $ENTX_API_KEY.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            help="candidates (llm: default; weigh the values that stand there) or free (write; vlm: default unless the "
            "model is calibrated).",
        ),
    ] = None,
    hint_run: Annotated[
        str | None, typer.Option("--hint-run", help="llm: tell the model what this run of the store answered.")
    ] = None,
    dtype: DtypeOption = None,
    four_bit: FourBitOption = None,
    batch: BatchOption = None,
    threads: ThreadsOption = None,
    pixels: PixelsOption = None,
    crops: CropsOption = None,
    shards: Annotated[
        str | None, typer.Option("--shards", help="vlm: one of several parts, 1/4 to 4/4; see entx merge.")
    ] = None,
    retry_failed: Annotated[
        bool | None,
        typer.Option("--retry-failed", help="vlm: look at pictures again that could not be read.", show_default=False),
    ] = None,
    remote_code: Annotated[
        str | None,
        typer.Option("--remote-code", help="vlm: run the code of the folder's model, of this revision; read it first."),
    ] = None,
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
    Example: entx predict --stage vlm --store challenge.duckdb --model Qwen2-VL-2B-Instruct --four-bit --out vlm.csv
    """
    from entx.core.entities import load_schema
    from entx.core.splits import Shard
    from entx.storage.pages import choose_pages, indices_in_shard, page_keys
    from entx.storage.store import Store
    from entx.storage.transfer import coverage, write_predictions

    of_models = {
        "--model": model, "--adapter": adapter, "--backend": backend, "--base-url": base_url, "--mode": mode,
        "--dtype": dtype, "--four-bit": four_bit, "--batch": batch, "--threads": threads,
    }  # fmt: skip
    only_llm = {"--hint-run": hint_run}
    only_vlm = {
        "--pixels": pixels, "--crops": crops, "--shards": shards, "--retry-failed": retry_failed,
        "--remote-code": remote_code,
    }  # fmt: skip
    foreign: dict[str, Mapping[str, object]] = {
        "rules": {**of_models, **only_llm, **only_vlm}, "llm": only_vlm, "vlm": only_llm,
    }  # fmt: skip
    if stage not in STAGES:
        raise InputError(
            f"--stage {stage}: known are {', '.join(STAGES)} (answers made elsewhere come in by import-predictions)"
        )
    if given := [name for name, value in foreign[stage].items() if value is not None]:
        raise InputError(f"{', '.join(given)}: not of --stage {stage}")
    words = Output(quiet=quiet, as_json=as_json)
    name = run or stage
    entities = load_schema(schema)
    indices = wanted_indices(only)
    shard = Shard.parse(shards) if shards else Shard()
    opened_reader: tuple[Reader, dict[str, Any]] | None = None
    if stage != "rules":
        from entx.neural.predict import ModelOptions, Task, answer_questions

        options = ModelOptions(
            model, adapter, backend or "transformers", mode, dtype, bool(four_bit), threads, base_url, pixels,
            bool(crops), remote_code or "",
        )  # fmt: skip
        opened_reader = stage_reader(stage)(options, entities, words.notice)
    with Store(store, write=True) as opened:
        key = choose_pages(opened, engine) if stage != "vlm" or engine or page_keys(opened) else None
        mine = indices_in_shard(opened, shard) if shards else None
        with words.progress("questions", coverage(opened, name, mine).questions) as advance:
            if opened_reader is None:
                from entx.rules.reader import answer_questions as answer_by_rules

                assert key is not None
                by_rules = answer_by_rules(opened, key, entities, name, advance=advance)
                read, seconds, counts = by_rules.asked, by_rules.seconds, {}
            else:
                task = Task(key, hint_run, shard, bool(retry_failed), batch)
                report = answer_questions(opened, opened_reader[0], name, opened_reader[1], task, advance)
                read, seconds, counts = report.answered, report.seconds, dict(report.counts)
        if shards:
            indices = indices_in_shard(opened, shard, indices)
        covered = coverage(opened, name, indices)
        if out is not None:
            write_predictions(opened, name, out, indices)
    if covered.asked < covered.questions:
        lack = "picture file" if stage == "vlm" or key is None else f"page of {key.engine}"
        words.notice(f"{covered.questions - covered.asked} questions have no {lack} yet and stay without an answer")
    rate = f" ({read / seconds:,.0f} a second)" if read else ""
    words.line(f"{read} questions read in {seconds:.2f} s{rate}")
    if counts:
        words.line(", ".join(f"{what.replace('_', ' ')}: {count}" for what, count in counts.items()))
    words.line(f"run {name}: {covered.asked} of {covered.questions} questions asked, {covered.answered} answered")
    words.result({
        "run": name, "read": read, "seconds": round(seconds, 3), "questions": covered.questions,
        "asked": covered.asked, "answered": covered.answered, **({"counts": counts} if counts else {}),
    })  # fmt: skip


def stage_reader(stage: str) -> Any:
    """The function of a model stage that opens its reader."""
    if stage == "llm":
        from entx.llm_stage.reader import open_reader as open_text_reader

        return open_text_reader
    from entx.vlm_stage.reader import open_reader as open_vision_reader

    return open_vision_reader
