"""`entx recipe`: the shipped training recipes; list, show with comments, copy to change."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.output import Output

recipes = typer.Typer(
    no_args_is_help=True,
    help="List, show, copy and check training recipes.\n\nExample: entx recipe list",
    rich_markup_mode=None,
)
app.add_typer(recipes, name="recipe")

_Name = Annotated[str, typer.Argument(help="A shipped recipe's name, or the path of your own (*.toml).")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Another value for one setting, such as train.lr=1e-4; may be repeated."),
]


@recipes.command("list")
def list_recipes(quiet: Quiet = False, as_json: Json = False) -> None:
    """The recipes that ship with entx.

    Example: entx recipe list
    """
    from entx.core.recipes import shipped_recipes

    out = Output(quiet=quiet, as_json=as_json)
    found = shipped_recipes()
    out.table(("recipe", "stage", "what it makes"), [(one.name, one.stage, one.title) for one in found])
    out.result({"recipes": [{"name": one.name, "stage": one.stage, "title": one.title} for one in found]})


@recipes.command("show")
def show_recipe(name: _Name, assignments: SetOption = None, quiet: Quiet = False, as_json: Json = False) -> None:
    """A recipe as written, with its comments, after checking it; --json gives every setting, defaults included.

    Example: entx recipe show gemma2-9b
    """
    from entx.core.recipes import find_recipe
    from entx.llm_stage.recipe import load_recipe

    out = Output(quiet=quiet, as_json=as_json)
    recipe = load_recipe(name, assignments or ())
    out.line(find_recipe(name).text.rstrip())
    out.result({"name": name, "digest": recipe.digest, "settings": dataclasses.asdict(recipe)})


@recipes.command("copy")
def copy_recipe(
    name: _Name,
    target: Annotated[Path, typer.Argument(help="The file to write; must not exist.", metavar="FILE.toml")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Copy a recipe, comments included, to change it and train with it by its path.

    Example: entx recipe copy qwen3-1.7b mine.toml
    """
    from entx.core.errors import InputError
    from entx.core.files import atomic_text
    from entx.core.recipes import find_recipe

    out = Output(quiet=quiet, as_json=as_json)
    if target.suffix != ".toml":
        raise InputError(f"{target}: a recipe's file name ends in .toml")
    if target.exists():
        raise InputError(f"{target} exists already")
    recipe = find_recipe(name)
    with atomic_text(target) as stream:
        stream.write(recipe.text)
    out.line(f"{target}: change it, then: entx train --stage llm --recipe {target} ...")
    out.result({"written": str(target)})
