"""The documents against the program: every `entx` command line that they show exists with its options, every command
stands in the README, every link leads somewhere, and every file that they name is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main

import entx
from entx.cli.app import all_commands

ROOT = Path(entx.__file__).parent.parent
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
HISTORY = [ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "history").glob("*.md"))]
RECIPES = sorted((ROOT / "entx" / "recipes").glob("*.toml"))
COMMANDS: Any = typer.main.get_command(all_commands())

BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^(?:# +)?(?:\$ |\S*/|.* -m )?entx ([a-z].*)", re.MULTILINE)
WITHIN_TEXT = re.compile(r"`(?:[^`]* -m )?entx\s([a-z][^`]*)`")
FILES = re.compile(r"`((?:entx|lab|tests|benchmarks|docs)/[\w./-]+)`")
AFTER_COMMAND = {"|", ">", ">>", "&&", ";"}


def commands(path: Path) -> Iterator[tuple[str, bool]]:
    """The command lines of a document without `entx`; whether a line is whole (in a block) or part of a sentence."""
    text = path.read_text(encoding="utf-8")
    for block in [text] if path.suffix == ".toml" else BLOCK.findall(text):
        yield from ((line, True) for line in SHOWN.findall(block.replace("\\\n", " ")))
    if path.suffix == ".md":
        yield from ((line, False) for line in WITHIN_TEXT.findall(BLOCK.sub("", text)))


def fault(line: str, whole: bool) -> str:
    """Why the line could not be run, "" if it could."""
    words = shlex.split(line, comments=True)
    words = words[: next((place for place, word in enumerate(words) if word in AFTER_COMMAND), len(words))]
    command = COMMANDS
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    try:
        given, rest, _ = command.make_parser(typer.Context(command)).parse_args(words)
    except Exception as error:  # typer's own copy of click has its own classes of errors
        return str(error)
    missing = [one.name for one in command.params if whole and one.required and not given.get(one.name)]
    return f"unknown: {rest}" if rest else f"without {missing}" if missing else ""


@pytest.mark.parametrize("document", [*GUIDES, *RECIPES], ids=lambda path: path.name)
def test_each_command_that_is_shown_exists_with_its_options(document: Path) -> None:
    faults = {line: fault(line, whole) for line, whole in commands(document)}
    assert {line: said for line, said in faults.items() if said} == {}


def test_commands_are_found_and_faults_told() -> None:
    assert sum(len(list(commands(path))) for path in GUIDES) > 80
    assert fault("predict --stage rules --store S", True) == ""
    assert "--stag" in fault("predict --stag rules", False)
    assert "store" in fault("predict --stage rules", True)
    assert "predicct" in fault("predicct --stage rules", False)


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
