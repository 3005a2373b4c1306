"""`entx train`: a stage's model is trained on the labelled questions of a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.cli.recipe import SetOption
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.core.model_folder import ModelFolder
    from entx.llm_stage.plan import Plan
    from entx.llm_stage.recipe import Recipe
    from entx.llm_stage.train import TrainingData
    from entx.neural.training import Trained

SHIPPED = "entx-small"
"""The recipe, and the model folder of the package, that need no `--model`."""


@app.command("train")
def train_command(
    stage: Annotated[str, typer.Option("--stage", help="llm: a text model that reads the OCR lines.")],
    recipe_name: Annotated[
        str, typer.Option("--recipe", help="A shipped recipe (`entx recipe list`), or the path of your own (*.toml).")
    ],
    store: StoreOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Model folder to make; OUT.part holds an unfinished one.")],
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of the base model; default: the shipped one (entx-small).")
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
    if stage != "llm":
        raise InputError(f"--stage {stage}: this version trains: llm")
    from entx.core.entities import load_schema
    from entx.core.model_folder import check_model_folder
    from entx.llm_stage.recipe import load_recipe

    words = Output(quiet=quiet, as_json=as_json)
    recipe = load_recipe(recipe_name, assignments or ())
    entities = load_schema(schema)
    folder = check_model_folder(_base(model, recipe, recipe_name))
    require_libraries()

    from entx.llm_stage.adapters import prompt_tokenizer
    from entx.neural.backend import choose_backend

    backend = choose_backend(recipe.train.backend, words.notice)  # before anything imports transformers
    from entx.llm_stage.plan import optimiser_steps
    from entx.llm_stage.train import train
    from entx.llm_stage.training_data import load_dataset, training_data
    from entx.ocr_stage.answer import choose_pages
    from entx.storage.connection import Store

    tokenizer = prompt_tokenizer(recipe, folder)
    with Store(store) as opened:
        dataset = load_dataset(opened, choose_pages(opened, engine), entities, recipe, tokenizer)
    data = training_data(dataset, recipe, tokenizer)
    _say_data(words, data)
    if dry_run:
        _dry_run(words, recipe, folder, data)
        return
    steps = optimiser_steps(recipe, [len(row.tokens) for row in data.visits])
    with words.progress("steps", steps, unit="steps") as advance:
        ended = train(recipe, recipe_name, folder, data, out_dir, backend=backend, restart=not resume, advance=advance)
    _say_end(words, ended, out_dir)


def _base(model: Path | None, recipe: Recipe, name: str) -> Path:
    from importlib import resources

    if model is not None:
        return model
    shipped = Path(str(resources.files("entx"))) / "models" / SHIPPED
    if not recipe.model.hub and shipped.is_dir():
        return shipped
    if not recipe.model.hub:
        raise InputError(f"recipe {name} names no published model: give its folder with --model")
    raise InputError(
        f"recipe {name} starts from {recipe.model.hub}; nothing is downloaded by itself: "
        f"hf download {recipe.model.hub} --local-dir FOLDER, then --model FOLDER"
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
    if not data.dev:
        words.notice("no rows to measure F1 on: the training runs to its end and the last weights are kept")


def _dry_run(words: Output, recipe: Recipe, folder: ModelFolder, data: TrainingData) -> None:
    import dataclasses

    from entx.llm_stage.plan import plan_training

    plan: Plan = plan_training(recipe, folder, data)
    words.line(f"{plan.rows:,} rows, {plan.tokens:,} tokens ({plan.answer_tokens:,} learnt, longest {plan.longest})")
    words.line(f"{plan.steps:,} steps; F1 on {len(data.dev)} dev questions every {recipe.train.evaluate_every} steps")
    words.line(f"{plan.parameters:,} parameters, {plan.trained:,} of them trained")
    words.line(f"memory about {plan.memory_bytes / 2**30:.2f} GiB on {plan.device}")
    words.line(f"time about {_duration(plan.seconds)}, measurements not counted (from {plan.basis})")
    words.result({**dataclasses.asdict(plan), "dev": len(data.dev), "data": dict(data.counts)})


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
