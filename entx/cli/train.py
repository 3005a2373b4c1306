"""`entx train`: a stage's model is trained on the labelled questions of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.cli.recipe import SetOption
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.neural.training import Trained

SHIPPED = "entx-small"
"""The recipe, and the model folder of the package, that need no `--model`."""


@dataclass(frozen=True)
class _Request:
    """What the user wants, whatever the stage."""

    recipe: str
    assignments: Sequence[str]
    store: Path
    out: Path
    model: Path | None
    engine: str | None
    schema: Path | None
    dry_run: bool
    resume: bool


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
    words = Output(quiet=quiet, as_json=as_json)
    request = _Request(
        recipe_name, assignments or (), store, out_dir, model, engine, schema, dry_run, resume
    )  # fmt: skip
    if stage == "llm":
        _text(request, words)
    elif stage == "vlm":
        _vision(request, words)
    else:
        raise InputError(f"--stage {stage}: this version trains: llm, vlm")


def _text(request: _Request, words: Output) -> None:
    from entx.core.entities import load_schema
    from entx.llm_stage.recipe import load_recipe
    from entx.neural.model_folder import check_model_folder

    recipe = load_recipe(request.recipe, request.assignments)
    entities = load_schema(request.schema)
    folder = check_model_folder(_base(request, recipe.model.hub, shipped=True))
    require_libraries()

    from entx.llm_stage.adapters import prompt_tokenizer
    from entx.neural.backend import choose_backend

    backend = choose_backend(recipe.train.backend, words.notice)  # before anything imports transformers
    from entx.llm_stage.plan import optimiser_steps, plan_training
    from entx.llm_stage.train import train
    from entx.llm_stage.training_data import load_dataset, training_data
    from entx.storage.pages import choose_pages
    from entx.storage.store import Store

    tokenizer = prompt_tokenizer(recipe, folder)
    with Store(request.store) as opened:
        dataset = load_dataset(opened, choose_pages(opened, request.engine), entities, recipe, tokenizer)
    data = training_data(dataset, recipe, tokenizer)
    _say_data(words, data)
    if request.dry_run:
        plan = plan_training(recipe, folder, data)
        words.line(
            f"{plan.rows:,} rows, {plan.tokens:,} tokens ({plan.answer_tokens:,} learnt, longest {plan.longest})"
        )
        _say_plan(words, plan, data, recipe.train.evaluate_every)
        return
    steps = optimiser_steps(recipe, [len(row.tokens) for row in data.visits])
    with words.progress("steps", steps, unit="steps") as advance:
        ended = train(
            recipe, request.recipe, folder, data, request.out, backend=backend, restart=not request.resume,
            advance=advance,
        )  # fmt: skip
    _say_end(words, ended, request.out)


def _vision(request: _Request, words: Output) -> None:
    import tempfile

    from entx.core.entities import load_schema
    from entx.neural.model_folder import check_model_folder
    from entx.vlm_stage.recipe import load_recipe

    recipe = load_recipe(request.recipe, request.assignments)
    entities = load_schema(request.schema)
    folder = check_model_folder(_base(request, recipe.model.hub), remote_code=recipe.model.remote_code)
    require_libraries()

    from entx.neural.backend import choose_backend

    backend = choose_backend(recipe.train.backend, words.notice)  # before anything imports transformers
    from entx.storage.pages import choose_pages, page_keys
    from entx.storage.store import Store
    from entx.vlm_stage.dataset import Dataset
    from entx.vlm_stage.families.base import family_of
    from entx.vlm_stage.plan import optimiser_steps, plan_training
    from entx.vlm_stage.train import check_deepspeed, train
    from entx.vlm_stage.training_data import training_data

    if not request.dry_run:
        check_deepspeed(recipe)
    codec = family_of(folder.path).codec(folder.path)
    with Store(request.store) as opened:
        key = None
        if recipe.data.negatives > 0 and (request.engine or page_keys(opened)):
            key = choose_pages(opened, request.engine)
        elif recipe.data.negatives > 0:
            words.notice("no OCR pages to find negatives by: only questions whose label is empty have an empty answer")
        dataset = Dataset.load(opened, entities, recipe.data, key=key, seed=recipe.train.seed)
    data = training_data(dataset, recipe, entities, codec)
    _say_data(words, data)
    if request.dry_run:
        with tempfile.TemporaryDirectory() as scratch:
            plan = plan_training(recipe, folder, data, Path(scratch))
        words.line(
            f"{plan.rows:,} rows, {plan.tokens:,} tokens ({plan.answer_tokens:,} learnt, longest {plan.longest})"
        )
        words.line(
            f"pictures of at most {plan.pixels:,} pixels: {plan.image_tokens:g} image tokens a row (at most "
            f"{plan.most_image_tokens}), {plan.text_tokens:g} of text and answer; {plan.left_out:,} visits left out"
        )
        if plan.peak_bytes:
            words.line(f"measured while {recipe.train.batch} rows passed: {plan.peak_bytes / 2**30:.2f} GiB")
        _say_plan(words, plan, data, recipe.train.evaluate_every)
        return
    with words.progress("steps", optimiser_steps(recipe, len(data.visits)), unit="steps") as advance:
        ended = train(
            recipe, request.recipe, folder, data, entities, request.out, backend=backend, restart=not request.resume,
            advance=advance,
        )  # fmt: skip
    _say_end(words, ended, request.out)


def _base(request: _Request, hub: str, *, shipped: bool = False) -> Path:
    from importlib import resources

    if request.model is not None:
        return request.model
    own = Path(str(resources.files("entx"))) / "models" / SHIPPED
    if shipped and not hub and own.is_dir():
        return own
    if not hub:
        raise InputError(f"recipe {request.recipe} names no published model: give its folder with --model")
    raise InputError(
        f"recipe {request.recipe} starts from {hub}; nothing is downloaded by itself: "
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


def _say_data(words: Output, data: Any) -> None:
    questions = data.counts["questions"]
    words.table(
        ("labelled questions", "rows"), [(reason, f"{count:,}") for reason, count in questions.items() if count]
    )
    if data.too_long:
        words.notice(f"{data.too_long} examples have more tokens than model.max_length and are left out")
    if not data.dev:
        words.notice("no rows to measure F1 on: the training runs to its end and the last weights are kept")


def _say_plan(words: Output, plan: Any, data: Any, every: int) -> None:
    import dataclasses

    words.line(f"{plan.steps:,} steps; F1 on {len(data.dev)} dev questions every {every} steps")
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
