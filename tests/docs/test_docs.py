"""The documents against the program: every command line that documents, recipes and docstrings show is one that its
program takes, every command stands in the README, every link leads somewhere, and every file that they name is there.

Lines are parsed by the commands' own parsers, values included, and nothing of them is run.
"""

from __future__ import annotations

import argparse
import ast
import functools
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer.core
import typer.main

import entx
from entx.cli.app import all_commands
from entx.cli.train import load_any

ROOT = Path(entx.__file__).parent.parent
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
HISTORY = [ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "history").glob("*.md"))]
CARDS = sorted((ROOT / "entx" / "models").rglob("README.md"))
RECIPES = sorted((ROOT / "entx" / "recipes").glob("*.toml"))
MODULES = sorted(path for name in ("entx", "lab", "benchmarks") for path in (ROOT / name).rglob("*.py"))
COMMANDS: Any = typer.main.get_command(all_commands())

BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^(?:# +)?(?:\$ |\S*/|.* -m )?entx ([a-z].*)", re.MULTILINE)
WITHIN_TEXT = re.compile(r"`(?:[^`]* -m )?entx\s([a-z][^`]*)`")
EXAMPLE = re.compile(r"^(?: {4,}|Example: )(?:\$ )?entx ([a-z][^`]*?)$", re.MULTILINE)
SCRIPT = re.compile(r"python (?:-m )?((?:benchmarks|lab)[./]\w[\w./]*\w)([^\n`]*)")
SETTING = re.compile(r"--set (\w[\w.]*=[^\s`)]+)")
SHOWS_SCRIPTS = [path for path in [*GUIDES, *CARDS, *MODULES] if SCRIPT.search(path.read_text(encoding="utf-8"))]
STATED = re.compile(r"^### System \d: (`.*)\n((?:\|.*\n)+)", re.MULTILINE)
VALUE = re.compile(r"`([a-z]\w*(?:\.\w+)+ = [^`]+)`")
FILES = re.compile(r"`((?:entx|lab|tests|benchmarks|docs)/[\w./-]+)`")
AFTER_COMMAND = {"|", ">", ">>", "&&", ";"}


def docstrings(path: Path) -> str:
    """All docstrings of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    return "\n".join(ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented))


def commands(path: Path) -> Iterator[tuple[str, bool]]:
    """The command lines of a document without `entx`; whether a line is whole (in a block) or part of a sentence."""
    if path.suffix == ".py":
        text = docstrings(path)
        yield from ((line, True) for line in EXAMPLE.findall(text))
        yield from ((line, False) for line in WITHIN_TEXT.findall(text))
        return
    text = path.read_text(encoding="utf-8")
    for block in [text] if path.suffix == ".toml" else BLOCK.findall(text):
        yield from ((line, True) for line in SHOWN.findall(re.sub(r"\\\n(?:# +)?", " ", block)))
    if path.suffix == ".md":
        yield from ((line, False) for line in WITHIN_TEXT.findall(BLOCK.sub("", text)))


def fault(line: str, whole: bool) -> str:
    """Why the line could not be run, "" if it could: of part of a sentence only what it says counts."""
    words = shlex.split(line, comments=True)
    words = words[: next((place for place, word in enumerate(words) if word in AFTER_COMMAND), len(words))]
    command = COMMANDS
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if words and hasattr(command, "commands"):
        return f"no such command: {words[0]}"
    try:
        given = command.make_context("entx", words).params
        if Path(given.get("recipe_name", "")).stem + ".toml" in {path.name for path in RECIPES}:
            load_any(given["recipe_name"], given["assignments"] or (), given["stage"])
    except Exception as error:  # typer's own copy of click has its own classes of errors
        kind = type(error).__name__
        only_named = kind == "BadOptionUsage" and words[-1].startswith("-")  # an option without its value
        unfinished = kind in ("MissingParameter", "NoArgsIsHelpError") or only_named
        return "" if unfinished and not whole else str(error) or kind
    return ""


class Parsed(Exception):  # noqa: N818 - no error: where a script would begin to work
    pass


def script_fault(place: str, rest: str, whole: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same of a script under `benchmarks` or `lab`, whose main is run as far as its arguments are parsed.

    Usage lines may put options into brackets, stand in for numbers by N, and name alternatives by a bar.
    """
    rest = re.sub(r"[][]|\.\.\.| > .*", "", rest)
    words = shlex.split(re.sub(r"\bN\b", "1", re.sub(r"(\w+)\|[\w|]+", r"\1", rest)), comments=True)
    file = ROOT / (place if place.endswith(".py") else place.replace(".", "/") + ".py")
    parse = argparse.ArgumentParser.parse_args

    def parse_only(parser: argparse.ArgumentParser, args: Sequence[str] | None = None, _: Any = None) -> NoReturn:
        parse(parser, args)
        raise Parsed

    def complain(_: argparse.ArgumentParser, message: str) -> NoReturn:
        raise ValueError(message)

    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", parse_only)
        patched.setattr(argparse.ArgumentParser, "error", complain)
        patched.setattr(sys, "argv", [str(file), *words])
        try:
            runpy.run_path(str(file), run_name="__main__")
        except Parsed:
            return ""
        except (ValueError, OSError) as error:
            return "" if not whole and "are required" in str(error) else str(error)
    return "parses no arguments"


@pytest.mark.parametrize("document", [*GUIDES, *CARDS, *RECIPES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_command_that_is_shown_is_one(document: Path) -> None:
    faults = {line: fault(line, whole) for line, whole in commands(document)}
    assert {line: said for line, said in faults.items() if said} == {}


def test_each_command_in_a_docstring_is_one() -> None:
    faults = {(path.name, line): fault(line, whole) for path in MODULES for line, whole in commands(path)}
    assert {line: said for line, said in faults.items() if said} == {}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_each_setting_that_a_recipe_speaks_of_can_be_set(recipe: Path) -> None:
    for line in re.sub(r"\\\n(?:# +)?", " ", recipe.read_text(encoding="utf-8")).splitlines():
        if settings := SETTING.findall(line):
            load_any(recipe.stem, [re.sub(r"\bN\b", "100352", setting) for setting in settings])


def test_what_systems_state_stands_beside_what_their_recipes_have() -> None:
    """Every value that docs/train.md shows of a recipe is the recipe's own."""
    checked = {}
    for names, rows in STATED.findall((ROOT / "docs" / "train.md").read_text(encoding="utf-8")):
        shown = dict(line.split(" = ") for line in VALUE.findall(rows))
        for name in re.findall(r"`([\w.-]+)`", names):
            recipe = tomllib.loads((ROOT / "entx" / "recipes" / f"{name}.toml").read_text(encoding="utf-8"))
            for path, value in shown.items():
                found = functools.reduce(lambda table, key: table[key], path.split("."), recipe)
                assert found == tomllib.loads(f"value = {value}")["value"], f"{name}: {path}"
            checked[name] = {
                f"{table}.{key}" for table in recipe if isinstance(recipe[table], dict) for key in recipe[table]
            }
            checked[name] -= {*shown, "prompt.question"}  # the longest, which the table does not repeat
    assert len(checked) == 6
    assert checked["qwen2-vl-2b"] == set()  # of the system that states most, all


@pytest.mark.parametrize("document", SHOWS_SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_script_is_called_as_it_can_be(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = docstrings(document) if document.suffix == ".py" else document.read_text(encoding="utf-8")
    for place, rest in SCRIPT.findall(re.sub(r"\\\n *", " ", text)):
        assert script_fault(place, rest, bool(rest.strip()), monkeypatch) == "", f"{place}{rest}"


def test_commands_are_found_and_faults_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(len(list(commands(path))) for path in GUIDES) > 80
    assert sum(len(list(commands(path))) for path in MODULES) > 40
    assert len(SHOWS_SCRIPTS) > 40
    assert fault("predict --stage rules --store S", True) == ""
    assert "--stag" in fault("predict --stag rules", False)
    assert "store" in fault("predict --stage rules", True)
    assert "predicct" in fault("predicct --stage rules", False)
    assert "a valid number" in fault("extract a.png --worker-memory N", True)
    train = "train --stage vlm --recipe qwen2-vl-2b --store S --out O --set "
    assert fault(train + "train.batch=1", True) == ""
    assert "train.bach" in fault(train + "train.bach=1", True)
    assert "--cont" in script_fault("lab.drawings.draw", "DIR --cont 3", False, monkeypatch)
    assert "out" in script_fault("lab.shipped_model", "--shards 21", True, monkeypatch)


def test_each_command_stands_in_the_readme() -> None:
    assert set(COMMANDS.commands) == set(
        re.findall(r"^\| `entx ([a-z-]+)`", GUIDES[0].read_text("utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("document", [*GUIDES, *HISTORY], ids=lambda path: path.name)
def test_each_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", document.read_text(encoding="utf-8")):
        path = document.parent / target if target else document
        assert path.is_file(), f"{target} is not there"
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("document", GUIDES, ids=lambda path: path.name)
def test_each_file_that_is_named_is_there(document: Path) -> None:
    named = FILES.findall(document.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []
