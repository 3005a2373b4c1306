"""The commands that make models: train, merge-adapter, calibrate."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from entx.cli.app import GoldOption, Output, PagesOption, SchemaOption, StoreOption, command, open_store
from entx.cli.predict import (
    AdapterOption,
    BatchOption,
    CropsOption,
    DtypeOption,
    FourBitOption,
    PixelsOption,
    ThreadsOption,
    refuse_foreign,
    stage_reader,
)
from entx.cli.recipe import SetOption, say_tally, stage_type
from entx.core.entities import load_schema
from entx.core.errors import InputError
from entx.core.files import Writes, atomic_folder

if TYPE_CHECKING:
    from entx.neural.calibration import GoldRow
    from entx.neural.predict import ModelOptions
    from entx.neural.training.estimate import Plan
    from entx.neural.training.recipe import Recipe
    from entx.neural.training.rows import TrainingData

NEW_FOLDER = Writes(("", "entx.json"))  # neither a folder nor a file may be there


@command("train")
def train_command(
    words: Output,
    stage: Annotated[
        str, Option("--stage", help="llm: a text model that reads the OCR lines; vlm: one that sees the picture.")
    ],
    recipe_name: Annotated[
        str, Option("--recipe", help="A shipped recipe (`entx recipe list`), or the path of your own (*.toml).")
    ],
    store: StoreOption,
    out_dir: Annotated[Path, Option("--out", help="Model folder to make; OUT.part: an unfinished one."), NEW_FOLDER],
    model: Annotated[
        Path | None, Option("--model", help="Folder of the base model; default for llm: the shipped one (entx-small).")
    ] = None,
    engine: PagesOption = None,
    assignments: SetOption = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Say rows, tokens, steps, memory and time, and train nothing.")
    ] = False,
    resume: Annotated[
        bool, Option("--resume/--restart", help="Go on with an unfinished training of this OUT, or throw it away.")
    ] = True,
    schema: SchemaOption = None,
) -> None:
    """Train a model on a store's labelled questions; the recipe says how, --set changes single settings.

    A training that was stopped or killed goes on by the same call. The best weights by F1 on held-out rows are kept,
    with a model card, the curve and the whole record beside them.

    Example: entx train --stage llm --recipe entx-small --store challenge.duckdb --out my-model --set train.epochs=2
    """
    from entx.neural.model_folder import check_model_folder
    from entx.neural.training.adapters import choose_backend
    from entx.neural.training.recipe import load_recipe

    kind = stage_type(stage)
    recipe = load_recipe(kind.RECIPE, recipe_name, assignments or ())
    entities = load_schema(schema)
    base = model or _base(recipe_name, recipe)
    folder = check_model_folder(base, remote_code=getattr(recipe.model, "remote_code", ""))
    _require_libraries()
    backend = choose_backend(recipe.train.backend, words.notice)  # before anything imports transformers
    from entx.neural.training.estimate import optimiser_steps, plan_training
    from entx.neural.training.stage import train

    trained = kind(recipe, recipe_name, folder, entities)
    if not dry_run:
        trained.check()
    with open_store(store) as opened:
        data = trained.load_data(opened, engine, words.notice)
    say_tally(words, {"questions": data.counts["questions"]})
    if data.too_long:
        words.notice(f"{data.too_long} examples have more tokens than model.max_length and are left out")
    if data.rows and not data.dev:
        words.notice("no rows to measure F1 on: the training runs to its end and the last weights are kept")
    if dry_run:
        with tempfile.TemporaryDirectory() as scratch:
            _say_plan(words, plan_training(trained, data, Path(scratch)), recipe, data)
        return
    with words.progress("steps", optimiser_steps(recipe, data.lengths), unit="steps") as advance:
        ended = train(trained, data, out_dir, backend=backend, restart=not resume, advance=advance)
    if ended.signal:
        name = signal.Signals(ended.signal).name
        words.notice(f"stopped by {name} after step {ended.record['steps']}; the same command goes on from here")
        raise typer.Exit(128 + ended.signal)
    training, dev = ended.record["training"], ended.record["dev"]
    words.line(f"{training['steps']} steps in {_duration(training['seconds'])}, last loss {training['last loss']:.4f}")
    if dev:
        words.line(f"best F1 {dev['f1']:.3f} on {dev['questions']} dev questions, at step {dev['step']}")
    words.line(f"Written: {out_dir}")
    words.result({"out": str(out_dir), **{key: ended.record[key] for key in ("training", "dev", "rows", "base")}})


@command("merge-adapter")
def merge_adapter_command(
    words: Output,
    model: Annotated[Path, Option("--model", help="Folder of the base model, 16-bit or wider weights.")],
    adapter: Annotated[Path, Option("--adapter", help="Folder that `entx train` made, of either stage.")],
    store: StoreOption,
    out_dir: Annotated[Path, Option("--out", help="Model folder to make."), NEW_FOLDER],
    rows: Annotated[int, Option("--rows", min=1, help="Questions of the store that the guard asks.")] = 64,
    allow: Annotated[int, Option("--allow", min=0, help="Answers that may differ.")] = 0,
    dtype: Annotated[str, Option("--dtype", help="Of the merged weights: bfloat16 or float32.")] = "bfloat16",
    engine: PagesOption = None,
    schema: SchemaOption = None,
) -> None:
    """Merge an adapter into its base model, for servers that load whole models.

    The merge guard asks both the same questions: a text model by scoring candidates and by free writing, a
    vision-language model by reading the pictures within the legal answers and by free writing. Where an answer changes,
    nothing is written and the exit code is 2.

    Example: entx merge-adapter --model gemma-2-9b-it --adapter my-adapter --store s.duckdb --out merged
    """
    _require_libraries()
    from entx.core.settings import read_settings
    from entx.neural.model_folder import check_model_folder
    from entx.neural.predict import DTYPES
    from entx.neural.training.adapters import adapter_record, merge_adapter

    if dtype not in DTYPES:
        raise InputError(f"--dtype {dtype}: choose one of: {', '.join(DTYPES)}")
    record = adapter_record(adapter)
    kind = stage_type(record.get("stage", "llm"))
    recipe = read_settings(kind.RECIPE, record["recipe"]["settings"], "training.json")
    stage = kind(recipe, record["recipe"]["name"], check_model_folder(model), load_schema(schema))
    with open_store(store) as opened:
        questions = stage.guard_questions(opened, engine, rows)
    merged = merge_adapter(stage, adapter, out_dir, questions, dtype=dtype, allowed=allow, tell=words.line)
    words.line(f"guard: {merged.guard.questions} questions, {merged.guard.changed} answers differ")
    if merged.trained is not None:
        words.notice(
            f"against the adapter on 4-bit weights, as it was trained: {merged.trained.chosen} chosen and "
            f"{merged.trained.written} written answers of {merged.trained.questions} differ"
        )
    words.line(f"Written: {out_dir}")
    trained = merged.trained and {"chosen": merged.trained.chosen, "written": merged.trained.written}
    words.result({
        "out": str(out_dir), "questions": merged.guard.questions, "chosen": merged.guard.chosen,
        "written": merged.guard.written, "against_4bit": trained,
    })  # fmt: skip


def _base(recipe_name: str, recipe: Recipe) -> Path:
    """The folder of the shipped model, for a recipe of the text stage that names no other."""
    from entx.llm_stage.reader import shipped_model

    if hub := recipe.model.hub:
        raise InputError(
            f"recipe {recipe_name} starts from {hub}; nothing is downloaded by itself: "
            f"hf download {hub} --local-dir FOLDER, then --model FOLDER"
        )
    if recipe.STAGE == "llm":
        return shipped_model()
    raise InputError(f"recipe {recipe_name} names no published model: give its folder with --model")


def _require_libraries() -> None:
    """Refuses in one line where the extra `llm` is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl", "peft") if find_spec(name) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed; pip install 'entx-hybrid[llm]'")


def _say_plan(words: Output, plan: Plan, recipe: Recipe, data: TrainingData) -> None:
    numbers = asdict(plan)
    sizes = numbers.pop("sizes")
    words.line(f"{plan.rows:,} rows, {plan.tokens:,} tokens ({plan.answer_tokens:,} learnt, longest {plan.longest})")
    if sizes:
        words.line(
            f"pictures of at most {sizes['pixels']:,} pixels: {sizes['image_tokens']:g} image tokens a row (at most "
            f"{sizes['most_image_tokens']}), {sizes['text_tokens']:g} of text and answer; "
            f"{plan.left_out:,} visits left out"
        )
    if plan.peak_bytes:
        words.line(f"measured while {recipe.train.batch} rows passed: {plan.peak_bytes / 2**30:.2f} GiB")
    words.line(f"{plan.steps:,} steps; F1 on {len(data.dev)} dev questions every {recipe.train.evaluate_every} steps")
    words.line(f"{plan.parameters:,} parameters, {plan.trained:,} of them trained")
    words.line(f"memory about {plan.memory_bytes / 2**30:.2f} GiB on {plan.device}")
    words.line(f"time about {_duration(plan.seconds)}, measurements not counted (from {plan.basis})")
    words.result({**numbers, **sizes, "dev": len(data.dev), "data": dict(data.counts)})


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@command("calibrate")
def calibrate(
    words: Output,
    stage: Annotated[str, Option("--stage", help="llm or vlm: whose candidates mode is calibrated.")],
    store: StoreOption,
    gold: GoldOption,
    model: Annotated[
        str | None, Option("--model", help="A model folder; llm: default the one that ships (needs --out).")
    ] = None,
    adapter: AdapterOption = None,
    out: Annotated[
        Path | None,
        Option("--out", help="Write into a copy of the folder here; default: into the folder itself."),
        NEW_FOLDER,
    ] = None,
    hint_run: Annotated[
        str | None, Option("--hint-run", help="llm: fit on each row with this run's answer as a hint, and without one.")
    ] = None,
    engine: PagesOption = None,
    backend: Annotated[str | None, Option("--backend", help="transformers (default), vllm; vlm: unsloth.")] = None,
    dtype: DtypeOption = None,
    four_bit: FourBitOption = None,
    batch: BatchOption = None,
    threads: ThreadsOption = None,
    pixels: PixelsOption = None,
    crops: CropsOption = None,
    schema: SchemaOption = None,
) -> None:
    """Fit a model's probabilities to labelled rows of a store, say what that is worth, and keep it in its entx.json.

    The figures are of rows that a fit has not seen: five fits, each judged on the pictures that it was not made of. The
    calibration that is kept is fitted on all rows, and --pixels is kept with it.

    Example: entx calibrate --stage llm --store labelled.duckdb --gold gold.csv --model DIR --hint-run rules
    """
    from entx.llm_stage.reader import shipped_model
    from entx.neural.calibration import fit_gold, worth
    from entx.neural.predict import ModelOptions, Task, score_gold, write_serving
    from entx.storage.pages import choose_pages, page_keys

    foreign: dict[str, Mapping[str, object]] = {
        "llm": {"--pixels": pixels, "--crops": crops},
        "vlm": {"--hint-run": hint_run},
    }
    if stage not in foreign:
        raise InputError(f"--stage {stage}: known are {', '.join(foreign)}")
    refuse_foreign(stage, foreign[stage])
    if backend == "openai":
        raise InputError("--backend openai: a calibration is kept in the folder of a model that is loaded here")
    if model is None and stage == "llm":
        if out is None:
            raise InputError("the model that ships is left as it is: name a copy by --out DIR, or a folder by --model")
        model = str(shipped_model())
    options = ModelOptions(
        model, adapter, backend or "transformers", "candidates", dtype, bool(four_bit), threads, None, pixels,
        bool(crops),
    )  # fmt: skip
    target = _target(options, out)
    entities = load_schema(schema)
    reader, _ = stage_reader(stage)(options, entities, words.notice)
    rows: dict[str, list[GoldRow]] = {}
    with open_store(store) as opened:
        key = choose_pages(opened, engine) if stage == "llm" or engine or page_keys(opened) else None
        for name, hints in {"all rows": None, **({f"hints of {hint_run}": hint_run} if hint_run else {})}.items():
            with words.progress(name, None) as advance:
                rows[name] = score_gold(opened, reader, Task(key, hints, size=batch), gold, advance)
    figures = {name: worth(some) for name, some in rows.items()}
    calibration = fit_gold([row for some in rows.values() for row in some])
    serving = replace(reader.serving, calibration=calibration)
    if pixels is not None:
        serving = replace(serving, pixels=pixels)
    with nullcontext(target) if out is None else atomic_folder(target) as folder:
        if out is not None:
            shutil.copytree(str(options.described), folder)
        write_serving(folder, serving.as_dict())
    header = ("out of fold", "rows", "scored", "F1", "-> F1", "ECE", "-> ECE", "Brier", "-> Brier")
    words.table(header, [
        (name, *(f"{one:,}" if isinstance(one, int) else f"{one:.3f}" for one in found.values()))
        for name, found in figures.items()
    ])  # fmt: skip
    words.line(f"calibration written to {target}/entx.json, fitted on {calibration.rows} rows")
    words.result({"out_of_fold": figures, "calibration": calibration.as_dict(), "folder": str(target)})


def _target(options: ModelOptions, out: Path | None) -> Path:
    """The folder whose entx.json is written; told before a model is loaded that it cannot be."""
    if out is not None:
        if os.path.lexists(out):
            raise InputError(f"--out {out}: exists already; the copy needs a folder of its own")
        return out
    if options.model is None:
        raise InputError("--stage vlm needs a model folder: --model DIR (entx ships none)")
    if options.described is None:
        raise InputError(f"{options.model}: no such model folder; models are given as a folder")
    if not os.access(options.described, os.W_OK):
        raise InputError(f"{options.described}: cannot be written to; name a copy by --out DIR")
    return options.described
