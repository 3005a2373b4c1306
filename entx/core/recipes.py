"""The recipes that ship with the package: commented TOML files, each a whole training of one stage."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from entx.core.errors import InputError


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe as written.

    Args:
        name: its file name without .toml.
        stage: "llm" or "vlm": which trainer it is for.
        title: one line that says what it makes.
        text: the file, comments included.
    """

    name: str
    stage: str
    title: str
    text: str


def shipped_recipes() -> list[RecipeFile]:
    """All recipes of the package by name; its other TOML files (weight tables) have no `stage` and are not recipes."""
    folder = resources.files("entx.recipes")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")),
        key=lambda file: file.name.removesuffix(".toml"),
    )
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        table = tomllib.loads(text)
        if "stage" in table:
            found.append(RecipeFile(file.name.removesuffix(".toml"), table["stage"], table["title"], text))
    return found


def find_recipe(name: str) -> RecipeFile:
    """A shipped recipe by its name, or a user's own by its path (anything that ends in .toml).

    Raises:
        InputError: there is none; the message lists the shipped ones.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            return RecipeFile(path.stem, "", "", path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from None
    shipped = shipped_recipes()
    for recipe in shipped:
        if recipe.name == name:
            return recipe
    names = ", ".join(recipe.name for recipe in shipped)
    raise InputError(f"no recipe {name!r}; shipped: {names}; your own is given as a path that ends in .toml")
