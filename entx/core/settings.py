"""Plug-ins by entry point: a name's object from an installed distribution, or from the built-in table.

Settings files: a TOML table into a frozen dataclass, with every fault named at once.

    @dataclass(frozen=True)
    class Train:
        lr: float = setting(2e-4, above=0)
        scheduler: str = setting("cosine", choices=("cosine", "linear"))

A field without a default must be in the file. A field whose type is another such dataclass is a sub-table. A key that
no field has is a fault, so that a misspelt setting is never silently without effect.

The recipes that ship with the package: commented TOML files, each a whole training of one stage.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from entx.core.errors import EntxError, InputError


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


T = TypeVar("T")

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "a table"}


@dataclass(frozen=True, slots=True)
class _Limits:
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None


def setting(
    default: Any = MISSING,
    *,
    choices: Sequence[str] = (),
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
) -> Any:
    """A dataclass field with limits on its value.

    Args:
        default: leave it out for a setting that the file must have.
        choices: the allowed texts.
        least, most: the allowed numbers, both ends included.
        above: the value must be greater.
    """
    return field(default=default, metadata={"limits": _Limits(tuple(choices), least, most, above)})


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """A TOML text as plain dictionaries.

    Raises:
        InputError: not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
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
    except tomllib.TOMLDecodeError:
        return text


def read_settings(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """The table as the dataclass.

    Raises:
        InputError: unknown or missing keys, wrong types, values out of bounds; all of them in one message.
    """
    faults: list[str] = []
    found = _read(kind, table, "", faults)
    if faults:
        raise InputError(f"{where}: " + "; ".join(faults))
    return found


def settings_digest(settings: Any) -> str:
    """Hash of a settings dataclass: equal digests mean equal settings, however the file was written."""
    return hashlib.sha256(json.dumps(asdict(settings), sort_keys=True, default=str).encode()).hexdigest()[:16]


def _read(kind: type[T], table: Mapping[str, Any], path: str, faults: list[str]) -> T:
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    for key in table.keys() - known.keys():
        near = difflib.get_close_matches(key, known, 1)
        faults.append(
            f"unknown key {path}{key}" + (f" (did you mean {near[0]}?)" if near else f" (known: {', '.join(known)})")
        )
    values = {}
    for name, one in known.items():
        if name in table:
            values[name] = _checked(hints[name], table[name], one, path + name, faults)
        elif one.default is MISSING and one.default_factory is MISSING:
            faults.append(f"{path}{name} is missing")
    return kind(**values) if not faults else None  # type: ignore[return-value]


def _checked(hint: Any, value: Any, one: Field[Any], path: str, faults: list[str]) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(choice for choice in get_args(hint) if choice is not type(None))
    if is_dataclass(hint):
        if isinstance(value, Mapping):
            return _read(hint, value, path + ".", faults)  # type: ignore[arg-type]
        faults.append(f"{path} must be a table")
        return None
    if get_origin(hint) is tuple:
        if isinstance(value, list) and all(isinstance(word, str) and word for word in value):
            return tuple(value)
        faults.append(f"{path} must be a list of texts")
        return None
    plain = dict if get_origin(hint) is dict else hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        faults.append(f"{path} must be {_WORDS[plain]}, not {value!r}")
        return None
    fault = _out_of_bounds(value, one.metadata.get("limits", _Limits()))
    if fault:
        faults.append(f"{path} must be {fault}, not {value!r}")
    return value


def _out_of_bounds(value: Any, limits: _Limits) -> str:
    if limits.choices and value not in limits.choices:
        return "one of " + ", ".join(limits.choices)
    if limits.above is not None and not value > limits.above:
        return f"greater than {limits.above:g}"
    low = limits.least is not None and not value >= limits.least
    high = limits.most is not None and not value <= limits.most
    if not low and not high:
        return ""
    if limits.least is not None and limits.most is not None:
        return f"from {limits.least:g} to {limits.most:g}"
    return f"at least {limits.least:g}" if limits.least is not None else f"at most {limits.most:g}"


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
    folder = resources.files("entx") / "recipes"
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
