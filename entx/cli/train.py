"""`entx train` and `entx merge-adapter`: a stage's model trained on a store's questions, and its adapter merged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.cli.recipe import SetOption, stage_type
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.neural.training.estimate import Plan
    from entx.neural.training.recipe import Recipe
    from entx.neural.training.sampling import TrainingData
    from entx.neural.training.stage import Trained

SHIPPED = "entx-small"
"""The recipe, and the model folder of the package, that need no `--model`."""


@app.command("train")
def train_command(
    stage: Annotated[
        str, typer.Option("--stage", help="llm: a text model that reads the OCR lines; vlm: one that sees the picture.")
    ],
    recipe_name: Annotated[
        str, typer.Option("--recipe", help="A shipped recipe (`entx recipe list`), or the path of your own (*.toml).")
    ],
    store: StoreOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Model folder to make; OUT.part holds an unfinished one.")],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of the base model; default for llm: the shipped one (entx-small)."),
    ] = None,
    engine: Annotated[str | None, typer.Option("--engine", help="Whose pages; default: those written last.")] = None,
    assignments: SetOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say rows, tokens, steps, memory and time, and train nothing.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume/--restart", help="Go on with an unfinished training of this OUT, or throw it away."),
    ] = True,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a model on a store's labelled questions; the recipe says how, --set changes single settings.

    A training that was stopped or killed goes on by the same call. The best weights by F1 on held-out rows are kept,
    with a model card, the curve and the whole record beside them.

    Example: entx train --stage llm --recipe entx-small --store challenge.duckdb --out my-model --set train.epochs=2
    """
    import tempfile

    from entx.core.entities import load_schema
    from entx.neural.model_folder import check_model_folder
    from entx.neural.training.adapters import choose_backend
    from entx.neural.training.recipe import load_recipe
    from entx.storage.store import Store

    words = Output(quiet=quiet, as_json=as_json)
    kind = stage_type(stage)
    recipe = load_recipe(kind.RECIPE, recipe_name, assignments or ())
    entities = load_schema(schema)
    base = model or _base(recipe_name, recipe)
    folder = check_model_folder(base, remote_code=getattr(recipe.model, "remote_code", ""))
    require_libraries()
    backend = choose_backend(recipe.train.backend, words.notice)  # before anything imports transformers
    from entx.neural.training.estimate import optimiser_steps, plan_training
    from entx.neural.training.stage import train

    trained = kind(recipe, recipe_name, folder, entities)
    if not dry_run:
        trained.check()
    with Store(store) as opened:
        data = trained.load_data(opened, engine, words.notice)
    _say_data(words, data)
    if dry_run:
        with tempfile.TemporaryDirectory() as scratch:
            _say_plan(words, plan_training(trained, data, Path(scratch)), recipe, data)
        return
    with words.progress("steps", optimiser_steps(recipe, data.lengths), unit="steps") as advance:
        ended = train(trained, data, out_dir, backend=backend, restart=not resume, advance=advance)
    _say_end(words, ended, out_dir)


@app.command("merge-adapter")
def merge_adapter_command(
    model: Annotated[Path, typer.Option("--model", help="Folder of the base model, 16-bit or wider weights.")],
    adapter: Annotated[Path, typer.Option("--adapter", help="Folder that `entx train` made, of either stage.")],
    store: StoreOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Model folder to make.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="Questions of the store that the guard asks.")] = 64,
    allow: Annotated[int, typer.Option("--allow", min=0, help="Answers that may differ.")] = 0,
    dtype: Annotated[str, typer.Option("--dtype", help="Of the merged weights: bfloat16 or float32.")] = "bfloat16",
    engine: Annotated[
        str | None, typer.Option("--engine", help="Whose pages a text model reads; default: those written last.")
    ] = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Merge an adapter into its base model, for servers that load whole models.

    The merge guard asks both the same questions: a text model by scoring candidates and by free writing, a
    vision-language model by reading the pictures within the legal answers and by free writing. Where an answer changes,
    nothing is written and the exit code is 2.

    Example: entx merge-adapter --model gemma-2-9b-it --adapter my-adapter --store s.duckdb --out merged
    """
    require_libraries()
    from entx.core.entities import load_schema
    from entx.core.settings import read_settings
    from entx.neural.model_folder import check_model_folder
    from entx.neural.training.merge import DTYPES, adapter_record, merge_adapter
    from entx.storage.store import Store

    if dtype not in DTYPES:
        raise InputError(f"--dtype {dtype}: choose one of: {', '.join(DTYPES)}")
    words = Output(quiet=quiet, as_json=as_json)
    record = adapter_record(adapter)
    kind = stage_type(record.get("stage", "llm"))
    recipe = read_settings(kind.RECIPE, record["recipe"]["settings"], "training.json")
    stage = kind(recipe, record["recipe"]["name"], check_model_folder(model), load_schema(schema))
    with Store(store) as opened:
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
    from importlib import resources

    own, hub = Path(str(resources.files("entx"))) / "models" / SHIPPED, recipe.model.hub
    if recipe.STAGE == "llm" and not hub and own.is_dir():
        return own
    if not hub:
        raise InputError(f"recipe {recipe_name} names no published model: give its folder with --model")
    raise InputError(
        f"recipe {recipe_name} starts from {hub}; nothing is downloaded by itself: "
        f"hf download {hub} --local-dir FOLDER, then --model FOLDER"
    )


def require_libraries() -> None:
    """Refuses in one line where the extra `llm` is not installed.

    Raises:
        InputError: names what is missing.
    """
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl", "peft") if find_spec(name) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed; pip install 'entx-hybrid[llm]'")


def _say_data(words: Output, data: TrainingData) -> None:
    questions = data.counts["questions"]
    words.table(
        ("labelled questions", "rows"), [(reason, f"{count:,}") for reason, count in questions.items() if count]
    )
    if data.too_long:
        words.notice(f"{data.too_long} examples have more tokens than model.max_length and are left out")
    if data.rows and not data.dev:
        words.notice("no rows to measure F1 on: the training runs to its end and the last weights are kept")


def _say_plan(words: Output, plan: Plan, recipe: Recipe, data: TrainingData) -> None:
    import dataclasses

    numbers: dict[str, Any] = dataclasses.asdict(plan)
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


def _say_end(words: Output, ended: Trained, out_dir: Path) -> None:
    import signal

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


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
