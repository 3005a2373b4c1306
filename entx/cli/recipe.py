"""`entx recipe`, the settings of a training, and `entx dataset`, its examples as files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from typer import Argument, Option

from entx.cli.app import Output, PagesOption, SchemaOption, StoreOption, app, command, named_numbers, open_store
from entx.core.entities import load_schema
from entx.core.errors import InputError
from entx.core.files import Writes, atomic_text

if TYPE_CHECKING:
    from entx.neural.training.recipe import Recipe
    from entx.neural.training.stage import Stage
    from entx.storage.store import Store

_Choice = TypeVar("_Choice", bound=StrEnum)

recipes = typer.Typer(
    no_args_is_help=True,
    help="List, show, copy and check training recipes.\n\nExample: entx recipe list",
    rich_markup_mode=None,
)
app.add_typer(recipes, name="recipe")

_Name = Annotated[str, Argument(help="A shipped recipe's name, or the path of your own (*.toml).")]
SetOption = Annotated[
    list[str] | None, Option("--set", help="Another value for one setting, such as train.lr=1e-4; may be repeated.")
]


@command("list", recipes)
def list_recipes(words: Output) -> None:
    """The recipes that ship with entx.

    Example: entx recipe list
    """
    from entx.core.settings import shipped_recipes

    found = shipped_recipes()
    words.table(("recipe", "stage", "what it makes"), [(one.name, one.stage, one.title) for one in found], words=3)
    words.result({"recipes": [{"name": one.name, "stage": one.stage, "title": one.title} for one in found]})


@command("show", recipes)
def show_recipe(words: Output, name: _Name, assignments: SetOption = None) -> None:
    """A recipe as written, with its comments, after checking it; --json gives every setting, defaults included.

    Example: entx recipe show gemma2-9b
    """
    from entx.core.settings import find_recipe

    recipe = load_any(name, assignments or ())
    for row in find_recipe(name).text.rstrip().split("\n"):
        words.line(row)
    words.result({"name": name, "digest": recipe.digest, "settings": recipe.settings})


@command("copy", recipes)
def copy_recipe(
    words: Output,
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


@command("check", recipes)
def check_recipe(
    words: Output,
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


@command("dataset")
def dataset_command(
    words: Output,
    stage: Annotated[str, Option("--stage", help="llm: questions about OCR lines.")],
    store: StoreOption,
    out_dir: Annotated[
        Path,
        Option("--out", help="Folder for train, dev and dataset.json."),
        Writes(("dataset.json", "train.jsonl", "dev.jsonl")),
    ],
    engine: PagesOption = None,
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
    style: Annotated[str, Option("--style", help="compact, or instruct for a model that knows language.")] = (
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
    schema: SchemaOption = None,
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
    from entx.storage.runs import run_settings

    if stage != "llm":
        raise InputError(f"--stage {stage}: this version has: llm")
    if folds == 1:
        raise InputError("--folds 1 would hold out everything; use 2 or more, or --dev")
    entities = load_schema(schema)
    form = "a table's name and a weight from 0 to 1, such as 'train*=0.4'"
    sources = named_numbers("--weight", weight, form, low=0.0, high=1.0)
    wanted = TextData(
        sources=sources, ranges=_one_of(RangePolicy, ranges, "--ranges"), negatives=negatives, mix=mix,
        unreadable=_one_of(Unreadable, unreadable, "--unreadable"),
    )  # fmt: skip
    writer = PageWriter(_one_of(Style, style, "--style"), token_counter(model), budget)
    with open_store(store) as opened:
        key = choose_pages(opened, engine)
        hints = Hints()
        if hint_run is not None:
            run_settings(opened, hint_run)  # an error that lists the runs, where there is none of that name
            hints = Hints.of_run(opened, hint_run)
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


def say_tally(words: Output, tally: Mapping[str, Mapping[str, int]]) -> None:
    """What became of the labelled questions, and of the pages where they were read."""
    for header in (("questions", "labelled questions", "rows"), ("pages", "pages", "")):
        if counts := tally.get(header[0]):
            words.table(header[1:], [(what, f"{count:,}") for what, count in sorted(counts.items()) if count])
