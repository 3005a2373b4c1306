"""`entx recipe`: the shipped training recipes; list, show with comments, copy to change, check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.neural.training.recipe import Recipe
    from entx.neural.training.stage import Stage

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
    from entx.core.settings import shipped_recipes

    out = Output(quiet=quiet, as_json=as_json)
    found = shipped_recipes()
    out.table(("recipe", "stage", "what it makes"), [(one.name, one.stage, one.title) for one in found], words=3)
    out.result({"recipes": [{"name": one.name, "stage": one.stage, "title": one.title} for one in found]})


@recipes.command("show")
def show_recipe(name: _Name, assignments: SetOption = None, quiet: Quiet = False, as_json: Json = False) -> None:
    """A recipe as written, with its comments, after checking it; --json gives every setting, defaults included.

    Example: entx recipe show gemma2-9b
    """
    from entx.core.settings import find_recipe

    out = Output(quiet=quiet, as_json=as_json)
    recipe = load_any(name, assignments or ())
    out.line(find_recipe(name).text.rstrip())
    out.result({"name": name, "digest": recipe.digest, "settings": recipe.settings})


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
    from entx.core.files import atomic_text
    from entx.core.settings import find_recipe

    out = Output(quiet=quiet, as_json=as_json)
    if target.suffix != ".toml":
        raise InputError(f"{target}: a recipe's file name ends in .toml")
    if target.exists():
        raise InputError(f"{target} exists already")
    recipe = find_recipe(name)
    with atomic_text(target) as stream:
        stream.write(recipe.text)
    stage = recipe.stage or "llm"
    out.line(f"{target}: change it, then: entx train --stage {stage} --recipe {target} ...")
    out.result({"written": str(target)})


@recipes.command("check")
def check_recipe(
    name: _Name,
    stage: Annotated[str | None, typer.Option("--stage", help="llm or vlm; default: as the recipe says.")] = None,
    assignments: SetOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a recipe as `entx train` reads it; all faults are printed at once, and the exit code is 2.

    Example: entx recipe check mine.toml --set train.batch=4
    """
    out = Output(quiet=quiet, as_json=as_json)
    recipe = load_any(name, assignments or (), stage)
    out.line(f"{name}: a recipe of --stage {recipe.STAGE}, settings {recipe.digest}")
    out.result({"name": name, "stage": recipe.STAGE, "digest": recipe.digest})


def stage_type(name: str) -> type[Stage[Any]]:
    """What trains a stage.

    Raises:
        InputError: no such stage.
    """
    if name == "llm":
        from entx.llm_stage.training import TextStage

        return TextStage
    if name == "vlm":
        from entx.vlm_stage.training import PictureStage

        return PictureStage
    raise InputError(f"--stage {name}: this version trains: llm, vlm")


def load_any(name: str, assignments: Sequence[str] = (), stage: str | None = None) -> Recipe:
    """The recipe as its own stage reads it, or as that one.

    Raises:
        InputError: faults in it, all at once.
    """
    from entx.core.settings import find_recipe, parse_toml
    from entx.neural.training.recipe import load_recipe

    if stage is None:
        stage = "vlm" if parse_toml(find_recipe(name).text, name).get("stage") == "vlm" else "llm"
    recipe: Recipe = load_recipe(stage_type(stage).RECIPE, name, assignments)
    return recipe
