"""What is named and read: plug-ins by entry point, settings as checked models, and the recipes that ship with entx.

A settings file is a TOML table. `read_settings` makes a pydantic model of it and names every fault at once, with its
place in the file; a key that no field has is a fault, so that a misspelt setting is never silently without effect.

This module does not say what a recipe holds (`neural.training.recipe`).
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from entx.core.errors import EntxError, InputError
from entx.core.files import input_bytes

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    ModelT = TypeVar("ModelT", bound=BaseModel)


OFFLINE = "ENTX_OFFLINE"
"""The environment variable of --offline; workers inherit it. Anything but "" and "0" switches it on."""


def refuse_offline(what: str) -> None:
    """Raises InputError, where the switch is on, for what would leave this machine."""
    if os.environ.get(OFFLINE, "") not in ("", "0"):
        raise InputError(f"{what}: not with --offline (or {OFFLINE}=1), by which nothing leaves this machine")


def plugin_names(group: str, built_in: Mapping[str, str]) -> list[str]:
    """All names of a group, built in or plugged in, sorted."""
    return sorted({point.name for point in entry_points(group=group)} | set(built_in))


def load_plugin(kind: str, name: str, group: str, built_in: Mapping[str, str], error: type[EntxError]) -> Any:
    """The object of that name; an entry point wins over a built-in of the same name.

    Args:
        kind: what it is, for messages ("engine").
        built_in: "module:attribute" by name: they are found in a source tree that is not installed, too.
        error: raised where the name is unknown or cannot be imported.
    """
    points = {point.name: point for point in entry_points(group=group)}
    try:
        if name in points:
            return points[name].load()
        if name in built_in:
            module, _, attribute = built_in[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as fault:
        raise error(f"{kind} {name!r} cannot be imported: {fault}") from fault
    raise error(
        f"unknown {kind} {name!r}; there are: {', '.join(plugin_names(group, built_in))}. "
        f"Others plug in by an entry point of the group {group!r}"
    )


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """A TOML text as plain dictionaries. Raises InputError: not TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, or a number of 5,000 digits
        raise InputError(f"{where}: not a readable TOML file: {error}") from None


def override(table: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """The table with `train.lr=1e-4` and the like put into a copy; a value is TOML, or else a text.

    Raises:
        InputError: an assignment without "=", or into something that is no table; all such faults at once.
    """
    changed: dict[str, Any] = json.loads(json.dumps(dict(table), default=str))
    faults = []
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        *parents, last = [part.strip() for part in path.split(".")]
        if not equals or not last or not all(parents):
            faults.append(f"--set {assignment!r} is not KEY=VALUE, such as train.lr=1e-4")
            continue
        at: Any = changed
        for parent in parents:
            at = at.setdefault(parent, {}) if isinstance(at, dict) else None
        if isinstance(at, dict):
            at[last] = _value(value.strip())
        else:
            faults.append(f"--set {assignment!r}: {'.'.join(parents)} is no table")
    if faults:
        raise InputError("; ".join(faults))
    return changed


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


_TYPES = {
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "string_type": "a text", "dict_type": "a table",
}  # fmt: skip


def read_settings(kind: type[ModelT], table: Mapping[str, Any], where: str) -> ModelT:
    """The table as the model; an InputError of all unknown or missing keys, wrong types and values out of bounds."""
    from pydantic import ValidationError

    try:
        return kind.model_validate(table)
    except ValidationError as error:
        faults = dict.fromkeys(_fault(kind, one) for one in error.errors(include_url=False))
        raise InputError(f"{where}: " + "; ".join(faults)) from None


def settings_digest(settings: BaseModel) -> str:
    """Hash of a model's values: equal digests mean equal settings, however the file was written."""
    text = json.dumps(settings.model_dump(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fault(kind: type[BaseModel], error: ErrorDetails) -> str:
    """One fault in the file's own terms, with the dotted path of its key."""
    type_, value, context = error["type"], error["input"], error.get("ctx", {})
    names = [part for part in error["loc"] if isinstance(part, str)]
    path = ".".join(names)
    if type_ == "value_error":  # of a validator of ours, which names its keys itself
        return str(context["error"])
    if type_ == "missing":
        return f"{path} is missing"
    if type_ == "extra_forbidden":
        known = _fields(kind, names[:-1])
        near = difflib.get_close_matches(names[-1], known, 1)
        return f"unknown key {path}" + (f" (did you mean {near[0]}?)" if near else f" (known: {', '.join(known)})")
    if type_ == "model_type":
        return f"{path} must be a table"
    if type_ == "tuple_type" or len(names) < len(error["loc"]):  # the list, or one of its items
        return f"{path} must be a list of texts"
    if type_ in _TYPES:
        return f"{path} must be {_TYPES[type_]}, not {value!r}"
    if type_ in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", context["expected"])
        return f"{path} must be one of {', '.join(allowed)}, not {value!r}"
    bounds = _bounds(_fields(kind, names[:-1])[names[-1]], type_)
    return f"{path} must be {bounds or error['msg']}, not {value!r}"


def _fields(kind: type[BaseModel], path: Sequence[str]) -> dict[str, FieldInfo]:
    """The fields of the model at a path of tables."""
    for name in path:
        hint = kind.model_fields[name].annotation
        kind = next(one for one in (hint, *get_args(hint)) if hasattr(one, "model_fields"))
    return kind.model_fields


def _bounds(field: FieldInfo, type_: str) -> str:
    """What a number of that field must be."""
    limits = {name: getattr(one, name) for one in field.metadata for name in ("gt", "ge", "le") if hasattr(one, name)}
    if {"ge", "le"} <= limits.keys():
        return f"from {limits['ge']:g} to {limits['le']:g}"
    words = {"greater_than": ("greater than", "gt"), "greater_than_equal": ("at least", "ge"),
             "less_than_equal": ("at most", "le")}  # fmt: skip
    word, name = words.get(type_, ("", ""))
    return f"{word} {limits[name]:g}" if name in limits else ""


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe as written."""

    name: str  # its file name without .toml
    stage: str  # "llm" or "vlm": which trainer it is for
    title: str  # one line that says what it makes
    text: str  # the file, comments included


def shipped_recipes() -> list[RecipeFile]:
    """All recipes of the package by name; its other TOML files (weight tables) have no `stage` and are not recipes."""
    folder = resources.files("entx") / "recipes"
    texts = {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in folder.iterdir() if file.name.endswith(".toml")
    }  # fmt: skip
    tables = ((name, text, tomllib.loads(text)) for name, text in sorted(texts.items()))
    return [RecipeFile(name, table["stage"], table["title"], text) for name, text, table in tables if "stage" in table]


def find_recipe(name: str) -> RecipeFile:
    """A shipped recipe by its name, or a user's own by its path (*.toml); InputError that lists the shipped ones."""
    if name.endswith(".toml"):
        path = Path(name)
        try:
            return RecipeFile(path.stem, "", "", input_bytes(path).decode())
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: cannot be read: {error}") from None
    shipped = {recipe.name: recipe for recipe in shipped_recipes()}
    if name in shipped:
        return shipped[name]
    raise InputError(
        f"no recipe {name!r}; shipped: {', '.join(shipped)}; your own is given as a path that ends in .toml"
    )
