"""Training: `entx recipe` (settings), `entx dataset` (examples as files), `train`, `merge-adapter` and `calibrate`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from typer import Argument, Option

from entx.cli import app as cli
from entx.cli import predict
from entx.core.entities import load_schema
from entx.core.errors import InputError
from entx.core.files import Writes, atomic_folder, atomic_text

if TYPE_CHECKING:
    from entx.neural.calibration import GoldRow
    from entx.neural.predict import ModelOptions
    from entx.neural.training.estimate import Plan
    from entx.neural.training.recipe import Recipe
    from entx.neural.training.rows import TrainingData
    from entx.neural.training.stage import Stage
    from entx.storage.store import Store

_Choice = TypeVar("_Choice", bound=StrEnum)

recipes = typer.Typer(
    no_args_is_help=True,
    help="List, show, copy and check training recipes.\n\nExample: entx recipe list",
    rich_markup_mode=None,
)
cli.app.add_typer(recipes, name="recipe")

NEW_FOLDER = Writes(("", "entx.json"))  # neither a folder nor a file may be there
_Name = Annotated[str, Argument(help="A shipped recipe's name, or the path of your own (*.toml).")]
SetOption = Annotated[
    list[str] | None, Option("--set", help="Another value for one setting, such as train.lr=1e-4; may be repeated.")
]


@cli.command("list", recipes)
def list_recipes(words: cli.Output) -> None:
    """The recipes that ship with entx.

    Example: entx recipe list
    """
    from entx.core.settings import shipped_recipes

    found = shipped_recipes()
    words.table(("recipe", "stage", "what it makes"), [(one.name, one.stage, one.title) for one in found], words=3)
    words.result({"recipes": [{"name": one.name, "stage": one.stage, "title": one.title} for one in found]})


@cli.command("show", recipes)
def show_recipe(words: cli.Output, name: _Name, assignments: SetOption = None) -> None:
    """A recipe as written, with its comments, after checking it; --json gives every setting, defaults included.

    Example: entx recipe show gemma2-9b
    """
    from entx.core.settings import find_recipe

    recipe = load_any(name, assignments or ())
    for row in find_recipe(name).text.rstrip().split("\n"):
        words.line(row)
    words.result({"name": name, "digest": recipe.digest, "settings": recipe.settings})


@cli.command("copy", recipes)
def copy_recipe(
    words: cli.Output,
    name: _Name,
    target: Annotated[Path, Argument(help="The file to write; must not exist.", metavar="FILE.toml"), Writes()],
) -> None:
    """Copy a recipe, comments included, to change it and train with it by its path.

    Example: entx recipe copy qwen3-1.7b mine.toml
    """
    from entx.core.settings import find_recipe

    if target.suffix != ".toml":
        raise InputError(f"{target}: a recipe's file name ends in .toml")
    if target.exists():
        raise InputError(f"{target} exists already")
    recipe = find_recipe(name)
    with atomic_text(target) as stream:
        stream.write(recipe.text)
    words.line(f"{target}: change it, then: entx train --stage {recipe.stage or 'llm'} --recipe {target} ...")
    words.result({"written": str(target)})


@cli.command("check", recipes)
def check_recipe(
    words: cli.Output,
    name: _Name,
    stage: Annotated[str | None, Option("--stage", help="llm or vlm; default: as the recipe says.")] = None,
    assignments: SetOption = None,
) -> None:
    """Check a recipe as `entx train` reads it; all faults are printed at once, and the exit code is 2.

    Example: entx recipe check mine.toml --set train.batch=4
    """
    recipe = load_any(name, assignments or (), stage)
    words.line(f"{name}: a recipe of --stage {recipe.STAGE}, settings {recipe.digest}")
    words.result({"name": name, "stage": recipe.STAGE, "digest": recipe.digest})


def stage_type(name: str) -> type[Stage[Any]]:
    """What trains a stage. Raises InputError: no such stage."""
    if name == "llm":
        from entx.llm_stage.training import TextStage

        return TextStage
    if name == "vlm":
        from entx.vlm_stage.training import PictureStage

        return PictureStage
    raise InputError(f"--stage {name}: this version trains: llm, vlm")


def load_any(name: str, assignments: Sequence[str] = (), stage: str | None = None) -> Recipe:
    """The recipe as its own stage reads it, or as that one. Raises InputError: faults in it, all at once."""
    from entx.core.settings import find_recipe, parse_toml
    from entx.neural.training.recipe import load_recipe

    if stage is None:
        stage = "vlm" if parse_toml(find_recipe(name).text, name).get("stage") == "vlm" else "llm"
    recipe: Recipe = load_recipe(stage_type(stage).RECIPE, name, assignments)
    return recipe


@cli.command("dataset")
def dataset_command(
    words: cli.Output,
    stage: Annotated[str, Option("--stage", help="llm: questions about OCR lines.")],
    store: cli.StoreOption,
    out_dir: Annotated[
        Path,
        Option("--out", help="Folder for train, dev and dataset.json."),
        Writes(("dataset.json", "train.jsonl", "dev.jsonl")),
    ],
    engine: cli.PagesOption = None,
    weight: Annotated[
        list[str] | None,
        Option(
            "--weight",
            help="Weight of a table's labels by name or pattern, such as 'train*=0.4', or of one entity's, such as "
            "'train*/depth=0'; may be repeated, the first that fits counts. Below 1: weak labels; 0: left out. "
            "Default: 1 for all.",
        ),
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        Option(
            "--held-out",
            help="Table with image_link: nothing of its pictures is used; may be repeated.",
            metavar="TABLE",
        ),
    ] = None,
    ranges: Annotated[str, Option("--ranges", help="Labels with two ends: upper, or drop.")] = "upper",
    unreadable: Annotated[
        str, Option("--unreadable", help="Labels that the page's lines do not hold: empty, drop, or keep.")
    ] = "empty",
    negatives: Annotated[
        float, Option("--negatives", min=0.0, max=0.9, help="Share of rows with the answer none, filled up to.")
    ] = 0.3,
    mix: Annotated[
        Literal["store", "test"], Option("--mix", help="Entities as in the store, or as in the challenge's test.")
    ] = "store",
    dev: Annotated[float, Option("--dev", min=0.0, max=0.9, help="Share of the rows held out.")] = 0.1,
    folds: Annotated[int, Option("--folds", min=0, help="Cross-validation: a folder a fold.")] = 0,
    hint_run: Annotated[str | None, Option("--hint-run", help="Run whose answers half of the rows see.")] = None,
    style: Annotated[str, Option("--style", help="compact; plain or bare for a model that knows language.")] = (
        "compact"
    ),
    budget: Annotated[int, Option("--budget", min=1, help="Tokens that a page may have.")] = 448,
    model: Annotated[
        Path | None, Option("--model", help="Model folder whose tokenizer counts; default: a rough count.")
    ] = None,
    format_: Annotated[
        Literal["jsonl", "datasets"], Option("--format", help="JSON lines, or folders for `datasets`.")
    ] = "jsonl",
    epoch: Annotated[int, Option("--epoch", min=0, help="Other epochs draw other rows and hints.")] = 0,
    seed: Annotated[int, Option("--seed", help="Equal seeds give equal files.")] = 0,
    schema: cli.SchemaOption = None,
) -> None:
    """Write the store's labelled questions as training examples: prompt, completion, weight, candidates.

    Labels are cleaned, questions with the certain answer "none" are added, and no picture and no (group, entity,
    value) stands in train and dev. `entx train` does the same by itself; this shows it, or feeds another trainer.

    Example: entx dataset --stage llm --store challenge.duckdb --out examples --weight 'train*=0.4'
    """
    from entx.llm_stage.data import (
        Hints,
        PageWriter,
        TextData,
        TextDataset,
        Unreadable,
        save_folder,
        summarise_examples,
        token_counter,
        write_jsonl,
    )
    from entx.llm_stage.prompt import Style
    from entx.neural.training.rows import RangePolicy
    from entx.storage.pages import choose_pages

    if stage != "llm":
        raise InputError(f"--stage {stage}: this version has: llm")
    if folds == 1:
        raise InputError("--folds 1 would hold out everything; use 2 or more, or --dev")
    entities = load_schema(schema)
    form = "a table's name and a weight from 0 to 1, such as 'train*=0.4'"
    sources = cli.named_numbers("--weight", weight, form, low=0.0, high=1.0)
    wanted = TextData(
        sources=sources, ranges=_one_of(RangePolicy, ranges, "--ranges"), negatives=negatives, mix=mix,
        unreadable=_one_of(Unreadable, unreadable, "--unreadable"),
    )  # fmt: skip
    writer = PageWriter(_one_of(Style, style, "--style"), token_counter(model), budget)
    with cli.open_store(store) as opened:
        key = choose_pages(opened, engine)
        hints = Hints.of_run(opened, hint_run) if hint_run is not None else Hints()
        withheld = _pictures(opened, held_out or [])
        data = TextDataset.load(opened, key, entities, writer, wanted, hints=hints, held_out=withheld, seed=seed)
    if not any(not row.generated for row in data.rows):
        say_tally(words, data.tally)
        raise InputError(f"{store}: no labelled question of it can be used; see the counts above")
    written: dict[str, dict[str, Any]] = {}
    parts = {f"fold-{n}": pair for n, pair in enumerate(data.folds(folds))} if folds else {"": data.split(dev)}
    for folder, (train, held) in parts.items():
        files = {"train": train.examples(epoch), "dev": held.examples(epoch, sampled=False)}
        for name, examples in files.items():
            if examples or format_ == "jsonl":
                target = Path(folder, name if format_ == "datasets" else f"{name}.jsonl")
                (save_folder if format_ == "datasets" else write_jsonl)(out_dir / target, examples)
                written[str(target)] = summarise_examples(examples)
    summary = {
        "store": store.name, "engine": key.engine, "weights": sources, "ranges": wanted.ranges.value,
        "unreadable": wanted.unreadable.value, "held_out_pictures": len(withheld),
        "negatives": negatives, "mix": mix, "style": writer.style.value,
        "budget": budget, "hint_run": hint_run, "epoch": epoch, "seed": seed, "files": written,
        "questions": dict(sorted(data.tally["questions"].items())), "pages": dict(sorted(data.tally["pages"].items())),
    }  # fmt: skip
    with atomic_text(out_dir / "dataset.json") as stream:
        json.dump(summary, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    say_tally(words, data.tally)
    names = sorted({name for counts in written.values() for name in counts["entities"]})
    lines = [
        (name, f"{one['rows']:,}", f"{one['none']:,}", f"{one['weight']:,.1f}",
         *(f"{one['entities'].get(entity, 0):,}" for entity in names))
        for name, one in written.items()
    ]  # fmt: skip
    words.table(("examples", "all", "none", "weight", *names), lines)
    words.result(summary)


def _pictures(store: Store, tables: list[Path]) -> frozenset[str]:
    """The pictures of the store behind the links of the tables."""
    from entx.core.tables import read_table
    from entx.storage.questions import load_files

    files = load_files(store) if tables else {}
    links = {link for path in tables for link in read_table(path, ["image_link"])["image_link"]}
    return frozenset(files[link].picture for link in links if link in files)


def _one_of(choices: type[_Choice], text: str, option: str) -> _Choice:
    try:
        return choices(text)
    except ValueError:
        raise InputError(f"{option} {text}: choose one of: {', '.join(choices)}") from None


def say_tally(words: cli.Output, tally: Mapping[str, Mapping[str, int]]) -> None:
    """What became of the labelled questions, and of the pages where they were read."""
    for header in (("questions", "labelled questions", "rows"), ("pages", "pages", "")):
        if counts := tally.get(header[0]):
            words.table(header[1:], [(what, f"{count:,}") for what, count in sorted(counts.items()) if count])


@cli.command("train")
def train_command(
    words: cli.Output,
    stage: Annotated[
        str, Option("--stage", help="llm: a text model that reads the OCR lines; vlm: one that sees the picture.")
    ],
    recipe_name: Annotated[
        str, Option("--recipe", help="A shipped recipe (`entx recipe list`), or the path of your own (*.toml).")
    ],
    store: cli.StoreOption,
    out_dir: Annotated[Path, Option("--out", help="Model folder to make; OUT.part: an unfinished one."), NEW_FOLDER],
    model: Annotated[
        Path | None, Option("--model", help="Folder of the base model; default for llm: the shipped one (entx-small).")
    ] = None,
    engine: cli.PagesOption = None,
    assignments: SetOption = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Say rows, tokens, steps, memory and time, and train nothing.")
    ] = False,
    gpu: Annotated[
        str | None, Option("--gpu", help="With --dry-run: plan for this GPU (L4, T4, A100, ...); needs no --model.")
    ] = None,
    price: Annotated[float | None, Option("--price", help="With --gpu: of one hour of it.", min=0.0)] = None,
    resume: Annotated[
        bool, Option("--resume/--restart", help="Go on with an unfinished training of this OUT, or throw it away.")
    ] = True,
    schema: cli.SchemaOption = None,
) -> None:
    """Train a model on a store's labelled questions; the recipe says how, --set changes single settings.

    A training that was stopped or killed goes on by the same call. The best weights by F1 on held-out rows are kept,
    with a model card, the curve and the whole record beside them.

    --dry-run ends with exit code 2 where the training would not fit into memory, and says which settings would.

    Example: entx train --stage llm --recipe entx-small --store challenge.duckdb --out my-model --set train.epochs=2
    """
    from entx.neural.model_folder import ModelFolder, check_model_folder
    from entx.neural.training.adapters import choose_backend
    from entx.neural.training.processes import Processes
    from entx.neural.training.recipe import load_recipe

    if (gpu is not None and not dry_run) or (price is not None and gpu is None):
        raise InputError("--gpu goes with --dry-run, and --price with --gpu")
    processes = Processes.here()
    words = words if processes.speaks else cli.Output(quiet=True, as_json=False)
    with processes.telling_once():
        kind = stage_type(stage)
        recipe = load_recipe(kind.RECIPE, recipe_name, assignments or ())
        entities = load_schema(schema)
        from entx.neural.training.estimate import Base, optimiser_steps, plan_training
        from entx.neural.training.stage import train

        if gpu is not None and model is None and (hub := recipe.model.hub):
            folder = ModelFolder(Path(hub), is_adapter=False)
            trained = kind(recipe, recipe_name, folder, entities, Base.published(recipe))
            words.notice(f"a plan from the published size of {hub}: nothing is tried, and tokens are counted roughly")
        else:
            folder = check_model_folder(model or _base(recipe_name, recipe))
            _require_libraries()
            backend = choose_backend(recipe.train.backend, words.notice)  # before anything imports transformers
            trained = kind(recipe, recipe_name, folder, entities)
        if not dry_run:
            trained.check()
        with cli.open_store(store) as opened:
            data = trained.load_data(opened, engine, words.notice)
        say_tally(words, {"questions": data.counts["questions"]})
        data.require_rows()
    if data.too_long:
        words.notice(f"{data.too_long} examples have more tokens than model.max_length and are left out")
    if data.rows and not data.dev:
        words.notice("no rows to measure F1 on: the training runs to its end and the last weights are kept")
    if dry_run:
        if processes.writes:
            with tempfile.TemporaryDirectory() as scratch:
                plan = plan_training(trained, data, Path(scratch), gpu)
            _say_plan(words, plan, recipe, data, price)
        return
    with words.progress("steps", optimiser_steps(recipe, data.lengths), unit="steps") as advance:
        ended = train(trained, data, out_dir, backend=backend, restart=not resume, advance=advance)
    if not processes.writes:
        raise typer.Exit(128 + ended.signal if ended.signal else 0)
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


@cli.command("merge-adapter")
def merge_adapter_command(
    words: cli.Output,
    model: Annotated[Path, Option("--model", help="Folder of the base model, 16-bit or wider weights.")],
    adapter: Annotated[Path, Option("--adapter", help="Folder that `entx train` made, of either stage.")],
    store: cli.StoreOption,
    out_dir: Annotated[Path, Option("--out", help="Model folder to make."), NEW_FOLDER],
    rows: Annotated[int, Option("--rows", min=1, help="Questions of the store that the guard asks.")] = 64,
    allow: Annotated[int, Option("--allow", min=0, help="Answers that may differ.")] = 0,
    dtype: Annotated[str, Option("--dtype", help="Of the merged weights: bfloat16, float16 or float32.")] = "bfloat16",
    engine: cli.PagesOption = None,
    schema: cli.SchemaOption = None,
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
    with cli.open_store(store) as opened:
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


def _say_plan(words: cli.Output, plan: Plan, recipe: Recipe, data: TrainingData, price: float | None) -> None:
    """Prints the plan. Raises InputError: the training would not fit."""
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
    times = tuple(dict.fromkeys((plan.seconds, plan.most_seconds)))
    words.line(f"time about {' to '.join(map(_duration, times))}, measurements not counted (from {plan.basis})")
    cost = None if price is None else [round(price * one / 3600, 2) for one in times]
    if cost:
        words.line(f"cost about {' to '.join(map(str, cost))}, at {price:g} an hour")
    words.result({**numbers, **sizes, "cost": cost, "dev": len(data.dev), "data": dict(data.counts)})
    if plan.shortage:
        raise InputError(plan.shortage)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@cli.command("calibrate")
def calibrate(
    words: cli.Output,
    stage: Annotated[str, Option("--stage", help="llm or vlm: whose candidates mode is calibrated.")],
    store: cli.StoreOption,
    gold: cli.GoldOption,
    model: Annotated[
        str | None, Option("--model", help="A model folder; llm: default the one that ships (needs --out).")
    ] = None,
    adapter: predict.AdapterOption = None,
    out: Annotated[
        Path | None,
        Option("--out", help="Write into a copy of the folder here; default: into the folder itself."),
        NEW_FOLDER,
    ] = None,
    hint_run: Annotated[
        str | None, Option("--hint-run", help="llm: fit on each row with this run's answer as a hint, and without one.")
    ] = None,
    engine: cli.PagesOption = None,
    backend: Annotated[str | None, Option("--backend", help="transformers (default), vllm; vlm: unsloth.")] = None,
    dtype: predict.DtypeOption = None,
    four_bit: predict.FourBitOption = None,
    batch: predict.BatchOption = None,
    threads: predict.ThreadsOption = None,
    pixels: predict.PixelsOption = None,
    crops: predict.CropsOption = None,
    schema: cli.SchemaOption = None,
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
    predict.refuse_foreign(stage, foreign[stage])
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
    reader, _ = predict.stage_reader(stage)(options, entities, words.notice)
    rows: dict[str, list[GoldRow]] = {}
    with cli.open_store(store) as opened:
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
